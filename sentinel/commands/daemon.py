"""Where the daemon of a configuration is, and asking it; or reading its store where it does not run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from sentinel.commands.output import CommandError
from sentinel.control import SERVICE_PATH, NotRunning, Refused, ask, find_path
from sentinel.problems import Unusable

SocketOption = Annotated[
    Path | None,
    typer.Option(
        "--socket", metavar="PATH", help="The daemon's control socket, where it is not found.", show_default=False
    ),
]


def ask_daemon(act: str, arguments: Mapping[str, Any], config: Path | None, socket: Path | None) -> dict[str, Any]:
    """What the daemon answers. Raises CommandError where it does not run, refuses, or may not be asked."""
    try:
        return _ask(act, arguments, socket or _socket_of(config))
    except NotRunning as error:
        raise CommandError(str(error), _start_hint(config)) from error


def ask_or_read(act: str, arguments: Mapping[str, Any], config: Path | None, socket: Path | None) -> dict[str, Any]:
    """As `ask_daemon`, for acts that change nothing: where no daemon runs, the store is read without it."""
    path = socket or _socket_of(config)
    try:
        return _ask(act, arguments, path)
    except NotRunning as error:
        if socket is not None:
            raise CommandError(str(error), _start_hint(config)) from error
        from sentinel.commands.reading import read_store  # noqa: PLC0415  (the store is not needed while a daemon runs)

        return read_store(act, arguments, config, str(error))


def _ask(act: str, arguments: Mapping[str, Any], path: Path) -> dict[str, Any]:
    try:
        return ask(path, act, arguments)
    except Refused as refused:
        raise CommandError(refused.message, refused.hint) from refused
    except PermissionError as error:
        raise CommandError(f"you may not ask the daemon on {path}", "use sudo, or the user it runs as") from error


def _socket_of(config: Path | None) -> Path:
    """Where the daemon listens. A configuration that somebody is just breaking must not cut off the cases."""
    from sentinel.config import find, load  # noqa: PLC0415  (reading a configuration takes longer than asking the daemon)

    try:
        path = find(config)
        loaded, problems = load(path)
    except Unusable:
        if config is None and SERVICE_PATH.exists():
            return SERVICE_PATH
        raise
    if loaded is None and not SERVICE_PATH.exists():
        raise Unusable(problems)
    return find_path(loaded.control if loaded else None)


def _start_hint(config: Path | None) -> str:
    which = f" -c {config}" if config else ""
    return f"start it with `sentinel run{which}` or `systemctl start sentinel`"

"""`sentinel run`: the daemon, in the foreground."""

from __future__ import annotations

import gc
import os
from enum import StrEnum
from typing import Annotated

import typer

from sentinel import config, logs
from sentinel.app import watch
from sentinel.commands.output import CommandError, ConfigOption
from sentinel.control import SocketTaken
from sentinel.store import StoreError
from sentinel.vault import VaultError

EXAMPLES = ("sentinel run -c sentinel.yaml", "systemctl start sentinel")


class LogFormat(StrEnum):
    """How the daemon writes its own log."""

    TEXT = "text"
    JSON = "json"
    JOURNAL = "journal"


LogFormatOption = Annotated[
    LogFormat | None,
    typer.Option("--log-format", help="How it writes its own log; journal where systemd reads it.", show_default=False),
]


def command(config_file: ConfigOption = None, log_format: LogFormatOption = None) -> None:
    """The daemon, in the foreground. Changed files are taken up by themselves; SIGTERM saves and ends."""
    # Nearly all that is made for a record is let go of without the collector's help.
    gc.set_threshold(20_000, 20, 20)
    logs.configure(logs.style_for(os.environ, log_format.value if log_format else None))
    try:
        watch(config.find(config_file))
    except (StoreError, VaultError) as error:
        raise CommandError(
            str(error), "sentinel needs its state folder for itself, with space and rights to write"
        ) from error
    except SocketTaken as error:
        raise CommandError(str(error), "one daemon a configuration") from error
    except OSError as error:
        raise CommandError(
            f"cannot start: {error.strerror or type(error).__name__}", "see the rights of the state folder"
        ) from error

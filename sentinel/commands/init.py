"""`sentinel init`: a configuration, an inventory and a rules folder for the logs that are found or given."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from sentinel import formats
from sentinel.commands.discover_view import logsource, told
from sentinel.commands.output import CommandError, console, print_table, safe
from sentinel.commands.progress import reading
from sentinel.discovery.proposing import propose
from sentinel.discovery.writing import Told, inline, inventory_yaml
from sentinel.exploring import Explored, explore
from sentinel.scenarios import Log, stem

EXAMPLES = (
    "sentinel init",
    "sentinel init /var/log/nginx /srv/portal/log/access.json",
    "sentinel init --to /etc/sentinel /var/log/nginx/portal.log",
)

MOST_BYTES = 32 * 1024 * 1024
"""Of each log so much is read; `sentinel discover` reads all."""

MOST_LOGS = 100
DEEPEST = 3

PLACES = (
    "/var/log/nginx/*.log", "/var/log/apache2/*.log", "/var/log/httpd/*log", "/var/log/caddy/*.log",
    "/var/log/traefik/*.log", "/var/log/haproxy*.log", "/var/log/postgresql/*.log", "/var/log/postgresql/*.csv",
    "/var/log/postgresql/*.json", "/var/log/mysql/*audit*.log", "/var/lib/mysql/server_audit.log",
    "/var/log/mongodb/*audit*", "/var/log/kubernetes/audit*.log", "/var/log/audit/audit.log", "/var/log/auth.log",
    "/var/log/secure",
)  # fmt: skip
"""Where logs are looked for when none are given."""

_ENDS = (".log", ".json", ".jsonl", ".ndjson", ".csv", ".txt", "_log", "-log")
_FILES = ("sentinel.yaml", "inventory.yaml")

CONFIG = """\
# Written by `sentinel init`. Every key is explained in docs/configuration.md; `sentinel check` says what is wrong.
# Relative paths start at the folder of this file.
rules: [rules/]
inventory: inventory.yaml

sources:
{sources}
# Nobody is told of a case until there is a channel (docs/channels.md). For instance:
# channels:
#   soc:
#     type: webhook
#     url: https://hooks.example.org/soc
#     secret: {{file: soc.secret}}
"""

RULE = """\
# A rule of your own to begin with: told as every rule, with its tests. docs/rules.md has the rest. In shadow mode it is
# counted and shown, and opens no case; strike the line `mode: shadow` when you have seen what it would do.
title: Somebody takes an export of people's data
name: own_export
status: experimental
description: Every export is worth knowing of where few people may take one.
logsource: {category: personal_data_access}
detection:
  export: {access.action: export}
  condition: export
level: low
sentinel:
  mode: shadow
  tests:
    - {name: an export, expect: match, event: {access.system: portal, access.actor: kim, access.action: export}}
    - {name: reading is none, expect: no-match, event: {access.system: portal, access.actor: kim, access.action: read}}
"""

RULES = """\
# Your rules

Rules are Sigma files (`*.yml`), each with its tests in it: docs/rules.md. The rules that Sentinel ships are used too,
unless `shipped_rules: false` stands in sentinel.yaml. `sentinel check` says what is wrong with a rule, `sentinel test`
runs its tests, `sentinel replay LOG` shows what it would have found.
"""

PathsArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[PATH...]", help="Logs, or folders with logs; else the usual places.", show_default=False),
]


def command(
    paths: PathsArgument = None,
    to: Annotated[Path, typer.Option("--to", metavar="FOLDER", help="Where the files are written.")] = Path(),
) -> None:
    """Write sentinel.yaml, inventory.yaml and a rules folder for the logs that are found or given.

    The beginning of each log is read to recognise its format and to propose inventory entries. What exists is never
    written over. Then fill in what only you know, and run `sentinel check`.
    """
    existing = [name for name in _FILES if (to / name).exists()]
    if existing:
        hint = "choose another folder with --to, or move it away; 'sentinel discover' shows what it lacks"
        raise CommandError(f"'{to / existing[0]}' is there already", hint)
    logs = [_log(path) for path in _found(paths)]
    if not logs:
        raise CommandError(
            "no log was found that this user may read", "name the logs: sentinel init /srv/app/log/access.log"
        )
    with reading(logs) as progress:
        explored = [explore(log, most_bytes=MOST_BYTES, progress=progress) for log in logs]
    known = [each for each in explored if each.census.records and each.spec != formats.PLAIN_TEXT]
    if not known:
        raise CommandError(
            "no log is of a known format",
            "write the format down: format: {regex: '…'} or {nginx: '…'}; docs/formats.md has them all",
        )
    findings = [propose(each.census) for each in known]
    logs_told = told(known, findings)
    _write(to, known, logs_told)
    _print(to, explored, known, logs_told)


def _found(paths: Sequence[Path] | None) -> list[Path]:
    given = [Path(found) for place in PLACES for found in sorted(glob.glob(place))] if paths is None else None  # noqa: PTH207  (patterns with a folder in them)
    files = given if given is not None else [file for path in paths or () for file in _files(path)]
    readable = [path for path in files if path.is_file() and os.access(path, os.R_OK) and path.stat().st_size]
    return list(dict.fromkeys(readable))[:MOST_LOGS]


def _files(path: Path) -> Iterator[Path]:
    """The path, or the logs in the folder: what is written now, not what rotation has put aside."""
    if not path.exists():
        raise CommandError(f"there is no '{path}'", "a log, or a folder with logs")
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        depth = len(Path(folder).relative_to(path).parts)
        folders[:] = sorted(folders) if depth < DEEPEST else []
        yield from (
            Path(folder) / name for name in sorted(names) if name.lower().endswith(_ENDS) and stem(name) == name
        )


def _log(path: Path) -> Log:
    return Log(str(path), str(path), (str(path.absolute()),))


def _write(to: Path, known: Sequence[Explored], logs: Sequence[Told]) -> None:
    sources = "\n".join(line for explored, log in zip(known, logs, strict=True) for line in _source(explored, log.name))
    (to / "rules").mkdir(parents=True, exist_ok=True)
    (to / "inventory.yaml").write_text(inventory_yaml(logs), encoding="utf-8")
    (to / "sentinel.yaml").write_text(CONFIG.format(sources=sources + "\n"), encoding="utf-8")
    for name, text in (("README.md", RULES), ("own.yml", RULE)):
        if not (to / "rules" / name).exists():
            (to / "rules" / name).write_text(text, encoding="utf-8")


def _source(explored: Explored, name: str) -> Iterator[str]:
    # A path is a pattern in the configuration.
    paths = [glob.escape(path) for path in explored.log.paths]
    yield f"  # {explored.said or 'as given'}"
    yield f"  - name: {inline(name)}"
    yield "    type: file"
    yield f"    paths: {inline(paths)}"
    yield f"    format: {inline(explored.spec)}"
    if source := logsource(explored):
        yield f"    logsource: {inline(source)}"


def _print(to: Path, explored: Sequence[Explored], known: Sequence[Explored], logs: Sequence[Told]) -> None:
    terminal = console()
    rows = []
    for each, log in zip(known, logs, strict=True):
        found = log.findings
        share = f"{found.actorless / found.accesses:.0%}" if found.accesses else ""
        sure = sum(proposal.sure != "low" for proposal in found.proposals)
        numbers = (f"{each.census.records:,}", str(sure or ""), f"{found.accesses:,}" if found.accesses else "", share)
        rows.append((log.name, _kind(each.spec), *numbers))
    print_table(("source", "format", "records #", "entries #", "accesses #", "no actor #"), rows)
    for each in explored:
        if each not in known:
            why = "it is empty" if not each.census.records else "it is of no known format"
            terminal.print(safe(f"left out: {each.log.paths[0]}: {why}"), style="yellow")
    terminal.print()
    terminal.print(safe(f"Written: {', '.join(str(to / name) for name in (*_FILES, 'rules'))}"), style="bold")
    terminal.print("Now: 1. read inventory.yaml: strike what is nobody's data, fill in the rest")
    terminal.print(f"     2. sentinel check -c {to / 'sentinel.yaml'}")
    terminal.print("     3. sentinel replay LOG    shows what the rules would have found last month")
    terminal.print("     4. sentinel run           starts the watch")


def _kind(spec: formats.Spec) -> str:
    """The format in a few words: `haproxy in syslog`."""
    if isinstance(spec, str):
        return spec
    name, inner = next(iter(spec.items()))
    return f"{_kind(inner)} in {name}" if name in ("syslog", "docker", "cri") and inner is not None else name

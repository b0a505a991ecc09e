"""`sentinel case scope`: whose data a case is about, exactly, from the ledger of accesses."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from sentinel.commands import scope_view
from sentinel.commands.case_moves import CaseArgument, why
from sentinel.commands.case_papers import FileOption, loaded_config, render_paper, write_paper
from sentinel.commands.daemon import SocketOption, ask_daemon
from sentinel.commands.ledger import scope_of
from sentinel.commands.output import CommandError, ConfigOption, console, print_pairs, print_table, safe

if TYPE_CHECKING:
    from pathlib import Path

    from sentinel.scope import Scope

EXAMPLES = (
    "sentinel case scope C-7Q2M --from 2026-03-01 --to 2026-03-05",
    "sentinel case scope C-7Q2M --output html --file scope.html",
    "sentinel case scope C-7Q2M --adopt -r 'counted from the ledger'",
)


class ScopeOutput(StrEnum):
    """How the answer is written."""

    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


class ScopeTable(StrEnum):
    """What CSV has the rows of."""

    PEOPLE = "people"
    OTHERS = "others"


def scope(  # noqa: PLR0913  (each an option of its own)
    case: CaseArgument,
    since: Annotated[
        str | None,
        typer.Option("--from", help="A day, or a moment with its offset; else when it occurred.", show_default=False),
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="The day or moment after the last; else the same.", show_default=False)
    ] = None,
    output: Annotated[
        ScopeOutput, typer.Option("--output", "-o", help="How it is written; html has a chart.")
    ] = ScopeOutput.TEXT,
    table: Annotated[
        ScopeTable, typer.Option(help="What CSV has the rows of: people, or other actors.")
    ] = ScopeTable.PEOPLE,
    file: FileOption = None,
    adopt: Annotated[bool, typer.Option("--adopt", help="Make these numbers those of the case's documents.")] = False,
    reason: Annotated[str | None, typer.Option("--reason", "-r", help="With --adopt: why.", show_default=False)] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
) -> None:
    """Whose data exactly: whom the case's actors touched, what was outside their habit, and who else touched them.

    From the ledger of every access, while the daemon runs or not. Nobody is named. Outside habit: not touched by the
    same actors in the 90 days before.
    """
    loaded = loaded_config(config)
    found = scope_of(case, loaded, config, socket, since, until)
    match output:
        case ScopeOutput.JSON:
            write_paper(json.dumps(found, indent=2) + "\n", file)
        case ScopeOutput.CSV:
            write_paper(scope_view.as_csv(found, table.value), file)
        case ScopeOutput.HTML:
            values = {"scope": found, "warnings": scope_view.warnings(found), "title": f"Scope of case {found['case']}"}
            write_paper(render_paper("scope.html", loaded, values), file)
        case _ if file is not None:
            raise CommandError("a table is for the terminal", "--output csv, json or html with --file")
        case _:
            _print(found)
    if adopt:
        _adopt(found, why(reason), config, socket)


def _print(found: Scope) -> None:
    terminal = console()
    terminal.print(found["case"], style="bold")
    print_pairs(scope_view.summary(found))
    for heading, columns, rows in scope_view.tables(found):
        terminal.print(f"\n{heading}", style="bold")
        print_table(columns, rows)


def _adopt(found: Scope, reason: str, config: Path | None, socket: Path | None) -> None:
    """The numbers, as what a person says of the case."""
    period = f"from {found['from']} to {found['to']}, by the ledger of accesses"
    records = f"{found['accesses']:,} accesses" + (f" to {found['records']:,} records" if found["records"] else "")
    told = {"people_count": f"{found['people_count']:,} {period}", "records_count": f"{records} {period}"}
    for field, text in told.items():
        asked = {"case": found["case"], "move": "describe", "field": field, "text": text, "reason": reason}
        ask_daemon("case.move", asked, config, socket)
    console(error=True).print(safe(f"the documents of case {found['case']} have these numbers now"))

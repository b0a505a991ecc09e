"""`sentinel case …`: the life of a case.

Rules of this file: everything goes through the daemon's control socket, and only `list` and `show` read the store
themselves where no daemon answers. Every change has a reason.
"""

from __future__ import annotations

from typing import Annotated, cast

import typer

from sentinel.acts import CaseDetail, CaseRow
from sentinel.clock import SystemClock
from sentinel.commands import case_view
from sentinel.commands.case_evidence import approve, collect, destroy, reveal
from sentinel.commands.case_moves import MOVES, CaseArgument, ReasonOption, command_of, print_done, why
from sentinel.commands.case_papers import draft_case, export, register
from sentinel.commands.case_scope import EXAMPLES as SCOPES
from sentinel.commands.case_scope import scope
from sentinel.commands.daemon import SocketOption, ask_daemon, ask_or_read
from sentinel.commands.output import (
    ConfigOption,
    Output,
    OutputOption,
    console,
    examples,
    family,
    print_json,
    print_pairs,
    print_table,
    safe,
)

app = family(
    "The life of a case: every change has a reason, goes through the daemon and is audited with who.",
    "sentinel case list",
    "sentinel case confirm C-7Q2M --reason 'seen with the ward: not her patients'",
)

_TO_FILE = "sentinel case draft C-7Q2M --format html --file notification.html"

StateOption = Annotated[list[str] | None, typer.Option("--state", help="Only cases in this state (may be repeated).")]


@app.command("list", epilog=examples("sentinel case list --state open", "sentinel case list --output json"))
def list_cases(
    state: StateOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Every case with its countdown, the most urgent first; `~` marks a countdown that is provisional."""
    cases: list[CaseRow] = ask_or_read("case.list", {}, config, socket)["cases"]
    cases = [case for case in cases if not state or case["state"] in state]
    if output is Output.JSON:
        print_json(cases)
    elif cases:
        now = SystemClock().now()
        if console().width < case_view.NARROW:
            print_table(case_view.NARROW_HEADINGS, [case_view.narrow_row(case, now) for case in cases])
        else:
            print_table(case_view.HEADINGS, [case_view.list_row(case, now) for case in cases])
    else:
        console(error=True).print("no case" + (f" that is {' or '.join(state)}" if state else ""))


@app.command(epilog=examples("sentinel case show C-7Q2M", "sentinel case show C-7Q2M --output json"))
def show(
    case: CaseArgument,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """One case whole: clocks, findings, where the evidence stands, timeline, and what to do now. Nobody is named."""
    detail = cast("CaseDetail", ask_or_read("case.show", {"case": case}, config, socket))
    if output is Output.JSON:
        print_json(detail)
        return
    terminal, now = console(), SystemClock().now()
    terminal.print(detail["case"]["id"], style="bold")
    print_pairs(case_view.summary(detail["case"], now))
    for heading, columns, rows in case_view.sections(detail):
        terminal.print(f"\n{heading}", style="bold")
        print_table(columns, rows)
    terminal.print("\nnext", style="bold")
    terminal.print(f"  {safe(detail['next_action'])}")


for _move in MOVES:
    app.command(_move.name, help=_move.says, epilog=examples(*_move.examples))(command_of(_move))


@app.command(
    "open", epilog=examples("sentinel case open --kind sar --received 2026-09-03 --reference DS-118 -r 'by mail'")
)
def open_case(  # noqa: PLR0913  (each an option of its own)
    kind: Annotated[str, typer.Option(help="breach, sar (a person asks for their data) or complaint.")] = "breach",
    received: Annotated[
        str | None, typer.Option(help="The day on which a request came in, as 2026-09-03.", show_default=False)
    ] = None,
    occurred_at: Annotated[
        str | None, typer.Option(help="When a breach happened, RFC 3339 with an offset.", show_default=False)
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="A number of your own; nobody's name.", show_default=False)
    ] = None,
    level: Annotated[str | None, typer.Option(help="Of a breach; else medium.", show_default=False)] = None,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """A case that no rule found: a breach you were told of, a request of a data subject, a complaint."""
    arguments = {
        "kind": kind,
        "received": received,
        "occurred_at": occurred_at,
        "reference": reference,
        "level": level,
        "reason": why(reason),
    }
    print_done(ask_daemon("case.open", arguments, config, socket), output)


app.command("draft", epilog=examples("sentinel case draft C-7Q2M --document ico", _TO_FILE))(draft_case)
app.command("scope", epilog=examples(*SCOPES))(scope)
app.command("register", epilog=examples("sentinel case register --format html --file register.html"))(register)
app.command("export", epilog=examples("sentinel case export C-7Q2M --file C-7Q2M.zip -r 'for counsel'"))(export)


app.command("collect", epilog=examples("sentinel case collect C-7Q2M -r 'rotation is tonight'"))(collect)

app.command("reveal", epilog=examples("sentinel case reveal C-7Q2M --records 50 -r 'to ask her'"))(reveal)
app.command("approve", epilog=examples("sentinel case approve R-7Q2M9XKD -r 'spoke to Ada'"))(approve)
app.command("destroy", epilog=examples("sentinel case destroy C-7Q2M -r 'limitation period is over'"))(destroy)


@app.command(epilog=examples("sentinel case watch"))
def watch(config: ConfigOption = None, socket: SocketOption = None) -> None:
    """The countdowns, live, until Ctrl-C; without a terminal one line for each change."""
    from sentinel.commands.case_watch import watch_cases  # noqa: PLC0415  (needs rich's live display, others do not)

    watch_cases(lambda: cast("list[CaseRow]", ask_daemon("case.list", {}, config, socket)["cases"]))

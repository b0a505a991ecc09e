"""`sentinel case …`: the life of a case.

Rules of this file: everything goes through the daemon's control socket, and only `list` and `show` read the store
themselves where no daemon answers. Every change has a reason.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from sentinel.acts import CaseDetail, CaseRow, MoveArguments
from sentinel.clock import SystemClock
from sentinel.commands import case_view
from sentinel.commands.daemon import SocketOption, ask_daemon, ask_or_read
from sentinel.commands.output import (
    ConfigOption,
    Output,
    OutputOption,
    console,
    examples,
    print_json,
    print_table,
    safe,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The life of a case: every change has a reason, goes through the daemon and is audited with who.",
    epilog=examples(
        "sentinel case list", "sentinel case confirm C-7Q2M --reason 'seen with the ward: not her patients'"
    ),
)

CaseArgument = Annotated[str, typer.Argument(metavar="CASE", help="The id, or a beginning of it that one case has.")]

ReasonOption = Annotated[
    str | None,
    typer.Option("--reason", "-r", help="Why; kept in the audit trail. Asked for on a terminal.", show_default=False),
]

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
    for name, text in case_view.summary(detail["case"], now):
        terminal.print(f"  {name:<22}{safe(text)}")
    for heading, columns, rows in case_view.sections(detail):
        terminal.print(f"\n{heading}", style="bold")
        print_table(columns, rows)
    terminal.print("\nnext", style="bold")
    terminal.print(f"  {safe(detail['next_action'])}")


@app.command(epilog=examples("sentinel case confirm C-7Q2M --reason '…' --aware-at 2026-03-04T08:15:00+01:00"))
def confirm(
    case: CaseArgument,
    reason: ReasonOption = None,
    aware_at: Annotated[
        str | None,
        typer.Option(help="Since when you were aware, RFC 3339 with an offset; else now.", show_default=False),
    ] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """It is a breach: the deadline counts from when you became aware, and is final."""
    _move({"case": case, "move": "confirm", "reason": _why(reason), "aware_at": aware_at}, config, socket, output)


@app.command(epilog=examples("sentinel case dismiss C-7Q2M --reason 'covering for a colleague' --code legitimate"))
def dismiss(
    case: CaseArgument,
    reason: ReasonOption = None,
    code: Annotated[
        str | None, typer.Option(help="Which kind of no breach, for statistics.", show_default=False)
    ] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """It is no breach; the case stays in the register with the reason."""
    _move({"case": case, "move": "dismiss", "reason": _why(reason), "code": code}, config, socket, output)


@app.command(epilog=examples("sentinel case notify C-7Q2M --reason 'reported under reference 2026/0412'"))
def notify(
    case: CaseArgument,
    reason: ReasonOption = None,
    at: Annotated[
        str | None,
        typer.Option(help="When the authority was told, RFC 3339 with an offset; else now.", show_default=False),
    ] = None,
    delay_reason: Annotated[
        str | None, typer.Option(help="Why later than the deadline (Art. 33(1) GDPR).", show_default=False)
    ] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The supervisory authority has been told: its clock is met."""
    why = _why(reason)
    _move(
        {"case": case, "move": "notify", "reason": why, "notified_at": at, "delay_reason": delay_reason},
        config,
        socket,
        output,
    )


@app.command(epilog=examples("sentinel case acknowledge C-7Q2M --reason 'looking at it' --owner ada"))
def acknowledge(
    case: CaseArgument,
    reason: ReasonOption = None,
    owner: Annotated[str | None, typer.Option(help="Who looks after it; else you.", show_default=False)] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Somebody has seen the case and looks after it; no clock stops."""
    _move({"case": case, "move": "acknowledge", "reason": _why(reason), "owner": owner}, config, socket, output)


def _plain_move(name: str, says: str) -> None:
    def command(
        case: CaseArgument,
        reason: ReasonOption = None,
        config: ConfigOption = None,
        socket: SocketOption = None,
        output: OutputOption = Output.TEXT,
    ) -> None:
        _move({"case": case, "move": name, "reason": _why(reason)}, config, socket, output)

    app.command(name, help=says, epilog=examples(f"sentinel case {name} C-7Q2M --reason '…'"))(command)


_plain_move("close", "The case is done. From confirmed, the reason says why no notice was owed (Art. 33(5) GDPR).")
_plain_move("reopen", "The decision is taken back; no clock is reset.")
_plain_move("note", "The reason is written to the audit trail; the case stays as it is.")


@app.command(epilog=examples("sentinel case watch"))
def watch(config: ConfigOption = None, socket: SocketOption = None) -> None:
    """The countdowns, live, until Ctrl-C; without a terminal one line for each change."""
    from sentinel.commands.case_watch import watch_cases  # noqa: PLC0415  (needs rich's live display, others do not)

    watch_cases(lambda: cast("list[CaseRow]", ask_daemon("case.list", {}, config, socket)["cases"]))


def _move(arguments: MoveArguments, config: Path | None, socket: Path | None, output: Output) -> None:
    answer = ask_daemon("case.move", cast("dict[str, Any]", arguments), config, socket)
    if output is Output.JSON:
        print_json(answer)
        return
    case: CaseRow = answer["case"]
    clock = case_view.first_clock(case)
    rest = f"; {case_view.countdown(clock, SystemClock().now())} until {clock['deadline_at']}" if clock else ""
    console().print(safe(answer["did"] + rest))


def _why(given: str | None, ask: Callable[[str], str] = typer.prompt) -> str:
    """The reason, asked for where a person sits at a terminal; wrong usage where nobody does."""
    if given is not None:
        return given
    if sys.stdin.isatty() and sys.stderr.isatty():
        return ask("reason")
    raise typer.BadParameter("every change needs a reason", param_hint="'--reason'")

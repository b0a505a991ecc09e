"""The evidence of cases as commands: collecting what surrounds one, showing it, destroying it.

Rule of this file: every command asks for a reason and goes through the daemon, which writes both down first.
"""

from __future__ import annotations

from typing import Annotated, cast

import typer

from sentinel.acts import CollectAnswer, RevealAnswer
from sentinel.commands.case_moves import CaseArgument, ReasonOption, print_done, why
from sentinel.commands.daemon import SocketOption, ask_daemon
from sentinel.commands.output import (
    ConfigOption,
    Output,
    OutputOption,
    console,
    print_json,
    print_pairs,
    print_table,
    safe,
)


def collect(
    case: CaseArgument,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The records around a case are looked for again, in every source, from the beginning; `show` tells what was found.

    What surrounds a new case is collected by itself; see `cases.collect` in the configuration.
    """
    asked = {"case": case, "reason": why(reason)}
    answer = cast("CollectAnswer", ask_daemon("case.collect", asked, config, socket))
    if output is Output.JSON:
        print_json(answer)
        return
    found = answer["collection"]
    span = f" from {found['since']} to {found['until']}" if found else ""
    console().print(safe(f"records around case {answer['case']}{span} are being collected"))


def reveal(  # noqa: PLR0913  (each an option of its own)
    case: CaseArgument,
    records: Annotated[int, typer.Option("--records", min=0, help="So many log records, at most.")] = 20,
    skip: Annotated[int, typer.Option("--skip", min=0, help="Not the first so many.")] = 0,
    around: Annotated[
        bool, typer.Option("--around", help="Also the records that were collected around the case.")
    ] = False,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Who a case is about and what its records say. The look is in the audit trail before anything is shown.

    With `cases.reveal: two_people` somebody else has to approve it first.
    """
    asked = {"case": case, "reason": why(reason), "records": records, "skip": skip, "around": around}
    answer = cast("RevealAnswer", ask_daemon("case.reveal", asked, config, socket))
    if output is Output.JSON:
        print_json(answer)
    elif answer["waits"] is not None:
        console().print(safe(f"a second person has to approve this: sentinel case approve {answer['waits']} -r '…'"))
    else:
        _print_revealed(answer)


def _print_revealed(answer: RevealAnswer) -> None:
    terminal = console()
    terminal.print(safe(f"{answer['case']}: this look is in the audit trail"), style="bold")
    print_pairs(answer["names"].items())
    print_table(
        ("finding", "rule", "who"),
        [
            (row["finding"][:14], row["rule"], ", ".join(dict.fromkeys([*row["actors"], *row["group"].values()])))
            for row in answer["findings"]
        ],
    )
    for row in answer["records"]:
        kinds = f" ({row['kinds']})" if row["kinds"] else ""
        terminal.print(safe(f"{row['source']} {row['path']}:{row['offset']}{kinds}"), style="dim")
        terminal.print(safe(row["text"] if row["text"] is not None else "gone, or destroyed"), soft_wrap=True)
    if len(answer["records"]) < answer["records_total"]:
        terminal.print(f"{len(answer['records'])} of {answer['records_total']} records; more with --records and --skip")


def approve(
    reveal: Annotated[str, typer.Argument(help="The id that `reveal` said, such as R-7Q2M9XKD.")],
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Somebody else may be shown a case, for an hour. Whoever asked cannot approve it."""
    answer = ask_daemon("case.approve", {"reveal": reveal, "reason": why(reason)}, config, socket)
    if output is Output.JSON:
        print_json(answer)
    else:
        console().print(safe(f"{answer['who']} may be shown case {answer['case']} until {answer['until']}"))


def destroy(
    case: CaseArgument,
    everything: Annotated[
        bool, typer.Option("--everything", help="The reasons in the audit trail too, not only records and names.")
    ] = False,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The keys of a closed or dismissed case are destroyed: its records and names are gone, in every backup too.

    Not while it is held. The case stays in the register, and so does why it was decided as it was.
    """
    asked = {"case": case, "reason": why(reason), "everything": everything}
    print_done(ask_daemon("case.destroy", asked, config, socket), output)

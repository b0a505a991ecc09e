"""`sentinel subject …`: what is held about one person, erasing it, and what the works council is shown."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from sentinel.acts import CouncilAnswer, SubjectAnswer
from sentinel.commands.case_moves import ReasonOption, why
from sentinel.commands.daemon import SocketOption, ask_daemon
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
)

app = family(
    "What is held about one person, staff or customer; erasing it; and what the works council is shown.",
    "sentinel subject export kim -r 'request DS-118'",
    "sentinel subject council",
)

NameArgument = Annotated[str, typer.Argument(help="As the logs write the person: an account, or the id of a customer.")]


@app.command(epilog=examples("sentinel subject export 4711 -r 'request DS-118' --output json"))
def export(
    name: NameArgument,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """In which cases a person is, as what, and by which pseudonym they are known (Art. 15 GDPR). Audited."""
    _print(
        cast("SubjectAnswer", ask_daemon("subject.export", {"name": name, "reason": why(reason)}, config, socket)),
        output,
    )


@app.command(epilog=examples("sentinel subject erase 4711 -r 'request DS-119'"))
def erase(
    name: NameArgument,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Records and names of decided cases with the person in them, and their accesses in the ledger, are destroyed.

    What is under a legal hold, and what is still being decided, stays, and is said with the reason (Art. 17(3) GDPR).
    """
    _print(
        cast("SubjectAnswer", ask_daemon("subject.erase", {"name": name, "reason": why(reason)}, config, socket)),
        output,
    )


def _print(answer: SubjectAnswer, output: Output) -> None:
    if output is Output.JSON:
        print_json(answer)
        return
    print_pairs([*answer["pseudonyms"].items(), ("acts in the audit trail", str(answer["acts"]))])
    fate = {row["case"]: row["kept_because"] for row in answer["cases"]} | dict.fromkeys(answer["erased"], "erased")
    rows = [(row["case"], row["state"], ", ".join(row["found_as"]), fate[row["case"]]) for row in answer["cases"]]
    if rows:
        print_table(("case", "state", "found as", "erased, or kept because"), rows)
    said = "; their accesses are erased from the ledger" if answer["is_ledger_erased"] else ""
    console().print(f"{len(rows)} cases{said}")


@app.command(epilog=examples("sentinel subject council --output json"))
def council(config: ConfigOption = None, socket: SocketOption = None, output: OutputOption = Output.TEXT) -> None:
    """For the works council: which rules are at work, for which purposes, and when somebody was shown a name."""
    answer = cast("CouncilAnswer", ask_daemon("subject.council", {}, config, socket))
    if output is Output.JSON:
        print_json(answer)
        return
    rules = [(row["rule"], row["level"], row["mode"], row["title"]) for row in answer["rules"]]
    tables: list[tuple[tuple[str, ...], list[tuple[Any, ...]]]] = [
        (("rule", "level", "mode", "looks for"), rules),
        (("system", "purpose"), [*answer["purposes"].items()]),
        (("when (UTC)", "case", "look at names"), [(r["at"], r["case"], r["act"]) for r in answer["reveals"]]),
    ]
    for headings, rows in tables:
        if rows:
            print_table(headings, rows)

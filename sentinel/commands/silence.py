"""`sentinel silence …`: for a time, hear nothing of cases that are known to be noise.

Rule of this file: a silence has an end, an author and a reason; cases open and clocks run as ever.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sentinel.acts import SilenceRow
from sentinel.commands.daemon import SocketOption, ask_daemon
from sentinel.commands.output import (
    ConfigOption,
    Output,
    OutputOption,
    console,
    examples,
    family,
    print_json,
    print_table,
)

app = family(
    "For a time, hear nothing of certain cases: they open and their clocks run, and deadlines are told as ever.",
    "sentinel silence add --rule bulk_access --for 4h --reason 'migration of the archive, ticket 4711'",
    "sentinel silence list",
)


def _condition(help_text: str) -> Any:
    return typer.Option(help=help_text, show_default=False)


@app.command(epilog=examples("sentinel silence add --system portal --level low --for 30m --reason 'load test'"))
def add(  # noqa: PLR0913  (one argument an option)
    duration: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long, such as 4h; at most 7d.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the audit trail.")],
    rule: Annotated[list[str] | None, _condition("Cases of this rule (may be repeated).")] = None,
    system: Annotated[list[str] | None, _condition("Cases in this system of the inventory.")] = None,
    category: Annotated[list[str] | None, _condition("Cases about this category of data.")] = None,
    level: Annotated[list[str] | None, _condition("Cases of this level.")] = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """News of the cases that all these conditions hold for is held back until then."""
    when = {"rule": rule, "system": system, "category": category, "level": level}
    given = {name: words for name, words in when.items() if words}
    if not given:
        raise typer.BadParameter("say of which cases: --rule, --system, --category or --level")
    answer = ask_daemon("silence.add", {"for": duration, "reason": reason, "when": given}, config, socket)
    if output is Output.JSON:
        print_json(answer)
        return
    row: SilenceRow = answer["silence"]
    console().print(f"silence {row['id']} until {row['until']}")


@app.command("list", epilog=examples("sentinel silence list --output json"))
def list_silences(config: ConfigOption = None, socket: SocketOption = None, output: OutputOption = Output.TEXT) -> None:
    """Every silence that has not ended."""
    found: list[SilenceRow] = ask_daemon("silence.list", {}, config, socket)["silences"]
    if output is Output.JSON:
        print_json(found)
    elif found:
        rows = [(row["id"], row["until"], _words(row["when"]), row["who"], row["reason"]) for row in found]
        print_table(("silence", "until", "cases of", "by", "why"), rows)
    else:
        console(error=True).print("nothing is silent")


@app.command(epilog=examples("sentinel silence end S-7Q2M9XKD"))
def end(
    silence: Annotated[str, typer.Argument(metavar="SILENCE", help="The id, as `silence list` shows it.")],
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """It is over before its time."""
    answer = ask_daemon("silence.end", {"silence": silence}, config, socket)
    if output is Output.JSON:
        print_json(answer)
        return
    console().print(f"silence {silence} has ended")


def _words(when: dict[str, list[str]]) -> str:
    return "; ".join(f"{name} {' or '.join(words)}" for name, words in when.items())

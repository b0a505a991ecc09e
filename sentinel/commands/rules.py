"""`sentinel rules …`: what each rule of the running daemon does, and a rule taken from shadow to enforce."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from sentinel import config as configuration
from sentinel import files, inspection
from sentinel.activity import ExceptionRow, RuleRow, RulesAnswer
from sentinel.commands import editing
from sentinel.commands.daemon import SocketOption, ask_daemon
from sentinel.commands.output import (
    CommandError,
    ConfigOption,
    Output,
    OutputOption,
    console,
    examples,
    family,
    print_json,
    print_table,
    safe,
)
from sentinel.control import NotRunning
from sentinel.detect.rules import About
from sentinel.model import Mode
from sentinel.problems import Unusable, did_you_mean

app = family(
    "What each rule of the running daemon does, and a rule taken from shadow to enforce.",
    "sentinel rules status",
    "sentinel rules promote bulk_access_over_a_day",
)

AllOption = Annotated[bool, typer.Option("--all", help="Every rule, and what to look into of shipped ones.")]


@app.command(epilog=examples("sentinel rules status", "sentinel rules status --all --output json"))
def status(
    every: AllOption = False,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """Each rule: when it last matched, matches, findings and cases today, what was held back, fields never seen.

    Days are in UTC; counts are since the daemon began. Exit code 1 where the newest rules or configuration were refused
    and the old ones are still at work.
    """
    answer = ask_daemon("rules.status", {}, config, socket)
    found: RulesAnswer = {
        "since": answer["since"],
        "refused": answer["refused"],
        "rules": answer["rules"],
        "exceptions": answer["exceptions"],
        "soon": answer["soon"],
    }
    if output is Output.JSON:
        print_json(found)
    else:
        _show(found, every=every)
    if found["refused"]:
        raise typer.Exit(1)


@app.command(epilog=examples("sentinel rules status", "sentinel rules promote bulk_access_over_a_day"))
def promote(
    rule: Annotated[str, typer.Argument(metavar="RULE", help="Name or id of a rule in shadow.")],
    no_reload: Annotated[bool, typer.Option("--no-reload", help="Do not tell the daemon.")] = False,
    config: ConfigOption = None,
    socket: SocketOption = None,
) -> None:
    """From shadow to enforce, in the rule's file: from now on its findings open cases. No other byte is changed.

    Nothing is changed while any rule or the configuration has an error. Shipped rules are not changed.
    """
    loaded, book, problems = inspection.inspect(configuration.find(config))
    if loaded is None or book is None or any(problem.is_error for problem in problems):
        raise Unusable(problems)
    about = _about(rule, book.rules.abouts)
    if about.mode is not Mode.SHADOW:
        raise CommandError(f"'{about.key}' is not in shadow")
    is_of_runtime = about.additions.runtime.mode is not None
    path = ("sentinel", "runtime", "mode") if is_of_runtime else ("sentinel", "mode")
    editing.change(about, path, Mode.ENFORCE.value)
    terminal = console()
    terminal.print(safe(f"{about.file}: {about.key} is to enforce"), style="green")
    if no_reload:
        terminal.print("the daemon has not been told; it takes up files that changed within seconds", style="dim")
        return
    try:
        answer = ask_daemon("reload", {}, config, socket)
    except CommandError as error:
        if not isinstance(error.__cause__, NotRunning):
            raise
        terminal.print("no daemon runs; it will be at work when one starts", style="dim")
        return
    if not answer["reloaded"]:
        raise CommandError("the daemon refused the new rules", "\n".join(answer["problems"]))
    terminal.print("the daemon has it at work", style="green")


def _about(name: str, abouts: Sequence[About]) -> About:
    for about in abouts:
        if name in (about.key, about.id):
            return about
    raise CommandError(f"there is no rule '{name}'", did_you_mean(name, {about.key for about in abouts}))


# --- what is shown -----------------------------------------------------------------------------------------


def _show(found: RulesAnswer, *, every: bool) -> None:
    terminal = console()
    rows = found["rules"]
    shown = [row for row in rows if every or _has_news(row)]
    terminal.print(
        f"{len(rows)} rules at work since {found['since']}; matches, findings and cases of today", style="bold"
    )
    if found["refused"]:
        terminal.print("The newest files are not at work:", style="red")
        for problem in found["refused"]:
            for line in problem.splitlines():
                terminal.print(safe(f"  {line}"), style="red")
    if shown:
        terminal.print()
        print_table(
            ("rule", "last", "matches#", "findings#", "cases#", "held#"),
            [_cells(row) for row in sorted(shown, key=_order)],
        )
    if len(shown) < len(rows):
        quiet = len(rows) - len(shown)
        terminal.print(f"{quiet} more have done nothing or only feed others: --all", style="dim")
    ours = str(files.shipped("rules"))  # these are for logs of many kinds, and nobody has all of their fields
    notes = [note for row in rows if every or not row["file"].startswith(ours) for note in _notes(row)]
    if found["exceptions"]:
        terminal.print()
        print_table(("exception", "of", "ends", "left out#", "approved by"), map(_exception, found["exceptions"]))
    notes += found["soon"]
    if notes:
        terminal.print()
        for note in notes:
            terminal.print(safe(note), style="yellow")


def _exception(row: ExceptionRow) -> tuple[str, ...]:
    approved = " ".join(each for each in (row["approved_by"], row["ticket"]) if each)
    ends = "never" if row["ends"] is None else "is over" if row["is_over"] else row["ends"][:16].replace("T", " ")
    return row["exception"], ", ".join(row["rules"]) or "any", ends, f"{row['left_out']:,}", approved or "nobody"


def _has_news(row: RuleRow) -> bool:
    return bool(row["findings"] or row["cases_today"] or (row["fires"] and row["matches"]) or row["mode"] == "shadow")


def _order(row: RuleRow) -> tuple[int, int, int, str]:
    return -row["cases_today"], -row["findings_today"], -(row["matches_today"] or 0), row["rule"]


def _cells(row: RuleRow) -> tuple[str, ...]:
    last = max(row["last_finding_at"] or "", row["last_match_at"] or "")
    return (
        row["rule"] + (" (shadow)" if row["mode"] == "shadow" else ""),
        last[:16].replace("T", " ") or "never",
        "" if row["matches_today"] is None else f"{row['matches_today']:,}",
        f"{row['findings_today']:,}",
        f"{row['cases_today']:,}",
        f"{row['suppressed']:,}",
    )


def _notes(row: RuleRow) -> Iterator[str]:
    """What about a rule should be looked into."""
    for each in row["never_seen"]:
        yield f"{row['rule']}: no record of {each['source']} has had '{each['field']}'"
    if row["candidates"] is not None and row["candidates"] > COSTLY:
        yield f"{row['rule']}: {row['candidates']:.0%} of the records of a source are parsed for it"


COSTLY = 0.05
"""The share of records, as `sentinel check` has it, above which a rule is told of."""

"""`sentinel test`: the tests inside the rules, and scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sentinel import config, files, formats, rehearsal, rulebook
from sentinel.commands.output import (
    CommandError,
    ConfigOption,
    Output,
    OutputOption,
    console,
    print_json,
    print_problems,
    safe,
)
from sentinel.detect import ruletests
from sentinel.detect.ruletests import Outcome
from sentinel.formats.base import FormatOptions
from sentinel.problems import Unusable, did_you_mean
from sentinel.rulebook import Rulebook

EXAMPLES = (
    "sentinel test",
    "sentinel test rules/bulk/bulk_access.yml scenarios/night-shift",
    "sentinel test bulk_access -c sentinel.yaml",
)

Rules = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RULE...]", help="Names or ids of rules, or files and folders; else all.", show_default=False
    ),
]


def command(rules: Rules = None, config_file: ConfigOption = None, output: OutputOption = Output.TEXT) -> None:
    """The tests that stand in the rules themselves, and scenarios: a log and what must come of it, in a scenario.yml.

    Each goes through the real engine, scenarios through the whole pipeline on a set clock. Without arguments, the rules
    of the configuration and the scenarios in the folder 'scenarios' beside it. Exit code 1 if one fails.
    """
    book, names, scenarios, has_errors = _book(rules or [], config_file)
    log = formats.make("json", FormatOptions())
    abouts = book.rules.abouts
    known = {name for about in abouts for name in (about.key, about.id) if name}
    for name in names:
        if name not in known:
            raise CommandError(f"there is no rule '{name}'", did_you_mean(name, known))
    chosen = [about for about in abouts if not names or about.key in names or about.id in names]
    outcomes = [outcome for about in chosen for outcome in ruletests.run(about, book.rules, log)]
    rehearsed = [rehearsal.run(path) for path in scenarios]
    outcomes += [Outcome("scenario", each.name, each.why) for each in rehearsed]
    if output is Output.JSON:
        print_json([_row(outcome) for outcome in outcomes])
    else:
        _print(outcomes, sum(not about.additions.tests for about in chosen))
    if has_errors or not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(1)


def _book(given: list[str], config_file: Path | None) -> tuple[Rulebook, set[str], list[Path], bool]:
    """The rules, the names asked for among them, the scenarios, and whether a rule had to be left out."""
    paths = [Path(each) for each in given if Path(each).exists()]
    names = {each for each in given if not Path(each).exists()}
    scenarios = rehearsal.find(paths)
    if paths:
        rule_files = [each for each in files.rule_files(paths) if each.name != rehearsal.FILE]
    else:
        loaded, problems = config.load(config.find(config_file))
        if loaded is None:
            raise Unusable(problems)
        rule_files = loaded.rule_files()
        beside = loaded.folder / "scenarios"
        scenarios = rehearsal.find([beside]) if beside.is_dir() and not names else []
    book, problems = rulebook.read(rule_files, None)
    print_problems(problems)
    return book, names, scenarios, any(problem.is_error for problem in problems)


def _row(outcome: Outcome) -> dict[str, Any]:
    return {"rule": outcome.rule, "test": outcome.name, "passed": outcome.passed, "why": outcome.why}


def _print(outcomes: list[Outcome], untested: int) -> None:
    terminal = console()
    for outcome in outcomes:
        mark, style = ("ok", "green") if outcome.passed else ("FAILED", "red")
        terminal.print(f"{mark:<7}", style=style, end="")
        terminal.print(safe(f"{outcome.rule}: {outcome.name}{'' if outcome.passed else ': ' + outcome.why}"))
    failed = sum(not outcome.passed for outcome in outcomes)
    rest = f", {untested} rules have none" if untested else ""
    terminal.print(f"{len(outcomes) - failed} passed, {failed} failed{rest}", style="red" if failed else "bold")

"""`sentinel test`: the tests inside the rules."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from sentinel import config, files, formats, rulebook
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

EXAMPLES = ("sentinel test", "sentinel test rules/access/bulk_access.yml", "sentinel test bulk_access -c sentinel.yaml")

Rules = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RULE...]", help="Names or ids of rules, or files and folders; else all.", show_default=False
    ),
]


def command(rules: Rules = None, config_file: ConfigOption = None, output: OutputOption = Output.TEXT) -> None:
    """The tests that stand in the rules themselves, each sent through the real engine. Exit code 1 if one fails."""
    book, names, has_errors = _book(rules or [], config_file)
    log = formats.make("json", FormatOptions())
    abouts = [rule.about for rule in book.rules.detections] + [rule.about for rule in book.rules.correlations]
    known = {name for about in abouts for name in (about.key, about.id) if name}
    for name in names:
        if name not in known:
            raise CommandError(f"there is no rule '{name}'", did_you_mean(name, known))
    chosen = [about for about in abouts if not names or about.key in names or about.id in names]
    outcomes = [outcome for about in chosen for outcome in ruletests.run(about, book.rules, log)]
    if output is Output.JSON:
        print_json([_row(outcome) for outcome in outcomes])
    else:
        _print(outcomes, sum(not about.additions.tests for about in chosen))
    if has_errors or not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(1)


def _book(given: list[str], config_file: Path | None) -> tuple[Rulebook, set[str], bool]:
    """The rules, the names asked for among them, and whether a rule had to be left out."""
    paths = [Path(each) for each in given if Path(each).exists()]
    names = {each for each in given if not Path(each).exists()}
    if paths:
        rule_files = list(files.rule_files(paths))
    else:
        loaded, problems = config.load(config.find(config_file))
        if loaded is None:
            raise Unusable(problems)
        rule_files = loaded.rule_files()
    book, problems = rulebook.read(rule_files, None)
    print_problems(problems)
    return book, names, any(problem.is_error for problem in problems)


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

"""`sentinel test`: the tests inside the rules, and scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypedDict

import typer

from sentinel import config, files, formats, rehearsal, rulebook
from sentinel.commands import junit
from sentinel.commands.explain_view import told
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
from sentinel.detect.rules import About, RuleSet
from sentinel.detect.ruletests import Outcome
from sentinel.formats.base import Format, FormatOptions
from sentinel.problems import Unusable, did_you_mean
from sentinel.rulebook import Rulebook

EXAMPLES = (
    "sentinel test",
    "sentinel test rules/bulk/bulk_access.yml scenarios/night-shift",
    "sentinel test bulk_access -c sentinel.yaml",
    "sentinel test --coverage --junit tests.xml rules/",
)

Rules = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[RULE...]", help="Names or ids of rules, or files and folders; else all.", show_default=False
    ),
]


JunitOption = Annotated[
    Path | None, typer.Option("--junit", metavar="FILE", help="Write the outcomes as JUnit XML.", show_default=False)
]
CoverageOption = Annotated[
    bool, typer.Option("--coverage", help="Say which rules have no tests, and which selections no test exercises.")
]


def command(
    rules: Rules = None,
    coverage: CoverageOption = False,
    junit_file: JunitOption = None,
    config_file: ConfigOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The tests that stand in the rules themselves, and scenarios: a log and what must come of it, in a scenario.yml.

    Each goes through the real engine, scenarios through the whole pipeline on a set clock. Where one fails, the record
    that decided is explained. Without arguments: the rules of the configuration, and the scenarios in the folder
    'scenarios' beside it. Exit code 1 if one fails; what is not covered changes no exit code.
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
    for path in scenarios:
        rehearsed = rehearsal.run(path)
        outcomes.append(
            Outcome("scenario", rehearsed.name, str(path), "what scenario.yml says", rehearsed.why, rehearsed.why)
        )
    uncovered = _uncovered(book.rules, chosen, log) if coverage else None
    if output is Output.JSON:
        tests = [_row(outcome) for outcome in outcomes]
        print_json(tests if uncovered is None else {"tests": tests, "uncovered": uncovered})
    else:
        _print(outcomes, sum(not about.additions.tests for about in chosen))
        _print_uncovered(uncovered or [], len(chosen))
    if junit_file is not None:
        junit.write(junit_file, outcomes)
    if has_errors or not all(outcome.passed for outcome in outcomes):
        raise typer.Exit(1)


class Uncovered(TypedDict):
    """A rule that has no tests of its own, or selections that hold for no event of any test."""

    rule: str
    file: str
    has_tests: bool
    selections: list[str]


def _uncovered(rules: RuleSet, chosen: Sequence[About], log: Format) -> list[Uncovered]:
    held = {named for about in rules.abouts for named in ruletests.exercised(about, rules, log)}
    selections = {rule.about.key: list(rule.selections) for rule in rules.detections}
    found = [
        Uncovered(
            rule=about.key,
            file=about.file,
            has_tests=bool(about.additions.tests),
            selections=[name for name in selections.get(about.key, ()) if (about.key, name) not in held],
        )
        for about in chosen
    ]
    return [each for each in found if each["selections"] or not each["has_tests"]]


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
    return {
        "rule": outcome.rule,
        "test": outcome.name,
        "file": outcome.file,
        "passed": outcome.passed,
        "expected": outcome.expected,
        "seen": outcome.seen,
        "why": outcome.why,
        "trace": outcome.trace,
    }


def _print(outcomes: Sequence[Outcome], untested: int) -> None:
    terminal = console()
    for outcome in outcomes:
        mark, style = ("ok", "green") if outcome.passed else ("FAILED", "red")
        terminal.print(f"{mark:<7}", style=style, end="")
        terminal.print(safe(f"{outcome.rule}: {outcome.name}"))
        if not outcome.passed:
            for line in told(outcome):
                terminal.print(safe(f"       {line}"))
    failed = sum(not outcome.passed for outcome in outcomes)
    rest = f", {untested} rules have none" if untested else ""
    terminal.print(f"{len(outcomes) - failed} passed, {failed} failed{rest}", style="red" if failed else "bold")


def _print_uncovered(uncovered: Sequence[Uncovered], count: int) -> None:
    terminal = console()
    for each in uncovered:
        said = "" if each["has_tests"] else "has no tests"
        if each["selections"]:
            names = ", ".join(f"'{name}'" for name in each["selections"])
            said += f"{'; ' if said else ''}in no test holds {names}"
        terminal.print(safe(f"{each['file']}: {each['rule']} {said}"), style="yellow")
    if uncovered:
        terminal.print(f"{count - len(uncovered)} of {count} rules are covered", style="bold")

"""`sentinel check`: every problem in the configuration, the inventory and the rules."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from sentinel import config
from sentinel.clock import SystemClock
from sentinel.commands.inputs import logs_of
from sentinel.commands.output import ConfigOption, console, print_json, print_problems, print_table, safe
from sentinel.config import Config
from sentinel.detect.lane import Purpose
from sentinel.inspection import endings, inspect
from sentinel.problems import Problem, Unusable, by_severity
from sentinel.rulebook import Rulebook
from sentinel.sampling import Cost, Sample, Terms, sample

EXAMPLES = (
    "sentinel check",
    "sentinel check -c /etc/sentinel/sentinel.yaml --output github",
    "sentinel check --sample /var/log/nginx/portal.log",
)


class CheckOutput(StrEnum):
    """How problems are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"


SampleOption = Annotated[
    list[str] | None,
    typer.Option("--sample", metavar="LOG", help="Say what the rules cost on this log.", show_default=False),
]
CheckOutputOption = Annotated[CheckOutput, typer.Option("--output", "-o", help="How problems are printed.")]


def command(
    config_file: ConfigOption = None,
    sample_logs: SampleOption = None,
    output: CheckOutputOption = CheckOutput.TEXT,
) -> None:
    """Every problem as file:line:col: CODE message, errors first, and a line of counts. Exit code 1 for errors."""
    try:
        loaded, book, problems = inspect(config.find(config_file))
    except Unusable as refused:
        loaded, book, problems = None, None, refused.problems
    if book is not None:
        problems = sorted([*problems, *endings(book, SystemClock().now())], key=by_severity)
    samples = _samples(loaded, book, sample_logs or []) if loaded is not None and book is not None else []
    problems = [*problems, *(problem for each in samples for problem in each.problems)]
    if output is CheckOutput.JSON:
        print_json(
            {
                "problems": [_row(problem) for problem in problems],
                "counts": _counts(loaded, book),
                "samples": [_sample_row(each) for each in samples],
            }
        )
    elif output is CheckOutput.GITHUB:
        for problem in problems:
            print(_annotation(problem))
    else:
        print_problems(problems)
        for each in samples:
            _print_sample(each)
        _print_counts(problems, loaded, book)
    if any(problem.is_error for problem in problems):
        raise typer.Exit(1)


def _counts(loaded: Config | None, book: Rulebook | None) -> dict[str, int]:
    rules = book.rules if book is not None else None
    systems = loaded.inventory.systems if loaded is not None and loaded.inventory is not None else ()
    return {
        "rules": len(rules.detections) if rules else 0,
        "correlations": len(rules.correlations) if rules else 0,
        "filters": len(rules.filters) if rules else 0,
        "systems": len(systems),
        "sources": len(loaded.sources) if loaded is not None else 0,
    }


def _row(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.span.file,
        "line": problem.span.line,
        "column": problem.span.column,
        "code": problem.code,
        "severity": problem.severity,
        "message": problem.message,
        "hint": problem.hint,
    }


def _annotation(problem: Problem) -> str:
    """As a workflow command: the parts that end it are percent-encoded, as its readers expect."""

    def encoded(text: str) -> str:
        return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")

    place = f"file={problem.span.file},line={problem.span.line},col={problem.span.column},title={problem.code}"
    hint = f"; {problem.hint}" if problem.hint else ""
    return f"::{problem.severity} {place}::{encoded(problem.message + hint)}"


def _print_counts(problems: Sequence[Problem], loaded: Config | None, book: Rulebook | None) -> None:
    errors = sum(problem.is_error for problem in problems)
    counts = ", ".join(f"{number} {name}" for name, number in _counts(loaded, book).items())
    console().print(f"{errors} errors, {len(problems) - errors} warnings; {counts}", style="red" if errors else "bold")


# --- samples -----------------------------------------------------------------------------------------------


def _samples(loaded: Config, book: Rulebook, paths: list[str]) -> list[Sample]:
    found = []
    terms = Terms(loaded.rule_budget, loaded.inventory)
    for log in logs_of(paths, loaded) if paths else ():
        engine = book.engine([], os.urandom(32), Purpose(keeps_state=False))
        found.append(sample(engine, log, terms))
    return found


def _sample_row(found: Sample) -> dict[str, Any]:
    return {
        "log": list(found.log.paths),
        "source": found.log.shown,
        "records": found.records,
        "unparsed": found.unparsed,
        "accesses": found.accesses,
        "accesses_without_actor": round(found.actorless, 4),
        "rules": [
            {
                "rule": cost.name,
                "candidates": round(cost.share, 6),
                "seconds_a_million": round(cost.seconds, 3),
                "has_witness": cost.has_witness,
                "within_budget": cost.is_within_budget,
            }
            for cost in found.costs
        ],
    }


def _print_sample(found: Sample) -> None:
    terminal = console()
    names = ", ".join(Path(path).name for path in found.log.paths)
    terminal.print(safe(f"{names} as source {found.log.shown}: {found.records} records read"), style="bold")
    if found.accesses:
        terminal.print(f"  {found.accesses} accesses to personal data, {found.actorless:.1%} of them without an actor")
        if found.actorless > 0.5:
            terminal.print("    hint: docs/logging.md says how a log gets to know who it was", style="yellow")
    else:
        terminal.print("  no access to personal data: no inventory entry holds on these records", style="yellow")
    rows = [(cost.name, f"{cost.share:.3%}", f"{cost.seconds:.2f}", _verdict(cost)) for cost in found.costs]
    if rows:
        print_table(("rule or entry", "candidates #", "s a million records #", "verdict"), rows)


def _verdict(cost: Cost) -> str:
    if cost.is_within_budget:
        return ""
    return "over the budget" if cost.has_witness else "nothing to search for: every record is parsed for it"

"""What is wrong with a file somebody wrote: where, which code, what, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A place in a file. Lines and columns count from 1; 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake in one file. Every code is explained in docs/problems.md and never re-used."""

    span: Span
    code: str
    message: str
    hint: str = ""
    severity: Severity = "error"

    @property
    def is_error(self) -> bool:
        """Errors stop a configuration from being used; warnings do not."""
        return self.severity == "error"

    def __str__(self) -> str:
        head = f"{self.span}: {self.code} {'warning: ' if not self.is_error else ''}{self.message}"
        return f"{head}\n    hint: {self.hint}" if self.hint else head


class Unusable(Exception):
    """A file cannot be used; carries every problem found in it, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=by_severity)
        super().__init__("\n".join(map(str, self.problems)))


def by_severity(problem: Problem) -> tuple[bool, Problem]:
    """Sort key: errors before warnings, then by file, line and column."""
    return (not problem.is_error, problem)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A hint that names the nearest known word, or all of them when none is near."""
    words = sorted({str(each) for each in known})
    near = get_close_matches(word, words, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {', '.join(words)}" if words else ""

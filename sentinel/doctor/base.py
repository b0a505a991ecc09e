"""What a check is: a function of an installation that says what it found, and how to mend what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from sentinel.clock import Micros
from sentinel.config import Config
from sentinel.problems import Problem
from sentinel.rulebook import Rulebook


class Verdict(StrEnum):
    """How a thing stands."""

    WELL = "well"
    DOUBTFUL = "doubtful"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at; `mend` says what to do where it is not well."""

    about: str
    verdict: Verdict
    says: str
    mend: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What there is to be looked at. `loaded` and `book` are None where the configuration cannot be read."""

    loaded: Config | None
    book: Rulebook | None
    problems: tuple[Problem, ...]
    master: Callable[[], bytes]
    now: Micros
    system: Path = Path("/")


Check = Callable[[Installation], Iterator[Diagnosis]]


def well(about: str, says: str) -> Diagnosis:
    """Nothing to be done."""
    return Diagnosis(about, Verdict.WELL, says)


def doubtful(about: str, says: str, mend: str) -> Diagnosis:
    """It works, and somebody should look."""
    return Diagnosis(about, Verdict.DOUBTFUL, says, mend)


def wrong(about: str, says: str, mend: str) -> Diagnosis:
    """It does not work."""
    return Diagnosis(about, Verdict.WRONG, says, mend)

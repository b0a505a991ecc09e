"""What must stand in the raw record for a rule to match: the part of a rule that can be searched for."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Run:
    """A text that must stand in a field (in any field, or the raw record, where `field` is None), compared without
    case, at its very start or end where said so.
    """

    field: str | None
    text: str
    at_start: bool = False
    at_end: bool = False


@dataclass(frozen=True, slots=True)
class Every:
    """All of them must stand there; one of them is watched for."""

    needs: tuple[Need, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of them must stand there; all are watched for."""

    needs: tuple[Need, ...]


Need = Run | Every | Either | None
"""None: nothing that could be searched for has to stand there."""


def every(needs: Sequence[Need]) -> Need:
    """AND of needs: those that say nothing are left out."""
    known = tuple(each for each in needs if each is not None)
    return known[0] if len(known) == 1 else Every(known) if known else None


LONGEST = 32
"""Characters of a beginning: more would hardly make it rarer."""

_PLAIN = re.compile(r"[ !#-\[\]-~]+")

MOST = 256
"""Runs that are watched for where any of many will do; a longer list is watched for by its beginnings."""


def either(needs: Sequence[Need]) -> Need:
    """OR of needs: one that says nothing makes the whole say nothing."""
    if not needs or any(each is None for each in needs):
        return None
    if len(needs) > MOST:
        return _beginnings([_one_run(each) for each in needs]) or Either(tuple(needs))
    return needs[0] if len(needs) == 1 else Either(tuple(needs))


def _one_run(need: Need) -> Run | None:
    """A run that must stand there, if the need is a run or has some that all must."""
    runs = [need] if isinstance(need, Run) else need.needs if isinstance(need, Every) else ()
    plain = [_plain(each) for each in runs if isinstance(each, Run)]
    return max(plain, key=lambda run: len(run.text) if _PLAIN.match(run.text) else 0, default=None)


def _plain(run: Run) -> Run:
    """The longest part of the run that stands in every format as it is: the beginning of another might say nothing."""
    found = max(_PLAIN.finditer(run.text), key=lambda each: len(each[0]), default=None)
    if found is None or found[0] == run.text:
        return run
    at_start, at_end = run.at_start and found.start() == 0, run.at_end and found.end() == len(run.text)
    return Run(run.field, found[0], at_start, at_end)


def _beginnings(runs: Sequence[Run | None]) -> Need:
    """The longest beginnings of the runs of which there are no more than MOST; None where there are none."""
    known = [each for each in runs if each is not None]
    if len(known) < len(runs):
        return None
    for length in range(LONGEST, 0, -1):
        short = dict.fromkeys(_shortened(each, length) for each in known)
        if len(short) <= MOST:
            return Either(tuple(short)) if len(short) > 1 else next(iter(short))
    return None


def _shortened(run: Run, length: int) -> Run:
    return run if len(run.text) <= length else Run(run.field, run.text[:length], run.at_start)

"""What a clock owes while it runs down: each milestone once, ever, and after a long stop only the most urgent one.

Rules of this file:
1. The caller may ask as often as it likes: a milestone that is owed is in `Clock.reminded` of the case returned.
2. A milestone told about a provisional deadline is owed again, under another key, only where a person has since moved
   the deadline so far that the milestone lies ahead once more (see `moves.confirm`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sentinel.cases.clocks import running
from sentinel.cases.wording import notice
from sentinel.clock import HOUR, Micros
from sentinel.model import Case, Clock, State, Verdict

MILESTONES: tuple[tuple[str, Micros], ...] = (
    *((f"{hours}h-left", hours * HOUR) for hours in (48, 24, 12, 6, 3, 1)),
    ("overdue", 0),
)
"""Each milestone and how long before the deadline it is due, in the order in which they come."""

PROVISIONAL = "provisional:"
"""Marks, in `Clock.reminded`, a milestone told about a deadline that has since moved away."""


def remind(case: Case, now: Micros) -> Verdict | None:
    """The reminders due at `now`, at most one a clock; None where none is due."""
    if not _reminds(case):
        return None
    keys: list[str] = []
    clocks: list[Clock] = []
    for clock in case.clocks:
        due = [name for name, moment in _ahead(clock) if moment <= now]
        if due and clock in running(case):
            keys.append(_key(clock, due[-1]))
            clocks.append(replace(clock, reminded=(*clock.reminded, *due)))
        else:
            clocks.append(clock)
    if not keys:
        return None
    reminded = replace(case, clocks=tuple(clocks), revision=case.revision + 1)
    return Verdict(case=reminded, owed=tuple(notice(reminded, key, now) for key in keys))


def due_at(case: Case) -> Micros | None:
    """The moment from which `remind` returns something; None where it never does as the case stands."""
    if not _reminds(case):
        return None
    return min((moment for clock in running(case) for _, moment in _ahead(clock)), default=None)


def _reminds(case: Case) -> bool:
    """What happened before the watch began reminds nobody until a person has confirmed it."""
    return not (case.historical and case.state is State.OPEN)


def _ahead(clock: Clock) -> Iterator[tuple[str, Micros]]:
    """The milestones not yet owed, with their moments, in order."""
    for name, before in MILESTONES:
        if name not in clock.reminded:
            yield name, clock.deadline_at - before


def _key(clock: Clock, name: str) -> str:
    clock_name = () if (clock.regime, clock.step) == ("gdpr", "authority") else (clock.regime, clock.step)
    again = ("again",) if PROVISIONAL + name in clock.reminded else ()
    return "/".join((*clock_name, *again, name))

"""What a case owes while nobody reacts or its clocks run down: each occasion once, ever, and after a long stop only the
most urgent one.

Rules of this file:
1. The caller may ask as often as it likes: what is owed is in `Clock.reminded` and `Case.escalated` of the case
   returned.
2. A milestone told about a provisional deadline is owed again, under another key, only where a person has since moved
   the deadline so far that the milestone lies ahead once more (see `moving.recounted`).
3. Acknowledging ends the escalation to further people; it silences no reminder of a deadline.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sentinel.cases.clocks import running
from sentinel.cases.options import MILESTONES as BEFORE
from sentinel.cases.options import USUAL, CaseOptions, Rung
from sentinel.cases.wording import notice
from sentinel.clock import DAY, HOUR, MINUTE, Micros
from sentinel.model import Case, Clock, Notification, State, Task, Verdict

_UNITS = {"d": DAY, "h": HOUR, "m": MINUTE}
_OVERDUE = "overdue"


def milestone(before: Micros) -> str:
    """The key of the reminder so long before a deadline: `48h-left`, `7d-left`, `30m-left`."""
    if before % DAY == 0 and before >= 3 * DAY:
        return f"{before // DAY}d-left"
    return f"{before // HOUR}h-left" if before % HOUR == 0 else f"{before // MINUTE}m-left"


def early(name: str) -> Micros:
    """How long before the deadline the milestone of that key is due; 0 for `overdue`."""
    length = name.removeprefix(PROVISIONAL).removesuffix("-left")
    return int(length[:-1]) * _UNITS[length[-1]] if length[:-1].isdigit() else 0


MILESTONES: tuple[tuple[str, Micros], ...] = (
    *((milestone(before), before) for before in BEFORE if before < 3 * DAY),
    (_OVERDUE, 0),
)
"""The milestones of a clock of 72 hours, as usual, in the order in which they come."""

PROVISIONAL = "provisional:"
"""Marks, in `Clock.reminded`, a milestone told about a deadline that has since moved away."""


def remind(case: Case, now: Micros, options: CaseOptions = USUAL) -> Verdict | None:
    """What is due at `now`, at most one message a clock and one of the escalation; None where nothing is."""
    if not _reminds(case):
        return None
    keys: list[tuple[str, tuple[str, ...]]] = []
    clocks: list[Clock] = []
    for clock in case.clocks:
        due = [name for name, moment in _ahead(clock, options) if moment <= now]
        if due and clock in running(case):
            keys.append((_key(clock, due[-1]), ()))
            clocks.append(replace(clock, reminded=(*clock.reminded, *due)))
        else:
            clocks.append(clock)
    late = [rung for rung in _unanswered(case, options) if case.detected_at + rung.after <= now]
    if late:
        keys.append((_rung_key(late[-1]), tuple(dict.fromkeys(name for rung in late for name in rung.to))))
    tasks = [task for task in _waiting(case) if (task.due_at or 0) <= now]
    keys += [(_task_key(task), ()) for task in tasks]
    if not keys:
        return None
    told = (*map(_rung_key, late), *map(_task_key, tasks))
    after = replace(case, clocks=tuple(clocks), escalated=(*case.escalated, *told), revision=case.revision + 1)
    return Verdict(case=after, owed=tuple(_to(notice(after, key, now), to) for key, to in keys))


def due_at(case: Case, options: CaseOptions = USUAL) -> Micros | None:
    """The moment from which `remind` returns something; None where it never does as the case stands."""
    if not _reminds(case):
        return None
    moments = [moment for clock in running(case) for _, moment in _ahead(clock, options)]
    moments += [case.detected_at + rung.after for rung in _unanswered(case, options)]
    moments += [task.due_at or 0 for task in _waiting(case)]
    return min(moments, default=None)


def _to(notification: Notification, channels: tuple[str, ...]) -> Notification:
    return replace(notification, to=channels)


def _reminds(case: Case) -> bool:
    """What happened before the watch began reminds nobody until a person has confirmed it."""
    return not (case.historical and case.state is State.OPEN)


def _ahead(clock: Clock, options: CaseOptions) -> Iterator[tuple[str, Micros]]:
    """The milestones not yet owed, with their moments, in order; none that lies before the clock's start."""
    for before in sorted({*options.reminders, 0}, reverse=True):
        name = milestone(before) if before else _OVERDUE
        if name not in clock.reminded and before < clock.deadline_at - clock.starts_at:
            yield name, clock.deadline_at - before


def _unanswered(case: Case, options: CaseOptions) -> list[Rung]:
    """The rungs of the escalation that are still to come, in order."""
    if case.state is not State.OPEN:
        return []
    return sorted(
        (
            rung
            for rung in options.escalation
            if _rung_key(rung) not in case.escalated and (rung.unless == "decided" or case.acknowledged_at is None)
        ),
        key=lambda rung: rung.after,
    )


def _rung_key(rung: Rung) -> str:
    word = "undecided" if rung.unless == "decided" else "unacknowledged"
    return f"{word}-{milestone(rung.after).removesuffix('-left')}"


def _waiting(case: Case) -> Iterator[Task]:
    """The tasks that have a date and are neither done nor told of; none of a case that is decided."""
    if case.state in {State.OPEN, State.CONFIRMED, State.NOTIFIED}:
        yield from (
            task
            for task in case.tasks
            if task.due_at is not None and task.done_at is None and _task_key(task) not in case.escalated
        )


def _task_key(task: Task) -> str:
    return f"task-{task.number}-due"


def _key(clock: Clock, name: str) -> str:
    clock_name = () if (clock.regime, clock.step) == ("gdpr", "authority") else (clock.regime, clock.step)
    again = ("again",) if PROVISIONAL + name in clock.reminded else ()
    return "/".join((*clock_name, *again, name))

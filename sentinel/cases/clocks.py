"""The clocks of a case: which duties count from when, and how much is left.

Rules of this file:
1. A clock carries the counting it was opened with; nothing here looks a law up again for a case that exists.
2. The reading of Regulation (EEC, Euratom) 1182/71 Art. 3(1) is at most an hour later. It is shown, never aimed at.
3. `settled` is the only place where a start is set. A start that is final moves earlier, never later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

from sentinel.cases.counting import contested_limit, deadline, doubt, ends_at, limit_text, local_day, outer_limit
from sentinel.cases.options import CaseOptions
from sentinel.cases.regimes import Regime, Step
from sentinel.clock import SECOND, Micros, rfc3339, to_datetime
from sentinel.model import Case, CaseKind, Clock, Counting, State

RUNNING_STATES = frozenset({State.OPEN, State.CONFIRMED, State.NOTIFIED})
"""States in which a clock that is not met goes on."""


# --- which clocks a case has ---------------------------------------------------------------------------------


def all_clocks(
    options: CaseOptions, detected_at: Micros, kind: CaseKind = "breach", received_at: Micros | None = None
) -> tuple[Clock, ...]:
    """The clocks of every step of every chosen regime in force, those of duties that do not exist yet too."""
    made: list[Clock] = []
    for name, regime in options.chosen(kind):
        if regime.is_in_force(to_datetime(detected_at).date()):
            for step in regime.steps:
                made.append(_clock(name, regime, step, options, (detected_at, received_at), made))
    return tuple(made)


def opening_clocks(options: CaseOptions, detected_at: Micros) -> tuple[Clock, ...]:
    """The clocks that run in a case of breach that opens: counting from detection."""
    return tuple(clock for clock in all_clocks(options, detected_at) if is_owed(clock, options.role, None))


def is_owed(clock: Clock, role: str, risk: str | None) -> bool:
    """Whether the duty exists in a case of that role and decided risk."""
    match clock.when:
        case "controller":
            return role != "processor"
        case "processor":
            return role == "processor"
        case "high_risk":
            return role != "processor" and risk == "high"
    return True


def _clock(
    name: str,
    regime: Regime,
    step: Step,
    options: CaseOptions,
    starts: tuple[Micros, Micros | None],
    before: Iterable[Clock],
) -> Clock:
    detected_at, received_at = starts
    amount, unit = step.length
    counting = Counting(
        amount=amount,
        unit=unit,
        roll=step.roll,
        first_day=step.first_day,
        cap_hours=step.cap_hours,
        zone=options.timezone,
        calendar=options.calendar,
    )
    start, provisional = detected_at, options.awareness == "confirmation" or step.anchor == "classified"
    if step.anchor == "received":
        start, provisional = received_at or detected_at, False
    elif step.anchor == "detected":
        provisional = False
    elif step.anchor == "step":
        earlier = next(clock for clock in before if (clock.regime, clock.step) == (name, step.after))
        start, provisional = earlier.deadline_at, True
    clock = Clock(
        regime=name,
        step=step.step,
        starts_at=start,
        counting=counting,
        deadline_at=start,
        provisional=provisional,
        version=regime.version,
        anchor=step.anchor,
        after=step.after or "",
        when=step.when,
        recipient=step.recipient,
        basis=step.basis,
        is_legal=step.legal,
        reads_1182=regime.reads_1182,
        extension=step.extension,
    )
    return started(clock, start, detected_at, provisional=provisional)


# --- from when they count ------------------------------------------------------------------------------------


def started(clock: Clock, starts_at: Micros, aware_at: Micros, *, provisional: bool) -> Clock:
    """The clock counting from there. `aware_at` is for a step that also has a limit from awareness."""
    end = ends_at(clock.counting, starts_at)
    cap = clock.counting.cap_hours
    if cap is not None:
        limit = ends_at(replace(clock.counting, amount=cap, cap_hours=None), aware_at)
        # (EU) 2025/301 Art. 5(1)(a): 4 h from classification and 24 h from awareness; classified later, 4 h alone.
        if provisional:
            end = limit
        elif starts_at <= deadline(aware_at, cap):
            end = min(end, limit)
    return replace(clock, starts_at=starts_at, deadline_at=end, provisional=provisional)


def settled(case: Case) -> Case:
    """The case with every clock counting from what is known now, and with the clocks of the duties it has now."""
    clocks: list[Clock] = []
    for clock in sorted((*case.clocks, *case.dormant), key=lambda each: each.anchor == "step"):
        clocks.append(_settled(clock, case, clocks))
    order = {(clock.regime, clock.step): number for number, clock in enumerate((*case.clocks, *case.dormant))}
    clocks.sort(key=lambda each: order[each.regime, each.step])
    owed = tuple(clock for clock in clocks if is_owed(clock, case.role, case.risk))
    return replace(case, clocks=owed, dormant=tuple(clock for clock in clocks if clock not in owed))


def _settled(clock: Clock, case: Case, before: Iterable[Clock]) -> Clock:
    aware_at = case.aware_at if case.aware_at is not None else case.detected_at
    if clock.met_at is not None and not _is_sooner(clock, case):
        return clock
    match clock.anchor:
        case "aware" if case.aware_at is not None:
            return started(clock, case.aware_at, aware_at, provisional=False)
        case "classified":
            classified = dict(case.classified).get(clock.regime)
            if classified is not None:
                return started(clock, classified, aware_at, provisional=False)
            return started(clock, aware_at, aware_at, provisional=True)
        case "step":
            earlier = next(each for each in before if (each.regime, each.step) == (clock.regime, clock.after))
            start = earlier.deadline_at if earlier.met_at is None else earlier.met_at
            return started(clock, start, aware_at, provisional=earlier.met_at is None)
    return clock


def _is_sooner(clock: Clock, case: Case) -> bool:
    """A duty that is done keeps its start, except that an earlier awareness can show that it was done late."""
    return clock.anchor == "aware" and case.aware_at is not None and case.aware_at < clock.starts_at


# --- what is left --------------------------------------------------------------------------------------------


def running(case: Case) -> tuple[Clock, ...]:
    """The clocks of the case that still count: not met, not waived, not waiting, and the case not decided otherwise."""
    if case.state not in RUNNING_STATES:
        return ()
    return tuple(
        clock for clock in case.clocks if clock.met_at is None and clock.waived_at is None and not is_waiting(clock)
    )


def is_waiting(clock: Clock) -> bool:
    """Whether the clock counts from a step that is not done yet: its deadline is the latest that it can get."""
    return clock.anchor == "step" and clock.provisional


def earliest(case: Case) -> Clock | None:
    """The running clock whose deadline comes first."""
    return min(running(case), key=lambda clock: clock.deadline_at, default=None)


def remaining(case: Case, now: Micros) -> Micros | None:
    """Microseconds until the first deadline of the case, below 0 when it is past; None where no clock runs."""
    first = earliest(case)
    return None if first is None else first.deadline_at - now


def clock_state(case: Case, clock: Clock, now: Micros) -> str:
    """One of `running`, `overdue`, `met`, `met_late`, `waiting` (for an earlier step), `waived` (not owed here, as
    somebody decided), `stopped` (the case was decided without this step).
    """
    if clock.met_at is not None:
        return "met" if clock.met_at <= clock.deadline_at else "met_late"
    if clock.waived_at is not None:
        return "waived"
    if case.state not in RUNNING_STATES:
        return "stopped"
    if is_waiting(clock):
        return "waiting"
    return "running" if now <= clock.deadline_at else "overdue"


def clock_rows(
    case: Case, now: Micros, zone: ZoneInfo | None = None, *, contested: bool = False
) -> list[dict[str, Any]]:
    """The clocks of the case for JSON. Times are RFC 3339 UTC; `remaining_seconds` is rounded down, below 0 when late,
    and null where the clock does not run. With a `zone` the row says more: length, basis, recipient, and as
    `outer_limit_at` the reading of Regulation 1182/71 (or, for days, that the day of receipt does not count).
    """
    rows = []
    for clock in case.clocks:
        state = clock_state(case, clock, now)
        row: dict[str, Any] = {
            "regime": clock.regime,
            "step": clock.step,
            "deadline_at": rfc3339(clock.deadline_at),
            "provisional": clock.provisional,
            "remaining_seconds": (clock.deadline_at - now) // SECOND if state in {"running", "overdue"} else None,
            "state": state,
        }
        rows.append(row | dict(_more(clock, zone, contested=contested)) if zone is not None else row)
    return rows


def _more(clock: Clock, zone: ZoneInfo, *, contested: bool) -> Iterator[tuple[str, Any]]:
    counting = clock.counting
    yield "starts_at", rfc3339(clock.starts_at)
    yield "length", limit_text(counting)
    yield "anchor", clock.anchor if clock.anchor != "step" else f"step {clock.after}"
    yield "legal", clock.is_legal
    yield "recipient", clock.recipient
    yield "basis", clock.basis
    yield "version", clock.version
    if clock.met_at is not None:
        yield "met_at", rfc3339(clock.met_at)
    if counting.unit != "hours":
        yield "due_on", local_day(clock.deadline_at, ZoneInfo(counting.zone)).isoformat()
    if counting.unit == "hours" and clock.reads_1182 and clock.is_legal:
        yield "outer_limit_at", rfc3339(outer_limit(clock.starts_at, zone, counting.amount))
        if contested:
            yield (
                "contested_limit_at",
                rfc3339(contested_limit(clock.starts_at, zone, counting.calendar, counting.amount)),
            )
    elif counting.first_day:
        yield "outer_limit_at", rfc3339(ends_at(replace(counting, first_day=False), clock.starts_at))
    reason = doubt(counting, clock.starts_at)
    if reason:
        yield "note", reason

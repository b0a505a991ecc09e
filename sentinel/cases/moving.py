"""What every move has in common: the table of states, who and why, the audit entry, and when a move is refused.

Rules of this file:
1. Every move asks who and why, and leaves an audit entry. The reason stays there; it is in no message.
2. A move that is not possible raises `CaseError`, which says what is; the case given is never changed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from sentinel.cases.clocks import settled
from sentinel.cases.reminders import PROVISIONAL, early
from sentinel.cases.wording import notice
from sentinel.clock import Micros
from sentinel.model import AuditEntry, Case, Clock, State, Verdict

NEXT: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.CONFIRMED, State.NOTIFIED, State.DISMISSED, State.MERGED}),
    State.CONFIRMED: frozenset({State.NOTIFIED, State.DISMISSED, State.CLOSED, State.MERGED}),
    State.NOTIFIED: frozenset({State.CLOSED}),
    State.CLOSED: frozenset({State.CONFIRMED, State.NOTIFIED}),
    State.DISMISSED: frozenset({State.OPEN, State.CONFIRMED}),
    State.MERGED: frozenset({State.OPEN, State.CONFIRMED}),
}
"""Which state may follow which. Closed and dismissed are left by `reopen` alone and merged by `unmerge`, to the state
before."""

_POSSIBLE = {
    State.OPEN: "confirm, notify, dismiss or merge",
    State.CONFIRMED: "notify, dismiss, close, merge, or confirm with an earlier --aware-at",
    State.NOTIFIED: "notify with --phase, close, or confirm with an earlier --aware-at",
    State.CLOSED: "reopen",
    State.DISMISSED: "reopen",
    State.MERGED: "unmerge; else it goes on in the case it was merged into",
}


class CaseError(Exception):
    """A move is not possible; the message says why, `hint` what is possible instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\n    hint: {hint}" if hint else message)


@dataclass(frozen=True, slots=True)
class Act:
    """The who, why and when of a move, and the key of the message it owes."""

    name: str
    who: str
    reason: str
    now: Micros
    key: str | None


def moved(before: Case, after: Case, act: Act, detail: Mapping[str, Any]) -> Verdict:
    """The case as it is after the move, with its audit entry and what it owes."""
    case = replace(after, revision=before.revision + 1)
    entry = AuditEntry(
        at=act.now,
        who=act.who,
        act=f"case.{act.name}",
        case_id=case.id,
        detail={"reason": act.reason.strip(), "from": before.state.value, "to": case.state.value, **detail},
    )
    owed = () if act.key is None else (notice(case, act.key, act.now),)
    return Verdict(case=case, owed=owed, audit=(entry,))


def asked(who: str, reason: str) -> None:
    """Somebody does it, for a reason. Raises CaseError."""
    if not who.strip():
        raise CaseError("nobody is named who does this")
    if not reason.strip():
        raise CaseError("a reason is needed", "say why with --reason; it goes to the audit trail, not to chat")


def allowed(case: Case, to: State, move: str) -> None:
    """The table has the way, and it is not one that only undoing takes. Raises CaseError."""
    if to not in NEXT[case.state] or case.state in {State.CLOSED, State.DISMISSED, State.MERGED}:
        raise impossible(case, move)


def undecided(case: Case, move: str) -> None:
    """The case still runs. Raises CaseError."""
    if case.state in {State.CLOSED, State.DISMISSED, State.MERGED}:
        raise impossible(case, move)


def impossible(case: Case, move: str) -> CaseError:
    """Why the move is refused in this state, and what is possible."""
    return CaseError(
        f"cannot {move} case {case.id}: it is {case.state.value}", f"possible now: {_POSSIBLE[case.state]}"
    )


def nth(case: Case, key: str) -> str:
    """The key of a decision: an occasion of its own each time the case was reopened in between."""
    return f"{key}-{case.reopened + 1}" if case.reopened else key


def clock_named(case: Case, name: str) -> Clock:
    """The one clock of the case called `regime/step`, or by its regime or step alone. Raises CaseError."""
    found = [clock for clock in case.clocks if name in {f"{clock.regime}/{clock.step}", clock.regime, clock.step}]
    names = ", ".join(f"{clock.regime}/{clock.step}" for clock in found or case.clocks) or "none"
    if not found:
        raise CaseError(f"case {case.id} has no clock '{name[:60]}'", f"its clocks: {names}")
    if len(found) > 1:
        raise CaseError(f"'{name[:60]}' is {len(found)} clocks of case {case.id}", f"one of: {names}")
    return found[0]


def with_clock(case: Case, clock: Clock) -> Case:
    """The case with that clock as it is now."""
    name = (clock.regime, clock.step)
    return replace(case, clocks=tuple(clock if (each.regime, each.step) == name else each for each in case.clocks))


def recounted(before: Case, after: Case, now: Micros) -> Case:
    """The case with its clocks settled. Milestones owed stay owed once, except those that the move puts ahead again.

    A provisional countdown that ran down before anybody confirmed must not leave the final deadline without reminders.
    """
    known = {(clock.regime, clock.step): clock for clock in (*before.clocks, *before.dormant)}
    case = settled(after)
    clocks = tuple(_reminding(known.get((clock.regime, clock.step), clock), clock, now) for clock in case.clocks)
    return replace(case, clocks=clocks)


def _reminding(before: Clock, after: Clock, now: Micros) -> Clock:
    if after.deadline_at <= before.deadline_at:
        return after
    again = [name for name in after.reminded if not name.startswith(PROVISIONAL)]
    ahead = {name for name in again if after.deadline_at - early(name) > now}
    return replace(after, reminded=tuple(PROVISIONAL + name if name in ahead else name for name in after.reminded))

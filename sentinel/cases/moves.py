"""What a person may do with a case: one table of states, one function a move.

Rules of this file:
1. Every move asks who and why, and leaves an audit entry. The reason stays there; it is in no message.
2. A move that is not possible raises `CaseError`, which says what is; the case given is never changed.
3. A start of the clock that a person has set (or that `awareness: detection` set) moves earlier, never later: a later
   one needs a second person, and that is not built yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sentinel.cases.clocks import counting_from, deadline
from sentinel.cases.reminders import MILESTONES, PROVISIONAL
from sentinel.cases.wording import notice
from sentinel.clock import Micros, rfc3339
from sentinel.model import AuditEntry, Case, Clock, State, Verdict

NEXT: Mapping[State, frozenset[State]] = {
    State.OPEN: frozenset({State.CONFIRMED, State.NOTIFIED, State.DISMISSED}),
    State.CONFIRMED: frozenset({State.NOTIFIED, State.DISMISSED, State.CLOSED}),
    State.NOTIFIED: frozenset({State.CLOSED}),
    State.CLOSED: frozenset({State.CONFIRMED, State.NOTIFIED}),
    State.DISMISSED: frozenset({State.OPEN, State.CONFIRMED}),
    State.MERGED: frozenset(),
}
"""Which state may follow which. Closed and dismissed are left by `reopen` alone, to the state before."""

DISMISSALS = (
    "legitimate",
    "authorised-test",
    "rule-defect",
    "duplicate",
    "no-personal-data",
    "insufficient-evidence",
)
"""Why a case can be no breach, for the statistics of a rule; the reason in words is asked all the same."""

_POSSIBLE = {
    State.OPEN: "confirm, notify or dismiss",
    State.CONFIRMED: "notify, dismiss, close, or confirm with an earlier --aware-at",
    State.NOTIFIED: "close, or confirm with an earlier --aware-at",
    State.CLOSED: "reopen",
    State.DISMISSED: "reopen",
    State.MERGED: "nothing: it goes on in the case it was merged into",
}


class CaseError(Exception):
    """A move is not possible; the message says why, `hint` what is possible instead."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\n    hint: {hint}" if hint else message)


def confirm(case: Case, *, who: str, reason: str, now: Micros, aware_at: Micros | None = None) -> Verdict:
    """It is a breach, and the controller was aware of it at `aware_at` (default: now). The deadline is final.

    Awareness is a "reasonable degree of certainty" (EDPB Guidelines 9/2022); it may be set before the detection. A
    case confirmed already keeps its state and takes an earlier `aware_at`. Raises CaseError.
    """
    _asked(who, reason)
    correction = case.state in {State.CONFIRMED, State.NOTIFIED}
    if not correction:
        _allowed(case, State.CONFIRMED, "confirm")
    aware = _awareness(case, now, aware_at, correction=correction)
    moved = replace(
        case,
        state=case.state if correction else State.CONFIRMED,
        aware_at=aware,
        acknowledged_at=case.acknowledged_at or now,
        owner=case.owner or who,
        clocks=tuple(_restarted(clock, aware, now) for clock in case.clocks),
    )
    key = f"aware-{rfc3339(aware, 6)}" if correction else _nth(case, "confirmed")
    detail = {"aware_at": aware, "aware_before": case.aware_at}
    return _moved(case, moved, _Act("confirm", who, reason, now, key), detail)


def dismiss(case: Case, *, who: str, reason: str, now: Micros, code: str | None = None) -> Verdict:
    """It is no breach; the case stays in the register with the reason (Art. 33(5) GDPR). Raises CaseError."""
    _asked(who, reason)
    _allowed(case, State.DISMISSED, "dismiss")
    if code is not None and code not in DISMISSALS:
        raise CaseError(f"'{code}' is no reason code", f"one of {', '.join(DISMISSALS)}")
    moved = replace(
        case,
        state=State.DISMISSED,
        state_before=case.state,
        closed_at=now,
        acknowledged_at=case.acknowledged_at or now,
        owner=case.owner or who,
    )
    return _moved(case, moved, _Act("dismiss", who, reason, now, _nth(case, "dismissed")), {"code": code})


def notify(
    case: Case, *, who: str, reason: str, now: Micros, notified_at: Micros | None = None, delay_reason: str = ""
) -> Verdict:
    """The supervisory authority was told at `notified_at` (default: now): its clock is met.

    After the deadline, `delay_reason` says why it was not told earlier (Art. 33(1) GDPR). A case that nobody had
    confirmed is confirmed by it: who tells the authority is aware. Raises CaseError.
    """
    _asked(who, reason)
    _allowed(case, State.NOTIFIED, "notify")
    told = now if notified_at is None else notified_at
    if case.state is State.OPEN and case.detected_at <= told <= now:
        aware = confirm(case, who=who, reason=reason, now=now, aware_at=_earliest_start(case, told))
        before = replace(aware.case, revision=case.revision)
        done = notify(before, who=who, reason=reason, now=now, notified_at=told, delay_reason=delay_reason)
        return replace(done, audit=(*aware.audit, *done.audit))
    if told > now:
        raise CaseError(f"the authority cannot have been told at {rfc3339(told)}: that is still to come")
    if told < min(case.occurred_from, case.detected_at):
        raise CaseError(f"the authority cannot have been told at {rfc3339(told)}: nothing had happened yet")
    late = [clock for clock in case.clocks if _is_authority(clock) and told > clock.deadline_at]
    if late and not delay_reason.strip():
        raise CaseError(
            f"the deadline of case {case.id} was {rfc3339(late[0].deadline_at)}: a reason for the delay is needed",
            "say it with --delay-reason; the authority is owed it too (Art. 33(1) GDPR)",
        )
    clocks = tuple(replace(clock, met_at=told) if _is_authority(clock) else clock for clock in case.clocks)
    moved = replace(case, state=State.NOTIFIED, notified_at=told, clocks=clocks)
    detail = {"notified_at": told, "delay_reason": delay_reason.strip() or None}
    return _moved(case, moved, _Act("notify", who, reason, now, _nth(case, "notified")), detail)


def close(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The case is done. From `confirmed`, the reason says why no notice was owed (Art. 33(5) GDPR).

    Raises CaseError.
    """
    _asked(who, reason)
    _allowed(case, State.CLOSED, "close")
    moved = replace(case, state=State.CLOSED, state_before=case.state, closed_at=now)
    return _moved(case, moved, _Act("close", who, reason, now, _nth(case, "closed")), {})


def reopen(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The decision is taken back: the state before it holds again. No clock is reset. Raises CaseError."""
    _asked(who, reason)
    if case.state not in {State.CLOSED, State.DISMISSED} or case.state_before not in NEXT[case.state]:
        raise _impossible(case, "reopen")
    moved = replace(case, state=case.state_before, state_before=None, closed_at=None, reopened=case.reopened + 1)
    return _moved(case, moved, _Act("reopen", who, reason, now, _nth(moved, "reopened")), {})


def acknowledge(case: Case, *, who: str, reason: str, now: Micros, owner: str | None = None) -> Verdict:
    """Somebody has seen the case and `owner` (default: who says so) looks after it; no clock stops.

    Raises CaseError.
    """
    _asked(who, reason)
    if case.state is State.MERGED:
        raise _impossible(case, "acknowledge")
    chosen = (owner or who).strip()
    if not chosen:
        raise CaseError("an owner has a name")
    moved = replace(case, acknowledged_at=case.acknowledged_at or now, owner=chosen)
    return _moved(case, moved, _Act("acknowledge", who, reason, now, None), {"owner": chosen})


def note(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The reason is written to the audit trail; the case stays as it is. Raises CaseError for an empty one."""
    _asked(who, reason)
    return _moved(case, case, _Act("note", who, reason, now, None), {})


MOVES: Mapping[str, Callable[..., Verdict]] = {
    "confirm": confirm,
    "dismiss": dismiss,
    "notify": notify,
    "close": close,
    "reopen": reopen,
    "acknowledge": acknowledge,
    "note": note,
}
"""Each move by its name on the command line."""


@dataclass(frozen=True, slots=True)
class _Act:
    """The who, why and when of a move, and the key of the message it owes."""

    name: str
    who: str
    reason: str
    now: Micros
    key: str | None


def _moved(before: Case, after: Case, act: _Act, detail: Mapping[str, Any]) -> Verdict:
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


def _asked(who: str, reason: str) -> None:
    if not who.strip():
        raise CaseError("nobody is named who does this")
    if not reason.strip():
        raise CaseError("a reason is needed", "say why with --reason; it goes to the audit trail, not to chat")


def _allowed(case: Case, to: State, move: str) -> None:
    if to not in NEXT[case.state] or case.state in {State.CLOSED, State.DISMISSED}:
        raise _impossible(case, move)


def _impossible(case: Case, move: str) -> CaseError:
    return CaseError(
        f"cannot {move} case {case.id}: it is {case.state.value}", f"possible now: {_POSSIBLE[case.state]}"
    )


def _awareness(case: Case, now: Micros, given: Micros | None, *, correction: bool) -> Micros:
    """When the controller was aware, or a CaseError that says why it cannot have been then."""
    fixed = min((clock.starts_at for clock in case.clocks if not clock.provisional), default=case.aware_at)
    if given is None:
        if correction:
            raise CaseError(
                f"case {case.id} is confirmed already", "to correct when you were aware, name an earlier --aware-at"
            )
        return now if fixed is None else min(now, fixed)
    if given > now:
        raise CaseError(f"you cannot have been aware at {rfc3339(given)}: that is still to come")
    if given < min(case.occurred_from, case.detected_at):
        raise CaseError(
            f"you cannot have been aware at {rfc3339(given)}: nothing had happened yet",
            f"the first event of case {case.id} is of {rfc3339(case.occurred_from)}",
        )
    if fixed is not None and given > fixed:
        raise CaseError(
            f"the clock of case {case.id} starts at {rfc3339(fixed)} and cannot be moved later by one person",
            "an earlier time is possible; a later one needs a second person, which is not possible yet",
        )
    if correction and given == fixed:
        raise CaseError(f"case {case.id} already says that you were aware at {rfc3339(given)}")
    return given


def _earliest_start(case: Case, told: Micros) -> Micros:
    """When the controller was aware at the latest, if it told the authority then."""
    return min([told, *(clock.starts_at for clock in case.clocks if not clock.provisional)])


def _restarted(clock: Clock, aware: Micros, now: Micros) -> Clock:
    """The clock from awareness. Milestones owed stay owed once, except those that the move puts ahead again.

    A provisional countdown that ran down before anybody confirmed must not leave the final deadline without reminders.
    """
    ends_at = deadline(aware, clock.hours)
    ahead = {name for name, before in MILESTONES if ends_at - before > now} if ends_at > clock.deadline_at else set()
    reminded = tuple(PROVISIONAL + name if name in ahead else name for name in clock.reminded)
    return replace(counting_from(clock, aware), reminded=reminded)


def _is_authority(clock: Clock) -> bool:
    return clock.step == "authority"


def _nth(case: Case, key: str) -> str:
    """The key of a decision: an occasion of its own each time the case was reopened in between."""
    return f"{key}-{case.reopened + 1}" if case.reopened else key

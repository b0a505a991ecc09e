"""What a person may do with a case: one function a move, and the table of them all.

Rule of this file: a start of the clock that a person has set (or that `awareness: detection` set) moves earlier, never
later: a later one needs a second person, and that is not built.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sentinel.cases import duties
from sentinel.cases.moving import (
    NEXT,
    Act,
    CaseError,
    allowed,
    asked,
    clock_named,
    impossible,
    moved,
    nth,
    recounted,
    undecided,
)
from sentinel.clock import Micros, rfc3339
from sentinel.model import Case, Clock, Notice, Phase, State, Verdict

DISMISSALS = (
    "legitimate",
    "authorised-test",
    "rule-defect",
    "duplicate",
    "no-personal-data",
    "insufficient-evidence",
    "withdrawn",
    "unfounded",
)
"""Why a case can be no breach (or a request not be answered), for statistics; the reason in words is asked all the
same."""

PHASES: tuple[Phase, ...] = ("initial", "supplement", "final", "withdrawal")

MAIN_STEPS = frozenset({"authority", "controller", "answer", "outcome"})
"""Steps after which a case is `notified`: whoever had to be told has been."""


def confirm(case: Case, *, who: str, reason: str, now: Micros, aware_at: Micros | None = None) -> Verdict:
    """It is a breach, and the controller was aware of it at `aware_at` (default: now). The deadline is final.

    Awareness is a "reasonable degree of certainty" (EDPB Guidelines 9/2022); it may be set before the detection. A
    case confirmed already keeps its state and takes an earlier `aware_at`. Raises CaseError.
    """
    asked(who, reason)
    if case.kind != "breach":
        raise CaseError(f"case {case.id} is a request: its clock runs from receipt, there is nothing to confirm")
    correction = case.state in {State.CONFIRMED, State.NOTIFIED}
    if not correction:
        allowed(case, State.CONFIRMED, "confirm")
    aware = _awareness(case, now, aware_at, correction=correction)
    after = replace(
        case,
        state=case.state if correction else State.CONFIRMED,
        aware_at=aware,
        acknowledged_at=case.acknowledged_at or now,
        owner=case.owner or who,
    )
    key = f"aware-{rfc3339(aware, 6)}" if correction else nth(case, "confirmed")
    detail = {"aware_at": aware, "aware_before": case.aware_at}
    return moved(case, recounted(case, after, now), Act("confirm", who, reason, now, key), detail)


def dismiss(case: Case, *, who: str, reason: str, now: Micros, code: str | None = None) -> Verdict:
    """It is no breach; the case stays in the register with the reason (Art. 33(5) GDPR). Raises CaseError."""
    asked(who, reason)
    allowed(case, State.DISMISSED, "dismiss")
    if code is not None and code not in DISMISSALS:
        raise CaseError(f"'{code}' is no reason code", f"one of {', '.join(DISMISSALS)}")
    after = replace(
        case,
        state=State.DISMISSED,
        state_before=case.state,
        dismissal=code,
        closed_at=now,
        acknowledged_at=case.acknowledged_at or now,
        owner=case.owner or who,
    )
    return moved(case, after, Act("dismiss", who, reason, now, nth(case, "dismissed")), {"code": code})


def notify(  # noqa: PLR0913  (what a notice is, each by its name)
    case: Case,
    *,
    who: str,
    reason: str,
    now: Micros,
    notified_at: Micros | None = None,
    delay_reason: str = "",
    clock: str | None = None,
    phase: str | None = None,
    reference: str | None = None,
) -> Verdict:
    """Whoever the clock is about was told at `notified_at` (default: now): the clock is met.

    Without `clock` it is the one authority that is still to be told (for a processor: the controller, for a request:
    the person who asked). Phases after the first (Art. 33(4) GDPR) are notices of their own. After the deadline,
    `delay_reason` says why it was not told earlier (Art. 33(1) GDPR). A case of breach that nobody had confirmed is
    confirmed by it: who tells the authority is aware. Raises CaseError.
    """
    asked(who, reason)
    undecided(case, "notify")
    told = now if notified_at is None else notified_at
    if case.kind == "breach" and case.state is State.OPEN and case.detected_at <= told <= now:
        aware = confirm(case, who=who, reason=reason, now=now, aware_at=_earliest_start(case, told))
        before = replace(aware.case, revision=case.revision)
        done = notify(
            before,
            who=who,
            reason=reason,
            now=now,
            notified_at=told,
            delay_reason=delay_reason,
            clock=clock,
            phase=phase,
            reference=reference,
        )
        return replace(done, audit=(*aware.audit, *done.audit))
    _told_in_time(case, told, now)
    addressed = _addressed(case, clock)
    given = _phase(case, addressed, phase)
    late = addressed is not None and addressed.is_legal and addressed.met_at is None and told > addressed.deadline_at
    if addressed is not None and late and not delay_reason.strip():
        raise CaseError(
            f"the deadline of case {case.id} was {rfc3339(addressed.deadline_at)}: a reason for the delay is needed",
            "say it with --delay-reason; the authority is owed it too (Art. 33(1) GDPR)",
        )
    after = _noticed(case, addressed, Notice("", "", given, told, now, reference))
    detail = {
        "notified_at": told,
        "delay_reason": delay_reason.strip() or None,
        "clock": None if addressed is None else f"{addressed.regime}/{addressed.step}",
        "phase": given,
        "reference": reference,
    }
    key = f"notified-n{len(after.notices)}" if case.notices else nth(case, "notified")
    return moved(case, recounted(case, after, now), Act("notify", who, reason, now, key), detail)


def close(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The case is done. From `confirmed`, the reason says why no notice was owed (Art. 33(5) GDPR).

    Raises CaseError.
    """
    asked(who, reason)
    allowed(case, State.CLOSED, "close")
    after = replace(case, state=State.CLOSED, state_before=case.state, closed_at=now)
    return moved(case, after, Act("close", who, reason, now, nth(case, "closed")), {})


def reopen(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The decision is taken back: the state before it holds again. No clock is reset. Raises CaseError."""
    asked(who, reason)
    if case.state not in {State.CLOSED, State.DISMISSED} or case.state_before not in NEXT[case.state]:
        raise impossible(case, "reopen")
    after = replace(
        case, state=case.state_before, state_before=None, dismissal=None, closed_at=None, reopened=case.reopened + 1
    )
    return moved(case, after, Act("reopen", who, reason, now, nth(after, "reopened")), {})


MOVES: Mapping[str, Callable[..., Verdict]] = {
    "confirm": confirm,
    "dismiss": dismiss,
    "notify": notify,
    "close": close,
    "reopen": reopen,
    **duties.MOVES,
}
"""Each move by its name on the command line. Merging and splitting, which change two cases, are in `joining`."""


# --- who was told --------------------------------------------------------------------------------------------


def _told_in_time(case: Case, told: Micros, now: Micros) -> None:
    if told > now:
        raise CaseError(f"the authority cannot have been told at {rfc3339(told)}: that is still to come")
    if told < min(case.occurred_from, case.detected_at):
        raise CaseError(f"the authority cannot have been told at {rfc3339(told)}: nothing had happened yet")


def _addressed(case: Case, name: str | None) -> Clock | None:
    """The clock that a notice is about; None for a case that has none of the kind."""
    if name is not None:
        chosen = clock_named(case, name)
        if chosen.anchor == "step" and chosen.provisional and chosen.met_at is None:
            raise CaseError(f"'{name}' comes after '{chosen.after}', which is not done yet")
        return chosen
    main = [clock for clock in case.clocks if clock.step in MAIN_STEPS]
    due = [clock for clock in main if clock.met_at is None and clock.waived_at is None] or main
    if len(due) > 1:
        names = ", ".join(f"--clock {clock.regime}/{clock.step}" for clock in due)
        raise CaseError(f"case {case.id} has {len(due)} authorities to tell: say which one", f"one of {names}")
    return due[0] if due else None


def _phase(case: Case, addressed: Clock | None, given: str | None) -> Phase:
    is_first = addressed.met_at is None if addressed is not None else not case.notices
    if given is None and is_first:
        return "initial"
    known = next((phase for phase in PHASES if phase == given), None)
    if known is None:
        said = f"'{given}' is no phase" if given is not None else f"case {case.id} is notified already"
        raise CaseError(said, f"say --phase {', '.join(PHASES[1:])}")
    if (known == "initial") is not is_first:
        raise CaseError("the first notice is the initial one" if is_first else "the initial notice was sent already")
    return known


def _noticed(case: Case, addressed: Clock | None, sent: Notice) -> Case:
    """The case with the notice in it and the clock met; a further phase meets nothing again."""
    if addressed is not None:
        sent = replace(sent, regime=addressed.regime, step=addressed.step)
    clocks = tuple(
        replace(clock, met_at=sent.at) if clock is addressed and clock.met_at is None else clock
        for clock in case.clocks
    )
    is_main = addressed is None or addressed.step in MAIN_STEPS
    after = replace(case, clocks=clocks, notices=(*case.notices, sent))
    if not is_main:
        return after
    return replace(
        after, state=State.NOTIFIED, notified_at=case.notified_at if case.notified_at is not None else sent.at
    )


# --- since when we were aware --------------------------------------------------------------------------------


def _awareness(case: Case, now: Micros, given: Micros | None, *, correction: bool) -> Micros:
    """When the controller was aware, or a CaseError that says why it cannot have been then."""
    fixed = min(_final_starts(case), default=case.aware_at)
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
    return min([told, *_final_starts(case)])


def _final_starts(case: Case) -> list[Micros]:
    """The starts that awareness has set for good."""
    return [clock.starts_at for clock in case.clocks if clock.anchor == "aware" and not clock.provisional]

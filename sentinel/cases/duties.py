"""Moves about who does what and which duties a case has: owners, notes and tasks, role, risk, classification, waivers.

Rule of this file: none of them changes the state of a case, and none sets a start later than it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import get_args

from sentinel.cases.clocks import started
from sentinel.cases.moving import (
    Act,
    CaseError,
    asked,
    clock_named,
    impossible,
    moved,
    recounted,
    undecided,
    with_clock,
)
from sentinel.cases.severity import check_rating
from sentinel.clock import Micros, rfc3339
from sentinel.model import Case, Clock, Risk, Role, State, Task, Verdict

FIELDS = (
    "nature",
    "how_found",
    "occurred",
    "people_categories",
    "people_count",
    "records_count",
    "data_categories",
    "consequences",
    "likelihood",
    "cyber",
    "affected",
    "impact",
    "recovery",
    "measures_taken",
    "measures_planned",
    "prevention",
    "training",
    "people_told",
    "other_authorities",
    "cross_border",
    "contact",
    "advice",
    "dpo_advice",
)
"""What a person may write into the documents of a case; see docs/documents.md."""


def acknowledge(case: Case, *, who: str, reason: str, now: Micros, owner: str | None = None) -> Verdict:
    """Somebody has seen the case and `owner` (default: who says so) looks after it; no clock stops.

    Raises CaseError.
    """
    asked(who, reason)
    if case.state is State.MERGED:
        raise impossible(case, "acknowledge")
    chosen = _named(owner or who)
    after = replace(case, acknowledged_at=case.acknowledged_at or now, owner=chosen)
    return moved(case, after, Act("acknowledge", who, reason, now, None), {"owner": chosen})


def own(case: Case, *, who: str, reason: str, now: Micros, owner: str | None = None) -> Verdict:
    """`owner` (default: who says so) looks after the case from now on. Raises CaseError."""
    asked(who, reason)
    if case.state is State.MERGED:
        raise impossible(case, "own")
    chosen = _named(owner or who)
    return moved(case, replace(case, owner=chosen), Act("own", who, reason, now, None), {"owner": chosen})


def note(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The reason is written to the audit trail; the case stays as it is. Raises CaseError for an empty one."""
    asked(who, reason)
    return moved(case, case, Act("note", who, reason, now, None), {})


def describe(case: Case, *, who: str, reason: str, now: Micros, field: str = "", text: str = "") -> Verdict:
    """What a document is to say in this field, in the words of a person; the newest counts. Raises CaseError."""
    asked(who, reason)
    if field not in FIELDS:
        raise CaseError(f"there is no field '{field[:40]}'", f"one of {', '.join(FIELDS)}")
    if not text.strip():
        raise CaseError("the field needs a text")
    return moved(case, case, Act("describe", who, reason, now, None), {"field": field, "text": text.strip()})


def task(case: Case, *, who: str, reason: str, now: Micros, due_at: Micros | None = None) -> Verdict:
    """The reason says what is to be done, by `due_at` if given. Raises CaseError."""
    asked(who, reason)
    undecided(case, "give a task in")
    added = Task(len(case.tasks) + 1, due_at)
    after = replace(case, tasks=(*case.tasks, added))
    return moved(case, after, Act("task", who, reason, now, None), {"task": added.number, "due_at": due_at})


def done(case: Case, *, who: str, reason: str, now: Micros, number: str = "") -> Verdict:
    """The task of that number is done. Raises CaseError."""
    asked(who, reason)
    open_tasks = [each for each in case.tasks if each.done_at is None]
    found = next((each for each in open_tasks if str(each.number) == number), None)
    if found is None:
        names = ", ".join(str(each.number) for each in open_tasks) or "none"
        raise CaseError(f"case {case.id} has no task '{number[:10]}' to be done", f"open tasks: {names}")
    tasks = tuple(replace(each, done_at=now) if each is found else each for each in case.tasks)
    return moved(case, replace(case, tasks=tasks), Act("done", who, reason, now, None), {"task": found.number})


def role(case: Case, *, who: str, reason: str, now: Micros, role: str = "", lead: str | None = None) -> Verdict:
    """Controller, processor or joint controller in this case; the clocks are those of the role, with the same starts.

    A processor tells the controller (Art. 33(2) GDPR); `lead` names that controller, or who leads of joint ones.
    Raises CaseError.
    """
    asked(who, reason)
    undecided(case, "change the role in")
    chosen: Role | None = next((each for each in get_args(Role) if each == role), None)
    if chosen is None:
        raise CaseError(f"there is no role '{role[:40]}'", f"one of {', '.join(get_args(Role))}")
    after = recounted(case, replace(case, role=chosen), now)
    return moved(case, after, Act("role", who, reason, now, None), {"role": chosen, "before": case.role, "lead": lead})


def assess(case: Case, *, who: str, reason: str, now: Micros, risk: str = "") -> Verdict:
    """A person's decision on the risk to people: `unlikely`, `likely` or `high`; the reason is its documentation.

    A high risk begins the clock for telling the people concerned (Art. 34 GDPR). Raises CaseError.
    """
    asked(who, reason)
    undecided(case, "assess")
    chosen: Risk | None = next((each for each in get_args(Risk) if each == risk), None)
    if chosen is None:
        raise CaseError(f"there is no risk '{risk[:40]}'", f"one of {', '.join(get_args(Risk))}")
    after = recounted(case, replace(case, risk=chosen), now)
    return moved(case, after, Act("assess", who, reason, now, None), {"risk": chosen, "before": case.risk})


def rate(case: Case, *, who: str, reason: str, now: Micros, factors: str = "") -> Verdict:
    """What a person says of factors of the severity, as `intent=malicious integrity=kept`. Raises CaseError."""
    asked(who, reason)
    given = dict(check_rating(text) for text in factors.split())
    if not given:
        raise CaseError("nothing is rated", "say it as intent=malicious")
    after = replace(case, rated=tuple((dict(case.rated) | given).items()))
    return moved(case, after, Act("rate", who, reason, now, None), {"rated": given})


def export(case: Case, *, who: str, reason: str, now: Micros, digest: str = "") -> Verdict:
    """The case leaves Sentinel as an archive whose manifest has this digest (SHA-256). Raises CaseError."""
    asked(who, reason)
    return moved(case, case, Act("export", who, reason, now, None), {"digest": digest})


def classify(
    case: Case, *, who: str, reason: str, now: Micros, regime: str = "", classified_at: Micros | None = None
) -> Verdict:
    """The case is one that the regime means (major, notifiable, determined), since `classified_at` (default: now).

    Moves earlier afterwards, never later. Raises CaseError.
    """
    asked(who, reason)
    undecided(case, "classify")
    names = sorted({clock.regime for clock in case.clocks if clock.anchor == "classified"})
    if regime not in names:
        raise CaseError(
            f"case {case.id} has no clock of '{regime[:40]}' that counts from a classification",
            f"those that do: {', '.join(names) or 'none'}",
        )
    at = now if classified_at is None else classified_at
    if at > now or at < min(case.occurred_from, case.detected_at):
        raise CaseError(f"it cannot have been classified at {rfc3339(at)}")
    known = dict(case.classified)
    if at >= known.get(regime, at + 1):
        raise CaseError(f"it is classified since {rfc3339(known[regime])}, and only an earlier moment can be set")
    after = replace(case, classified=tuple((known | {regime: at}).items()))
    detail = {"regime": regime, "classified_at": at, "before": known.get(regime)}
    return moved(case, recounted(case, after, now), Act("classify", who, reason, now, None), detail)


def waive(case: Case, *, who: str, reason: str, now: Micros, clock: str = "") -> Verdict:
    """The duty does not exist in this case, as the reason says; its clock stops, and can go on. Raises CaseError."""
    return _waived(case, Act("waive", who, reason, now, None), clock, now)


def unwaive(case: Case, *, who: str, reason: str, now: Micros, clock: str = "") -> Verdict:
    """The duty exists after all; its clock goes on from the start it had. Raises CaseError."""
    return _waived(case, Act("unwaive", who, reason, now, None), clock, None)


def extend(case: Case, *, who: str, reason: str, now: Micros, clock: str = "answer") -> Verdict:
    """The period of a request is extended, counted from receipt (Art. 12(3) GDPR: two further months).

    Only before the first period is over, for the person has to be told within it. Raises CaseError.
    """
    asked(who, reason)
    undecided(case, "extend")
    chosen = clock_named(case, clock)
    if chosen.extension is None or chosen.met_at is not None:
        raise CaseError(
            f"'{clock}' of case {case.id} cannot be extended", "a period is extended once, before it is met"
        )
    if now > chosen.deadline_at:
        raise CaseError(
            f"'{clock}' of case {case.id} ended at {rfc3339(chosen.deadline_at)}: it cannot be extended any more",
            "Art. 12(3) GDPR: the person is told within one month of receipt",
        )
    counting = replace(chosen.counting, amount=chosen.extension)
    longer = replace(chosen, counting=counting, extension=None)
    longer = started(longer, chosen.starts_at, chosen.starts_at, provisional=False)
    after = recounted(case, with_clock(case, longer), now)
    return moved(case, after, Act("extend", who, reason, now, None), {"clock": clock, "until": longer.deadline_at})


def hold(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """Nothing of the case may be destroyed (Art. 17(3)(b) and (e) GDPR: duties, legal claims). Raises CaseError."""
    asked(who, reason)
    if case.destroyed_at is not None or case.held_at is not None:
        since = rfc3339(case.destroyed_at or case.held_at or now)
        word = "destroyed" if case.destroyed_at is not None else "held"
        raise CaseError(f"the evidence of case {case.id} is {word} since {since}")
    return moved(case, replace(case, held_at=now), Act("hold", who, reason, now, None), {})


def release(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The case is not held any more: what is kept of it may be destroyed when its time is over. Raises CaseError."""
    asked(who, reason)
    if case.held_at is None:
        raise CaseError(f"case {case.id} is not held")
    return moved(case, replace(case, held_at=None), Act("release", who, reason, now, None), {"held_at": case.held_at})


def destroy(case: Case, *, who: str, reason: str, now: Micros) -> Verdict:
    """The records of the case and the names in it are destroyed, once it is decided and not held. Raises CaseError."""
    asked(who, reason)
    if case.held_at is not None:
        raise CaseError(f"case {case.id} is held", "sentinel case release, by whoever may decide that")
    if case.destroyed_at is not None:
        raise CaseError(f"the evidence of case {case.id} was destroyed at {rfc3339(case.destroyed_at)}")
    if case.state not in {State.CLOSED, State.DISMISSED}:
        hint = "its evidence is needed until it is closed or dismissed"
        raise CaseError(f"case {case.id} is {case.state.value}", hint)
    return moved(case, replace(case, destroyed_at=now), Act("destroy", who, reason, now, None), {})


MOVES: Mapping[str, Callable[..., Verdict]] = {
    "acknowledge": acknowledge,
    "own": own,
    "note": note,
    "describe": describe,
    "task": task,
    "done": done,
    "role": role,
    "assess": assess,
    "rate": rate,
    "export": export,
    "classify": classify,
    "waive": waive,
    "unwaive": unwaive,
    "extend": extend,
    "hold": hold,
    "release": release,
}


def _waived(case: Case, act: Act, name: str, at: Micros | None) -> Verdict:
    asked(act.who, act.reason)
    undecided(case, act.name)
    clock: Clock = clock_named(case, name)
    if clock.met_at is not None or (clock.waived_at is None) is (at is None):
        raise CaseError(f"cannot {act.name} '{name}' of case {case.id}: it is met, or stands so already")
    after = with_clock(case, replace(clock, waived_at=at))
    return moved(case, after, act, {"clock": f"{clock.regime}/{clock.step}"})


def _named(owner: str) -> str:
    if not owner.strip():
        raise CaseError("an owner has a name")
    return owner.strip()

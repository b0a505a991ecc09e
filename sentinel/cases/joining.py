"""Moves that change two cases: merging one into another, undoing that, and splitting findings off.

Rules of this file:
1. Merging moves no clock later: what is merged has the earlier awareness, detection and start of both.
2. A merged case stays as it was, readable, and points to where it goes on; undoing gives it back its own life, and
   the other case what it had before, but for what was decided about it since.
3. What is split off has the clocks, the awareness and the reminders of the case it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sentinel.cases.identity import own_hash, split_id
from sentinel.cases.moving import NEXT, Act, CaseError, allowed, asked, impossible, moved, recounted, undecided
from sentinel.clock import Micros
from sentinel.model import Absorbed, Case, Clock, Level, State, Verdict

_FURTHER = {State.OPEN: 0, State.CONFIRMED: 1, State.NOTIFIED: 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a case consists of: one finding of it, or several taken together."""

    ids: tuple[str, ...]
    rules: tuple[str, ...]
    systems: tuple[str, ...]
    categories: tuple[str, ...]
    level: Level
    subjects: int | None
    first_seen: Micros
    last_seen: Micros


def merge(
    case: Case, into: Case, *, who: str, reason: str, now: Micros, subjects: int | None = None
) -> tuple[Verdict, Verdict]:
    """The case goes on in `into`: both as they are then. `subjects` is the number of distinct people of both.

    Raises CaseError; also where the case is further than the one it would go into.
    """
    asked(who, reason)
    allowed(case, State.MERGED, "merge")
    undecided(into, "merge into")
    if case.id == into.id:
        raise CaseError(f"case {case.id} cannot be merged into itself")
    if case.kind != into.kind or case.role != into.role:
        raise CaseError(f"cases {case.id} and {into.id} are of different kinds or roles")
    if _FURTHER[case.state] > _FURTHER[into.state]:
        raise CaseError(
            f"case {case.id} is {case.state.value} and {into.id} only {into.state.value}",
            f"merge {into.id} into {case.id} instead",
        )
    gone = replace(case, state=State.MERGED, state_before=case.state, merged_into=into.id)
    whole = _whole(case, into, now, subjects)
    return (
        moved(case, gone, Act("merge", who, reason, now, None), {"into": into.id}),
        moved(into, whole, Act("absorb", who, reason, now, None), {"case": case.id, "aware_before": into.aware_at}),
    )


def unmerge(
    case: Case, into: Case, *, who: str, reason: str, now: Micros, subjects: int | None = None
) -> tuple[Verdict, Verdict]:
    """The merge is undone. `subjects` is the number of people of `into` without the case. Raises CaseError."""
    asked(who, reason)
    if case.state is not State.MERGED or case.state_before not in NEXT[State.MERGED]:
        raise impossible(case, "unmerge")
    undecided(into, "take a case out of")
    brought = next((each for each in into.absorbed if each.case_id == case.id), None)
    if brought is None:
        raise CaseError(f"case {into.id} does not hold case {case.id}")
    if brought is not into.absorbed[-1]:
        raise CaseError(f"first undo what was merged later: {into.absorbed[-1].case_id}")
    back = replace(case, state=case.state_before, state_before=None, merged_into=None)
    rest = _without(into, brought, subjects, now)
    return (
        moved(case, back, Act("unmerge", who, reason, now, None), {"from": into.id}),
        moved(into, rest, Act("release", who, reason, now, None), {"case": case.id, "aware_before": into.aware_at}),
    )


def split(
    case: Case, chosen: Sequence[Part], rest: Sequence[Part], *, who: str, reason: str, now: Micros
) -> tuple[Verdict, Verdict]:
    """The chosen findings become a case of their own, the rest stays. Raises CaseError."""
    asked(who, reason)
    undecided(case, "split")
    if case.state is State.NOTIFIED:
        raise impossible(case, "split")
    if not chosen or not rest:
        raise CaseError(f"case {case.id} keeps at least one finding, and at least one goes", "name them by their ids")
    out, stay = _together(chosen), _together(rest)
    new_id = split_id(case.id, out.ids)
    child = replace(
        _made_of(case, out),
        id=new_id,
        key_hash=own_hash(new_id),
        absorbed=(),
        split_from=case.id,
        revision=0,
    )
    parent = _made_of(case, stay)
    parent = replace(parent, subjects=case.subjects)
    return (
        moved(case, parent, Act("split", who, reason, now, None), {"into": new_id, "findings": list(out.ids)}),
        moved(child, child, Act("split_off", who, reason, now, None), {"case": case.id, "findings": list(out.ids)}),
    )


# --- two in one ----------------------------------------------------------------------------------------------


def _whole(case: Case, into: Case, now: Micros, subjects: int | None) -> Case:
    aware = _earliest(case.aware_at, into.aware_at)
    occurred = (min(case.occurred_from, into.occurred_from), max(case.occurred_to, into.occurred_to))
    brought = Absorbed(
        case_id=case.id,
        findings=case.findings,
        rules=tuple(rule for rule in case.rules if rule not in into.rules),
        systems=tuple(system for system in case.systems if system not in into.systems),
        categories=tuple(category for category in case.categories if category not in into.categories),
        level=case.level,
        level_before=into.level,
        aware_before=into.aware_at,
        aware_after=aware,
        detected_before=into.detected_at,
        occurred_before=(into.occurred_from, into.occurred_to),
        occurred_after=occurred,
        clocks_before=(*into.clocks, *into.dormant),
    )
    whole = replace(
        into,
        findings=into.findings + case.findings,
        rules=(*into.rules, *brought.rules),
        systems=(*into.systems, *brought.systems),
        categories=(*into.categories, *brought.categories),
        level=max(case.level, into.level),
        subjects=_more(into.subjects, case.subjects) if subjects is None else subjects,
        aware_at=aware,
        detected_at=min(case.detected_at, into.detected_at),
        occurred_from=occurred[0],
        occurred_to=occurred[1],
        clocks=_earlier(into.clocks, (*case.clocks, *case.dormant)),
        dormant=_earlier(into.dormant, (*case.clocks, *case.dormant)),
        absorbed=(*into.absorbed, brought),
    )
    return recounted(into, whole, now)


def _earlier(clocks: Iterable[Clock], others: Sequence[Clock]) -> tuple[Clock, ...]:
    """The clocks, each from the earlier start of both cases; one that is met stays as it was met."""
    known = {(clock.regime, clock.step): clock for clock in others}
    made = []
    for clock in clocks:
        other = known.get((clock.regime, clock.step), clock)
        sooner = other.starts_at < clock.starts_at and clock.anchor in {"aware", "detected", "classified", "received"}
        made.append(
            replace(clock, starts_at=other.starts_at, deadline_at=min(clock.deadline_at, other.deadline_at))
            if sooner and clock.met_at is None
            else clock
        )
    return tuple(made)


def _without(into: Case, brought: Absorbed, subjects: int | None, now: Micros) -> Case:
    untouched = into.aware_at == brought.aware_after and brought.aware_before != brought.aware_after
    given_back = untouched and (brought.aware_before is not None or into.state is State.OPEN)
    same_days = (into.occurred_from, into.occurred_to) == brought.occurred_after
    occurred = brought.occurred_before if same_days else (into.occurred_from, into.occurred_to)
    before = {(clock.regime, clock.step): clock for clock in brought.clocks_before}
    aware = brought.aware_before if given_back else into.aware_at
    rest = replace(
        into,
        findings=into.findings - brought.findings,
        rules=tuple(rule for rule in into.rules if rule not in brought.rules),
        systems=tuple(system for system in into.systems if system not in brought.systems),
        categories=tuple(category for category in into.categories if category not in brought.categories),
        level=into.level if into.level > max(brought.level, brought.level_before) else brought.level_before,
        subjects=into.subjects if subjects is None else subjects,
        aware_at=aware,
        detected_at=brought.detected_before,
        occurred_from=occurred[0],
        occurred_to=occurred[1],
        clocks=tuple(_given_back(clock, before) for clock in into.clocks),
        dormant=tuple(_given_back(clock, before) for clock in into.dormant),
        absorbed=into.absorbed[:-1],
    )
    return recounted(into, rest, now)


def _given_back(clock: Clock, before: dict[tuple[str, str], Clock]) -> Clock:
    """The clock from the start it had before the merge; one that was met in the meantime keeps the earlier one."""
    old = before.get((clock.regime, clock.step))
    if old is None or clock.met_at != old.met_at:
        return clock
    return replace(clock, starts_at=old.starts_at, deadline_at=old.deadline_at, provisional=old.provisional)


def _earliest(one: Micros | None, other: Micros | None) -> Micros | None:
    return min((each for each in (one, other) if each is not None), default=None)


def _more(one: int | None, other: int | None) -> int | None:
    return max((each for each in (one, other) if each is not None), default=None)


# --- one in two ----------------------------------------------------------------------------------------------


def _together(parts: Sequence[Part]) -> Part:
    counts = [part.subjects for part in parts]
    return Part(
        ids=tuple(name for part in parts for name in part.ids),
        rules=_united(part.rules for part in parts),
        systems=_united(part.systems for part in parts),
        categories=_united(part.categories for part in parts),
        level=max(part.level for part in parts),
        # Two findings may name the same people: more than the largest number is not known.
        subjects=max((count for count in counts if count is not None), default=None),
        first_seen=min(part.first_seen for part in parts),
        last_seen=max(part.last_seen for part in parts),
    )


def _united(words: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for each in words for word in each))


def _made_of(case: Case, part: Part) -> Case:
    return replace(
        case,
        findings=len(part.ids),
        rules=part.rules,
        systems=part.systems,
        categories=part.categories,
        level=part.level,
        subjects=part.subjects,
        occurred_from=part.first_seen,
        occurred_to=part.last_seen,
    )

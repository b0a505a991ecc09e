"""No sequence of moves leaves the table, resets a clock, loses an audit row or changes an earlier one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.cases.duties import FIELDS
from sentinel.cases.joining import merge, unmerge
from sentinel.cases.moves import DISMISSALS, MOVES, PHASES
from sentinel.cases.moving import NEXT, CaseError
from sentinel.cases.opening import opened_by_hand
from sentinel.cases.options import CaseOptions
from sentinel.cases.reminders import remind
from sentinel.clock import DAY, HOUR
from sentinel.model import Case, Clock, State, Verdict
from sentinel.store import Batch
from sentinel.store.audit import AuditRow
from tests.unit.cases_fixtures import NOW, a_finding, judged
from tests.unit.store_samples import a_store

OPTIONS = CaseOptions(clocks=("gdpr", "nis2", "dora", "hipaa"), timezone="Europe/Berlin", calendar="DE-BE")
CLOCKS = ["gdpr/authority", "gdpr/people", "nis2/early_warning", "nis2/final", "dora/authority", "dora", "answer", "x"]

moments = st.one_of(st.none(), st.integers(NOW - 2 * HOUR, NOW + 90 * DAY))
given_to: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "confirm": {"aware_at": moments},
    "dismiss": {"code": st.sampled_from([None, *DISMISSALS, "nonsense"])},
    "notify": {
        "notified_at": moments,
        "delay_reason": st.sampled_from(["", "the form was down"]),
        "clock": st.sampled_from([None, *CLOCKS]),
        "phase": st.sampled_from([None, *PHASES]),
    },
    "describe": {"field": st.sampled_from([*FIELDS, "x"]), "text": st.just("words")},
    "task": {"due_at": moments},
    "done": {"number": st.sampled_from(["1", "2", "x"])},
    "role": {"role": st.sampled_from(["controller", "processor", "joint", "x"])},
    "assess": {"risk": st.sampled_from(["unlikely", "likely", "high", "x"])},
    "classify": {"regime": st.sampled_from(["dora", "gdpr"]), "classified_at": moments},
    "waive": {"clock": st.sampled_from(CLOCKS)},
    "unwaive": {"clock": st.sampled_from(CLOCKS)},
    "extend": {"clock": st.sampled_from(CLOCKS)},
}


@dataclass(frozen=True)
class Step:
    name: str
    on: int
    pause: int
    given: dict[str, Any]


@st.composite
def steps(draw: st.DrawFn) -> Step:
    name = draw(st.sampled_from([*sorted(MOVES), "merge", "unmerge", "remind"]))
    given = {key: draw(each) for key, each in given_to.get(name, {}).items()}
    return Step(name, draw(st.integers(0, 2)), draw(st.integers(0, 40 * HOUR)), given)


def at_first() -> list[Case]:
    first = judged(a_finding(), options=OPTIONS).case
    second = replace(judged(a_finding(id="f_2"), now=NOW + HOUR, options=OPTIONS).case, id="C-SECOND00", key_hash=9)
    asked: dict[str, Any] = {"who": "ada", "reason": "by mail", "now": NOW, "options": OPTIONS}
    return [first, second, opened_by_hand(kind="sar", received_at=NOW - DAY, **asked).case]


def decided(step: Step, cases: list[Case], now: int) -> list[tuple[int, Verdict]]:
    """What the step changes, by the place of the case; nothing where it is refused."""
    case = cases[step.on]
    who: dict[str, Any] = {"who": "ada", "reason": "because", "now": now}
    try:
        if step.name == "remind":
            verdict = remind(case, now, OPTIONS)
            return [] if verdict is None else [(step.on, verdict)]
        if step.name in {"merge", "unmerge"}:
            other = 1 - step.on if step.on < 2 else 0
            both = (merge if step.name == "merge" else unmerge)(case, cases[other], **who)
            return [(step.on, both[0]), (other, both[1])]
        return [(step.on, MOVES[step.name](case, **who, **step.given))]
    except CaseError:
        return []


def clocks(case: Case) -> dict[tuple[str, str], Clock]:
    return {(clock.regime, clock.step): clock for clock in (*case.clocks, *case.dormant)}


def check(step: Step, before: Case, after: Case) -> None:
    assert after.state is before.state or after.state in NEXT[before.state]
    assert (after.id, after.kind, after.key_hash, after.received_at) == (
        before.id, before.kind, before.key_hash, before.received_at,
    )  # fmt: skip
    assert after.revision == before.revision + 1
    known, now_known = clocks(before), clocks(after)
    assert known.keys() == now_known.keys()
    brought = {
        (clock.regime, clock.step): clock
        for each in before.absorbed[-1:]
        if step.name == "unmerge"
        for clock in each.clocks_before
    }
    for name, old in known.items():
        new = now_known[name]
        assert old.met_at is None or new.met_at == old.met_at
        assert old.provisional or not new.provisional or name in brought
        final = not old.provisional and old.anchor != "step"
        assert not final or new.starts_at <= max(old.starts_at, brought.get(name, old).starts_at)
        if step.name not in {"confirm", "classify", "notify", "merge", "unmerge"}:
            assert new.starts_at == old.starts_at
        if new.starts_at == old.starts_at and step.name not in {"extend", "classify", "notify", "confirm", "unmerge"}:
            assert new.deadline_at <= old.deadline_at or old.counting.cap_hours
        assert set(old.reminded) <= {each.removeprefix("provisional:") for each in new.reminded} | set(new.reminded)


@given(st.lists(steps(), max_size=25))
@settings(max_examples=300, deadline=None)
def test_no_sequence_of_moves_leaves_the_table_or_resets_a_clock(path: list[Step]) -> None:
    cases, now, owed = at_first(), NOW + HOUR, set[tuple[str, str]]()
    for step in path:
        now += step.pause
        before = repr(cases)
        changes = decided(step, cases, now)
        assert repr(cases) == before
        for place, verdict in changes:
            check(step, cases[place], verdict.case)
            keys = {(verdict.case.id, notification.key) for notification in verdict.owed}
            assert owed.isdisjoint(keys)
            owed |= keys
            assert verdict.audit or step.name == "remind"
            cases[place] = verdict.case


@given(st.lists(steps(), min_size=1, max_size=10))
@settings(max_examples=25, deadline=None)
def test_no_audit_row_is_lost_or_changed_by_what_comes_after(path: list[Step]) -> None:
    with TemporaryDirectory() as folder, a_store(Path(folder)) as store:
        cases, now, rows, wanted = at_first(), NOW + HOUR, list[AuditRow](), 0
        for step in path:
            now += step.pause
            batch = Batch()
            for place, verdict in decided(step, cases, now):
                cases[place] = verdict.case
                batch.verdict(verdict)
                wanted += len(verdict.audit)
            store.commit(batch)
            found = store.audit()
            assert found[: len(rows)] == rows
            assert len(found) == wanted
            rows = found
        assert store.verify_audit() == []
        assert {case.id: case for case in store.cases()}.items() <= {case.id: case for case in cases}.items()


def test_a_merged_case_can_only_be_given_back() -> None:
    gone = merge(*at_first()[:2], who="ada", reason="same", now=NOW + 2 * HOUR)[0].case
    for name, act in MOVES.items():
        options = {"describe": {"field": "nature", "text": "x"}}.get(name, {})
        try:
            after = act(gone, who="ada", reason="because", now=NOW + 3 * HOUR, **options).case
        except CaseError:
            continue
        assert after.state is State.MERGED, name

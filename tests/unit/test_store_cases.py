from __future__ import annotations

import dataclasses
import json
from contextlib import closing
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.model import Absorbed, Case, Clock, Level, Mode, Notice, State, Task, Verdict
from sentinel.store import Batch
from sentinel.store.cases import FindingValues, from_text, to_text
from sentinel.store.connection import open_writer
from sentinel.store.folder import DATABASE
from sentinel.vault import KeyUnavailable
from tests.unit.store_samples import a_batch, a_batch_of_cases, a_case, a_finding, a_store

# Every field, also those added later, gets values of its own type.
# Of what a case holds several of, few: making many is slow and shows nothing more.
FEW = {"clocks": Clock, "dormant": Clock, "notices": Notice, "tasks": Task}
CASES = st.builds(
    Case,
    **{name: st.from_type(kind) for name, kind in get_type_hints(Case).items() if name not in {*FEW, "absorbed"}},
    **{name: st.lists(st.from_type(kind), max_size=2).map(tuple) for name, kind in FEW.items()},
    absorbed=st.lists(
        st.builds(Absorbed, clocks_before=st.lists(st.from_type(Clock), max_size=1).map(tuple)), max_size=1
    ).map(tuple),
)


def one(case: Case) -> Batch:
    batch = Batch()
    batch.verdict(Verdict(case=case))
    return batch


@given(CASES)
def test_a_case_comes_back_as_it_was_but_for_its_owner(case: Case) -> None:
    assert from_text(to_text(case)) == dataclasses.replace(case, owner=None)


def test_every_field_of_a_case_is_there_after_a_restart(tmp_path: Path) -> None:
    full = a_case(
        state=State.CLOSED, owner="kim.larsen", aware_at=2, historical=True, state_before=State.NOTIFIED, revision=7
    )
    with a_store(tmp_path) as store:
        store.commit(one(full))
    with a_store(tmp_path) as store:
        assert store.case("C-1") == full


def test_a_field_of_a_newer_version_is_passed_over() -> None:
    text = to_text(a_case()).replace('{"id"', '{"colour":"red","id"', 1).replace('{"regime"', '{"zone":1,"regime"', 1)
    assert from_text(text) == a_case()


def test_a_clock_of_an_older_version_that_had_hours_alone_counts_them_still() -> None:
    body = json.loads(to_text(a_case()))
    for clock in body["clocks"]:
        clock["hours"] = clock.pop("counting")["amount"]
    assert from_text(json.dumps(body)) == a_case()


def test_only_cases_that_still_run_are_open(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch_of_cases(*(a_case(f"C-{state}", state=state) for state in State)))
        assert [case.state for case in store.open_cases()] == [State.OPEN, State.CONFIRMED, State.NOTIFIED]
        assert len(store.cases()) == len(State)


def test_a_case_keeps_its_place_when_it_changes(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch_of_cases(a_case("C-1"), a_case("C-2")))
        store.commit(one(a_case("C-1", level=Level.CRITICAL, revision=1)))
        assert [(case.id, case.revision) for case in store.cases()] == [("C-1", 1), ("C-2", 0)]
        assert store.case("C-3") is None


def test_the_last_of_several_verdicts_on_a_case_counts(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch_of_cases(a_case(revision=0), a_case(revision=1), a_case(revision=2)))
        assert [case.revision for case in store.cases()] == [2]


def test_a_finding_keeps_its_newest_numbers_and_counts_its_updates(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        store.commit(a_batch(finding=a_finding(value=120.5, subjects=None, update=True, level=Level.CRITICAL)))
        (found,) = store.findings("C-1")
        assert (found.value, found.updates, found.level) == (120.5, 1, Level.CRITICAL)
        assert found.subjects == a_finding().subjects
        assert store.finding_values("f_1") == FindingValues(a_finding().group, a_finding().case_key, a_finding().actors)
        assert (found.mode, found.systems, found.rule_id) == (Mode.ENFORCE, ("patient-portal",), None)
        assert store.case_of_finding("f_1") == "C-1"
        assert store.case_of_finding("f_2") is None


def test_the_reasons_of_a_finding_are_kept_through_its_updates_and_an_older_state_has_none(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch(finding=a_finding(because=("85, where 12 is usual",))))
        store.commit(a_batch(finding=a_finding(update=True, value=90)))
        assert store.findings("C-1")[0].because == ("85, where 12 is usual",)
    with closing(open_writer(tmp_path / DATABASE)) as db:
        db.execute("UPDATE findings SET body = json_remove(body, '$.because')")
    with a_store(tmp_path) as store:
        assert store.findings("C-1")[0].because == ()


def test_a_count_comes_back_as_a_whole_number(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch(finding=a_finding(value=50)))
        (found,) = store.findings("C-1")
        assert isinstance(found.value, int)


def test_who_a_finding_is_about_is_told_only_when_asked(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        assert "kim" not in repr(store.findings("C-1"))
        pair = (("access.actor", "kim.larsen"),)
        assert store.finding_values("f_1") == FindingValues(pair, pair, ("kim.larsen",))
        assert store.finding_values("f_2") is None


def test_a_finding_of_a_shredded_case_is_kept_without_its_people(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store._vault.shred("C-1")
        store.commit(a_batch())
        assert len(store.findings("C-1")) == 1
        with pytest.raises(KeyUnavailable):
            store.finding_values("f_1")


def test_subjects_are_counted_once_a_case(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        batch = a_batch_of_cases(a_case("C-2"))
        batch.subjects("C-1", [3, 4, -(2**63), 2**63 - 1])
        batch.subjects("C-2", [3])
        store.commit(batch)
        assert store.subjects("C-1") == {1, 2, 3, 4, -(2**63), 2**63 - 1}
        assert store.subject_count("C-1") == 6
        assert store.subject_count("C-2") == 1
        assert store.subject_count("C-3") == 0


def test_a_case_keeps_its_owner_when_the_file_of_keys_is_lost(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(one(a_case(owner="kim.larsen")))
    (tmp_path / "keys.db").unlink()
    with a_store(tmp_path) as store:
        assert store.case("C-1") == a_case(owner="kim.larsen")


def test_an_owner_somebody_changed_does_not_stop_the_case(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(one(a_case(owner="kim.larsen")))
        store._db.execute("UPDATE cases SET owner = x'0102'")
        assert store.open_cases() == [a_case(owner=None)]

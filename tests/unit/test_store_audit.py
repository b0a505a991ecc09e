from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.store import Batch, Store
from sentinel.store.audit import Head
from tests.unit.store_samples import a_batch, a_case, a_finding, a_store, an_entry


def entries(*acts: str) -> Batch:
    batch = Batch()
    for act in acts:
        batch.audit(an_entry(act, None, reason="because"))
    return batch


def a_trail(folder: Path) -> Store:
    store = a_store(folder)
    store.commit(a_batch())
    store.commit(entries("looked", "left"))
    store.commit(a_batch(a_case("C-2"), a_finding("f_2")))
    return store


def test_an_entry_comes_back_with_who_and_why(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        batch = entries("looked")
        batch.audit(an_entry("noted", note="Kim says she was on call", when=("a", 1)))
        store.commit(batch)
        first, second = store.audit()
        assert (first.seq, first.case_id, first.act, first.who) == (1, None, "looked", "dpo@example.org")
        assert first.detail == {"reason": "because"}
        assert second.detail == {"note": "Kim says she was on call", "when": ["a", 1]}
        assert store.audit("C-1") == [second]


def test_an_untouched_trail_holds(tmp_path: Path) -> None:
    with a_trail(tmp_path) as store:
        assert store.verify_audit() == []
        assert store.audit_head().seq == 8


def test_an_empty_trail_holds(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        assert store.verify_audit() == []
        assert store.verify_audit(store.audit_head()) == []


# Links: 1 case, 2 entry, 3 evidence, 4 and 5 entries, 6 case, 7 entry, 8 evidence.
@pytest.mark.parametrize(
    ("change", "broken"),
    [
        ("UPDATE audit SET act = 'nothing' WHERE number = 2", [4]),
        ("UPDATE audit SET at = at + 1 WHERE number = 3", [5]),
        ("UPDATE audit SET case_id = 'C-2' WHERE number = 1", [2]),
        ("UPDATE audit SET who = (SELECT who FROM audit WHERE number = 3) WHERE number = 2", [4]),
        ("UPDATE audit SET detail = x'01' WHERE number = 1", [2]),
        ("DELETE FROM audit WHERE number = 2", [4]),
        ("INSERT INTO audit VALUES (9, 1, NULL, 'x', x'', x'', 'store')", [0]),
        ("UPDATE evidence SET sealed = x'01' WHERE number = 1", [3]),
        ("UPDATE evidence SET path = '/other' WHERE number = 2", [8]),
        ("UPDATE evidence SET sealed_digest = x'00' WHERE number = 2", [8]),
        ("DELETE FROM evidence WHERE number = 1", [3]),
        ("DELETE FROM chain WHERE seq = 4; DELETE FROM audit WHERE number = 2", [5]),
        ("DELETE FROM chain WHERE seq = 2; DELETE FROM audit WHERE number = 1", [3]),
        ("UPDATE chain SET digest = x'00' WHERE seq = 4", [4, 4]),
        ("UPDATE chain SET link = x'00' WHERE seq = 4", [4, 5]),
        ("UPDATE cases SET state = 'dismissed' WHERE number = 1", [1]),
        ("UPDATE cases SET detected_at = detected_at + 1 WHERE number = 2", [6]),
        ("UPDATE cases SET body = replace(body, '\"deadline_at\":1', '\"deadline_at\":2') WHERE number = 1", [1]),
        ("UPDATE chain SET seq = 40 WHERE seq = 8", [40]),
    ],
)
def test_a_change_behind_our_back_is_found_where_it_is(tmp_path: Path, change: str, broken: list[int]) -> None:
    with a_trail(tmp_path) as store:
        store._db.execute(change)
        assert [each.seq for each in store.verify_audit()] == broken


def test_a_trail_cut_at_its_end_holds_unless_its_head_was_kept(tmp_path: Path) -> None:
    with a_trail(tmp_path) as store:
        kept = store.audit_head()
        store._db.execute("DELETE FROM chain WHERE seq = 8; DELETE FROM evidence WHERE number = 2")
        assert store.verify_audit() == []
        assert [each.seq for each in store.verify_audit(kept)] == [8]


def test_a_trail_that_grew_still_goes_through_a_head_kept_earlier(tmp_path: Path) -> None:
    with a_trail(tmp_path) as store:
        kept = store.audit_head()
        store.commit(entries("later"))
        assert store.verify_audit(kept) == []
        assert [each.seq for each in store.verify_audit(Head(kept.seq, bytes(32)))] == [8]


def test_a_long_trail_is_read_in_pages(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(entries(*("looked" for _ in range(1100))))
        assert store.verify_audit() == []
        store._db.execute("UPDATE audit SET act = 'x' WHERE number = 1050")
        assert [each.seq for each in store.verify_audit()] == [1050]


def test_an_entry_somebody_changed_is_still_shown_as_far_as_it_can_be(tmp_path: Path) -> None:
    with a_trail(tmp_path) as store:
        store._db.execute("UPDATE audit SET who = x'01', detail = x'01' WHERE number = 2")
        changed = store.audit()[1]
        assert (changed.act, changed.who, changed.detail) == ("looked", None, None)

from __future__ import annotations

import hashlib
from pathlib import Path

from sentinel.store import Batch
from tests.unit.store_samples import a_batch, a_place, a_store, an_entry


def with_records(*records: tuple[int, bytes | None]) -> Batch:
    batch = Batch()
    for offset, raw in records:
        batch.evidence("C-1", "f_1", a_place(offset), raw)
    return batch


def test_a_record_comes_back_with_its_place_and_digest(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        (found,) = store.read_evidence("C-1")
        assert (found.place, found.finding_id, found.raw) == (a_place(), "f_1", b"GET /api/")
        assert found.sha256 == hashlib.sha256(b"GET /api/").digest()
        assert store.read_evidence("C-2") == []


def test_a_record_is_in_a_case_once(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        store.commit(with_records((0, b"again"), (10, b"other"), (10, b"other")))
        assert [(each.place.offset, each.raw) for each in store.read_evidence("C-1")] == [
            (0, b"GET /api/"),
            (10, b"other"),
        ]
        assert store.verify_audit() == []


def test_a_record_whose_bytes_were_gone_is_named_by_its_place(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        store.commit(with_records((20, None)))
        assert [each.raw for each in store.read_evidence("C-1")] == [b"GET /api/", None]
        assert store.evidence_places("C-1") == [("f_1", a_place()), ("f_1", a_place(20))]


def test_an_empty_record_is_not_a_missing_one(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        store.commit(with_records((20, b"")))
        assert store.read_evidence("C-1")[1].raw == b""


def test_sealed_bytes_moved_to_another_place_do_not_open(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        store._db.execute('UPDATE evidence SET "offset" = 99')
        assert store.read_evidence("C-1")[0].raw is None
        assert [each.reason for each in store.verify_audit()] == ["the place of its evidence was changed"]


def test_evidence_of_a_shredded_case_keeps_its_places_and_the_chain(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        assert store.shred("C-1", an_entry("shredded", reason="limitation period is over"))
        assert [(each.place, each.raw) for each in store.read_evidence("C-1")] == [(a_place(), None)]
        assert store.verify_audit() == []
        assert store.audit("C-1")[0].detail is None
        assert store.audit("C-1")[0].who == "dpo@example.org"


def test_why_a_case_was_shredded_is_still_told(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        store.shred("C-1", an_entry("shredded", reason="limitation period is over"))
        assert store.audit("C-1")[-1].detail == {"reason": "limitation period is over"}


def test_evidence_that_comes_after_the_shredding_is_kept_as_a_place_alone(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        store.shred("C-1", an_entry("shredded"))
        store.commit(with_records((30, b"late")))
        assert [each.raw for each in store.read_evidence("C-1")] == [None, None]
        assert store.verify_audit() == []


def test_a_shredded_case_stays_shredded_in_a_copy_made_before(tmp_path: Path) -> None:
    with a_store(tmp_path / "state") as store:
        store.commit(a_batch())
        copy = store.backup(tmp_path / "copies", 0)
        store.shred("C-1", an_entry("shredded"))
    (tmp_path / "state" / "sentinel.db").write_bytes(copy.read_bytes())
    with a_store(tmp_path / "state") as store:
        assert store.read_evidence("C-1")[0].raw is None
        assert len(store.cases()) == 1

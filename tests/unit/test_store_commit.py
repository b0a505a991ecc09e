from __future__ import annotations

import threading
from pathlib import Path

import pytest

from sentinel.model import Gap, Verdict
from sentinel.store import Batch, StoreBroken, StoreError, StoreFull
from sentinel.vault import KeyUnavailable, Vault
from tests.unit.store_samples import (
    MASTER,
    NOON,
    a_batch,
    a_case,
    a_finding,
    a_notification,
    a_place,
    a_position,
    a_store,
    an_entry,
)


def test_a_batch_is_empty_until_something_is_put_in() -> None:
    assert Batch().is_empty()
    assert not a_batch().is_empty()
    batch = Batch()
    batch.subjects("C-1", [])
    assert batch.is_empty()
    batch.forget("portal", 1)
    assert not batch.is_empty()


def test_everything_of_a_batch_is_there_after_a_restart(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
    with a_store(tmp_path) as store:
        assert store.positions() == [a_position(100)]
        assert [blob for _, blob in store.load_windows().deltas] == [b"delta"]
        assert store.cases() == [a_case()]
        assert store.subjects("C-1") == {1, 2, 3}
        assert [each.raw for each in store.read_evidence("C-1")] == [b"GET /api/"]
        assert [each.body for each in store.outbox_due("soc", NOON, 10)] == [b"{}"]
        assert [(each.act, each.who) for each in store.audit()] == [("opened", "dpo@example.org")]


def test_nothing_of_a_batch_is_there_if_one_part_of_it_fails(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        batch = a_batch(a_case("C-2"), a_finding("f_2"))
        batch.read(a_position(200))
        batch.evidence("C-9", "f_9", a_place(), b"a record of no case")
        with pytest.raises(StoreError, match="ConstraintError"):
            store.commit(batch)
        assert store.positions() == [a_position(100)]
        assert len(store.load_windows().deltas) == 1
        assert store.case("C-2") is None
        assert store.outbox_counts() == {("soc", "pending"): 1}
        assert store.verify_audit() == []
        assert len(store.audit()) == 1


def test_a_full_disk_changes_nothing_and_the_batch_can_be_committed_later(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        pages = int(store._db.pragma("page_count"))
        store._db.pragma("max_page_count", pages + 2)
        batch = a_batch(a_case("C-2"), a_finding("f_2"))
        batch.delta = b"x" * 100_000
        with pytest.raises(StoreFull, match="no space left"):
            store.commit(batch)
        assert not store._db.in_transaction
        assert store.case("C-2") is None
        store._db.pragma("max_page_count", pages + 1000)
        store.commit(batch)
        assert store.case("C-2") == a_case("C-2")
        assert store.verify_audit() == []


def test_a_disk_that_fails_is_told_apart_from_a_full_one(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store._db.pragma("query_only", "on")
        with pytest.raises(StoreBroken):
            store.commit(a_batch())
        store._db.pragma("query_only", "off")


def test_without_the_file_of_keys_the_case_is_opened_and_nothing_is_written_in_clear(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        (tmp_path / "keys.db").unlink()
        batch = a_batch()
        batch.audit(an_entry("looked", None, why="kim.larsen"))
        store.commit(batch)
        assert store.open_cases() == [a_case()]
        assert [row.body for row in store.outbox_due("soc", NOON, 10)] == [b"{}"]
        assert [row.raw for row in store.read_evidence("C-1")] == [None]
        assert [(row.act, row.detail) for row in store.audit()] == [("opened", {}), ("looked", {"why": "kim.larsen"})]
        assert store.verify_audit() == []
        with pytest.raises(KeyUnavailable):
            store.finding_values("f_1")
    content = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert b"kim.larsen" not in content
    assert b"GET /api/" not in content


def test_a_file_of_keys_that_cannot_be_written_stops_the_commit(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        (tmp_path / "keys.db").unlink()
        (tmp_path / "keys.db").mkdir()
        with pytest.raises(StoreBroken):
            store.commit(a_batch())
        assert store.cases() == []


def test_the_last_position_of_a_stream_counts(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        batch = Batch()
        batch.read(a_position(1))
        batch.read(a_position(2))
        batch.read(a_position(3, stream=2))
        batch.read(a_position(4, source="ehr"))
        store.commit(batch)
        assert store.positions("portal") == [a_position(2), a_position(3, stream=2)]
        assert len(store.positions()) == 3


def test_a_forgotten_stream_has_no_position_until_it_is_read_again(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        batch = Batch()
        batch.read(a_position(7))
        batch.forget("portal", 1)
        store.commit(batch)
        assert store.positions() == []
        batch.read(a_position(8))
        store.commit(batch)
        assert store.positions() == [a_position(8)]


def test_gaps_are_kept_in_order_with_any_file_name(tmp_path: Path) -> None:
    gaps = [
        Gap(source="portal", stream=1, path="/logs/a.log", reason="truncated", start=5, end=9),
        Gap(source="portal", stream=2, path="/logs/\udcff.log", reason="generation_lost", start=0, end=None),
    ]
    with a_store(tmp_path) as store:
        batch = Batch()
        for gap in gaps:
            batch.gap(gap)
        store.commit(batch)
        first, second = store.gaps()
        assert first == gaps[0]
        assert (second.path, second.end) == ("/logs/\\udcff.log", None)


def test_threads_that_mark_deliveries_do_not_get_into_a_commit(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        batch = Batch()
        for number in range(4):
            case = a_case(f"C-{number}")
            batch.verdict(Verdict(case=case))
            batch.owe(a_notification(case_id=case.id), "soc", b"{}")
        store.commit(batch)
        done = threading.Event()
        attempts = dict.fromkeys(range(4), 0)

        def deliver(number: int) -> None:
            message_id = f"msg_C-{number}_opened"
            while not done.is_set():
                store.mark_inflight(message_id, "soc")
                attempts[number] += 1
                store.put_back(message_id, "soc", attempts[number], NOON, "503")

        couriers = [threading.Thread(target=deliver, args=(number,)) for number in range(4)]
        for courier in couriers:
            courier.start()
        for offset in range(20):
            batch = Batch()
            batch.read(a_position(offset))
            for _ in range(50):
                batch.audit(an_entry())
            store.commit(batch)
        done.set()
        for courier in couriers:
            courier.join()
        assert [row.attempts for row in store.outbox_due("soc", NOON, 10)] == list(attempts.values())
        assert store.positions() == [a_position(19)]
        assert len(store.audit()) == 20 * 50
        assert store.verify_audit() == []


def test_a_reader_sees_what_was_committed_and_can_change_nothing(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        with a_store(tmp_path, readonly=True) as reader:
            assert reader.case("C-1") == a_case()
            with pytest.raises(StoreError, match="reading only"):
                reader.commit(a_batch())
            with pytest.raises(StoreError, match="reading only"):
                reader.checkpoint()
        store.commit(a_batch(a_case("C-2"), a_finding("f_2")))
    with a_store(tmp_path, readonly=True) as reader:
        assert len(reader.cases()) == 2


def test_there_is_nothing_to_read_before_the_first_start(tmp_path: Path) -> None:
    Vault.open(tmp_path, MASTER)
    with pytest.raises(StoreError, match="no state"):
        a_store(tmp_path, readonly=True)


def test_a_reader_does_not_keep_the_log_from_being_moved_into_the_file(tmp_path: Path) -> None:
    with a_store(tmp_path) as store, a_store(tmp_path, readonly=True) as reader:
        store.commit(a_batch())
        assert len(reader.cases()) == 1
        store.close()
        assert (tmp_path / "sentinel.db-wal").stat().st_size == 0


def test_facts_about_the_state_are_kept(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        installation = store.meta("installation")
        store.remember("rules", "abc")
        store.remember("rules", "abd")
    with a_store(tmp_path) as store:
        assert store.meta("rules") == "abd"
        assert store.meta("installation") == installation
        assert store.meta("unheard of") is None


def test_a_state_written_under_another_master_key_is_refused(tmp_path: Path) -> None:
    a_store(tmp_path).close()
    (tmp_path / "keys.db").unlink()
    from sentinel.store import Store

    with pytest.raises(StoreError, match="another master key"):
        Store.open(tmp_path, Vault.open(tmp_path, b"x" * 32))


def test_closing_twice_is_harmless(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.close()
    store.close()


def test_a_store_that_was_let_go_of_meanwhile_refuses_in_the_usual_way(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.let_go()
    with pytest.raises(StoreError):
        store.next_due("soc")

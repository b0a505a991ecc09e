from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.store import Batch, Store, StoreError
from sentinel.store.outbox import Standing
from tests.unit.store_samples import NOON, a_notification, a_store

MINUTE = 60_000_000


def owing(*messages: tuple[str, str], channel: str = "soc", body: bytes = b"{}") -> Batch:
    batch = Batch()
    for case_id, key in messages:
        batch.owe(a_notification(key, case_id), channel, body)
    return batch


def due(store: Store, now: int = NOON, limit: int = 10, channel: str = "soc") -> list[str]:
    return [row.message_id for row in store.outbox_due(channel, now, limit)]


def test_a_message_is_due_at_once_with_its_exact_body(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened"), body=b'{"type":"case.opened"}'))
        (row,) = store.outbox_due("soc", NOON, 10)
        assert (row.message_id, row.case_id, row.key, row.channel) == ("msg_C-1_opened", "C-1", "opened", "soc")
        assert (row.body, row.attempts, row.owed_at, row.interrupted) == (b'{"type":"case.opened"}', 0, NOON, False)
        assert due(store, NOON - 1) == []
        assert due(store, channel="dpo") == []


def test_an_occasion_is_owed_once_a_channel_ever(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened"), body=b"first"))
        store.commit(owing(("C-1", "opened"), body=b"second"))
        store.commit(owing(("C-1", "opened"), channel="dpo"))
        assert [row.body for row in store.outbox_due("soc", NOON, 10)] == [b"first"]
        store.mark_sent("msg_C-1_opened", "soc", NOON)
        store.commit(owing(("C-1", "opened")))
        assert due(store) == []
        assert store.outbox_counts() == {("soc", "sent"): 1, ("dpo", "pending"): 1}


def test_messages_of_a_case_are_sent_in_order_and_cases_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened"), ("C-1", "confirmed"), ("C-2", "opened")))
        assert due(store) == ["msg_C-1_opened", "msg_C-2_opened"]
        store.mark_inflight("msg_C-1_opened", "soc")
        assert due(store) == ["msg_C-2_opened"]
        store.put_back("msg_C-1_opened", "soc", 1, NOON + MINUTE, "503")
        assert due(store) == ["msg_C-2_opened"]
        assert store.next_due("soc") == NOON
        assert due(store, NOON + MINUTE) == ["msg_C-1_opened", "msg_C-2_opened"]
        assert due(store, NOON + MINUTE, limit=1) == ["msg_C-1_opened"]
        store.mark_sent("msg_C-1_opened", "soc", NOON + MINUTE, "200")
        assert due(store) == ["msg_C-1_confirmed", "msg_C-2_opened"]


def test_a_message_that_will_never_be_taken_does_not_hold_up_the_next(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened"), ("C-1", "confirmed")))
        store.mark_inflight("msg_C-1_opened", "soc")
        store.mark_never("msg_C-1_opened", "soc", "404: no such hook")
        assert due(store) == ["msg_C-1_confirmed"]
        assert store.outbox_counts() == {("soc", "never"): 1, ("soc", "pending"): 1}


def test_attempts_are_kept(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened")))
        store.put_back("msg_C-1_opened", "soc", 3, NOON, "503")
    with a_store(tmp_path) as store:
        assert [row.attempts for row in store.outbox_due("soc", NOON, 1)] == [3]


def test_a_message_in_flight_at_a_crash_is_owed_again_as_a_possible_repeat(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    store.commit(owing(("C-1", "opened"), ("C-2", "opened")))
    store.mark_inflight("msg_C-1_opened", "soc")
    store.let_go()
    with a_store(tmp_path) as store:
        assert [(row.case_id, row.interrupted) for row in store.outbox_due("soc", NOON, 10)] == [
            ("C-1", True),
            ("C-2", False),
        ]


def test_a_reader_does_not_take_up_what_is_in_flight(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened")))
        store.mark_inflight("msg_C-1_opened", "soc")
        a_store(tmp_path, readonly=True).close()
        assert store.outbox_counts() == {("soc", "inflight"): 1}


def test_what_was_sent_stays_sent(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened")))
        store.mark_sent("msg_C-1_opened", "soc", NOON)
        store.put_back("msg_C-1_opened", "soc", 1, NOON, "late answer")
        store.mark_never("msg_C-1_opened", "soc", "late answer")
        assert store.outbox_counts() == {("soc", "sent"): 1}


def test_the_age_of_the_oldest_message_counts_from_when_it_was_owed(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        assert store.oldest_undelivered(NOON) == 0
        assert store.next_due("soc") is None
        store.commit(owing(("C-1", "opened")))
        store.put_back("msg_C-1_opened", "soc", 1, NOON + 9 * MINUTE, "503")
        assert store.oldest_undelivered(NOON + MINUTE) == MINUTE
        assert store.oldest_undelivered(NOON - MINUTE) == 0
        store.mark_sent("msg_C-1_opened", "soc", NOON)
        assert store.oldest_undelivered(NOON + MINUTE) == 0


def test_how_the_messages_of_a_case_stand_can_be_shown(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened"), ("C-1", "confirmed"), ("C-2", "opened")))
        store.put_back("msg_C-1_opened", "soc", 1, NOON + MINUTE, "503")
        store.mark_sent("msg_C-1_opened", "soc", NOON + MINUTE, "200")
        assert [
            (each.key, each.state, each.attempts, each.sent_at, each.last_reason) for each in store.deliveries("C-1")
        ] == [
            ("opened", "sent", 2, NOON + MINUTE, "200"),
            ("confirmed", "pending", 0, None, ""),
        ]


def test_a_message_somebody_changed_is_not_sent(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(owing(("C-1", "opened")))
        store._db.execute("UPDATE outbox SET body = x'7b7d'")
        with pytest.raises(StoreError, match="'msg_C-1_opened' was changed"):
            store.outbox_due("soc", NOON, 1)


def test_how_a_channel_stands_is_as_of_now_for_who_writes_and_for_who_reads(tmp_path: Path) -> None:
    with a_store(tmp_path) as store, a_store(tmp_path, readonly=True) as reader:

        def standing() -> Standing:
            assert store.channel_standings() == store.channel_standings() == reader.channel_standings()
            return store.channel_standings()["soc"]

        store.commit(owing(("C-1", "opened"), ("C-2", "opened")))
        assert standing() == Standing(waiting=2, oldest_owed_at=NOON)
        store.mark_inflight("msg_C-1_opened", "soc")
        store.put_back("msg_C-1_opened", "soc", 1, NOON + MINUTE, "503")
        assert standing() == Standing(waiting=2, oldest_owed_at=NOON, last_reason="503")
        store.mark_sent("msg_C-1_opened", "soc", NOON + MINUTE)
        assert standing() == Standing(waiting=1, oldest_owed_at=NOON, last_sent_at=NOON + MINUTE)
        store.mark_never("msg_C-2_opened", "soc", "404")
        assert standing() == Standing(never=1, last_sent_at=NOON + MINUTE, last_reason="404")

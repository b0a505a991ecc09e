from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.channels import make
from sentinel.channels.base import Attempt, Channel, Later, Never, Outcome, Sent
from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, SetClock, SystemClock
from sentinel.courier import FALL_OVER_AFTER, Courier, Round, next_attempt
from sentinel.model import Notification
from sentinel.pace import AT_ONCE, Bucket
from sentinel.store.batch import Batch
from sentinel.store.errors import StoreError
from sentinel.store.outbox import OutboxRow
from sentinel.store.store import Store
from sentinel.vault import Vault
from tests.unit.cases_fixtures import NOW, a_finding, judged
from tests.unit.loopback import Answer, Service, raw_service, service

NEVER_STOPS = threading.Event()


def a_row(message_id: str = "msg_1", case_id: str = "C-1", channel: str = "soc") -> OutboxRow:
    return OutboxRow(
        message_id=message_id,
        case_id=case_id,
        key="opened",
        channel=channel,
        body=b"{}",
        attempts=0,
        owed_at=NOW,
        interrupted=False,
        thread="",
    )


@dataclass
class ListOutbox:
    """An outbox in memory with the promises of the real one. `broken` names operations that fail, each once."""

    rows: list[OutboxRow]
    next_at: dict[str, Micros] = field(default_factory=dict)
    state: dict[str, str] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)

    def outbox_due(self, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
        self._may("outbox_due")
        first: dict[str, OutboxRow] = {}
        for row in self._waiting(channel):
            first.setdefault(row.case_id, row)
        return [row for row in first.values() if self.next_at.get(row.message_id, row.owed_at) <= now][:limit]

    def next_due(self, channel: str) -> Micros | None:
        moments = [self.next_at.get(row.message_id, row.owed_at) for row in self._waiting(channel)]
        return min(moments, default=None)

    def mark_inflight(self, message_id: str, channel: str) -> None:
        self._may("mark_inflight")
        self.log.append(f"inflight {message_id}")

    def mark_sent(self, message_id: str, channel: str, now: Micros, detail: str = "", reference: str = "") -> None:
        self._may("mark_sent")
        self.log.append(f"sent {message_id}")
        self.state[message_id] = "sent"

    def put_back(self, message_id: str, channel: str, attempts: int, next_at: Micros, reason: str) -> None:
        self._may("put_back")
        self.log.append(f"back {message_id} {attempts}")
        self.next_at[message_id] = next_at
        self.rows = [replace(row, attempts=attempts) if row.message_id == message_id else row for row in self.rows]

    def mark_never(self, message_id: str, channel: str, reason: str) -> None:
        self._may("mark_never")
        self.log.append(f"never {message_id}")
        self.state[message_id] = "never"

    def waiting(self, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
        due = [row for row in self._waiting(channel) if self.next_at.get(row.message_id, row.owed_at) <= now]
        return due[:limit]

    def settle_documents(
        self,
        channel: str,
        now: Micros,
        sent: Iterable[str],
        later: Iterable[tuple[str, Micros, str]],
        never: Iterable[tuple[str, str]],
    ) -> None:
        self._may("settle_documents")
        self.state |= dict.fromkeys(sent, "sent") | dict.fromkeys((each for each, _ in never), "never")
        for message_id, next_at, _ in later:
            self.next_at[message_id] = next_at

    def _waiting(self, channel: str) -> list[OutboxRow]:
        return [row for row in self.rows if row.channel == channel and row.message_id not in self.state]

    def _may(self, operation: str) -> None:
        if operation in self.broken:
            self.broken.remove(operation)
            raise StoreError("the disk is full")


@dataclass
class ListChannel:
    """Answers in turn and keeps what it was given; the last answer stays."""

    answers: list[Outcome]
    name: str = "soc"
    sent: list[str] = field(default_factory=list)

    def render(self, notification: Notification) -> bytes:
        return notification.id.encode()

    def send(self, attempt: Attempt) -> Outcome:
        self.sent.append(attempt.message_id)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class ListReports:
    attempts: list[Outcome] = field(default_factory=list)
    fallen: list[tuple[str, str]] = field(default_factory=list)
    heard: threading.Event = field(default_factory=threading.Event)

    def attempted(self, row: OutboxRow, outcome: Outcome, now: Micros) -> None:
        self.attempts.append(outcome)
        self.heard.set()

    def undelivered(self, row: OutboxRow, reason: str) -> None:
        self.fallen.append((row.message_id, reason))


def a_round(outbox: ListOutbox, channel: ListChannel, clock: SetClock) -> tuple[Round, ListReports]:
    reports = ListReports()
    return Round(outbox, channel, clock, reports, Random(1)), reports


@given(st.integers(1, 10_000), st.one_of(st.none(), st.floats(0, 1e12)), st.integers(0, 2**32))
def test_the_next_attempt_is_after_the_wish_of_the_service_and_within_ten_minutes_of_it(
    attempts: int, after: float | None, seed: int
) -> None:
    wait = (next_attempt(attempts, NOW, after, Random(seed)) - NOW) / SECOND
    wish = min(after or 0.0, 3600.0)
    assert wish - 1e-6 <= wait <= wish + min(600, 2**attempts) + 1e-6


def test_attempts_are_spread_over_the_whole_pause() -> None:
    waits = [(next_attempt(20, NOW, None, Random(seed)) - NOW) / SECOND for seed in range(200)]
    assert min(waits) < 60
    assert max(waits) > 540


def test_a_message_is_marked_inflight_before_and_sent_after_it_is_taken() -> None:
    outbox, channel = ListOutbox([a_row()]), ListChannel([Sent()])
    work, reports = a_round(outbox, channel, SetClock(NOW))
    work.pay(NEVER_STOPS)
    assert outbox.log == ["inflight msg_1", "sent msg_1"]
    assert channel.sent == ["msg_1"]
    assert reports.attempts == [Sent()]


def test_what_is_put_back_is_tried_again_with_the_same_id_when_its_time_has_come() -> None:
    outbox, channel = ListOutbox([a_row()]), ListChannel([Later("503"), Later("503"), Sent()])
    clock = SetClock(NOW)
    work, _ = a_round(outbox, channel, clock)
    for _ in range(3):
        clock.wait(work.pay(NEVER_STOPS), threading.Event())
    while "msg_1" not in outbox.state:
        clock.wait(work.pay(NEVER_STOPS), threading.Event())
    assert channel.sent == ["msg_1"] * 3
    assert [entry for entry in outbox.log if entry.startswith("back")] == ["back msg_1 1", "back msg_1 2"]


def test_the_wait_the_service_asks_for_is_kept() -> None:
    outbox, channel = ListOutbox([a_row()]), ListChannel([Later("429", 120.0), Sent()])
    clock = SetClock(NOW)
    work, _ = a_round(outbox, channel, clock)
    work.pay(NEVER_STOPS)
    clock.move_to(NOW + 119 * SECOND)
    work.pay(NEVER_STOPS)
    assert channel.sent == ["msg_1"]
    assert outbox.next_at["msg_1"] >= NOW + 120 * SECOND


def test_a_message_that_will_never_be_taken_is_kept_and_reported_and_does_not_stop_the_others() -> None:
    outbox = ListOutbox([a_row("msg_1"), a_row("msg_2")])
    work, reports = a_round(outbox, ListChannel([Never("status 404"), Sent()]), SetClock(NOW))
    work.pay(NEVER_STOPS)
    assert outbox.state == {"msg_1": "never", "msg_2": "sent"}
    assert reports.fallen == [("msg_1", "status 404")]


def test_the_fallback_hears_once_of_a_message_that_is_not_taken_for_long() -> None:
    outbox, clock = ListOutbox([a_row()]), SetClock(NOW)
    work, reports = a_round(outbox, ListChannel([Later("503")]), clock)
    while clock.now() < NOW + 72 * HOUR:
        clock.wait(work.pay(NEVER_STOPS), threading.Event())
    assert reports.fallen == [("msg_1", "503")]
    assert len(reports.attempts) > 72 * 6  # at least every ten minutes for three days
    assert outbox.log.index(f"back msg_1 {FALL_OVER_AFTER}") < 2 * FALL_OVER_AFTER


def test_messages_of_one_case_go_in_order_and_other_cases_do_not_wait() -> None:
    outbox = ListOutbox([a_row("msg_1"), a_row("msg_2"), a_row("msg_3", case_id="C-2")])
    clock = SetClock(NOW)
    work, _ = a_round(outbox, ListChannel([Later("503"), Sent()]), clock)
    work.pay(NEVER_STOPS)
    assert outbox.state == {"msg_3": "sent"}
    clock.move_to(NOW + 10 * SECOND)
    work.pay(NEVER_STOPS)
    assert [entry for entry in outbox.log if entry.startswith("sent")] == ["sent msg_3", "sent msg_1", "sent msg_2"]


def test_a_store_that_fails_after_the_message_was_taken_is_told_later_and_nothing_is_sent_twice() -> None:
    outbox, channel = ListOutbox([a_row()], broken=["mark_sent", "mark_sent"]), ListChannel([Sent()])
    work, _ = a_round(outbox, channel, SetClock(NOW))
    for _ in range(2):
        with pytest.raises(StoreError):
            work.pay(NEVER_STOPS)
    work.pay(NEVER_STOPS)
    assert channel.sent == ["msg_1"]
    assert outbox.state == {"msg_1": "sent"}


def test_nothing_is_sent_that_could_not_be_marked_inflight() -> None:
    outbox, channel = ListOutbox([a_row()], broken=["mark_inflight"]), ListChannel([Sent()])
    work, _ = a_round(outbox, channel, SetClock(NOW))
    with pytest.raises(StoreError):
        work.pay(NEVER_STOPS)
    assert channel.sent == []


def test_a_blocked_message_behind_a_failed_one_does_not_make_the_round_spin() -> None:
    outbox = ListOutbox([a_row("msg_1"), a_row("msg_2")])
    work, _ = a_round(outbox, ListChannel([Later("429", 100.0)]), SetClock(NOW))
    assert work.pay(NEVER_STOPS) == 1.0


def test_an_empty_outbox_is_asked_seldom() -> None:
    work, _ = a_round(ListOutbox([]), ListChannel([Sent()]), SetClock(NOW))
    assert work.pay(NEVER_STOPS) == 30.0


# --- threads, the real store and real services ---------------------------------------------------------------

SECRET = "whsec_" + base64.b64encode(bytes(32)).decode()


def a_webhook(name: str, url: str) -> Channel:
    options = {"type": "webhook", "url": url, "secret": {"env": "X"}, "allow_private": True}
    return make(name, options, lambda _: SECRET)


@contextmanager
def at_work(outbox: Store | ListOutbox, channels: Iterable[Channel], reports: ListReports) -> Iterator[Courier]:
    courier = Courier(outbox, channels, SystemClock(), reports, Random(1))
    courier.start()
    try:
        yield courier
    finally:
        assert courier.stop(10.0)


def owe(store: Store, channel: Channel) -> Notification:
    verdict = judged(a_finding())
    batch = Batch()
    batch.verdict(verdict)
    for notification in verdict.owed:
        batch.owe(notification, channel.name, channel.render(notification))
    store.commit(batch)
    return verdict.owed[0]


def a_store(folder: Path) -> Store:
    return Store.open(folder, Vault.open(folder, bytes(range(32))))


def arrived(there: Service) -> None:
    assert there.arrived.wait(10.0)
    there.arrived.clear()


def settled(store: Store, state: str) -> None:
    """Wait until the one message is in that state; the service has answered, so it is a matter of moments."""
    pause = threading.Event()
    for _ in range(1000):
        if store.outbox_counts() == {("soc", state): 1}:
            return
        pause.wait(0.01)
    pytest.fail(f"the message is not {state}: {store.outbox_counts()}")


def test_what_is_owed_arrives_signed_and_is_marked(tmp_path: Path) -> None:
    with service() as there, a_store(tmp_path) as store:
        channel = a_webhook("soc", there.url)
        with at_work(store, [channel], ListReports()) as courier:
            notification = owe(store, channel)
            courier.wake()
            arrived(there)
            settled(store, "sent")
    assert there.received[0].headers["webhook-id"] == notification.id
    assert json.loads(there.received[0].body)["type"] == "case.opened"


def test_a_new_process_pays_what_the_last_one_left_inflight_with_the_same_id(tmp_path: Path) -> None:
    with service() as there:
        channel = a_webhook("soc", there.url)
        store = a_store(tmp_path)
        notification = owe(store, channel)
        store.mark_inflight(notification.id, "soc")
        store.let_go()
        with a_store(tmp_path) as store, at_work(store, [channel], ListReports()):
            arrived(there)
            settled(store, "sent")
    assert [got.headers["webhook-id"] for got in there.received] == [notification.id]


def test_a_service_that_is_down_for_a_while_gets_the_message_in_the_end(tmp_path: Path) -> None:
    with service(Answer(503), Answer(200)) as there, a_store(tmp_path) as store:
        channel = a_webhook("soc", there.url)
        owe(store, channel)
        with at_work(store, [channel], ListReports()):
            arrived(there)
            arrived(there)
            settled(store, "sent")
    assert len({(got.headers["webhook-id"], got.body) for got in there.received}) == 1


def test_a_channel_that_hangs_delays_no_other_channel_and_no_stop() -> None:
    reached, release = threading.Event(), threading.Event()

    def hang(connection: socket.socket) -> None:
        del connection
        reached.set()
        release.wait(30.0)

    outbox = ListOutbox([a_row("msg_1", channel="slow"), a_row("msg_2", channel="soc")])
    with raw_service(hang) as port, service() as there:
        channels = [a_webhook("slow", f"http://127.0.0.1:{port}/"), a_webhook("soc", there.url)]
        courier = Courier(outbox, channels, SystemClock(), ListReports(), Random(1))
        courier.start()
        assert reached.wait(10.0)
        arrived(there)
        assert courier.stop(0.05) is False
        assert courier.stopped_channels() == []
        assert "inflight msg_1" in outbox.log
        release.set()
        assert courier.stop(10.0)


def test_a_store_that_cannot_be_used_for_a_moment_does_not_end_the_watch() -> None:
    outbox, reports = ListOutbox([a_row()], broken=["outbox_due"]), ListReports()
    with at_work(outbox, [ListChannel([Sent()])], reports) as courier:
        courier.wake()
        assert reports.heard.wait(10.0)
        assert courier.stopped_channels() == []


def test_a_courier_that_was_never_started_can_be_stopped() -> None:
    assert Courier(ListOutbox([]), [ListChannel([Sent()])], SystemClock(), ListReports()).stop()


def test_a_channel_gets_ten_at_once_and_then_one_a_second() -> None:
    outbox = ListOutbox([a_row(f"msg_{number}", case_id=f"C-{number}") for number in range(13)])
    clock, channel = SetClock(NOW), ListChannel([Sent()])
    work, _ = a_round(outbox, channel, clock)
    pauses = []
    while len(channel.sent) < 13:
        pauses.append(work.pay(NEVER_STOPS))
        clock.move_to(clock.now() + round(pauses[-1] * SECOND))
    assert pauses[:3] == [1.0, 1.0, 1.0]
    assert [row.message_id for row in outbox.rows] == channel.sent


@given(
    per_minute=st.integers(1, 6000),
    steps=st.lists(st.integers(-5 * SECOND, 20 * SECOND), min_size=1, max_size=200),
)
def test_no_minute_holds_more_than_the_rate_and_what_may_be_sent_at_once(per_minute: int, steps: list[int]) -> None:
    now, taken = NOW, []
    bucket = Bucket(per_minute, now)
    latest = now
    for step in steps:
        now += step
        latest = max(latest, now)
        if bucket.take(now) == 0:
            taken.append(latest)
    for begin in taken:
        inside = [moment for moment in taken if begin <= moment < begin + MINUTE]
        back = sum(-step for step in steps if step < 0)
        assert len(inside) <= per_minute * (MINUTE + back) / MINUTE + min(per_minute, AT_ONCE) + 1


def test_after_five_days_without_the_service_everything_arrives_once_in_order_with_its_own_id() -> None:
    owed = [a_row(f"msg_{day}") for day in range(5)]
    outbox, channel, clock = ListOutbox([]), ListChannel([Later("down")]), SetClock(NOW)
    work, _ = a_round(outbox, channel, clock)
    for day, row in enumerate(owed, 1):
        outbox.rows.append(row)
        while clock.now() < NOW + day * DAY:
            clock.move_to(clock.now() + round(work.pay(NEVER_STOPS) * SECOND))
    assert set(channel.sent) == {"msg_0"}, "nothing of a case overtakes what was owed before"
    assert 5 * 24 * 6 <= len(channel.sent) < 3000, "every ten minutes at the latest, and no flood"
    channel.answers = [Sent()]
    tried = len(channel.sent)
    while outbox.next_due("soc") is not None:
        clock.move_to(clock.now() + round(work.pay(NEVER_STOPS) * SECOND))
    assert channel.sent[tried:] == [row.message_id for row in owed]

"""Pays what the cases owe: takes due messages from the outbox, sends them, marks them or puts them back.

Rules of this file:
1. One thread a channel, so that a slow service delays nobody else's message.
2. At least once: a message is marked as sent after the service took it. What a stop or a crash interrupts is sent
   again by the next process, with the same id and the same bytes.
3. Nothing is given up: a message is tried again until the service takes it or says that it never will; then a person
   is told, and what is still untaken after `FALL_OVER_AFTER` attempts is reported for the fallback as well.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Mapping
from random import Random
from typing import Protocol

from sentinel.channels.base import Attempt, Channel, Later, Never, Outcome, Register, Sent
from sentinel.clock import SECOND, Clock, Micros
from sentinel.pace import Bucket
from sentinel.shipping import Shelf, Shipment
from sentinel.store.errors import StoreError
from sentinel.store.outbox import OutboxRow
from sentinel.vault import VaultError

LONGEST_PAUSE = 600.0
"""Seconds between two attempts at most, unless the service itself asks for more: a deadline is 72 hours away."""

LONGEST_WISH = 3600.0
"""Seconds a service may ask us to wait; more is not honoured."""

FALL_OVER_AFTER = 6
"""Failed attempts (about a minute of them) after which the fallback hears of the message too."""

PER_MINUTE = 60
"""Attempts a minute where the channel's options say nothing else."""

_READ_AT_ONCE = 16
_IDLE_SECONDS = 30.0
_LEAST_WAIT = 1.0
_STORE_PAUSE = 2.0

_log = logging.getLogger(__name__)


class Outbox(Shelf, Protocol):
    """What the courier asks of the store. A message is known by its id and its channel."""

    def outbox_due(self, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
        """What may be tried now, of each case only the first message not yet paid."""

    def mark_inflight(self, message_id: str, channel: str) -> None:
        """An attempt begins."""

    def mark_sent(self, message_id: str, channel: str, now: Micros, detail: str = "", reference: str = "") -> None:
        """The service took it, and calls it by `reference`."""

    def put_back(self, message_id: str, channel: str, attempts: int, next_at: Micros, reason: str) -> None:
        """To be tried again from `next_at`."""

    def mark_never(self, message_id: str, channel: str, reason: str) -> None:
        """The service will never take it."""


class Reports(Protocol):
    """Who wants to hear how it goes. Called from the channels' threads; returns at once and does not raise."""

    def attempted(self, row: OutboxRow, outcome: Outcome, now: Micros) -> None:
        """One attempt was made, and ended at `now`."""

    def undelivered(self, row: OutboxRow, reason: str) -> None:
        """The channel will not take the message, or has not for long: the fallback should have it.

        May be called more than once for a message (after a restart); the outbox owes each occasion once a channel.
        """


def next_attempt(attempts: int, now: Micros, after_seconds: float | None, random: Random) -> Micros:
    """When to try again after so many failed attempts.

    Exponential backoff from 2 s with full jitter, at most ten minutes; never before the service asked for, but by an
    hour at most.
    """
    pause = random.uniform(0, min(LONGEST_PAUSE, 2.0 ** min(attempts, 30)))
    wish = min(after_seconds or 0.0, LONGEST_WISH)
    return now + round((wish + min(pause, LONGEST_PAUSE)) * SECOND)


class Round:
    """The work of one channel: try what is due, once. Holds what the store could not yet be told."""

    def __init__(
        self,
        outbox: Outbox,
        channel: Channel,
        clock: Clock,
        reports: Reports,
        random: Random,
        per_minute: int = PER_MINUTE,
    ) -> None:
        self._outbox = outbox
        self._channel = channel
        self._clock = clock
        self._reports = reports
        self._random = random
        self._bucket = Bucket(per_minute, clock.now())
        self._unmarked: tuple[OutboxRow, Outcome] | None = None

    def pay(self, stopping: threading.Event) -> float:
        """Try everything due; the seconds until there may be more. Raises StoreError and VaultError.

        After an error the next call first tells the store what it could not be told; nothing is sent twice for that.
        """
        if self._unmarked is not None:
            self._mark(*self._unmarked)
        name = self._channel.name
        while not stopping.is_set():
            rows = self._outbox.outbox_due(name, self._clock.now(), _READ_AT_ONCE)
            if not rows:
                break
            for row in rows:
                if stopping.is_set():
                    break
                pause = self._bucket.take(self._clock.now())
                if pause:
                    return pause / SECOND
                self._try(row)
        due = self._outbox.next_due(name)
        return (
            _IDLE_SECONDS if due is None else min(max((due - self._clock.now()) / SECOND, _LEAST_WAIT), _IDLE_SECONDS)
        )

    def _try(self, row: OutboxRow) -> None:
        self._outbox.mark_inflight(row.message_id, row.channel)
        now = self._clock.now()
        outcome = self._channel.send(Attempt(row.message_id, row.body, now, row.interrupted, row.thread))
        self._unmarked = (row, outcome)
        self._reports.attempted(row, outcome, self._clock.now())
        self._mark(row, outcome)

    def _mark(self, row: OutboxRow, outcome: Outcome) -> None:
        match outcome:
            case Sent(detail, reference):
                self._outbox.mark_sent(row.message_id, row.channel, self._clock.now(), detail, reference)
            case Later(reason, after_seconds):
                attempts = row.attempts + 1
                moment = next_attempt(attempts, self._clock.now(), after_seconds, self._random)
                self._outbox.put_back(row.message_id, row.channel, attempts, moment, reason)
                _log.warning("channel %s: attempt %d: %s", row.channel, attempts, reason)
                if attempts == FALL_OVER_AFTER:
                    self._reports.undelivered(row, reason)
            case Never(reason):
                self._outbox.mark_never(row.message_id, row.channel, reason)
                _log.error("channel %s: it will not take message %s: %s", row.channel, row.message_id, reason)
                self._reports.undelivered(row, reason)
        self._unmarked = None


class Courier:
    """The threads that pay, one a channel. The rows of channels that are not given here stay where they are."""

    def __init__(
        self,
        outbox: Outbox,
        channels: Iterable[Channel],
        clock: Clock,
        reports: Reports,
        random: Random | None = None,
        per_minute: Mapping[str, int] | None = None,
    ) -> None:
        rates = per_minute or {}
        self._clock = clock
        self._stopping = threading.Event()
        self._wakes: dict[str, threading.Event] = {}
        self._threads: dict[str, threading.Thread] = {}
        for channel in channels:
            jitter = random or Random()  # noqa: S311  (it is no secret)
            work = (
                Shipment(outbox, channel, clock, reports, jitter)
                if isinstance(channel, Register)
                else Round(outbox, channel, clock, reports, jitter, rates.get(channel.name, PER_MINUTE))
            )
            wake = self._wakes[channel.name] = threading.Event()
            self._threads[channel.name] = threading.Thread(
                target=self._run, args=[channel.name, work, wake], name=f"courier-{channel.name}", daemon=True
            )

    def start(self) -> None:
        """Begin with what is due already, also what an earlier process left."""
        for thread in self._threads.values():
            thread.start()

    def wake(self) -> None:
        """Something new is owed: look at once. Call it after the commit."""
        for wake in self._wakes.values():
            wake.set()

    def stopped_channels(self) -> list[str]:
        """Channels whose thread has ended although nobody stopped it: a bug, for readiness to show."""
        if self._stopping.is_set():
            return []
        return [name for name, thread in self._threads.items() if thread.ident is not None and not thread.is_alive()]

    def stop(self, seconds: float = 3.0) -> bool:
        """Begin no further attempt and wait, at most so long, for those that are under way; say whether all ended.

        One that did not end is sent again by the next process, as after a crash.
        """
        self._stopping.set()
        self.wake()
        until = self._clock.now() + round(seconds * SECOND)
        started = [thread for thread in self._threads.values() if thread.ident is not None]
        for thread in started:
            thread.join(min(seconds, max(0.0, (until - self._clock.now()) / SECOND)))
        return not any(thread.is_alive() for thread in started)

    def _run(self, name: str, work: Round | Shipment, wake: threading.Event) -> None:
        while not self._stopping.is_set():
            try:
                seconds = work.pay(self._stopping)
            except (StoreError, VaultError) as error:
                _log.error("channel %s: the outbox cannot be used now: %s", name, type(error).__name__)
                seconds = _STORE_PAUSE
            if not self._stopping.is_set():
                self._clock.wait(seconds, wake)

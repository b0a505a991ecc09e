"""Pays what is owed to a register: documents of findings and cases, many at once.

Rules of this file:
1. At least once, by an id that the register knows: what may have arrived is asked for before it is sent again.
2. A register that is away or busy touches one row of the outbox only; the rest waits there, and nothing is in memory.
3. After a refusal for being too busy half as many are sent at once, and slowly more again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from random import Random
from typing import Protocol

from sentinel.channels.base import Attempt, Later, Never, Outcome, Register, Sent
from sentinel.clock import SECOND, Clock, Micros
from sentinel.store.outbox import OutboxRow

MOST_AT_ONCE = 1000
"""Documents of about a kilobyte each: the cluster's makers advise some megabytes a request at most."""

LONGEST_PAUSE = 60.0
"""Seconds between two attempts at most."""

_LEAST_AT_ONCE = 10
_IDLE_SECONDS = 30.0

_log = logging.getLogger(__name__)


class Shelf(Protocol):
    """What shipping asks of the store."""

    def waiting(self, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
        """What may be tried now, in the order it was owed."""

    def next_due(self, channel: str) -> Micros | None:
        """When there will next be something to try."""

    def settle_documents(
        self,
        channel: str,
        now: Micros,
        sent: Sequence[str],
        later: Sequence[tuple[str, Micros, str]],
        never: Sequence[tuple[str, str]],
    ) -> None:
        """How each was taken, in one transaction."""


class Counts(Protocol):
    """Who counts the attempts."""

    def attempted(self, row: OutboxRow, outcome: Outcome, now: Micros) -> None:
        """One attempt was made, and ended at `now`."""


class Shipment:
    """The work of one register's thread."""

    def __init__(self, shelf: Shelf, register: Register, clock: Clock, counts: Counts, random: Random) -> None:
        self._shelf = shelf
        self._register = register
        self._clock = clock
        self._counts = counts
        self._random = random
        self._most = MOST_AT_ONCE
        self._failures = 0
        # What an earlier process sent last, or what an attempt without an answer sent, may have arrived.
        self._is_unsure = True

    def pay(self, stopping: threading.Event) -> float:
        """Send everything due; the seconds until there may be more. Raises StoreError and VaultError."""
        while not stopping.is_set():
            rows = self._shelf.waiting(self._register.name, self._clock.now(), self._most)
            if not rows:
                break
            pause = self._ship(rows)
            if pause:
                return pause
        due = self._shelf.next_due(self._register.name)
        waits = _IDLE_SECONDS if due is None else (due - self._clock.now()) / SECOND
        return min(max(waits, 1.0), _IDLE_SECONDS)

    def _ship(self, rows: Sequence[OutboxRow]) -> float:
        """One request; the seconds to wait before the next."""
        now = self._clock.now()
        outcomes = self._register.send_all(
            [
                Attempt(row.message_id, row.body, now, self._is_unsure or row.interrupted or row.attempts > 0)
                for row in rows
            ]
        )
        # If the outcome cannot be written down now, the same rows come again.
        self._is_unsure = True
        if isinstance(outcomes, Later):
            return self._put_off(rows[0], outcomes)
        self._settle(rows, outcomes)
        self._is_unsure = False
        return self._pace(outcomes)

    def _put_off(self, first: OutboxRow, why: Later) -> float:
        """All of it waits; the first says why."""
        self._failures += 1
        self._most = max(self._most // 2, _LEAST_AT_ONCE)
        self._counts.attempted(first, why, self._clock.now())
        if self._failures == 1:
            _log.warning("channel %s: %s", first.channel, why.reason)
        self._shelf.settle_documents(
            first.channel, self._clock.now(), (), [(first.message_id, self._clock.now(), why.reason)], ()
        )
        return self._backoff()

    def _settle(self, rows: Sequence[OutboxRow], outcomes: Sequence[Outcome]) -> None:
        now = self._clock.now()
        sent, later, never = [], [], []
        for row, outcome in zip(rows, outcomes, strict=True):
            self._counts.attempted(row, outcome, now)
            match outcome:
                case Sent():
                    sent.append(row.message_id)
                case Later(reason):
                    later.append((row.message_id, now, reason))
                case Never(reason):
                    never.append((row.message_id, reason))
                    _log.error("channel %s: it will not take document %s: %s", row.channel, row.message_id, reason)
        self._shelf.settle_documents(rows[0].channel, now, sent, later, never)

    def _pace(self, outcomes: Sequence[Outcome]) -> float:
        if any(isinstance(outcome, Later) for outcome in outcomes):
            self._failures += 1
            self._most = max(self._most // 2, _LEAST_AT_ONCE)
            return self._backoff()
        if self._failures:
            _log.info("channel %s: documents are taken again", self._register.name)
        self._failures = 0
        self._most = min(self._most * 2, MOST_AT_ONCE)
        return 0.0

    def _backoff(self) -> float:
        return self._random.uniform(0.5, 1.0) * min(LONGEST_PAUSE, 0.5 * 2.0 ** min(self._failures, 10))

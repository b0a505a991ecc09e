"""What the courier tells of its attempts, from its threads, kept for the main loop."""

from __future__ import annotations

import logging
import queue
import threading

from sentinel.channels.base import Never, Sent
from sentinel.clock import SECOND, Micros
from sentinel.metrics import Metrics
from sentinel.store.outbox import OutboxRow

_log = logging.getLogger(__name__)


class Reports:
    """What the courier tells of its attempts, from its threads; the main loop takes up what did not arrive.

    `untaken` are messages for the fallback; `broken` are channels that began to refuse for good, each once until it has
    taken a message again.
    """

    def __init__(self, metrics: Metrics, wake: threading.Event) -> None:
        self._metrics = metrics
        self._wake = wake
        self.broken: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._known_broken: set[str] = set()
        self.untaken: queue.SimpleQueue[tuple[OutboxRow, str]] = queue.SimpleQueue()

    def attempted(self, row: OutboxRow, outcome: object, now: Micros) -> None:
        """Count the attempt, and how long it took to be taken."""
        self._metrics.notifications.labels(row.channel, type(outcome).__name__.lower()).inc()
        if isinstance(outcome, Never) and row.channel not in self._known_broken:
            self._known_broken.add(row.channel)
            self.broken.put((row.channel, outcome.reason))
        if isinstance(outcome, Sent):
            self._known_broken.discard(row.channel)
            self._metrics.notice_seconds.observe(max(0, now - row.owed_at) / SECOND)

    def undelivered(self, row: OutboxRow, reason: str) -> None:
        """The fallback is to hear of it."""
        _log.error("a message is not taken: %s", reason, extra={"channel": row.channel, "case": row.case_id})
        self.untaken.put((row, reason))
        self._wake.set()

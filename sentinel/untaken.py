"""What the courier tells of its attempts, from its threads, kept for the main loop."""

from __future__ import annotations

import logging
import queue
import threading

from sentinel.metrics import Metrics
from sentinel.store.outbox import OutboxRow

_log = logging.getLogger(__name__)


class Reports:
    """What the courier tells of its attempts, from its threads; the main loop takes up what did not arrive."""

    def __init__(self, metrics: Metrics, wake: threading.Event) -> None:
        self._metrics = metrics
        self._wake = wake
        self.untaken: queue.SimpleQueue[tuple[OutboxRow, str]] = queue.SimpleQueue()

    def attempted(self, channel: str, outcome: object) -> None:
        """Count the attempt."""
        self._metrics.notifications.labels(channel, type(outcome).__name__.lower()).inc()

    def undelivered(self, row: OutboxRow, reason: str) -> None:
        """The fallback is to hear of it."""
        _log.error("a message is not taken: %s", reason, extra={"channel": row.channel, "case": row.case_id})
        self.untaken.put((row, reason))
        self._wake.set()

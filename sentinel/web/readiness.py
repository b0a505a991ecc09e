"""Whether the daemon can do its work, as the parts that know report it; read by /readyz, /healthz and `doctor`."""

from __future__ import annotations

import threading
from typing import Literal, TypedDict

from sentinel.clock import SECOND, Micros

Part = Literal["key", "sources", "store", "rules", "behind"]

PARTS: tuple[Part, ...] = ("key", "sources", "store", "rules", "behind")

STUCK_AFTER: Micros = 60 * SECOND
"""A main loop that has not turned for so long is stuck: a turn takes milliseconds, a full idle wait about a second."""


class PartReport(TypedDict):
    """One part; `why` is empty where it is ready and nothing is odd, else a sentence without personal data."""

    ready: bool
    why: str


class Readiness:
    """What is not ready, by part. Every part begins as not ready; setters may be called from any thread."""

    def __init__(self, now: Micros) -> None:
        self._lock = threading.Lock()
        self._why: dict[Part, str] = dict.fromkeys(PARTS, "starting")
        self._odd: dict[Part, str] = {}
        self._turned_at = now

    def ready(self, part: Part, odd: str = "") -> None:
        """The part does its work (for `behind`: reading keeps up with what is written), and what is odd about it."""
        with self._lock:
            self._why[part], self._odd[part] = "", odd

    def not_ready(self, part: Part, why: str) -> None:
        """The part cannot do its work now; the sentence names sources and numbers only."""
        with self._lock:
            self._why[part] = why

    def turned(self, now: Micros) -> None:
        """The main loop has turned."""
        with self._lock:
            self._turned_at = now

    def stuck_seconds(self, now: Micros) -> float | None:
        """How long the main loop has not turned, where that is too long; else None."""
        with self._lock:
            age = now - self._turned_at
        return age / SECOND if age > STUCK_AFTER else None

    def is_whole(self, now: Micros) -> bool:
        """Every part is ready and the main loop turns."""
        return self.stuck_seconds(now) is None and all(part["ready"] for part in self.report().values())

    def report(self) -> dict[Part, PartReport]:
        """Every part, in order."""
        with self._lock:
            return {
                part: PartReport(ready=not why, why=why or self._odd.get(part, "")) for part, why in self._why.items()
            }

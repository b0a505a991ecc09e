"""How often something may be done: a bucket that time fills."""

from __future__ import annotations

from sentinel.clock import MINUTE, Micros

AT_ONCE = 10
"""Attempts that may follow each other without a pause."""


class Bucket:
    """At most so many a minute, and `at_once` without a pause (a token bucket: time fills it, each takes one out)."""

    def __init__(self, per_minute: int, now: Micros, at_once: int = AT_ONCE) -> None:
        self._each = MINUTE // per_minute
        self._full = min(per_minute, at_once) * self._each
        self._level, self._since = self._full, now

    def take(self, now: Micros) -> Micros:
        """0, and one is taken; or how long there is none."""
        # A clock that was set back fills nothing, and takes nothing away.
        self._level = min(self._full, self._level + max(0, now - self._since))
        self._since = now
        if self._level < self._each:
            return self._each - self._level
        self._level -= self._each
        return 0

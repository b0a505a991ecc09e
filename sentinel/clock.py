"""The only module that reads the time or waits. Everything else is told the time as `now`."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol

Micros = int
"""Microseconds since 1970-01-01T00:00:00Z, without leap seconds."""

SECOND: Micros = 1_000_000
MINUTE: Micros = 60 * SECOND
HOUR: Micros = 60 * MINUTE
QUARTER: Micros = 15 * MINUTE
"""No zone begins an hour within a quarter of one."""
DAY: Micros = 24 * HOUR

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Passed(NamedTuple):
    """How long the machine has run, whatever was done to the wall clock; `total` counts on while it is suspended."""

    awake: Micros
    total: Micros


class Clock(Protocol):
    """What a part that needs the time is given."""

    def now(self) -> Micros:
        """The wall clock in UTC."""

    def passed(self) -> Passed:
        """What the wall clock can be held against: it goes on evenly."""

    def wait(self, seconds: float, wake: threading.Event) -> bool:
        """Wait until `wake` is set or the seconds have passed; say whether it was set, and clear it."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> Micros:
        return time.time_ns() // 1000

    def passed(self) -> Passed:
        awake = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        return Passed(awake, time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000)

    def wait(self, seconds: float, wake: threading.Event) -> bool:
        woken = wake.wait(seconds)
        wake.clear()
        return woken


class SetClock:
    """A clock that stands still until somebody moves it; waiting moves it."""

    def __init__(self, now: Micros) -> None:
        self._now = now
        self._set_by: Micros = 0
        self._asleep: Micros = 0

    def now(self) -> Micros:
        return self._now

    def passed(self) -> Passed:
        total = self._now - self._set_by
        return Passed(total - self._asleep, total)

    def move_to(self, now: Micros) -> None:
        """So much time passes."""
        self._now = now

    def set_to(self, now: Micros) -> None:
        """Somebody sets the clock; no time passes."""
        self._set_by += now - self._now
        self._now = now

    def suspend(self, length: Micros) -> None:
        """The machine sleeps."""
        self._now += length
        self._asleep += length

    def wait(self, seconds: float, wake: threading.Event) -> bool:
        self._now += round(seconds * SECOND)
        woken = wake.is_set()
        wake.clear()
        return woken


def to_datetime(moment: Micros) -> datetime:
    """The moment as a datetime in UTC. Exact: no float is involved."""
    return _EPOCH + timedelta(microseconds=moment)


def from_datetime(moment: datetime) -> Micros:
    """Microseconds of an aware datetime. Raises TypeError for a naive one."""
    return (moment - _EPOCH) // _MICROSECOND


def rfc3339(moment: Micros, digits: int = 0) -> str:
    """The moment as RFC 3339 text in UTC with that many fractional digits (0 to 6, cut, not rounded)."""
    text = to_datetime(moment).strftime("%Y-%m-%dT%H:%M:%S.%f")
    text = text[:-7] if digits <= 0 else text[: len(text) - 6 + min(digits, 6)]
    return text + "Z"

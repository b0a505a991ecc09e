"""Notices that somebody set the wall clock, or that the machine slept: what the clock says against what has passed.

Rules of this file: deadlines are moments in UTC and stay what they are; windows follow the times in the logs. So a jump
changes neither. It is said, counted and written down, and what would be told too early waits a while.
"""

from __future__ import annotations

from dataclasses import dataclass

from sentinel.clock import HOUR, MINUTE, SECOND, Micros, Passed

SMALLEST: Micros = 2 * SECOND
"""A jump below this is the clock being slewed, or a busy machine between two looks."""

GRAVE: Micros = 5 * MINUTE
"""A jump of this or more is written into the audit trail and is a finding: times in the register may be off by it."""

DOUBTFUL: Micros = HOUR
"""A jump ahead of this or more could tell of deadlines that have not come, so that is left for `HELD`."""

HELD: Micros = 10 * MINUTE


@dataclass(frozen=True, slots=True)
class Jump:
    """The wall clock was set by so much (below 0: back), or the machine slept so long."""

    by: Micros = 0
    slept: Micros = 0

    @property
    def is_grave(self) -> bool:
        """Whether times in the register may be off by more than people overlook."""
        return abs(self.by) >= GRAVE


class ClockWatch:
    """Compares the wall clock with what has passed since the last look."""

    def __init__(self, now: Micros, passed: Passed) -> None:
        self._now = now
        self._passed = passed
        self._held_from: Micros | None = None
        self._ahead: Micros = 0

    def look(self, now: Micros, passed: Passed) -> Jump | None:
        """What was done to the clock since the last look; None where it went on as it should."""
        total = passed.total - self._passed.total
        by, slept = now - self._now - total, total - (passed.awake - self._passed.awake)
        self._now, self._passed = now, passed
        jump = Jump(by if abs(by) >= SMALLEST else 0, slept if slept >= SMALLEST else 0)
        if jump.by >= DOUBTFUL:
            self._held_from, self._ahead = passed.total, jump.by
        elif jump.by and self._held_from is not None and self._ahead + jump.by < DOUBTFUL:
            self._held_from = None  # what was set ahead is set back
        return jump if jump.by or jump.slept else None

    def is_doubtful(self) -> bool:
        """Whether the clock was set ahead by hours a few minutes ago, so that a deadline may only seem to have come."""
        if self._held_from is not None and self._passed.total - self._held_from >= HELD:
            self._held_from = None
        return self._held_from is not None

"""A silence: for a time, somebody wants to hear nothing of certain cases that are known to be noise.

Rules of this file:
1. Only news is held back: a case opened, rose or grew. What a clock owes and what people decided is never silenced.
2. A silenced finding is counted and its case is open all the same; that a message was held back is in the audit trail.
3. A silence ends by itself, within a week: what should be quiet for longer is a filter of a rule.
"""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field

from sentinel.clock import DAY, Micros
from sentinel.model import AuditEntry, Notification
from sentinel.routing import NEWS, When, kind_of

LONGEST: Micros = 7 * DAY


class Silence(BaseModel):
    """What is silent from `at` until `until`, who wants it so and why. `when` is as in a route."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: str
    at: Micros
    until: Micros
    who: str
    reason: str = Field(min_length=1, max_length=2000)
    when: When

    def covers(self, notification: Notification) -> bool:
        """The message is held back."""
        is_news = kind_of(notification.key) in NEWS
        return is_news and self.at <= notification.owed_at < self.until and self.when.holds(notification)


def over(silences: Iterable[Silence], notification: Notification) -> Silence | None:
    """The silence that the message falls under, if any."""
    return next((each for each in silences if each.covers(notification)), None)


def held_back(silence: Silence, notification: Notification) -> AuditEntry:
    """What the audit trail of the case says of a message that was not sent."""
    return AuditEntry(
        at=notification.owed_at,
        who=silence.who,
        act="message.silenced",
        case_id=notification.case.id,
        detail={"key": notification.key, "silence": silence.id, "reason": silence.reason},
    )

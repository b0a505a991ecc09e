"""Which channels hear of which message: the first route whose conditions hold decides, as in Alertmanager's tree.

Rules of this file: pure; a case that no route is for is told to nobody, and that is said when the routes are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, time
from typing import Annotated, Literal, TypeVar
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from sentinel.clock import Micros, to_datetime
from sentinel.model import Notification
from sentinel.zones import ZoneName

Kind = Literal[
    "opened", "acknowledged", "escalated", "grew", "reminder", "overdue", "confirmed", "aware", "notified",
    "dismissed", "closed", "reopened", "digest", "storm", "unacknowledged", "undecided", "task", "broken",
]  # fmt: skip
"""What a message is about."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

NEWS = frozenset({"opened", "escalated", "grew", "digest"})
"""Kinds of message that tell of what was found, not of what a clock owes or a person decided."""

LevelWord = Literal["informational", "low", "medium", "high", "critical"]
Text = Annotated[str, Field(min_length=1)]
Word = TypeVar("Word", bound=str)


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class When(_Part):
    """Conditions on a message: each that is given must hold, and holds if one of its words does."""

    level: LevelWord | tuple[LevelWord, ...] | None = None
    rule: Text | tuple[Text, ...] | None = None
    system: Text | tuple[Text, ...] | None = None
    category: Text | tuple[Text, ...] | None = None
    kind: Kind | tuple[Kind, ...] | None = None

    def holds(self, notification: Notification) -> bool:
        """The conditions hold for the message."""
        case = notification.case
        facts = (
            (self.level, (case.level.word,)),
            (self.rule, case.rules),
            (self.system, case.systems),
            (self.category, case.categories),
            (self.kind, (kind_of(notification.key),)),
        )
        return all(wanted is None or not set(listed(wanted)).isdisjoint(found) for wanted, found in facts)

    @property
    def is_always(self) -> bool:
        """No condition is given."""
        return self == When()


def _is_time(text: str) -> str:
    if text != "24:00":
        datetime.strptime(text, "%H:%M")  # noqa: DTZ007  (a time of day, read in a zone later)
    return text


TimeOfDay = Annotated[str, AfterValidator(_is_time)]


class Active(_Part):
    """Hours of a week in a time zone: on these days from `since` until `until`, which is not part of it.

    `until` before `since` is of the next day: `22:00` to `06:00` on Friday ends on Saturday.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)

    days: tuple[Day, ...] = DAYS
    since: TimeOfDay = Field(default="00:00", alias="from")
    until: TimeOfDay = "24:00"
    timezone: ZoneName = "UTC"

    def holds(self, now: Micros) -> bool:
        """The moment is inside."""
        local = to_datetime(now).astimezone(ZoneInfo(self.timezone))
        today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
        minute = local.hour * 60 + local.minute
        since, until = _minute(self.since), _minute(self.until)
        if since < until:
            return today in self.days and since <= minute < until
        return (today in self.days and minute >= since) or (yesterday in self.days and minute < until)


def _minute(text: str) -> int:
    return 24 * 60 if text == "24:00" else (found := time.fromisoformat(text)).hour * 60 + found.minute


class Route(_Part):
    """Messages for which `when` holds, at the hours of `active`, go to the channels named in `to`; an empty list keeps
    them from everybody. `routes` are tried first, and where one of them fits it decides instead. With `continue`, the
    routes behind this one are tried too.
    """

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, populate_by_name=True)

    when: When = When()
    active: tuple[Active, ...] = ()
    to: tuple[str, ...] = ()
    goes_on: bool = Field(default=False, alias="continue")
    routes: tuple[Route, ...] = ()

    @model_validator(mode="after")
    def _says_where(self) -> Route:
        if "to" not in self.model_fields_set and not self.routes:
            raise ValueError("a route needs 'to', a list of channels")
        return self

    def fits(self, notification: Notification) -> bool:
        """The message is this route's."""
        is_active = not self.active or any(hours.holds(notification.owed_at) for hours in self.active)
        return is_active and self.when.holds(notification)

    @property
    def takes_all(self) -> bool:
        """No message gets past it."""
        return self.when.is_always and not self.active and not self.goes_on


def listed(words: Word | tuple[Word, ...] | None) -> tuple[Word, ...]:
    """The words of a condition, of which one may stand for a list of one."""
    if words is None:
        return ()
    return words if isinstance(words, tuple) else (words,)


def kind_of(key: str) -> str:
    """What a message of this key is about: `reminder` for `24h-left`, `escalated` for `escalated-high`."""
    occasion = key.rpartition("/")[2]
    return "reminder" if occasion.endswith("-left") else occasion.partition("-")[0]


def destinations(notification: Notification, routes: Sequence[Route], channels: Iterable[str]) -> tuple[str, ...]:
    """The channels that are to carry the message; every channel where no routes are written at all."""
    if not routes:
        return tuple(channels)
    return tuple(dict.fromkeys(_found(notification, routes)[0]))


def _found(notification: Notification, routes: Sequence[Route]) -> tuple[list[str], bool]:
    """The channels, and whether any route fitted: one that keeps a message from everybody fits too."""
    found: list[str] = []
    fitted = False
    for route in routes:
        if route.fits(notification):
            below, decided = _found(notification, route.routes)
            found += below if decided else route.to
            fitted = True
            if not route.goes_on:
                break
    return found, fitted

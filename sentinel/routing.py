"""Which channels hear of which message: the first route whose conditions hold decides.

Rules of this file: pure; a case that no route is for is told to nobody, and that is said when the routes are read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from sentinel.model import Notification

Kind = Literal[
    "opened", "escalated", "grew", "reminder", "overdue", "confirmed", "aware", "notified", "dismissed", "closed",
    "reopened", "digest",
]  # fmt: skip
"""What a message is about."""

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
    kind: Kind | tuple[Kind, ...] | None = None

    def holds(self, notification: Notification) -> bool:
        """The conditions hold for the message."""
        case = notification.case
        facts = (
            (self.level, (case.level.word,)),
            (self.rule, case.rules),
            (self.system, case.systems),
            (self.kind, (kind_of(notification.key),)),
        )
        return all(wanted is None or not set(listed(wanted)).isdisjoint(found) for wanted, found in facts)

    @property
    def is_always(self) -> bool:
        """No condition is given."""
        return self.level is None and self.rule is None and self.system is None and self.kind is None


class Route(_Part):
    """Messages for which `when` holds go to the channels named in `to`; an empty list keeps them from everybody."""

    when: When = When()
    to: tuple[str, ...]


def listed(words: Word | tuple[Word, ...] | None) -> tuple[Word, ...]:
    """The words of a condition, of which one may stand for a list of one."""
    if words is None:
        return ()
    return words if isinstance(words, tuple) else (words,)


def kind_of(key: str) -> str:
    """What a message of this key is about: `reminder` for `24h-left`, `escalated` for `escalated-high`."""
    occasion = key.rpartition("/")[2]
    return "reminder" if occasion.endswith("h-left") else occasion.partition("-")[0]


def destinations(notification: Notification, routes: Sequence[Route], channels: Iterable[str]) -> tuple[str, ...]:
    """The channels that are to carry the message; every channel where no routes are written at all."""
    if not routes:
        return tuple(channels)
    for route in routes:
        if route.when.holds(notification):
            return tuple(dict.fromkeys(route.to))
    return ()

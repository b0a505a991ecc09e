"""What becomes of windows: an episode that begins or goes on, a window that is over, what is to be told of them."""

from __future__ import annotations

from dataclasses import dataclass, field

from sentinel.clock import Micros
from sentinel.detect.entries import STRIDE


@dataclass(slots=True)
class Episode:
    """One finding while it can still grow. The condition is known to hold from `held_from` to `held_at`, with gaps
    shorter than the quiet time. `told` is the highest multiple of the threshold already told of. `is_estimate` is said
    of `value`.
    """

    finding: str
    source: str
    digits: int
    first_seen: Micros
    fired_at: Micros
    held_from: Micros
    held_at: Micros
    value: float
    events: int
    told: int = 1
    held_again: int = 0
    is_estimate: bool = False
    has_news: bool = False
    subjects: set[int] = field(default_factory=set)

    def go_on(
        self, events: int, first: Micros, last: Micros, value: float, *, times: int = 1, is_estimate: bool = False
    ) -> None:
        """The condition held so many `times` more, in windows that end from the one time to the other and come to
        `value` at most; so many events more are in them.
        """
        self.events += events
        self.held_from = min(first, self.held_from)
        self.held_at = max(last, self.held_at)
        if value > self.value:
            self.value = value
            self.is_estimate = is_estimate
        self.held_again += times
        self.has_news = True


@dataclass(slots=True)
class Fired:
    """The condition began to hold: the window's entries and what was counted in it.

    An event that comes late may fill several windows at once: `at` is the end of the first, `until` of the last, and
    `value` the most that was counted in one.
    """

    at: Micros
    until: Micros
    value: float
    entries: list[int]
    is_estimate: bool = False


@dataclass(frozen=True, slots=True)
class Closed:
    """A window that can change no more and whose measure is within the rule's bounds: the group's key, the event it
    begins with, the moment it ended, and what it comes to; None where an episode goes on with it.
    """

    key: int
    begin: Micros
    end: Micros
    digest: str
    known: Summary
    fired: Fired | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a window from the event it begins with, for a finding that no event completes. In clear: it is
    saved only sealed, as all of the state is.
    """

    values: tuple[str, ...]
    case_key: tuple[tuple[str, str], ...]
    actors: tuple[str, ...]
    systems: tuple[str, ...]
    categories: tuple[str, ...]
    digits: int
    verified: bool
    historical: bool


Waiting = tuple[Micros, str, Summary]
"""An event with which a window begins: its time, the digest of its record, and what is to be said of it."""

Told = tuple[Episode, Micros, int | None]
"""An episode, the time of its last event, and how many data subjects its last window is about; None for unknown."""


def episode_of(finding: str, source: str, digits: int, fired: Fired, fired_at: Micros | None = None) -> Episode:
    """The episode that begins with what fired."""
    return Episode(
        finding=finding,
        source=source,
        digits=digits,
        first_seen=fired.entries[0],
        fired_at=fired_at or fired.at,
        held_from=fired.at,
        held_at=fired.until,
        value=fired.value,
        events=len(fired.entries) // STRIDE,
        is_estimate=fired.is_estimate,
    )

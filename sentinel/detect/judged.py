"""A correlation whose windows must not only reach the threshold but be unusual too: what its judges say."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sentinel.clock import Micros
from sentinel.detect.correlate import Episode, Fired, Group, Tally
from sentinel.detect.course import clear
from sentinel.detect.fields import Getter
from sentinel.detect.rules import Correlation
from sentinel.detect.windows import Entry, Window
from sentinel.model import Event

Ends = Sequence[tuple[Micros, float]]


class Shown(NamedTuple):
    """What a judge is shown of an event that was counted: its group, its entry, the windows it fell into (when each
    ends and what it comes to), the threshold of the rule, and the group's peer group.
    """

    key: int
    window: Window
    entry: Entry
    ends: Ends
    threshold: float
    peer: int


class WindowJudge(Protocol):
    """A judge as a correlation asks it."""

    def ask(self, shown: Shown) -> bool:
        """Whether a window that reaches the threshold is unusual; and learn from it."""

    def why(self, shown: Shown) -> str:
        """In words, without anything personal, what the last verdict went by."""


class JudgedTally(Tally):
    """All groups of one such correlation. `peer_of` finds the peer group in an event."""

    def __init__(
        self,
        rule: Correlation,
        judges: Sequence[WindowJudge],
        peer_of: Callable[[Sequence[str], Mapping[str, Any]], int] | None,
    ) -> None:
        super().__init__(rule)
        self.is_plain = False
        if rule.about.additions.score is not None:  # how often each rule matched is kept besides which did
            self.distinct, self.measure = True, None
        self._least = -math.inf
        self._judges = judges
        self._peer_of = peer_of
        self._key = self._peer = 0
        self._recalled: str | None = None
        self._replays = False
        self._because: tuple[str, ...] = ()

    def look(self, key: int, names: Sequence[tuple[str, Getter]], event: Event) -> None:
        self._key = key
        if self._peer_of is not None:
            self._peer = self._peer_of(clear(event.fields, names), event.fields)

    def recall(self, finding: str | None) -> None:
        self._replays, self._recalled = True, finding

    def because(self) -> tuple[str, ...]:
        return self._because

    def _held(self, group: Group, entry: Entry | None, held: Ends) -> Fired | Episode | None:
        assert entry is not None, "a condition judged at the end of a window has no judges"
        threshold = self._threshold
        reached = held if held[0][1] >= threshold and len(held) == 1 else [end for end in held if end[1] >= threshold]
        if self._replays:
            self._replays, is_unusual, shown = False, self._recalled != "", None
        else:
            shown = Shown(self._key, group.window, entry, held, threshold, self._peer)
            is_unusual = True
            for judge in self._judges:
                is_unusual &= judge.ask(shown)
        self.noted = "" if reached and not is_unusual else None
        if not reached or not is_unusual:
            return None
        found = super()._held(group, entry, reached)
        if isinstance(found, Fired) and shown is not None:
            self._because = tuple(judge.why(shown) for judge in self._judges)
        return found

"""How often the rules of one source matched, and when last: counted a block at a time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Protocol

from sentinel.clock import Micros
from sentinel.model import Event


class Match(Protocol):
    """An event and the numbers of the rules that it matches."""

    @property
    def event(self) -> Event: ...
    @property
    def rules(self) -> tuple[int, ...]: ...


class Matched:
    """What has been counted since somebody last took it. Events that match the same rules are counted together."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int, ...]] = Counter()
        self._last: dict[tuple[int, ...], Micros] = {}

    def note(self, found: Sequence[Match]) -> None:
        """The matches of a block, in the order they were written."""
        counts = Counter([match.rules for match in found])
        self._counts.update(counts)
        for match in reversed(found):
            if counts.pop(match.rules, 0):
                self._last[match.rules] = match.event.time
                if not counts:
                    break

    def take(self) -> Iterator[tuple[int, int, Micros]]:
        """The number of a rule, its matches, and the event time of the one written last; a rule may come repeatedly."""
        counts, last = self._counts, self._last
        self._counts, self._last = Counter(), {}
        return ((number, count, last[numbers]) for numbers, count in counts.items() for number in numbers)

"""Holes in the watch that show in the counts of a source: accesses that name nobody, records that no format can read,
stamps from the future.

Only records in which some rule or access could be are read at all, so only of these is known whether they can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from sentinel.clock import DAY, HOUR, Micros
from sentinel.detect.lane import Counts, Lane


@dataclass(frozen=True, slots=True)
class Hole:
    """What is wrong when, of at least `least` within an hour, more than `share` are of the bad kind, and more than
    `rise` times the share of the hour before.
    """

    rule: str
    title: str
    total: Callable[[Counts], int]
    bad: Callable[[Counts], int]
    least: int
    share: float
    rise: float = 0


HOLES = (
    Hole(
        "sentinel.actorless",
        "Most accesses of a source name no actor: nobody can be told from another there",
        lambda counts: sum(counts.accesses.values()),
        lambda counts: counts.actorless,
        least=100,
        share=0.5,
    ),
    Hole(
        "sentinel.unreadable",
        "Many more records of a source than before cannot be read: its format has changed, or somebody writes into it",
        lambda counts: counts.events,
        lambda counts: counts.unparsed,
        least=50,
        share=0.1,
        rise=3,
    ),
    Hole(
        "sentinel.future_stamps",
        "Records of a source are stamped ahead of the clock: a clock or a time zone is wrong, or somebody hides them",
        lambda counts: counts.events,
        lambda counts: counts.future,
        least=20,
        share=0.05,
    ),
)


class Holes:
    """Looks at the counts of each source, once an hour; each source is told of once a day for each hole."""

    def __init__(self) -> None:
        self._since: dict[tuple[str, str], tuple[Micros, int, int]] = {}
        self._shares: dict[tuple[str, str], float] = {}
        self._told: dict[tuple[str, str], Micros] = {}

    def look(self, lanes: Mapping[str, Lane], now: Micros) -> Iterator[tuple[Hole, str]]:
        """The holes of the last hour, each with its source."""
        for name, lane in lanes.items():
            for hole in HOLES:
                if self._is_open(hole, name, lane.counts, now) and now // DAY != self._told.get((hole.rule, name)):
                    self._told[hole.rule, name] = now // DAY
                    yield hole, name

    def _is_open(self, hole: Hole, name: str, counts: Counts, now: Micros) -> bool:
        key = hole.rule, name
        total, bad = hole.total(counts), hole.bad(counts)
        since, before, bad_before = self._since.get(key, (now, total, bad))
        if total < before or key not in self._since:  # an engine with new rules counts from 0
            self._since[key] = now, min(total, before), min(bad, bad_before)
            return False
        if now - since < HOUR:
            return False
        self._since[key] = now, total, bad
        seen = total - before
        if seen < hole.least:
            return False
        share, earlier = (bad - bad_before) / seen, self._shares.get(key, 0.0)
        self._shares[key] = share
        return share > max(hole.share, hole.rise * earlier)

"""A hole in the watch: sources of whose accesses most do not say who it was, so that no rule can count by person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sentinel.clock import DAY, HOUR, Micros
from sentinel.detect.lane import Lane

ENOUGH = 100
"""Accesses within an hour that say something."""

SHARE = 0.5
TITLE = "Most accesses of a source name no actor: nobody can be told from another there"
RULE = "sentinel.actorless"


class Actorless:
    """Looks at the counts of each source, once an hour; each source is told of once a day."""

    def __init__(self) -> None:
        self._since: dict[str, tuple[Micros, int, int]] = {}
        self._told: dict[str, Micros] = {}

    def look(self, lanes: Mapping[str, Lane], now: Micros) -> Iterator[str]:
        """The sources of which, within the last hour, more than half of the accesses had no actor."""
        for name, lane in lanes.items():
            total, without = sum(lane.counts.accesses.values()), lane.counts.actorless
            since, before, before_without = self._since.get(name, (now, total, without))
            if total < before or name not in self._since:  # an engine with new rules counts from 0
                self._since[name] = now, min(total, before), min(without, before_without)
            elif now - since >= HOUR:
                self._since[name] = now, total, without
                accesses = total - before
                is_hole = accesses >= ENOUGH and without - before_without > SHARE * accesses
                if is_hole and now // DAY != self._told.get(name):
                    self._told[name] = now // DAY
                    yield name

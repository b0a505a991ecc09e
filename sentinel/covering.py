"""What was read since the last commit, from the engine's own counts: the difference to what they were then."""

from __future__ import annotations

from sentinel.clock import DAY, Micros
from sentinel.detect.engine import Engine
from sentinel.detect.lane import Counts
from sentinel.model import Gap
from sentinel.store.coverage import Read


class Covering:
    """Remembers what was counted at the last commit. An engine that is new begins at nothing."""

    def __init__(self) -> None:
        self._engine: Engine | None = None
        self._before: dict[str, Read] = {}
        self._lost: dict[str, Read] = {}

    def lose(self, gap: Gap) -> None:
        """A stretch of a log was lost; of how many bytes is not always known."""
        size = 0 if gap.end is None else max(0, gap.end - gap.start)
        self._lost[gap.source] = self._lost.get(gap.source, Read()) + Read(gaps=1, lost_bytes=size)

    def since(self, engine: Engine, now: Micros) -> dict[tuple[int, str], Read]:
        """What was read of each source since this was last asked, under the day of `now`; nothing twice."""
        if engine is not self._engine:
            self._engine, self._before = engine, {}
        found = self._lost
        self._lost = {}
        for name, lane in engine.lanes.items():
            total = _read(lane.counts)
            more = _less(total, self._before.get(name, Read()))
            self._before[name] = total
            if more != Read():
                found[name] = found.get(name, Read()) + more
        return {(now // DAY, name): read for name, read in found.items()}


def _read(counts: Counts) -> Read:
    return Read(counts.lines, counts.bytes, sum(counts.accesses.values()), counts.unparsed, counts.late)


def _less(total: Read, before: Read) -> Read:
    return Read(
        total.lines - before.lines,
        total.bytes - before.bytes,
        total.accesses - before.accesses,
        total.unparsed - before.unparsed,
        total.late - before.late,
    )

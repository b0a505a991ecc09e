"""Looks through what of a source lies on disk, for several cases at once: records with their traces, in their time.

Rules of this file: bounded in records, bytes and time for each case; half the time it rests, so that the watch beside
it goes on; what was left out, and why, is said.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import perf_counter

from sentinel.clock import Micros
from sentinel.detect.lane import SourceView
from sentinel.formats.base import Parser
from sentinel.model import Block
from sentinel.sources import Past, Unread
from sentinel.store.collected import Cut, Record
from sentinel.traces import Search

LOOK_BEHIND = 200
"""So many records before one without a time are asked for theirs."""


@dataclass(slots=True)
class Hunt:
    """What is looked for in one source for one case, and what was found. `known` are the records (time and bytes) that
    the case has already; `room` is how many more records and bytes it may have.
    """

    case_id: str
    search: Search
    since: Micros
    until: Micros
    known: Counter[tuple[Micros, bytes]]
    room_records: int
    room_bytes: int
    found: list[Record] = field(default_factory=list)
    cut: Cut = ""
    reached: Micros = 0

    def take(self, record: Record) -> None:
        """The record is the case's, unless it has it already or has no room for it."""
        mark = (record.time, record.raw)
        if self.known[mark]:
            self.known[mark] -= 1
        elif not self.room_records or len(record.raw) > self.room_bytes:
            self.cut = "bytes" if self.room_records else "records"
        else:
            self.found.append(record)
            self.room_records -= 1
            self.room_bytes -= len(record.raw)


class Gathering:
    """One look through one source. `is_whole` says whether it came to the end of what there is."""

    def __init__(
        self,
        past: Past,
        hunts: list[Hunt],
        view_of: Callable[[Block], SourceView],
        mask: Callable[[bytes, Parser], bytes],
        stopping: threading.Event,
    ) -> None:
        self.unread: list[tuple[str, str]] = []
        self.is_whole = False
        self._past = past
        self._hunts = hunts
        self._view_of = view_of
        self._mask = mask
        self._stopping = stopping

    def run(self, seconds: float) -> None:
        """Look, for that long at most; the hunts hold what was found. To be thrown away if it was stopped."""
        begun = rested = perf_counter()
        for each in self._past:
            if isinstance(each, Unread):
                self.unread.append((each.path, each.reason))
            else:
                self._look(each)
            open_hunts = [hunt for hunt in self._hunts if not hunt.cut]
            if self._stopping.wait(perf_counter() - rested) or not open_hunts:
                return
            rested = perf_counter()
            if rested - begun > seconds:
                for hunt in open_hunts:
                    hunt.cut = "time"
                return
        self.is_whole = True

    def _look(self, block: Block) -> None:
        view = self._view_of(block)
        timed = _Timed(block, view.format.parser(frozenset()))
        lowered = block.data.lower()
        last = timed.time_of(timed.begin_of(len(lowered) - 1))
        for hunt in self._hunts:
            if not hunt.cut:
                self._take(hunt, lowered, block, timed, view)
                hunt.reached = max(hunt.reached, last)

    def _take(self, hunt: Hunt, lowered: bytes, block: Block, timed: _Timed, view: SourceView) -> None:
        kinds: dict[int, set[str]] = {}
        for hit in hunt.search.hits(lowered):
            kinds.setdefault(timed.begin_of(hit.offset), set()).add(hit.kind)
        for start in sorted(kinds):
            end, time = timed.end_of(start), timed.time_of(start)
            if hunt.since <= time <= hunt.until:
                raw = self._mask(block.data[start:end], view.format.parser(None))
                place = block.offset + start
                hunt.take(Record(time, block.path, place, end - start, sorted(kinds[start]), raw))


class _Timed:
    """The records of a block and their times."""

    def __init__(self, block: Block, parse: Parser) -> None:
        self._block = block
        self._parse = parse

    def begin_of(self, place: int) -> int:
        """Where the record begins in which that byte is."""
        starts = self._block.starts
        if starts is None:
            return self._block.data.rfind(b"\n", 0, place) + 1
        return starts[bisect_right(starts, place) - 1]

    def end_of(self, start: int) -> int:
        """Where the record ends that begins there, without its newline."""
        data, starts = self._block.data, self._block.starts
        if starts is None:
            end = data.find(b"\n", start)
            return end if end >= 0 else len(data)
        after = bisect_right(starts, start)
        return (starts[after] if after < len(starts) else len(data)) - 1

    def time_of(self, start: int) -> Micros:
        """The record's own time, else that of the nearest one before it, else the block's reference."""
        return next(
            (time for at in self._back(start) if (time := self._own_time(at)) is not None), self._block.reference
        )

    def _back(self, start: int) -> Iterator[int]:
        for _ in range(LOOK_BEHIND):
            yield start
            if start == 0:
                return
            start = self.begin_of(start - 1)

    def _own_time(self, start: int) -> Micros | None:
        raw = self._block.data[start : self.end_of(start)].removesuffix(b"\r")
        if self._block.starts is not None:
            raw = raw.replace(b"\n", b" ")
        parsed = self._parse(raw, self._block.reference)
        return None if parsed is None else parsed[1]

"""Which documents of an index were handed out: their ids in segments, each a stream with a position of its own.

Rules of this file: a position holds the ids of one segment only, so that following many documents writes little; a
segment is forgotten when everything that may still come again is newer than all of it.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sentinel.clock import Micros
from sentinel.model import Position

MOST_IDS = 2000
"""Ids in one segment: a position of about 20 KB."""

_WIDTH = 8


@dataclass(slots=True)
class _Segment:
    """Documents handed out one after the other; `offset` is behind the last, `newest` the time of the newest."""

    ids: bytearray = field(default_factory=bytearray)
    offset: int = 0
    newest: Micros = 0


class Segments:
    """What was handed out of one source. `first` is when it was first started, `high` the highest time handed out."""

    def __init__(self, source: str, first: Micros) -> None:
        self.first = first
        self.high: Micros = 0
        self._source = source
        self._segments: dict[int, _Segment] = {1: _Segment()}
        self._seen: set[bytes] = set()

    @classmethod
    def of(cls, source: str, positions: Sequence[Position], now: Micros) -> Segments:
        """As they were stored. Raises ValueError where a position is not one that a source of this type wrote."""
        found = cls(source, now)
        for position in positions:
            try:
                state = json.loads(position.state)
                if state["v"] != 1:
                    raise ValueError(f"the stored position is of version {state['v']}, this program knows version 1")
                ids = bytearray(base64.b64decode(state["ids"], validate=True))
                segment = _Segment(ids, int(state["at"]), int(state["newest"]))
                found.first, found.high = int(state["first"]), max(found.high, int(state["high"]))
            except (KeyError, TypeError) as wrong:
                raise ValueError("the stored position is not one that this program wrote") from wrong
            found._segments[position.stream] = segment
            found._seen.update(_cut(ids))
        return found

    @property
    def stream(self) -> int:
        """The segment that is filled."""
        return max(self._segments)

    @property
    def offset(self) -> int:
        """Behind the last document of that segment."""
        return self._segments[self.stream].offset

    def is_seen(self, key: bytes) -> bool:
        """It was handed out, and may come again."""
        return key in self._seen

    def add(self, documents: Iterable[tuple[bytes, Micros, int]], now: Micros) -> Position:
        """Documents by key, time and length are handed out; the position that remembers it.

        One that is dated ahead of `now` does not hide those of today.
        """
        segment = self._segments[self.stream]
        for key, time, length in documents:
            self._seen.add(key)
            segment.ids += key
            segment.offset += length
            segment.newest = max(segment.newest, time)
            self.high = max(self.high, min(time, now))
        return self.position()

    def position(self) -> Position:
        """Of the segment that is filled."""
        segment = self._segments[self.stream]
        ids = base64.b64encode(segment.ids).decode()
        state = {"v": 1, "first": self.first, "high": self.high, "newest": segment.newest, "at": segment.offset}
        text = json.dumps({**state, "ids": ids}, separators=(",", ":"))
        return Position(source=self._source, stream=self.stream, state=text)

    def turn(self) -> None:
        """A full segment is followed by another."""
        if len(self._segments[self.stream].ids) >= MOST_IDS * _WIDTH:
            self._segments[self.stream + 1] = _Segment()

    def forget(self, before: Micros) -> list[int]:
        """The segments of which no document can come again; the one that is filled stays."""
        gone = [stream for stream, each in self._segments.items() if each.newest < before and stream != self.stream]
        for stream in gone:
            self._seen.difference_update(_cut(self._segments.pop(stream).ids))
        return gone


def key_of(index: str, identity: str) -> bytes:
    """What stands for one document: 64 bits of SHA-256 of its index and id."""
    return hashlib.sha256(f"{index}\0{identity}".encode()).digest()[:_WIDTH]


def _cut(ids: bytes | bytearray) -> list[bytes]:
    return [bytes(ids[at : at + _WIDTH]) for at in range(0, len(ids), _WIDTH)]

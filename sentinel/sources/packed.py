"""A generation that was compressed: its bytes forward from an offset, and how it is known to be one read before.

Rules of this file: offsets are those of the bytes before compression, so that a place in a plain log is the same place
in what was made of it. Nothing is unpacked to disk. What cannot be told cheaply is told when the offset is reached.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import chain
from typing import TypeVar

from sentinel.sources.compression import Chunks, expanded, is_compressed
from sentinel.sources.framing import Framed, Framing, framed
from sentinel.sources.identity import MARK, Place, Rung, digest
from sentinel.sources.records import BLOCK, Unfinished, records

__all__ = [
    "Damaged",
    "Mistaken",
    "Packed",
    "Unfinished",
    "bytes_at",
    "first_bytes",
    "holds_place",
    "is_beginning_of",
    "is_compressed",
]

T = TypeVar("T")

SKIPPED_AT_ONCE = 16
PROBED = 16 * BLOCK
"""So many bytes are unpacked at once to tell whether a compressed file is one that was read before."""


class Damaged(Exception):
    """What stands behind this place cannot be unpacked."""


class Mistaken(Exception):
    """The compressed file was taken for a generation that it does not hold."""


class Packed:
    """Whole records of an open compressed file, from `offset` on. The descriptor is the caller's."""

    def __init__(self, fd: int, path: str, offset: int, framing: Framing) -> None:
        self._chunks = expanded(_chunks(fd), path)
        self._offset = offset
        self._framing = framing
        self._to_skip = offset
        self._before = b""
        self._records: Iterator[Framed] | None = None

    def reach(self, rung: Rung | None) -> bool:
        """Skip towards the offset, 16 MiB at most; say whether it is reached.

        Raises Mistaken where the bytes before it are not those of the rung, Unfinished and Damaged.
        """
        rest = b""
        for _ in range(SKIPPED_AT_ONCE):
            if not self._to_skip or self._records is not None:
                break
            chunk = _next(self._chunks)
            if chunk is None:
                raise Mistaken
            skipped, rest = chunk[: self._to_skip], chunk[self._to_skip :]
            self._to_skip -= len(skipped)
            self._before = (self._before + skipped)[-MARK:]
        if self._to_skip:
            return False
        if self._records is None:
            if rung is not None and rung.offset == self._offset and digest(self._before) != rung.digest:
                raise Mistaken
            rest = rest or _next(self._chunks) or b""
            lines = records(chain((rest,), self._chunks), self._offset, self._framing.coding_by(rest), waits=True)
            self._records = framed(lines, self._framing, waits=True)
        return True

    def next(self) -> Framed | None:
        """The next whole records; None at the end.

        Raises Unfinished where the file breaks off, and Damaged.
        """
        return _next(self._records if self._records is not None else iter(()))


def first_bytes(fd: int, length: int) -> bytes:
    """The first bytes of what the compressed file holds; fewer where it has no more, or not yet."""
    return _unpacked(fd, length)[:length]


def holds_place(fd: int, place: Place) -> bool:
    """What was read at the place is in this compressed file, as far as its first 16 MiB tell."""
    if not place.offset or digest(first_bytes(fd, place.head.offset)) != place.head.digest:
        return False
    rungs = [rung for rung in place.rungs if rung.offset <= PROBED]
    if not rungs:
        return True
    end = rungs[-1].offset
    data = _unpacked(fd, end)
    return len(data) >= end and digest(data[max(0, end - MARK) : end]) == rungs[-1].digest


def is_beginning_of(fd: int, original: int) -> bool:
    """The compressed file holds a beginning of the original, as far as its first 16 MiB tell; maybe an empty one."""
    data = first_bytes(fd, 4096)
    if data != os.pread(original, len(data), 0):
        return False
    data = _unpacked(fd, PROBED)
    start = max(0, len(data) - 4096)
    return data[start:] == os.pread(original, len(data) - start, start)


def bytes_at(fd: int, length: int, offset: int) -> bytes:
    """Bytes of what the compressed file holds, from its first 16 MiB; none of what stands behind them."""
    return _unpacked(fd, offset + length)[offset : offset + length] if offset + length <= PROBED else b""


def _unpacked(fd: int, length: int) -> bytes:
    """At least so many of the first bytes, where there are; what cannot be unpacked is left out."""
    gathered: list[bytes] = []
    missing = length
    try:
        for chunk in expanded(_chunks(fd), ""):
            gathered.append(chunk)
            missing -= len(chunk)
            if missing <= 0:
                break
    except ValueError:
        pass
    return b"".join(gathered)


def _next(items: Iterator[T]) -> T | None:
    try:
        return next(items, None)
    except Unfinished:
        raise
    except ValueError as wrong:
        raise Damaged(str(wrong)) from wrong


def _chunks(fd: int) -> Chunks:
    at = 0
    while chunk := os.pread(fd, BLOCK // 4, at):
        at += len(chunk)
        yield chunk

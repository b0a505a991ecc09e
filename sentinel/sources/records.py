"""Cuts chunks of bytes into pieces of whole records, in bounded memory however long a record is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sentinel.sources.coding import PLAIN, Coding

BLOCK = 1 << 20
KEPT = 1 << 16
CUT = " … ".encode()


class Unfinished(ValueError):
    """The input breaks off in the middle: its end may not have been written yet."""


@dataclass(slots=True)
class _Broken:
    """A record whose newline has not come yet. Above 1 MiB only both its ends are kept; `missing` counts the rest."""

    kept: bytes = b""
    missing: int = 0

    def length(self) -> int:
        return len(self.kept) + self.missing

    def add(self, chunk: bytes) -> None:
        self.kept += chunk
        if self.length() > BLOCK and len(self.kept) > 2 * KEPT:
            self.missing += len(self.kept) - 2 * KEPT
            self.kept = self.kept[:KEPT] + self.kept[-KEPT:]

    def both_ends(self, coding: Coding) -> bytes:
        return coding.text(self.kept[:KEPT]) + CUT + coding.text(self.kept[-KEPT:]) + b"\n"


class Lines(NamedTuple):
    """Whole lines at an offset of the input, as they are there; `length` counts a newline only where there is one.

    Where `is_cut`, they are the two ends of one line, in UTF-8.
    """

    offset: int
    data: bytes
    length: int
    is_cut: bool = False


def records(
    chunks: Iterable[bytes], offset: int = 0, coding: Coding = PLAIN, *, waits: bool = False
) -> Iterator[Lines]:
    """Everything in the chunks, of which the first stands at `offset`, in pieces that end with a newline.

    A last line without a newline is given one; a line longer than 1 MiB is cut to both its ends. What came before an
    error is handed out before it is raised; with `waits`, not half a line whose other half may still be written.
    """
    broken = _Broken()
    wrong: OSError | ValueError | None = None
    try:
        for chunk in chunks:
            start = 0
            end = coding.last_end(chunk)
            if not end:
                broken.add(chunk)
                continue
            first = coding.first_end(chunk)
            if broken.length() + first > BLOCK:
                broken.add(chunk[: first - coding.width])
                length = broken.length() + coding.width
                yield Lines(offset, broken.both_ends(coding), length, is_cut=True)
                offset, start, broken = offset + length, first, _Broken()
            if start < end:
                data = b"".join((broken.kept, memoryview(chunk)[start:end]))
                yield Lines(offset, data, len(data))
                offset += len(data)
            broken = _Broken(chunk[end:])
    except (OSError, ValueError) as error:
        wrong = error
    if broken.length() and not (waits and isinstance(wrong, Unfinished)):
        is_cut = broken.missing > 0
        ends = broken.both_ends(coding) if is_cut else broken.kept + coding.newline
        yield Lines(offset, ends, broken.length(), is_cut)
    if wrong is not None:
        raise wrong

"""Turns whole lines of one log into a piece of records: in UTF-8, several lines to a record where it is told so.

Rules of this file: the offset of a piece is that of its text, which is the file's own wherever the file is not in
UTF-16. There, text and file are told apart by `shift`, and the last pieces remember where in the file they stand.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from sentinel.sources.coding import PLAIN, Coding, coding_of, mark_length
from sentinel.sources.grouping import Grouping
from sentinel.sources.identity import MARK
from sentinel.sources.records import BLOCK, Lines, Unfinished

_PIECES_KNOWN = 4096
TRUNCATED, UNTERMINATED = "truncated", "unterminated"
"""Of a record: only its two ends, or a part, are there (Filebeat's word for it); its newline never came."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records and the offset of the first; `starts` and `flags` as in a block."""

    offset: int
    data: bytes
    starts: tuple[int, ...] | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """Where in the file the text of a piece stands."""

    offset: int
    at: int
    length: int


class Framing:
    """How one generation is cut into records. `coding` is None until there is something to tell it by."""

    def __init__(self, grouping: Grouping | None, coding: Coding | None, shift: int) -> None:
        self.grouping = grouping
        self.coding = coding
        self.shift = shift
        self._known: list[_Known] = []

    def coding_by(self, first: bytes) -> Coding:
        """How the file is written; by its first bytes, as long as nothing of it was handed out."""
        return self.coding or coding_of(first)

    def settled(self) -> Coding:
        """How the file is written, for one that was begun."""
        return self.coding or PLAIN

    def frame(self, at: int, raw: bytes, *, closes: bool) -> tuple[Piece, int] | None:
        """The records of these whole lines that stand `at` an offset of the file, and how many of its bytes they are.

        The last record of several lines may go on, unless it `closes`; None where there is no other.
        """
        coding = self.coding = self.coding_by(raw)
        mark = mark_length(raw, coding) if at == 0 else 0
        text = coding.text(raw[mark:] if mark else raw)
        starts: list[int] | None = None
        length = len(raw)
        if self.grouping is not None:
            starts = self.grouping.starts(text)
            if not closes:
                text = text[: starts.pop()]
                length = mark + coding.length(text)
            if not text:
                return None
        piece = Piece(at + self.shift + mark, text, tuple(starts) if starts is not None else None)
        self._note(piece, at, length)
        return piece, length

    def begins(self, line: bytes, *, after: bytes) -> bool:
        """Whether the line (as text) begins a record, where these bytes of the file stand before it."""
        text = self.settled().text(after)
        return self.grouping is None or len(text) in self.grouping.starts(text + line)

    def one(self, at: int, data: bytes, length: int) -> Piece:
        """One record in UTF-8, cut to its two ends, that stands for so many bytes of the file."""
        self.coding = self.settled()
        piece = Piece(at + self.shift, data, (0,) if self.grouping is not None else None, (TRUNCATED,))
        self._note(piece, at, length, is_whole=False)
        return piece

    def _note(self, piece: Piece, at: int, length: int, *, is_whole: bool = True) -> None:
        if self.settled().width == 1:
            return
        self.shift = piece.offset + len(piece.data) - (at + length)
        if is_whole:
            del self._known[: len(self._known) - _PIECES_KNOWN]
            self._known.append(_Known(piece.offset, at, length))

    def text_at(self, offset: int, length: int, read: Callable[[int, int], bytes]) -> bytes | None:
        """That part of the text, read from the file by `read(length, offset)`; None where it is not known any more."""
        if self.settled().width == 1:
            return read(length, offset)
        place = bisect_right(self._known, offset, key=lambda each: each.offset) - 1
        if place < 0:
            return None
        known = self._known[place]
        raw = read(known.length, known.at)
        mark = mark_length(raw, self.settled()) if known.at == 0 else 0
        return self.settled().text(raw[mark:])[offset - known.offset :][:length]


def flagged(piece: Piece, flag: str) -> Piece:
    """The same, its last record with a flag more."""
    return replace(piece, flags=(*piece.flags, flag))


class Framed(NamedTuple):
    """A piece, the offset in the file behind it, and bytes of the file that stand before that offset."""

    piece: Piece
    following: int
    before: bytes


def framed(lines: Iterable[Lines], framing: Framing, *, waits: bool = False) -> Iterator[Framed]:
    """Pieces of all these lines; a record of several that goes on in the next lines is handed out with them.

    What came before an error is handed out before it is raised; with `waits`, not a record that may go on.
    """
    carried, at, added = b"", 0, 0
    wrong: OSError | ValueError | None = None
    try:
        for each in lines:
            at = at if carried else each.offset
            raw = carried + each.data
            if each.is_cut:
                if carried and framing.begins(each.data, after=carried):
                    yield from _closed(carried, at, framing)
                    carried, at = b"", each.offset
                length = len(carried) + each.length
                yield Framed(framing.one(at, framing.settled().text(carried) + each.data, length), at + length, b"")
                carried = b""
                continue
            # The newline that a last line without one was given does not stand in the file.
            added = len(each.data) - each.length
            found = framing.frame(at, raw, closes=len(raw) > BLOCK + len(each.data))
            if found is None:
                carried = raw
                continue
            length = min(found[1], len(raw) - added)
            piece = flagged(found[0], UNTERMINATED) if added and found[1] == len(raw) else found[0]
            yield Framed(piece, at + length, raw[:length][-MARK:])
            carried, at = raw[found[1] :], at + length
    except (OSError, ValueError) as error:
        wrong = error
    if carried and not (waits and isinstance(wrong, Unfinished)) and (found := framing.frame(at, carried, closes=True)):
        length = found[1] - added
        yield Framed(flagged(found[0], UNTERMINATED) if added else found[0], at + length, carried[:length][-MARK:])
    if wrong is not None:
        raise wrong


def _closed(raw: bytes, at: int, framing: Framing) -> Iterator[Framed]:
    """These whole lines, the last of which ends a record."""
    if (found := framing.frame(at, raw, closes=True)) is not None:
        yield Framed(found[0], at + found[1], raw[: found[1]][-MARK:])

"""One generation of one file, read record by record through a descriptor that stays open while the name moves on.

Rules of this file: the descriptor is the truth, names are not. Nothing is done a line; a block costs one pread, one
search for the last newline and one copy. `offset` never passes a record that is not whole.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from sentinel.clock import Micros
from sentinel.sources.coding import PLAIN, Coding
from sentinel.sources.framing import TRUNCATED, UNTERMINATED, Framing, Piece, flagged
from sentinel.sources.grouping import Grouping
from sentinel.sources.identity import HEAD, MARK, Inode, Place, Rung, digest, is_same, with_rung
from sentinel.sources.packed import Packed, Unfinished, bytes_at, first_bytes, is_compressed
from sentinel.sources.records import BLOCK, CUT, KEPT

_SEARCHED_AT_ONCE = 64 * BLOCK
UNCHECKED = 9
"""So many looks in a row a file that has been left alone for seconds is only asked for its size and change time."""


class Replaced(Exception):
    """The bytes already read are no longer where they were: the file was cut or overwritten."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a source's files are cut into records: several lines to one, and how they are written where it is said."""

    grouping: Grouping | None = None
    coding: Coding | None = None


class Stream:
    """A generation being read. `at` is where it lies now, `path` where it was first found.

    `behind` says that records may be waiting; `is_placed` that `path` still leads here; `is_matched` that some
    configured name does; `is_ended` that its writer has turned to another file. `rested` is the size and change time
    with which a file at rest was left, None where it was never open or has to be opened again. `is_stored` says that
    some position of it was handed out; `is_open_group` that a record of several lines waits for its end,
    `is_unfinished` that a compressed file breaks off; `is_settled` that it was last changed seconds ago; `has_more`
    that the last block was not all there was; `is_told` that an event told of a change. All that was written before
    `unread_since` has been handed out.
    """

    def __init__(  # noqa: PLR0915  (what a generation is, and how it stands, each part once)
        self,
        number: int,
        place: Place,
        log: str,
        now: Micros,
        style: Style | None = None,
        opened: dict[int, Stream] | None = None,
    ) -> None:
        self.number = number
        self.path = self.at = place.path
        self.log = log
        self.inode = place.inode
        self.offset = place.offset
        self.head = place.head
        self.rungs = place.rungs
        self.modified = place.modified
        self.done = place.done
        self.copied = place.copied
        self.fd: int | None = None
        self.packed: Packed | None = None
        self.tail = b""
        self.size = 0
        self.links = 1
        self.behind = not place.done
        self.is_placed = self.is_matched = True
        self.is_ended = False
        self.due: Micros = 0
        self.quiet_since = now
        self.unread_since: Micros = place.modified // 1000 or now
        self.cut_records = 0
        self.unterminated_records = 0
        self.is_stored = False
        self.is_open_group = self.is_unfinished = self.is_settled = self.has_more = self.is_told = False
        self.rested: tuple[int, int] | None = None
        style = style or Style()
        begun = Coding(place.coding) if place.coding else PLAIN if place.offset else None
        self._framing = Framing(style.grouping, begun or style.coding, place.shift)
        self._opened = opened if opened is not None else {}
        self._looked = (-1, -1)
        self._unchecked = 0
        self._searched = 0

    def place(self) -> Place:
        """What has to be stored to come back here."""
        coding = self._framing.coding
        return Place(
            path=self.path,
            inode=self.inode,
            offset=self.offset,
            head=self.head,
            rungs=self.rungs,
            modified=self.modified,
            done=self.done,
            coding=coding.name if coding is not None and coding.width > 1 else "",
            shift=self._framing.shift,
            copied=self.copied,
        )

    def attach(self, fd: int, inode: Inode, at: str) -> None:
        """Read on through this descriptor, which holds the same bytes up to `offset`."""
        self.fd, self.inode, self.at = fd, inode, at
        self._opened[self.number] = self
        status = os.fstat(fd)
        self.size, self.links = status.st_size, status.st_nlink
        self._looked = (-1, -1)
        self._searched = 0
        self.packed = None
        if not is_compressed(fd):
            self.tail = os.pread(fd, min(MARK, self.offset), max(0, self.offset - MARK))
            return
        self.packed = Packed(fd, at, self.offset, self._framing)
        if self.done and self.modified == status.st_mtime_ns:
            self._looked, self.behind = (status.st_size, status.st_mtime_ns), False

    def go_to(self, fd: int, offset: int) -> None:
        """Stand at another place of the same bytes: `offset` is where a record of this file begins."""
        self.offset = offset
        self.head = Rung(0, "")
        self.rungs = tuple(rung for rung in self.rungs if rung.offset < offset)
        self._mark(fd, os.pread(fd, min(MARK, offset), max(0, offset - MARK)))

    def skip_to_end(self) -> None:
        """Stand behind the last whole line; nothing of a compressed file is read."""
        fd = self._open_fd()
        size = os.fstat(fd).st_size
        if self.packed is not None:
            self.done, self.behind, self.modified = True, False, os.fstat(fd).st_mtime_ns
            self._looked = (size, self.modified)
            return
        coding = self._framing.coding = self._framing.coding_by(os.pread(fd, 512, 0))
        start = max(0, size - BLOCK) // coding.width * coding.width
        end = coding.last_end(os.pread(fd, size - start, start))
        self.go_to(fd, start + end if end or not start else size)

    def rest(self, *, until_changed: bool = False) -> None:
        """Let go of the descriptor; the file is opened again, and compared, at once or when it has changed."""
        self.rested = self._looked if until_changed else None
        if self.fd is not None:
            os.close(self.fd)
            self.fd = self.packed = None
            self._opened.pop(self.number, None)

    def hand_over(self) -> int | None:
        """The descriptor, which is the caller's from now on."""
        fd, self.fd, self.packed = self.fd, None, None
        self._opened.pop(self.number, None)
        return fd

    def is_replaced(self) -> bool:
        """The open file no longer holds what was read from it."""
        if self.fd is None or not self.offset:
            return False
        return not self.is_here(self.fd)

    def unread(self) -> int:
        """Bytes written but not handed out, as of the last look; of a compressed file all of them, until it is done."""
        if self.packed is not None:
            return self.size if self.behind else 0
        return max(0, self.size - self.offset)

    def is_unchanged(self) -> bool:
        """Read to its end, and as it was: most files at most looks. False where it is time to compare what was read."""
        is_plain = self.packed is None and self.is_settled and self.is_stored and self._unchecked < UNCHECKED
        if self.fd is None or not is_plain or self.is_told or self.behind or self.is_ended or self.is_open_group:
            return False
        self._unchecked += 1
        with suppress(OSError):
            status = os.fstat(self.fd)
            return (status.st_size, status.st_mtime_ns) == self._looked
        return False

    def is_idle(self) -> bool:
        """Has been read, and has no whole record left."""
        return not self.behind and self._looked != (-1, -1)

    def has_name(self) -> bool:
        """Open, and not deleted: it could be opened again."""
        with suppress(OSError):
            return self.fd is not None and os.fstat(self.fd).st_nlink > 0
        return False

    def was_opened(self) -> bool:
        """Something but its inode's number is known of the file, and that number may be another file's by now."""
        return self.is_stored or self.offset > 0 or self.inode.generation is not None or self.fd is not None

    def last_change(self) -> int:
        """When the file was last written, in nanoseconds; as far as known, where it is not open."""
        return self.modified if self.fd is None else os.fstat(self.fd).st_mtime_ns

    def is_here(self, fd: int) -> bool:
        """The open file holds all that was read of this stream; of a compressed one, as far as it begins alike."""
        if is_compressed(fd):
            return digest(first_bytes(fd, self.head.offset)) == self.head.digest or not self.head.offset
        return is_same(fd, os.fstat(fd).st_size, self.place())

    def reread(self, offset: int, length: int) -> bytes | None:
        """Bytes handed out before; None where they are gone."""
        fd = self._open_fd()
        if offset + length > self.offset + self._framing.shift:
            return None
        if self.packed is not None:
            found = self._framing.text_at(offset, length, lambda size, at: bytes_at(fd, size, at))
        else:
            found = self._framing.text_at(offset, length, lambda size, at: os.pread(fd, size, at))
        return found if found is not None and len(found) == length else None

    # --- reading -------------------------------------------------------------------------------------------

    def whole_records(self, *, closes: bool = False) -> Piece | None:
        """The next block of records that end in a newline; with `closes`, the last is whole although it might go on.

        Raises Replaced, OSError where reading fails, Mistaken and Damaged.
        """
        fd = self._open_fd()
        status = os.fstat(fd)
        looked = (status.st_size, status.st_mtime_ns)
        self.links = status.st_nlink
        if self.packed is not None:
            return self._unpacked(fd, looked)
        if status.st_size < self.offset:
            raise Replaced
        kept = len(self.tail)
        if looked == self._looked and not closes:
            self._look_again(fd)
            return None
        chunk = os.pread(fd, BLOCK + kept, self.offset - kept)
        # The bytes before `offset` are read again with those after it: a file cut and grown past it shows there.
        if chunk[:kept] != self.tail or not self._begins_as_before(fd):
            raise Replaced
        self.size, self.modified = status.st_size, status.st_mtime_ns
        coding = self._framing.coding_by(chunk[kept : kept + 512])
        if chunk[kept : kept + coding.width] == bytes(coding.width):
            return self._behind_nuls(fd, looked)
        end = coding.last_end(chunk, kept)
        self.has_more = is_full = len(chunk) == BLOCK + kept
        if end:
            piece = self._framed(fd, chunk[kept:end], closes=closes, is_full=is_full)
            if piece is not None:
                return piece
        elif is_full:
            return self._too_long(fd, looked)
        self._looked, self.behind, self.is_open_group = looked, False, bool(end)
        return None

    def _look_again(self, fd: int) -> None:
        """Two changes within one tick of the file system's clock leave one change time, so that it proves little."""
        self.behind = self.has_more = False
        if self.is_settled and self._unchecked < UNCHECKED:
            self._unchecked += 1
            return
        self._unchecked = 0
        if os.pread(fd, len(self.tail), self.offset - len(self.tail)) != self.tail or not self._begins_as_before(fd):
            raise Replaced

    def _framed(self, fd: int, raw: bytes, *, closes: bool, is_full: bool) -> Piece | None:
        framed = self._framing.frame(self.offset, raw, closes=closes)
        is_part = framed is None and is_full
        if is_part:
            # A record of several lines that fills a block: it is handed out in parts, and nothing of it is left out.
            framed = self._framing.frame(self.offset, raw, closes=True)
            self.cut_records += 1
        if framed is None:
            return None
        piece, length = framed
        self._passed(fd, self.offset + length, raw[max(0, length - MARK) : length])
        return flagged(piece, TRUNCATED) if is_part else piece

    def unterminated(self) -> Piece | None:
        """What a finished file has left, with a newline added where there is none: asked for once, at the end."""
        if self.packed is not None:
            return None
        fd = self._open_fd()
        status = os.fstat(fd)
        start, end = self.offset, status.st_size
        if end <= start or (end, status.st_mtime_ns) != self._looked:
            return None
        self.unterminated_records += 1
        if end - start > BLOCK:
            return flagged(self._shortened(fd, end, end), UNTERMINATED)
        raw = os.pread(fd, end - start, start)
        if not raw.strip(b"\0"):
            return None
        framed = self._framing.frame(start, raw, closes=True)
        assert framed is not None
        piece, length = framed
        self._passed(fd, start + length, os.pread(fd, min(MARK, end), max(0, end - MARK)))
        data = piece.data if piece.data.endswith(b"\n") else piece.data + b"\n"
        return Piece(piece.offset, data, piece.starts, (UNTERMINATED,))

    def _begins_as_before(self, fd: int) -> bool:
        # Lines of one length and one ending are common: the tail alone would take a rewritten file for the same.
        return digest(os.pread(fd, self.head.offset, 0)) == self.head.digest or not self.head.offset

    def _open_fd(self) -> int:
        if self.fd is None:
            raise ValueError(f"stream {self.number} is at rest")
        return self.fd

    def _passed(self, fd: int, offset: int, before: bytes) -> None:
        if len(before) < MARK:
            before = (self.tail + before)[-min(MARK, offset) :]
        self.offset = offset
        self.done = self.is_open_group = False
        self.behind = True
        self._searched = 0
        self._mark(fd, before)

    def _mark(self, fd: int, before: bytes) -> None:
        self.tail = before[-MARK:]
        if self.head.offset < min(HEAD, self.offset):
            length = min(HEAD, self.offset)
            head = os.pread(fd, length, 0) if self.packed is None else first_bytes(fd, length)
            self.head = Rung(len(head), digest(head))
        if self.offset:
            self.rungs = with_rung(self.rungs, Rung(self.offset, digest(self.tail)))

    # --- what is not simply there --------------------------------------------------------------------------

    def _unpacked(self, fd: int, looked: tuple[int, int]) -> Piece | None:
        if looked == self._looked:
            self.behind = False
            return None
        assert self.packed is not None
        self.size, self.modified = looked
        found = None
        try:
            if not self.packed.reach(self.rungs[-1] if self.rungs else None):
                return None
            found = self.packed.next()
            self.is_unfinished = False
        except Unfinished:
            # Its end may not be written yet; when it has grown, it is unpacked again from its beginning.
            self.packed = Packed(fd, self.at, self.offset, self._framing)
            self.is_unfinished = True
        if found is None:
            self._looked, self.behind = looked, False
            return None
        self.cut_records += TRUNCATED in found.piece.flags
        self.unterminated_records += UNTERMINATED in found.piece.flags
        self._passed(fd, found.following, found.before)
        return found.piece

    def _behind_nuls(self, fd: int, looked: tuple[int, int]) -> Piece | None:
        # A writer that does not append leaves a hole when its file is cut under it; a crash of the machine leaves
        # nulls. They are skipped once something stands behind them: until then they may be space kept free.
        width = self._framing.settled().width
        at = max(self._searched, self.offset)
        for _ in range(_SEARCHED_AT_ONCE // BLOCK):
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            at -= at % width
            chunk = os.pread(fd, BLOCK, at)
            at += len(chunk) - len(chunk.lstrip(b"\0"))
            if chunk.strip(b"\0"):
                self.offset, self._searched = at - at % width, 0
                self._mark(fd, os.pread(fd, min(MARK, self.offset), max(0, self.offset - MARK)))
                return self.whole_records()
            if not chunk:
                break
        else:
            self._searched = at
            return None
        self._looked, self.behind = looked, False
        return None

    def _too_long(self, fd: int, looked: tuple[int, int]) -> Piece | None:
        coding = self._framing.settled()
        at = max(self._searched, self.offset + BLOCK)
        for _ in range(_SEARCHED_AT_ONCE // BLOCK):
            chunk = os.pread(fd, BLOCK, at)
            newline = coding.first_end(chunk)
            if newline:
                return self._shortened(fd, at + newline - coding.width, at + newline)
            at += len(chunk) - len(chunk) % coding.width
            if len(chunk) < BLOCK:
                self._looked, self.behind = looked, False
                break
        self._searched = at
        return None

    def _shortened(self, fd: int, end: int, following: int) -> Piece:
        start, coding = self.offset, self._framing.settled()
        data = coding.text(os.pread(fd, KEPT, start)) + CUT + coding.text(os.pread(fd, KEPT, end - KEPT)) + b"\n"
        piece = self._framing.one(start, data, following - start)
        self.cut_records += 1
        self._passed(fd, following, os.pread(fd, min(MARK, following), max(0, following - MARK)))
        return piece

"""One generation of one file, read record by record through a descriptor that stays open while the name moves on.

Rules of this file: the descriptor is the truth, names are not. Nothing is done a line; a block costs one pread, one
search for the last newline and one copy. `offset` never passes a record that is not whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from sentinel.clock import Micros
from sentinel.sources.identity import HEAD, MARK, Inode, Place, Rung, digest, is_same, with_rung

BLOCK = 1 << 20
KEPT = 1 << 16
CUT = " … ".encode()
_SEARCHED_AT_ONCE = 64 * BLOCK


class Replaced(Exception):
    """The bytes already read are no longer where they were: the file was cut or overwritten."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records and the offset of the first."""

    offset: int
    data: bytes


class Stream:
    """A generation being read. `at` is where it lies now, `path` where it was first found.

    `behind` says that records may be waiting; `is_placed` that `path` still leads here; `is_matched` that some
    configured name does; `is_ended` that its writer has turned to another file. `rested` is the size and change time
    with which a file at rest was left, None where it was never open or has to be opened again.
    `is_stored` says that some position of it was handed out.
    """

    def __init__(self, number: int, place: Place, log: str, now: Micros) -> None:
        self.number = number
        self.path = self.at = place.path
        self.log = log
        self.inode = place.inode
        self.offset = place.offset
        self.head = place.head
        self.rungs = place.rungs
        self.modified = place.modified
        self.done = place.done
        self.fd: int | None = None
        self.tail = b""
        self.size = 0
        self.links = 1
        self.behind = not place.done
        self.is_placed = self.is_matched = True
        self.is_ended = False
        self.due: Micros = 0
        self.quiet_since = now
        self.cut_records = 0
        self.is_stored = False
        self.rested: tuple[int, int] | None = None
        self._looked = (-1, -1)
        self._searched = 0

    def place(self) -> Place:
        """What has to be stored to come back here."""
        return Place(
            path=self.path,
            inode=self.inode,
            offset=self.offset,
            head=self.head,
            rungs=self.rungs,
            modified=self.modified,
            done=self.done,
        )

    def attach(self, fd: int, inode: Inode, at: str) -> None:
        """Read on through this descriptor, which holds the same bytes up to `offset`."""
        self.fd, self.inode, self.at = fd, inode, at
        status = os.fstat(fd)
        self.size, self.links = status.st_size, status.st_nlink
        self.tail = os.pread(fd, min(MARK, self.offset), max(0, self.offset - MARK))
        self._looked = (-1, -1)
        self._searched = 0

    def go_to(self, fd: int, offset: int) -> None:
        """Stand at another place of the same bytes: `offset` is where a record of this file begins."""
        self.offset = offset
        self.head = Rung(0, "")
        self.rungs = tuple(rung for rung in self.rungs if rung.offset < offset)
        self._mark(fd, os.pread(fd, min(MARK, offset), max(0, offset - MARK)))

    def rest(self, *, until_changed: bool = False) -> None:
        """Let go of the descriptor; the file is opened again, and compared, at once or when it has changed."""
        self.rested = self._looked if until_changed else None
        if self.fd is not None:
            os.close(self.fd)
            self.fd = None

    def is_replaced(self) -> bool:
        """The open file no longer holds what was read from it."""
        if self.fd is None or not self.offset:
            return False
        return not self.is_here(self.fd)

    def unread(self) -> int:
        """Bytes written but not handed out, as of the last look."""
        return max(0, self.size - self.offset)

    def is_idle(self) -> bool:
        """Has been read, and has no whole record left."""
        return not self.behind and self._looked != (-1, -1)

    def has_name(self) -> bool:
        """Open, and not deleted: it could be opened again."""
        try:
            return self.fd is not None and os.fstat(self.fd).st_nlink > 0
        except OSError:
            return False

    def was_opened(self) -> bool:
        """Something but its inode's number is known of the file, and that number may be another file's by now."""
        return self.is_stored or self.offset > 0 or self.inode.generation is not None or self.fd is not None

    def last_change(self) -> int:
        """When the file was last written, in nanoseconds; as far as known, where it is not open."""
        return self.modified if self.fd is None else os.fstat(self.fd).st_mtime_ns

    def is_here(self, fd: int) -> bool:
        """The open file holds all that was read of this stream."""
        return is_same(fd, os.fstat(fd).st_size, self.place())

    def whole_records(self) -> Piece | None:
        """The next block of records that end in a newline. Raises Replaced, and OSError where reading fails."""
        fd = self._open_fd()
        status = os.fstat(fd)
        if status.st_size < self.offset:
            raise Replaced
        self.links = status.st_nlink
        kept = len(self.tail)
        # The bytes before `offset` are read again with those after it: a file cut and grown past it shows there.
        # Two changes within one tick of the file system's clock leave one change time, so that it proves nothing.
        if (status.st_size, status.st_mtime_ns) == self._looked:
            if os.pread(fd, kept, self.offset - kept) != self.tail or not self._begins_as_before(fd):
                raise Replaced
            self.behind = False
            return None
        chunk = os.pread(fd, BLOCK + kept, self.offset - kept)
        if chunk[:kept] != self.tail or not self._begins_as_before(fd):
            raise Replaced
        self.size, self.modified = status.st_size, status.st_mtime_ns
        if chunk[kept : kept + 1] == b"\0":
            return self._behind_nuls(fd, (status.st_size, status.st_mtime_ns))
        end = chunk.rfind(b"\n", kept) + 1
        if end:
            piece = Piece(self.offset, chunk[kept:end])
            self._passed(fd, self.offset + end - kept, chunk[max(0, end - MARK) : end])
            return piece
        if len(chunk) < BLOCK + kept:
            self._looked, self.behind = (status.st_size, status.st_mtime_ns), False
            return None
        return self._too_long(fd, (status.st_size, status.st_mtime_ns))

    def unterminated(self) -> Piece | None:
        """What stands after the last newline of a finished file, with a newline added: asked for once, at the end."""
        fd = self._open_fd()
        status = os.fstat(fd)
        start, end = self.offset, status.st_size
        if end <= start or (end, status.st_mtime_ns) != self._looked:
            return None
        if end - start > BLOCK:
            return self._shortened(fd, end, end)
        data = os.pread(fd, end - start, start)
        if not data.strip(b"\0"):
            return None
        end = start + len(data)
        self._passed(fd, end, os.pread(fd, min(MARK, end), max(0, end - MARK)))
        return Piece(start, data + b"\n")

    def _begins_as_before(self, fd: int) -> bool:
        # Lines of one length and one ending are common: the tail alone would take a rewritten file for the same.
        return digest(os.pread(fd, self.head.offset, 0)) == self.head.digest or not self.head.offset

    def _open_fd(self) -> int:
        if self.fd is None:
            raise ValueError(f"stream {self.number} is at rest")
        return self.fd

    def _passed(self, fd: int, offset: int, before: bytes) -> None:
        self.offset = offset
        self.done = False
        self.behind = True
        self._searched = 0
        self._mark(fd, before)

    def _mark(self, fd: int, before: bytes) -> None:
        self.tail = before[-MARK:]
        if self.head.offset < min(HEAD, self.offset):
            head = os.pread(fd, min(HEAD, self.offset), 0)
            self.head = Rung(len(head), digest(head))
        if self.offset:
            self.rungs = with_rung(self.rungs, Rung(self.offset, digest(self.tail)))

    def _behind_nuls(self, fd: int, looked: tuple[int, int]) -> Piece | None:
        # A writer that does not append leaves a hole when its file is cut under it; a crash of the machine leaves
        # nulls. They are skipped once something stands behind them: until then they may be space kept free.
        at = max(self._searched, self.offset)
        for _ in range(_SEARCHED_AT_ONCE // BLOCK):
            try:
                at = os.lseek(fd, at, os.SEEK_DATA)
            except OSError:
                break
            chunk = os.pread(fd, BLOCK, at)
            at += len(chunk) - len(chunk.lstrip(b"\0"))
            if chunk.strip(b"\0"):
                self.offset, self._searched = at, 0
                self._mark(fd, os.pread(fd, min(MARK, at), max(0, at - MARK)))
                return self.whole_records()
            if not chunk:
                break
        else:
            self._searched = at
            return None
        self._looked, self.behind = looked, False
        return None

    def _too_long(self, fd: int, looked: tuple[int, int]) -> Piece | None:
        at = max(self._searched, self.offset + BLOCK)
        for _ in range(_SEARCHED_AT_ONCE // BLOCK):
            chunk = os.pread(fd, BLOCK, at)
            newline = chunk.find(b"\n")
            if newline >= 0:
                return self._shortened(fd, at + newline, at + newline + 1)
            at += len(chunk)
            if len(chunk) < BLOCK:
                self._looked, self.behind = looked, False
                break
        self._searched = at
        return None

    def _shortened(self, fd: int, end: int, following: int) -> Piece:
        start = self.offset
        data = os.pread(fd, KEPT, start) + CUT + os.pread(fd, KEPT, end - KEPT) + b"\n"
        self.cut_records += 1
        self._passed(fd, following, os.pread(fd, min(MARK, following), max(0, following - MARK)))
        return Piece(start, data)

"""Source `stdin`: what is piped into the daemon, written to a spool file first and read from there.

A pipe cannot be read twice, so that a record would be lost with a crash between reading and judging. Therefore every
piece is appended to `NAME.spool` in the state folder and synced to disk before it is handed out, and the spool is
followed like any log, with positions. It is rotated by itself, and what was rotated, read to its end and committed is
deleted, but for the last few pieces, which evidence may still be looked up in.
"""

from __future__ import annotations

import glob
import os
import re
import select
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from sentinel.clock import Micros
from sentinel.model import Block, Gap, Position
from sentinel.sources.base import SourceStatus
from sentinel.sources.folder import Found, listing
from sentinel.sources.grouping import Grouping, Multiline
from sentinel.sources.identity import from_text
from sentinel.sources.options import SourceOptions
from sentinel.sources.past import Past, past_files
from sentinel.sources.stream import Style
from sentinel.sources.tail import Tail

_PIECE = 1 << 16
_RETRY_MILLISECONDS = 1000
SEGMENT = 4 << 20
"""So long the spool is when it is rotated."""

KEPT_SEGMENTS = 4
"""So many finished pieces of the spool are kept."""


class StdinOptions(SourceOptions):
    """What every source has, and records of several lines."""

    type: Literal["stdin"] = "stdin"
    multiline: Multiline | None = None


def stdin_past(options: StdinOptions, folder: Path, since: Micros) -> Past:
    """What the spool still holds, as far as it was changed since then."""
    grouping = Grouping(options.multiline) if options.multiline is not None else None
    return past_files(options.name, _spools(folder / f"{options.name}.spool"), since, grouping=grouping)


def _spools(spool: Path) -> list[str]:
    return [str(spool), f"{glob.escape(str(spool))}.*"]


class Stdin:
    """Fulfils `Source`. `fd` is read by a thread of its own from `open` to its end, or to `close`."""

    def __init__(self, options: StdinOptions, folder: Path, wake: threading.Event, fd: int = 0) -> None:
        self.name = options.name
        self._spool = folder / f"{options.name}.spool"
        self._grouping = grouping = Grouping(options.multiline) if options.multiline is not None else None
        self._tail = Tail(options, _spools(self._spool), style=Style(grouping))
        self._wake = wake
        self._fd = fd
        self._trouble = ""
        self._thread: threading.Thread | None = None
        self._stop_read, self._stop_write = -1, -1
        self._finished: list[tuple[int, int]] = []

    def open(self, positions: Sequence[Position], now: Micros) -> None:
        """Raises OSError where the spool cannot be written."""
        if self._thread is None:
            spool = self._open_spool()
            self._stop_read, self._stop_write = os.pipe2(os.O_CLOEXEC)
            self._thread = threading.Thread(target=self._pour, args=(spool,), name=f"stdin {self.name}", daemon=True)
            self._thread.start()
        self._tail.open(positions, now)
        self._finished.clear()
        self.stored(positions)

    def stored(self, positions: Sequence[Position]) -> None:
        for position in sorted(positions, key=lambda each: each.stream):
            place, _ = from_text(position.state)
            if place is not None and place.done and place.inode.key not in self._finished:
                self._finished.append(place.inode.key)
        while len(self._finished) > KEPT_SEGMENTS:
            self._delete(self._finished.pop(0))

    def _delete(self, key: tuple[int, int]) -> None:
        for each in self._rotated():
            if each.key == key:
                Path(each.path).unlink(missing_ok=True)

    def read(self, now: Micros) -> Block | None:
        return self._tail.read(now)

    def reread(self, stream: int, offset: int, length: int) -> bytes | None:
        return self._tail.reread(stream, offset, length)

    def gaps(self) -> list[Gap]:
        return self._tail.gaps()

    def forgotten(self) -> list[int]:
        return self._tail.forgotten()

    def status(self) -> SourceStatus:
        status = self._tail.status()
        return replace(status, trouble=self._trouble or status.trouble)

    def wait_seconds(self, now: Micros) -> float:
        return self._tail.wait_seconds(now)

    def close(self) -> None:
        if self._thread is not None:
            os.write(self._stop_write, b"x")
            self._thread.join()
            os.close(self._stop_read)
            os.close(self._stop_write)
            self._thread = None
        self._tail.close()

    # --- the thread ----------------------------------------------------------------------------------------

    def _open_spool(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        self._spool.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        spool = os.open(self._spool, flags, 0o600)
        size = os.fstat(spool).st_size
        if size and os.pread(spool, 1, size - 1) != b"\n":
            # The run before ended in the middle of a record; this run's first record is not its end.
            os.write(spool, b"\n")
        return spool

    def _pour(self, spool: int) -> None:
        try:
            last = b"\n"
            while piece := self._next_piece():
                cut = self._end_of_record(piece) if os.fstat(spool).st_size >= SEGMENT else 0
                if cut and not self._keep(spool, piece[:cut]):
                    return
                spool = self._rotate(spool) if cut else spool
                last = piece
                if not self._keep(spool, piece[cut:]):
                    return
            if not last.endswith(b"\n"):
                self._keep(spool, b"\n")
        finally:
            os.close(spool)

    def _end_of_record(self, piece: bytes) -> int:
        end = piece.rfind(b"\n") + 1
        return self._grouping.starts(piece[:end])[-1] if end and self._grouping is not None else end

    def _rotate(self, spool: int) -> int:
        """The spool has another name, and a new one is begun; where that cannot be, it goes on as it is."""
        numbers = [int(each.path.rpartition(".")[2]) for each in self._rotated()]
        target = f"{self._spool}.{max(numbers, default=0) % 99_999 + 1}"
        try:
            self._spool.rename(target)
            fresh = self._open_spool()
        except OSError as error:
            self._trouble = f"the spool cannot be rotated: {error.strerror}"
            return spool
        os.close(spool)
        return fresh

    def _rotated(self) -> list[Found]:
        found = listing(str(self._spool.parent))
        return [each for each in found if re.fullmatch(r"\.\d+", each.path.removeprefix(str(self._spool)))]

    def _next_piece(self) -> bytes:
        """b"" at the end of the input, and when the source is being closed."""
        waiting = select.poll()
        waiting.register(self._fd, select.POLLIN)
        waiting.register(self._stop_read, select.POLLIN)
        if self._stop_read in dict(waiting.poll()):
            return b""
        try:
            return os.read(self._fd, _PIECE)
        except OSError as error:
            self._trouble = f"standard input cannot be read: {error.strerror}"
            return b""

    def _keep(self, spool: int, piece: bytes) -> bool:
        """The piece is on disk; or, while it cannot be, the source is being closed."""
        rest = piece
        while True:
            try:
                while rest:
                    rest = rest[os.write(spool, rest) :]
                os.fdatasync(spool)
            except OSError as error:
                self._trouble = f"the spool cannot be written, standard input waits: {error.strerror}"
                stopping = select.poll()
                stopping.register(self._stop_read, select.POLLIN)
                if stopping.poll(_RETRY_MILLISECONDS):
                    return False
            else:
                self._trouble = ""
                self._tail.stir()
                self._wake.set()
                return True

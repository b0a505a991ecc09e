"""Files that grow, are rotated, copied, cut and deleted: every record of them once, the older generation first.

Rules of this file: a folder is looked at every second and after every wake-up, file by file where anything has stirred
in it and every five seconds where nothing has; an open file is asked by descriptor, often while it is busy and every
second while it is not. Time is what the caller says it is; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from sentinel.clock import SECOND, Micros
from sentinel.model import Block, Position
from sentinel.sources.base import FirstTime, Gap, SourceStatus
from sentinel.sources.framing import Piece
from sentinel.sources.generations import QUIET, Generations, shown
from sentinel.sources.identity import Place, from_text, to_text
from sentinel.sources.options import SourceOptions
from sentinel.sources.packed import Damaged, Mistaken
from sentinel.sources.stream import Replaced, Stream, Style
from sentinel.sources.survey import Survey
from sentinel.sources.wakeup import Stir, WakeUp

LOOK: Micros = SECOND
LOOK_SOONEST: Micros = SECOND // 50
LOOK_LATEST: Micros = 5 * SECOND
LOOKED_AT_IN_A_SECOND = 2000
SETTLED: Micros = 2 * SECOND
BUSY: Micros = SECOND // 10
OPEN_FILES = 512


class Tail:
    """A source over every file that the patterns name. Fulfils `Source`.

    Its stored positions are one a generation, and one of stream 0 that says when the source was first ever started.
    `wakeup` may be None: then files are found and read by looking alone.
    """

    def __init__(
        self,
        options: SourceOptions,
        patterns: Sequence[str],
        *,
        follow: bool = False,
        wakeup: WakeUp | None = None,
        open_files: int = OPEN_FILES,
        style: Style | None = None,
        first_time: FirstTime = lambda *_: None,
    ) -> None:
        self.name = options.name
        self._options = options
        self._patterns = tuple(patterns)
        self._follow = follow
        self._open_files = open_files
        self._style = style or Style()
        self._first_time = first_time
        self._wakeup = wakeup
        self._stir = Stir()
        self._known = self._generations()
        self._survey = Survey(self._known, self._patterns, self._first_time)
        self._first: Micros = 0
        self._is_marked = True
        self._turn = 0
        self._looked_at: Micros = 0
        self._has_stirred = True
        self._status: SourceStatus | None = None
        self._leaving: list[int] = []
        self._highest_stored = 0
        self._cut_records = self._unterminated = 0
        self._told = self._seen = 0

    def open(self, positions: Sequence[Position], now: Micros) -> None:
        """Raises ValueError where a stored position is not one that a source of this type wrote."""
        self._known.close()
        self._known = self._generations()
        self._survey = Survey(self._known, self._patterns, self._first_time)
        self._leaving.clear()
        places = self._take_up([each for each in positions if each.source == self.name], now)
        self._known.top = self._highest_stored = max(places, default=0)
        self._survey.restore(places, now)
        self._look(now)
        if not self._is_marked and self._options.start == "end":
            for number, stream in self._known.streams.items():
                if number not in places:
                    self._begin_at_end(stream)

    def read(self, now: Micros) -> Block | None:
        if not 0 <= now - self._looked_at < self._until_look():
            self._look(now)
        if self._known.marks:
            return self._mark(self._known.marks.popleft(), now)
        if not self._is_marked:
            # Last of all, so that a start that was broken off before begins once more as the first.
            self._is_marked = True
            return self._handed(0, "", Piece(0, b""), to_text(None, self._first), now)
        if self._stir.grown:
            self._note_stir()
            names = self._stir.take_grown()
            for stream in self._known.descriptors.opened.values():
                if stream.at in names or "" in names:
                    stream.due, stream.is_told = 0, True
        block = self._next_in_turn(now)
        while block is None and self._known.descriptors.waiting and self._open_waiting(now):
            block = self._next_in_turn(now)
        if block is None and self._known.marks:
            return self._mark(self._known.marks.popleft(), now)
        return block

    def stir(self) -> None:
        """Something was written: look at the open files at the next read. May be called from any thread."""
        self._stir.grown.append("")

    def reread(self, stream: int, offset: int, length: int) -> bytes | None:
        known = self._known.streams.get(stream)
        if known is None:
            return None
        if known.fd is None:
            self._known.open(known, known.quiet_since)
        try:
            return None if known.fd is None or known.is_replaced() else known.reread(offset, length)
        except OSError:
            return None

    def gaps(self) -> list[Gap]:
        gaps, self._known.gaps = self._known.gaps, []
        return gaps

    def forgotten(self) -> list[int]:
        # The highest number stays, so that a later stream is never given a number that evidence refers to.
        ready = [number for number in self._leaving if number < self._highest_stored]
        self._leaving = [number for number in self._leaving if number >= self._highest_stored]
        return ready

    def stored(self, positions: Sequence[Position]) -> None:
        """Nothing of a log is waiting for that."""

    def status(self) -> SourceStatus:
        trouble = self._survey.trouble() or (self._wakeup.trouble if self._wakeup else "")
        if self._status is None or self._status.trouble != trouble:
            self._status = self._standing(trouble)
        return self._status

    def _standing(self, trouble: str) -> SourceStatus:
        streams = self._known.streams.values()
        unread = [(stream.unread_since, left) for stream in streams if (left := stream.unread())]
        return SourceStatus(
            streams=len(streams),
            unread_bytes=sum(left for _, left in unread),
            trouble=trouble,
            cut_records=self._cut_records + sum(stream.cut_records for stream in streams),
            unread_since=min((since for since, _ in unread), default=None),
            unterminated_records=self._unterminated + sum(stream.unterminated_records for stream in streams),
            told=self._told,
            seen=self._seen,
        )

    def close(self) -> None:
        if self._wakeup is not None:
            self._wakeup.cover(self._stir, set(), 0)
        self._known.close()

    def wait_seconds(self, now: Micros) -> float:
        """How long nothing needs to be read, unless something stirs before."""
        if self._known.marks or not self._is_marked or self._stir.grown:
            return 0.0
        soonest = min(self._looked_at + self._until_look(), now + LOOK)
        for stream in self._known.descriptors.opened.values():
            if stream.due < soonest and not self._known.waits(stream):
                soonest = stream.due
        return max(soonest - now, 0) / SECOND

    def _generations(self) -> Generations:
        return Generations(self.name, follow=self._follow, open_files=self._open_files, style=self._style)

    # --- looking and reading -------------------------------------------------------------------------------

    def _take_up(self, positions: Sequence[Position], now: Micros) -> dict[int, Place]:
        places: dict[int, Place] = {}
        self._first, self._is_marked = now, False
        for position in positions:
            try:
                place, first = from_text(position.state)
            except ValueError as wrong:
                raise ValueError(f"source '{self.name}', stream {position.stream}: {wrong}") from wrong
            self._first = min(self._first, first)
            if place is None:
                self._is_marked = True
            else:
                places[position.stream] = place
        return places

    def _begin_at_end(self, stream: Stream) -> None:
        if stream.fd is None:
            return
        try:
            stream.skip_to_end()
        except OSError as error:
            self._known.refuse(stream, error)
        else:
            self._known.marks.append(stream)

    def _open_waiting(self, now: Micros) -> bool:
        return self._known.descriptors.open_waiting(lambda stream: self._known.open(stream, now))

    def _until_look(self) -> Micros:
        """With thousands of files a look takes long; one that nothing asked for then comes more rarely."""
        if self._stir.has_moved:
            return LOOK_SOONEST
        return min(max(LOOK, len(self._known.streams) * SECOND // LOOKED_AT_IN_A_SECOND), LOOK_LATEST)

    def _look(self, now: Micros) -> None:
        self._looked_at = now
        has_stirred, self._has_stirred = self._has_stirred or self._stir.has_moved, False
        self._stir.has_moved = False
        if not has_stirred and not self._known.descriptors.waiting and self._survey.is_still(now):
            return
        self._status = None
        self._survey.look(now)
        self._known.descriptors.take_turns(lambda stream: self._known.open(stream, now))
        if self._wakeup is not None:
            self._wakeup.cover(self._stir, self._survey.folders, now)

    def _next_in_turn(self, now: Micros) -> Block | None:
        every = list(self._known.descriptors.opened.values())
        start = self._turn % len(every) if every else 0
        held_back: list[Stream] = []
        for stream in every[start:] + every[:start]:
            if now < stream.due <= now + LOOK or self._is_unchanged(stream, now):
                continue
            if self._known.waits(stream):
                held_back.append(stream)
            elif (piece := self._next_of(stream, now)) is not None:
                self._turn = every.index(stream) + 1
                return self._block(stream, piece, now)
        for stream in sorted(held_back, key=lambda each: each.number):
            if not self._known.waits(stream) and (piece := self._next_of(stream, now)) is not None:
                return self._block(stream, piece, now)
        return None

    def _is_unchanged(self, stream: Stream, now: Micros) -> bool:
        if not stream.is_unchanged():
            return False
        stream.unread_since = now
        stream.due = self._next_round(now, BUSY if now - stream.quiet_since < QUIET else LOOK)
        return True

    def _next_of(self, stream: Stream, now: Micros) -> Piece | None:
        if stream.fd is None:
            return None
        size = stream.size
        try:
            piece = self._records(stream, now)
        except Replaced:
            self._known.replaced(stream, now)
        except Mistaken:
            self._known.mistaken(stream, now)
        except Damaged as damage:
            self._known.damaged(stream, str(damage))
        except OSError as error:
            self._known.refuse(stream, error)
        else:
            if piece is not None or stream.size != size:
                self._note_stir()
            return piece
        self._note_stir()
        return None

    def _note_stir(self) -> None:
        """Something is not as it was at the last look."""
        self._has_stirred, self._status = True, None

    def _records(self, stream: Stream, now: Micros) -> Piece | None:
        size = stream.size
        stream.is_settled = now - stream.modified // 1000 > SETTLED
        was_behind = stream.behind
        piece = stream.whole_records()
        if piece is not None and not was_behind:
            self._told += stream.is_told
            self._seen += not stream.is_told
        stream.is_told = False
        if not stream.has_more:
            stream.unread_since = now
        stream.quiet_since = now if piece or stream.size != size else min(stream.quiet_since, now)
        if piece is not None or stream.behind:
            stream.due = 0
            return piece
        if not stream.is_stored:
            # Known by its inode from now on: it may be written to and rotated while nothing runs.
            self._known.marks.append(stream)
        quiet = now - stream.quiet_since
        stream.due = self._next_round(now, BUSY if quiet < QUIET else LOOK)
        if stream.is_open_group and self._style.grouping is not None and quiet >= self._style.grouping.timeout:
            return stream.whole_records(closes=True)
        if stream.packed is not None:
            self._known.read_packed(stream, quiet, now)
        elif stream.is_ended and quiet >= QUIET:
            piece = stream.unterminated()
            if piece is None:
                self._known.finish(stream, quiet, now)
        return piece

    def _next_round(self, now: Micros, every: Micros) -> Micros:
        """At most `every` from now, when the other files and the folder are looked at too: one waking for all."""
        return now + every - (now - self._looked_at) % every

    # --- handing out ---------------------------------------------------------------------------------------

    def _mark(self, stream: Stream, now: Micros) -> Block:
        """No record, only the position."""
        self._note_stir()
        if self._known.streams.get(stream.number) is not stream:
            self._leaving.append(stream.number)
            self._cut_records += stream.cut_records
            self._unterminated += stream.unterminated_records
        return self._block(stream, Piece(stream.offset, b""), now)

    def _block(self, stream: Stream, piece: Piece, now: Micros) -> Block:
        self._highest_stored = max(self._highest_stored, stream.number)
        stream.is_stored = True
        changed = stream.modified // 1000
        return self._handed(
            stream.number,
            stream.path,
            piece,
            to_text(stream.place(), self._first),
            min(now, changed) if changed else now,
        )

    def _handed(self, number: int, path: str, piece: Piece, state: str, reference: Micros) -> Block:
        return Block(
            source=self.name,
            stream=number,
            path=shown(path),
            offset=piece.offset,
            data=piece.data,
            position=Position(source=self.name, stream=number, state=state),
            reference=reference,
            starts=piece.starts,
            flags=piece.flags,
            historical_before=self._options.historical_before(self._first),
        )

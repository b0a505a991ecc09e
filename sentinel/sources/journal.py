"""Source `journal`: the entries of systemd's journal, as JSON records in ECS names or as their messages alone.

Rules of this file: the cursor of the last entry handed out is the position, stored with everything that follows from
the entries. A journal forgets its oldest entries by itself: where the next ones are gone, that is a gap. The fields of
an entry are those of systemd.journal-fields(7).
"""

from __future__ import annotations

import json
import logging
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, islice
from operator import or_
from typing import Annotated, Any, Literal

import orjson
from cysystemd.reader import JournalEvent, JournalOpenMode, JournalReader, Rule
from pydantic import Field, StringConstraints

from sentinel.clock import SECOND, Micros, rfc3339
from sentinel.model import Block, Gap, Position
from sentinel.sources.base import SourceStatus
from sentinel.sources.options import SourceOptions
from sentinel.sources.past import Past, Unread

STREAM = 1
PIECE = 1 << 18
LONGEST_FIELD = 1 << 19
BUSY, QUIET, IDLE = 0.1, 5 * SECOND, 0.5
RETRY: Micros = SECOND
_PIECES_KNOWN = 4096
_ENTRIES_AT_ONCE = 256
_FAILURES = (OSError, SystemError, RuntimeError)

_Word = Annotated[str, StringConstraints(min_length=1, max_length=255, pattern=r"^[^\x00\n=]+$")]

logger = logging.getLogger(__name__)


class JournalOptions(SourceOptions):
    """Without `units` and `identifiers` every entry is read, else those of any of them. `folder` is where the journal
    files lie, else the machine's own. `record` is what becomes a record: the entry as JSON, or its message alone.
    """

    type: Literal["journal"] = "journal"
    units: tuple[_Word, ...] = Field(default=(), strict=False)
    identifiers: tuple[_Word, ...] = Field(default=(), strict=False)
    folder: str | None = None
    record: Literal["entry", "message"] = "entry"


@dataclass(frozen=True, slots=True)
class _Mark:
    """An entry that was handed out: its cursor and its time, and the offset of the text behind it."""

    cursor: str
    realtime: Micros
    offset: int

    def is_before(self, cursor: str, realtime: Micros) -> bool:
        """The entry comes after this one: by its number where both were numbered by one journal, else by time."""
        ours, its = _numbered(self.cursor), _numbered(cursor)
        return ours[1] < its[1] if ours[0] == its[0] else self.realtime <= realtime


class Journal:
    """Fulfils `Source`. There is one stream, of the text of all records, whose offsets go on for ever."""

    def __init__(self, options: JournalOptions) -> None:
        self.name = options.name
        self._options = options
        self._reader: JournalReader | None = None
        self._first: Micros = 0
        self._mark: _Mark | None = None
        self._is_unsure = False
        self._is_marked = True
        self._pieces: list[tuple[int, str]] = []
        self._gaps: list[Gap] = []
        self._trouble = ""
        self._retry: Micros = 0
        self._last: Micros = 0
        self._is_behind = False

    def open(self, positions: Sequence[Position], now: Micros) -> None:
        """Raises ValueError where a stored position is not one that a source of this type wrote."""
        self._first, self._mark, self._is_marked = now, None, False
        for position in positions:
            self._first, self._mark = _from_text(position.state)
            self._is_marked = True
        self._retry = self._last = now
        self._connect(now)

    def read(self, now: Micros) -> Block | None:
        if self._reader is None and not 0 <= now - self._retry < RETRY:
            self._connect(now)
        if self._reader is None:
            return None
        if not self._is_marked:
            self._is_marked = True
            return self._block([], self._mark.offset if self._mark else 0, now)
        try:
            return self._next_block(self._reader, now)
        except _FAILURES as error:
            self._fail(error, now)
            return None

    def reread(self, stream: int, offset: int, length: int) -> bytes | None:
        place = bisect_right(self._pieces, offset, key=lambda piece: piece[0]) - 1
        if stream != STREAM or place < 0:
            return None
        start, cursor = self._pieces[place]
        text = b""
        try:
            reader = self._new_reader()
            reader.seek_cursor(cursor.encode())
            for entry in reader:
                text += _record(entry, self._options.record)
                if len(text) >= offset - start + length:
                    return text[offset - start :][:length]
        except _FAILURES:
            pass
        return None

    def gaps(self) -> list[Gap]:
        gaps, self._gaps = self._gaps, []
        return gaps

    def forgotten(self) -> list[int]:
        return []

    def stored(self, positions: Sequence[Position]) -> None:
        """Nothing of the journal is waiting for that."""

    def status(self) -> SourceStatus:
        return SourceStatus(streams=1, unread_bytes=0, trouble=self._trouble)

    def wait_seconds(self, now: Micros) -> float:
        if self._is_behind or not self._is_marked:
            return 0.0
        return BUSY if 0 <= now - self._last < QUIET else IDLE

    def close(self) -> None:
        self._reader = None

    # --- the journal ---------------------------------------------------------------------------------------

    def _new_reader(self, *, is_filtered: bool = True) -> JournalReader:
        return _opened(self._options, is_filtered=is_filtered)

    def _connect(self, now: Micros) -> None:
        self._retry = now
        try:
            reader = self._new_reader()
            reader.fd  # noqa: B018  (asking for it begins to watch the folder)
            if self._mark is not None:
                reader.seek_cursor(self._mark.cursor.encode())
                self._is_unsure = True
            elif self._options.start == "end" and not self._is_marked:
                self._mark = _end(reader)
                self._is_unsure = self._mark is not None
            else:
                reader.seek_head()
        except _FAILURES as error:
            self._fail(error, now)
            return
        if self._trouble:
            logger.info("source '%s': the journal can be read again", self.name)
        self._reader, self._trouble, self._is_behind = reader, "", True

    def _fail(self, error: Exception, now: Micros) -> None:
        self._reader, self._retry, self._is_behind = None, now, False
        self._trouble = f"the journal cannot be read: {error.args[0] if error.args else type(error).__name__}"

    def _next_block(self, reader: JournalReader, now: Micros) -> Block | None:
        start = self._mark.offset if self._mark is not None else 0
        if reader.process_events() == JournalEvent.INVALIDATE:
            # Files came or went; with the oldest ones, entries that were not read yet may have gone.
            self._is_unsure = self._mark is not None
        records: list[bytes] = []
        offset, first = start, ""
        for entry in self._new_entries(reader):
            record, cursor = _record(entry, self._options.record), entry.cursor.decode()
            records.append(record)
            first = first or cursor
            offset += len(record)
            self._mark = _Mark(cursor, entry.get_realtime_usec(), offset)
            if offset - start >= PIECE:
                break
        self._is_behind = offset - start >= PIECE
        if not records:
            return None
        self._last = now
        del self._pieces[: len(self._pieces) - _PIECES_KNOWN]
        self._pieces.append((start, first))
        return self._block(records, start, now)

    def _new_entries(self, reader: JournalReader) -> Iterator[Any]:
        """What comes after the last entry handed out. Where reading fails, what came before is handed out first."""
        has_any = False
        while True:
            try:
                entry = reader.next()
            except _FAILURES:
                if not has_any:
                    raise
                return
            if entry is None:
                return
            if not self._is_unsure or self._mark is None or self._follows(self._mark, entry):
                has_any = True
                yield entry

    def _follows(self, mark: _Mark, entry: Any) -> bool:
        cursor = entry.cursor.decode()
        is_last = _numbered(cursor) == _numbered(mark.cursor)
        if is_last or not mark.is_before(cursor, entry.get_realtime_usec()):
            self._is_unsure = not is_last
            return False
        self._is_unsure = False
        self._look_for_loss(mark)
        return True

    def _look_for_loss(self, mark: _Mark) -> None:
        """The entry handed out last is gone. What came behind it is too, unless the oldest that is left is next."""
        whole = self._new_reader(is_filtered=False)
        whole.seek_head()
        oldest = whole.next()
        if oldest is not None:
            ours, its = _numbered(mark.cursor), _numbered(oldest.cursor.decode())
            is_next = ours[0] == its[0] and its[1] <= ours[1] + 1
            if is_next or (ours[0] != its[0] and oldest.get_realtime_usec() <= mark.realtime):
                return
        self._gaps.append(
            Gap(
                source=self.name,
                stream=STREAM,
                path="journal",
                reason="cursor_lost",
                start=mark.offset,
                end=None,
            )
        )

    def _block(self, records: list[bytes], offset: int, now: Micros) -> Block:
        starts = None
        if self._options.record == "message":
            starts = (0, *accumulate(len(each) for each in records[:-1])) if records else None
        return Block(
            source=self.name,
            stream=STREAM,
            path="journal",
            offset=offset,
            data=b"".join(records),
            position=Position(source=self.name, stream=STREAM, state=_to_text(self._first, self._mark)),
            reference=now,
            starts=starts,
            historical_before=self._options.historical_before(self._first),
        )


def journal_past(options: JournalOptions, since: Micros, now: Micros) -> Past:
    """The entries since then that the journal still has."""
    source = Journal(options)
    try:
        reader = _opened(options)
        reader.seek_realtime_usec(since)
        entries = iter(reader.next, None)
        while records := [_record(entry, options.record) for entry in islice(entries, _ENTRIES_AT_ONCE)]:
            yield source._block(records, 0, now)  # noqa: SLF001  (of this file)
    except _FAILURES as error:
        yield Unread("journal", str(error.args[0] if error.args else type(error).__name__))


def _opened(options: JournalOptions, *, is_filtered: bool = True) -> JournalReader:
    reader = JournalReader()
    if options.folder is None:
        reader.open(JournalOpenMode.LOCAL_ONLY)
    else:
        reader.open_directory(options.folder)
    reader.data_threshold = LONGEST_FIELD
    rules = [Rule("_SYSTEMD_UNIT", unit) for unit in options.units]
    rules += [Rule("SYSLOG_IDENTIFIER", word) for word in options.identifiers]
    if rules and is_filtered:
        reader.add_filter(reduce(or_, rules))
    return reader


def _end(reader: JournalReader) -> _Mark | None:
    reader.seek_tail()
    last = reader.previous()
    # One step back from the tail is not always the last entry (systemd 252 is a step too far).
    for last in reader:  # noqa: B007  (the last one is what is wanted)
        pass
    return None if last is None else _Mark(last.cursor.decode(), last.get_realtime_usec(), 0)


def _numbered(cursor: str) -> tuple[str, int]:
    """By which journal an entry was numbered, and its number there."""
    parts = dict(part.partition("=")[::2] for part in cursor.split(";"))
    return parts.get("s", ""), int(parts.get("i", "0"), 16)


# --- positions ---------------------------------------------------------------------------------------------


def _to_text(first: Micros, mark: _Mark | None) -> str:
    state: dict[str, Any] = {"v": 1, "first": first}
    if mark is not None:
        state |= {"cursor": mark.cursor, "realtime": mark.realtime, "at": mark.offset}
    return json.dumps(state, separators=(",", ":"))


def _from_text(text: str) -> tuple[Micros, _Mark | None]:
    try:
        state = json.loads(text)
        if state["v"] != 1:
            raise ValueError(f"the stored position is of version {state['v']}, this program knows version 1")
        mark = _Mark(state["cursor"], int(state["realtime"]), int(state["at"])) if "cursor" in state else None
        return int(state["first"]), mark
    except (KeyError, TypeError) as wrong:
        raise ValueError("the stored position is not one that this program wrote") from wrong


# --- records -----------------------------------------------------------------------------------------------

_NAMES: dict[str, tuple[str, ...]] = {
    "MESSAGE": ("message",),
    "MESSAGE_ID": ("event", "code"),
    "SYSLOG_IDENTIFIER": ("log", "syslog", "appname"),
    "SYSLOG_PID": ("log", "syslog", "procid"),
    "_HOSTNAME": ("host", "hostname"),
    "_COMM": ("process", "name"),
    "_EXE": ("process", "executable"),
    "_CMDLINE": ("process", "command_line"),
    "_UID": ("user", "id"),
    "_GID": ("user", "group", "id"),
    "_SYSTEMD_UNIT": ("systemd", "unit"),
    "_SYSTEMD_USER_UNIT": ("systemd", "user_unit"),
    "_SYSTEMD_SLICE": ("systemd", "slice"),
    "_TRANSPORT": ("systemd", "transport"),
    "_BOOT_ID": ("systemd", "boot_id"),
}
_PRIORITIES = frozenset("01234567")
_LEVELS = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")


def _record(entry: Any, kind: str) -> bytes:
    if kind == "message":
        return _text(entry.data.get("MESSAGE", "")).encode() + b"\n"
    fields: dict[str, Any] = {"@timestamp": rfc3339(entry.get_realtime_usec(), 6)}
    for name, value in entry.data.items():
        if path := _NAMES.get(name):
            _put(fields, path, value)
        elif name == "PRIORITY" and _text(value) in _PRIORITIES:
            _put(fields, ("log", "syslog", "severity", "code"), int(_text(value)))
            _put(fields, ("log", "level"), _LEVELS[int(_text(value))])
        elif name == "SYSLOG_FACILITY" and _text(value).isdigit():
            _put(fields, ("log", "syslog", "facility", "code"), int(_text(value)))
        elif name == "_PID" and _text(value).isdigit():
            _put(fields, ("process", "pid"), int(_text(value)))
        elif not name.startswith(("_", "SYSLOG_")):
            # What an application wrote beside its message, as it called it.
            _put(fields, ("journald", "custom", name.lower()), value)
    return orjson.dumps(fields) + b"\n"


def _put(fields: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        fields = fields.setdefault(part, {})
    fields[path[-1]] = value


def _text(value: Any) -> str:
    """A field may be there several times."""
    return " ".join(value) if isinstance(value, list) else str(value)

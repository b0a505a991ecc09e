"""How far each stream was read, and what was lost on the way."""

from __future__ import annotations

from collections.abc import Iterable

import apsw

from sentinel.model import Gap, Position
from sentinel.store.connection import rows


def save(db: apsw.Connection, positions: Iterable[Position]) -> None:
    """Each stream stands where its position says."""
    db.executemany(
        "INSERT INTO positions VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET state = excluded.state",
        [(each.source, each.stream, each.state) for each in positions],
    )


def forget(db: apsw.Connection, streams: Iterable[tuple[str, int]]) -> None:
    """These streams (source, stream) have no position any more."""
    db.executemany("DELETE FROM positions WHERE source = ? AND stream = ?", list(streams))


def load(db: apsw.Connection, source: str | None = None) -> list[Position]:
    """The positions of one source, or of all, by source and stream."""
    found = rows(
        db,
        "SELECT source, stream, state FROM positions WHERE ?1 IS NULL OR source = ?1 ORDER BY source, stream",
        (source,),
    )
    return [Position(source=name, stream=stream, state=state) for name, stream, state in found]


def save_gaps(db: apsw.Connection, gaps: Iterable[Gap]) -> None:
    """The gaps are written down, for good."""
    db.executemany(
        'INSERT INTO gaps (source, stream, path, reason, "start", "end") VALUES (?, ?, ?, ?, ?, ?)',
        [(each.source, each.stream, writable(each.path), each.reason, each.start, each.end) for each in gaps],
    )


def load_gaps(db: apsw.Connection) -> list[Gap]:
    """Every gap, in the order they were found."""
    found = rows(db, 'SELECT source, stream, path, reason, "start", "end" FROM gaps ORDER BY number')
    return [
        Gap(source=source, stream=stream, path=path, reason=reason, start=start, end=end)
        for source, stream, path, reason, start, end in found
    ]


def writable(path: str) -> str:
    """A path as text that SQLite takes: bytes of a file name that are no UTF-8 are shown as escapes."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")

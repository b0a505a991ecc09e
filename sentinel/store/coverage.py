"""How much was read, day by day, and when somebody watched: counts alone, kept as long as the register."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import apsw

from sentinel.clock import Micros
from sentinel.store.connection import rows


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of one source on one day, or since the last commit."""

    lines: int = 0
    bytes: int = 0
    accesses: int = 0
    unparsed: int = 0
    late: int = 0
    gaps: int = 0
    lost_bytes: int = 0

    def __add__(self, more: Read) -> Read:
        return Read(*(getattr(self, each.name) + getattr(more, each.name) for each in fields(Read)))


_NAMES = tuple(each.name for each in fields(Read))
_INSERT = (
    f"INSERT INTO coverage (day, source, {', '.join(_NAMES)}) VALUES (?, ?{', ?' * len(_NAMES)}) "  # noqa: S608  (names of our own columns)
    f"ON CONFLICT (day, source) DO UPDATE SET {', '.join(f'{name} = {name} + excluded.{name}' for name in _NAMES)}"
)


def add(db: apsw.Connection, covered: Mapping[tuple[int, str], Read]) -> None:
    """So much more was read, by (day, source)."""
    db.executemany(
        _INSERT, [(*key, *(getattr(read, name) for name in _NAMES)) for key, read in sorted(covered.items())]
    )


def load(db: apsw.Connection, first: int, last: int) -> dict[tuple[int, str], Read]:
    """What was read from day `first` to day `last`, both included, by (day, source)."""
    sql = f"SELECT day, source, {', '.join(_NAMES)} FROM coverage WHERE day BETWEEN ? AND ? ORDER BY day, source"  # noqa: S608  (the same)
    return {(day, source): Read(*counts) for day, source, *counts in rows(db, sql, (first, last))}


def seen(db: apsw.Connection, begun_at: Micros, now: Micros) -> None:
    """The daemon that began then still watches."""
    db.execute(
        "INSERT INTO watches VALUES (?, ?) "
        "ON CONFLICT (begun_at) DO UPDATE SET seen_at = max(seen_at, excluded.seen_at)",
        (begun_at, max(begun_at, now)),
    )


def watches(db: apsw.Connection, start: Micros, end: Micros) -> list[tuple[Micros, Micros]]:
    """From when to when daemons watched, those that touch the period, in order."""
    found = rows(
        db, "SELECT begun_at, seen_at FROM watches WHERE seen_at >= ? AND begun_at < ? ORDER BY begun_at", (start, end)
    )
    return [(begun, last) for begun, last in found]

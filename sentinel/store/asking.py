"""The ledger asked: by actors and by data subjects, over its files and what is in none yet. Needs no key.

Rules of this file: everything is as it was at one moment, whatever the daemon writes meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import numpy as np

from sentinel.accesses import Kind
from sentinel.clock import Micros
from sentinel.store import connection, ledger
from sentinel.store.errors import StoreDamaged, StoreError
from sentinel.store.folder import DATABASE, LEDGER
from sentinel.store.ledger import Commit, Erasure, Listed
from sentinel.store.segments import Column, Rows, Segment, is_among, joined

_TRIES: Final = 5
"""So often it is begun anew where a file is replaced between its name and its opening."""

_FIRST, _LAST = -(1 << 62), 1 << 62

_WIDE, _SPARSE, _NARROW = 8, 20, 2


class Ledger:
    """The ledger as it was when it was opened. `lost` are files of the time asked for that cannot be read."""

    def __init__(
        self,
        kinds: Mapping[int, Kind],
        pseudonyms: Mapping[int, str],
        tail: Rows,
        files: Sequence[Listed],
        segments: Sequence[tuple[Listed, Segment]],
        lost: Sequence[Listed],
        erasure: Erasure,
    ) -> None:
        self.kinds = kinds
        self.pseudonyms = pseudonyms
        self.lost = lost
        self._tail = tail
        self._files = files
        self._segments = segments
        self._erasure = erasure

    @property
    def since(self) -> Micros | None:
        """The time of the first access there is; None where there is none."""
        known = [each.since for each in self._files]
        known += [int(self._tail.times.min())] if len(self._tail) else []
        return min(known, default=None)

    def __len__(self) -> int:
        return len(self._tail) + sum(each.accesses for each in self._files)

    def actors(self) -> set[int]:
        """Everybody who made one of the accesses."""
        known = [self._tail.actors, *(segment.actors for _, segment in self._segments)]
        return set(np.unique(np.concatenate(known)).tolist())

    def of_actors(self, actors: Iterable[int], since: Micros, until: Micros) -> Rows:
        """The accesses of these actors from `since` until before `until`."""
        wanted = in_order(actors)
        found = [self._left(each, segment.of_actors(wanted)) for each, segment in self._between(since, until)]
        return joined([*found, self._tail.where(is_among(self._tail.actors, wanted))]).between(since, until)

    def of_subjects(self, subjects: Iterable[int], since: Micros, until: Micros) -> Rows:
        """The accesses to data of these subjects from `since` until before `until`, whoever made them."""
        wanted = in_order(subjects)
        found = [self._left(each, segment.of_subjects(wanted)) for each, segment in self._between(since, until)]
        return joined([*found, self._tail.where(is_among(self._tail.subjects, wanted))]).between(since, until)

    def _between(self, since: Micros, until: Micros) -> list[tuple[Listed, Segment]]:
        return [(each, segment) for each, segment in self._segments if each.since < until and each.until >= since]

    def _left(self, file: Listed, rows: Rows) -> Rows:
        """Without what is being erased."""
        return rows.where(stays(self._erasure, file)(rows)) if self._erasure else rows


def stays(erasure: Erasure, file: Listed) -> Callable[[Rows], Column]:
    """Which accesses of a file are left when what is to be erased from it is gone."""
    actors, subjects = map(in_order, erasure.of(file))
    return lambda rows: ~(is_among(rows.actors, actors) | is_among(rows.subjects, subjects))


def open_ledger(state: Path, since: Micros = _FIRST, until: Micros = _LAST) -> Ledger:
    """The ledger of a state folder, whether a daemon runs or not, of which that time is going to be asked.

    Raises StoreError, PermissionError.
    """
    path = state / DATABASE
    if not path.exists():
        raise StoreError(f"there is no state in '{state}' yet")
    db = connection.open_reader(path)
    try:
        with connection.telling(db):
            connection.check_version(db, connection.shipped_migrations(), exactly=True)
            for _ in range(_TRIES):
                with connection.snapshot(db):
                    every, erasure = ledger.listed(db), ledger.erasure(db)
                    kinds, names, commits = ledger.kinds(db), ledger.pseudonyms(db), ledger.tail(db)
                listed = [each for each in every if each.since < until and each.until >= since]
                opened = {each: _opened(state / LEDGER / each.file) for each in listed}
                lost = [each for each, segment in opened.items() if segment is None]
                if not lost:
                    break
    finally:
        db.close()
    found = [(each, segment) for each, segment in opened.items() if segment is not None]
    return Ledger(kinds, names, rows_of(commits), every, found, lost, erasure)


def _opened(path: Path) -> Segment | None:
    with suppress(FileNotFoundError, StoreDamaged):
        return Segment(path)
    return None


def in_order(hashes: Iterable[int]) -> Column:
    """Each of the hashes once, in order."""
    found: Column = np.unique(np.fromiter(hashes, np.int64))
    return found


def rows_of(commits: Sequence[Commit]) -> Rows:
    """What these commits brought."""
    return joined([_rows(each) for each in commits])


def _rows(commit: Commit) -> Rows:
    total, columns = commit.accesses, commit.columns
    n_sized = (len(columns) - total * (3 * _WIDE + _NARROW)) // _SPARSE
    times, actors, subjects = np.frombuffer(columns, np.int64, 3 * total).reshape(3, total)
    sparse = np.frombuffer(columns, np.int64, 2 * n_sized, 3 * _WIDE * total).reshape(2, n_sized)
    place = _WIDE * (3 * total + 2 * n_sized)
    at = np.frombuffer(columns, np.uint32, n_sized, place)
    places = np.frombuffer(columns, np.uint16, total, place + 4 * n_sized)
    sizes, records = np.zeros((2, total), np.int64)
    sizes[at], records[at] = sparse
    return Rows(actors, subjects, times, np.array(commit.kinds, np.uint16)[places], sizes, records)

"""The part of the store that is about the ledger of accesses: into files, out of time, out of somebody's life.

Rules of this file: as of store.py. A file is on disk before the database names it, and is removed after the database
does not any more; one that no row names does not count and is removed at the next start. NumPy is loaded when the first
file is written, and not where there is no ledger.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sentinel.accesses import Accesses
from sentinel.clock import DAY, HOUR, Micros
from sentinel.store import connection, ledger
from sentinel.store.errors import StoreDamaged
from sentinel.store.folder import LEDGER
from sentinel.store.ledger import Listed
from sentinel.store.messages import Connected

if TYPE_CHECKING:
    from sentinel.store.segments import Column, Rows, Segment

_log = logging.getLogger(__name__)

ACCESSES: Final = 1 << 18
"""So many accesses make a file: 25 MB of memory while it is written, and files enough to leave most unopened."""

COMMITS: Final = 1 << 16
"""Or so many commits: where little is read, rows of one access each would become slow to ask."""

TEND_EVERY: Final = HOUR

_DONE: Final = object()


class Compaction(Connected):
    """The ledger, as the daemon writes it."""

    _waiting: tuple[int, int] | None = None
    _tended: Micros = 0
    _erasing: Iterator[None] | None = None
    """What is left of an erasure; None: not looked yet."""

    def _count_waiting(self, accesses: Accesses) -> None:
        if self._waiting is not None:
            commits, total = self._waiting
            self._waiting = (commits + 1, total + len(accesses.times))

    def tend_ledger(self, now: Micros, keep: Micros) -> None:
        """To be called now and then: what has waited long enough goes into a file, and what is older than `keep` is
        gone within a day (0: there is to be no ledger). Raises StoreError.
        """
        self._must_write()
        if self._waiting is None:
            with self._reading() as db:
                self._waiting = ledger.waiting(db)
        commits, accesses = self._waiting
        if accesses >= ACCESSES or commits >= COMMITS:
            self.compact_ledger()
        if self._erasing is None:
            self._erasing = self._erase()
        if next(self._erasing, _DONE) is not _DONE:
            return  # what expires meanwhile would be written anew with what is to be erased
        if not 0 <= now - self._tended < TEND_EVERY:
            self._expire(now + DAY if not keep else now - keep)
            self._tended = now

    def compact_ledger(self) -> None:
        """Everything that is in no file yet goes into one. Raises StoreError."""
        from sentinel.store import asking  # noqa: PLC0415  (see the rules of this file)

        with self._turn:
            with self._reading() as db:
                commits = ledger.tail(db)
            if commits:
                put = self._put(asking.rows_of(commits))
                with self._writing() as db:
                    ledger.put(db, *put)
                    ledger.forget_tail(db, commits[-1].number)
            self._waiting = (0, 0)

    def erase_accesses(self, actors: Iterable[int], subjects: Iterable[int]) -> None:
        """No access of these actors, and none to data of these subjects, counts any more, and their names are gone.

        The files are written anew one by one, at each `tend_ledger`, across restarts too. Accesses that are committed
        after this are new ones. Copies of the state keep theirs until they are replaced. Raises StoreError.
        """
        actors = [*actors]
        with self._turn:
            self.compact_ledger()
            with self._writing() as db:
                ledger.begin_erasure(db, actors, subjects)
                ledger.forget_actors(db, actors)
            self._erasing = None

    @property
    def is_erasing(self) -> bool:
        """Some file still holds accesses that are to be erased."""
        with self._reading() as db:
            return bool(ledger.erasure(db))

    def _erase(self) -> Iterator[None]:
        """Erase what is to be erased, a file at a time."""
        with self._reading() as db:
            erasure = ledger.erasure(db)
        if erasure:
            from sentinel.store import asking  # noqa: PLC0415  (see the rules of this file)

            for each, segment in self._opened(self._listed()):
                if segment.holds(*map(asking.in_order, erasure.of(each))):
                    self._rewrite(each, segment, asking.stays(erasure, each))
                    yield
            with self._writing() as db:
                ledger.end_erasure(db)
        self._erasing = iter(())

    def ledger_files(self) -> list[Path]:
        """The files that hold accesses."""
        return [self._folder / each.file for each in self._listed()]

    def actor_names(self, pseudonym: str) -> list[str]:
        """Who of the ledger is shown by that name, in clear: an act for the audit trail. Raises KeyUnavailable."""
        with self._reading() as db:
            return ledger.actor_names(db, self._vault, pseudonym)

    # --- files ---------------------------------------------------------------------------------------------

    @property
    def _folder(self) -> Path:
        return self._path.parent / LEDGER

    def _listed(self) -> list[Listed]:
        with self._reading() as db:
            return ledger.listed(db)

    def _put(self, rows: Rows) -> tuple[str, int, Micros, Micros]:
        """The accesses are in a new file; what the database is to say of it."""
        from sentinel.store import segments  # noqa: PLC0415  (see the rules of this file)

        name = f"{os.urandom(8).hex()}.accesses"
        with connection.telling():
            self._folder.mkdir(mode=0o700, exist_ok=True)
            segments.write(self._folder / name, segments.packed(rows))
        return name, len(rows), int(rows.times.min()), int(rows.times.max())

    def _expire(self, before: Micros) -> None:
        over, astride = [], []
        for each in self._listed():
            if each.until < before:
                over.append(each)
            elif each.since < before - DAY:
                astride.append(each)
        with self._writing() as db:
            ledger.expire_tail(db, before)
            ledger.drop(db, [each.number for each in over])
        self._remove(over)
        for each, segment in self._opened(astride):
            self._rewrite(each, segment, lambda rows: rows.times >= before)
        self._waiting = None
        if over or astride:
            self._forget_strangers()

    def _opened(self, files: Iterable[Listed]) -> Iterator[tuple[Listed, Segment]]:
        """The files, opened. One that is gone or damaged is given up: nothing can be read from it any more."""
        from sentinel.store.segments import Segment  # noqa: PLC0415  (see the rules of this file)

        for each in files:
            try:
                segment = Segment(self._folder / each.file)
            except (FileNotFoundError, StoreDamaged):
                _log.error("a file of the ledger is gone or damaged", extra={"accesses": each.accesses})
                with self._writing() as db:
                    ledger.drop(db, [each.number])
            else:
                yield each, segment

    def _rewrite(self, old: Listed, segment: Segment, stays: Callable[[Rows], Column]) -> None:
        """Of a file only what stays is left."""
        rows = segment.all()
        left = rows.where(stays(rows))
        put = self._put(left) if len(left) else None
        with self._writing() as db:
            ledger.drop(db, [old.number])
            if put is not None:
                ledger.put(db, *put)
        self._remove([old])

    def _remove(self, files: Iterable[Listed]) -> None:
        for each in files:
            with suppress(OSError):
                (self._folder / each.file).unlink()

    def _forget_strangers(self) -> None:
        """Names of actors of whom no access is left are gone."""
        from sentinel.store import asking  # noqa: PLC0415  (see the rules of this file)

        known = asking.open_ledger(self._path.parent)
        with self._writing() as db:
            ledger.forget_actors(db, set(known.pseudonyms) - known.actors())

    def _sweep_files(self) -> None:
        """Files that no row names are gone."""
        counted = {each.file for each in self._listed()}
        if self._folder.exists():
            for path in self._folder.iterdir():
                if path.name not in counted:
                    path.unlink()

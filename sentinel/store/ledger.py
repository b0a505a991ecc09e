"""The ledger in the database: what was committed lately, which files hold the rest, and what their numbers mean.

Rules of this file: what a commit brings is one row of columns, in its transaction; no file is read or written here.
"""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import apsw

from sentinel.accesses import Accesses, Kind
from sentinel.clock import Micros
from sentinel.store.connection import number, row, rows
from sentinel.vault import Vault

_PURPOSE = "name of an actor"


@dataclass(frozen=True, slots=True)
class Listed:
    """A file of accesses of the time from `since` to `until`, both included."""

    number: int
    file: str
    accesses: int
    since: Micros
    until: Micros


@dataclass(frozen=True, slots=True)
class Commit:
    """What one commit brought: `kinds` are the numbers of its kinds, `columns` those of Accesses as bytes."""

    number: int
    accesses: int
    kinds: tuple[int, ...]
    columns: bytes


def save(db: apsw.Connection, vault: Vault, accesses: Accesses) -> None:
    """These accesses are in the ledger."""
    times = accesses.times
    db.execute(
        'INSERT INTO ledger_tail (accesses, "from", "to", kinds, columns) VALUES (?, ?, ?, ?, ?)',
        (
            *(len(times), min(times), max(times), json.dumps([_number(db, kind) for kind in accesses.kinds])),
            _joined(times, accesses.actors, accesses.subjects, accesses.sizes, accesses.records)
            + _joined(accesses.sized, accesses.places),
        ),
    )
    for actor, name in accesses.names.items():
        if row(db, "SELECT 1 FROM ledger_actors WHERE hash = ?", (actor,)) is None:
            sealed = vault.seal_text(_PURPOSE, name)
            db.execute("INSERT INTO ledger_actors VALUES (?, ?, ?)", (actor, vault.pseudonym("actor", name), sealed))


def _joined(*columns: array[int]) -> bytes:
    return b"".join(column.tobytes() for column in columns)


def _number(db: apsw.Connection, kind: Kind) -> int:
    values = (kind.system, kind.action, json.dumps(kind.data))
    db.execute("INSERT OR IGNORE INTO ledger_kinds (system, action, data) VALUES (?, ?, ?)", values)
    found = row(db, "SELECT number FROM ledger_kinds WHERE (system, action, data) = (?, ?, ?)", values)
    assert found is not None
    return int(found[0])


def kinds(db: apsw.Connection) -> dict[int, Kind]:
    """What each number of a kind means."""
    found = rows(db, "SELECT number, system, action, data FROM ledger_kinds")
    return {number: Kind(system, action, tuple(json.loads(data))) for number, system, action, data in found}


def tail(db: apsw.Connection) -> list[Commit]:
    """What is in no file yet, in the order it was committed."""
    found = rows(db, "SELECT number, accesses, kinds, columns FROM ledger_tail ORDER BY number")
    return [Commit(number, count, tuple(json.loads(kinds)), columns) for number, count, kinds, columns in found]


def waiting(db: apsw.Connection) -> tuple[int, int]:
    """How many commits, and how many accesses in them, are in no file yet."""
    (found,) = rows(db, "SELECT count(*), total(accesses) FROM ledger_tail")
    return int(found[0]), int(found[1])


def listed(db: apsw.Connection) -> list[Listed]:
    """Every file that counts."""
    return [
        Listed(*each)
        for each in rows(db, 'SELECT number, file, accesses, "from", "to" FROM ledger_segments ORDER BY number')
    ]


def put(db: apsw.Connection, file: str, accesses: int, since: Micros, until: Micros) -> None:
    """The file counts from now on. It gets a number that no erasure is about."""
    used = "SELECT number FROM ledger_segments UNION ALL SELECT upto FROM ledger_erasures"
    highest = number(db, f"SELECT max(number) FROM ({used})")  # noqa: S608  (our own text)
    values = (highest + 1, file, accesses, since, until)
    db.execute('INSERT INTO ledger_segments (number, file, accesses, "from", "to") VALUES (?, ?, ?, ?, ?)', values)


def drop(db: apsw.Connection, numbers: Iterable[int]) -> None:
    """These files do not count any more."""
    db.executemany("DELETE FROM ledger_segments WHERE number = ?", [(number,) for number in numbers])


@dataclass(frozen=True, slots=True)
class Erasure:
    """Whose accesses do not count any more: actors and subjects, each with the number up to which files are meant."""

    actors: Mapping[int, int] = field(default_factory=dict)
    subjects: Mapping[int, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.actors or self.subjects)

    def of(self, file: Listed) -> tuple[list[int], list[int]]:
        """The actors and subjects whose accesses in this file do not count."""
        actors, subjects = (
            [each for each, upto in meant.items() if upto >= file.number] for meant in (self.actors, self.subjects)
        )
        return actors, subjects


def begin_erasure(db: apsw.Connection, actors: Iterable[int], subjects: Iterable[int]) -> None:
    """Accesses of these actors, and to data of these subjects, count no more in the files that there are."""
    upto = number(db, "SELECT max(number) FROM ledger_segments")
    meant = [*(("actor", each, upto) for each in actors), *(("subject", each, upto) for each in subjects)]
    db.executemany("INSERT INTO ledger_erasures (who, hash, upto) VALUES (?, ?, ?)", meant)


def erasure(db: apsw.Connection) -> Erasure:
    """What is being erased; nothing where that is done."""
    found = rows(db, "SELECT who, hash, upto FROM ledger_erasures ORDER BY number")
    actors, subjects = ({each: upto for who, each, upto in found if who == kind} for kind in ("actor", "subject"))
    return Erasure(actors, subjects)


def end_erasure(db: apsw.Connection) -> None:
    """Everything that was to be erased is."""
    db.execute("DELETE FROM ledger_erasures")


def forget_tail(db: apsw.Connection, upto: int) -> None:
    """What was committed up to that number is in a file now, or is kept no longer."""
    db.execute("DELETE FROM ledger_tail WHERE number <= ?", (upto,))


def expire_tail(db: apsw.Connection, before: Micros) -> None:
    """Commits of which every access is older are gone."""
    db.execute('DELETE FROM ledger_tail WHERE "to" < ?', (before,))


def pseudonyms(db: apsw.Connection) -> dict[int, str]:
    """By which name each actor is shown, by hash."""
    return dict(rows(db, "SELECT hash, pseudonym FROM ledger_actors"))


def actor_names(db: apsw.Connection, vault: Vault, pseudonym: str) -> list[str]:
    """Who is shown by that name, in clear: an act for the audit trail. Raises KeyUnavailable."""
    found = rows(db, "SELECT name FROM ledger_actors WHERE pseudonym = ?", (pseudonym,))
    return [vault.unseal_text(_PURPOSE, sealed) for (sealed,) in found]


def forget_actors(db: apsw.Connection, hashes: Iterable[int]) -> None:
    """The names of these actors are gone."""
    db.executemany("DELETE FROM ledger_actors WHERE hash = ?", [(each,) for each in hashes])


def span(db: apsw.Connection) -> Mapping[str, int]:
    """How many accesses there are, in how many files, and the first and last time of any."""
    counted = (
        'SELECT accesses, "from", "to" FROM ledger_tail UNION ALL SELECT accesses, "from", "to" FROM ledger_segments'
    )
    (found,) = rows(db, f'SELECT total(accesses), min("from"), max("to") FROM ({counted})')  # noqa: S608  (our own text)
    return {"accesses": int(found[0]), "since": found[1] or 0, "until": found[2] or 0}

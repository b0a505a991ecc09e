"""How the database is opened, migrated and changed: one connection that writes, others that only read.

Rules of this file: only the writer checkpoints (two at once is how SQLite before 3.51.3 could damage a file);
`synchronous` is FULL, because a case that was announced must survive a power cut; every statement is run to its end
before the next, because apsw stops at a first row.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib import resources
from pathlib import Path
from typing import Any, Final

import apsw

from sentinel.keyfile import write_new
from sentinel.store.errors import StoreBroken, StoreDamaged, StoreError, StoreFull

Row = tuple[Any, ...]
Migrations = Sequence[tuple[int, str]]

_BUSY_MILLISECONDS: Final = 5_000
_CHECKPOINT_PAGES: Final = 8_192
_LARGEST_LOG: Final = 64 * 1024 * 1024

_DAMAGED: Final = (apsw.CorruptError, apsw.NotADBError)
_BROKEN: Final = (
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
)
_EVERYWHERE: Final[Mapping[str, str | int]] = {"trusted_schema": "off", "temp_store": "memory", "mmap_size": 0}
_WRITER: Final = {
    **_EVERYWHERE,
    "journal_mode": "wal",
    "synchronous": "full",
    "secure_delete": "on",
    "foreign_keys": "on",
    "cell_size_check": "on",
    "journal_size_limit": _LARGEST_LOG,
    "wal_autocheckpoint": _CHECKPOINT_PAGES,
}
_READER: Final = {**_EVERYWHERE, "query_only": "on", "wal_autocheckpoint": 0}
_NO_SPACE: Final = (errno.ENOSPC, errno.EDQUOT)
_WORDS: Final[dict[type[StoreError], str]] = {
    StoreFull: "there is no space left for the state",
    StoreBroken: "the state file cannot be read or written",
    StoreDamaged: "the state file is damaged",
    StoreError: "the store refused",
}


def open_writer(path: Path) -> apsw.Connection:
    """The connection that writes; there must be one only. Raises StoreError."""
    return _opened(path, apsw.SQLITE_OPEN_READWRITE, _WRITER)


def open_reader(path: Path) -> apsw.Connection:
    """A connection that reads and neither writes nor checkpoints. Raises StoreError."""
    return _opened(path, apsw.SQLITE_OPEN_READONLY, _READER)


def _opened(path: Path, flags: int, pragmas: Mapping[str, str | int]) -> apsw.Connection:
    with telling():
        db = apsw.Connection(str(path), flags=flags)
        try:
            db.set_busy_timeout(_BUSY_MILLISECONDS)
            for name, value in pragmas.items():
                db.pragma(name, value)
        except apsw.Error:
            db.close()
            raise
    return db


def rows(db: apsw.Connection, statement: str, values: Sequence[Any] = ()) -> list[Row]:
    """Every row the statement gives; the statement has ended when this returns."""
    return db.execute(statement, values).fetchall()


def row(db: apsw.Connection, statement: str, values: Sequence[Any] = ()) -> Row | None:
    """The first row the statement gives, or None."""
    found = rows(db, statement, values)
    return found[0] if found else None


def number(db: apsw.Connection, statement: str, values: Sequence[Any] = ()) -> int:
    """The whole number the statement gives; 0 for no row or NULL."""
    found = row(db, statement, values)
    return int(found[0]) if found and found[0] is not None else 0


@contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """All of the block's changes are on disk when it ends, or none if it or the commit fails."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        # SQLite has rolled back by itself after some errors (a full disk); otherwise we do.
        if db.in_transaction:
            db.execute("ROLLBACK")


@contextmanager
def snapshot(db: apsw.Connection) -> Iterator[None]:
    """Everything read within is as it was at one moment."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


@contextmanager
def telling(db: apsw.Connection | None = None) -> Iterator[None]:
    """SQLite's errors as ours: StoreFull, StoreBroken, StoreDamaged or StoreError, by the error's name alone."""
    try:
        yield
    except apsw.Error as error:
        kind: type[StoreError] = StoreBroken if isinstance(error, _BROKEN) else StoreError
        kind = StoreDamaged if isinstance(error, _DAMAGED) else kind
        # A quota, or the index of the log that cannot grow, comes as an I/O error.
        if isinstance(error, apsw.FullError) or _lacks_space(db, error):
            kind = StoreFull
        raise kind(f"{_WORDS[kind]} ({type(error).__name__})") from error
    except OSError as error:
        # The file of keys is written within a commit too.
        kind = StoreFull if error.errno in _NO_SPACE else StoreBroken
        raise kind(f"{_WORDS[kind]} ({type(error).__name__})") from error


def _lacks_space(db: apsw.Connection | None, error: apsw.Error) -> bool:
    # A closed connection, which another thread may just have let go of, cannot even be asked.
    return db is not None and not isinstance(error, apsw.ConnectionClosedError) and db.system_errno in _NO_SPACE


def shipped_migrations() -> Migrations:
    """The numbered scripts of this version, in order."""
    folder = resources.files("sentinel.store") / "migrations"
    scripts = [each for each in folder.iterdir() if each.name.endswith(".sql")]
    return sorted((int(each.name.partition("_")[0]), each.read_text(encoding="utf-8")) for each in scripts)


def schema_version(db: apsw.Connection) -> int:
    """The number of the last migration applied; 0 for an empty file."""
    return int(db.pragma("user_version"))


def migrate(db: apsw.Connection, migrations: Migrations) -> None:
    """Every migration is applied, each whole or not at all. Raises StoreError if the file is newer than all of them."""
    with telling():
        check_version(db, migrations)
        for version, script in migrations:
            if version > schema_version(db):
                with transaction(db):
                    db.execute(script)
                    db.execute(f"PRAGMA user_version = {version:d}")


def check_version(db: apsw.Connection, migrations: Migrations, *, exactly: bool = False) -> None:
    """The file is not newer than the migrations, nor, with `exactly`, older. Raises StoreError."""
    found, newest = schema_version(db), migrations[-1][0]
    if found > newest:
        raise StoreError(f"the state is of a newer version (schema {found}, this version knows {newest})")
    if exactly and found < newest:
        raise StoreError(f"the state is of an older version (schema {found}): start the daemon once to bring it up")


def check_whole(db: apsw.Connection) -> None:
    """SQLite finds no damage (quick_check). Raises StoreDamaged."""
    with telling():
        if rows(db, "PRAGMA quick_check(1)") != [("ok",)]:
            raise StoreDamaged("the state file is damaged: restore a backup")


def checkpoint(db: apsw.Connection, path: Path) -> None:
    """What the log holds is moved into the file as far as readers allow; above 64 MiB the log is emptied too."""
    if log_bytes(path) > _LARGEST_LOG:
        empty_log(db)
    else:
        with telling(db):
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)


def log_bytes(path: Path) -> int:
    """The size of the database's write-ahead log."""
    try:
        return path.with_name(path.name + "-wal").stat().st_size
    except OSError:
        return 0


def empty_log(db: apsw.Connection) -> bool:
    """Nothing that was overwritten stands in the log any more; False, without waiting, while a reader keeps it."""
    db.set_busy_timeout(0)
    try:
        with telling(db), suppress(apsw.BusyError):
            db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            return True
        return False
    finally:
        db.set_busy_timeout(_BUSY_MILLISECONDS)


def copy_into(path: Path, copy: Path) -> Path:
    """A whole copy of the database at one moment (VACUUM INTO), mode 0600 and on disk; commits go on meanwhile.

    Raises StoreError. A copy that is already there is not touched.
    """
    draft = copy.with_name(f".{copy.name}.part")
    draft.unlink(missing_ok=True)
    write_new(draft, b"")
    # A connection of its own: one that shares the writer's would stop the watch for the length of the copy.
    with telling():
        db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            db.pragma("wal_autocheckpoint", 0)
            db.execute("VACUUM INTO ?", (str(draft),))
        finally:
            db.close()
    draft.rename(copy)
    sync(copy)
    sync(copy.parent)
    return copy


def sync(path: Path) -> None:
    """The file, or the names in the folder, are on disk."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)

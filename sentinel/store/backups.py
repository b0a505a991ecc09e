"""Whole copies of the state: listed, kept to a number, and brought back where the state itself is damaged.

Rules of this file: a damaged file is set aside and never deleted; the copy that takes its place is whole and on disk
before anything is moved, and a crash in between is made good by the next start (`finish`).
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw

from sentinel.clock import Micros, from_datetime, rfc3339
from sentinel.keyfile import write_new
from sentinel.store import connection
from sentinel.store.errors import StoreDamaged, StoreError
from sentinel.store.folder import DATABASE, LEDGER

DAMAGED: Final = "damaged-"
"""How the folders begin, within the state folder, in which damaged files are set aside."""

_DRAFT: Final = f"{DATABASE}.restored"
_BESIDE: Final = ("-wal", "-shm")
_NAME: Final = re.compile(r"sentinel-(\d{8}T\d{12})Z\.db")


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupOptions:
    """Where copies of the state are put, how often one is made, and how many are kept (0: none is made)."""

    folder: Path
    every: Micros
    keep: int


@dataclass(frozen=True, slots=True)
class Backup:
    """One copy of the state and the moment it holds."""

    path: Path
    made_at: Micros


@dataclass(frozen=True, slots=True)
class Rescue:
    """Damaged files were set aside in the folder of that name; `backup` took their place, None: an empty state."""

    name: str
    at: Micros
    backup: Backup | None


def name_of(now: Micros) -> str:
    """The file name of a copy made at that moment."""
    return f"sentinel-{_compact(now)}.db"


def listed(folder: Path, now: Micros) -> list[Backup]:
    """Every copy in the folder, the newest first; those that a wrong clock dated later than now come last."""
    found = []
    with suppress(OSError):
        for each in folder.iterdir():
            shape = _NAME.fullmatch(each.name)
            if shape is not None:
                found.append(Backup(each, _moment(shape[1])))
    return sorted(found, key=lambda each: (each.made_at <= now, each.made_at), reverse=True)


def prune(folder: Path, keep: int, now: Micros) -> None:
    """Only the first so many copies are left, and nothing of a copy that was broken off."""
    for path in [*folder.glob(".sentinel-*.db.part"), *(each.path for each in listed(folder, now)[keep:])]:
        with suppress(OSError):
            path.unlink()
    oldest = min((each.made_at for each in listed(folder, now)), default=now)
    for path in (folder / LEDGER).glob("*"):
        with suppress(OSError):
            if path.stat().st_mtime_ns // 1000 < oldest:
                path.unlink()


def link_ledger(files: Iterable[Path], folder: Path, now: Micros) -> None:
    """The files of accesses stand beside the copies, each once for all copies, marked as needed by one made now.

    They never change, so where it can be they are the same files. Raises StoreError.
    """
    with connection.telling():
        for file in files:
            (folder / LEDGER).mkdir(mode=0o700, exist_ok=True)
            with suppress(FileNotFoundError):  # expired in this moment
                _bring(file, folder / LEDGER)
                os.utime(folder / LEDGER / file.name, ns=(now * 1000, now * 1000))


def _bring(file: Path, folder: Path) -> None:
    """The file is in the folder too: the same one, or a copy where the folder is on another disk."""
    target = folder / file.name
    if target.exists():
        return
    try:
        target.hardlink_to(file)
    except OSError as error:
        if error.errno not in {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP}:
            raise
        draft = folder / f".{file.name}.part"
        shutil.copyfile(file, draft)
        connection.sync(draft)
        draft.rename(target)


def check(path: Path) -> None:
    """The copy is whole (integrity_check). Raises StoreError."""
    with connection.telling():
        db = apsw.Connection(f"file:{path}?immutable=1", flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
        try:
            whole = connection.rows(db, "PRAGMA integrity_check(1)") == [("ok",)]
            version = connection.schema_version(db)
        finally:
            db.close()
    if not whole or not version:
        raise StoreDamaged(f"the copy '{path.name}' is damaged")
    if version > connection.shipped_migrations()[-1][0]:
        raise StoreError(f"the copy '{path.name}' is of a newer version")


# --- bringing one back -----------------------------------------------------------------------------------------


def rescue(state: Path, folder: Path, now: Micros) -> Rescue:
    """The damaged database is set aside and the newest whole copy stands in its place; an empty one if there is none.

    To be called with the lock of the state folder, and with the database closed. Raises StoreError where the disk
    does not allow it; then it may be called again.
    """
    aside = state / f"{DAMAGED}{_compact(now)}"
    with connection.telling():
        aside.mkdir(mode=0o700, exist_ok=True)
        for suffix in ("", *_BESIDE):
            with suppress(FileExistsError, FileNotFoundError):
                (aside / f"{DATABASE}{suffix}").hardlink_to(state / f"{DATABASE}{suffix}")
        for ours, theirs in ((state, aside), (folder, state)):
            (theirs / LEDGER).mkdir(mode=0o700, exist_ok=True)
            for file in (ours / LEDGER).glob("*.accesses"):
                _bring(file, theirs / LEDGER)
        connection.sync(aside)
        source = next(whole(folder, now), None)
        draft = state / f".{_DRAFT}.part"
        draft.unlink(missing_ok=True)
        write_new(draft, b"")
        if source is not None:
            shutil.copyfile(source.path, draft)
            connection.sync(draft)
        draft.rename(state / _DRAFT)
        connection.sync(state)
    finish(state)
    return Rescue(aside.name, now, source)


def finish(state: Path) -> None:
    """A copy that was about to take the database's place has taken it. Nothing is done where there is none."""
    draft = state / _DRAFT
    if not draft.exists():
        return
    with connection.telling():
        # Its log first: SQLite would play the log of one file into another.
        for suffix in _BESIDE:
            (state / f"{DATABASE}{suffix}").unlink(missing_ok=True)
        connection.sync(state)
        draft.replace(state / DATABASE)
        connection.sync(state)


def set_aside(state: Path) -> list[tuple[str, Micros]]:
    """The folders of damaged files, by name, with the moment each was set aside, oldest first."""
    found = []
    for each in state.glob(f"{DAMAGED}*Z"):
        with suppress(ValueError):
            found.append((each.name, _moment(each.name.removeprefix(DAMAGED).removesuffix("Z"))))
    return sorted(found)


def whole(folder: Path, now: Micros) -> Iterator[Backup]:
    """The copies in the folder that are whole, the best first."""
    for each in listed(folder, now):
        with suppress(StoreError):
            check(each.path)
            yield each


def _compact(moment: Micros) -> str:
    return rfc3339(moment, 6).replace("-", "").replace(":", "").replace(".", "")


def _moment(text: str) -> Micros:
    return from_datetime(datetime.strptime(text, "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC))

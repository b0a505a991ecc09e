"""Where everything is remembered: the store and its chain, who may read it, room on its disk, copies of it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from sentinel.clock import MINUTE, rfc3339
from sentinel.doctor.base import Diagnosis, Installation, doubtful, well, wrong
from sentinel.durations import show
from sentinel.keyless import lives
from sentinel.secrets import SecretError
from sentinel.store import Store, StoreError, backups
from sentinel.store.folder import DATABASE
from sentinel.vault import Vault, VaultError

LEAST_ROOM = 256 * 1024 * 1024
LONGEST_LOG = 256 * 1024 * 1024
GRACE = 2


def store(installation: Installation) -> Iterator[Diagnosis]:
    """Whether the state can be read with the key at hand, and its audit chain holds."""
    if installation.loaded is None:
        return
    folder = installation.loaded.state
    if not folder.is_dir():
        yield doubtful("state", f"there is no folder '{folder}' yet", "the first start makes it")
        return
    try:
        vault = Vault.open(folder, installation.master(), readonly=True)
        with Store.open(folder, vault, readonly=True) as opened:
            breaks = opened.verify_audit()
            every = opened.cases()
            gaps = len(opened.gaps())
    except PermissionError:
        yield doubtful("state", f"you may not read '{folder}'", "use sudo, or the user the daemon runs as")
        return
    except (StoreError, VaultError, SecretError) as error:
        yield wrong("state", str(error), "docs/operations.md, 'When the state is damaged' and 'Without the master key'")
        yield from _stand_ins(folder)
        return
    if breaks:
        mend = "sentinel audit verify says where; compare with a copy of the state"
        yield wrong("state", f"the audit chain does not hold in {len(breaks)} places", mend)
    else:
        yield well("state", f"{len(every)} cases, the audit chain holds")
    if gaps:
        yield doubtful("state", f"{gaps} stretches of logs were lost before they were read", "docs/guarantees.md")
    ahead = [case.id for case in every if case.detected_at > installation.now + 5 * MINUTE]
    if ahead:
        mend = (
            "these cases opened while the clock was ahead: say since when you were aware with 'sentinel case confirm'"
        )
        yield wrong("state", f"detected in the future: {', '.join(ahead[:5])}", mend)


def _stand_ins(folder: Path) -> Iterator[Diagnosis]:
    for each in lives(folder)[:1]:
        mend = (
            "put the key back: what was found comes home by itself, and evidence is taken from the logs that are left"
        )
        yield wrong("master key", f"a daemon has watched without it since {rfc3339(int(each.name))}", mend)


def permissions(installation: Installation) -> Iterator[Diagnosis]:
    """Whether others may read what only the daemon should."""
    if installation.loaded is None:
        return
    folder = installation.loaded.state
    paths = [
        folder,
        *(folder / name for name in (DATABASE, "keys.db", "master.key", "standin")),
        installation.loaded.backup.folder,
    ]
    open_to_others = [path for path in paths if _exists(path) and path.stat().st_mode & 0o077]
    for path in open_to_others:
        mode = "0700" if path.is_dir() else "0600"
        yield wrong("permissions", f"'{path}' is open to others", f"chmod {mode} '{path}'")
    if not open_to_others:
        yield well("permissions", "state and copies are closed to others")


def disk(installation: Installation) -> Iterator[Diagnosis]:
    """Whether there is room, and whether something keeps the write-ahead log from being emptied."""
    if installation.loaded is None:
        return
    folder = installation.loaded.state
    if not _exists(folder):
        return
    free = shutil.disk_usage(folder).free
    if free < LEAST_ROOM:
        mend = "make room: reading pauses when there is none"
        yield wrong("disk", f"{free >> 20} MiB are free on the disk of the state", mend)
    else:
        yield well("disk", f"{free >> 20} MiB are free on the disk of the state")
    log = folder / f"{DATABASE}-wal"
    if _exists(log) and log.stat().st_size > LONGEST_LOG:
        mend = f"end the program that reads it: fuser -v '{folder / DATABASE}'"
        yield wrong("disk", f"the write-ahead log has {log.stat().st_size >> 20} MiB: a reader keeps it", mend)


def copies(installation: Installation) -> Iterator[Diagnosis]:
    """Whether there is a fresh and whole copy of the state, and whether a damaged one was set aside."""
    if installation.loaded is None:
        return
    options = installation.loaded.backup
    if not options.keep:
        mend = "'backup: {keep: 7}' in the configuration"
        yield doubtful("backups", "none are made: a damaged state cannot be brought back", mend)
        return
    newest = next(iter(backups.listed(options.folder, installation.now)), None)
    if newest is None:
        yield doubtful(
            "backups", f"there is none in '{options.folder}'", "the daemon makes one when it has nothing to do"
        )
        return
    made = rfc3339(newest.made_at)
    try:
        backups.check(newest.path)
    except StoreError as error:
        yield wrong("backups", str(error), "look at the disk; the daemon makes another one in time")
        return
    if installation.now - newest.made_at > GRACE * options.every:
        yield doubtful(
            "backups", f"the newest is of {made}", f"the daemon makes one every {show(options.every)}: see its log"
        )
    else:
        yield well("backups", f"the newest is of {made} and whole; --restore-drill brings it up beside the daemon")
    for name, at in backups.set_aside(installation.loaded.state):
        mend = "if you have what you need of it, remove that folder"
        yield doubtful("backups", f"a damaged state was set aside at {rfc3339(at)}, in '{name}'", mend)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:
        return False

"""Keeps the state of one daemon: opens it, brings a copy back where it is damaged, copies it when it is time.

Rules of this file: whatever is wrong with the state, watching goes on as soon as it can, and somebody is told. A copy
is made by a thread of its own over a connection that only reads; what it finds is taken up by the main loop.
"""

from __future__ import annotations

import logging
import shutil
import threading
from pathlib import Path

from sentinel.clock import MINUTE, SECOND, Micros
from sentinel.durations import show
from sentinel.metrics import Metrics
from sentinel.model import Finding, Level
from sentinel.ownfindings import own_finding
from sentinel.store import Store, StoreDamaged, StoreError, backups
from sentinel.store.backups import BackupOptions
from sentinel.store.folder import DATABASE
from sentinel.vault import Vault

_log = logging.getLogger(__name__)

LOOK_EVERY: Micros = MINUTE

COPY_SECONDS = 60.0
"""How long a copy that is being made is waited for before the state is opened anew."""

LOOKS = 2
"""So many times in a row the state must be found damaged: a disk that fails to read once can look like damage."""

ROOM = 2
"""So many times the size of the state must be free on the disk of the copies before one is made."""


class Keeper:
    """The state folder of one daemon. Called from the main loop's thread only."""

    def __init__(self, state: Path, vault: Vault, options: BackupOptions, metrics: Metrics) -> None:
        self._state = state
        self._vault = vault
        self._options = options
        self._metrics = metrics
        self._looked: Micros = 0
        self._copying: threading.Thread | None = None
        self._trouble: StoreError | None = None

    def open(self, now: Micros) -> Store:
        """The store, from the newest whole copy where the file itself is damaged or gone. Raises StoreError."""
        self.wait(COPY_SECONDS)
        for _ in range(LOOKS):
            try:
                return self._opened(now)
            except StoreDamaged as error:
                _log.critical("%s", error)
        rescue = Store.rescue(self._state, self._options.folder, now)
        _log.critical(
            "the damaged state is set aside, and a copy of it has taken its place",
            extra={"aside": rescue.name, "copy": rescue.backup.path.name if rescue.backup else "none: it is empty"},
        )
        self._metrics.store_rescues.inc()
        return Store.open(self._state, self._vault)

    def _opened(self, now: Micros) -> Store:
        if not self._has_database() and backups.listed(self._options.folder, now):
            raise StoreDamaged("the state file is missing or empty")
        return Store.open(self._state, self._vault)

    def _has_database(self) -> bool:
        path = self._state / DATABASE
        return path.exists() and path.stat().st_size > 0

    def news(self, store: Store) -> list[Finding]:
        """A finding for each time that damaged files were set aside which the register does not know of yet."""
        every = [_rescued(name, at) for name, at in backups.set_aside(self._state)]
        return [each for each in every if store.case_of_finding(each.id) is None]

    def tend(self, store: Store, now: Micros) -> None:
        """Once a minute: a copy is begun if it is time for one. Raises StoreDamaged where the last one found damage."""
        trouble, self._trouble = self._trouble, None
        if isinstance(trouble, StoreDamaged):
            raise trouble
        if 0 <= now - self._looked < LOOK_EVERY or self._is_copying():
            return
        self._looked = now
        newest = next(iter(backups.listed(self._options.folder, now)), None)
        if newest is not None:
            self._metrics.backup_made.set(newest.made_at / SECOND)
        if not self._options.keep or (newest and abs(now - newest.made_at) < self._options.every):
            return
        self._copying = threading.Thread(target=self._copy, args=[store, now], name="sentinel-backup", daemon=True)
        self._copying.start()

    def wait(self, seconds: float) -> None:
        """A copy that is being made is finished, or so many seconds have passed."""
        if self._copying is not None:
            self._copying.join(seconds)

    def _is_copying(self) -> bool:
        return self._copying is not None and self._copying.is_alive()

    def _copy(self, store: Store, now: Micros) -> None:
        folder = self._options.folder
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._must_have_room()
            copy = store.backup(folder, now)
            backups.check(copy)
            backups.prune(folder, self._options.keep, now)
        except (StoreError, OSError) as error:
            why = str(error) if isinstance(error, StoreError) else error.strerror or type(error).__name__
            _log.error("no copy of the state could be made: %s", why)
            self._metrics.backup_failures.inc()
            self._trouble = error if isinstance(error, StoreError) else None
        else:
            self._metrics.backup_made.set(now / SECOND)
            _log.info("a copy of the state is made", extra={"file": copy.name, "every": show(self._options.every)})

    def _must_have_room(self) -> None:
        needed = ROOM * sum(each.stat().st_size for each in self._state.glob(f"{DATABASE}*"))
        if shutil.disk_usage(self._options.folder).free < needed:
            raise StoreError(f"there is less room than {ROOM} times the state")


def _rescued(name: str, at: Micros) -> Finding:
    return own_finding(
        "sentinel_state_restored",
        "Sentinel's own state was damaged and an older copy of it is at work",
        Level.HIGH,
        at,
        name,
        opens_case=True,
    )

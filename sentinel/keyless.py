"""The watch while the master key cannot be read: another state stands in, and comes home when the key is there again.

Rules of this file:
1. Nothing is written in clear, and nothing new is sealed with less than a key that only the master key gives back: the
   stand-in has random keys of its own, which lie beside it in a box that the master key alone opens.
2. The state itself is not written. Its read positions stay, so that with the key everything since is read again, is
   counted in the true windows, and its records become evidence.
3. Only what has a state already is watched without its key: a first start with a wrong reference is a mistake to mend.
"""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from sentinel.cases import joining
from sentinel.cases.judging import SENTINEL
from sentinel.cases.moving import CaseError
from sentinel.clock import SECOND, Micros, rfc3339
from sentinel.keeper import Keeper
from sentinel.keyfile import write_new
from sentinel.metrics import Metrics
from sentinel.model import AuditEntry, Finding, Level, Position
from sentinel.ownfindings import own_finding
from sentinel.pipeline import Pipeline
from sentinel.problems import Unusable
from sentinel.store import Store, standin
from sentinel.store.backups import BackupOptions
from sentinel.store.folder import DATABASE, FolderLock
from sentinel.vault import KEYS_FILE, SHORTEST_MASTER, KeyUnavailable, Vault, VaultError
from sentinel.web.readiness import Readiness

FOLDER: Final = "standin"
"""Within the state folder: one folder for each life of a daemon that began without the key, by when it began."""

TRY_AGAIN: Micros = SECOND
RULE: Final = "sentinel_master_key_missing"
TITLE: Final = "The master key cannot be read: the watch goes on, and evidence waits for the key"

MERGED: Final = "it was opened without the master key, and the register has an open case of the same key"

_BOXED: Final = "master.box"
_PURPOSE: Final = "standin"
_UNREADABLE: Final = (Unusable, VaultError, OSError)

_log = logging.getLogger(__name__)


class Custody:
    """Which keys the daemon has, and so which state it works on. Called from the main loop's thread only."""

    def __init__(
        self,
        state: Path,
        master: Callable[[], bytes | None],
        options: BackupOptions,
        metrics: Metrics,
        readiness: Readiness,
    ) -> None:
        self._state = state
        self._master = master
        self._options = options
        self._metrics = metrics
        self._readiness = readiness
        self._lock: FolderLock | None = None
        self._vault: Vault | None = None
        self._found: Vault | None = None
        self._tried: Micros = 0
        self._since: Micros = 0
        self._provisional: dict[str, Vault] = {}
        self._lent: list[standin.Lent] = []
        self._joined: list[tuple[str, str]] = []
        self._unpaid: list[standin.Unpaid] = []

    @property
    def is_keyless(self) -> bool:
        """A stand-in is at work."""
        return self._lock is not None

    def open(self, now: Micros) -> tuple[Vault, Keeper]:
        """The state's own keys and keeper, or those of a stand-in. Raises VaultError, Unusable, StoreError, OSError."""
        try:
            vault = Vault.open(self._state, self._master())
        except _UNREADABLE as error:
            if not (self._state / DATABASE).exists() or not (self._state / KEYS_FILE).exists():
                raise
            return self._stand_in(_why(error), now)
        return self._own(vault)

    def has_key_come(self, now: Micros) -> bool:
        """Once a second while there is none: whether the master key can be read now."""
        if self.is_keyless and not 0 <= now - self._tried < TRY_AGAIN:
            self._tried = now
            with suppress(*_UNREADABLE):
                self._found = Vault.open(self._state, self._master())
        return self._found is not None

    def change(self) -> tuple[Vault, Keeper]:
        """The state's own keys and keeper, once the key has come; its lock is free for them."""
        assert self._lock is not None
        assert self._found is not None
        self._lock.release()
        vault, self._lock, self._found = self._found, None, None
        self._unpaid = []  # the stand-in has them, worded
        _log.info("the master key can be read again; everything since is read again with it")
        return self._own(vault)

    def let_go(self) -> None:
        """The state itself is let go of, as a crash would."""
        if self._lock is not None:
            self._lock.release()

    def _own(self, vault: Vault) -> tuple[Vault, Keeper]:
        self._vault = vault
        self._metrics.master_key_missing.set(0)
        self._readiness.ready("key")
        return vault, Keeper(self._state, vault, self._options, self._metrics)

    # --- without the key -----------------------------------------------------------------------------------

    def _stand_in(self, why: str, now: Micros) -> tuple[Vault, Keeper]:
        self._lock = FolderLock(self._state)
        every = lives(self._state)
        self._since = int(every[0].name) if every else now
        # The clock may have been set back since the last one began.
        begun = max(now, int(every[-1].name) + 1) if every else now
        folder = self._state / FOLDER / f"{begun:020d}"
        folder.mkdir(mode=0o700, parents=True)
        master = os.urandom(SHORTEST_MASTER)
        vault = Vault.open(folder, master, is_provisional=True)
        try:
            write_new(folder / _BOXED, Vault.box(self._state, _PURPOSE, master))
        except KeyUnavailable:
            _log.error("what is found until the key is there does not outlive this process: there is no public key")
        self._provisional[folder.name] = vault
        self._unpaid = standin.make(self._state, every[-1] if every else self._state, folder, vault.fingerprint)
        self._metrics.master_key_missing.set(1)
        self._readiness.not_ready("key", f"watching without the master key since {rfc3339(self._since)}: {why}")
        _log.critical("the master key cannot be read; the watch goes on without it: %s", why)
        return vault, Keeper(folder, vault, replace(self._options, folder=folder, keep=0), self._metrics)

    def news(self, store: Store) -> list[Finding]:
        """The finding that the key is missing, where the register does not know of it yet."""
        if not self.is_keyless:
            return []
        found = own_finding(RULE, TITLE, Level.HIGH, self._since, "key", opens_case=True)
        return [] if store.case_of_finding(found.id) is not None else [found]

    def only_with_key(self, stored: Callable[[Collection[Position]], None]) -> Callable[[Collection[Position]], None]:
        """What sources are told of positions on disk: nothing without the key, since they will be read from again."""
        return (lambda _: None) if self.is_keyless else stored

    # --- coming home ---------------------------------------------------------------------------------------

    def bring_home(self, store: Store) -> None:
        """What stood in is in the state; to be called before the cases are taken up. Raises StoreError."""
        if self.is_keyless:
            return
        self._lent = [self._opened(folder) for folder in lives(self._state)]
        for each in self._lent:
            home = store.bring_home(each)
            self._joined.extend(home.joined)
            self._unpaid.extend(home.unpaid)

    def settle(self, pipeline: Pipeline, now: Micros) -> None:
        """Cases that are one are merged, and what nobody was told is worded and owed anew."""
        book = pipeline.book
        for case, into in ((book.get(case_id), book.get(other)) for case_id, other in self._joined):
            if case is not None and into is not None:
                people = pipeline.people(into, other=case.id)
                with suppress(CaseError):
                    both = joining.merge(case, into, who=SENTINEL, reason=MERGED, now=now, subjects=people)
                    pipeline.join(both, now)
        for case_id, occasion, channel in self._unpaid:
            pipeline.owe_again(case_id, occasion, channel, now)
        if self._lent:
            detail = {"since": rfc3339(int(self._lent[0].name))}
            pipeline.audit(AuditEntry(at=now, who=SENTINEL, act="key.returned", detail=detail), now)
        self._joined.clear()
        self._unpaid.clear()

    def finish(self, store: Store, commit: Callable[[], None]) -> None:
        """Once everything is read again: evidence that was gone by then comes from the stand-in, which is removed."""
        if self._lent:
            commit()
            for each in self._lent:
                store.keep_evidence(each)
            self._lent = []
            shutil.rmtree(self._state / FOLDER, ignore_errors=True)

    def _opened(self, folder: Path) -> standin.Lent:
        vault = self._provisional.get(folder.name)
        if vault is None:
            try:
                assert self._vault is not None
                master = self._vault.unbox(_PURPOSE, (folder / _BOXED).read_bytes())
            except (KeyUnavailable, OSError):
                _log.error("what a stand-in sealed cannot be read; its cases come home without names")
                master = os.urandom(SHORTEST_MASTER)
            vault = Vault(folder, master)
        return standin.Lent(folder, vault)


def lives(state: Path) -> list[Path]:
    """The folders of every stand-in that has not come home, the oldest first."""
    return sorted(each.parent for each in (state / FOLDER).glob(f"*/{DATABASE}"))


def _why(error: Exception) -> str:
    if isinstance(error, Unusable):
        return error.problems[0].message
    return str(error) if isinstance(error, VaultError) else f"it cannot be read ({type(error).__name__})"

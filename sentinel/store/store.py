"""Everything Sentinel remembers, as one object: what is saved together is saved or lost together.

Rules of this file: it joins the rooms of `store/`, one noun each, to one connection, and holds no SQL. Every method
may be called from any thread. Errors are StoreError and its kinds; values that need a key raise KeyUnavailable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

from sentinel.clock import Micros
from sentinel.model import Case, Gap, Position
from sentinel.store import (
    audit,
    backups,
    cases,
    collected,
    connection,
    coverage,
    evidence,
    folder,
    ledger,
    links,
    meta,
    outbox,
    positions,
    standin,
    windows,
)
from sentinel.store.backups import Rescue
from sentinel.store.batch import Batch
from sentinel.store.cases import FindingRow, FindingValues
from sentinel.store.compaction import Compaction
from sentinel.store.coverage import Read
from sentinel.store.errors import StoreError
from sentinel.store.holdings import Holdings
from sentinel.store.windows import Windows
from sentinel.vault import Vault


class Store(Holdings, Compaction):
    """The state of one folder. Made by `Store.open`; `close` it, or use it as a context."""

    @classmethod
    def open(cls, state: Path, vault: Vault, *, readonly: bool = False) -> Store:
        """The store of a state folder, made and brought up to this version where it is to be written.

        Raises StoreLocked if another daemon writes it, StoreDamaged if it is damaged, StoreBroken if it cannot be read
        or written now, StoreError if it is of a newer version, on another machine's disk, or was written under another
        master key.
        """
        return cls._open_to_read(state, vault) if readonly else cls._open_to_write(state, vault)

    @classmethod
    def _open_to_read(cls, state: Path, vault: Vault) -> Store:
        path = state / folder.DATABASE
        if not path.exists():
            raise StoreError(f"there is no state in '{state}' yet")
        store = cls(path, vault, connection.open_reader(path), None)
        with _closing_if_it_fails(store), connection.telling(store._db):
            connection.check_version(store._db, connection.shipped_migrations(), exactly=True)
            store._check_keys()
        return store

    @classmethod
    def _open_to_write(cls, state: Path, vault: Vault) -> Store:
        with connection.telling():
            folder.prepare(state)
            lock = folder.FolderLock(state)
        try:
            with connection.telling():
                backups.finish(state)
                path = folder.make_database(state)
            store = cls(path, vault, connection.open_writer(path), lock)
        except StoreError:
            lock.release()
            raise
        with _closing_if_it_fails(store), connection.telling(store._db):
            connection.check_version(store._db, connection.shipped_migrations())
            if connection.schema_version(store._db) and meta.read(store._db, "stopped") != "cleanly":
                connection.check_whole(store._db)
            connection.migrate(store._db, connection.shipped_migrations())
            store._check_keys()
            store._begin()
            store._sweep_files()
        return store

    @staticmethod
    def rescue(state: Path, copies: Path, now: Micros) -> Rescue:
        """Set the damaged database of a state folder aside and bring back the newest whole copy. Raises StoreError."""
        lock = folder.FolderLock(state)
        try:
            return backups.rescue(state, copies, now)
        finally:
            lock.release()

    def _check_keys(self) -> None:
        written_under = meta.read(self._db, "keys")
        if written_under not in {None, self._vault.fingerprint}:
            raise StoreError("the state was written under another master key: put that key back")

    def _begin(self) -> None:
        with self._writing() as db:
            if meta.read(db, "keys") is None:
                meta.write(db, "keys", self._vault.fingerprint)
                meta.write(db, "installation", os.urandom(8).hex())
            meta.write(db, "stopped", "no")
            audit.link_cases(db)
            outbox.take_up(db)

    def close(self) -> None:
        """The store is let go of, marked as cleanly stopped. May be called again."""
        with self._turn:
            if self._lock is not None:
                with suppress(StoreError), self._writing() as db:
                    meta.write(db, "stopped", "cleanly")
                with suppress(StoreError):
                    connection.empty_log(self._db)
            self.let_go()

    def let_go(self) -> None:
        """The store is let go of as a crash would leave it: the next to open it looks for damage."""
        with self._turn:
            self._db.close()
            if self._lock is not None:
                self._lock.release()
                self._lock = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- one commit ----------------------------------------------------------------------------------------

    def commit(self, batch: Batch) -> None:
        """Everything in the batch is on disk when this returns; nothing of it if it raises.

        Raises StoreFull (may be tried again), StoreBroken (open the store again and read again from there) or
        StoreError.
        """
        vault = self._vault
        with self._writing() as db:
            positions.save(db, batch.positions.values())
            positions.forget(db, batch.forgotten)
            positions.save_gaps(db, batch.gaps)
            windows.save(db, vault, batch.delta, batch.bases)
            for case in {verdict.case.id: verdict.case for verdict in batch.verdicts}.values():
                cases.save(db, vault, case)
            for verdict in batch.verdicts:
                if verdict.finding is not None:
                    cases.save_finding(db, vault, verdict.case.id, verdict.finding)
                    cases.add_subjects(db, verdict.case.id, verdict.finding.subject_hashes)
                for entry in verdict.audit:
                    audit.append(db, vault, entry)
            coverage.add(db, batch.covered)
            for finding_id, case_id in batch.split:
                evidence.copy(db, vault, finding_id, case_id)
                cases.move_finding(db, vault, finding_id, case_id)
            for case_id, hashes in batch.touched.items():
                cases.add_subjects(db, case_id, hashes)
            for case_id, finding_id, place, raw in batch.pieces:
                evidence.add(db, vault, case_id, finding_id, place, raw)
            for wanted in batch.collections.values():
                collected.plan(db, wanted)
            for notification, channel, body, next_at, invitations in batch.owed:
                if outbox.owe(db, vault, notification, channel, body, next_at):
                    links.add(db, invitations)
            for digest, at in batch.spent:
                links.spend(db, digest, at)
            for document, channel in batch.filed:
                outbox.file(db, vault, document, channel)
            outbox.settle(db, batch.settled)
            for entry in batch.entries:
                audit.append(db, vault, entry)
            if batch.accesses is not None:
                ledger.save(db, vault, batch.accesses)
        if batch.accesses is not None:
            self._count_waiting(batch.accesses)

    # --- what the main loop takes up again -----------------------------------------------------------------

    def positions(self, source: str | None = None) -> list[Position]:
        """The stored positions of one source, or of all."""
        with self._reading() as db:
            return positions.load(db, source)

    def gaps(self) -> list[Gap]:
        """Every gap ever found, in order."""
        with self._reading() as db:
            return positions.load_gaps(db)

    def load_windows(self) -> Windows:
        """What the engine remembers: bases (shard, as_of, blob) and deltas (seq, blob)."""
        with self._reading() as db:
            return windows.load(db, self._vault)

    def windows_reset(self) -> None:
        """The engine remembers nothing."""
        with self._writing() as db:
            windows.reset(db)

    # --- cases ---------------------------------------------------------------------------------------------

    def cases(self) -> list[Case]:
        """Every case, in the order they were opened."""
        with self._reading() as db:
            return cases.load(db, self._vault)

    def open_cases(self) -> list[Case]:
        """The cases that are open, confirmed or notified, in the order they were opened."""
        with self._reading() as db:
            return cases.load_running(db, self._vault)

    def case(self, case_id: str) -> Case | None:
        """The case of that id, or None."""
        with self._reading() as db:
            return cases.load_one(db, self._vault, case_id)

    def findings(self, case_id: str) -> list[FindingRow]:
        """The findings of a case, without anybody's name."""
        with self._reading() as db:
            return cases.load_findings(db, case_id)

    def finding_values(self, finding_id: str) -> FindingValues | None:
        """Who a finding is about, in clear: an act for the audit trail. Raises KeyUnavailable."""
        with self._reading() as db:
            return cases.load_finding_values(db, self._vault, finding_id)

    def case_of_finding(self, finding_id: str) -> str | None:
        """The id of the case a finding is in, or None."""
        with self._reading() as db:
            return cases.case_of(db, finding_id)

    def subject_count(self, case_id: str) -> int:
        """How many distinct data subjects the case touches."""
        with self._reading() as db:
            return cases.count_subjects(db, case_id)

    def subjects(self, case_id: str) -> set[int]:
        """The keyed hashes of the data subjects the case touches."""
        with self._reading() as db:
            return cases.load_subjects(db, case_id)

    # --- what was read --------------------------------------------------------------------------------------

    def coverage(self, first: int, last: int) -> dict[tuple[int, str], Read]:
        """What was read from day `first` to day `last` (days since 1970 in UTC), by (day, source)."""
        with self._reading() as db:
            return coverage.load(db, first, last)

    def watches(self, start: Micros, end: Micros) -> list[tuple[Micros, Micros]]:
        """From when to when daemons watched, those that touch the period."""
        with self._reading() as db:
            return coverage.watches(db, start, end)

    def seen(self, begun_at: Micros, now: Micros) -> None:
        """The daemon that began then still watches."""
        with self._writing() as db:
            coverage.seen(db, begun_at, now)

    # --- after a watch without the master key -----------------------------------------------------------------

    def bring_home(self, lent: standin.Lent) -> standin.Home:
        """What a stand-in found is here, in one transaction; the second time nothing happens."""
        with self._writing() as db:
            return standin.bring(db, self._vault, lent)

    def keep_evidence(self, lent: standin.Lent) -> None:
        """Findings that came home and whose records could not be read again rest on what the stand-in kept."""
        with self._writing() as db:
            standin.keep_evidence(db, self._vault, lent)

    # --- the file ------------------------------------------------------------------------------------------

    def meta(self, key: str) -> str | None:
        """A fact about the state as a whole, or None."""
        with self._reading() as db:
            return meta.read(db, key)

    def remember(self, key: str, value: str) -> None:
        """A fact about the state as a whole; nothing personal."""
        with self._writing() as db:
            meta.write(db, key, value)

    def log_bytes(self) -> int:
        """How large the write-ahead log is."""
        return connection.log_bytes(self._path)

    def checkpoint(self) -> None:
        """The write-ahead log is moved into the file as far as readers allow. To be called when there is time."""
        with self._turn:
            self._must_write()
            connection.checkpoint(self._db, self._path)

    def backup(self, target: Path, now: Micros) -> Path:
        """A whole copy of the state as it is now, in a new file of the target folder; without any case's key.

        Commits go on meanwhile. Raises StoreError.
        """
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Before and after: what the copy names may be removed, or written, while it is made.
        backups.link_ledger(self.ledger_files(), target, now)
        copy = connection.copy_into(self._path, target / backups.name_of(now))
        backups.link_ledger(self.ledger_files(), target, now)
        self._vault.copy_root(target)
        return copy


@contextmanager
def _closing_if_it_fails(store: Store) -> Iterator[None]:
    done = False
    try:
        yield
        done = True
    finally:
        if not done:
            store.let_go()

"""The part of the store that is about messages: what is owed through which channel, with which links, what is silent.

Rules of this file: as of store.py. Every method may be called from any thread; the couriers' threads do.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from sentinel.clock import Micros
from sentinel.model import AuditEntry
from sentinel.silences import Silence
from sentinel.store import audit, connection, folder, links, outbox, silences
from sentinel.store.errors import StoreError
from sentinel.store.links import Invitation
from sentinel.store.outbox import Delivery, OutboxRow, Standing
from sentinel.vault import Vault


class Connected:
    """One connection to the database, and whose turn it is to use it."""

    def __init__(self, path: Path, vault: Vault, db: apsw.Connection, lock: folder.FolderLock | None) -> None:
        self._path = path
        self._vault = vault
        self._db = db
        self._lock = lock
        self._turn = threading.RLock()

    def _must_write(self) -> None:
        if self._lock is None:
            raise StoreError("this store is open for reading only")

    @contextmanager
    def _reading(self) -> Iterator[apsw.Connection]:
        with self._turn, connection.telling(self._db):
            yield self._db

    @contextmanager
    def _writing(self) -> Iterator[apsw.Connection]:
        with self._turn:
            self._must_write()
            with connection.telling(self._db), connection.transaction(self._db):
                yield self._db


class Messages(Connected):
    """What is owed, and what is silent."""

    _standings: tuple[int, dict[str, Standing]] | None = None
    """How the channels stood after so many changes."""

    # --- the outbox ----------------------------------------------------------------------------------------

    def outbox_due(self, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
        """At most `limit` messages to try now, oldest first; of each case only the first not paid yet."""
        with self._reading() as db:
            return outbox.due(db, self._vault, channel, now, limit)

    def next_due(self, channel: str) -> Micros | None:
        """When the channel next has something to try; None while nothing waits."""
        with self._reading() as db:
            return outbox.next_due(db, channel)

    def mark_inflight(self, message_id: str, channel: str) -> None:
        """An attempt begins; after a crash the message is owed again as a possible repeat."""
        with self._writing() as db:
            outbox.mark_inflight(db, message_id, channel)

    def mark_sent(self, message_id: str, channel: str, now: Micros, detail: str = "", reference: str = "") -> None:
        """The channel took the message, and its service calls it by `reference`."""
        with self._writing() as db:
            outbox.mark_sent(db, message_id, channel, now, detail, reference)

    def put_back(self, message_id: str, channel: str, attempts: int, next_at: Micros, reason: str) -> None:
        """The message is to be tried again, not before `next_at`; `attempts` were made so far."""
        with self._writing() as db:
            outbox.put_back(db, message_id, channel, attempts, next_at, reason)

    def mark_never(self, message_id: str, channel: str, reason: str) -> None:
        """The channel will not take the message, however often it is tried."""
        with self._writing() as db:
            outbox.mark_never(db, message_id, channel, reason)

    def waiting(self, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
        """At most `limit` messages and documents of a register to try now, in the order they were owed."""
        with self._reading() as db:
            return outbox.waiting(db, self._vault, channel, now, limit)

    def settle_documents(
        self,
        channel: str,
        now: Micros,
        sent: Iterable[str],
        later: Iterable[tuple[str, Micros, str]],
        never: Iterable[tuple[str, str]],
    ) -> None:
        """How a register took each, in one transaction."""
        with self._writing() as db:
            outbox.settle_documents(db, channel, now, sent, later, never)

    def hurry(self, by: Micros) -> None:
        """Everything that waits is tried so much earlier by the clock, which was set back by that."""
        with self._writing() as db:
            outbox.hurry(db, by)

    def deliveries(self, case_id: str) -> list[Delivery]:
        """How each message of a case stands, in the order they were owed."""
        with self._reading() as db:
            return outbox.load(db, case_id)

    def channel_standings(self) -> dict[str, Standing]:
        """How every channel stands that was ever owed something. Costs nothing where nothing was written meanwhile."""
        with self._reading() as db:
            written = db.total_changes()
            # Who holds the lock writes alone; a reader cannot see by its own changes that somebody else wrote.
            if self._lock is None or self._standings is None or self._standings[0] != written:
                self._standings = (written, outbox.standings(db))
            return dict(self._standings[1])

    def withdraw(self, case_id: str) -> None:
        """What is owed for a test and not yet taken is owed no more."""
        with self._writing() as db:
            outbox.withdraw(db, case_id)

    def resend(self, channel: str, now: Micros, entry: AuditEntry) -> int:
        """Every message that the channel would never take is owed again; says how many."""
        with self._writing() as db:
            audit.append(db, self._vault, entry)
            return outbox.revive(db, channel, now)

    def owed_between(self, start: Micros, end: Micros) -> list[tuple[str, str, Micros, Micros | None]]:
        """(channel, state, owed at, taken at) of each message owed in the period."""
        with self._reading() as db:
            return outbox.owed_between(db, start, end)

    def outbox_counts(self) -> dict[tuple[str, str], int]:
        """How many messages there are by (channel, state), without the pairs that have none."""
        with self._reading() as db:
            return outbox.counts(db)

    def oldest_undelivered(self, now: Micros) -> Micros:
        """For how long the oldest message still to be delivered has been owed, in microseconds; 0 if none is."""
        with self._reading() as db:
            return outbox.oldest_undelivered(db, now)

    # --- links in messages ---------------------------------------------------------------------------------

    def invitation(self, digest: bytes) -> Invitation | None:
        """The link whose token has this digest, and what became of it; None where there is none."""
        with self._reading() as db:
            return links.load(db, digest)

    def is_spent(self, digest: bytes) -> bool:
        """What has this digest was acted upon before."""
        with self._reading() as db:
            return links.is_spent(db, digest)

    # --- silences ------------------------------------------------------------------------------------------

    def silences(self, now: Micros) -> list[Silence]:
        """Every silence that has not ended."""
        with self._reading() as db:
            return silences.load(db, self._vault, now)

    def add_silence(self, silence: Silence, entry: AuditEntry) -> None:
        """It is silent from now on, and the audit trail says who wanted it so."""
        with self._writing() as db:
            silences.add(db, self._vault, silence)
            audit.append(db, self._vault, entry)

    def end_silence(self, silence_id: str, entry: AuditEntry) -> bool:
        """It has ended; says whether there was one that had not."""
        with self._writing() as db:
            is_ended = silences.end(db, silence_id, entry.at)
            if is_ended:
                audit.append(db, self._vault, entry)
            return is_ended

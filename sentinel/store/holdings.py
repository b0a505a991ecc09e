"""The part of the store that is about evidence: records, what was collected around them, the trail, and destroying.

Rules of this file: as of store.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from sentinel.clock import Micros
from sentinel.model import AuditEntry, Case, Evidence
from sentinel.store import audit, cases, collected, connection, evidence, reveals
from sentinel.store.audit import AuditRow, Break, Head
from sentinel.store.collected import Collection, Record, SourceCollected
from sentinel.store.evidence import EvidenceRow
from sentinel.store.messages import Messages
from sentinel.store.reveals import Reveal
from sentinel.vault import CATEGORIES, Category


class Holdings(Messages):
    """Who may be shown what, and what proves it."""

    def read_evidence(self, case_id: str) -> list[EvidenceRow]:
        """The records of a case, unsealed where they can be: an act for the audit trail."""
        with self._reading() as db:
            return evidence.load(db, self._vault, case_id)

    def evidence_places(self, case_id: str) -> list[tuple[str, Evidence]]:
        """(finding id, place) of each record of a case, without unsealing anything."""
        with self._reading() as db:
            return evidence.load_places(db, case_id)

    def evidence_counts(self) -> dict[str, int]:
        """How many records each case rests on."""
        with self._reading() as db:
            return evidence.counts(db)

    def audit(self, case_id: str | None = None) -> list[AuditRow]:
        """The audit trail of one case, or of everything, in order."""
        with self._reading() as db:
            return audit.load(db, self._vault, case_id)

    def write_down(self, entry: AuditEntry) -> None:
        """The act is in the audit trail, and on disk when this returns."""
        with self._writing() as db:
            audit.append(db, self._vault, entry)

    def audit_head(self) -> Head:
        """The end of the chain, to be kept elsewhere."""
        with self._reading() as db:
            return audit.head(db)

    def verify_audit(self, known: Head | None = None) -> list[Break]:
        """Every place where the chain does not hold; with `known`, also whether it goes through that head."""
        with self._reading() as db:
            return audit.verify(db, known)

    def shred(
        self,
        case_id: str,
        entry: AuditEntry,
        categories: Sequence[Category] = CATEGORIES,
        case: Case | None = None,
    ) -> bool:
        """What the case holds of people is gone for good, here and in every backup; the chain still verifies.

        Says whether nothing of it is left in the write-ahead log either: a reader may keep that for a while, and the
        next `checkpoint` tries again. The keys are destroyed first; the rest is done again by calling this again.
        `categories` are what is destroyed, `case` the case as it is afterwards.
        """
        self._vault.shred(case_id, categories)
        with self._writing() as db:
            if "records" in categories:
                evidence.forget_sealed(db, case_id)
                collected.forget_sealed(db, case_id)
            if "names" in categories:
                cases.forget_values(db, case_id)
            if case is not None:
                cases.save(db, self._vault, case)
            audit.append(db, self._vault, entry)
        with self._turn:
            return connection.empty_log(self._db)

    # --- who is shown it -----------------------------------------------------------------------------------

    def ask_reveal(self, wish: Reveal, entry: AuditEntry) -> None:
        """A person asks to be shown the case, and waits for a second one."""
        with self._writing() as db:
            reveals.ask(db, self._vault, wish)
            audit.append(db, self._vault, entry)

    def approve_reveal(self, reveal: str, now: Micros, entry: AuditEntry) -> None:
        """A second person agrees."""
        with self._writing() as db:
            reveals.approve(db, reveal, now)
            audit.append(db, self._vault, entry)

    def reveal(self, reveal: str) -> Reveal | None:
        """The wish of that id, or None."""
        with self._reading() as db:
            return reveals.find(db, self._vault, reveal)

    def reveals(self, case_id: str, since: Micros) -> list[Reveal]:
        """The wishes to be shown the case since then, the newest first."""
        with self._reading() as db:
            return reveals.newest(db, self._vault, case_id, since)

    # --- what is collected around a case -------------------------------------------------------------------

    def collections_due(self, now: Micros) -> list[Collection]:
        """What is to be collected now, what was due first first."""
        with self._reading() as db:
            return collected.due(db, now)

    def next_collection(self) -> Micros | None:
        """When something is to be collected next; None where nothing is."""
        with self._reading() as db:
            return collected.next_due(db)

    def collection(self, case_id: str) -> Collection | None:
        """What is collected for the case, or None where nothing is or was."""
        with self._reading() as db:
            return collected.load_one(db, case_id)

    def collected_sources(self, case_id: str) -> list[SourceCollected]:
        """How far each source was looked through for the case, by name."""
        with self._reading() as db:
            return collected.sources(db, case_id)

    def read_collected(self, case_id: str, source: str | None = None) -> list[tuple[str, Record]]:
        """(source, record) of what was collected, of one source or of all: an act for the audit trail."""
        with self._reading() as db:
            return [*collected.load(db, self._vault, case_id, source)]

    def collect(
        self, case_id: str, records: Sequence[Record], looked: SourceCollected, entry: AuditEntry | None
    ) -> None:
        """One source was looked through so far and these records were found. Raises KeyUnavailable, and then nothing
        is kept.
        """
        with self._writing() as db:
            collected.add(db, self._vault, case_id, records, looked)
            if entry is not None:
                audit.append(db, self._vault, entry)

    def put_off_collection(self, case_id: str, due_at: Micros | None) -> None:
        """The case is collected for next at that moment, or not again."""
        with self._writing() as db:
            collected.put_off(db, case_id, due_at)

    def collect_anew(self, wanted: Collection, entry: AuditEntry) -> None:
        """Everything around the case is looked through from the beginning, because somebody asked."""
        with self._writing() as db:
            collected.plan(db, wanted)
            collected.begin_anew(db, wanted.case_id)
            audit.append(db, self._vault, entry)

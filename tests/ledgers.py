"""Accesses for tests of the ledger, as values that can be compared, and as the columns that the engine hands out."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from sentinel.accesses import Accesses, Kind
from sentinel.clock import Micros
from sentinel.store import Batch
from sentinel.store.asking import Ledger
from sentinel.store.segments import Rows

KINDS = (
    Kind("portal", "read", ("health",)),
    Kind("portal", "export", ("health", "contact")),
    Kind("billing", "read", ("finance",)),
)


@dataclass(frozen=True, order=True)
class Access:
    """One access; actor and subject are hashes."""

    time: Micros
    actor: int
    subject: int
    kind: Kind = KINDS[0]
    size: int = 0
    records: int = 0


def columns_of(accesses: Sequence[Access]) -> Accesses:
    kinds = tuple(dict.fromkeys(each.kind for each in accesses))
    sized = [place for place, each in enumerate(accesses) if each.size or each.records]
    return Accesses(
        times=array("q", [each.time for each in accesses]),
        actors=array("q", [each.actor for each in accesses]),
        subjects=array("q", [each.subject for each in accesses]),
        places=array("H", [kinds.index(each.kind) for each in accesses]),
        sized=array("I", sized),
        sizes=array("q", [accesses[place].size for place in sized]),
        records=array("q", [accesses[place].records for place in sized]),
        kinds=kinds,
        names={each.actor: f"actor number {each.actor}" for each in accesses if each.actor},
    )


def a_batch_of(accesses: Sequence[Access]) -> Batch:
    batch = Batch()
    batch.access(columns_of(accesses) if accesses else None)
    return batch


def listed(ledger: Ledger, rows: Rows) -> list[Access]:
    """The accesses as values, in order."""
    columns = (rows.times, rows.actors, rows.subjects, rows.kinds, rows.sizes, rows.records)
    return sorted(
        Access(time, actor, subject, ledger.kinds[kind], size, records)
        for time, actor, subject, kind, size, records in zip(*(column.tolist() for column in columns), strict=True)
    )

"""The records a case rests on: where each stands, and its own bytes sealed under the case's key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import apsw

from sentinel.model import Evidence
from sentinel.store.audit import add_link, evidence_digest
from sentinel.store.connection import row, rows
from sentinel.store.positions import writable
from sentinel.vault import KeyUnavailable, Vault


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """One record of a case. `raw` and its SHA-256 are None where the record was gone, or its key is (`was_sealed`)."""

    place: Evidence
    finding_id: str
    raw: bytes | None
    sha256: bytes | None
    was_sealed: bool = False


def add(db: apsw.Connection, vault: Vault, case_id: str, finding_id: str, place: Evidence, raw: bytes | None) -> None:
    """The record is in the case, once, and in the chain; `raw` None where its bytes were gone already."""
    known = row(
        db,
        'SELECT 1 FROM evidence WHERE case_id = ? AND source = ? AND stream = ? AND "offset" = ?',
        (case_id, place.source, place.stream, place.offset),
    )
    if known is not None:
        return
    sealed = None if raw is None else _sealed(vault, case_id, place, raw)
    sealed_digest = hashlib.sha256(sealed or b"").digest()
    where = (case_id, finding_id, place.source, place.stream, writable(place.path), place.offset, place.length)
    db.execute(
        'INSERT INTO evidence (case_id, finding_id, source, stream, path, "offset", length, sealed_digest, sealed) '
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (*where, sealed_digest, sealed),
    )
    add_link(db, "evidence", db.last_insert_rowid(), evidence_digest(where, sealed_digest))


def _sealed(vault: Vault, case_id: str, place: Evidence, raw: bytes) -> bytes | None:
    # A key that is not to be had must not stop the case from being opened; the record is still named by its place.
    try:
        return vault.seal(case_id, _purpose(place), raw, place.offset)
    except KeyUnavailable:
        return None


def load(db: apsw.Connection, vault: Vault, case_id: str) -> list[EvidenceRow]:
    """The records of a case, unsealed where they can be, in the order they came."""
    found = rows(
        db,
        'SELECT finding_id, source, stream, path, "offset", length, sealed FROM evidence '
        "WHERE case_id = ? ORDER BY number",
        (case_id,),
    )
    read = []
    for finding_id, source, stream, path, offset, length, sealed in found:
        place = Evidence(source, stream, path, offset, length)
        raw = None if sealed is None else _unsealed(vault, case_id, place, sealed)
        digest = None if raw is None else hashlib.sha256(raw).digest()
        read.append(EvidenceRow(place, finding_id, raw, digest, sealed is not None))
    return read


def _unsealed(vault: Vault, case_id: str, place: Evidence, sealed: bytes) -> bytes | None:
    try:
        return vault.unseal(case_id, _purpose(place), sealed, place.offset)
    except KeyUnavailable:
        return None


def copy(db: apsw.Connection, vault: Vault, finding_id: str, case_id: str) -> None:
    """The records of the finding are in that case too; those of the case they came from stay."""
    found = rows(
        db,
        'SELECT case_id, source, stream, path, "offset", length, sealed FROM evidence WHERE finding_id = ? '
        "AND case_id <> ? ORDER BY number",
        (finding_id, case_id),
    )
    for held_by, source, stream, path, offset, length, sealed in found:
        place = Evidence(source, stream, path, offset, length)
        raw = None if sealed is None else _unsealed(vault, held_by, place, sealed)
        add(db, vault, case_id, finding_id, place, raw)


def load_places(db: apsw.Connection, case_id: str) -> list[tuple[str, Evidence]]:
    """(finding id, place) of each record of a case, without unsealing anything, in the order they came."""
    found = rows(
        db,
        'SELECT finding_id, source, stream, path, "offset", length FROM evidence WHERE case_id = ? ORDER BY number',
        (case_id,),
    )
    return [(finding_id, Evidence(*place)) for finding_id, *place in found]


def counts(db: apsw.Connection) -> dict[str, int]:
    """How many records each case rests on, without the cases that have none."""
    return dict(rows(db, "SELECT case_id, count(*) FROM evidence GROUP BY case_id"))


def forget_sealed(db: apsw.Connection, case_id: str) -> None:
    """The sealed bytes of the case's records are gone; the places and the chain stay."""
    db.execute("UPDATE evidence SET sealed = NULL WHERE case_id = ?", (case_id,))


def _purpose(place: Evidence) -> str:
    return f"evidence {place.stream} {place.source}"

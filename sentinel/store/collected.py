"""The records around the findings of a case, taken before rotation deletes them: sealed, many to a row, chained."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import apsw
import msgspec

from sentinel.clock import Micros
from sentinel.store.audit import add_link, collected_digest
from sentinel.store.connection import number, row, rows
from sentinel.store.positions import writable
from sentinel.vault import KeyUnavailable, Vault

AT_ONCE: Final = 512
"""Records to a row at most."""

Cut = Literal["", "records", "bytes", "time"]


class Record(msgspec.Struct, frozen=True, array_like=True):
    """One record: when it happened, where it stands, of which kinds of trace it is, and its bytes."""

    time: Micros
    path: str
    offset: int
    length: int
    kinds: list[str]
    raw: bytes


@dataclass(frozen=True, slots=True)
class Collection:
    """What is collected for one case: records from `since` to `until` (event time), next at `due_at`, if again."""

    case_id: str
    since: Micros
    until: Micros
    due_at: Micros | None


@dataclass(frozen=True, slots=True)
class SourceCollected:
    """How far one source was looked through for one case. `traces` is the keyed hash of what was looked for; `reached`
    the event time up to which all was seen, `cut` what kept it from being all, `unread` what could not be read.
    """

    source: str
    traces: int
    reached: Micros
    records: int
    bytes: int
    cut: Cut
    unread: tuple[tuple[str, str], ...]


def plan(db: apsw.Connection, wanted: Collection) -> None:
    """The records around the case are collected, also of the time that is asked for now, and no later than asked."""
    db.execute(
        "INSERT INTO collections VALUES (?, ?, ?, ?) ON CONFLICT (case_id) DO UPDATE SET "
        "since = min(since, excluded.since), until = max(until, excluded.until), "
        "due_at = min(coalesce(due_at, excluded.due_at), excluded.due_at)",
        (wanted.case_id, wanted.since, wanted.until, wanted.due_at),
    )


def begin_anew(db: apsw.Connection, case_id: str) -> None:
    """Every source is looked through from its beginning again; what was collected stays."""
    db.execute("UPDATE collected_sources SET traces = 0, reached = 0, cut = '' WHERE case_id = ?", (case_id,))


def put_off(db: apsw.Connection, case_id: str, due_at: Micros | None) -> None:
    """The next look is then, or there is none."""
    db.execute("UPDATE collections SET due_at = ? WHERE case_id = ?", (due_at, case_id))


def due(db: apsw.Connection, now: Micros) -> list[Collection]:
    """What is to be collected now, what was due first first."""
    found = rows(db, "SELECT * FROM collections WHERE due_at <= ? ORDER BY due_at, case_id", (now,))
    return [Collection(*each) for each in found]


def next_due(db: apsw.Connection) -> Micros | None:
    """When something is to be collected next; None where nothing is."""
    found = row(db, "SELECT min(due_at) FROM collections")
    return None if found is None else found[0]


def load_one(db: apsw.Connection, case_id: str) -> Collection | None:
    """What is collected for the case, or None."""
    found = row(db, "SELECT * FROM collections WHERE case_id = ?", (case_id,))
    return None if found is None else Collection(*found)


def sources(db: apsw.Connection, case_id: str) -> list[SourceCollected]:
    """How far each source was looked through, by name."""
    found = rows(
        db,
        "SELECT source, traces, reached, records, bytes, cut, unread FROM collected_sources "
        "WHERE case_id = ? ORDER BY source",
        (case_id,),
    )
    return [
        SourceCollected(source, traces, reached, records, size, cut, _unread(unread))
        for source, traces, reached, records, size, cut, unread in found
    ]


def _unread(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((path, reason) for path, reason in json.loads(text))


def add(db: apsw.Connection, vault: Vault, case_id: str, records: Sequence[Record], looked: SourceCollected) -> None:
    """The records are in the case and in the chain, and the source is looked through so far. Raises KeyUnavailable."""
    sequence = number(db, "SELECT max(sequence) FROM collected WHERE case_id = ?", (case_id,))
    for start in range(0, len(records), AT_ONCE):
        sequence += 1
        _add(db, vault, case_id, sequence, looked.source, records[start : start + AT_ONCE])
    unread = json.dumps([[writable(path), reason] for path, reason in looked.unread])
    db.execute(
        "INSERT INTO collected_sources VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (case_id, source) DO UPDATE SET "
        "traces = excluded.traces, reached = excluded.reached, records = excluded.records, bytes = excluded.bytes, "
        "cut = excluded.cut, unread = excluded.unread",
        (case_id, looked.source, looked.traces, looked.reached, looked.records, looked.bytes, looked.cut, unread),
    )


def _add(
    db: apsw.Connection, vault: Vault, case_id: str, sequence: int, source: str, records: Sequence[Record]
) -> None:
    packed = zlib.compress(msgspec.msgpack.encode(list(records)))
    sealed = vault.seal(case_id, _purpose(source), packed, sequence)
    where = (case_id, sequence, source, len(records))
    sealed_digest = hashlib.sha256(sealed).digest()
    db.execute(
        "INSERT INTO collected (case_id, sequence, source, records, sealed_digest, sealed) VALUES (?, ?, ?, ?, ?, ?)",
        (*where, sealed_digest, sealed),
    )
    add_link(db, "collected", db.last_insert_rowid(), collected_digest(where, sealed_digest))


def load(db: apsw.Connection, vault: Vault, case_id: str, source: str | None = None) -> Iterator[tuple[str, Record]]:
    """(source, record) of all that was collected and can be unsealed, of one source or of all, as it was collected."""
    found = rows(
        db,
        "SELECT source, sequence, sealed FROM collected WHERE case_id = ?1 AND (?2 IS NULL OR source = ?2) "
        "AND sealed IS NOT NULL ORDER BY sequence",
        (case_id, source),
    )
    for name, sequence, sealed in found:
        try:
            packed = vault.unseal(case_id, _purpose(name), sealed, sequence)
        except KeyUnavailable:
            continue
        for each in msgspec.msgpack.decode(zlib.decompress(packed), type=list[Record]):
            yield name, each


def forget_sealed(db: apsw.Connection, case_id: str) -> None:
    """The sealed records are gone and no more are collected; how many there were and the chain stay."""
    db.execute("UPDATE collected SET sealed = NULL WHERE case_id = ?", (case_id,))
    put_off(db, case_id, None)


def _purpose(source: str) -> str:
    return f"collected {source}"

"""A copy of the state that a watch without the master key works on, and how what it found comes home.

Rules of this file: what is sealed in the copy stays sealed; nothing of it is needed to watch. Coming home adds and
never takes away: each case, finding, message and act is in the state once, however often this is tried.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import apsw

from sentinel.cases.identity import Key, key_of, key_text, own_hash, tags_of
from sentinel.model import AuditEntry, Case, Finding
from sentinel.store import audit, cases, collected, connection, evidence, meta, outbox, silences
from sentinel.store.connection import number, row, rows
from sentinel.store.folder import DATABASE
from sentinel.vault import KeyUnavailable, Vault

_SEALED_WORK: Final = ("window_deltas", "window_bases", "silences", "positions")
_LEDGER: Final = ("ledger_tail", "ledger_segments", "ledger_actors", "ledger_erasures")
"""Nothing is added to it without the key: the accesses of this time are read again with it."""

Unpaid = tuple[str, str, str]
"""A message nobody has taken yet and whose text cannot be read: case, occasion, channel."""


@dataclass(frozen=True, slots=True)
class Home:
    """What came home: cases that belong to one already known (case, known), and messages to be worded anew."""

    joined: tuple[tuple[str, str], ...] = ()
    unpaid: tuple[Unpaid, ...] = ()


def make(state: Path, model: Path, folder: Path, fingerprint: str) -> list[Unpaid]:
    """A copy of the database in the folder `model` as a state under other keys; it reads on where `state` stands.

    Nothing that only the old keys open is in it but evidence and names in cases. Gives the messages that it does not
    hold because their text is sealed. Raises StoreError.
    """
    copy = connection.copy_into(model / DATABASE, folder / DATABASE)
    with _opened(state / DATABASE) as db:
        stands = rows(db, "SELECT source, stream, state FROM positions")
    db = connection.open_writer(copy)
    try:
        connection.migrate(db, connection.shipped_migrations())
        with connection.telling(db), connection.transaction(db):
            unpaid = rows(db, "SELECT case_id, key, channel FROM outbox WHERE state IN ('pending', 'inflight')")
            for table in (*_SEALED_WORK, *_LEDGER):
                db.execute(f"DELETE FROM {table}")  # noqa: S608  (a constant)
            db.execute("DELETE FROM outbox WHERE state <> 'sent'")
            db.executemany("INSERT INTO positions VALUES (?, ?, ?)", stands)
            meta.write(db, "keys", fingerprint)
            meta.write(db, "audit_from", str(number(db, "SELECT max(seq) FROM chain")))
    finally:
        db.close()
    return [(str(case), str(key), str(channel)) for case, key, channel in unpaid]


@contextmanager
def _opened(path: Path) -> Iterator[apsw.Connection]:
    db = connection.open_reader(path)
    try:
        with connection.telling(db):
            yield db
    finally:
        db.close()


class Lent:
    """The database of a stand-in, to be read, with the keys it was written under."""

    def __init__(self, folder: Path, vault: Vault) -> None:
        self.name = folder.name
        self.vault = vault
        self._path = folder / DATABASE

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """Raises StoreError."""
        with _opened(self._path) as db:
            yield db


# --- coming home -------------------------------------------------------------------------------------------


def bring(db: apsw.Connection, vault: Vault, lent: Lent) -> Home:
    """Cases, findings, acts, messages and silences of the stand-in are in the state; evidence is not yet."""
    if meta.read(db, f"home {lent.name}") is not None:
        return Home()
    with lent.reading() as other:
        acts = [each for each in audit.load(other, lent.vault) if each.seq > int(meta.read(other, "audit_from") or 0)]
        handed = {each.case_id for each in acts if each.act == "case.own"}
        joined = []
        for case in cases.load(other, lent.vault):
            twin = _bring_case(db, vault, case, (other, lent.vault), is_handed_over=case.id in handed)
            joined += [(case.id, twin)] if twin is not None else []
        _bring_collections(db, other)
        _bring_acts(db, vault, acts)
        _bring_silences(db, vault, other, lent)
        unpaid = _bring_messages(db, vault, other, lent)
        for key in lent.vault.case_keys():
            if not key.is_live and not vault.is_shredded(key.case_id, key.category):
                vault.shred(key.case_id, [key.category])
        db.executemany("INSERT OR REPLACE INTO watches VALUES (?, ?)", rows(other, "SELECT * FROM watches"))
    meta.write(db, f"home {lent.name}", "brought")
    return Home(tuple(joined), tuple(unpaid))


def _bring_collections(db: apsw.Connection, other: apsw.Connection) -> None:
    """What surrounds the cases is collected here again, at once: what the stand-in collected stays under its keys."""
    for case_id, since, until in rows(other, "SELECT case_id, since, until FROM collections"):
        if row(db, "SELECT 1 FROM cases WHERE id = ?", (case_id,)) is not None:
            collected.plan(db, collected.Collection(case_id, since, until, 0))


def keep_evidence(db: apsw.Connection, vault: Vault, lent: Lent) -> None:
    """Findings whose records were gone when they were to be read again rest on what the stand-in kept of them.

    Its streams are numbered anew, below 0: the same number is another file's by now.
    """
    held = {each[0] for each in rows(db, "SELECT DISTINCT finding_id FROM evidence")}
    with lent.reading() as other:
        for (case_id,) in rows(other, "SELECT DISTINCT case_id FROM evidence"):
            for each in evidence.load(other, lent.vault, case_id):
                home = cases.case_of(db, each.finding_id)
                if each.finding_id not in held and home is not None:
                    place = replace(each.place, stream=-1 - each.place.stream)
                    evidence.add(db, vault, home, each.finding_id, place, each.raw)


def _bring_case(
    db: apsw.Connection, vault: Vault, case: Case, lent: tuple[apsw.Connection, Vault], *, is_handed_over: bool
) -> str | None:
    """The case and its findings; gives the case of the same key that was known before, if there is one.

    Whose it was is sealed in the stand-in: it stays, unless it was handed over there.
    """
    known = cases.load_one(db, vault, case.id)
    findings = [_finding(*lent, each) for each in cases.load_findings(lent[0], case.id)]
    twin = None
    if known is None:
        case = _named(case, findings, vault)
        twin = _twin(db, case)
        cases.save(db, vault, case)
    elif case.revision > known.revision:
        owner = case.owner if is_handed_over else known.owner or case.owner
        case = replace(case, key=known.key, key_hash=known.key_hash, owner=owner)
        cases.save(db, vault, case)
    for finding in findings:
        if cases.case_of(db, finding.id) is None:
            cases.save_finding(db, vault, case.id, finding)
    return twin


def _named(case: Case, findings: list[Finding], vault: Vault) -> Case:
    """The case under the keys of the state: what joins findings to it, and its pseudonyms."""
    if not findings or case.key_hash == own_hash(case.id):
        return case
    key: Key = key_of(findings[0])
    return replace(case, key=tags_of(key, vault.pseudonym), key_hash=vault.hash64(key_text(key)))


def _twin(db: apsw.Connection, case: Case) -> str | None:
    found = row(
        db,
        "SELECT id FROM cases WHERE key_hash = ? AND state IN (?, ?, ?) ORDER BY detected_at DESC, id DESC LIMIT 1",
        (case.key_hash, *cases.STILL_RUNNING),
    )
    return None if found is None or case.state not in cases.STILL_RUNNING else str(found[0])


def _finding(other: apsw.Connection, vault: Vault, found: cases.FindingRow) -> Finding:
    try:
        values = cases.load_finding_values(other, vault, found.id)
    except KeyUnavailable:
        values = None
    who = {} if values is None else {"group": values.group, "case_key": values.case_key, "actors": values.actors}
    names = set(Finding.__dataclass_fields__) & set(cases.FindingRow.__dataclass_fields__)
    return Finding(**{"group": (), "evidence": ()} | {name: getattr(found, name) for name in names} | who)


def _bring_acts(db: apsw.Connection, vault: Vault, acts: list[audit.AuditRow]) -> None:
    for each in acts:
        detail = {"unreadable": True} if each.detail is None else each.detail
        entry = AuditEntry(at=each.at, who=each.who or "", act=each.act, case_id=each.case_id, detail=detail)
        audit.append(db, vault, entry)


def _bring_silences(db: apsw.Connection, vault: Vault, other: apsw.Connection, lent: Lent) -> None:
    with suppress(KeyUnavailable):
        for each in silences.load(other, lent.vault, 0):
            if row(db, "SELECT 1 FROM silences WHERE id = ?", (each.id,)) is None:
                silences.add(db, vault, each)


def _bring_messages(db: apsw.Connection, vault: Vault, other: apsw.Connection, lent: Lent) -> list[Unpaid]:
    """What was taken is taken, what is owed is owed; gives what cannot be read and nobody has taken."""
    every = outbox.whole(other)
    return [(each[1], each[2], each[3]) for each in every if not outbox.bring(db, vault, each, lent.vault)]

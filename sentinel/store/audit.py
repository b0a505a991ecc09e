"""Who did what and why, and a chain of digests from which nothing can be taken or changed unnoticed.

Rules of this file: the chain is over digests of what is sealed, so that it still verifies when a case's key has been
destroyed. It shows edits, insertions and removals before its head; that the head itself is the true one is shown by
comparing it with a copy kept elsewhere (`head`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, Literal

import apsw

from sentinel.clock import Micros
from sentinel.model import AuditEntry
from sentinel.store.connection import Row, row, rows
from sentinel.vault import KeyUnavailable, Vault, chain

_FIRST_LINK: Final = bytes(32)
_PAGE: Final = 1000
_DETAIL: Final = "audit detail"

Item = Literal["audit", "evidence", "collected", "case"]
_CASE: Final = "SELECT id, state, detected_at, key_hash, historical, body, owner FROM cases WHERE number = ?"
_LAST_OF_CASE: Final = "SELECT digest FROM chain WHERE item = 'case' AND number = ? ORDER BY seq DESC LIMIT 1"
_COUNTED: Final = frozenset(
    {
        *("findings", "subjects", "told_subjects", "revision", "escalated", "rules", "systems", "categories", "level"),
        *("occurred_from", "occurred_to"),
    }
)
"""What changes in a case with every finding and reminder; what a person or a law decided is all the rest."""

_LOOSE: Final = (
    "SELECT number FROM audit EXCEPT SELECT number FROM chain WHERE item = 'audit'",
    "SELECT number FROM evidence EXCEPT SELECT number FROM chain WHERE item = 'evidence'",
    "SELECT number FROM collected EXCEPT SELECT number FROM chain WHERE item = 'collected'",
    "SELECT number FROM cases EXCEPT SELECT number FROM chain WHERE item = 'case'",
)
"""What is in no link."""


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One entry of the audit trail. `detail` is None where its key is gone, `who` where it was changed."""

    seq: int
    at: Micros
    case_id: str | None
    act: str
    who: str | None
    detail: dict[str, Any] | None


@dataclass(frozen=True, slots=True, order=True)
class Break:
    """Where the chain does not hold, and in which way."""

    seq: int
    reason: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the chain at some moment. Kept elsewhere, it shows later that nothing up to it was changed."""

    seq: int
    link: bytes


def append(db: apsw.Connection, vault: Vault, entry: AuditEntry) -> None:
    """The entry is in the trail and in the chain, `who` and `detail` sealed.

    The detail is sealed under the case's own key, where there is none (any more) under the store's, and where there
    is no file of keys at all under the master key alone: an act is never left out of the trail.
    """
    who = vault.seal_state("audit who", entry.who.encode("utf-8", "replace"))
    detail, key = _sealed(vault, entry)
    db.execute(
        "INSERT INTO audit (at, case_id, act, who, detail, key) VALUES (?, ?, ?, ?, ?, ?)",
        (entry.at, entry.case_id, entry.act, who, detail, key),
    )
    digest = _entry_digest(entry.at, entry.case_id, entry.act, who, detail, key)
    add_link(db, "audit", db.last_insert_rowid(), digest)


def _sealed(vault: Vault, entry: AuditEntry) -> tuple[bytes, str]:
    text = json.dumps(dict(entry.detail), default=str)
    if entry.case_id is not None:
        with suppress(KeyUnavailable):
            return vault.seal(entry.case_id, _DETAIL, text.encode()), "case"
    with suppress(KeyUnavailable):
        return vault.seal_text(_DETAIL, text), "store"
    return vault.seal_state(_DETAIL, text.encode()), "master"


def load(db: apsw.Connection, vault: Vault, case_id: str | None = None) -> list[AuditRow]:
    """The trail of one case, or of everything, in order."""
    found = rows(
        db,
        "SELECT seq, at, case_id, act, who, detail, key FROM audit "
        "JOIN chain ON item = 'audit' AND chain.number = audit.number "
        "WHERE ?1 IS NULL OR case_id = ?1 ORDER BY audit.number",
        (case_id,),
    )
    return [_opened(vault, each) for each in found]


def _opened(vault: Vault, found: Row) -> AuditRow:
    seq, at, case_id, act, who, detail, key = found
    name: str | None = None
    content: dict[str, Any] | None = None
    with suppress(KeyUnavailable):
        name = vault.unseal_state("audit who", who).decode("utf-8", "replace")
    with suppress(KeyUnavailable):
        content = json.loads(_unsealed(vault, case_id, detail, key))
    return AuditRow(seq, at, case_id, act, name, content)


def _unsealed(vault: Vault, case_id: str, detail: bytes, key: str) -> str | bytes:
    if key == "case":
        return vault.unseal(case_id, _DETAIL, detail)
    return vault.unseal_text(_DETAIL, detail) if key == "store" else vault.unseal_state(_DETAIL, detail)


# --- the chain ---------------------------------------------------------------------------------------------


def add_link(db: apsw.Connection, item: Item, number: int, digest: bytes) -> None:
    """The item (its table and number there) is the next in the chain."""
    last = head(db)
    link = chain(last.link, _linked(last.seq + 1, item, number, digest))
    db.execute("INSERT INTO chain VALUES (?, ?, ?, ?, ?)", (last.seq + 1, item, number, digest, link))


def head(db: apsw.Connection) -> Head:
    """The end of the chain; seq 0 while there is nothing in it."""
    found = row(db, "SELECT seq, link FROM chain ORDER BY seq DESC LIMIT 1")
    return Head(0, _FIRST_LINK) if found is None else Head(*found)


def link_case(db: apsw.Connection, number: int) -> None:
    """What was decided about the case, as it stands in its row, is in the chain; a link only where that has changed."""
    found = row(db, _CASE, (number,))
    assert found is not None
    digest, last = _case_digest(*found), row(db, _LAST_OF_CASE, (number,))
    if last is None or last[0] != digest:
        add_link(db, "case", number, digest)


def link_cases(db: apsw.Connection) -> None:
    """Cases of a state from before their links have one."""
    for (number,) in rows(db, "SELECT number FROM cases EXCEPT SELECT number FROM chain WHERE item = 'case'"):
        link_case(db, number)


def evidence_digest(place: tuple[Any, ...], sealed_digest: bytes) -> bytes:
    """The digest of one piece of evidence: its place and the digest of what was sealed for it."""
    return hashlib.sha256(_canonical(*place) + sealed_digest).digest()


def collected_digest(where: tuple[Any, ...], sealed_digest: bytes) -> bytes:
    """The digest of one row of records collected around a case: where it is and the digest of what was sealed."""
    return hashlib.sha256(_canonical(*where) + sealed_digest).digest()


def verify(db: apsw.Connection, known: Head | None = None) -> list[Break]:
    """Every place where the chain, the entries or the evidence were changed; none when all holds.

    With `known`, a head kept elsewhere, also whether the chain still goes through it.
    """
    breaks = []
    expected, previous, passed = 1, _FIRST_LINK, known is None or known.seq == 0
    for seq, item, number, digest, link in _links(db):
        if seq != expected:
            breaks.append(Break(seq, f"the links before it from {expected} on are missing"))
        elif link != chain(previous, _linked(seq, item, number, digest)):
            breaks.append(Break(seq, "it does not follow from the link before"))
        wrong = _item_wrong(db, item, number, digest)
        if wrong:
            breaks.append(Break(seq, wrong))
        passed = passed or (known is not None and (seq, link) == (known.seq, known.link))
        expected, previous = seq + 1, link
    if known is not None and not passed:
        breaks.append(Break(known.seq, "it is not the link that was known here"))
    return sorted([*breaks, *_unlinked(db)])


def _links(db: apsw.Connection) -> Iterator[Row]:
    # In pages, because no reader may keep a statement open for long.
    last = 0
    while page := rows(
        db, "SELECT seq, item, number, digest, link FROM chain WHERE seq > ? ORDER BY seq LIMIT ?", (last, _PAGE)
    ):
        yield from page
        last = page[-1][0]


def _item_wrong(db: apsw.Connection, item: str, number: int, digest: bytes) -> str:
    wrong = {
        "audit": _entry_wrong,
        "evidence": _evidence_wrong,
        "collected": _collected_wrong,
        "case": _case_wrong,
    }.get(item)
    return "it is of no known kind" if wrong is None else wrong(db, number, digest)


def _entry_wrong(db: apsw.Connection, number: int, digest: bytes) -> str:
    found = row(db, "SELECT at, case_id, act, who, detail, key FROM audit WHERE number = ?", (number,))
    if found is None:
        return "its audit entry is missing"
    return "" if _entry_digest(*found) == digest else "its audit entry was changed"


def _evidence_wrong(db: apsw.Connection, number: int, digest: bytes) -> str:
    found = row(
        db,
        'SELECT case_id, finding_id, source, stream, path, "offset", length, sealed_digest, sealed FROM evidence '
        "WHERE number = ?",
        (number,),
    )
    if found is None:
        return "its evidence is missing"
    *place, sealed_digest, sealed = found
    if evidence_digest(tuple(place), sealed_digest) != digest:
        return "the place of its evidence was changed"
    return "" if _is_whole(sealed, sealed_digest) else "its evidence was changed"


def _collected_wrong(db: apsw.Connection, number: int, digest: bytes) -> str:
    found = row(
        db,
        "SELECT case_id, sequence, source, records, sealed_digest, sealed FROM collected WHERE number = ?",
        (number,),
    )
    if found is None:
        return "its collected records are missing"
    *where, sealed_digest, sealed = found
    is_same = collected_digest(tuple(where), sealed_digest) == digest and _is_whole(sealed, sealed_digest)
    return "" if is_same else "its collected records were changed"


def _case_wrong(db: apsw.Connection, number: int, digest: bytes) -> str:
    found, last = row(db, _CASE, (number,)), row(db, _LAST_OF_CASE, (number,))
    if found is None:
        return "its case is missing"
    # Only the newest link says how the case stands now.
    is_newest = last is not None and last[0] == digest
    return "its case was changed" if is_newest and _case_digest(*found) != digest else ""


_WRONG: Final[Mapping[str, Callable[[apsw.Connection, int, bytes], str]]] = {
    "audit": _entry_wrong,
    "evidence": _evidence_wrong,
    "collected": _collected_wrong,
    "case": _case_wrong,
}
"""By the kind of link, what is wrong with what it is about; empty for nothing."""


def _is_whole(sealed: bytes | None, sealed_digest: bytes) -> bool:
    """What is there is what was sealed; what was shredded is gone and may be."""
    return sealed is None or hashlib.sha256(sealed).digest() == sealed_digest


def _unlinked(db: apsw.Connection) -> list[Break]:
    loose = [found for statement in _LOOSE for found in rows(db, statement)]
    return [Break(0, f"{len(loose)} entries or pieces of evidence are not in the chain")] if loose else []


def _entry_digest(at: Micros, case_id: str | None, act: str, who: bytes, detail: bytes, key: str) -> bytes:
    sealed = hashlib.sha256(who).digest() + hashlib.sha256(detail).digest()
    return hashlib.sha256(_canonical(at, case_id, act, key) + sealed).digest()


def _case_digest(*found: Any) -> bytes:
    *columns, body, owner = found
    try:
        whole = json.loads(body)
        decided = {name: value for name, value in whole.items() if name not in _COUNTED}
        for name in ("clocks", "dormant"):
            decided[name] = [{**clock, "reminded": None} for clock in whole.get(name, ())]
    except (ValueError, TypeError, AttributeError):
        decided = {"unreadable": body}
    text = json.dumps(decided, sort_keys=True)
    sealed = hashlib.sha256(owner or b"").digest()
    return hashlib.sha256(_canonical(*columns, text) + sealed).digest()


def _linked(seq: int, item: str, number: int, digest: bytes) -> bytes:
    return _canonical(seq, item, number) + digest


def _canonical(*values: Any) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"

"""Who asked to be shown what a case holds of people, and whether a second person approved."""

from __future__ import annotations

from dataclasses import dataclass

import apsw

from sentinel.clock import Micros
from sentinel.store.connection import row
from sentinel.vault import Vault


@dataclass(frozen=True, slots=True)
class Reveal:
    """One wish to be shown a case. `who` is the person who asked; `approved_at` is None while nobody else agreed."""

    id: str
    case_id: str
    at: Micros
    who: str
    approved_at: Micros | None = None


def ask(db: apsw.Connection, vault: Vault, wish: Reveal) -> None:
    """The person asks for it."""
    sealed = vault.seal_state(f"reveal {wish.id}", wish.who.encode("utf-8", "replace"))
    db.execute(
        "INSERT INTO reveals (id, case_id, at, sealed) VALUES (?, ?, ?, ?)", (wish.id, wish.case_id, wish.at, sealed)
    )


def approve(db: apsw.Connection, reveal: str, now: Micros) -> None:
    """Another person agrees."""
    db.execute("UPDATE reveals SET approved_at = ? WHERE id = ?", (now, reveal))


def find(db: apsw.Connection, vault: Vault, reveal: str) -> Reveal | None:
    """The wish of that id, or None. Raises KeyUnavailable."""
    found = row(db, "SELECT id, case_id, at, sealed, approved_at FROM reveals WHERE id = ?", (reveal,))
    return None if found is None else _opened(vault, found)


def newest(db: apsw.Connection, vault: Vault, case_id: str, since: Micros) -> list[Reveal]:
    """The wishes about the case since then, the newest first. Raises KeyUnavailable."""
    found = db.execute(
        "SELECT id, case_id, at, sealed, approved_at FROM reveals WHERE case_id = ? AND at >= ? ORDER BY number DESC",
        (case_id, since),
    ).fetchall()
    return [_opened(vault, each) for each in found]


def _opened(vault: Vault, found: tuple[object, ...]) -> Reveal:
    name, case_id, at, sealed, approved_at = found
    assert isinstance(sealed, bytes)
    assert isinstance(at, int)
    assert approved_at is None or isinstance(approved_at, int)
    who = vault.unseal_state(f"reveal {name}", sealed).decode("utf-8", "replace")
    return Reveal(str(name), str(case_id), at, who, approved_at)

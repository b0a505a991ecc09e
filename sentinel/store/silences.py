"""Which news nobody wants to hear for a time. Who said so and why is sealed: it may name somebody."""

from __future__ import annotations

import apsw

from sentinel.clock import Micros
from sentinel.silences import Silence
from sentinel.store.connection import rows
from sentinel.vault import Vault

_PURPOSE = "silence"


def add(db: apsw.Connection, vault: Vault, silence: Silence) -> None:
    """It is silent from now on."""
    sealed = vault.seal_state(_PURPOSE, silence.model_dump_json().encode())
    db.execute("INSERT INTO silences (id, until, sealed) VALUES (?, ?, ?)", (silence.id, silence.until, sealed))


def load(db: apsw.Connection, vault: Vault, now: Micros) -> list[Silence]:
    """Every silence that has not ended, in the order they were made."""
    found = rows(db, "SELECT sealed FROM silences WHERE until > ? ORDER BY number", (now,))
    return [Silence.model_validate_json(vault.unseal_state(_PURPOSE, sealed)) for (sealed,) in found]


def end(db: apsw.Connection, silence_id: str, now: Micros) -> bool:
    """It has ended; says whether there was one that had not."""
    db.execute("UPDATE silences SET until = ?2 WHERE id = ?1 AND until > ?2", (silence_id, now))
    return db.changes() > 0

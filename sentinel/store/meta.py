"""Facts about the state as a whole, by name."""

from __future__ import annotations

import apsw

from sentinel.store.connection import row


def read(db: apsw.Connection, key: str) -> str | None:
    """The fact of that name, or None."""
    found = row(db, "SELECT value FROM meta WHERE key = ?", (key,))
    return None if found is None else str(found[0])


def write(db: apsw.Connection, key: str, value: str) -> None:
    """The fact of that name is this."""
    db.execute("INSERT INTO meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value", (key, value))

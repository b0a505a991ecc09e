"""What the engine remembers: a base for each shard, and the changes since, one blob a commit.

Rules of this file: the blobs are the engine's own; they hold values of log fields (the group a window is of), and so
are sealed here whatever is in them. State = every base, then the deltas after its `as_of`, in order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import apsw

from sentinel.store.connection import number, rows
from sentinel.vault import Vault

N_SHARDS: Final = 16
"""In how many parts the bases are written, so that no commit writes more than one part anew."""


@dataclass(frozen=True, slots=True)
class Windows:
    """Bases as (shard, as_of, blob), by shard; deltas as (seq, blob), in order.

    A base holds every change up to and with delta `as_of`; a delta older than a shard's base is not for that shard.
    """

    bases: list[tuple[int, int, bytes]]
    deltas: list[tuple[int, bytes]]


def save(db: apsw.Connection, vault: Vault, delta: bytes | None, bases: Mapping[int, bytes]) -> None:
    """The delta is the newest, the bases stand as of it, and deltas that no shard needs any more are gone."""
    if delta is not None:
        db.execute("INSERT INTO window_deltas (sealed) VALUES (?)", (vault.seal_state("delta", delta),))
    if not bases:
        return
    seq = newest(db)
    db.executemany(
        "INSERT INTO window_bases VALUES (?, ?, ?) "
        "ON CONFLICT DO UPDATE SET as_of = excluded.as_of, sealed = excluded.sealed",
        [(shard, seq, vault.seal_state(f"base {shard}", blob)) for shard, blob in bases.items()],
    )
    written = rows(db, "SELECT count(*), min(as_of) FROM window_bases")[0]
    if written[0] == N_SHARDS:
        db.execute("DELETE FROM window_deltas WHERE seq <= ?", (written[1],))


def load(db: apsw.Connection, vault: Vault) -> Windows:
    """Everything the engine needs to go on where it stopped. Raises KeyUnavailable under another master key."""
    bases = rows(db, "SELECT shard, as_of, sealed FROM window_bases ORDER BY shard")
    deltas = rows(db, "SELECT seq, sealed FROM window_deltas ORDER BY seq")
    return Windows(
        [(shard, as_of, vault.unseal_state(f"base {shard}", sealed)) for shard, as_of, sealed in bases],
        [(seq, vault.unseal_state("delta", sealed)) for seq, sealed in deltas],
    )


def newest(db: apsw.Connection) -> int:
    """The number of the newest delta there ever was; 0 before the first."""
    return number(db, "SELECT seq FROM sqlite_sequence WHERE name = 'window_deltas'")


def reset(db: apsw.Connection) -> None:
    """The engine remembers nothing."""
    db.execute("DELETE FROM window_bases")
    db.execute("DELETE FROM window_deltas")

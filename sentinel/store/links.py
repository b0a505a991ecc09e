"""Links by which somebody may act on a case, and what has been acted upon.

Rules of this file: of a link's token only the hash is here, so nobody who reads the store can act; what is spent is
written in the transaction that holds what was done.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import apsw

from sentinel.clock import DAY, Micros
from sentinel.store.connection import rows

LONGEST_LIFE: Micros = 30 * DAY
"""A link is good for nothing so long after it was made, also where its message was never known to be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Invitation:
    """One link as it is remembered: for which act (`acknowledge`, or `decide`) on which case, in which message.

    `sent_at` is when the message was taken, None where that is not known; `used_at` when somebody acted by it.
    """

    digest: bytes
    case_id: str
    message_id: str
    channel: str
    scope: str
    made_at: Micros
    sent_at: Micros | None = None
    used_at: Micros | None = None


def add(db: apsw.Connection, invitations: Iterable[Invitation]) -> None:
    """These links are good from now on; those that nobody can use any more are forgotten."""
    for each in invitations:
        db.execute(
            "INSERT INTO links (digest, case_id, message_id, channel, scope, made_at) VALUES (?, ?, ?, ?, ?, ?)",
            (each.digest, each.case_id, each.message_id, each.channel, each.scope, each.made_at),
        )
        db.execute("DELETE FROM links WHERE made_at < ?", (each.made_at - 2 * LONGEST_LIFE,))
        db.execute("DELETE FROM spent WHERE at < ?", (each.made_at - 2 * LONGEST_LIFE,))


def load(db: apsw.Connection, digest: bytes) -> Invitation | None:
    """The link of that digest."""
    found = rows(
        db,
        "SELECT links.digest, links.case_id, links.message_id, links.channel, scope, made_at, sent_at, at FROM links "
        "LEFT JOIN outbox ON outbox.message_id = links.message_id AND outbox.channel = links.channel "
        "LEFT JOIN spent ON spent.digest = links.digest WHERE links.digest = ?",
        (digest,),
    )
    names = ("digest", "case_id", "message_id", "channel", "scope", "made_at", "sent_at", "used_at")
    return Invitation(**dict(zip(names, found[0], strict=True))) if found else None


def spend(db: apsw.Connection, digest: bytes, now: Micros) -> None:
    """It is good for nothing more. Whether it was before, who asks has to look: a commit must not fail over it."""
    db.execute("INSERT OR IGNORE INTO spent (digest, at) VALUES (?, ?)", (digest, now))


def is_spent(db: apsw.Connection, digest: bytes) -> bool:
    """It was spent before."""
    return bool(rows(db, "SELECT 1 FROM spent WHERE digest = ?", (digest,)))

"""What is owed to people and not yet paid: one row for each message and channel, paid in order within a case.

Rules of this file: the same occasion of a case is owed once a channel, ever. The body is exactly what will be sent,
in every attempt; it may hold a link that opens something, and so it is sealed, and gone once it was sent.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import apsw

from sentinel.clock import MINUTE, Micros
from sentinel.model import Document, Notification
from sentinel.store.connection import Row, number, row, rows
from sentinel.store.errors import StoreError
from sentinel.vault import KeyUnavailable, Vault

LONGEST_WAIT: Micros = 70 * MINUTE
"""Nothing is put back for longer; a message that waits for longer was put back by a clock that ran ahead."""


DOCUMENT = "document/"
"""How the key of a document begins, that of a message never."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message to one channel. `interrupted`: an attempt was cut off, so that it may have arrived already.

    `thread` is what the service called the first message of the case in this channel; empty where it said nothing.
    """

    message_id: str
    case_id: str
    key: str
    channel: str
    body: bytes
    attempts: int
    owed_at: Micros
    interrupted: bool
    thread: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """How one message to one channel stands; `state` is `pending`, `inflight`, `sent` or `never`."""

    message_id: str
    key: str
    channel: str
    state: str
    attempts: int
    owed_at: Micros
    next_at: Micros
    sent_at: Micros | None
    last_reason: str


def owe(
    db: apsw.Connection, vault: Vault, notification: Notification, channel: str, body: bytes, next_at: Micros
) -> bool:
    """The message is owed to the channel from `next_at` on; False where this occasion already was."""
    db.execute(
        "INSERT OR IGNORE INTO outbox (message_id, case_id, key, channel, body, state, owed_at, next_at) "
        "VALUES (?, ?, ?, ?, ?, 'pending', ?, ?)",
        (
            *(notification.id, notification.case.id, notification.key, channel),
            *(vault.seal_state(_purpose(notification.id, channel), body), notification.owed_at, next_at),
        ),
    )
    return db.changes() > 0


def due(db: apsw.Connection, vault: Vault, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
    """At most `limit` messages to try now, oldest first; of each case only the first that is not paid yet."""
    found = rows(
        db,
        "SELECT message_id, case_id, key, channel, body, attempts, owed_at, interrupted, ifnull((SELECT reference FROM "
        "outbox AS first WHERE first.case_id = outbox.case_id AND first.channel = outbox.channel AND reference <> '' "
        "ORDER BY first.number LIMIT 1), '') FROM outbox WHERE number IN "
        "(SELECT min(number) FROM outbox WHERE channel = ?1 AND state IN ('pending', 'inflight') GROUP BY case_id) "
        "AND state = 'pending' AND (next_at <= ?2 OR next_at > ?3) ORDER BY number LIMIT ?4",
        (channel, now, now + LONGEST_WAIT, limit),
    )
    return [_row(vault, each) for each in found]


def _row(vault: Vault, found: tuple[Any, ...]) -> OutboxRow:
    message_id, case_id, key, name, body, attempts, owed_at, interrupted, thread = found
    return OutboxRow(
        message_id=message_id,
        case_id=case_id,
        key=key,
        channel=name,
        body=_unsealed(vault, message_id, name, body),
        attempts=attempts,
        owed_at=owed_at,
        interrupted=bool(interrupted),
        thread=thread,
    )


def file(db: apsw.Connection, vault: Vault, document: Document, channel: str) -> None:
    """The document is owed to the register at once, unless it already was."""
    db.execute(
        "INSERT OR IGNORE INTO outbox (message_id, case_id, key, channel, body, state, owed_at, next_at) "
        "VALUES (?1, ?2, ?3 || ?1, ?4, ?5, 'pending', ?6, ?6)",
        (
            *(document.id, document.case_id, DOCUMENT, channel),
            *(vault.seal_state(_purpose(document.id, channel), document.body), document.owed_at),
        ),
    )


def waiting(db: apsw.Connection, vault: Vault, channel: str, now: Micros, limit: int) -> list[OutboxRow]:
    """At most `limit` messages and documents of a register to try now, in the order they were owed."""
    found = rows(
        db,
        "SELECT message_id, case_id, key, channel, body, attempts, owed_at, interrupted, '' FROM outbox "
        "WHERE channel = ?1 AND state = 'pending' AND (next_at <= ?2 OR next_at > ?3) ORDER BY number LIMIT ?4",
        (channel, now, now + LONGEST_WAIT, limit),
    )
    return [_row(vault, each) for each in found]


def settle_documents(
    db: apsw.Connection,
    channel: str,
    now: Micros,
    sent: Iterable[str],
    later: Iterable[tuple[str, Micros, str]],
    never: Iterable[tuple[str, str]],
) -> None:
    """How a register took each: `later` with when to try again and why, `never` with why.

    Of the documents that were taken, only the last are kept: as a sign of when that was.
    """
    taken = list(sent)
    last = number(db, "SELECT max(number) FROM outbox WHERE channel = ? AND state = 'sent'", (channel,))
    for message_id in taken:
        mark_sent(db, message_id, channel, now, "")
    if taken and last:
        db.execute(
            "DELETE FROM outbox WHERE channel = ?1 AND state = 'sent' AND number <= ?2 "
            "AND key >= ?3 AND key < ?3 || '~'",
            (channel, last, DOCUMENT),
        )
    for message_id, next_at, reason in later:
        db.execute(
            f"UPDATE outbox SET {_TRIED}, next_at = ?3, last_reason = ?4 {_UNDELIVERED}",  # noqa: S608  (constants)
            (message_id, channel, next_at, reason),
        )
    for message_id, reason in never:
        mark_never(db, message_id, channel, reason)


def _unsealed(vault: Vault, message_id: str, channel: str, body: bytes) -> bytes:
    try:
        return vault.unseal_state(_purpose(message_id, channel), body)
    except KeyUnavailable:
        raise StoreError(f"the message '{message_id}' was changed in the store") from None


def mark_inflight(db: apsw.Connection, message_id: str, channel: str) -> None:
    """An attempt begins."""
    db.execute(f"UPDATE outbox SET state = 'inflight' {_UNDELIVERED}", (message_id, channel))  # noqa: S608  (a constant)


def mark_sent(
    db: apsw.Connection, message_id: str, channel: str, now: Micros, detail: str, reference: str = ""
) -> None:
    """The channel took it; the service calls it by `reference`."""
    db.execute(
        f"UPDATE outbox SET state = 'sent', body = x'', {_TRIED}, sent_at = ?3, last_reason = ?4, reference = ?5 "  # noqa: S608  (constants)
        f"{_UNDELIVERED}",
        (message_id, channel, now, detail, reference),
    )


def put_back(db: apsw.Connection, message_id: str, channel: str, attempts: int, next_at: Micros, reason: str) -> None:
    """It is to be tried again, not before `next_at`; `attempts` were made so far."""
    db.execute(
        f"UPDATE outbox SET state = 'pending', attempts = ?3, next_at = ?4, last_reason = ?5 {_UNDELIVERED}",  # noqa: S608  (a constant)
        (message_id, channel, attempts, next_at, reason),
    )


def mark_never(db: apsw.Connection, message_id: str, channel: str, reason: str) -> None:
    """The channel will not take it, however often it is tried."""
    db.execute(
        f"UPDATE outbox SET state = 'never', {_TRIED}, last_reason = ?3 {_UNDELIVERED}",  # noqa: S608  (a constant)
        (message_id, channel, reason),
    )


def settle(db: apsw.Connection, messages: Iterable[tuple[str, str, str]]) -> None:
    """These messages (id, channel) are told by others (id); those that were taken by themselves stay as they are."""
    db.executemany(
        "UPDATE outbox SET state = 'sent', body = x'', last_reason = 'told with ' || ?3 "
        "WHERE message_id = ?1 AND channel = ?2 AND state = 'pending' AND attempts = 0",
        list(messages),
    )


def take_up(db: apsw.Connection) -> None:
    """What was being sent when the last process ended is owed again, marked as a possible repeat."""
    db.execute("UPDATE outbox SET state = 'pending', interrupted = 1 WHERE state = 'inflight'")


def hurry(db: apsw.Connection, by: Micros) -> None:
    """What is to be tried again is tried so much earlier by the clock: it was set back by that."""
    db.execute("UPDATE outbox SET next_at = next_at - ? WHERE state = 'pending'", (by,))


def load(db: apsw.Connection, case_id: str) -> list[Delivery]:
    """How each message of a case stands, in the order they were owed."""
    found = rows(
        db,
        "SELECT message_id, key, channel, state, attempts, owed_at, next_at, sent_at, last_reason FROM outbox "
        "WHERE case_id = ?1 AND NOT (key >= ?2 AND key < ?2 || '~') ORDER BY number",
        (case_id, DOCUMENT),
    )
    names = ("message_id", "key", "channel", "state", "attempts", "owed_at", "next_at", "sent_at", "last_reason")
    return [Delivery(**dict(zip(names, each, strict=True))) for each in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How one channel stands. `last_reason` is that of the newest message it has not taken."""

    waiting: int = 0
    never: int = 0
    oldest_owed_at: Micros | None = None
    last_sent_at: Micros | None = None
    last_reason: str = ""


def owed_between(db: apsw.Connection, start: Micros, end: Micros) -> list[tuple[str, str, Micros, Micros | None]]:
    """(channel, state, owed at, taken at) of each message owed in the period, in the order they were owed."""
    found = rows(
        db,
        "SELECT channel, state, owed_at, sent_at FROM outbox WHERE owed_at >= ? AND owed_at < ? ORDER BY number",
        (start, end),
    )
    return [(channel, state, owed_at, sent_at) for channel, state, owed_at, sent_at in found]


_COLUMNS: Final = (
    "message_id, case_id, key, channel, body, state, attempts, interrupted, owed_at, next_at, sent_at, last_reason, "
    "reference"
)


def whole(db: apsw.Connection) -> list[Row]:
    """Every message with all that is known of it, for `bring`, in the order they were owed."""
    return rows(db, f"SELECT {_COLUMNS} FROM outbox ORDER BY number")  # noqa: S608  (a constant)


def bring(db: apsw.Connection, vault: Vault, message: Row, sealed_by: Vault) -> bool:
    """A message of another outbox, as `whole` gave it, stands here as it does there, unless it was taken here already.

    False for one that nobody took and whose text does not open: it is not here then.
    """
    message_id, case_id, key, channel, body, state, *rest = message
    if state == "sent":
        attempts, _, _, _, sent_at, reason, reference = rest
        db.execute(
            "UPDATE outbox SET state = 'sent', body = x'', attempts = ?, sent_at = ?, last_reason = ?, reference = ? "
            "WHERE case_id = ? AND key = ? AND channel = ? AND state <> 'sent'",
            (attempts, sent_at, reason, reference, case_id, key, channel),
        )
    if row(db, "SELECT 1 FROM outbox WHERE case_id = ? AND key = ? AND channel = ?", (case_id, key, channel)):
        return True
    if state == "sent":
        kept = b""
    else:
        purpose = _purpose(message_id, channel)
        try:
            kept = vault.seal_state(purpose, sealed_by.unseal_state(purpose, body))
        except KeyUnavailable:
            return False
    values = (message_id, case_id, key, channel, kept, state, *rest)
    marks = ", ".join("?" * len(values))
    db.execute(f"INSERT INTO outbox ({_COLUMNS}) VALUES ({marks})", values)  # noqa: S608  (constant)
    return True


def standings(db: apsw.Connection) -> dict[str, Standing]:
    """How every channel stands that was ever owed something."""
    found = rows(
        db,
        "SELECT channel, total(state IN ('pending', 'inflight')), total(state = 'never'), "
        "min(owed_at) FILTER (WHERE state IN ('pending', 'inflight')), max(sent_at), ifnull((SELECT last_reason FROM "
        "outbox AS newest WHERE newest.channel = outbox.channel AND state <> 'sent' AND last_reason <> '' "
        "ORDER BY number DESC LIMIT 1), '') FROM outbox GROUP BY channel",
    )
    names = ("waiting", "never", "oldest_owed_at", "last_sent_at", "last_reason")
    return {
        channel: Standing(**dict(zip(names, (int(waiting), int(never), *rest), strict=True)))
        for channel, waiting, never, *rest in found
    }


def withdraw(db: apsw.Connection, case_id: str) -> None:
    """What is owed for this and not yet taken is owed no more. Only for what belongs to no case."""
    db.execute("DELETE FROM outbox WHERE case_id = ? AND state <> 'sent'", (case_id,))


def revive(db: apsw.Connection, channel: str, now: Micros) -> int:
    """Every message that the channel would never take is owed again, marked as a possible repeat; says how many."""
    db.execute(
        "UPDATE outbox SET state = 'pending', attempts = 0, next_at = ?, interrupted = 1 "
        "WHERE channel = ? AND state = 'never'",
        (now, channel),
    )
    return int(db.changes())


def counts(db: apsw.Connection) -> dict[tuple[str, str], int]:
    """How many messages there are by (channel, state), without the pairs that have none."""
    found = rows(db, "SELECT channel, state, count(*) FROM outbox GROUP BY channel, state")
    return {(channel, state): count for channel, state, count in found}


def oldest_undelivered(db: apsw.Connection, now: Micros) -> Micros:
    """For how long the oldest message that is still to be delivered has been owed; 0 if none is."""
    owed_at = number(db, "SELECT min(owed_at) FROM outbox WHERE state IN ('pending', 'inflight')")
    return max(0, now - owed_at) if owed_at else 0


def next_due(db: apsw.Connection, channel: str) -> Micros | None:
    """When the channel next has something to try; None while nothing waits."""
    found = rows(db, "SELECT min(next_at) FROM outbox WHERE channel = ? AND state = 'pending'", (channel,))
    return None if found[0][0] is None else int(found[0][0])


_TRIED = "attempts = attempts + 1"
_UNDELIVERED = "WHERE message_id = ?1 AND channel = ?2 AND state IN ('pending', 'inflight')"


def _purpose(message_id: str, channel: str) -> str:
    return f"message {message_id} {channel}"

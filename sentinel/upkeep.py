"""What is done once in a while about evidence and keys: what has been kept for its time is destroyed, keys are tried.

Rule of this file: called from the main loop, so everything here is short.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from sentinel import inquiry
from sentinel.cases.heads import head_message, signed_text
from sentinel.cases.judging import SENTINEL
from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros
from sentinel.durations import show
from sentinel.model import AuditEntry, Finding, Level
from sentinel.ownfindings import own_finding
from sentinel.store import StoreError
from sentinel.vault import VaultError

if TYPE_CHECKING:
    from sentinel.app import Daemon

_log = logging.getLogger(__name__)

RETIRE_AGAIN: Micros = HOUR
TRY_AGAIN: Micros = MINUTE
"""Between two attempts to seal something and open it again."""

BROKEN_RULE = "sentinel_encryption_fails"
BROKEN_TITLE = "What is encrypted cannot be opened again: evidence may be lost"
OLD_RULE = "sentinel_key_old"
OLD_TITLE = "The master key has been in use for longer than it should be"


class Upkeep:
    """Looks after one daemon's evidence and keys."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._retired: Micros = 0
        self._tried: Micros = 0
        self._told: set[str] = set()

    def look(self, now: Micros) -> None:
        """Do what it is time for."""
        if abs(now - self._retired) >= RETIRE_AGAIN:
            self._retired = now
            with suppress(StoreError):
                inquiry.retire(self._daemon, now)
        if abs(now - self._tried) >= TRY_AGAIN:
            self._tried = now
            self._try_keys(now)
            with suppress(StoreError):
                self._look_at_age(now)
                self._send_head(now)

    def _try_keys(self, now: Micros) -> None:
        daemon = self._daemon
        try:
            daemon.metrics.encryption_check_seconds.set(daemon.vault.probe())
        except VaultError as error:
            _log.critical("encryption does not work: %s", error)
            daemon.metrics.encryption_check_failures.inc()
            day = now - now % DAY
            self._tell(own_finding(BROKEN_RULE, BROKEN_TITLE, Level.HIGH, day, "key", opens_case=True), now)
        else:
            daemon.metrics.encryption_checked.set(now / SECOND)

    def _look_at_age(self, now: Micros) -> None:
        daemon = self._daemon
        since = master_since(daemon, now)
        daemon.metrics.master_key_since.set(since / SECOND)
        oldest = daemon.config.oldest_master
        if oldest is not None and now - since >= oldest:
            week = now - now % (7 * DAY)
            self._tell(own_finding(OLD_RULE, f"{OLD_TITLE}: {show(oldest)}", Level.LOW, week, "key"), now)

    def _send_head(self, now: Micros) -> None:
        """The end of the audit chain leaves the machine, signed, when it is time for that."""
        daemon, wanted = self._daemon, self._daemon.config.heads
        sent = int(daemon.store.meta("head sent") or 0)
        if wanted is None or 0 <= now - sent < wanted.every or wanted.channel not in daemon.channels:
            return
        daemon.pipeline.commit(now)
        found = daemon.store.audit_head()
        head = f"{found.seq}:{found.link.hex()}"
        signature = daemon.vault.sign(signed_text(head)).hex()
        message = head_message(head, signature, daemon.vault.public_key.hex(), now)
        entry = AuditEntry(at=now, who=SENTINEL, act="audit.head", detail={"channel": wanted.channel, "head": head})
        daemon.pipeline.say(message, [wanted.channel], entry, now)
        daemon.pipeline.commit(now)
        daemon.store.remember("head sent", str(now))
        daemon.courier.wake()

    def _tell(self, found: Finding, now: Micros) -> None:
        """Each once, also after a restart where it is in a case."""
        if found.id not in self._told and self._daemon.store.case_of_finding(found.id) is None:
            self._daemon.pipeline.note(found, now)
        self._told.add(found.id)


def master_since(daemon: Daemon, now: Micros) -> Micros:
    """When the master key that is in use was first used. Raises StoreError."""
    mark = daemon.vault.master_mark
    known, _, since = (daemon.store.meta("master key") or "").partition(" ")
    if known != mark:
        daemon.store.remember("master key", f"{mark} {now}")
        return now
    return int(since)

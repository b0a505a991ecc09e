"""The restore drill: the newest copy of the state brought up beside the running one, and what it would come to.

Rules of this file: nothing of the running state is changed and nothing is sent; the copy comes up in a folder of its
own that is gone afterwards, with the master key in memory alone and no key of any case.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinel import reading
from sentinel.cases.book import Book
from sentinel.channels.base import Attempt, Channel, Never, Outcome
from sentinel.clock import Clock
from sentinel.config import Config
from sentinel.detect import state
from sentinel.model import Notification
from sentinel.ownfindings import is_own
from sentinel.pipeline import Pipeline
from sentinel.routing import destinations
from sentinel.rulebook import Rulebook
from sentinel.sources import Sources
from sentinel.store import Store, StoreError, backups
from sentinel.store.backups import Backup
from sentinel.store.folder import DATABASE
from sentinel.telling import Telling
from sentinel.vault import Vault

NOT_AGAIN = ("stdin",)
"""Types of source whose records cannot be read a second time."""

CATCH_UP = 10
"""How often, a second apart, the running daemon is waited for where the copy has read further than it has committed."""


@dataclass(frozen=True, slots=True)
class Register:
    """What must be the same in both: cases by id, and messages by (id, channel) with their state."""

    cases: frozenset[str]
    messages: dict[tuple[str, str], str]


@dataclass(frozen=True, slots=True)
class Drill:
    """What the copy came to. `breaks` are places where its audit chain does not hold or is not the running one's.

    `again` is how many messages would be sent a second time, under the id they had; `strangers` are cases and messages
    that the running state does not know, `lost` cases that the copy would not come to; `read` bytes were judged again.
    """

    backup: Backup
    cases: int
    read: int
    breaks: tuple[str, ...]
    strangers: tuple[str, ...]
    lost: tuple[str, ...]
    again: int

    @property
    def is_good(self) -> bool:
        """The chain holds, and no case and no message has come up that was not there."""
        return not self.breaks and not self.strangers


def rehearse(loaded: Config, book: Rulebook, master: bytes, clock: Clock, pause: Callable[[], object]) -> Drill:
    """Bring the newest whole copy up beside the running state. Raises StoreError where there is none.

    `pause` waits about a second.
    """
    now = clock.now()
    newest = next(backups.whole(loaded.backup.folder, now), None)
    if newest is None:
        raise StoreError(f"there is no whole copy in '{loaded.backup.folder}'")
    folder = Path(tempfile.mkdtemp(prefix="drill-", dir=loaded.backup.folder))
    try:
        shutil.copyfile(newest.path, folder / DATABASE)
        live_vault = Vault.open(loaded.state, master, readonly=True)
        live_vault.copy_root(folder)
        vault = Vault.open(folder, master)
        with Store.open(folder, vault) as copy:
            breaks = [each.reason for each in copy.verify_audit()]
            head = copy.audit_head()
            read = _read_on(loaded, book, copy, vault, clock)
            found = _register(copy)
        with Store.open(loaded.state, live_vault, readonly=True) as live:
            breaks += [each.reason for each in live.verify_audit(head)]
        known = _caught_up(loaded.state, live_vault, found, pause)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return _compared(newest, read, breaks, found, known)


@dataclass(slots=True)
class _Silent:
    """Stands for a channel in what is owed; it has nothing to say."""

    name: str

    def render(self, _: Notification) -> bytes:
        return b""

    def send(self, _: Attempt) -> Outcome:
        return Never("a drill sends nothing")


def _read_on(loaded: Config, book: Rulebook, copy: Store, vault: Vault, clock: Clock) -> int:
    """Read and judge everything from the copy's positions on, as the daemon would; bytes judged."""
    configured = [each for each in loaded.sources if each.options.type not in NOT_AGAIN]
    engine = book.engine(reading.views(configured), vault.hash_key)
    windows = copy.load_windows()
    state.restore(engine, windows.bases, windows.deltas)
    sources = Sources([each.options for each in configured], loaded.backup.folder / "none")
    now = clock.now()
    sources.open(copy.positions(), now)
    made: dict[str, Channel] = {name: _Silent(name) for name in loaded.channels}

    def route(notification: Notification) -> Sequence[str]:
        return destinations(notification, loaded.routes, made)

    pipeline = Pipeline(
        engine=engine,
        blocks=reading.Reading(sources, configured, engine),
        book=Book(copy.cases(), loaded.cases),
        records=copy,
        names=vault,
        options=loaded.cases,
        telling=Telling(made, route, loaded.cases.storm),
    )
    pipeline.holds_reminders = True  # what the clock owes is owed by the running state
    read = 0
    try:
        while size := pipeline.step(clock.now()):
            read += size
        pipeline.commit(clock.now())
    finally:
        sources.close()
    return read


def _register(store: Store) -> Register:
    """What is there of people's data: what the watch found of itself hangs on the moment at which it looked."""
    every = [case for case in store.cases() if not all(map(is_own, case.rules))]
    messages = {(each.message_id, each.channel): each.state for case in every for each in store.deliveries(case.id)}
    return Register(frozenset(case.id for case in every), messages)


def _caught_up(folder: Path, vault: Vault, found: Register, pause: Callable[[], object]) -> Register:
    """The running register, once it knows what the copy has come to, or as it is after some seconds."""
    for _ in range(CATCH_UP):
        with Store.open(folder, vault, readonly=True) as live:
            known = _register(live)
        if found.cases <= known.cases and found.messages.keys() <= known.messages.keys():
            break
        pause()
    return known


def _compared(backup: Backup, read: int, breaks: Sequence[str], found: Register, known: Register) -> Drill:
    strange = [*(found.cases - known.cases), *(message for message, _ in found.messages.keys() - known.messages.keys())]
    again = [
        each
        for each, stands in found.messages.items()
        if stands in ("pending", "inflight") and known.messages.get(each) == "sent"
    ]
    return Drill(
        backup=backup,
        cases=len(found.cases),
        read=read,
        breaks=tuple(breaks),
        strangers=tuple(sorted(strange)),
        lost=tuple(sorted(known.cases - found.cases)),
        again=len(again),
    )

"""Collects the records around the cases, in a thread of its own: those of the same actors, addresses and sessions, from
every source, before rotation deletes them.

Rules of this file: what is collected from one source for one case is committed as a whole, so that after a crash the
source is looked through again and nothing is doubled. Nothing here touches the engine, the book or the live sources.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sentinel import formats, reading, sources
from sentinel.cases.judging import SENTINEL
from sentinel.cases.options import CollectOptions
from sentinel.clock import HOUR, MINUTE, SECOND, Clock, Micros
from sentinel.detect import route
from sentinel.detect.lane import SourceView
from sentinel.formats.base import Parser
from sentinel.gathering import Gathering, Hunt
from sentinel.identities import Identities
from sentinel.inventory import AccessEntry
from sentinel.metrics import Metrics
from sentinel.model import AuditEntry, Block
from sentinel.settings import SourceConfig
from sentinel.store import Store, StoreError
from sentinel.store.cases import FindingValues
from sentinel.store.collected import Collection, SourceCollected
from sentinel.traces import Search, Trace, traces
from sentinel.vault import KeyUnavailable, Vault

_log = logging.getLogger(__name__)

BETWEEN: Micros = 6 * HOUR
"""Between two looks for one case, until the time after its findings has passed."""

OVERLAP: Micros = HOUR
"""So much of what was seen before is looked through again, for records that came late."""

RETRY: Micros = 10 * MINUTE
"""When to look again after what was cut short by time, or failed."""

LONGEST_WAIT = 60.0


@dataclass(frozen=True, slots=True)
class Scope:
    """What a collector goes by: the sources and where they keep files, the inventory, and what is to be masked."""

    sources: tuple[SourceConfig, ...]
    spool: Path
    entries: tuple[AccessEntry, ...]
    people: Identities
    options: CollectOptions
    mask: Callable[[bytes, Parser, Micros], bytes]


class Collector:
    """One thread over one store."""

    def __init__(self, store: Store, vault: Vault, scope: Scope, clock: Clock, metrics: Metrics) -> None:
        self._store = store
        self._vault = vault
        self._scope = scope
        self._clock = clock
        self._metrics = metrics
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="sentinel-collect", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There may be something to collect."""
        self._wake.set()

    def stop(self) -> None:
        """End; what was not committed is looked for again by the next."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.work()
                due, now = self._store.next_collection(), self._clock.now()
            except StoreError as error:
                _log.warning("what surrounds the cases cannot be collected now: %s", error)
                due, now = None, 0
            wait = LONGEST_WAIT if due is None else min(LONGEST_WAIT, max(1.0, (due - now) / SECOND))
            self._wake.wait(wait)
            self._wake.clear()

    # --- one look ------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Collect what is due now. Raises StoreError; then it is still due."""
        now = self._clock.now()
        due = self._store.collections_due(now)
        self._metrics.collections_due.set(len(due))
        wanted = {each.case_id: (each, self._traces(each.case_id)) for each in due}
        again: set[str] = set()
        for source in self._scope.sources:
            again |= self._look(source, wanted, now)
            if self._stopping.is_set():
                return
        for case_id, (each, _) in wanted.items():
            self._store.put_off_collection(case_id, self._next(each, case_id in again, now))
        self._metrics.collections_due.set(0)

    def _next(self, each: Collection, is_again: bool, now: Micros) -> Micros | None:
        if self._vault.is_shredded(each.case_id):
            return None
        if is_again:
            return now + RETRY
        return None if now > each.until + MINUTE else min(now + BETWEEN, each.until + 2 * MINUTE)

    def _look(
        self, source: SourceConfig, wanted: Mapping[str, tuple[Collection, tuple[Trace, ...]]], now: Micros
    ) -> set[str]:
        """Look through one source for every case; the cases for which it is to be looked through again soon."""
        before = {case_id: self._before(case_id, source.name) for case_id in wanted}
        hunts = [
            self._hunt(each, found, before[case_id], now)
            for case_id, (each, found) in wanted.items()
            if found and before[case_id].cut not in {"records", "bytes"}
        ]
        if not hunts:
            return set()
        views: dict[str, SourceView] = {}

        def view_of(block: Block) -> SourceView:
            if source.name not in views:
                is_auto = source.format == reading.AUTO
                spec = formats.sniff(block.data[:65536])[0] if is_auto else source.format
                views[source.name] = reading.view(source, spec)
            return views[source.name]

        past = sources.past(source.options, self._scope.spool, min(hunt.since for hunt in hunts), now)
        mask = self._scope.mask
        gathering = Gathering(past, hunts, view_of, lambda raw, parse: mask(raw, parse, now), self._stopping)
        gathering.run(self._scope.options.time / SECOND)
        if self._stopping.is_set():
            return set()
        return {
            hunt.case_id
            for hunt in hunts
            if not self._keep(hunt, wanted[hunt.case_id], before[hunt.case_id], gathering, now)
        }

    def _before(self, case_id: str, source: str) -> SourceCollected:
        found = {each.source: each for each in self._store.collected_sources(case_id)}
        return found.get(source) or SourceCollected(source, 0, 0, 0, 0, "", ())

    def _hunt(self, each: Collection, found: tuple[Trace, ...], before: SourceCollected, now: Micros) -> Hunt:
        options = self._scope.options
        since = each.since
        if before.traces == self._mark(found) and before.reached:
            since = max(since, before.reached - OVERLAP)
        kept = self._store.read_collected(each.case_id, before.source)
        return Hunt(
            case_id=each.case_id,
            search=Search(found),
            since=since,
            until=min(each.until, now),
            known=Counter((record.time, record.raw) for _, record in kept),
            room_records=max(0, options.records - before.records),
            room_bytes=max(0, options.megabytes * 1024 * 1024 - before.bytes),
        )

    def _mark(self, found: Iterable[Trace]) -> int:
        return self._vault.hash64(repr(sorted((each.kind, each.text) for each in found)))

    def _keep(
        self,
        hunt: Hunt,
        wanted: tuple[Collection, tuple[Trace, ...]],
        before: SourceCollected,
        gathering: Gathering,
        now: Micros,
    ) -> bool:
        """Commit what was found; False where the source is to be looked through again soon."""
        looked = replace(
            before,
            traces=self._mark(wanted[1]),
            reached=hunt.until if gathering.is_whole else max(before.reached, hunt.reached),
            records=before.records + len(hunt.found),
            bytes=before.bytes + sum(len(each.raw) for each in hunt.found),
            cut=hunt.cut,
            unread=tuple(gathering.unread),
        )
        has_news = bool(hunt.found) or (looked.cut, looked.unread) != (before.cut, before.unread)
        try:
            self._store.collect(hunt.case_id, hunt.found, looked, _entry(hunt, looked, now) if has_news else None)
        except KeyUnavailable:
            return False
        self._metrics.collected_records.labels(before.source).inc(len(hunt.found))
        # A look that ran out of time and came no further would not come further the next time either.
        return hunt.cut != "time" or looked.reached <= before.reached

    # --- what is looked for --------------------------------------------------------------------------------

    def _traces(self, case_id: str) -> tuple[Trace, ...]:
        values = [self._values(each.id) for each in self._store.findings(case_id)]
        known = [each for each in values if each is not None]
        groups = [group for each in known for group in (each.group, each.case_key)]
        actors = [actor for each in known for actor in each.actors]
        return traces(groups, actors, self._records(case_id), self._scope.people)

    def _values(self, finding_id: str) -> FindingValues | None:
        try:
            return self._store.finding_values(finding_id)
        except KeyUnavailable:
            return None

    def _records(self, case_id: str) -> list[tuple[dict[str, Any], list[AccessEntry]]]:
        configured = {each.name: each for each in self._scope.sources}
        found = []
        for each in self._store.read_evidence(case_id):
            source = configured.get(each.place.source)
            if source is None or each.raw is None:
                continue
            spec = formats.sniff(each.raw)[0] if source.format == reading.AUTO else source.format
            parsed = reading.view(source, spec).format.parser(None)(each.raw.rstrip(b"\r\n"), self._clock.now())
            if parsed is not None:
                entries = [entry for entry in self._scope.entries if route.fits(entry.logsource, source.logsource)]
                found.append((parsed[0], entries))
        return found


def _entry(hunt: Hunt, looked: SourceCollected, now: Micros) -> AuditEntry:
    detail: dict[str, Any] = {"source": looked.source, "records": len(hunt.found), "records_total": looked.records}
    if looked.cut:
        detail["cut"] = looked.cut
    if looked.unread:
        detail["unread"] = [f"{path}: {reason}" for path, reason in looked.unread]
    return AuditEntry(at=now, who=SENTINEL, act="case.collected", case_id=hunt.case_id, detail=detail)

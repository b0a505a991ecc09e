"""From what the engine, the sources, the cases and the store know to the metrics, once a second at most.

Rule of this file: labels come from closed sets (names of sources, systems, rules, channels), never from a log.
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import prometheus_client

from sentinel.cases.book import Book
from sentinel.cases.clocks import RUNNING_STATES, remaining
from sentinel.cases.judging import SENTINEL
from sentinel.clock import SECOND, Micros
from sentinel.detect.engine import Engine
from sentinel.detect.rules import RuleSet
from sentinel.losses import REASONS
from sentinel.metrics import Metrics
from sentinel.model import AuditEntry, Case, Finding, Gap, Mode, Position, State
from sentinel.sources.base import SourceStatus
from sentinel.store.batch import Batch
from sentinel.store.folder import LEDGER
from sentinel.store.outbox import Standing

OUTCOMES = ("sent", "later", "never")
"""Of an attempt to send."""


class Outbox(Protocol):
    """What is asked of the store."""

    def channel_standings(self) -> dict[str, Standing]:
        """How every channel stands that was ever owed something."""

    def oldest_undelivered(self, now: Micros) -> Micros:
        """For how long the oldest message has been owed."""


class Records(Protocol):
    """What the pipeline asks of the store."""

    def commit(self, batch: Batch) -> None:
        """Everything of the batch, or nothing."""

    def subjects(self, case_id: str) -> set[int]:
        """The keyed hashes of the data subjects of a case."""

    def case_of_finding(self, finding_id: str) -> str | None:
        """The case that a finding is in."""


class TimedRecords:
    """The store, with its commits timed and the cases counted that they open; `stored` hears of positions on disk."""

    def __init__(
        self, records: Records, metrics: Metrics, stored: Callable[[Collection[Position]], None] = lambda _: None
    ) -> None:
        self._records = records
        self._metrics = metrics
        self._stored = stored
        self.subjects = records.subjects
        self.case_of_finding = records.case_of_finding

    def commit(self, batch: Batch) -> None:
        """Everything of the batch, or nothing. Raises StoreError."""
        with self._metrics.commit_seconds.time():
            self._records.commit(batch)
        self._stored(batch.positions.values())
        for verdict in batch.verdicts:
            self._count(verdict.case, verdict.audit)

    def _count(self, case: Case, entries: tuple[AuditEntry, ...]) -> None:
        """What happened to a case for the first time. A request (kind other than breach) is answered, not noticed."""
        if any(entry.act == "case.opened" for entry in entries):
            self._metrics.cases_opened.labels(case.level.word).inc()
        if case.kind != "breach" or case.historical:
            return
        if case.acknowledged_at is not None and any(
            entry.at == case.acknowledged_at and entry.who != SENTINEL for entry in entries
        ):
            self._metrics.acknowledge_seconds.observe((case.acknowledged_at - case.detected_at) / SECOND)
        if len(case.notices) == 1 and any(entry.act == "case.notify" for entry in entries):
            self._metrics.notify_seconds.observe((case.notices[0].at - case.detected_at) / SECOND)


class Measure:
    """Adds to the counters what has been counted since the last look."""

    def __init__(self, metrics: Metrics) -> None:
        self.metrics = metrics
        self._seen: Counter[tuple[str, ...]] = Counter()

    def _count(self, counter: prometheus_client.Counter, total: int, key: tuple[str, ...], *labels: str) -> None:
        # A series begins at 0: Prometheus sees no increase in one that begins with what was counted.
        series = counter.labels(*labels) if labels else counter
        more = total - self._seen[key]
        if more > 0:
            series.inc(more)
            self._seen[key] = total

    def rules(self, found: RuleSet, families: Mapping[str, Path]) -> None:
        """Which rules are at work, and of which family of shipped rules each is (`own` for the user's)."""
        self.metrics.rule_info.clear()
        for kind, rules in (("detection", found.detections), ("correlation", found.correlations)):
            for mode in Mode:
                self.metrics.rules_loaded.labels(kind, mode.value).set(sum(rule.about.mode is mode for rule in rules))
            for rule in rules:
                self.metrics.rule_info.labels(rule.about.key, _family(Path(rule.about.file), families)).set(1)

    def new_engine(self) -> None:
        """Counting begins again: an engine with new rules knows nothing of the old one's numbers."""
        self._seen.clear()
        self.metrics.exception_ends.clear()

    def engine(self, engine: Engine) -> None:
        """Records, events, accesses, by source; what rules dropped or held back."""
        metrics = self.metrics
        for each in engine.rules.filters:
            if each.ends is not None:
                metrics.exception_ends.labels(each.about.key).set(each.ends / SECOND)
        for name, lane in engine.lanes.items():
            counts = lane.counts
            for counter, total in (
                (metrics.lines, counts.lines),
                (metrics.bytes, counts.bytes),
                (metrics.candidates, counts.candidates),
                (metrics.events, counts.events),
                (metrics.unparsed, counts.unparsed),
                (metrics.accesses_without_actor, counts.actorless),
                (metrics.late, counts.late),
                (metrics.future, counts.future),
                (metrics.no_time, counts.untimed),
            ):
                self._count(counter, total, (str(id(counter)), name), name)
            for system, total in counts.accesses.items():
                self._count(metrics.accesses, total, ("accesses", name, system), name, system)
            for (number, exception), total in lane.filtered.items():
                rule = engine.rules.detections[number].about.key
                self._count(metrics.excepted, total, ("excepted", name, exception, rule), exception, rule)
            for kind, total in counts.errors.items():
                self._count(metrics.record_errors, total, ("errors", name, kind), kind.partition(" ")[0])
            if lane.last_event is not None:
                metrics.source_last_event.labels(name).set(lane.last_event / SECOND)
        metrics.rule_field_never_seen.clear()
        for name, lane in engine.lanes.items():
            for rule, field in lane.unseen.never_seen():
                metrics.rule_field_never_seen.labels(rule, field, name).set(1)
        for rule, judges in engine.judges.of_rule.items():
            for judge in judges:
                self._count(metrics.evictions, judge.evicted, ("evicted", rule, judge.kind), rule)
                for field, total in judge.missing.items():
                    self._count(metrics.group_field_missing, total, ("missing", rule, judge.kind, field), rule, field)
        for tally in engine.tallies:
            rule = tally.rule.about.key
            self._count(metrics.evictions, tally.evicted, ("evicted", rule), rule)
            for field, total in tally.missing.items():
                self._count(metrics.group_field_missing, total, ("missing", rule, field), rule, field)
            self._count(metrics.counted_field_missing, tally.uncounted, ("uncounted", rule), rule)

    def files(self, folder: Path) -> None:
        """The sizes of the state's files, and the room left beside them."""
        with contextlib.suppress(OSError):
            room = os.statvfs(folder)
            self.metrics.store_free_bytes.set(room.f_bavail * room.f_frsize)
        for name in ("sentinel.db", "sentinel.db-wal", "keys.db"):
            with contextlib.suppress(OSError):
                self.metrics.store_bytes.labels(name).set((folder / name).stat().st_size)
        with contextlib.suppress(OSError):
            # One number for the many files of the ledger.
            sizes = sum(each.stat().st_size for each in (folder / LEDGER).iterdir())
            self.metrics.store_bytes.labels(LEDGER).set(sizes)

    def findings(self, findings: Iterable[Finding]) -> None:
        """Each new finding once."""
        for finding in findings:
            if not finding.update:
                self.metrics.findings.labels(finding.rule, finding.level.word, finding.mode.value).inc()
            elif finding.suppressed:
                self._count(self.metrics.suppressed, finding.suppressed, ("again", finding.id), finding.rule)

    def sources(self, status: dict[str, SourceStatus], now: Micros) -> None:
        """How far each source is behind and whether it can be read."""
        for name, each in status.items():
            self.metrics.source_unread_bytes.labels(name).set(each.unread_bytes)
            self.metrics.source_up.labels(name).set(0 if each.trouble else 1)
            for reason in REASONS:
                self.metrics.gaps.labels(name, reason)
            self._count(self.metrics.cut_records, each.cut_records, ("cut", name), name)
            age = 0 if each.unread_since is None else max(0, now - each.unread_since)
            self.metrics.source_unread_age.labels(name).set(age / SECOND)
            self._count(self.metrics.unterminated_records, each.unterminated_records, ("open", name), name)
            self._count(self.metrics.source_found, each.told, ("told", name), name, "event")
            self._count(self.metrics.source_found, each.seen, ("seen", name), name, "look")

    def gap(self, gap: Gap) -> None:
        """A stretch of a log was lost."""
        self.metrics.gaps.labels(gap.source, gap.reason).inc()

    def cases(self, book: Book, now: Micros) -> None:
        """Cases by state and the most urgent deadline."""
        states = Counter(case.state for case in book)
        for state in State:
            self.metrics.cases.labels(state.value).set(states[state])
        left = [rest for case in book if case.state in RUNNING_STATES and (rest := remaining(case, now)) is not None]
        self.metrics.earliest_deadline.set((now + min(left)) / SECOND if left else 0)
        self.metrics.overdue_cases.set(sum(rest < 0 for rest in left))
        waiting = [case.detected_at for case in book if case.state is State.OPEN and _waits(case)]
        self.metrics.unacknowledged_since.set(min(waiting, default=0) / SECOND)

    def silenced(self, total: int) -> None:
        """News that a silence held back, since this engine began."""
        self._count(self.metrics.silenced, total, ("silenced",))

    def outbox(self, outbox: Outbox, channels: Iterable[str], now: Micros) -> None:
        """What is owed and for how long."""
        standings = outbox.channel_standings()
        for name in channels:
            standing = standings.get(name, Standing())
            for outcome in OUTCOMES:
                self.metrics.notifications.labels(name, outcome)
            self.metrics.outbox_pending.labels(name).set(standing.waiting)
            self.metrics.outbox_given_up.labels(name).set(standing.never)
            self.metrics.channel_last_success.labels(name).set((standing.last_sent_at or 0) / SECOND)
        self.metrics.outbox_oldest_age.set(outbox.oldest_undelivered(now) / SECOND)


def _waits(case: Case) -> bool:
    return case.kind == "breach" and case.acknowledged_at is None and not case.historical


def _family(file: Path, families: Mapping[str, Path]) -> str:
    return next((name for name, folder in families.items() if file.is_relative_to(folder)), "own")

"""The main loop: read, judge, record. Everything between the block and the commit is values in, values out.

Rules of this file:
1. What a block leads to is put into one batch: position, windows, cases, evidence, what is owed. It is committed as a
   whole, by time or as soon as a case owes a message. So a crash is not special.
2. Nothing here waits and nothing here reads the time: `now` is given.
3. A batch that could not be committed is kept and tried again, and reading pauses; nothing is dropped.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol

from sentinel.accesses import Accesses
from sentinel.cases import identity
from sentinel.cases.book import Book
from sentinel.cases.clocks import RUNNING_STATES
from sentinel.cases.judging import concerns_a_case, digest, judge
from sentinel.cases.options import CaseOptions
from sentinel.cases.reminders import remind
from sentinel.cases.wording import notice, redirected
from sentinel.clock import MINUTE, SECOND, Micros
from sentinel.covering import Covering
from sentinel.detect import state
from sentinel.detect.engine import AHEAD, Engine
from sentinel.losses import Losses, may_be_personal
from sentinel.model import AuditEntry, Block, Case, Evidence, Finding, Gap, Notification, Verdict
from sentinel.store.batch import Batch
from sentinel.store.collected import Collection
from sentinel.telling import Telling

COMMIT_AFTER: Micros = SECOND // 2
COMMIT_BYTES = 64 * 1024 * 1024
BASE_AFTER = 1024 * 1024
"""Bytes of deltas after which one shard of the windows is written anew."""


COLLECT_AGAIN: Micros = 10 * MINUTE
"""So long after a further finding of a case the records around it are collected, with those of others that follow."""


class Blocks(Protocol):
    """Where blocks come from."""

    def read(self, now: Micros) -> Block | None:
        """The next block of any source, or None where nothing is waiting."""

    def reread(self, source: str, stream: int, offset: int, length: int) -> bytes | None:
        """Bytes of a record handed out before."""

    def gaps(self) -> list[Gap]:
        """What was lost since this was last asked."""

    def forgotten(self) -> list[tuple[str, int]]:
        """Streams whose positions are needed no more, since this was last asked."""


class Records(Protocol):
    """Where everything is recorded."""

    def commit(self, batch: Batch) -> None:
        """Everything of the batch, or nothing."""

    def subjects(self, case_id: str) -> set[int]:
        """The keyed hashes of the data subjects of a case."""

    def case_of_finding(self, finding_id: str) -> str | None:
        """The case that a finding is in."""


class Pipeline:
    """One watch: sources, engine, cases and store, joined.

    `findings` and `gaps` are those since somebody last emptied the lists; `owes_news` is set when a commit put messages
    into the outbox, for whoever wakes the courier and clears it. While `holds_reminders` is set, no deadline is
    told of. `commit_after` is how long what was judged may wait for the commit where nobody is to be told of anything.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        blocks: Blocks,
        book: Book,
        records: Records,
        names: identity.Names,
        options: CaseOptions,
        telling: Telling,
    ) -> None:
        self.engine = engine
        self.blocks = blocks
        self.book = book
        self.options = options
        self.telling = telling
        self.findings: list[Finding] = []
        self.gaps: list[Gap] = []
        self.owes_news = False
        self.holds_reminders = False
        self.commit_after = COMMIT_AFTER
        self._records = records
        self._names = names
        self._losses = Losses(may_be_personal(engine.lanes))
        self._batch = Batch()
        self._covering = Covering()
        self._since: Micros | None = None
        self._bytes = 0
        self._is_urgent = False
        self._is_failed = False
        self._cases_of: dict[str, str | None] = {}
        self._subjects: dict[str, set[int]] = {}
        self._digests: set[str] = set()
        self._outstanding = 0
        self._next_shard = 0
        self._collecting: dict[str, Micros] = {}

    # --- one turn ------------------------------------------------------------------------------------------

    def step(self, now: Micros) -> int:
        """Read and judge one block; say how many bytes it had. 0: nothing was waiting. Raises StoreError.

        After a commit that failed nothing is read until it has been made good.
        """
        if self._is_failed:
            self.commit(now)
        block = self.blocks.read(now)
        while block is not None and not block.data:  # a position to remember, and no record yet
            self._touch(now)
            self._batch.read(block.position)
            block = self.blocks.read(now)
        if block is not None:
            self._touch(now)
            for finding in self.engine.judge(block, now):
                self._decide(finding, block, now)
            self._batch.read(block.position)
            self._bytes += len(block.data)
        for finding in self.engine.tick(now):
            self._touch(now)
            self._decide(finding, None, now)
        for gap in self.blocks.gaps():
            self.lose(gap, now)
        self._remind(now)
        if self.telling.tell_of_storm(self._batch, now):
            self._touch(now)
            self._is_urgent = True
        if self.is_due(now):
            self.commit(now)
        return len(block.data) if block is not None else 0

    def is_due(self, now: Micros) -> bool:
        """Whether it is time to commit: half a second or 64 MiB passed, or somebody is to be told something."""
        if self._since is None:
            return False
        # A clock that was set back must not put the commit off.
        return self._is_urgent or not 0 <= now - self._since < self.commit_after or self._bytes >= COMMIT_BYTES

    def seconds_to_commit(self, now: Micros) -> float:
        """How long until the next commit is due; long where nothing waits for one."""
        return 3600.0 if self._since is None else max(0.0, (self._since + self.commit_after - now) / SECOND)

    def commit(self, now: Micros) -> None:
        """Save everything since the last commit. Raises StoreError, and then nothing is lost: call it again."""
        if not self._is_failed:
            for finding in self.engine.updates():
                self._decide(finding, None, now)
            for source, stream in self.blocks.forgotten():
                self._batch.forget(source, stream)
            self._add_windows()
            self._batch.access(self._accesses(now))
            self._batch.cover(self._covering.since(self.engine, now))
        if not self._batch.is_empty():
            self._is_failed = True
            self._records.commit(self._batch)
            self._is_failed = False
        self._batch = Batch()
        self.owes_news = self.owes_news or self._is_urgent
        self._since, self._bytes, self._is_urgent = None, 0, False

    def _add_windows(self) -> None:
        self.engine.sweep()
        delta = state.delta(self.engine)
        if delta is None:
            return
        self._batch.window_delta(delta)
        self._outstanding += len(delta)
        if self._outstanding >= BASE_AFTER:
            self._batch.window_base(self._next_shard, state.base(self.engine, self._next_shard))
            self._next_shard = (self._next_shard + 1) % state.SHARDS
            self._outstanding = 0

    def _accesses(self, now: Micros) -> Accesses | None:
        gatherer = self.engine.purpose.gatherer
        return None if gatherer is None else gatherer.take(now + AHEAD)

    def save_windows(self, now: Micros) -> None:
        """Commit everything, and the windows as they are instead of how they came about (before rules change)."""
        self.commit(now)
        batch = Batch()
        for shard in range(state.SHARDS):
            batch.window_base(shard, state.base(self.engine, shard))
        self._records.commit(batch)

    def _touch(self, now: Micros) -> None:
        if self._since is None:
            self._since = now

    # --- deciding ------------------------------------------------------------------------------------------

    def _decide(self, finding: Finding, block: Block | None, now: Micros) -> None:
        self.findings.append(finding)
        case_id = self._take_up(finding, block, now) if concerns_a_case(finding) else ""
        self.telling.file_finding(self._batch, finding, case_id, self._names.pseudonym, now)

    def _take_up(self, finding: Finding, block: Block | None, now: Micros) -> str:
        """The finding opens a case or joins one: its id, empty where its episode goes on after the decision."""
        # Read again with a key that was missing, or as a copy of the state is: its case has been opened and told.
        if not finding.update and self._records.case_of_finding(finding.id) is not None:
            finding = replace(finding, update=True)
        known = self._case_for(finding)
        if finding.update and (known is None or known.state not in RUNNING_STATES):
            return ""
        key = identity.key_of(finding)
        key_hash = known.key_hash if finding.update and known else self._names.hash64(identity.key_text(key))
        tags = known.key if finding.update and known else identity.tags_of(key, self._names.pseudonym)
        verdict = judge(
            finding,
            known,
            now,
            self.options,
            key_hash=key_hash,
            key_tags=tags,
            subjects=self._count_subjects(finding, known),
        )
        self.record(verdict, now)
        case = verdict.case
        self._cases_of[finding.id] = case.id
        self._remember_subjects(finding, case, known)
        self._collect(finding, case, known, now)
        if case.historical:
            self._digests.add(case.id)
        for place in finding.evidence:
            self._batch.evidence(case.id, finding.id, place, self._masked(place, self._raw(place, block), now))
        return case.id

    def _collect(self, finding: Finding, case: Case, known: Case | None, now: Micros) -> None:
        """The records around the finding are wanted: at once for a new case, soon for a new finding of a known one."""
        options = self.options.collect
        since, until = finding.first_seen - options.around, finding.last_seen + options.around
        goes_on = finding.update and until < self._collecting.get(case.id, 0) + COLLECT_AGAIN
        if not options.automatic or case.historical or goes_on:
            return
        self._collecting[case.id] = until
        due_at = now if known is None else until if finding.update else now + COLLECT_AGAIN
        self._batch.collect(Collection(case.id, since, until, due_at))

    def _case_for(self, finding: Finding) -> Case | None:
        """The case the finding is in already, else the undecided one with its key."""
        if finding.update:
            if finding.id not in self._cases_of:
                self._cases_of[finding.id] = self._records.case_of_finding(finding.id)
            case_id = self._cases_of[finding.id]
            return self.book.current(case_id) if case_id is not None else None
        return self.book.open_for(self._names.hash64(identity.key_text(identity.key_of(finding))))

    def _count_subjects(self, finding: Finding, known: Case | None) -> int | None:
        if not finding.subject_hashes:
            return None if known is None else known.subjects
        if known is None:
            return len(finding.subject_hashes)
        return len(self._subjects_of(known.id).union(finding.subject_hashes))

    def _subjects_of(self, case_id: str) -> set[int]:
        """The people of the case, with those of the cases merged into it."""
        case = self.book.get(case_id)
        absorbed = () if case is None else case.absorbed
        return self._own_subjects(case_id).union(*(self._subjects_of(each.case_id) for each in absorbed))

    def _own_subjects(self, case_id: str) -> set[int]:
        if case_id not in self._subjects:
            self._subjects[case_id] = self._records.subjects(case_id)
        return self._subjects[case_id]

    def people(self, case: Case, *, other: str = "", without: str = "") -> int | None:
        """How many people are named in the case with another one, or without one merged into it; None where none is."""
        named = set(self._own_subjects(case.id))
        for each in (*(each.case_id for each in case.absorbed), *([other] if other else [])):
            if each != without:
                named |= self._subjects_of(each)
        return len(named) or None

    def join(self, verdicts: Iterable[Verdict], now: Micros, moved: Iterable[str] = ()) -> None:
        """Record a decision about two cases: merged, taken apart again, or split, with the findings that move."""
        both = list(verdicts)
        for verdict in both:
            self.record(verdict, now)
        for finding_id in moved:
            self._batch.move_finding(finding_id, both[-1].case.id)
            self._cases_of[finding_id] = both[-1].case.id

    def _remember_subjects(self, finding: Finding, case: Case, known: Case | None) -> None:
        had = self._subjects.setdefault(case.id, set()) if known is None else self._own_subjects(case.id)
        new = set(finding.subject_hashes) - had
        if new:
            had |= new
            self._batch.subjects(case.id, new)

    def _raw(self, place: Evidence, block: Block | None) -> bytes | None:
        if block is not None and (block.source, block.stream) == (place.source, place.stream):
            start = place.offset - block.offset
            if start >= 0 and start + place.length <= len(block.data):
                return block.data[start : start + place.length]
        return self.blocks.reread(place.source, place.stream, place.offset, place.length)

    def _masked(self, place: Evidence, raw: bytes | None, now: Micros) -> bytes | None:
        """The record without what rules say must not be kept."""
        redaction, lane = self.engine.redaction, self.engine.lanes.get(place.source)
        if raw is None or lane is None or not redaction:
            return raw
        return redaction.record(raw, lane.view.format.parser(None), now)

    def note(self, finding: Finding, now: Micros) -> None:
        """A finding that no record led to."""
        self._touch(now)
        self._decide(finding, None, now)

    def lose(self, gap: Gap, now: Micros) -> None:
        """Something could not be read: written down, and told once an episode."""
        self._touch(now)
        self._batch.gap(gap)
        self._covering.lose(gap)
        self.gaps.append(gap)
        for finding in self._losses.findings(gap, now):
            self.note(finding, now)

    def audit(self, entry: AuditEntry, now: Micros) -> None:
        """Something that belongs to no case is in the trail with the next commit."""
        self._touch(now)
        self._batch.audit(entry)

    def spend(self, digest: bytes, now: Micros) -> None:
        """What has this digest led to what the next commit holds, and is good for nothing more."""
        self._touch(now)
        self._batch.spend(digest, now)

    def _remind(self, now: Micros) -> None:
        if self.holds_reminders:
            return
        for case in self.book.due(now):
            verdict = remind(case, now, self.options)
            if verdict is not None:
                self.record(verdict, now)

    def tell_of_history(self, now: Micros) -> None:
        """One digest for each case of the time before the watch, once history has been read."""
        for case_id in sorted(self._digests):
            case = self.book.get(case_id)
            verdict = digest(case, now) if case is not None else None
            if verdict is not None:
                self.record(verdict, now)
        self._digests.clear()

    def record(self, verdict: Verdict, now: Micros) -> None:
        """Put a decision into the batch and the book, and what it owes into the outbox of each channel it is for."""
        self._touch(now)
        self.book.apply(verdict)
        self._batch.verdict(verdict)
        self._is_urgent = self._is_urgent or bool(verdict.owed)
        self.telling.file_case(self._batch, verdict.case, now)
        self.telling.tell(self._batch, verdict.owed, now)

    def redirect(self, case_id: str, key: str, channel: str, reason: str, fallback: Iterable[str], now: Micros) -> None:
        """What a channel will not take is owed to its fallback channels, saying so."""
        case = self.book.get(case_id)
        if case is not None:
            self._owe(redirected(notice(case, key, now), channel, reason), fallback, now)

    def owe_again(self, case_id: str, key: str, channel: str, now: Micros) -> None:
        """What is owed and cannot be read is worded anew, under its id."""
        case = self.book.get(case_id)
        if case is not None:
            self._owe(notice(case, key, now), [channel], now)

    def _owe(self, notification: Notification, names: Iterable[str], now: Micros) -> None:
        self._touch(now)
        self._is_urgent = True
        self.telling.owe(self._batch, notification, names)

    def say(self, notification: Notification, names: Iterable[str], entry: AuditEntry, now: Micros) -> None:
        """A message that no case is behind, such as a test, to these channels, the way every message goes."""
        self._batch.audit(entry)
        self._owe(notification, names, now)

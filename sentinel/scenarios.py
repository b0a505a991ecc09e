"""Replay: logs of the past through the real pipeline, without store, cases or messages.

Files of one log (an access log and its rotated generations) are read in the order of their first event; different logs
are merged by event time. What can be read is read: a broken input stops neither the others nor its own beginning.
"""

from __future__ import annotations

import heapq
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any

from sentinel import formats
from sentinel.clock import Micros, rfc3339
from sentinel.detect.engine import Engine
from sentinel.detect.episodes import Episode
from sentinel.detect.lane import Counts, Match, SourceView
from sentinel.detect.pipelines import Pipeline
from sentinel.formats.base import FormatOptions
from sentinel.model import Block, Finding, LogSource
from sentinel.sources.grouping import Grouping
from sentinel.sources.history import read_history

SNIFFED = 65536
"""Bytes of a log by which `auto` decides."""


@dataclass(frozen=True, slots=True)
class Log:
    """Files that are generations of one log, and how to read them. `shown` is the source's name in findings."""

    name: str
    shown: str
    paths: tuple[str, ...]
    format: formats.Spec = formats.AUTO
    logsource: LogSource = field(default_factory=LogSource)
    options: FormatOptions = field(default_factory=FormatOptions)
    reference: Micros | None = None
    pipeline: Pipeline | None = None
    grouping: Grouping | None = None


@dataclass(slots=True)
class Trouble:
    """An input that could not be read, or not to its end."""

    path: str
    reason: str


_GENERATION = re.compile(r"([-._]\d{4}-?\d\d-?\d\d([-._T]?\d\d+)*|\.\d+|\.(gz|zst|bz2|xz|old|\d+))+$")


def stem(path: str) -> str:
    """The path without what rotation puts behind it: `access.log` for `access.log-20260301.gz` and `access.log.2`."""
    return _GENERATION.sub("", path) or path


class Replay:
    """One run over some logs. Iterate over it for the findings, in the order they fire.

    `first_event` is the oldest time with which a file begins.
    """

    def __init__(
        self,
        engine: Engine,
        logs: Sequence[Log],
        said: Callable[[str], None] = lambda _: None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._logs = logs
        self._said = said
        self._progress = progress
        self.troubles: list[Trouble] = []
        self.findings = 0
        self.first_event: Micros | None = None
        self._reached: Micros = 0

    def __iter__(self) -> Iterator[Finding]:
        for matches in self._merged():
            yield from self._new(self._counted(matches))
        yield from self._new(self._engine.finish())

    def _counted(self, matches: Sequence[Match]) -> list[Finding]:
        """What comes of the matches; where a rule waits for the end of its windows, one by one: nothing may hang on how
        much was read at once.
        """
        engine = self._engine
        if not engine.is_bounded:
            return engine.correlate(matches, None)
        found: list[Finding] = []
        for match in matches:
            self._reached = max(self._reached, match.event.time)
            found += engine.close(self._reached) + engine.correlate((match,), None)
        return found

    def _new(self, findings: Sequence[Finding]) -> Iterator[Finding]:
        for finding in findings:
            if not finding.update:
                self.findings += 1
                yield finding

    def _merged(self) -> Iterator[Sequence[Match]]:
        """Matches in the order in which they are to be counted: a block's at once where there is only one log."""
        if len(self._logs) == 1:
            yield from (self.matches(block) for block in self.blocks(self._logs[0]))
            return
        streams = [self._matches(log) for log in self._logs]
        yield from ((match,) for match in heapq.merge(*streams, key=_time))

    @property
    def counts(self) -> Counts:
        """What all logs came to."""
        total = Counts()
        for lane in self._engine.lanes.values():
            for name in ("lines", "bytes", "candidates", "events", "unparsed", "untimed", "late", "future"):
                setattr(total, name, getattr(total, name) + getattr(lane.counts, name))
        return total

    def episodes(self) -> dict[str, Episode]:
        """How far the episodes of the findings went, by the finding's id, as far as they are known. To be asked once,
        after the run.
        """
        self._engine.settle()
        found = {episode.finding: episode for tally in self._engine.tallies for episode, *_ in tally.take_parted()}
        groups = (group for tally in self._engine.tallies for group in tally.groups.values())
        return found | {episode.finding: episode for group in groups for episode in group.episodes}

    def blocks(self, log: Log) -> Iterator[Block]:
        """The blocks of a log, its files in order; the engine has a lane for it from the first on."""
        for _, _, first, rest in self._ordered(log):
            yield first
            yield from rest

    def matches(self, block: Block) -> list[Match]:
        """The block's events that match rules."""
        return self._engine.matches(block)

    def _matches(self, log: Log) -> Iterator[Match]:
        for block in self.blocks(log):
            yield from self.matches(block)

    def _ordered(self, log: Log) -> list[tuple[Micros, int, Block, Generator[Block]]]:
        """Each file with its first block, the one with the oldest first event first."""
        opened = []
        for number, path in enumerate(log.paths):
            read = read_history(path, log.name, number + 1, grouping=log.grouping, told=self._progress)
            blocks = self._guarded(path, read)
            first = next(blocks, None)
            if first is not None:
                if log.reference is not None:
                    blocks = _referenced(blocks, log.reference)
                    first = replace(first, reference=log.reference)
                opened.append((self._first_time(log, first), number, first, blocks))
        return sorted(opened, key=lambda each: each[:2])

    def _first_time(self, log: Log, block: Block) -> Micros:
        if log.name not in self._engine.lanes:
            self._open(log, block)
        first = self._engine.lanes[log.name].first_time(block)
        self.first_event = first if self.first_event is None else min(first, self.first_event)
        return first

    def _open(self, log: Log, block: Block) -> None:
        spec = log.format
        if spec == formats.AUTO:
            spec, why = formats.sniff(block.data[:SNIFFED])
            self._said(f"{PurePath(log.paths[0]).name}: read as {why}")
        self._engine.open_lane(SourceView(log.name, formats.make(spec, log.options), log.logsource, log.pipeline))

    def _guarded(self, path: str, blocks: Iterator[Block]) -> Generator[Block]:
        try:
            yield from blocks
        except (OSError, ValueError, EOFError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.troubles.append(Trouble(path, reason))


def _referenced(blocks: Iterator[Block], reference: Micros) -> Generator[Block]:
    for block in blocks:
        yield replace(block, reference=reference)


def _time(match: Match) -> Micros:
    return match.event.time


def finding_row(finding: Finding, shown: str) -> dict[str, Any]:
    """The finding as `sentinel replay --output json` prints it. It shows the values of the file it was given."""
    digits = finding.digits
    return {
        "finding": finding.id,
        "rule": finding.rule,
        "rule_id": finding.rule_id,
        "title": finding.title,
        "level": finding.level.word,
        "mode": finding.mode.value,
        "group": dict(finding.group),
        "first_seen": rfc3339(finding.first_seen, digits),
        "last_seen": rfc3339(finding.last_seen, digits),
        "fired_at": rfc3339(finding.fired_at, digits),
        "value": finding.value,
        **({"value_is_estimate": True} if finding.value_is_estimate else {}),
        **({"because": list(finding.because)} if finding.because else {}),
        "subjects": finding.subjects,
        "source": shown,
        "evidence": [{"path": e.path, "offset": e.offset, "length": e.length} for e in finding.evidence],
        "evidence_total": finding.evidence_total,
    }

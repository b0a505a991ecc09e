"""One source's way through the engine: scan the block, cut and parse the candidates, try their rules.

Everything that can be decided once is decided here when rules are loaded, so that little is left for each record.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import msgspec

from sentinel.clock import MINUTE, Micros
from sentinel.detect import access, pipelines, route, unseen, witness
from sentinel.detect.foregone import Foregone
from sentinel.detect.gatherer import Gatherer
from sentinel.detect.match import need
from sentinel.detect.matched import Matched
from sentinel.detect.plans import EVERYTHING, Plan, Plans
from sentinel.detect.predicates import FLAGS_FIELD
from sentinel.detect.rules import PERSONAL_DATA, Correlation, Detection
from sentinel.detect.scan import Candidate, Compiled, Scanner, Share, records
from sentinel.formats.base import Format, Parsed
from sentinel.model import Block, Event, LogSource

SILENT: Micros = 2 * MINUTE
"""A source of which nothing was heard for so long holds back no window of the others."""

SAMPLE = 256 * 1024
"""Bytes of the first block that witnesses are chosen by."""


@dataclass(slots=True)
class Counts:
    """What one source's blocks and records came to."""

    lines: int = 0
    bytes: int = 0
    candidates: int = 0
    events: int = 0
    unparsed: int = 0
    untimed: int = 0
    late: int = 0
    future: int = 0
    accesses: dict[str, int] = field(default_factory=dict)
    actorless: int = 0
    errors: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Purpose:
    """What an engine is for. `keeps_state`: what it counts is going to be saved. `accesses_are_given`: records hold
    their `access.*` fields themselves, as in the tests of rules. `shows_all`: events get every field of their record,
    not only those that rules ask for. `gatherer`: gets every access, whether a rule matches it or not.
    not only those that rules ask for. `compiled` is shared by engines of one thread that search for the same.
    """

    keeps_state: bool = True
    accesses_are_given: bool = False
    shows_all: bool = False
    gatherer: Gatherer | None = None
    compiled: Compiled | None = field(default=None, compare=False)


WATCH = Purpose()


@dataclass(frozen=True, slots=True)
class SourceView:
    """What the engine needs to know of a source."""

    name: str
    format: Format
    logsource: LogSource
    pipeline: pipelines.Pipeline | None = None

    @property
    def names(self) -> pipelines.Pipeline:
        """What the fields of rules are called here: as the source says, else by the kind of its log."""
        return self.pipeline or pipelines.default(self.logsource, self.format.name)


class Match(msgspec.Struct, frozen=True, eq=False, gc=False):
    """An event, the accesses in it, and the rules it matches (their numbers; filters already applied)."""

    event: Event
    accesses: tuple[access.Entry, ...]
    rules: tuple[int, ...]


class Lane:
    """The rules and inventory entries routed to one source, ready to run."""

    def __init__(
        self,
        view: SourceView,
        detections: Sequence[Detection],
        correlations: Sequence[Correlation],
        entries: Sequence[access.Entry],
        people: access.People = access.NOBODY,
        purpose: Purpose = WATCH,
    ) -> None:
        self.view = view
        self.detections = detections = pipelines.renamed(detections, view.names)
        self._are_given = purpose.accesses_are_given
        self._is_kept = purpose.keeps_state
        self._gatherer = purpose.gatherer
        self.matched = Matched()
        self.counts = Counts()
        self.last_event: Micros | None = None
        self.heard: Micros | None = None
        self._entries = tuple(entry for entry in entries if route.fits(entry.logsource, view.logsource))
        routed = {each: rule for each, rule in enumerate(detections) if route.fits(rule.logsource, view.logsource)}
        used = None
        if not purpose.shows_all:
            used = unseen.used([*routed.values()], correlations, self._entries, view.names)
        keeps_accounts = used is None or access.ACCOUNT in used
        self._access = access.AccessMap(self._entries, people, keeps_accounts=keeps_accounts)
        self._parse = view.format.parser(used if used is None or self._are_given else _not_given(used))
        self.unseen = unseen.Unseen(unseen.asked(routed.values(), self._entries), view.format.parser(None))
        self._forgets_given = used is None and not self._are_given
        self._parse_time = view.format.parser(frozenset())
        self._plain = [number for number, rule in routed.items() if rule.logsource.category != PERSONAL_DATA]
        self._scanner = Scanner(view.format, self._choices(detections), purpose.compiled)
        first = len(self._entries)
        logins = people.learners(routed, view.names)
        known = {} if self._are_given else {each: Foregone(each, view.format.fields) for each in self._entries}
        self._plans = Plans(routed, first, self._plain, self._access.marker, self._scanner.targets, logins, known)
        self.shares: list[Share] = []
        self._sampled = 0
        self._last_time: dict[int, Micros] = {}
        self._walked: tuple[Block | None, int, Micros] = (None, 0, 0)

    @property
    def filtered(self) -> dict[tuple[int, str], int]:
        """By the number of a rule and the name of a filter, how many events only the filter left out."""
        return self._plans.filtered

    @property
    def has_entries(self) -> bool:
        """Some inventory entry is for this source: it shows accesses to personal data."""
        return bool(self._entries)

    def pause(self, rules: frozenset[int]) -> None:
        """Leave these rules out, and no others, from the next block on."""
        self._plans.pause(rules)

    def _choices(self, detections: Sequence[Detection]) -> list[witness.Choice]:
        """Targets of the scan: the entries first, then the rules that are not about accesses."""
        log = self.view.format
        plain: dict[str, witness.Choice] = {}
        found = [witness.choice(need(entry.node), log, plain) for entry in self._entries]
        everything: witness.Choice = None if any(each is None for each in found) else witness.AnyOf(tuple(found))
        derived = dict.fromkeys([witness.DERIVED, *(name for e in self._entries for name in e.derived)], everything)
        if not self._entries:
            derived = {} if self._are_given else {witness.DERIVED: witness.AnyOf(())}
        return found + [witness.choice(need(detections[number].condition), log, derived) for number in self._plain]

    def targets(self, detections: Sequence[Detection]) -> list[access.Entry | Detection]:
        """What each of `shares` is about."""
        return [*self._entries, *(detections[number] for number in self._plain)]

    # --- running -------------------------------------------------------------------------------------------

    def matches(self, block: Block) -> list[Match]:
        """The records of the block that match something, in the order they were written.

        Each step is done for the whole block before the next: short loops over the same few functions run about twice
        as fast as one long loop over all of them.
        """
        if block.starts is not None and self.view.format.name == "json":
            # No pattern of a scan can match a newline; in JSON one that stands in a record says nothing.
            block = _in_one_line(block)
        data = block.data
        counts = self.counts
        if data and not self.shares:
            self._tune(data)
        candidates = self._scanner.candidates(data, block.starts)
        if block.flags and data:
            candidates = _with_last(candidates, block)
        counts.candidates += len(candidates)
        counts.bytes += len(data)
        lines = len(block.starts) if block.starts is not None else _count_lines(data)
        counts.lines += lines
        events, plans = self._events(block, candidates)
        self.unseen.look(block, events)
        found = self._judge(events, plans)
        if self._is_kept and found:
            self.matched.note(found)
        self._note_last(block)
        # The hits of this block have the old numbers until here.
        if self._scanner.note(lines, len(candidates)) or len(data) > 8 * self._sampled < SAMPLE:
            self._tune(data)
        return found

    def _tune(self, data: bytes) -> None:
        """Choose witnesses by this block; a first one that was short is made up for by one that is longer."""
        sample = data[: data.rfind(b"\n", 0, SAMPLE) + 1] or data
        self._sampled = len(sample)
        self.shares = self._scanner.tune(sample)
        self._plans.clear()

    def records(self, block: Block) -> Iterator[tuple[int, int]]:
        """Start and end of every record of the block, without its newline; empty lines are no records."""
        return ((start, end) for start, end in records(block.data, block.starts) if end > start)

    def judge_alone(self, block: Block, start: int, end: int) -> Match | None:
        """The record tried on everything that is routed here, scanned for or not; None where judging it failed."""
        self.counts.candidates += 1
        return next(iter(self._judge(*self._events(block, [(start, end, EVERYTHING)]), keeps_all=True)), None)

    def _events(self, block: Block, candidates: Sequence[Candidate]) -> tuple[list[Event], list[Plan]]:
        """The candidates cut out and parsed, with what is to be tried on each."""
        events: list[Event] = []
        chosen: list[Plan] = []
        data, reference = block.data, block.reference
        parse, plans, forgets_given = self._parse, self._plans, self._forgets_given
        for start, stop, key in candidates:
            end = stop - 1 if data[stop - 1] == _RETURN else stop
            try:
                parsed = parse(data[start:end], reference)
                fields, time, digits = parsed or _UNPARSED
                if time is None:
                    event = self._odd_event(block, start, end, parsed)
                else:
                    event = Event(fields, time, digits, block, start, end)
                # Names are looked at decoded: `\u0061ccess` is one of them too.
                if forgets_given:
                    _forget_given(event.fields)
                chosen.append(plans[key])
                events.append(event)
            except Exception as error:  # noqa: BLE001  (one bad record must not stop the watch: see `_judge`)
                self._note_error(error)
        self.counts.events += len(candidates)
        if block.flags and events and events[-1].start == _last_start(block):
            events[-1].fields[FLAGS_FIELD] = [*block.flags]
        return events, chosen

    def _odd_event(self, block: Block, start: int, end: int, parsed: Parsed | None) -> Event:
        """A record without a time, or one that no format can read: it has `message` alone."""
        if parsed is None:
            self.counts.unparsed += 1
            fields: dict[str, Any] = {"message": block.data[start:end].decode(errors="replace")}
            digits = 0
        else:
            fields, _, digits = parsed
        self.counts.untimed += 1
        return Event(fields, self._earlier_time(block, start), digits, block, start, end, parsed is not None)

    def _judge(self, events: list[Event], plans: list[Plan], *, keeps_all: bool = False) -> list[Match]:
        """Accesses marked and rules tried. With `keeps_all`, events that match nothing are given too."""
        found = []
        marked: list[Event] = []
        accesses: list[tuple[access.Entry, ...]] = []
        for event, plan in zip(events, plans, strict=True):
            try:
                mark = plan.mark
                held = mark(event) if mark is not None else ()
                if held:
                    marked.append(event)
                    accesses.append(held)
                    if access.ACTOR not in event.fields:
                        self.counts.actorless += 1
                matched = plan.of_access[held](event) if held else plan.rules(event)
            except Exception as error:  # noqa: BLE001  (the broad excepts of the package: one bad record stops nothing)
                self._note_error(error)
                continue
            if matched or keeps_all:
                found.append(Match(event, held, matched))
        self._count_accesses(accesses)
        if self._gatherer is not None:
            self._gatherer.note(marked, accesses, self._access.apart)
        return found

    def _earlier_time(self, block: Block, start: int) -> Micros:
        """The time of the nearest record before that has one; the stream's last known, else the block's reference."""
        data = block.data
        walked, known, time = self._walked
        if walked is not block or known > start:
            known, time = 0, self._last_time.get(block.stream, block.reference)
        place = start
        while place > known:
            begin = data.rfind(b"\n", 0, place - 1) + 1
            parsed = self._parse_time(data[begin : place - 1].removesuffix(b"\r"), block.reference)
            if parsed is not None and parsed[1] is not None:
                time = parsed[1]
                break
            place = begin
        self._walked = (block, start, time)
        return time

    def first_time(self, block: Block) -> Micros:
        """The time of the first record of the block that has one; the block's reference where none has."""
        for line in block.data.split(b"\n", 100)[:100]:
            parsed = self._parse_time(line.removesuffix(b"\r"), block.reference)
            if parsed is not None and parsed[1] is not None:
                return parsed[1]
        return block.reference

    def reached(self, now: Micros | None) -> Micros | None:
        """The event time that the source has come to; live, one that has long been silent goes with the wall clock."""
        if now is None:
            return self.last_event
        if self.heard is None:
            self.heard = now
        return max(now - SILENT, self.last_event or 0) if now - self.heard > SILENT else self.last_event

    def _note_last(self, block: Block) -> None:
        if not block.data:
            return
        time = self._earlier_time(block, len(block.data))
        self._walked = (None, 0, 0)
        self._last_time[block.stream] = time
        self.last_event = time if self.last_event is None else max(time, self.last_event)

    def _count_accesses(self, accesses: list[tuple[access.Entry, ...]]) -> None:
        counted = self.counts.accesses
        for _, run in groupby(accesses, id):
            alike = list(run)
            for entry in alike[0]:
                counted[entry.system.name] = counted.get(entry.system.name, 0) + len(alike)

    def _note_error(self, error: Exception) -> None:
        """Kind and place of the error, never its text: that may hold the record."""
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{place.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{place.tb_lineno}" if place else "?"
        name = f"{type(error).__name__} at {where}"
        self.counts.errors[name] = self.counts.errors.get(name, 0) + 1


_UNPARSED: Parsed = ({}, None, 0)
_RETURN = ord("\r")


def _is_given(name: str) -> bool:
    """Only the inventory may set the field: a log line that brings its own would speak in its name."""
    return name == "access" or name.startswith(witness.DERIVED)


def _not_given(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name for name in names if not _is_given(name))


def _forget_given(fields: dict[str, Any]) -> None:
    for name in [name for name in fields if _is_given(name)]:
        del fields[name]


def _count_lines(data: bytes) -> int:
    """Lines of a block whose last one ends with a newline. (Five times as fast as counting newlines.)"""
    return len(data) - len(data.replace(b"\n", b""))


def _last_start(block: Block) -> int:
    return block.starts[-1] if block.starts else block.data.rfind(b"\n", 0, len(block.data) - 1) + 1


def _with_last(candidates: list[Candidate], block: Block) -> list[Candidate]:
    """No pattern tells of the flags of the last record: it is tried on everything."""
    start, end = _last_start(block), len(block.data) - 1
    others = [each for each in candidates if each[0] != start]
    return [*others, (start, end, EVERYTHING)] if end > start else others


def _in_one_line(block: Block) -> Block:
    """The same records at the same places, with a blank for every newline within a record."""
    data = bytearray(block.data.replace(b"\n", b" "))
    for end in (*(block.starts or ())[1:], len(data)):
        data[end - 1 : end] = b"\n"
    return replace(block, data=bytes(data))

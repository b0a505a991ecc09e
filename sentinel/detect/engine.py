"""The engine: blocks in, findings out. Pure and deterministic: the same bytes give the same findings.

`matches` finds, source by source, the events that match rules; `correlate` counts them. `judge` does both for one
block. What must survive a restart is the tallies; `sentinel.detect.state` turns them into bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from zlib import crc32

from sentinel.clock import HOUR, MINUTE, Micros
from sentinel.detect import access, findings
from sentinel.detect.correlate import SEPARATOR, Entry, Episode, Fired, Tally
from sentinel.detect.fields import Getter, getter, single
from sentinel.detect.lane import WATCH, Lane, Match, Purpose, SourceView
from sentinel.detect.rules import Correlation, RuleSet
from sentinel.detect.windows import LENGTH_BITS, LONGEST, STRIDE
from sentinel.model import Block, Event, Finding

AHEAD: Micros = 5 * MINUTE
"""How far beyond the wall clock an event may be before it no longer moves its source's watermark."""

BEHIND: Micros = HOUR
"""How far one source may be behind another and still find in the windows what the other put there."""

MOST_HASHED = 1 << 18
"""Texts whose keyed hash is remembered."""

Counted = tuple[int, int, Entry, Micros, str, str | None, int]
"""Tally, key of the group, entry, floor, source, the finding if an episode began, digits of the time."""


@dataclass(slots=True)
class Journal:
    """What was counted since the state was last saved: enough to count it again, without anything in clear."""

    inserted: list[Counted] = field(default_factory=list)
    ordinals: list[str] = field(default_factory=list)


class Streams:
    """Every stream that something was counted in, as one number for all sources, with the path to show."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[str, int, str]] = {}
        self.new: dict[int, tuple[str, int, str]] = {}
        self._numbers: dict[tuple[str, int], int] = {}

    def note(self, source: str, stream: int, path: str) -> None:
        """The stream is shown under this path from now on."""
        number = self._numbers[source, stream] = crc32(source.encode()) >> 1 << 32 | stream
        if self.known.get(number) != (source, stream, path):
            self.known[number] = self.new[number] = (source, stream, path)

    def number(self, source: str, stream: int) -> int:
        """The number of a stream that was noted."""
        return self._numbers[source, stream]

    def __getitem__(self, number: int) -> tuple[str, int, str]:
        return self.known.get(number, ("", number & 0xFFFFFFFF, ""))


Grouping = tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One tally that an event is counted in, on account of the rule with that number."""

    index: int
    tally: Tally
    number: int
    grouping: int


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of events that match certain rules, found out once: findings by themselves, then tallies.

    Groups that several tallies have in common are looked up once for all of them.
    """

    detected: tuple[int, ...]
    groupings: tuple[Grouping, ...]
    counted: tuple[Step, ...]
    subjects: tuple[Getter, ...]


class Engine:
    """Every lane and every tally. `key` makes the keyed hashes; it must be the same as long as saved state is used."""

    def __init__(
        self,
        rules: RuleSet,
        entries: Sequence[access.Entry],
        sources: Sequence[SourceView],
        *,
        key: bytes,
        identity: Callable[[str], str] = str,
        purpose: Purpose = WATCH,
    ) -> None:
        self._purpose = purpose
        self._is_kept = purpose.keeps_state
        self.rules = rules
        self._blake = partial(hashlib.blake2b, key=key, digest_size=8)
        self._hashes: dict[str, int] = {}
        self._entries = tuple(entries)
        self._identity = identity
        self.lanes: dict[str, Lane] = {}
        for view in sources:
            self.open_lane(view)
        self.tallies = [Tally(each, self.hash_text) for each in (*rules.correlations, *_quieted(rules))]
        self._feeds = _feeds(rules, self.tallies)
        self._courses: dict[tuple[int, ...], Course] = {}
        self.high: dict[str, Micros] = {}
        self.floor: Micros = 0
        self.streams = Streams()
        self.ordinals = findings.Ordinals()
        self.journal = Journal()
        self._touched: set[tuple[int, int]] = set()

    def open_lane(self, view: SourceView) -> None:
        """From now on blocks of this source can be judged."""
        rules = self.rules
        self.lanes[view.name] = Lane(
            view, rules.detections, rules.correlations, self._entries, self._identity, self._purpose
        )

    def hash_text(self, value: str) -> int:
        """The keyed 64-bit hash that stands for a text wherever it is kept; never 0."""
        known = self._hashes.get(value)
        if known is None:
            digest = self._blake(value.encode(errors="surrogatepass")).digest()
            known = int.from_bytes(digest, "little", signed=True) or 1
            if len(self._hashes) >= MOST_HASHED:
                self._hashes.clear()
            self._hashes[value] = known
        return known

    # --- judging -------------------------------------------------------------------------------------------

    def judge(self, block: Block, now: Micros | None) -> list[Finding]:
        """The findings that the block completes. `now` is the wall clock when live, None in replay."""
        return self.correlate(self.matches(block), now)

    def matches(self, block: Block) -> list[Match]:
        """The block's events that match rules, in the order they were written."""
        self.streams.note(block.source, block.stream, block.path)
        return self.lanes[block.source].matches(block)

    def correlate(self, matches: Iterable[Match], now: Micros | None) -> list[Finding]:
        """Count matches, in the order given: the findings they are, complete or begin."""
        found: list[Finding] = []
        block: Block | None = None
        stream = 0
        courses, hash_text = self._courses, self.hash_text
        for match in matches:
            event = match.event
            if event.block is not block:
                block = event.block
                stream = self.streams.number(block.source, block.stream)
            assert block is not None
            high = self.high.get(block.source)
            if high is None or event.time > high:
                high = self._watermark(event, block.source, now)
            course = courses.get(match.rules)
            if course is None:
                course = courses[match.rules] = self._course(match.rules)
            subject = event.fields.get(access.SUBJECT)
            subject = hash_text(subject) if type(subject) is str else self._subject(event, course)
            found += [self._detected(number, event, subject) for number in course.detected]
            if course.counted:
                start = event.start
                place = block.offset + start << LENGTH_BITS | min(event.end - start, LONGEST)
                self._count_all(course, event, (event.time, 0, subject, place, stream), high, found)
        return found

    def _count_all(self, course: Course, event: Event, entry: Entry, high: Micros, found: list[Finding]) -> None:
        """Count one event in every tally it is for."""
        groups = [self._group(event, names) for names in course.groupings]
        time, _, subject, place, stream = entry
        for step in course.counted:
            tally = step.tally
            values, key = groups[step.grouping]
            if time < high - tally.late:
                self.lanes[event.block.source].counts.late += 1
            elif values is None:
                tally.note_missing(event)
            elif not tally.distinct:
                self._count(step, event, values, key, entry, found)
            elif (value := tally.counted(event)) is not None:
                self._count(step, event, values, key, (time, value, subject, place, stream), found)

    def _course(self, rules: tuple[int, ...]) -> Course:
        """What becomes of an event that matches exactly these rules; an event counts once in a correlation."""
        silent, detections = self.rules.silent, self.rules.detections
        counted: dict[int, int] = {}
        for number in rules:
            for index in self._feeds[number]:
                counted.setdefault(index, number)
        groupings = list(dict.fromkeys(self.tallies[index].rule.group_by for index in counted))
        return Course(
            detected=tuple(
                number
                for number in rules
                if detections[number].about.key not in silent
                and not detections[number].about.additions.suppress.duration
            ),
            groupings=tuple(tuple((name, getter(name)) for name in names) for names in groupings),
            counted=tuple(
                Step(index, self.tallies[index], number, groupings.index(self.tallies[index].rule.group_by))
                for index, number in counted.items()
            ),
            subjects=tuple(
                getter(name) for number in rules if (name := detections[number].about.additions.data.subject)
            ),
        )

    def _group(self, event: Event, names: Grouping) -> tuple[list[str] | None, int]:
        """The event's group in clear and as a keyed hash; None where a field of it is missing."""
        fields = event.fields
        values = []
        for name, get in names:
            value = fields.get(name)
            if type(value) is not str:
                value = single(get(fields))
                if value is None:
                    return None, 0
            values.append(value)
        return values, self.hash_text(SEPARATOR.join(values))

    def _watermark(self, event: Event, source: str, now: Micros | None) -> Micros:
        """The newest event time of the source, with this event; one too far ahead is counted and does not move it."""
        time = event.time
        if now is not None and time > now + AHEAD:
            self.lanes[source].counts.future += 1
            return self.high.get(source, now)
        self.raise_high(source, time)
        return time

    def raise_high(self, source: str, time: Micros) -> None:
        """The source has come to that time. No event older than `floor` is still to come, but for what rules allow."""
        self.high[source] = time
        if len(self.lanes) == 1:
            self.floor = time
        else:
            least = max(self.high.values()) - BEHIND
            self.floor = least if len(self.high) < len(self.lanes) else max(least, min(self.high.values()))

    def _subject(self, event: Event, course: Course) -> int:
        """The keyed hash of whose data it is, where the inventory did not say it in one word; 0 for nobody."""
        words = single(event.fields.get(access.SUBJECT))
        if not words:
            words = next((found for get in course.subjects if (found := single(get(event.fields)))), None)
        return self.hash_text(words) if words else 0

    def _detected(self, number: int, event: Event, subject: int) -> Finding:
        rule = self.rules.detections[number]
        identity = findings.finding_id(rule.about, event, self.ordinals)
        self._note_ordinal()
        return findings.of_detection(rule, event, identity, subject)

    def _count(
        self,
        step: Step,
        event: Event,
        values: list[str],
        key: int,
        entry: Entry,
        found: list[Finding],
    ) -> None:
        tally = step.tally
        floor = self.floor
        fired = tally.insert(key, entry, floor)
        identity = None
        if fired is not None:
            finding = self._begun(tally, values, event, fired, step.number, entry[2])
            identity = finding.id
            tally.begin(key, _episode(identity, event.block.source, event.digits, fired), floor)
            found.append(finding)
        elif tally.multiples:
            found += [self._told(tally, key, episode) for episode in tally.escalated(key)]
        if self._is_kept:
            self.journal.inserted.append((step.index, key, entry, floor, event.block.source, identity, event.digits))
            self._touched.add((step.index, key))

    def _begun(self, tally: Tally, values: list[str], event: Event, fired: Fired, number: int, subject: int) -> Finding:
        identity = findings.finding_id(tally.rule.about, event, self.ordinals)
        self._note_ordinal()
        if tally.rule.about is self.rules.detections[number].about:
            return findings.of_detection(self.rules.detections[number], event, identity, subject)
        return findings.of_window(tally, values, event, fired, identity, self.streams)

    def _note_ordinal(self) -> None:
        if self._is_kept:
            self.journal.ordinals.append(next(reversed(self.ordinals.seen)))

    def count_again(self, counted: Counted) -> None:
        """Count an event as it was counted before a restart; an episode that began then begins again, silently."""
        index, key, entry, floor, source, finding, digits = counted
        tally = self.tallies[index]
        fired = tally.insert(key, entry, floor)
        if fired is not None and finding is not None:
            tally.begin(key, _episode(finding, source, digits, fired), floor)
        elif tally.multiples:
            tally.escalated(key)

    def forget_news(self) -> None:
        """What was restored has been told before."""
        self._touched.clear()
        for tally in self.tallies:
            for group in tally.groups.values():
                for episode in group.episodes:
                    episode.subjects = set()
                    episode.has_news = False

    def updates(self) -> list[Finding]:
        """How the episodes that went on since this was last asked stand now."""
        found = [
            self._told(self.tallies[index], key, episode)
            for index, key in sorted(self._touched)
            if key in self.tallies[index].groups
            for episode in self.tallies[index].groups[key].episodes
            if episode.has_news
        ]
        self._touched.clear()
        return found

    @staticmethod
    def _told(tally: Tally, key: int, episode: Episode) -> Finding:
        finding = findings.of_episode(tally.rule, episode, tally.groups[key].window.subjects())
        episode.subjects = set()
        episode.has_news = False
        return finding


def _episode(finding: str, source: str, digits: int, fired: Fired) -> Episode:
    return Episode(
        finding=finding,
        source=source,
        digits=digits,
        first_seen=fired.entries[0],
        fired_at=fired.at,
        held_from=fired.at,
        held_at=fired.until,
        value=fired.value,
        events=len(fired.entries) // STRIDE,
    )


def _quieted(rules: RuleSet) -> list[Correlation]:
    """Detections that are to stay quiet for a while after a finding: counted as correlations of one event."""
    return [
        Correlation(
            about=rule.about,
            kind="event_count",
            rules=(rule,),
            group_by=rule.about.additions.suppress.per,
            timespan=1,
            threshold=1,
            fields=(),
            generate=False,
            fingerprint=f"quiet:{rule.about.key}",
        )
        for rule in rules.detections
        if rule.about.additions.suppress.duration and rule.about.key not in rules.silent
    ]


def _feeds(rules: RuleSet, tallies: Sequence[Tally]) -> list[tuple[int, ...]]:
    """For each detection the tallies it is counted in."""
    return [
        tuple(
            index for index, tally in enumerate(tallies) if any(each.about is rule.about for each in tally.rule.rules)
        )
        for rule in rules.detections
    ]

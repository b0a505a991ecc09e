"""The engine: blocks in, findings out. Pure and deterministic: the same bytes give the same findings.

`matches` finds, source by source, the events that match rules; `correlate` counts them. `judge` does both for one
block. What must survive a restart is the tallies; `sentinel.detect.state` turns them into bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from zlib import crc32

from sentinel.clock import MINUTE, Micros
from sentinel.detect import access, findings
from sentinel.detect.correlate import SEPARATOR, Episode, Fired, Tally
from sentinel.detect.fields import Getter, getter, single
from sentinel.detect.lane import WATCH, Lane, Match, Purpose, SourceView
from sentinel.detect.rules import Correlation, RuleSet
from sentinel.detect.windows import STRIDE, where
from sentinel.model import Block, Event, Finding

AHEAD: Micros = 5 * MINUTE
"""How far beyond the wall clock an event may be before it no longer moves its source's watermark."""

MOST_HASHED = 1 << 18
"""Texts whose keyed hash is remembered."""

Counted = tuple[int, int, tuple[int, int, int, int, int], str, str | None, int]
"""Tally, key of the group, entry, source, the finding if an episode began, digits of the time."""


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
        self._subjects = [_subject_getters(rule.about.additions.data.subject) for rule in rules.detections]
        self.high: dict[str, Micros] = {}
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
        return [finding for match in self.matches(block) for finding in self.correlate(match, now)]

    def matches(self, block: Block) -> Iterator[Match]:
        """The block's events that match rules, in the order they were written."""
        self.streams.note(block.source, block.stream, block.path)
        return self.lanes[block.source].matches(block)

    def correlate(self, match: Match, now: Micros | None) -> list[Finding]:
        """Count one match: the findings it is, completes or begins."""
        event = match.event
        source = event.block.source
        high = self._watermark(event, source, now)
        subject = self._subject(event, match.rules)
        found: list[Finding] = []
        fed: set[int] = set()
        for number in match.rules:
            rule = self.rules.detections[number]
            feeds = self._feeds[number]
            if not feeds and rule.about.key not in self.rules.silent:
                found.append(self._detected(number, event, subject))
            for index in feeds:
                if index not in fed:
                    fed.add(index)
                    found += self._count(index, event, subject, high, number)
            if feeds and rule.about.key not in self.rules.silent and not rule.about.additions.suppress.duration:
                found.append(self._detected(number, event, subject))
        return found

    def _watermark(self, event: Event, source: str, now: Micros | None) -> Micros:
        high = self.high.get(source)
        if high is None:
            high = event.time if now is None else min(event.time, now + AHEAD)
        if now is not None and event.time > now + AHEAD:
            self.lanes[source].counts.future += 1
        elif event.time >= high:
            high = event.time
        self.high[source] = high
        return high

    def _subject(self, event: Event, rules: Sequence[int]) -> int:
        value = event.fields.get(access.SUBJECT)
        if value is None:
            value = next((single(get(event.fields)) for number in rules for get in self._subjects[number]), None)
        words = single(value)
        return self.hash_text(words) if words else 0

    def _detected(self, number: int, event: Event, subject: int) -> Finding:
        rule = self.rules.detections[number]
        identity = findings.finding_id(rule.about, event, self.ordinals)
        self._note_ordinal()
        return findings.of_detection(rule, event, identity, subject)

    def _count(self, index: int, event: Event, subject: int, high: Micros, number: int) -> list[Finding]:
        tally = self.tallies[index]
        if event.time < high - tally.late:
            self.lanes[event.block.source].counts.late += 1
            return []
        values = tally.group_values(event)
        value = tally.counted(event) if values is not None else None
        if values is None or value is None:
            return []
        key = self.hash_text(SEPARATOR.join(values))
        block = event.block
        place = where(block.offset + event.start, event.end - event.start)
        entry = (event.time, value, subject, place, self.streams.number(block.source, block.stream))
        group, fired = tally.insert(key, entry, self._keep_from(event.time, tally.late))
        if self._is_kept:
            self._touched.add((index, key))
        if fired is None:
            if self._is_kept:
                self.journal.inserted.append((index, key, entry, block.source, None, event.digits))
            return self._escalated(tally, group.episode)
        finding = self._begun(tally, values, event, fired, number, subject)
        group.episode = _episode(finding.id, block.source, event.digits, fired)
        if self._is_kept:
            self.journal.inserted.append((index, key, entry, block.source, finding.id, event.digits))
        return [finding]

    def _begun(self, tally: Tally, values: list[str], event: Event, fired: Fired, number: int, subject: int) -> Finding:
        identity = findings.finding_id(tally.rule.about, event, self.ordinals)
        self._note_ordinal()
        if tally.rule.about is self.rules.detections[number].about:
            return findings.of_detection(self.rules.detections[number], event, identity, subject)
        return findings.of_window(tally, values, event, fired, identity, self.streams)

    def _note_ordinal(self) -> None:
        if self._is_kept:
            self.journal.ordinals.append(next(reversed(self.ordinals.seen)))

    def _keep_from(self, time: Micros, late: Micros) -> Micros:
        """Older entries fall into no window that an event in time could still reach."""
        return min(time, *self.high.values()) - late if self.high else time - late

    def _escalated(self, tally: Tally, episode: Episode | None) -> list[Finding]:
        """An update, when the episode has newly reached one of the multiples the rule names."""
        if episode is None:
            return []
        multiple = tally.multiple(episode)
        if multiple is None:
            return []
        episode.told = multiple
        return [self._told(tally.rule, episode)]

    def count_again(
        self,
        index: int,
        key: int,
        entry: tuple[int, int, int, int, int],
        source: str,
        finding: str | None,
        digits: int,
    ) -> None:
        """Count an event as it was counted before a restart; an episode that began then begins again, silently."""
        group, fired = self.tallies[index].insert(key, entry, entry[0])
        if fired is not None and finding is not None:
            group.episode = _episode(finding, source, digits, fired)

    def forget_news(self) -> None:
        """What was restored has been told before."""
        self._touched.clear()
        for tally in self.tallies:
            for group in tally.groups.values():
                if group.episode is not None:
                    group.episode.subjects = set()
                    group.episode.has_news = False

    def updates(self) -> list[Finding]:
        """How the episodes that went on since this was last asked stand now."""
        found: list[Finding] = []
        for index, key in sorted(self._touched):
            group = self.tallies[index].groups.get(key)
            if group is not None and group.episode is not None and group.episode.has_news:
                found.append(self._told(self.tallies[index].rule, group.episode))
        self._touched.clear()
        return found

    def _told(self, rule: Correlation, episode: Episode) -> Finding:
        finding = findings.of_episode(rule, episode)
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
        held_at=fired.at,
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


def _subject_getters(name: str | None) -> tuple[Getter, ...]:
    return () if name is None else (getter(name),)

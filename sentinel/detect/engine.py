"""The engine: blocks in, findings out. Pure and deterministic: the same bytes give the same findings.

`matches` finds, source by source, the events that match rules; `correlate` counts them. `judge` does both for one
block. What must survive a restart is the tallies; `sentinel.detect.state` turns them into bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sentinel.clock import HOUR, MINUTE, Micros
from sentinel.detect import access, findings
from sentinel.detect.correlate import Tally
from sentinel.detect.course import Course, Courses, Grouping, Step, clear, quieted
from sentinel.detect.episodes import Closed, Episode, Fired, Summary, episode_of
from sentinel.detect.fields import single
from sentinel.detect.floods import Floods, make_room
from sentinel.detect.hashes import Hashes
from sentinel.detect.journal import Counted, Journal, Streams
from sentinel.detect.judges import Judges
from sentinel.detect.lane import WATCH, Lane, Match, Purpose, SourceView
from sentinel.detect.redact import Redaction
from sentinel.detect.rules import RuleSet
from sentinel.detect.unusual.travel import PlaceOf, nowhere
from sentinel.detect.windows import LENGTH_BITS, LONGEST, Entry
from sentinel.model import Block, Event, Finding

AHEAD: Micros = 5 * MINUTE
"""How far beyond the wall clock an event may be before it no longer moves its source's watermark."""

BEHIND: Micros = HOUR
"""How far one source may be behind another and still find in the windows what the other put there."""

NEVER: Micros = 1 << 62
"""Later than any time."""

ROOM: int = 768 << 20
"""Bytes that all groups of all rules may take together, about."""

WEIGHED_EVERY = 100_000
"""Matches after which it is looked whether they do, and more where there are many groups."""


class Engine:
    """Every lane and every tally. `key` makes the keyed hashes; it must be the same as long as saved state is used."""

    def __init__(  # noqa: PLR0913  (everything that an engine is given from outside)
        self,
        rules: RuleSet,
        entries: Sequence[access.Entry],
        sources: Sequence[SourceView],
        *,
        key: bytes,
        identity: Callable[[str], str] = str,
        purpose: Purpose = WATCH,
        room: int = ROOM,
        places: PlaceOf = nowhere,
    ) -> None:
        self._purpose = purpose
        self._room = room
        self._is_kept = purpose.keeps_state
        self.rules = rules
        self.hash_text = Hashes(key).__getitem__
        self._entries = tuple(entries)
        self.lanes: dict[str, Lane] = {}
        self.judges = Judges(rules, self.hash_text, places)
        self._people = access.People(identity, self.judges.sessions.user_of, self.judges.sessions.learner)
        self.redaction = Redaction(rules, self.hash_text)
        self.tallies = [self.judges.tally(each) for each in (*rules.correlations, *quieted(rules))]
        self._routes = Courses(rules, self.tallies, self.hash_text, self.judges.numbers)
        for view in sources:
            self.open_lane(view)
        self._bounded = [index for index, tally in enumerate(self.tallies) if tally.rule.bounds is not None]
        self._chains = self._routes.chained()
        self.closed: Micros = 0
        self.high: dict[str, Micros] = {}
        self.floor: Micros = 0
        self.streams = Streams()
        self.ordinals = findings.Ordinals()
        self.journal = Journal()
        self._touched: set[tuple[int, int]] = set()
        self.floods = Floods()
        for index, tally in enumerate(self.tallies):
            tally.tell_evicted = partial(self._evicted, index)
        self._unweighed = 0

    def open_lane(self, view: SourceView) -> None:
        """From now on blocks of this source can be judged."""
        rules = self.rules
        self._routes.known[view.name] = {}
        self.judges.open_source(view)
        self.lanes[view.name] = Lane(
            view, rules.detections, rules.correlations, self._entries, self._people, self._purpose
        )

    # --- judging -------------------------------------------------------------------------------------------

    def judge(self, block: Block, now: Micros | None) -> list[Finding]:
        """The findings that the block completes. `now` is the wall clock when live, None in replay."""
        if now is not None:
            self.lanes[block.source].heard = now
        return self.redaction.findings(self.correlate(self.matches(block), now) + self.tick(now))

    def matches(self, block: Block) -> list[Match]:
        """The block's events that match rules, in the order they were written."""
        self.streams.note(block.source, block.stream, block.path)
        return self.lanes[block.source].matches(block)

    def correlate(self, matches: Sequence[Match], now: Micros | None) -> list[Finding]:
        """Count matches, in the order given: the findings they are, complete or begin."""
        found: list[Finding] = []
        block: Block | None = None
        stream = high = offset = 0
        courses: dict[tuple[int, ...], Course] = {}
        hash_text = self.hash_text
        latest = NEVER if now is None else now + AHEAD
        for match in matches:
            event = match.event
            if event.block is not block:
                block = event.block
                stream, offset = self.streams.number(block.source, block.stream), block.offset
                courses = self._routes.known[block.source]
                high = self.high.get(block.source, -1)
            time = event.time
            if time > high:
                high = self._watermark(block.source, time, high, latest)
            course = courses.get(match.rules)
            if course is None:
                course = self._course(self.judges.kept(match), block.source)
            subject = event.fields.get(access.SUBJECT)
            subject = hash_text(subject) if type(subject) is str else self._subject(event, course)
            found += [self._detected(number, event, subject) for number in course.detected]
            if course.counted:
                place = offset + event.start << LENGTH_BITS | min(event.end - event.start, LONGEST)
                self._count_all(course, event, (time, 0, subject, place, stream), high - time, found)
        self._unweighed += len(matches)
        if self._unweighed >= WEIGHED_EVERY:
            make_room(self.tallies, self._room, self.floor)
            self._unweighed = -2 * sum(len(tally.groups) for tally in self.tallies)
            found += self._flooded(matches[-1].event)
        return found

    def _course(self, rules: tuple[int, ...], source: str) -> Course:
        return self._routes.course(rules, self.lanes[source].view)

    def group(self, match: Match, tally: Tally) -> tuple[list[str] | None, int]:
        """The group of a rule that counts the event, in clear and as its key; None where a field of it is missing."""
        course = self._course(match.rules, match.event.block.source)
        fields = match.event.fields
        for place in (step.grouping for step in course.counted if step.tally is tally):
            key = course.keys[place](fields)
            if key is not None:
                return clear(fields, course.groupings[place]), key
        return None, 0

    def _count_all(self, course: Course, event: Event, entry: Entry, behind: Micros, found: list[Finding]) -> None:
        """Count one event, so far behind its source's newest, in every tally it is for."""
        fields = event.fields
        keys = [keyed(fields) for keyed in course.keys]
        time, _, subject, place, stream = entry
        values = [value(fields) for value in course.values]
        entries = [None if value is None else (time, value, subject, place, stream) for value in values]
        floods = self.floods
        for step in course.counted:
            index, tally, _, grouping, number, late, is_plain, looks = step
            key, counted = keys[grouping], entries[number]
            if behind > late:
                self.lanes[event.block.source].counts.late += 1
                continue
            if key is None:
                tally.note_missing(fields, course.groupings[grouping])
                continue
            if counted is None:
                tally.uncounted += 1
                continue
            if looks:
                tally.look(key, course.groupings[grouping], event)
            held = tally.insert(key, counted, self.floor) if is_plain else None
            if held is not None or floods.new or not is_plain:
                self._judge_window(course.groupings[grouping], step, event, key, counted, held, found)
            elif self._is_kept:
                self._note(index, key, counted, tally.noted, event)

    def _watermark(self, source: str, time: Micros, high: Micros, latest: Micros) -> Micros:
        """The newest event time of the source, with this one; one too far ahead is counted and does not move it."""
        if time > latest:
            self.lanes[source].counts.future += 1
            return high
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
        return findings.of_detection(rule, event, identity, subject, self.judges.because(rule.about))

    def _judge_window(
        self,
        grouping: Grouping,
        step: Step,
        event: Event,
        key: int,
        entry: Entry,
        held: Fired | Episode | None,
        found: list[Finding],
    ) -> None:
        """All that may be to be done besides counting an event: to wait, a flood, an episode that begins or goes on."""
        tally, floor = step.tally, self.floor
        if not step.is_plain:
            self._wait(step, event, clear(event.fields, grouping), key, entry)
            found += self._flooded(event)
            return
        if self.floods.new:
            found += self._flooded(event)
        identity = tally.noted
        if isinstance(held, Fired):
            finding = self._begun(tally, clear(event.fields, grouping), event, held, step.number, entry[2])
            identity = finding.id
            tally.begin(key, episode_of(identity, event.block.source, event.digits, held), floor)
            self._fire(step.place, finding, event, entry, found)
        elif held is not None and tally.multiples:
            found += [self._told(tally, key, episode) for episode in tally.escalated(key)]
        if self._is_kept:
            self._note(step.place, key, entry, identity, event)
            if held is not None:
                self._touched.add((step.place, key))

    def _note(self, index: int, key: int, entry: Entry, identity: str | None, event: Event) -> None:
        """Remember what was counted until it is saved."""
        self.journal.inserted.append((index, key, entry, self.floor, event.block.source, identity, event.digits))

    def _fire(self, index: int, finding: Finding, event: Event, entry: Entry, found: list[Finding]) -> None:
        """A correlation's finding: given out unless it only feeds others, and counted in those that refer to it.

        To them it is an event with the group's fields, at the time it fired (Sigma specification, chained rules).
        """
        if finding.rule not in self.rules.silent:
            found.append(finding)
        course = self._chains.get(index)
        if course is not None:
            fields = dict(finding.group)
            chained = Event(fields, finding.fired_at, event.digits, event.block, event.start, event.end)
            self._count_all(course, chained, (finding.fired_at, *entry[1:]), 0, found)

    def _wait(self, step: Step, event: Event, values: list[str], key: int, entry: Entry) -> None:
        """Count the event for a condition that is judged when the window can change no more."""
        tally = step.tally
        digest = hashlib.sha256(event.raw).hexdigest()
        summary = findings.summary(tally.rule, values, event)
        tally.wait(key, entry, digest, summary, self.floor)
        if self._is_kept:
            self.journal.waited[len(self.journal.inserted)] = (digest, summary)
            self._note(step.place, key, entry, None, event)
            self._touched.add((step.place, key))

    def _evicted(self, index: int, keys: list[int]) -> None:
        self.floods.note(index, len(keys))
        if self._is_kept:
            self.journal.evicted.append((len(self.journal.inserted), index, keys))

    def _flooded(self, event: Event) -> list[Finding]:
        found = self.floods.begun(self.tallies, event, self.ordinals)
        for _ in found:
            self._note_ordinal()
        return found

    @property
    def is_bounded(self) -> bool:
        """Whether some rule is judged when its windows are over."""
        return bool(self._bounded)

    def finish(self) -> list[Finding]:
        """Nothing is to come any more: the findings of windows that ended before the newest event of any source."""
        ends = [lane.last_event for lane in self.lanes.values() if lane.last_event is not None]
        return self.close(max(ends), is_final=True) if ends else []

    def close(self, until: Micros, *, is_final: bool = False) -> list[Finding]:
        """The findings of windows that end before that time, but for what may still come late."""
        found: list[Finding] = []
        for tally, closed, fired, identity in self._closed(until, self.ordinals, is_final=is_final):
            self._note_ordinal()
            finding = findings.of_closed(tally, closed, fired, identity, self.streams)
            if finding.rule not in self.rules.silent:
                found.append(finding)
            course = self._chains.get(self.tallies.index(tally))
            if course is not None:
                event, entry = findings.closed_event(finding, fired, self.streams)
                self._count_all(course, event, entry, 0, found)
        if self._bounded and until > self.closed:
            self.closed = until
        return found + list(self.judges.absences.findings(until, self.lanes))

    def close_again(self, until: Micros) -> None:
        """Windows that were judged before a restart are judged again, silently; their ordinals are restored apart."""
        for _ in self._closed(until, findings.Ordinals()):
            pass
        self.closed = max(self.closed, until)

    def _closed(
        self, until: Micros, ordinals: findings.Ordinals, *, is_final: bool = False
    ) -> Iterator[tuple[Tally, Closed, Fired, str]]:
        """The windows with which episodes begin, and the ids of their findings; other episodes go on."""
        for index in self._bounded:
            tally = self.tallies[index]
            for closed in tally.close(until if is_final else until - tally.late):
                self._touched.add((index, closed.key))
                if closed.fired is not None:
                    identity = findings.closed_id(tally.rule.about, closed.begin, closed.digest, ordinals)
                    source, *_ = self.streams[closed.fired.entries[-1]]
                    episode = episode_of(identity, source, closed.known.digits, closed.fired, closed.end)
                    tally.begin(closed.key, episode, self.floor)
                    yield tally, closed, closed.fired, identity

    def tick(self, now: Micros | None) -> list[Finding]:
        """Windows that have closed because time has passed: as far as every source has come, where `now` is given
        leaving out those that have been silent for a minute longer than rules allow lateness.
        """
        if not (self._bounded or self.judges.absences) or not self.lanes:
            return []
        reached = [lane.reached(now) for lane in self.lanes.values()]
        known = [time for time in reached if time is not None]
        return self.close(min(known)) if known and len(known) == len(reached) else []

    def _begun(self, tally: Tally, values: list[str], event: Event, fired: Fired, number: int, subject: int) -> Finding:
        identity = findings.finding_id(tally.rule.about, event, self.ordinals)
        self._note_ordinal()
        if number >= 0 and tally.rule.about is self.rules.detections[number].about:
            because = self.judges.because(tally.rule.about)
            return findings.of_detection(self.rules.detections[number], event, identity, subject, because)
        return findings.of_window(tally, values, event, fired, identity, self.streams)

    def _note_ordinal(self) -> None:
        if self._is_kept:
            self.journal.ordinals.append(next(reversed(self.ordinals.seen)))

    def count_again(self, counted: Counted, waited: tuple[str, Summary] | None = None) -> None:
        """Count an event as it was counted before a restart; an episode that began then begins again, silently."""
        index, key, entry, floor, source, finding, digits = counted
        tally = self.tallies[index]
        if waited is not None:
            tally.wait(key, entry, *waited, floor)
            return
        tally.recall(finding)
        held = tally.insert(key, entry, floor)
        if isinstance(held, Fired) and finding is not None:
            tally.begin(key, episode_of(finding, source, digits, held), floor)
        elif held is not None and tally.multiples:
            tally.escalated(key)

    def forget_news(self) -> None:
        """What was restored has been told before."""
        self._touched.clear()
        for tally in self.tallies:
            tally.forget_news()

    def sweep(self) -> None:
        """Forget some of the groups that have long been silent. Changes no finding; to be called now and then."""
        for tally in self.tallies:
            tally.sweep(self.floor)
        self.judges.sweep(self.floor)

    def updates(self) -> list[Finding]:
        """How the episodes that went on since this was last asked stand now."""
        found = self.floods.updates(self.tallies)
        found += [findings.of_episode(tally.rule, *told) for tally in self.tallies for told in tally.take_parted()]
        found += [
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
        finding = findings.of_episode(tally.rule, *tally.told(key, episode))
        episode.subjects = set()
        episode.has_news = False
        return finding

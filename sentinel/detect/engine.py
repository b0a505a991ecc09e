"""The engine: blocks in, findings out. Pure and deterministic: the same bytes give the same findings.

`matches` finds, source by source, the events that match rules; `correlate` counts them (see `counting`). `judge` does
both for one block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sentinel.clock import HOUR, MINUTE, Micros
from sentinel.detect import access
from sentinel.detect.correlate import Tally
from sentinel.detect.counting import Counting
from sentinel.detect.course import Course, clear
from sentinel.detect.entries import LENGTH_BITS, LONGEST
from sentinel.detect.fields import single
from sentinel.detect.floods import make_room
from sentinel.detect.hashes import Hashes
from sentinel.detect.judges import Judges
from sentinel.detect.lane import WATCH, Lane, Match, Purpose, SourceView
from sentinel.detect.redact import Redaction
from sentinel.detect.rules import RuleSet
from sentinel.detect.unusual.travel import PlaceOf, nowhere
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
        self.purpose = purpose
        self._room = room
        self.rules = rules
        self.hash_text = purpose.gatherer.hash_text if purpose.gatherer else Hashes(key).__getitem__
        self._entries = tuple(entries)
        self.lanes: dict[str, Lane] = {}
        self.judges = Judges(rules, self.hash_text, places)
        self._people = access.People(identity, self.judges.sessions.user_of, self.judges.sessions.learner)
        self.redaction = Redaction(rules, self.hash_text)
        self.counting = Counting(rules, self.judges, self.hash_text, self.lanes, is_kept=purpose.keeps_state)
        self.tallies, self.streams = self.counting.tallies, self.counting.streams
        self.high: dict[str, Micros] = {}
        for view in sources:
            self.open_lane(view)
        self._unweighed = 0

    def open_lane(self, view: SourceView) -> None:
        """From now on blocks of this source can be judged."""
        rules = self.rules
        self.counting.courses.known[view.name] = {}
        self.judges.open_source(view)
        self.lanes[view.name] = Lane(
            view, rules.detections, rules.correlations, self._entries, self._people, self.purpose
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
        counting, hash_text = self.counting, self.hash_text
        latest = NEVER if now is None else now + AHEAD
        for match in matches:
            event = match.event
            if event.block is not block:
                block = event.block
                stream, offset = self.streams.number(block.source, block.stream), block.offset
                courses = self.counting.courses.known[block.source]
                high = self.high.get(block.source, -1)
            time = event.time
            if time > high:
                high = self._watermark(block.source, time, high, latest)
            course = courses.get(match.rules)
            if course is None:
                course = self._course(self.judges.kept(match), block.source)
            subject = event.fields.get(access.SUBJECT)
            subject = hash_text(subject) if type(subject) is str else self._subject(event, course)
            found += [counting.detected(number, event, subject) for number in course.detected]
            if course.counted:
                place = offset + event.start << LENGTH_BITS | min(event.end - event.start, LONGEST)
                counting.count(course, event, (time, 0, subject, place, stream), high - time, found)
            self._unweighed += 1
            if self._unweighed >= WEIGHED_EVERY:
                make_room(self.tallies, self._room, counting.floor)
                self._unweighed = -2 * sum(len(tally.groups) for tally in self.tallies)
                found += counting.flooded(event)
        return found

    def _course(self, rules: tuple[int, ...], source: str) -> Course:
        return self.counting.courses.course(rules, self.lanes[source].view)

    def group(self, match: Match, tally: Tally) -> tuple[list[str] | None, int]:
        """The group of a rule that counts the event, in clear and as its key; None where a field of it is missing."""
        course = self._course(match.rules, match.event.block.source)
        fields = match.event.fields
        for place in (step.grouping for step in course.counted if step.tally is tally):
            key = course.numbers[place](fields)
            if key is not None:
                return clear(fields, course.groupings[place]), key
        return None, 0

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
            self.counting.floor = time
        else:
            least = max(self.high.values()) - BEHIND
            self.counting.floor = least if len(self.high) < len(self.lanes) else max(least, min(self.high.values()))

    def _subject(self, event: Event, course: Course) -> int:
        """The keyed hash of whose data it is, where the inventory did not say it in one word; 0 for nobody."""
        words = single(event.fields.get(access.SUBJECT))
        if not words:
            words = next((found for get in course.subjects if (found := single(get(event.fields)))), None)
        return self.hash_text(words) if words else 0

    @property
    def is_bounded(self) -> bool:
        """Whether some rule is judged when its windows are over."""
        return self.counting.is_bounded

    def close(self, until: Micros) -> list[Finding]:
        """The findings of windows that end before that time, but for what may still come late."""
        return self.counting.close(until)

    def settle(self) -> None:
        """Count all that waits to be counted. Changes no finding; to be called before windows are looked at."""
        self.counting.settle()

    def updates(self) -> list[Finding]:
        """How the episodes that went on since this was last asked stand now."""
        return self.counting.updates()

    def sweep(self) -> None:
        """Forget some of the groups that have long been silent. Changes no finding; to be called now and then."""
        self.counting.sweep()

    def finish(self) -> list[Finding]:
        """Nothing is to come any more: the findings of windows that ended before the newest event of any source."""
        ends = [lane.last_event for lane in self.lanes.values() if lane.last_event is not None]
        return self.counting.close(max(ends), is_final=True) if ends else []

    def tick(self, now: Micros | None) -> list[Finding]:
        """Windows that have closed because time has passed: as far as every source has come, where `now` is given
        leaving out those that have been silent for a minute longer than rules allow lateness.
        """
        if not (self.counting.is_bounded or self.judges.absences) or not self.lanes:
            return []
        reached = [lane.reached(now) for lane in self.lanes.values()]
        known = [time for time in reached if time is not None]
        return self.counting.close(min(known)) if known and len(known) == len(reached) else []

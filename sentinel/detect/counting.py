"""Counting: each match into the windows of its correlations, and what comes of it as findings.

What must survive a restart is here; `sentinel.detect.state` turns it into bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from operator import itemgetter

from sentinel.clock import Micros
from sentinel.detect import findings
from sentinel.detect.backlog import KEY, Backlog, Backlogs, Numbers, Share
from sentinel.detect.correlate import Tally
from sentinel.detect.counters import HashText
from sentinel.detect.course import Course, Courses, Grouping, Step, clear, quieted
from sentinel.detect.entries import Entry
from sentinel.detect.episodes import Closed, Episode, Fired, Summary, episode_of
from sentinel.detect.floods import Floods
from sentinel.detect.journal import Counted, Journal, Streams
from sentinel.detect.judges import Judges
from sentinel.detect.lane import Lane
from sentinel.detect.rules import RuleSet
from sentinel.model import Event, Finding

_place = itemgetter(0)


class Counting:
    """Every tally, and what was counted since it was last saved. `floor`: no event older than that is still to come,
    but for what rules allow.
    """

    def __init__(
        self,
        rules: RuleSet,
        judges: Judges,
        hash_text: HashText,
        lanes: Mapping[str, Lane],
        *,
        is_kept: bool,
    ) -> None:
        self.rules = rules
        self.judges = judges
        self._lanes = lanes
        self._is_kept = is_kept
        self.tallies = [judges.tally(each) for each in (*rules.correlations, *quieted(rules))]
        self.courses = Courses(rules, self.tallies, hash_text, judges.numbers)
        self._bounded = [index for index, tally in enumerate(self.tallies) if tally.rule.bounds is not None]
        self._chains = self.courses.chained()
        self.closed: Micros = 0
        self.floor: Micros = 0
        self.streams = Streams()
        self.ordinals = findings.Ordinals()
        self.journal = Journal()
        self._touched: set[tuple[int, int]] = set()
        self.floods = Floods()
        self._backlogs: dict[tuple[str, ...], Backlogs] = {}
        for index, tally in enumerate(self.tallies):
            tally.tell_evicted = partial(self._evicted, index)
            tally.backlogs = self._backlogs.setdefault(
                tally.rule.group_by, Backlogs(self._note_waiting if is_kept else None)
            )
            tally.backlogs.members += tally.is_patient

    @property
    def is_bounded(self) -> bool:
        """Whether some rule is judged when its windows are over."""
        return bool(self._bounded)

    def count(self, course: Course, event: Event, entry: Entry, behind: Micros, found: list[Finding]) -> None:
        """Count one event, so far behind its source's newest, in every tally it is for."""
        fields = event.fields
        numbers = [number(fields) for number in course.numbers]
        if behind > course.late:
            self._count_apart(course, numbers, event, entry, behind, found)
            return
        if None in numbers:
            course = course.lacking(numbers)
        time, _, subject, place, stream = entry
        floor, digits = self.floor, event.digits
        at_once: Sequence[Step] = course.apart
        begins: list[tuple[int, Share]] = []
        for share in course.shares:
            key = numbers[share.key]
            assert key is not None, "what lacks its group is counted apart"
            steps = share.backlogs.put(key, share, numbers, time, subject, place, stream, floor, digits)
            if steps:
                at_once = [*at_once, *steps]
                if steps is share.steps:
                    begins.append((key, share))
        for tally, name in course.groupless:
            tally.note_lack(name)
        for tally in course.valueless:
            tally.uncounted += 1
        if at_once:
            # In the order of the rules, whatever waits: so are the findings of one event.
            in_order = at_once if at_once is course.apart else sorted(at_once, key=_place)
            self._count_each(in_order, course, numbers, event, entry, behind, found)
        for key, share in begins:
            share.backlogs.begin(key, share, numbers, time)

    def _count_apart(
        self, course: Course, numbers: Numbers, event: Event, entry: Entry, behind: Micros, found: list[Finding]
    ) -> None:
        """Count one event in every tally by itself."""
        for step in course.counted:
            key = numbers[step.grouping]
            if key is not None:
                step.tally.backlogs.close(key)
        self._count_each(course.counted, course, numbers, event, entry, behind, found)

    def _count_each(
        self,
        steps: Sequence[Step],
        course: Course,
        numbers: Numbers,
        event: Event,
        entry: Entry,
        behind: Micros,
        found: list[Finding],
    ) -> None:
        time, _, subject, place, stream = entry
        floods = self.floods
        for step in steps:
            index, tally, _, grouping, number, late, is_plain, looks = step
            key, value = numbers[grouping], numbers[number]
            if behind > late:
                self._lanes[event.block.source].counts.late += 1
                continue
            if key is None:
                tally.note_missing(event.fields, course.groupings[grouping])
                continue
            if value is None:
                tally.uncounted += 1
                continue
            if looks:
                tally.look(key, course.groupings[grouping], event)
            counted = time, value, subject, place, stream
            held = tally.insert(key, counted, self.floor) if is_plain else None
            if held is not None or floods.new or not is_plain:
                self._judge_window(course.groupings[grouping], step, event, key, counted, held, found)
            elif self._is_kept:
                self._note(index, key, counted, tally.noted, event)

    def detected(self, number: int, event: Event, subject: int) -> Finding:
        """The finding that the event is by the detection of that number."""
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
            found += self.flooded(event)
            return
        if self.floods.new:
            found += self.flooded(event)
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
            numbers = [number(fields) for number in course.numbers]
            self._count_apart(course, numbers, chained, (finding.fired_at, *entry[1:]), 0, found)

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

    def _note_waiting(self, key: int, backlog: Backlog) -> None:
        """Remember what is handed over until it is saved."""
        share, width = backlog.share, backlog.share.row.size // 8
        for start in range(0, len(backlog.events), width):
            event = backlog.events[start : start + width]
            time, subject, place, stream, floor, digits = event[:KEY]
            for step, window, column in backlog.windows:
                entry = (time, event[column], subject, place, stream)
                self.journal.inserted.append((step.place, key, entry, floor, share.source, window.noted, digits))

    def _evicted(self, index: int, keys: list[int]) -> None:
        self.floods.note(index, len(keys))
        if self._is_kept:
            self.journal.evicted.append((len(self.journal.inserted), index, keys))

    def flooded(self, event: Event) -> list[Finding]:
        """The findings of groups that were given up since this was last asked, with this event."""
        found = self.floods.begun(self.tallies, event, self.ordinals)
        for _ in found:
            self._note_ordinal()
        return found

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
                numbers = [number(event.fields) for number in course.numbers]
                self._count_apart(course, numbers, event, entry, 0, found)
        if self._bounded and until > self.closed:
            self.closed = until
        return found + list(self.judges.absences.findings(until, self._lanes))

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

    def settle(self) -> None:
        """Count all that waits to be counted, as far as anything may be told of it."""
        for backlogs in self._backlogs.values():
            backlogs.settle()
        for index, tally in enumerate(self.tallies):
            self._touched.update((index, key) for key in tally.settle())

    def forget_news(self) -> None:
        """What was restored has been told before."""
        self.settle()
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
        self.settle()
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

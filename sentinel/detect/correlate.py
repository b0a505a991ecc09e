"""Counting: matched events into windows, windows into episodes, episodes into findings.

An episode of (rule, group) begins with the event at which the condition first holds and ends when the condition has
not held for the rule's quiet time, of event time. One episode is one finding; while it goes on the finding is updated.
Group keys, counted values and subjects are keyed hashes here; clear values come with the event that completes a window
and leave with its finding.
"""

from __future__ import annotations

import math
from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import Any

from sentinel.clock import Micros
from sentinel.detect.fields import Getter, getter, single
from sentinel.detect.measures import NUMERIC, TEMPORAL, Measure, bits_of, measure_of
from sentinel.detect.rules import Correlation
from sentinel.detect.windows import PRUNED_FROM, STRIDE, Window
from sentinel.model import Event

Entry = tuple[int, int, int, int, int]
HashText = Callable[[str], int]
MOST_EVIDENCE = 100
SEPARATOR = "\x1f"


@dataclass(slots=True)
class Episode:
    """One finding while it can still grow. The condition is known to hold from `held_from` to `held_at`, with gaps
    shorter than the quiet time. `told` is the highest multiple of the threshold already told of.
    """

    finding: str
    source: str
    digits: int
    first_seen: Micros
    fired_at: Micros
    held_from: Micros
    held_at: Micros
    value: float
    events: int
    told: int = 1
    held_again: int = 0
    has_news: bool = False
    subjects: set[int] = field(default_factory=set)


class Group:
    """One group of one correlation. `episodes` are those that an event may still belong to, the last begun last.
    `waiting` are the events with which a window begins that is not judged yet: time and digest of the record.
    """

    __slots__ = ("episodes", "waiting", "window")

    def __init__(self, *, distinct: bool = False, measure: Measure | None = None) -> None:
        self.window = Window(distinct=distinct, measure=measure)
        self.episodes: tuple[Episode, ...] = ()
        self.waiting: list[tuple[Micros, str]] = []


@dataclass(slots=True)
class Fired:
    """The condition began to hold: the window's entries and what was counted in it.

    An event that comes late may fill several windows at once: `at` is the end of the first, `until` of the last, and
    `value` the most that was counted in one.
    """

    at: Micros
    until: Micros
    value: float
    entries: list[int]


@dataclass(frozen=True, slots=True)
class Closed:
    """A window that can change no more and whose measure is within the rule's bounds: the group's key, the event it
    begins with, the moment it ended, and what it comes to; None where an episode goes on with it.
    """

    key: int
    begin: Micros
    end: Micros
    digest: str
    fired: Fired | None


@dataclass(frozen=True, slots=True)
class Summary:
    """What is known of a group from its newest event, for a finding that no event completes. In clear: it is saved
    only sealed, as all of the state is.
    """

    values: tuple[str, ...]
    case_key: tuple[tuple[str, str], ...]
    actors: tuple[str, ...]
    systems: tuple[str, ...]
    categories: tuple[str, ...]
    digits: int
    verified: bool
    historical: bool


Counter = Callable[[Mapping[str, Any]], int | None]
"""The fields of an event -> what stands for it in a window; None where the event has nothing to count."""


def _distinct(names: Sequence[str], hash_text: HashText) -> Counter:
    """The keyed hash of the value, of the tuple of values for several fields; None where one is missing."""
    getters = [getter(name) for name in names]
    only = names[0] if len(names) == 1 else None

    def counted(fields: Mapping[str, Any]) -> int | None:
        if only is not None:
            value = fields.get(only)
            if type(value) is str:
                return hash_text(value)
        values = [single(get(fields)) for get in getters]
        known = [value for value in values if value is not None]
        return hash_text(SEPARATOR.join(known)) if len(known) == len(values) else None

    return counted


Told = tuple[Episode, Micros, int | None]
"""An episode, the time of its last event, and how many data subjects its last window is about; None for unknown."""


class Tally:
    """All groups of one correlation: the state that must survive a restart.

    `late`: how much older than its source's newest an event may be. `multiples`: of the threshold, at which an episode
    is told of again.
    """

    def __init__(self, rule: Correlation, hash_text: HashText) -> None:
        self.rule = rule
        self.distinct = rule.kind == "value_count"
        self.measure = measure_of(rule)
        self.summaries: dict[int, Summary] = {}
        self._parted: list[Told] = []
        self._due: list[tuple[Micros, int]] = []
        self._unswept: list[int] = []
        self.groups: dict[int, Group] = {}
        self.evicted = 0
        self.missing: dict[str, int] = {}
        self._hash = hash_text
        self._group_by: list[tuple[str, Getter]] = [(name, getter(name)) for name in rule.group_by]
        self._span = rule.timespan
        self._quiet = rule.quiet
        self._threshold = rule.threshold if rule.bounds is None else math.inf
        self.late = rule.about.additions.runtime.late
        self._most = rule.about.additions.runtime.max_groups
        self.multiples = rule.about.additions.suppress.multiples

    def fields_of_group(self, rule: str) -> tuple[str, ...]:
        """The fields of the group in events that match this rule (its key): aliases name another field a rule."""
        return tuple(self.rule.aliases.get(name, {}).get(rule, name) for name in self.rule.group_by)

    def note_missing(self, fields: Mapping[str, Any], names: Sequence[tuple[str, Getter]]) -> None:
        """The event has no group here: it is dropped, and the first field it lacks is counted."""
        missing = next(name for name, get in names if single(get(fields)) is None)
        self.missing[missing] = self.missing.get(missing, 0) + 1

    def peek(self, event: Event) -> list[str] | None:
        """The event's group in clear; None where a field of it is missing."""
        values = [single(get(event.fields)) for _, get in self._group_by]
        known = [value for value in values if value is not None]
        return known if len(known) == len(values) else None

    def counter(self, rule: str) -> Counter | None:
        """What of an event that matches this rule (its key) is counted; None where events are."""
        kind = self.rule.kind
        if kind == "event_count":
            return None
        if kind in TEMPORAL:
            number = self.rule.order.index(rule)
            return lambda _: number
        names = [self.rule.aliases.get(name, {}).get(rule, name) for name in self.rule.fields]
        if kind in NUMERIC:
            get = getter(names[0])
            return lambda fields: bits_of(get(fields))
        return _distinct(names, self._hash)

    def insert(self, key: int, entry: Entry, floor: Micros) -> Fired | None:
        """Count one event; what fired, if an episode begins with it. No event older than `floor` is still to come in
        time from any source, but for the rule's lateness.
        """
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= self._most:
                self._evict()
            group = self.groups[key] = Group(distinct=self.distinct, measure=self.measure)
        window = group.window
        size = window.add(entry, self._span)
        if window.head > PRUNED_FROM:
            # A window that is still to be judged begins with the first that waits, however far the log has come since.
            oldest = min(floor, entry[0], group.waiting[0][0] if group.waiting else floor)
            window.forget(oldest - self.late - self._span)
        if size is not None:
            return self._held(group, entry, ((entry[0], size),)) if size >= self._threshold else None
        held = window.insert(entry, self._span, self._threshold)
        return self._held(group, entry, held) if held else None

    def _held(self, group: Group, entry: Entry | None, held: Sequence[tuple[Micros, float]]) -> Fired | None:
        """With this event the condition holds in windows that end at these times, less than a timespan apart: an
        episode begins, or goes on. None for an event that was counted before.
        """
        first, last = held[0][0], held[-1][0]
        for episode in reversed(group.episodes):
            if last > episode.held_from - self._quiet and first < episode.held_at + self._quiet:
                self._go_on(group.window, episode, entry, held)
                return None
        most = max(size for _, size in held)
        return Fired(first, last, most, list(group.window.between(first - self._span, last)))

    def _go_on(
        self, window: Window, episode: Episode, entry: Entry | None, held: Sequence[tuple[Micros, float]]
    ) -> None:
        """The event belongs to the episode, and so do events around it that did not while they were too few."""
        first, last = held[0][0], held[-1][0]
        begin = first - self._span
        more = [
            *window.between(begin, min(last, episode.held_from - self._span)),
            *window.between(max(begin, episode.held_at), last),
        ]
        if entry is not None and episode.held_from - self._span < entry[0] <= episode.held_at:
            more += entry
        episode.events += len(more) // STRIDE
        episode.subjects.update(subject for subject in more[2::STRIDE] if subject)
        episode.first_seen = min([episode.first_seen, *more[::STRIDE]])
        episode.held_from = min(first, episode.held_from)
        episode.held_at = max(last, episode.held_at)
        episode.value = max(episode.value, *(size for _, size in held))
        episode.held_again += 1
        episode.has_news = True

    def wait(self, key: int, entry: Entry, digest: str, floor: Micros) -> None:
        """As `insert`, for a rule with bounds: the event begins a window that is judged when it can change no more."""
        self.insert(key, entry, floor)
        group = self.groups[key]
        insort(group.waiting, (entry[0], digest))
        heappush(self._due, (entry[0] + self._span, key))

    def close(self, until: Micros) -> Iterator[Closed]:
        """The windows that end before that time and are within the bounds. Each is without the moment it ends at."""
        bounds = self.rule.bounds
        while self._due and self._due[0][0] <= until - self.late:
            end, key = heappop(self._due)
            group = self.groups.get(key)
            if group is None or not group.waiting or bounds is None or group.waiting[0][0] + self._span != end:
                continue
            begin, digest = group.waiting.pop(0)
            value = group.window.size_of(begin - 1, end - 1)
            if bounds.hold(value):
                yield Closed(key, begin, end, digest, self._held(group, None, ((end - 1, value),)))

    def restore_waiting(self, key: int) -> None:
        """The group's windows are to be judged when they can change no more, as before a restart."""
        for begin, _ in self.groups[key].waiting:
            heappush(self._due, (begin + self._span, key))

    def begin(self, key: int, episode: Episode, floor: Micros) -> None:
        """The episode of the finding that fired; earlier ones are kept while an event that comes late may be theirs."""
        group = self.groups[key]
        over = min(floor, episode.fired_at) - self.late - self._quiet
        self._part(key, [each for each in group.episodes if each.held_at <= over])
        group.episodes = (*(each for each in group.episodes if each.held_at > over), episode)

    def _part(self, key: int, episodes: Iterable[Episode]) -> None:
        """These episodes are no longer kept; what has not been told of them yet still is."""
        self._parted += [self.told(key, each) for each in episodes if each.has_news]

    def take_parted(self) -> list[Told]:
        """The episodes that are no longer kept, to be told of now."""
        parted, self._parted = self._parted, []
        return parted

    def forget_news(self) -> None:
        """Nothing is to be told of any episode."""
        self._parted.clear()
        for group in self.groups.values():
            for episode in group.episodes:
                episode.subjects = set()
                episode.has_news = False

    def told(self, key: int, episode: Episode) -> Told:
        """What is to be told of an episode of the group besides what it says itself: of the last window that held."""
        entries = self.groups[key].window.between(episode.held_at - self._span, episode.held_at)
        # A window that is judged when it closes ends later than its last event.
        seen = entries[-STRIDE] if entries and self.rule.bounds is not None else episode.held_at
        return episode, seen, len(set(entries[2::STRIDE]) - {0}) or None

    def escalated(self, key: int) -> list[Episode]:
        """Episodes of the group that have newly reached a multiple of the threshold that the rule wants to hear of."""
        found = []
        for episode in self.groups[key].episodes:
            reached = [each for each in self.multiples if each > episode.told]
            reached = [each for each in reached if episode.value >= each * self._threshold]
            if reached:
                episode.told = reached[-1]
                found.append(episode)
        return found

    def sweep(self, floor: Micros, most: int = 1000) -> None:
        """Look at some more of the groups and forget those that no event in time can reach any more."""
        if not self._unswept:
            self._unswept = list(self.groups)
        over = floor - self.late - max(self._span, self._quiet)
        for key in self._unswept[-most:]:
            group = self.groups.get(key)
            if group is not None and not group.waiting and _last(group) <= over:
                del self.groups[key]
                self.summaries.pop(key, None)
        del self._unswept[-most:]

    def _evict(self) -> None:
        """Drop the least suspicious tenth: those furthest from the threshold, the longest silent first."""
        ranked = sorted(self.groups.items(), key=lambda pair: (_heat(pair[1], self._threshold), _last(pair[1])))
        for key, group in ranked[: max(1, len(ranked) // 10)]:
            self._part(key, group.episodes)
            del self.groups[key]
            self.evicted += 1


def _heat(group: Group, threshold: float) -> float:
    return 1.0 if group.episodes else group.window.size / threshold


def _last(group: Group) -> Micros:
    entries = group.window.entries
    return entries[-STRIDE] if entries else 0


def rows(entries: list[int]) -> Iterator[Entry]:
    """Entries one by one."""
    for start in range(0, len(entries), STRIDE):
        time, value, subject, place, stream = entries[start : start + STRIDE]
        yield time, value, subject, place, stream

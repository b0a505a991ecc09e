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
from heapq import heappop, heappush
from operator import itemgetter
from typing import Any

from sentinel.clock import Micros
from sentinel.detect.backlog import Backlogs
from sentinel.detect.crowded import Crowded, most_entries
from sentinel.detect.entries import STRIDE, Entry
from sentinel.detect.episodes import Closed, Episode, Fired, Summary, Told, Waiting
from sentinel.detect.fields import Getter, single
from sentinel.detect.measures import TEMPORAL, measure_of
from sentinel.detect.rules import Correlation
from sentinel.detect.windows import PRUNED_FROM, Window
from sentinel.model import Event

MOST_EVIDENCE = 100
UNCOUNTED = 64
"""So many events may be appended to any group's window before they are counted, and more where it has many."""
GROUP_BYTES = 600
"""What a group takes besides its entries, measured."""
VALUE_BYTES = 100
"""What a distinct value takes besides."""


class Group:
    """One group of one correlation. `episodes` are those that an event may still belong to, the last begun last.
    `waiting` are the events with which a window begins that is not judged yet.
    """

    __slots__ = ("episodes", "waiting", "window")

    def __init__(self, window: Window) -> None:
        self.window = window
        self.episodes: tuple[Episode, ...] = ()
        self.waiting: list[Waiting] = []


class Tally:
    """All groups of one correlation: the state that must survive a restart.

    `late`: how much older than its source's newest an event may be. `multiples`: of the threshold, at which an episode
    is told of again.  `noted` is what is kept of the last
    event instead of a finding, where the threshold was reached and the windows are not unusual. `tell_evicted` hears
    which groups were given up; None while what was counted is counted again, for then it is known already. `looks`: it
    wants to see events before they are counted; `watched` are the fields, besides those of the group, that matter then.
    `backlogs` is where events wait; in the groups that are `unsettled` an episode may have gone on uncounted.
    """

    noted: str | None = None
    looks = False
    watched: tuple[str, ...] = ()

    def __init__(self, rule: Correlation) -> None:
        self.rule = rule
        self.distinct = rule.kind == "value_count"
        self.measure = measure_of(rule)
        self._is_by_presence = rule.kind in TEMPORAL and rule.expression is None
        self._parted: list[Told] = []
        self._due: list[tuple[Micros, int]] = []
        self._unswept: list[int] = []
        self.groups: dict[int, Group] = {}
        self.evicted = 0
        self.tell_evicted: Callable[[list[int]], None] | None = lambda _: None
        self.missing: dict[str, int] = {}
        self.uncounted = 0
        self._span = rule.timespan
        self._quiet = rule.quiet
        self._threshold = self._least = rule.threshold if rule.bounds is None else math.inf
        self.late = rule.about.additions.runtime.late
        self._most = rule.about.additions.runtime.max_groups
        self._most_entries = most_entries(rule)
        self._crowd = self._most_entries * STRIDE
        self.multiples = rule.about.additions.suppress.multiples
        self.backlogs = Backlogs()
        self.unsettled: set[int] = set()
        self._goes_on_alone = rule.bounds is None and self.measure is None

    def note_missing(self, fields: Mapping[str, Any], names: Sequence[tuple[str, Getter]]) -> None:
        """The event has no group here: it is dropped, and the first field it lacks is counted."""
        self.note_lack(next(name for name, get in names if single(get(fields)) is None))

    def note_lack(self, field: str) -> None:
        """The event is dropped for it lacks that field of the group."""
        self.missing[field] = self.missing.get(field, 0) + 1

    def insert(self, key: int, entry: Entry, floor: Micros) -> Fired | Episode | None:
        """Count one event; what fired, if an episode begins with it, or the episode that goes on with it. No event
        older than `floor` is still to come in time from any source, but for the rule's lateness.
        """
        group = self.groups.get(key)
        if group is None:
            if len(self.groups) >= self._most and self.tell_evicted is not None:
                self.evict(floor)
            group = self.groups[key] = self.new_group(key)
        window = group.window
        if window.take(entry):
            if window.episode is not None:
                self.unsettled.add(key)
            return None
        if len(window.entries) >= self._crowd:
            self.backlogs.close(key)
            window = self._thin(group, self._settled(group, entry, floor))
        size = window.add(entry)
        if window.head > PRUNED_FROM:
            window.forget(self._settled(group, entry, floor) - self._span)
        if size is None:
            held = window.insert(entry, self._least)
            return self._held(group, entry, held) if held else None
        found = self._held(group, entry, ((entry[0], size),)) if size >= self._least else None
        if not isinstance(window, Crowded):
            self._allow(group, size, entry[0])
        return found

    def new_group(self, key: int) -> Group:  # noqa: ARG002  (of some windows it is learned what the group comes to)
        """A group without an event."""
        return Group(Window(self._span, distinct=self.distinct, measure=self.measure))

    def _allow(self, group: Group, size: float, time: Micros) -> None:
        """Let events be appended as long as none of them can begin an episode, or bring one to where it is told of."""
        window = group.window
        episode = group.episodes[-1] if group.episodes and self._goes_on_alone else None
        if episode is not None and time < episode.held_at + self._quiet:
            window.episode, window.least, window.until = episode, self._least, episode.held_at + self._quiet
            multiples = (each * self._threshold for each in self.multiples if each > episode.told)
            self._let(window, size, min(multiples, default=math.inf))
        else:
            self._let(window, size, self._least)

    def _let(self, window: Window, size: float, limit: float) -> None:
        """Let events be appended to the window, which comes to that size, as long as it cannot come to the limit, is
        not crowded, and not much of what it has may be of no use any more.
        """
        length = len(window.entries)
        much = max(UNCOUNTED * STRIDE, (length - window.head) // 4)
        room = min(self._crowd - length, much) // STRIDE if size < limit else 0
        window.fresh = math.ceil(min(limit - size, room + 1)) - 1 if room > 0 else 0
        if self.measure is not None:
            room = room if self._is_by_presence else 0
        elif window.counts is None:
            room = window.fresh
        window.full = length + room * STRIDE

    def settle(self) -> set[int]:
        """Count what episodes may have gone on with; the keys of their groups."""
        unsettled, self.unsettled = self.unsettled, set()
        for key in unsettled:
            if key in self.groups:
                self.groups[key].window.settle()
        return unsettled

    @property
    def is_patient(self) -> bool:
        """Whether an event need not be counted at once where nothing can come of it."""
        return self.rule.bounds is None and (self.measure is None or self._is_by_presence)

    def catch_up(self, key: int) -> None:
        """Learn what the group has come to since this was last asked."""

    def look(self, key: int, names: Sequence[tuple[str, Getter]], event: Event) -> None:
        """See of an event that is about to be counted what judges want to know; `names` are those of its group."""

    def recall(self, finding: str | None) -> None:
        """The event that is about to be counted again had this finding, or this noted."""

    def because(self) -> tuple[str, ...]:
        """Why the windows that fired last were unusual."""
        return ()

    def crowded(self, window: Window, depth: int, newest: Micros, dropped: list[Micros]) -> Crowded:
        """A window that is as crowded as it was when it was saved."""
        found = Crowded(self.rule, window, self._most_entries)
        found.depth, found.newest, found.dropped = depth, newest, dropped
        return found

    def _settled(self, group: Group, entry: Entry, floor: Micros) -> Micros:
        """No window of the group that ends before that time will be judged again."""
        # A window that is still to be judged begins with the first that waits, however far the log has come since.
        return min(floor, entry[0], group.waiting[0][0] if group.waiting else floor) - self.late

    def _thin(self, group: Group, settled: Micros) -> Window:
        """Let go of what no window needs, and where that is not enough of more: from then on it is estimated."""
        window = group.window
        window.cut(settled - self._span)
        if len(window.entries) > self._crowd * 3 // 4:
            if not isinstance(window, Crowded):
                window = group.window = Crowded(self.rule, window, self._most_entries)
            window.thin(settled)
        return window

    def _held(self, group: Group, entry: Entry | None, held: Sequence[tuple[Micros, float]]) -> Fired | Episode | None:
        """With this event the condition holds in windows that end at these times, less than a timespan apart: an
        episode begins, or goes on. No entry: of an event that was counted before.
        """
        first, last = held[0][0], held[-1][0]
        for episode in reversed(group.episodes):
            if last > episode.held_from - self._quiet and first < episode.held_at + self._quiet:
                self._go_on(group.window, episode, entry, held)
                return episode
        most = max(size for _, size in held)
        entries = list(group.window.between(first - self._span, last))
        return Fired(first, last, most, entries or list(entry or ()), group.window.is_estimate(first - self._span))

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
        is_among = entry is None or window.holds(entry)
        if entry is not None and (episode.held_from - self._span < entry[0] <= episode.held_at or not is_among):
            more += entry
        episode.subjects.update(subject for subject in more[2::STRIDE] if subject)
        episode.first_seen = min([episode.first_seen, *more[::STRIDE]])
        most = max(size for _, size in held)
        episode.go_on(len(more) // STRIDE, first, last, most, is_estimate=window.is_estimate(begin))

    def wait(self, key: int, entry: Entry, digest: str, known: Summary, floor: Micros) -> None:
        """As `insert`, for a rule with bounds: the event begins a window that is judged when it can change no more."""
        self.insert(key, entry, floor)
        group = self.groups[key]
        if group.waiting and group.waiting[-1][2] == known:
            known = group.waiting[-1][2]  # one for all of them
        insort(group.waiting, (entry[0], digest, known), key=itemgetter(0, 1))
        heappush(self._due, (entry[0] + self._span, key))

    def close(self, until: Micros) -> Iterator[Closed]:
        """The windows that have ended by that time and are within the bounds. Each is without the moment it ends at."""
        bounds = self.rule.bounds
        while self._due and self._due[0][0] <= until:
            end, key = heappop(self._due)
            group = self.groups.get(key)
            if group is None or not group.waiting or bounds is None or group.waiting[0][0] + self._span != end:
                continue
            begin, digest, known = group.waiting.pop(0)
            value = group.window.size_of(begin - 1, end - 1)
            # That there were few cannot be told from an estimate.
            if bounds.hold(value) and not group.window.is_estimate(begin - 1):
                held = self._held(group, None, ((end - 1, value),))
                yield Closed(key, begin, end, digest, known, held if isinstance(held, Fired) else None)

    def restore_waiting(self, key: int) -> None:
        """The group's windows are to be judged when they can change no more, as before a restart."""
        for begin, *_ in self.groups[key].waiting:
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
        window, begin = self.groups[key].window, episode.held_at - self._span
        # A window that is judged when it closes ends later than its last event.
        entries = window.between(begin, episode.held_at) if self.rule.bounds is not None else None
        seen = entries[-STRIDE] if entries else episode.held_at
        return episode, seen, window.people(begin, episode.held_at) or None

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
        self.backlogs.settle()
        if not self._unswept:
            self._unswept = list(self.groups)
        over = floor - self.late - max(self._span, self._quiet)
        for key in self._unswept[-most:]:
            group = self.groups.get(key)
            if group is not None and not group.waiting and group.window.last <= over:
                self._let_go(key)
        del self._unswept[-most:]

    def evict(self, floor: Micros) -> None:
        """Give up the least suspicious tenth: first those that no event can reach any more, then those furthest from
        the threshold, the longest silent first.
        """
        self.backlogs.settle()
        over = floor - self.late - max(self._span, self._quiet)
        # Equal ones by their key, so that a restart, which brings groups back in another order, changes nothing.
        ranked = sorted((_heat(group, self._threshold, over), key) for key, group in self.groups.items())
        keys = [key for _, key in ranked[: max(1, len(ranked) // 10)]]
        self.give_up(keys)
        if self.tell_evicted is not None:
            self.tell_evicted(keys)

    def give_up(self, keys: Iterable[int]) -> None:
        """These groups are not kept, and counted as evicted."""
        for key in keys:
            group = self.groups.get(key)
            if group is not None:
                group.window.settle()
                self._part(key, group.episodes)
                self._let_go(key)
                self.evicted += 1

    def _let_go(self, key: int) -> None:
        self.backlogs.close(key)
        self.groups.pop(key).window.settle()

    def weight(self) -> int:
        """About how many bytes the groups take."""
        self.backlogs.settle()
        total = GROUP_BYTES * len(self.groups)
        for group in self.groups.values():
            window = group.window
            window.settle()
            total += 8 * len(window.entries) + (VALUE_BYTES * len(window.counts) if window.counts is not None else 0)
        return total


def _heat(group: Group, threshold: float, over: Micros) -> tuple[bool, float, Micros]:
    last = group.window.last
    is_reachable = last > over or bool(group.waiting)
    return is_reachable, 1.0 if group.episodes else group.window.size / threshold, last

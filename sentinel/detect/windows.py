"""One group's sliding window: exact, on event time, in integer microseconds; a window is (t - span, t].

Entries (see `entries`) stand in one array, sorted by time. Events are inserted on arrival, in time order; one that
comes late but not too late recounts every window it falls into.

Nothing is counted before it can matter. One event brings a count up by one at most, and a count of values only by a
value that was not among them; so a window that is far enough from what would be told takes events by appending them
alone, and counts them and what has left it all at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct

from sentinel.clock import Micros
from sentinel.detect.entries import STRIDE, Entry
from sentinel.detect.episodes import Episode
from sentinel.detect.measures import Measure

_packed = Struct(f"={STRIDE}q").pack
PRUNED_FROM = 64 * STRIDE
"""Below so many entries before the window nothing is dropped."""
ALWAYS: Micros = 1 << 62
"""Later than any time."""


class Window:
    """The entries of one group. With `counts`, distinct values are counted by reference; with a measure, it reads the
    values; else events are counted.

    `counts` are of the window that ended at the last entry before the place `counted`, and began at `head`. Up to the
    length `full` and the time `until` entries may be appended before they are counted, with at most `fresh` values that
    are not in `counts`, and with a measure only with the value of the last one. `noted` is what is kept of them. They
    belong to the `episode`, where one goes on, as far as their windows come to `least`.
    """

    __slots__ = (
        "counted", "counts", "entries", "episode", "fresh", "full", "head", "least", "measure", "noted", "span",
        "until",
    )  # fmt: skip

    def __init__(self, span: Micros, *, distinct: bool = False, measure: Measure | None = None) -> None:
        self.span = span
        self.entries: array[int] = array("q")
        self.head = 0
        self.counted = 0
        self.full = self.fresh = 0
        self.until: Micros = ALWAYS
        self.noted: str | None = None
        self.episode: Episode | None = None
        self.least: float = 0
        self.counts: dict[int, int] | None = {} if distinct else None
        self.measure = measure

    @property
    def size(self) -> float:
        """What the window that ends at the last entry comes to."""
        self.settle()
        return self._size(self.head, len(self.entries), self.counts, 0)

    @property
    def last(self) -> Micros:
        """The time of the newest event; 0 where there is none."""
        return self.entries[-STRIDE] if self.entries else 0

    def is_estimate(self, after: Micros) -> bool:  # noqa: ARG002  (for a crowded window it matters)
        """Whether windows that begin at that time are known by an estimate only: never, here."""
        return False

    def holds(self, entry: Entry) -> bool:  # noqa: ARG002  (for a crowded window it matters)
        """Whether an entry that was added is among the entries: always, here."""
        return True

    def people(self, after: Micros, until: Micros) -> int:
        """How many data subjects the entries are about that are later than the one time and not than the other."""
        return len(set(self.between(after, until)[2::STRIDE]) - {0})

    def _size(
        self,
        left: int,
        right: int,
        counts: dict[int, int] | None,
        after: Micros,  # noqa: ARG002  (for a crowded window it matters)
    ) -> float:
        """What the entries between two places come to; `counts` are their distinct values, where these are counted, and
        `after` is the time at which the window begins.
        """
        if self.measure is not None:
            return self.measure(self.entries[left + 1 : right : STRIDE], self.entries[left:right:STRIDE])
        return len(counts) if counts is not None else (right - left) // STRIDE

    def size_of(self, after: Micros, until: Micros) -> float:
        """What the entries later than the one time and not later than the other come to."""
        left, right = self._after(after), self._after(until)
        counts = dict.fromkeys(self.entries[left + 1 : right : STRIDE], 1) if self.counts is not None else None
        return self._size(left, right, counts, after)

    def take(self, entry: Entry) -> bool:
        """Append an entry that need not be counted yet; false, and nothing done, where it must be."""
        entries = self.entries
        if not len(entries) < self.full or not entries[-STRIDE] <= entry[0] < self.until:
            return False
        if self.counts is not None and entry[1] not in self.counts:
            if self.fresh < 1:
                return False
            self.fresh -= 1
        if self.measure is not None and entry[1] != entries[1 - STRIDE]:
            return False
        entries.frombytes(_packed(*entry))
        return True

    def extend(self, entries: array[int], values: set[int]) -> None:
        """Append several entries, of these values, that need not be counted yet."""
        self.entries.extend(entries)
        if self.counts is not None:
            self.fresh -= len(values.difference(self.counts))

    def add(self, entry: Entry) -> float | None:
        """Append an entry that is not older than the last one, and say what its window comes to; None, and nothing
        done, where it is older.
        """
        entries = self.entries
        if entries and entry[0] < entries[-STRIDE]:
            return None
        self._look_again()
        entries.frombytes(_packed(*entry))
        return self.size

    def _look_again(self) -> None:
        """The next entry is judged by itself."""
        if self.episode is not None:
            self.settle()
            self.episode = None
        self.full, self.until, self.noted = 0, ALWAYS, None

    def settle(self) -> None:
        """Count the entries that were appended, and count out those that are no longer in the last one's window."""
        if self.counted == len(self.entries):
            return
        if self.episode is not None:
            self._go_on(self.episode)
        else:
            self.count_all()

    @property
    def loses_some(self) -> bool:
        """Whether some entries are no longer in the last one's window, and not counted out yet."""
        return self.entries[self.head] <= self.entries[-STRIDE] - self.span

    def count_all(self) -> int:
        """Count what was appended all at once; what the last one's window comes to by number."""
        entries, counts, head = self.entries, self.counts, self.head
        limit = entries[-STRIDE] - self.span
        if counts is None:
            while entries[head] <= limit:
                head += STRIDE
        else:
            for value in entries[self.counted + 1 :: STRIDE]:
                counts[value] = counts.get(value, 0) + 1
            while entries[head] <= limit:
                _count_out(counts, entries[head + 1])
                head += STRIDE
        self.head, self.counted = head, len(entries)
        return self._number()

    def _number(self) -> int:
        return (self.counted - self.head) // STRIDE if self.counts is None else len(self.counts)

    def count_each(self) -> Iterator[tuple[int, Micros, int]]:
        """Count what was appended one by one: the place and time of each, and what its window comes to by number."""
        entries, counts, span = self.entries, self.counts, self.span
        for place in range(self.counted, len(entries), STRIDE):
            time = entries[place]
            limit = time - span
            if counts is not None:
                value = entries[place + 1]
                counts[value] = counts.get(value, 0) + 1
            while entries[self.head] <= limit:
                if counts is not None:
                    _count_out(counts, entries[self.head + 1])
                self.head += STRIDE
            self.counted = place + STRIDE
            yield place, time, self._number()

    def _go_on(self, episode: Episode) -> None:
        """The episode goes on with what was appended, as far as the condition holds with it."""
        entries, before = self.entries, self.counted
        if self._number() >= self.least and not self.loses_some:
            count, number = (len(entries) - before) // STRIDE, self.count_all()
            episode.go_on(count, entries[before], entries[-STRIDE], number, times=count)
            episode.subjects.update(entries[before + 2 :: STRIDE])
        else:
            # Behind those that the episode has; of one moment several may come.
            first = min(before, self._after(episode.held_at))
            for place, time, number in self.count_each():
                if number >= self.least:
                    begin = max(first, self.head)
                    first = place + STRIDE
                    episode.go_on((first - begin) // STRIDE, time, time, number)
                    episode.subjects.update(entries[begin + 2 : first : STRIDE])
        episode.subjects.discard(0)

    def insert(self, entry: Entry, threshold: float) -> list[tuple[Micros, float]]:
        """Insert an older entry; the ends of those windows with it that reach the threshold, and what they come to."""
        self.settle()
        self._look_again()
        entries = self.entries
        time, last = entry[0], entries[-STRIDE]
        place = self._after(time)
        entries[place:place] = array("q", entry)
        self.counted += STRIDE
        if time > last - self.span:
            if self.counts is not None:
                self.counts[entry[1]] = self.counts.get(entry[1], 0) + 1
        else:
            self.head += STRIDE
        return [(end, size) for end, size in self._ends(time) if size >= threshold]

    def _after(self, time: Micros) -> int:
        """The index behind the last entry that is not later than the time."""
        low, high = 0, len(self.entries) // STRIDE
        while low < high:
            middle = (low + high) // 2
            if self.entries[middle * STRIDE] <= time:
                low = middle + 1
            else:
                high = middle
        return low * STRIDE

    def _ends(self, time: Micros) -> Iterator[tuple[Micros, float]]:
        """Every window that holds an entry of this time: its end and what it comes to."""
        entries, span = self.entries, self.span
        left = self._after(time - span)
        right = left
        counts: dict[int, int] = {}
        stop = self._after(time + span - 1)
        while right < stop:
            end = entries[right]
            counts[entries[right + 1]] = counts.get(entries[right + 1], 0) + 1
            right += STRIDE
            while entries[left] <= end - span:
                value = entries[left + 1]
                counts[value] -= 1
                if not counts[value]:
                    del counts[value]
                left += STRIDE
            if end >= time and (right >= len(entries) or entries[right] != end):
                yield end, self._size(left, right, counts if self.counts is not None else None, end - span)

    def between(self, after: Micros, until: Micros) -> array[int]:
        """The entries later than the one time and not later than the other."""
        entries = self.entries
        if after >= until or not entries:
            return array("q")
        if entries[-STRIDE] <= until and (len(entries) == STRIDE or entries[-2 * STRIDE] <= after):
            return entries[-STRIDE:] if entries[-STRIDE] > after else array("q")
        return entries[self._after(after) : self._after(until)]

    def forget(self, until: Micros) -> None:
        """Drop entries up to that time that no window needs any more, when they are half of all: cheap on average."""
        if self.head * 2 >= len(self.entries):
            self.cut(until)

    def cut(self, until: Micros) -> None:
        """Drop entries up to that time that no window needs any more."""
        self.settle()
        cut = min(self._after(until), self.head)
        if cut:
            del self.entries[:cut]
            self.head -= cut
            self.counted -= cut

    def restore(self, entries: array[int]) -> None:
        """Take over saved entries, sorted by time."""
        self.entries = entries
        self.head = self._after(entries[-STRIDE] - self.span) if entries else 0
        self.counted = len(entries)
        if self.counts is not None:
            self.counts = {}
            for value in entries[self.head + 1 :: STRIDE]:
                self.counts[value] = self.counts.get(value, 0) + 1


def _count_out(counts: dict[int, int], value: int) -> None:
    left = counts[value] - 1
    if left:
        counts[value] = left
    else:
        del counts[value]

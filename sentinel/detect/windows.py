"""One group's sliding window: exact, on event time, in integer microseconds; a window is (t - span, t].

Entries stand in one array, sorted by time, five numbers each: time, keyed hash of the counted value, keyed hash of
the data subject (0: none), where the record stands (offset and length in one number), and its stream. Events are
inserted on arrival, in time order; one that comes late but not too late recounts every window it falls into.

Nothing is counted before it can matter: one event brings a count up by one at most, so a window that is short of its
threshold by `room` takes so many events by appending them alone, and counts them and what has left it all at once.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct

from sentinel.clock import Micros
from sentinel.detect.measures import Measure

Entry = tuple[int, int, int, int, int]
"""The five numbers of an event."""

STRIDE = 5
packed = Struct(f"={STRIDE}q").pack
PRUNED_FROM = 64 * STRIDE
"""Below so many entries before the window nothing is dropped."""
LENGTH_BITS = 24
LONGEST = (1 << LENGTH_BITS) - 1


class Window:
    """The entries of one group. With `counts`, distinct values are counted by reference; with a measure, it reads the
    values; else events are counted.

    `counts` are of the window that ended at the last entry before the place `counted`, and began at `head`. `room` is
    how many events it takes to bring the count up to the threshold, 0 where that is not known. Below 0 it is for so
    many events with the value of the last one.
    """

    __slots__ = ("counted", "counts", "entries", "head", "measure", "room", "span")

    def __init__(self, span: Micros, *, distinct: bool = False, measure: Measure | None = None) -> None:
        self.span = span
        self.entries: array[int] = array("q")
        self.head = 0
        self.counted = 0
        self.room: float = 0
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
        """Append an entry that cannot bring the count up to the threshold; false, and nothing done, where it may or
        where it is older than the last one.
        """
        room, entries = self.room, self.entries
        if room <= 1:
            return room < 0 and self._take_alike(entry)
        if entry[0] < entries[-STRIDE]:
            return False
        self.room = room - 1
        entries.frombytes(packed(*entry))
        return True

    def _take_alike(self, entry: Entry) -> bool:
        """The same where the last entry's value, once more, cannot bring the measure up."""
        entries = self.entries
        if entry[1] != entries[1 - STRIDE] or entry[0] < entries[-STRIDE]:
            return False
        self.room += 1
        entries.frombytes(packed(*entry))
        return True

    def add(self, entry: Entry) -> float | None:
        """Append an entry that is not older than the last one, and say what its window comes to; None, and nothing
        done, where it is older.
        """
        entries = self.entries
        if entries and entry[0] < entries[-STRIDE]:
            return None
        self.room = 0
        entries.frombytes(packed(*entry))
        return self.size

    def settle(self) -> None:
        """Count the entries that were appended, and count out those that are no longer in the last one's window."""
        entries, head, counts = self.entries, self.head, self.counts
        if self.counted == len(entries):
            return
        limit = entries[-STRIDE] - self.span
        if counts is None:
            while entries[head] <= limit:
                head += STRIDE
        else:
            for value in entries[self.counted + 1 :: STRIDE]:
                counts[value] = counts.get(value, 0) + 1
            while entries[head] <= limit:
                value = entries[head + 1]
                left = counts[value] - 1
                if left:
                    counts[value] = left
                else:
                    del counts[value]
                head += STRIDE
        self.head, self.counted = head, len(entries)

    def insert(self, entry: Entry, threshold: float) -> list[tuple[Micros, float]]:
        """Insert an older entry; the ends of those windows with it that reach the threshold, and what they come to."""
        self.settle()
        self.room = 0
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


def place(number: int) -> tuple[int, int]:
    """Offset and length of a record from the one number that an entry has for them: 39 bits and 24."""
    return number >> LENGTH_BITS, number & LONGEST


def rows(entries: list[int]) -> Iterator[Entry]:
    """Entries one by one."""
    for start in range(0, len(entries), STRIDE):
        time, value, subject, place, stream = entries[start : start + STRIDE]
        yield time, value, subject, place, stream

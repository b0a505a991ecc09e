"""A window of one group in which there is more than is kept: what is read off it is an estimate, and it says so.

Rules of this file, by what is counted:

1. Different values. An older event of a value that came again is let go of first: that changes no count in order. Where
   there are still too many values, a sample of them is kept, by the low bits of their keyed hash: at depth d every
   value whose hash ends in d zero bits, with all its events, and the count is that of the sample times 2^d (adaptive
   sampling: P. Flajolet, "On adaptive sampling", Computing 43, 1990). With at least m values in the sample the standard
   error is about 1/sqrt(m); nobody without the key can choose values that are left out.
2. Events, averages, medians, percentiles: a sample of the events, by a hash of where they stand, in the same way.
3. Sums lose nothing: what came in the same small part of the window is joined, and leaves it together.
4. Which rules have matched: as 1; a few values never need a sample. For an order of rules only the older half is
   thinned.

A window (t - span, t] is as coarse as the coarsest that was let go of in it: when was it, is known for each depth. So a
window is exact again one span after the crowd has gone.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from struct import Struct

from sentinel.clock import Micros
from sentinel.detect.entries import STRIDE, Entry
from sentinel.detect.measures import NUMERIC, TEMPORAL
from sentinel.detect.rules import Correlation
from sentinel.detect.windows import Window

ABOVE = 4
"""A window holds at least so many times the threshold, so that what decides whether a rule fires is exact."""

LIMIT: int = 1 << 20
"""But never more entries than that, whatever the threshold: 40 MiB."""

_pair = Struct("=q")
_double = Struct("=d")


def most_entries(rule: Correlation) -> int:
    """How many entries a group of the rule may have before it is crowded."""
    additions = rule.about.additions
    wanted = 0 if rule.kind in NUMERIC else ABOVE * rule.threshold * max((1, *additions.suppress.multiples))
    return int(min(max(additions.runtime.max_events, wanted), LIMIT))


class Crowded(Window):
    """The entries that are kept of one group. `depth` is that of the sample now, `dropped` when the last entry was let
    go of at each depth, `newest` the time of the last event, kept or not.
    """

    __slots__ = ("depth", "dropped", "is_bounded", "kind", "most", "newest", "ranks")

    def __init__(self, rule: Correlation, window: Window, most: int) -> None:
        super().__init__(rule.timespan, distinct=window.counts is not None, measure=window.measure)
        self.kind = rule.kind
        self.is_bounded = rule.bounds is not None
        self.most = most
        self.depth = 0
        self.dropped: list[Micros] = []
        self.ranks = [0] * 64
        self.newest: Micros = window.last
        self._take(window.entries)

    @property
    def last(self) -> Micros:
        """The time of the newest event, kept or not."""
        return self.newest

    @property
    def size(self) -> float:
        """What the window that ends at the newest event comes to."""
        after = self.newest - self.span
        if self.measure is not None:
            return self._size(self.head, len(self.entries), None, after)
        coarse = self._coarse(after)
        return sum(self.ranks[coarse:]) << coarse

    def is_estimate(self, after: Micros) -> bool:
        """Whether windows that begin at that time are known by an estimate only."""
        return self._coarse(after) > 0

    def holds(self, entry: Entry) -> bool:
        """Whether an entry that was added is among those that are kept."""
        return not self.depth or self._level(*entry[:2], *entry[3:]) >= self.depth

    def people(self, after: Micros, until: Micros) -> int:
        """How many data subjects the window is about: as the count, where it is a sample of values."""
        entries = self.between(after, until)
        coarse = self._coarse(after) if self.kind == "value_count" else 0
        found = {each[2] for each in _rows(entries) if each[2] and self._level(*each[:2], *each[3:]) >= coarse}
        return len(found) << coarse

    # --- adding --------------------------------------------------------------------------------------------

    def settle(self) -> None:
        """Everything is counted as it comes."""

    def add(self, entry: Entry) -> float | None:
        """As for a window that keeps all."""
        if entry[0] < self.newest:
            return None
        self._slide(entry[0])
        self._put(entry, len(self.entries))
        return self.size

    def insert(self, entry: Entry, threshold: float) -> list[tuple[Micros, float]]:
        """As for a window that keeps all."""
        place = self._after(entry[0])
        if entry[0] <= self.newest - self.span:
            if self.holds(entry):
                self.entries[place:place] = array("q", entry)
                self.head += STRIDE
        else:
            self._put(entry, place)
        return [(end, size) for end, size in self._ends(entry[0]) if size >= threshold]

    def _put(self, entry: Entry, place: int) -> None:
        if self.holds(entry):
            self.entries[place:place] = array("q", entry)
            self._count(place, 1)
        else:
            self._drop(self._level(*entry[:2], *entry[3:]), entry[0])

    def _slide(self, now: Micros) -> None:
        """The window ends now; where few are left in it the sample may be of more."""
        self.newest = now
        entries, limit = self.entries, now - self.span
        while self.head < len(entries) and entries[self.head] <= limit:
            self._count(self.head, -1)
            self.head += STRIDE
        while self.depth and 4 * self._in_window() <= self.most:
            self.depth -= 1

    def _in_window(self) -> int:
        return len(self.counts) if self.counts is not None else (len(self.entries) - self.head) // STRIDE

    def _count(self, place: int, more: int) -> None:
        """An entry comes into the window that ends at the newest event, or leaves it."""
        time, value, _, where, stream = self.entries[place : place + STRIDE]
        counts = self.counts
        if counts is not None:
            left = counts.get(value, 0) + more
            is_other = not left or (left == 1 and more > 0)
            if left:
                counts[value] = left
            else:
                del counts[value]
            if not is_other:
                return
        self.ranks[self._level(time, value, where, stream)] += more

    def restore(self, entries: array[int]) -> None:
        """Take over saved entries, sorted by time; `newest` is set before."""
        self._take(entries)

    def _take(self, entries: array[int]) -> None:
        self.entries = entries
        self.head = self._after(self.newest - self.span)
        self.ranks = [0] * 64
        if self.counts is not None:
            self.counts = {}
        for place in range(self.head, len(entries), STRIDE):
            self._count(place, 1)

    # --- reading -------------------------------------------------------------------------------------------

    def _level(self, time: Micros, value: int, where: int, stream: int) -> int:
        """The depth down to which the entry is in the sample."""
        number = value if self.kind == "value_count" else hash((time, where, stream))
        return (number & -number).bit_length() - 1 if number else 63

    def _coarse(self, after: Micros) -> int:
        """The depth of the sample that windows beginning at that time are read off."""
        return next((depth for depth in range(len(self.dropped), 0, -1) if self.dropped[depth - 1] > after), 0)

    def _size(self, left: int, right: int, counts: dict[int, int] | None, after: Micros) -> float:
        coarse = self._coarse(after)
        entries = self.entries[left:right]
        if self.measure is not None:
            if coarse and self.kind not in ("value_sum", *TEMPORAL):
                entries = _joined(each for each in _rows(entries) if self._level(*each[:2], *each[3:]) >= coarse)
            return self.measure(entries[1::STRIDE], entries[::STRIDE]) if entries else 0
        if counts is not None:
            return sum(self._level(0, value, 0, 0) >= coarse for value in counts) << coarse
        return sum(self._level(*each[:2], *each[3:]) >= coarse for each in _rows(entries)) << coarse

    # --- letting go ----------------------------------------------------------------------------------------

    def thin(self, settled: Micros) -> None:
        """Keep at most half of what may be kept. No event is still to come that is older than `settled`."""
        half = self.most // 2 * STRIDE
        if self.kind == "value_sum":
            self._join()
        elif self.kind == "temporal_ordered":
            self._let_repeats_go(self.entries[len(self.entries) // STRIDE // 2 * STRIDE], settled)
        elif self.kind in ("value_count", "temporal"):
            self._let_repeats_go(settled, settled)
            if len(self.entries) > half:
                self._let_repeats_go(self.newest, settled)
        while len(self.entries) > half and self.kind not in ("value_sum", *TEMPORAL):
            self._deepen()

    def _let_repeats_go(self, until: Micros, settled: Micros) -> None:
        """Of each value, keep those entries that no other follows up to that time.

        A window that ends before the newest event, and is judged when it is over, may miss some of them then.
        """
        if until > settled and self.is_bounded:
            self._drop(0, until)
        following: dict[int, Micros] = {}
        kept = []
        for each in _rows(self.entries, backwards=True):
            if following.get(each[1], until + 1) > until:
                kept.append(each)
            following[each[1]] = each[0]
        self._take(_joined(reversed(kept)))

    def _deepen(self) -> None:
        """Every second value, or event, is in the sample no more."""
        self.depth += 1
        kept = []
        for each in _rows(self.entries):
            level = self._level(*each[:2], *each[3:])
            if level >= self.depth:
                kept.append(each)
            else:
                self._drop(level, each[0])
        self._take(_joined(kept))

    def _drop(self, level: int, time: Micros) -> None:
        self.dropped += [0] * (level + 1 - len(self.dropped))
        self.dropped[level] = max(self.dropped[level], time)

    def _join(self) -> None:
        """What came in the same part of the time becomes one, where the last of it stood."""
        first = self.entries[0]
        part = (self.newest - first) * 4 // self.most + 1
        joined: list[tuple[int, ...]] = []
        for each in _rows(self.entries):
            if joined and (joined[-1][0] - first) // part == (each[0] - first) // part:
                joined[-1] = (each[0], _added(joined[-1][1], each[1]), *each[2:])
                self._drop(0, each[0])
            else:
                joined.append(each)
        self._take(_joined(joined))


def _added(one: int, other: int) -> int:
    """The bits of the sum of two doubles that stand in entries as their bits."""
    numbers = (_double.unpack(_pair.pack(each))[0] for each in (one, other))
    return int(_pair.unpack(_double.pack(sum(numbers)))[0])


def _rows(entries: array[int], *, backwards: bool = False) -> Iterator[tuple[int, ...]]:
    places = range(0, len(entries), STRIDE)
    for place in reversed(places) if backwards else places:
        yield tuple(entries[place : place + STRIDE])


def _joined(rows: Iterator[tuple[int, ...]] | list[tuple[int, ...]]) -> array[int]:
    entries: array[int] = array("q")
    for each in rows:
        entries.extend(each)
    return entries

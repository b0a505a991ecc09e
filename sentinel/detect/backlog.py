"""Events of one group that its windows have not been given yet, because none of them can fire by them.

Correlations that group by the same fields mostly count the same events, and to give each event to each of their windows
costs more than all else. A window says what it may be given before it must look (see `windows`). For those that may be
given some, events go into one list, the backlog of the group, and each gets the whole list at once: when one of them
has to look, and before anybody asks for what is in the windows. Windows that must look at nearly each event get it at
once.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct
from typing import TYPE_CHECKING

from sentinel.clock import Micros
from sentinel.detect.entries import STRIDE
from sentinel.detect.windows import ALWAYS, Window

if TYPE_CHECKING:
    from sentinel.detect.course import Step

TIME, SUBJECT, PLACE, STREAM, FLOOR, DIGITS, KEY = range(7)
"""Columns of an event in a backlog; what is counted of it stands behind them."""

FEW = 8
"""A window that may be given fewer events than so many gets each at once."""

Numbers = Sequence[int | None]
"""What a course has found out of an event: keys of groups, and what is counted."""


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """What of a course has its events in one backlog for each group. `key` is the place of the group's key among the
    numbers; `watched` are the places of those that must be as they were; `columns` say where each step's value stands.
    """

    backlogs: Backlogs
    source: str
    steps: tuple[Step, ...]
    key: int
    watched: tuple[int, ...]
    pick: Callable[[Numbers], tuple[int, ...]]
    columns: tuple[int, ...]
    row: Struct

    def without(self, lacks: Sequence[bool]) -> Share | None:
        """The same of the steps whose numbers are there."""
        steps = [step for step in self.steps if not lacks[step.grouping] and not lacks[step.value]]
        return self if len(steps) == len(self.steps) else _share(self.backlogs, self.source, steps, self.watched)


def shared(source: str, steps: Sequence[Step], watched: Mapping[tuple[str, ...], int]) -> Iterator[Share]:
    """The steps that can share backlogs, each group's together. `watched` says which number stands for what is."""
    together: dict[tuple[int, int], list[Step]] = {}
    places = Counter(step.place for step in steps)
    for step in steps:
        backlogs = step.tally.backlogs
        # A correlation that counts an event twice must see it twice in turn.
        if backlogs.members > 1 and places[step.place] == 1 and step.tally.is_patient:
            together.setdefault((id(backlogs), step.grouping), []).append(step)
    for each in together.values():
        fields = dict.fromkeys(step.tally.watched for step in each)
        share = _share(each[0].tally.backlogs, source, each, [watched[names] for names in fields if names])
        if share is not None:
            yield share


def _share(backlogs: Backlogs, source: str, steps: Sequence[Step], watched: Sequence[int]) -> Share | None:
    if not steps:
        return None
    values = list(dict.fromkeys(step.value for step in steps))
    return Share(
        backlogs=backlogs,
        source=source,
        steps=tuple(steps),
        key=steps[0].grouping,
        watched=tuple(watched),
        pick=itemgetter(steps[0].grouping, *values),
        columns=tuple(KEY + 1 + values.index(step.value) for step in steps),
        row=Struct(f"={KEY + 1 + len(values)}q"),
    )


class Backlog:
    """The events of one group that wait. There is `room` for so many more, later than `last` and before `until`.

    `windows` are those that they wait for, with what each counts; the steps in `eager` wait for nothing. Where windows
    are near to what would be told, `known` are the values that all of these have counted, by their place among the
    numbers, and `fresh` is how many others may come.
    """

    __slots__ = ("_all", "eager", "events", "fresh", "known", "last", "room", "share", "until", "watched", "windows")

    def __init__(self, share: Share, windows: Sequence[Window]) -> None:
        self.share = share
        self.events: array[int] = array("q")
        self._all = tuple(zip(share.steps, windows, share.columns, strict=True))

    def look(self, last: Micros, watched: list[int | None]) -> None:
        """So much may wait, now that every window was given an event of that time."""
        self.last, self.watched = last, watched
        least = FEW * STRIDE
        self.windows = [each for each in self._all if each[1].full - len(each[1].entries) >= least]
        waiting = [window for _, window, _ in self.windows]
        self.eager: tuple[Step, ...] = ()
        if len(waiting) < len(self._all):
            self.eager = tuple(step for step, window, _ in self._all if window not in waiting)
        self.room = room = min([each.full - len(each.entries) for each in waiting], default=least) // STRIDE
        self.until = min([each.until for each in waiting], default=ALWAYS)
        self.known: dict[int, set[int]] = {}
        self.fresh: dict[int, int] = {}
        for step, window, _ in self.windows:
            if window.counts is not None and window.fresh < room:
                known = self.known.get(step.value)
                self.known[step.value] = set(window.counts) if known is None else known & window.counts.keys()
                self.fresh[step.value] = min(window.fresh, self.fresh.get(step.value, room))

    def allows(self, numbers: Numbers) -> bool:
        """Whether no count of values comes to what would be told by these."""
        for place, known in self.known.items():
            value = numbers[place]
            if value is not None and value not in known:
                if self.fresh[place] < 1:
                    return False
                self.fresh[place] -= 1
                known.add(value)
        return True

    def hand_over(self) -> None:
        """Give every window what waits for it."""
        events, width = self.events, self.share.row.size // 8
        entries = array("q", bytes(8 * STRIDE * (len(events) // width)))
        for place, column in ((0, TIME), (2, SUBJECT), (3, PLACE), (4, STREAM)):
            entries[place::STRIDE] = events[column::width]
        known, values = 0, set[int]()
        for step, window, column in self.windows:
            if column != known:
                entries[1::STRIDE] = events[column::width]
                known, values = column, set(events[column::width])
            window.extend(entries, values)
            if window.episode is not None:
                step.tally.unsettled.add(self.events[KEY])
        del events[:]


class Backlogs(dict[int, Backlog]):
    """The backlogs of all groups by certain fields. `members` is how many correlations have theirs here. `note` hears
    of what is handed over.
    """

    def __init__(self, note: Callable[[int, Backlog], None] | None = None) -> None:
        super().__init__()
        self.members = 0
        self._note = note
        self._filled: set[int] = set()

    def put(self, key: int, share: Share, numbers: Numbers, time: Micros, *more: int) -> Sequence[Step]:
        """Let the event wait, but for the steps that are to count it at once; all where some window must look at it,
        which then has all that waited before.
        """
        backlog = self.get(key)
        if backlog is None:
            return share.steps
        if (
            backlog.room < 1
            or backlog.share is not share
            or not backlog.last <= time < backlog.until
            or (share.watched and [numbers[place] for place in share.watched] != backlog.watched)
            or (backlog.known and not backlog.allows(numbers))
        ):
            self.hand_over(key)
            return share.steps
        if not backlog.events:
            self._filled.add(key)
        backlog.room -= 1
        backlog.last = time
        backlog.events.frombytes(share.row.pack(time, *more, *share.pick(numbers)))
        return backlog.eager

    def begin(self, key: int, share: Share, numbers: Numbers, time: Micros) -> None:
        """Every window of the group has been given an event of that time: from now on others may wait."""
        backlog = self.get(key)
        if backlog is None or backlog.share is not share:
            groups = [step.tally.groups.get(key) for step in share.steps]
            windows = [group.window for group in groups if group is not None]
            # Another correlation's finding may have been counted meanwhile, and groups given up.
            if len(windows) < len(groups) or any(window.last > time for window in windows):
                self.pop(key, None)
                return
            backlog = self[key] = Backlog(share, windows)
        backlog.look(time, [numbers[place] for place in share.watched])

    def hand_over(self, key: int) -> None:
        """Give the windows of the group what waits for them."""
        backlog = self.get(key)
        if backlog is not None and backlog.events:
            if self._note is not None:
                self._note(key, backlog)
            backlog.hand_over()
            self._filled.discard(key)

    def close(self, key: int) -> None:
        """The same, and let none wait until all windows were given an event again."""
        self.hand_over(key)
        self.pop(key, None)

    def settle(self) -> None:
        """Give all windows what waits for them."""
        filled, self._filled = self._filled, set()
        for key in filled:
            self.hand_over(key)

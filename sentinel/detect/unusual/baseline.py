"""Whether a window stands higher than is usual for this group at this hour of the week.

What is usual is read off the group's own history (`history`): how high it stood at the same hour of the week, in each
week in which it did anything; of that hour and the two beside it the highest counts, for people come early and leave
late. Where these are fewer than `FEW`, every day on which it did anything is looked at instead. Only days that are over
are, so an event that comes late changes no limit. A limit is worked out once an hour, and only for a group that has
reached the threshold of the rule.

Median and median absolute deviation: Leys et al., "Detecting outliers", J. Exp. Soc. Psychol. 49 (2013). The deviation
counts as at least `floor` and the square root of the median, which is what independent events scatter by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from sentinel.clock import DAY, HOUR, QUARTER, SECOND, Micros, to_datetime
from sentinel.detect.part import Part, Words
from sentinel.detect.unusual.history import History, unpacked
from sentinel.detect.unusual.judge import Judge
from sentinel.durations import Duration

FEW = 3
"""Weeks that say something of an hour of the week."""

AROUND = 3
"""Days before and after, which are the week of a day."""

LONGEST: Micros = 90 * DAY

_FORM = 2
"""Of the bytes of a history: cells of another form are not read."""

Ends = Sequence[tuple[Micros, float]]
"""The windows that an event fell into: when each ends and what it comes to."""


class ComparePart(Part):
    """How a value is compared with what was usual."""

    method: Literal["median_mad", "percentile", "ratio"] = "median_mad"
    factor: float | None = Field(None, gt=0, le=1000)
    floor: float = Field(1, ge=0, le=1_000_000)
    percentile: float = Field(99, gt=0, le=100)

    @property
    def times(self) -> float:
        """The factor, where none is given the usual one of the method."""
        usual = {"median_mad": 6.0, "percentile": 1.0, "ratio": 3.0}
        return self.factor if self.factor is not None else usual[self.method]


class PeersPart(Part):
    """Who is compared with whom: groups with the same value of a field, or in the same list."""

    by: Words = ()
    lists: Words = ()
    min_members: int = Field(5, ge=2, le=10_000)

    @model_validator(mode="after")
    def _one_way(self) -> PeersPart:
        if bool(self.by) == bool(self.lists):
            raise ValueError("peers are those with the same value of a field ('by') or in the same list ('lists')")
        return self


class BaselinePart(Part):
    """What is usual, how it is learned, and what holds before it is known."""

    per: Words = ()
    history: Duration = Field(28 * DAY, ge=7 * DAY, le=LONGEST)
    season: Literal["week", "day", "none"] = "week"
    against: Literal["own", "peers"] = "own"
    compare: ComparePart = ComparePart()
    min_hours: int = Field(40, ge=1, le=2000)
    cold_start: Literal["peers", "floor", "silent"] | None = None
    peers: PeersPart | None = None
    learn_from_findings: bool = False

    @model_validator(mode="after")
    def _has_peers(self) -> BaselinePart:
        if self.peers is None and "peers" in (self.cold_start, self.against):
            raise ValueError("who the peers are is not said: add 'peers: {by: FIELD}'")
        return self

    @property
    def identity(self) -> list[object]:
        """What decides what the cells mean: how long they are kept does not."""
        return [_FORM, *([self.peers.by, self.peers.lists] if self.peers is not None else [])]

    @property
    def start(self) -> str:
        """What holds while too little is known."""
        return self.cold_start or ("peers" if self.peers is not None else "floor")


class Hours:
    """The hours since 1970 in a zone, those of the last moments remembered."""

    def __init__(self, zone: ZoneInfo) -> None:
        self._zone = zone
        self._known: dict[int, int] = {}

    def of(self, time: Micros) -> int:
        """The number of the hour, by the clock on the wall of the zone."""
        quarter = time // QUARTER
        hour = self._known.get(quarter)
        if hour is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            hour = self._known[quarter] = self._hour(quarter * QUARTER)
        return hour

    def end_of(self, time: Micros) -> Micros:
        """When the hour is over."""
        hour, quarter = self.of(time), time // QUARTER + 1
        while self.of(quarter * QUARTER) == hour:
            quarter += 1
        return quarter * QUARTER

    def _hour(self, begin: Micros) -> int:
        offset = to_datetime(begin).astimezone(self._zone).utcoffset()
        return (begin // SECOND + (round(offset.total_seconds()) if offset is not None else 0)) // 3600


MOST_KNOWN = 4096
"""Quarters of an hour of which it is remembered in which hour they are."""


class Baseline(Judge[History]):
    """The histories of all groups of one correlation. `late` of the rule is at most an hour."""

    kind = "baseline"

    def __init__(self, part: BaselinePart, fingerprint: str, most: int, zone: ZoneInfo) -> None:
        super().__init__(fingerprint, most)
        self.part = part
        self._hours = Hours(zone)
        self._length = part.history // DAY
        self._limit_of = METHODS[part.compare.method]
        self._members: dict[int, set[int]] = {}
        self._of_peers: dict[tuple[int, int], tuple[float, dict[str, Any]] | None] = {}

    def judge(self, key: int, ends: Ends, threshold: float, peer: int = 0, at: Micros | None = None) -> bool:
        """Learn what the windows came to, and say whether one that reaches the threshold is higher than usual. `peer`
        is the keyed hash of the group's peer group, 0 where the event does not say it, `at` when the event was (where
        it is not the first end).
        """
        holds = False
        for end, size in ends:
            history = self.learn(key, ((end, size),), peer, at)
            if size >= threshold and self._is_unusual(history, self._hours.of(end), size):
                holds = True
        return holds

    def learn(self, key: int, tops: Ends, peer: int = 0, at: Micros | None = None) -> History:
        """Windows of the group came to so much, at these times."""
        history = self.cells.get(key)
        if history is None:
            history = self.put(key, History(self._hours.of(tops[0][0])))
        if peer and peer != history.peer:
            self._join(key, history, peer, self._hours.of(tops[0][0] if at is None else at))
        for end, size in tops:
            hour = self._hours.of(end)
            if hour == history.hour:
                history.top = max(history.top, size)
            else:
                history.note(hour, size, self._length)
        self.touched.add(key)
        return history

    def limit_at(self, key: int, time: Micros) -> tuple[float, Micros] | None:
        """What the group may come to in the hour of that time, as far as it was asked, and when that hour is over."""
        history = self.cells.get(key)
        if history is None or self.explains or history.limit_hour != self._hours.of(time):
            return None
        return history.limit, self._hours.end_of(time)

    def is_stranger(self, key: int, peer: int) -> bool:
        """Whether the group is not known to have these peers."""
        history = self.cells.get(key)
        return history is None or history.peer != peer

    def _is_unusual(self, history: History, hour: int, size: float) -> bool:
        if history.limit_hour != hour or self.explains:
            history.limit_hour = hour
            history.limit, history.is_own = self._limit(history, hour)
        holds = size > history.limit
        if holds and history.is_own and not self.part.learn_from_findings:
            history.find(hour)
        if self.explains:
            self.reason |= {"value": size, "holds": holds}
        return holds

    def _limit(self, history: History, hour: int) -> tuple[float, bool]:
        """What the hour may come to, and whether that is by what is known of the group."""
        part, today = self.part, hour // 24
        usable = history.usable(today, self._length)
        known = sum(mask.bit_count() for _, mask, _ in usable)
        is_known = known >= part.min_hours
        if is_known and part.against == "own":
            found = self._limit_of(part.compare, self._sample(history, usable, hour))
            self.reason = found[1] | {"by": "own history", "hours_known": known}
            return found[0], True
        if part.against == "peers" or part.start == "peers":
            peers = self._peers_limit(history.peer, hour)
            if peers is not None:
                self.reason = peers[1] | {"by": "peers", "hours_known": known}
                return peers[0], part.against == "peers"
        is_silent = part.start == "silent"
        self.reason = {"by": "the threshold alone" if not is_silent else "nothing yet", "hours_known": known}
        return (math.inf if is_silent else -math.inf), False

    def _sample(self, history: History, usable: Sequence[tuple[int, int, int]], hour: int) -> list[int]:
        """What the hours like this one came to."""
        today, now = divmod(hour, 24)
        if self.part.season == "none":
            each = ((mask, place, bit) for _, mask, place in usable for bit in range(24) if mask >> bit & 1)
            return [value for hour_ in each if (value := history.at(*hour_)) is not None]
        beside = range(max(0, now - 1), min(24, now + 2))
        if self.part.season == "week" and usable:
            by_day = {day: (mask, place) for day, mask, place in usable}
            weeks = (day for day in range(today - 7, usable[-1][0] - 1, -7) if _is_active(day, by_day))
            found = _highest(history, (by_day.get(day, (0, 0)) for day in weeks), beside)
            if len(found) >= FEW:
                return found
        return _highest(history, ((mask, place) for _, mask, place in usable), beside)

    def why_of(self, key: int, ends: Ends) -> str:
        """In words, what the windows of the group are compared with."""
        size = max(size for _, size in ends)
        history, hour = self.cells[key], self._hours.of(ends[-1][0])
        self._limit(history, hour)
        reason = self.reason
        if "usual" not in reason:
            return f"{size:g} before enough is known ({reason['hours_known']} of {self.part.min_hours} hours)"
        own = "any hour of its own" if self.part.season == "none" else "this hour"
        whose = "peers" if reason["by"] == "peers" else own
        usual = f"{reason['usual']:g} {'was the most' if reason.get('percentile') == 100 else 'is usual'}"
        return f"{size:g}, where {usual} for {whose} and {reason['limit']:g} the most"

    # --- peers ---------------------------------------------------------------------------------------------

    def _join(self, key: int, history: History, peer: int, hour: int) -> None:
        before = history.peer
        if history.join(peer, hour):
            self._members.get(before, set()).discard(key)
            self._members.setdefault(peer, set()).add(key)

    def _peers_limit(self, peer: int, hour: int) -> tuple[float, dict[str, Any]] | None:
        """By the histories of all peers together; None where too few of them are known well enough."""
        if (peer, hour) not in self._of_peers:
            if len(self._of_peers) > 10_000:
                self._of_peers.clear()
            self._of_peers[peer, hour] = self._ask_peers(peer, hour)
        return self._of_peers[peer, hour]

    def _ask_peers(self, peer: int, hour: int) -> tuple[float, dict[str, Any]] | None:
        assert self.part.peers is not None
        samples = []
        for key in [*self._members.get(peer, ())]:
            self.catch_up(key)
            history = self.cells.get(key)
            usable = history.usable(hour // 24, self._length) if history is not None else []
            if history is not None and sum(mask.bit_count() for _, mask, _ in usable) >= self.part.min_hours:
                samples.append(self._sample(history, usable, hour))
        if not peer or len(samples) < self.part.peers.min_members:
            return None
        limit, reason = self._limit_of(self.part.compare, [value for sample in samples for value in sample])
        return limit, reason | {"members": len(samples)}

    # --- kept ----------------------------------------------------------------------------------------------

    def pack(self, cell: History) -> bytes:
        return cell.pack()

    def unpack(self, packed: bytes) -> History:
        return unpacked(packed)

    def take(self, key: int, cell: History) -> None:
        super().take(key, cell)
        if cell.peer:
            self._members.setdefault(cell.peer, set()).add(key)

    def newest(self, cell: History) -> Micros:
        return cell.hour * HOUR

    @property
    def retention(self) -> Micros:
        return self.part.history + DAY


def _is_active(day: int, by_day: Mapping[int, Any]) -> bool:
    return any(each in by_day for each in range(day - AROUND, day + AROUND + 1))


def _highest(history: History, days: Iterable[tuple[int, int]], hours: Sequence[int]) -> list[int]:
    """The highest of these hours of each day, but for days of which nothing is to be learned at them."""
    found = []
    every = sum(1 << hour for hour in hours)
    for mask, place in days:
        top = 0 if mask & every != every else -1
        for hour in hours:
            if mask >> hour & 1 and (value := history.at(mask, place, hour)) is not None and value > top:
                top = value
        if top >= 0:
            found.append(top)
    return found


# --- methods -----------------------------------------------------------------------------------------------


def _median(ranked: Sequence[float]) -> float:
    half = len(ranked) // 2
    if not ranked:
        return 0
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def _median_mad(part: ComparePart, sample: Sequence[int]) -> tuple[float, dict[str, Any]]:
    median = _median(sorted(sample))
    deviation = _median(sorted(abs(each - median) for each in sample))
    scale = max(deviation, part.floor, math.sqrt(median))
    limit = median + part.times * scale
    return limit, {"usual": median, "deviation": round(scale, 2), "limit": round(limit, 2), "compared": len(sample)}


def _percentile(part: ComparePart, sample: Sequence[int]) -> tuple[float, dict[str, Any]]:
    ranked = sorted(sample)
    rank = ranked[max(0, math.ceil(part.percentile / 100 * len(ranked)) - 1)] if ranked else 0
    limit = max(rank * part.times, part.floor)
    return limit, {"usual": rank, "percentile": part.percentile, "limit": round(limit, 2), "compared": len(sample)}


def _ratio(part: ComparePart, sample: Sequence[int]) -> tuple[float, dict[str, Any]]:
    median = _median(sorted(sample))
    limit = max(median, part.floor) * part.times
    return limit, {"usual": median, "limit": round(limit, 2), "compared": len(sample)}


METHODS: dict[str, Callable[[ComparePart, Sequence[int]], tuple[float, dict[str, Any]]]] = {
    "median_mad": _median_mad,
    "percentile": _percentile,
    "ratio": _ratio,
}
"""Each method: what an hour may come to, by what the hours like it came to."""

"""Baselines against a naive recomputation from the raw events: every limit worked out anew from all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, to_datetime
from sentinel.detect.unusual import cells
from sentinel.detect.unusual.baseline import Baseline, BaselinePart

UTC = ZoneInfo("UTC")
START = 1_767_225_600 * SECOND
"""2026-01-01T00:00:00Z."""

THRESHOLD = 5

Stood = tuple[Micros, int, int]
"""When, which group, how high its window stood."""


def a_baseline(zone: ZoneInfo = UTC, **part: object) -> Baseline:
    known = {"min_hours": 10, "compare": {"factor": 3}, **part}
    return Baseline(BaselinePart.model_validate(known), "x", 10_000, zone)


def judged(baseline: Baseline, events: Sequence[Stood]) -> list[tuple[int, int]]:
    """Group and hour of each event that was unusual."""
    return [(key, time // HOUR) for time, key, size in events if baseline.judge(key, [(time, size)], THRESHOLD)]


# --- the oracle ------------------------------------------------------------------------------------------------


def rounded(number: int) -> int:
    """To four binary digits; up to 15 as it is."""
    unit = 1
    while number / unit >= 15.5 and number >= 16:
        unit *= 2
        if number / unit < 15.5:
            break
    return math.floor(number / unit + 0.5) * unit


def days_that_count(hours: Sequence[int], today: int, length: int) -> list[int]:
    """The last day, and those before it, newest first, as far as they fit into 192 bytes."""
    days = sorted({hour // 24 for hour in hours if today - length <= hour // 24 < today}, reverse=True)
    sizes = [4 + sum(hour // 24 == day for hour in set(hours)) for day in days[1:]]
    return days[:1] + [day for place, day in enumerate(days[1:]) if sum(sizes[: place + 1]) <= 192]


def limit(tops: dict[int, int], excluded: set[int], days: Sequence[int], hour: int, season: str) -> float:
    today, now = divmod(hour, 24)

    def highest(day: int) -> list[int]:
        at = [day * 24 + beside for beside in (now - 1, now, now + 1) if 0 <= beside < 24]
        values = [rounded(tops.get(each, 0)) for each in at if each not in excluded]
        return [max(values)] if values else []

    if season == "none":
        sample = [rounded(top) for at, top in tops.items() if at // 24 in days and at not in excluded]
    else:
        earlier = [today - 7 * week for week in range(1, 14) if today - 7 * week >= min(days)]
        active = [day for day in earlier if any(abs(each - day) <= 3 for each in days)]
        sample = [value for day in active for value in highest(day)] if season == "week" else []
        if len(sample) < 3:
            sample = [value for day in days for value in highest(day)]
    middle = median(sample) if sample else 0
    deviation = median([abs(each - middle) for each in sample]) if sample else 0
    return middle + 3 * max(deviation, 1, math.sqrt(middle))


# --- generated weeks -------------------------------------------------------------------------------------------


@st.composite
def weeks(draw: st.DrawFn) -> list[Stood]:
    """Some weeks of one or two groups, busy at some hours, with bursts."""
    found: list[Stood] = []
    for key in draw(st.sampled_from([(1,), (1, 2)])):
        begin = draw(st.integers(0, 23))
        length = draw(st.integers(1, 24 - begin))
        usual = draw(st.sampled_from([2, 6, 20, 90]))
        days = draw(st.lists(st.integers(0, 45), min_size=1, max_size=30, unique=True))
        for day in days:
            for hour in range(begin, begin + length, draw(st.integers(1, 3))):
                size = usual + draw(st.integers(-2, 2))
                found.append((START + day * DAY + hour * HOUR + draw(st.integers(0, 59)) * MINUTE, key, max(1, size)))
        for _ in range(draw(st.integers(0, 4))):
            at = START + draw(st.integers(0, 46 * 24 * 60)) * MINUTE
            found.append((at, key, draw(st.sampled_from([5, 9, 30, 70, 400]))))
    return sorted(found)


@settings(max_examples=250, deadline=None)
@given(weeks(), st.sampled_from(["week", "day", "none"]))
def test_what_is_unusual_is_what_a_naive_recomputation_says(events: list[Stood], season: str) -> None:
    found = set()
    for place, (time, key, size) in enumerate(events):
        hour = time // HOUR
        if size >= THRESHOLD:
            mine = [(each // HOUR, stood) for each, who, stood in events[: place + 1] if who == key]
            tops = {each: max(stood for at, stood in mine if at == each) for each, _ in mine}
            days = days_that_count(list(tops), hour // 24, 28)
            known = [each for each in tops if each // 24 in days]
            if len(known) < 10 or size > limit(tops, set(), days, hour, season):
                found.add((key, hour))
    assert set(judged(a_baseline(season=season, learn_from_findings=True), events)) == found


@settings(max_examples=250, deadline=None)
@given(weeks())
def test_hours_with_findings_are_not_learned_from(events: list[Stood]) -> None:
    found, expected = a_baseline(), []
    excluded: dict[int, set[int]] = {}
    for place, (time, key, size) in enumerate(events):
        hour = time // HOUR
        mine = [(each // HOUR, stood) for each, who, stood in events[: place + 1] if who == key]
        tops = {each: max(stood for at, stood in mine if at == each) for each, _ in mine}
        days = days_that_count(list(tops), hour // 24, 28)
        known = [each for each in tops if each // 24 in days]
        if size < THRESHOLD:
            expected.append(False)
        elif len(known) < 10:
            expected.append(True)
        else:
            out = excluded.setdefault(key, set())
            expected.append(size > limit(tops, out, days, hour, "week"))
            if expected[-1]:
                out.add(hour)
    assert [found.judge(key, [(time, size)], THRESHOLD) for time, key, size in events] == expected


@settings(max_examples=200, deadline=None)
@given(weeks(), st.data())
def test_nothing_counts_up_to_the_end_of_the_day_on_which_a_group_left_its_peers(
    events: list[Stood], data: st.DataObject
) -> None:
    events = [each for each in events if each[1] == 1]
    changes = data.draw(st.lists(st.integers(0, len(events)), max_size=3).map(sorted))
    peers = [1 + sum(change <= place for change in changes) for place in range(len(events))]
    found = a_baseline(peers={"by": "role"}, cold_start="floor", learn_from_findings=True)
    for place, (time, key, size) in enumerate(events):
        hour = time // HOUR
        tops: dict[int, int] = {}
        for (at, _, stood), peer in zip(events[: place + 1], peers, strict=False):
            if peer != peers[place]:
                tops = {}
            tops[at // HOUR] = max(tops.get(at // HOUR, 0), stood)
        if peers[place] != peers[0]:
            joined = next(at // DAY for (at, _, _), peer in zip(events, peers, strict=True) if peer == peers[place])
            tops = {at: top for at, top in tops.items() if at * HOUR // DAY > joined}
        days = days_that_count([*tops, hour], hour // 24, 28)
        known = [each for each in tops if each // 24 in days]
        is_unusual = size >= THRESHOLD and (len(known) < 10 or size > limit(tops, set(), days, hour, "week"))
        assert found.judge(key, [(time, size)], THRESHOLD, peers[place]) is is_unusual


def test_an_event_of_the_earlier_peers_that_comes_late_brings_nobody_back() -> None:
    found, other = (a_baseline(peers={"by": "role"}, cold_start="floor") for _ in range(2))
    before = [(START + day * DAY + hour * HOUR, 7) for day in range(20) for hour in range(9, 17)]
    late, changed = (START + 20 * DAY + 9 * HOUR, 7), (START + 20 * DAY + 10 * HOUR, 60)
    for baseline, events in ((found, [*before, changed, late]), (other, [*before, late, changed])):
        for time, size in events:
            baseline.learn(1, [(time, size)], 5 if size == 60 else 4)
    for baseline in (found, other):
        history = baseline.cells[1]
        assert (history.peer, history.since) == (5, changed[0] // HOUR)
        assert history.usable((START + 21 * DAY) // DAY, 28) == []


@settings(max_examples=200, deadline=None)
@given(weeks(), st.randoms(use_true_random=False))
def test_events_that_come_late_change_nothing(events: list[Stood], random: object) -> None:
    delays = [(time + random.randrange(MINUTE), time, key, size) for time, key, size in events]  # type: ignore[attr-defined]
    arrived = [(time, key, size) for _, time, key, size in sorted(delays)]
    assert set(judged(a_baseline(), arrived)) == set(judged(a_baseline(), events))


@settings(max_examples=200, deadline=None)
@given(weeks(), st.data())
def test_a_restart_at_any_event_changes_nothing(events: list[Stood], data: st.DataObject) -> None:
    stops = data.draw(st.lists(st.integers(0, len(events)), max_size=4).map(sorted))
    baseline, found, begin = a_baseline(), [], 0
    for stop in [*stops, len(events)]:
        found += judged(baseline, events[begin:stop])
        begin, new = stop, a_baseline()
        cells.restore([new], cells.of_shard([baseline], lambda _: True))
        baseline = new
    assert found == judged(a_baseline(), events)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 23)), min_size=150, max_size=400, unique=True))
def test_the_days_that_count_are_the_newest_that_fit(hours: list[tuple[int, int]]) -> None:
    baseline, seen = a_baseline(), []
    for day, hour in sorted(hours):
        at = START // HOUR + day * 24 + hour
        judged(baseline, [(at * HOUR, 1, 1)])
        seen.append(at)
        usable = baseline.cells[1].usable(at // 24, 28)
        assert [day for day, _, _ in usable] == days_that_count(seen, at // 24, 28)


@settings(max_examples=100, deadline=None)
@given(weeks())
def test_a_group_never_takes_more_than_three_hundred_bytes(events: list[Stood]) -> None:
    baseline = a_baseline()
    for event in events:
        judged(baseline, [event])
        assert all(len(baseline.pack(cell)) <= 300 for cell in baseline.cells.values())


def test_a_group_that_never_sleeps_takes_no_more_either() -> None:
    baseline = a_baseline(history="90d")
    for hour in range(24 * 100):
        judged(baseline, [(START + hour * HOUR, 1, 10_000)])
        assert len(baseline.pack(baseline.cells[1])) <= 300


@pytest.mark.parametrize("zone", ["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
def test_an_hour_is_one_on_the_wall_of_the_zone(zone: str) -> None:
    hours = a_baseline(ZoneInfo(zone))._hours
    for minute in range(0, 400 * 24 * 60, 47):
        time = START + minute * MINUTE
        local = to_datetime(time).astimezone(ZoneInfo(zone))
        assert hours.of(time) % 24 == local.hour
        assert hours.of(time) // 24 == (local.date() - to_datetime(0).date()).days

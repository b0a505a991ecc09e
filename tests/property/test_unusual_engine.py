"""A rule with a baseline through the whole engine, against windows and limits worked out anew from the raw events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import DAY, HOUR, MINUTE, Micros
from sentinel.detect import state
from sentinel.detect.engine import Engine
from sentinel.detect.rules import RuleSet
from tests.detecting import a_match, an_engine, correlation, detection, rules_of
from tests.property.test_unusual_baseline import START, THRESHOLD, days_that_count, limit

SPAN = 10 * MINUTE

Read = tuple[Micros, str, str]
"""When, who, whose data."""


def rules() -> RuleSet:
    more: dict[str, Any] = {"group-by": ["who"], "timespan": "10m"}
    baseline = {"min_hours": 10, "compare": {"factor": 3}, "cold_start": "silent", "learn_from_findings": True}
    return rules_of(
        detection("read", {"selection": {"what": "*"}}, level="informational"),
        correlation("spike", ["read"], {"field": "what", "gte": THRESHOLD}, **more, sentinel={"baseline": baseline}),
    )


def fired(engine: Engine, events: Sequence[Read]) -> list[tuple[str, Micros]]:
    matches = [a_match({"who": who, "what": what}, time, offset=n * 100) for n, (time, who, what) in enumerate(events)]
    for match in matches:
        engine.streams.note("app", match.event.block.stream, "app.log")
    found = [each for match in matches for each in engine.correlate([match], None)]
    return [(each.group[0][1], each.fired_at) for each in found if not each.update]


def naive(events: Sequence[Read]) -> list[tuple[str, Micros]]:
    """Each moment at which a window reaches the threshold and stands higher than usual; those that begin an episode."""
    found: list[tuple[str, Micros]] = []
    held: dict[str, Micros] = {}
    tops: dict[str, dict[int, int]] = {}
    for place, (time, who, _) in enumerate(events):
        window = {what for at, each, what in events[: place + 1] if each == who and time - SPAN < at <= time}
        mine, hour = tops.setdefault(who, {}), time // HOUR
        mine[hour] = max(mine.get(hour, 0), len(window))
        if len(window) < THRESHOLD:
            continue
        days = days_that_count(list(mine), hour // 24, 28)
        known = [each for each in mine if each // 24 in days]
        if len(known) >= 10 and len(window) > limit(mine, set(), days, hour, "week"):
            if who not in held or time - held[who] >= SPAN:
                found.append((who, time))
            held[who] = time
    return found


@st.composite
def logs(draw: st.DrawFn) -> list[Read]:
    """Two or three weeks of a few records in some hours, and bursts."""
    found: list[Read] = []
    for who in draw(st.sampled_from([("kim",), ("kim", "lee")])):
        for day in draw(st.lists(st.integers(0, 21), min_size=3, max_size=14, unique=True)):
            for hour in range(8, 8 + draw(st.integers(1, 6))):
                begin = START + day * DAY + hour * HOUR
                found += [(begin + number * MINUTE, who, f"p{number}") for number in range(draw(st.integers(1, 4)))]
        for _ in range(draw(st.integers(1, 3))):
            begin = START + draw(st.integers(10 * 24, 22 * 24)) * HOUR
            found += [(begin + number * 1_000_000, who, f"q{number}") for number in range(draw(st.integers(4, 20)))]
    return sorted(found)


@settings(max_examples=80, deadline=None)
@given(logs())
def test_what_fires_is_what_the_raw_events_say(events: list[Read]) -> None:
    assert fired(an_engine(rules()), events) == naive(events)


@settings(max_examples=50, deadline=None)
@given(logs(), st.randoms(use_true_random=False), st.data())
def test_late_events_and_restarts_change_nothing(events: list[Read], random: Any, data: st.DataObject) -> None:
    arrived = sorted(events, key=lambda each: (each[0] + random.randrange(MINUTE), each))
    stop = data.draw(st.integers(0, len(arrived)))
    ruleset = rules()
    engine, new = an_engine(ruleset), an_engine(ruleset)
    found = fired(engine, arrived[:stop])
    delta = state.delta(engine)
    state.restore(new, [], [] if delta is None else [(1, delta)])
    found += fired(new, arrived[stop:])
    assert {(who, time // HOUR) for who, time in found} == {(who, time // HOUR) for who, time in naive(events)}

"""Windows in which there is more than is kept, beside the list of all events."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import SECOND
from sentinel.detect.crowded import Crowded
from sentinel.detect.engine import Engine
from sentinel.detect.entries import STRIDE
from sentinel.model import Finding
from tests.detecting import NOON, a_match, an_engine, correlation, detection, rules_of

SPAN = 100
MOST = 64


def engine_for(condition: dict[str, Any], **more: Any) -> Engine:
    """An engine with one rule that keeps 64 events of a group."""
    sentinel = {"runtime": {"max_events": MOST, "late": "5s"}}
    base = detection("base", {"selection": {"x": "y"}}, sentinel={"data": {"subject": "what"}})
    other = detection("other", {"selection": {"x": "z"}})
    rule = correlation("many", more.pop("rules", ["base"]), condition, timespan=f"{SPAN}s", sentinel=sentinel, **more)
    engine = an_engine(rules_of(base, other, rule))
    engine.streams.note("app", 1, "app.log")
    return engine


def count(engine: Engine, events: Iterable[tuple[int, str]], size: int = 1, first: int = 0) -> list[Finding]:
    """Events of one group: seconds after noon, and the value."""
    found: list[Finding] = []
    for number, (at, what) in enumerate(events, first):
        fields = {"who": "kim", "what": what, "size": size}
        found += engine.correlate((a_match(fields, NOON + at * SECOND, offset=number * 1000),), None)
        ((group,),) = [tally.groups.values() for tally in engine.tallies]
        assert len(group.window.entries) <= MOST * STRIDE
    return found


def window_of(engine: Engine) -> Any:
    (group,) = engine.tallies[0].groups.values()
    return group.window


def is_estimate(engine: Engine) -> bool:
    window = window_of(engine)
    return bool(window.is_estimate(window.last - SPAN * SECOND))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("abcdefgh")), min_size=70, max_size=160))
def test_however_often_a_few_values_come_again_they_are_counted_exactly(steps: Sequence[tuple[int, str]]) -> None:
    engine = engine_for({"gte": 5, "field": "what"})
    have: list[tuple[int, str]] = []
    at = 0
    for number, (step, what) in enumerate(steps):
        at += step
        have.append((at, what))
        count(engine, have[-1:], first=number)
        assert window_of(engine).size == len({value for when, value in have if when > at - SPAN})
        assert not is_estimate(engine)


def test_many_values_are_counted_exactly_up_to_the_cap_and_then_about() -> None:
    engine = engine_for({"gte": 5, "field": "what"})
    count(engine, [(0, f"v{number}") for number in range(MOST)])
    assert (window_of(engine).size, is_estimate(engine)) == (MOST, False)
    count(engine, [(1, f"w{number}") for number in range(10_000)], first=MOST)
    assert is_estimate(engine)
    # 32 to 64 values are kept: three standard errors.
    assert abs(window_of(engine).size / 10_064 - 1) < 3 / math.sqrt(MOST / 2)


def test_an_estimate_hangs_neither_on_how_often_a_value_comes_nor_on_the_order() -> None:
    values = [(1, f"v{number}") for number in range(2000)] * 3
    sizes = set()
    for seed in range(3):
        engine = engine_for({"gte": 5, "field": "what"})
        Random(seed).shuffle(values)
        count(engine, values)
        sizes.add(window_of(engine).size)
    assert all(abs(size / 2000 - 1) < 3 / math.sqrt(MOST / 2) for size in sizes)


def test_a_window_is_exact_again_one_span_after_the_crowd_has_gone() -> None:
    engine = engine_for({"gte": 5, "field": "what"})
    count(engine, [(1, f"v{number}") for number in range(5000)])
    count(engine, [(50 + number, f"w{number}") for number in range(40)], first=5000)
    assert is_estimate(engine)
    count(engine, [(190 + number, f"x{number}") for number in range(13)], first=6000)
    assert (window_of(engine).size, is_estimate(engine)) == (13, False)


def test_a_finding_begins_exactly_and_its_update_says_that_it_is_about_right() -> None:
    engine = engine_for({"gte": 10, "field": "what"})
    (begun,) = count(engine, [(number // 100, f"v{number}") for number in range(5000)])
    (update,) = engine.updates()
    assert (begun.value, begun.value_is_estimate) == (10, False)
    assert update.value_is_estimate
    assert abs(update.value / 5000 - 1) < 3 / math.sqrt(MOST / 2)
    assert update.evidence_total == 5000
    assert update.subjects is not None
    assert abs(update.subjects / 5000 - 1) < 3 / math.sqrt(MOST / 2)
    # Whose data it was is known of each, for the case.
    assert len(set(begun.subject_hashes) | set(update.subject_hashes)) == 5000


def test_many_events_are_counted_about() -> None:
    engine = engine_for({"gte": 10})
    count(engine, [(0, "a")] * 5000)
    assert is_estimate(engine)
    assert abs(window_of(engine).size / 5000 - 1) < 3 / math.sqrt(MOST / 2)


def test_a_sum_of_many_loses_nothing_while_they_are_in_the_window() -> None:
    engine = engine_for({"gte": 10, "field": "size"}, type="value_sum")
    count(engine, [(number // 60, "a") for number in range(5000)], size=3)
    assert (window_of(engine).size, is_estimate(engine)) == (15_000, True)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 2), min_size=200, max_size=400))
def test_a_sum_of_many_is_off_by_no_more_than_what_leaves_the_window_together(steps: Sequence[int]) -> None:
    engine = engine_for({"gte": 10, "field": "size"}, type="value_sum")
    times = [sum(steps[: place + 1]) for place in range(len(steps))]
    count(engine, [(at, "a") for at in times])
    exact, part = (sum(at > times[-1] - wide for at in times) for wide in (SPAN, SPAN + SPAN // 4))
    assert exact <= window_of(engine).size <= part


def test_an_average_of_many_is_that_of_a_sample() -> None:
    engine = engine_for({"gte": 1, "field": "size"}, type="value_avg")
    for number in range(2000):
        count(engine, [(1, "a")], size=number % 10, first=number)
    assert is_estimate(engine)
    assert 3 < window_of(engine).size < 6


def test_a_rule_that_matched_once_is_not_washed_out_by_another_that_matches_ever_again() -> None:
    engine = engine_for({}, type="temporal", rules=["base", "other"])
    count(engine, [(0, "a")])
    for number in range(1, 500):
        match = a_match({"who": "kim"}, NOON + SECOND, rules=(1,), offset=number * 1000)
        engine.correlate((match,), None)
    assert window_of(engine).size == 2


def test_that_there_were_few_is_never_said_of_an_estimate() -> None:
    engine = engine_for({"lt": 3, "field": "what"})
    count(engine, [(number % 2, f"v{number % 2}") for number in range(2)])
    count(engine, [(2, f"v{number}") for number in range(3000)], first=10)
    count(engine, [(1000, "end")], first=5000)
    found = engine.close(NOON + 1000 * SECOND)
    assert isinstance(window_of(engine), Crowded)
    assert found == []

"""Faster than anybody travels."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import places
from sentinel.clock import HOUR, MINUTE, SECOND, Micros, rfc3339
from sentinel.detect.engine import Engine
from sentinel.detect.unusual import cells
from sentinel.detect.unusual.travel import Place, Travel, TravelPart, kilometres
from tests.detecting import a_block, a_view, detection, json_lines, rules_of

START = 1_772_625_600 * SECOND
BERLIN, PARIS, SYDNEY, POTSDAM = (52.52, 13.4), (48.86, 2.35), (-33.87, 151.21), (52.4, 13.06)


def a_travel(**part: Any) -> Travel:
    return Travel(TravelPart.model_validate({"per": ["who"], **part}), "x", 1000, MINUTE)


def test_distances_are_those_of_the_globe() -> None:
    assert kilometres(BERLIN, PARIS) == pytest.approx(878, abs=3)
    assert kilometres(BERLIN, SYDNEY) == pytest.approx(16_090, abs=30)
    assert kilometres((0, 179.9), (0, -179.9)) == pytest.approx(22.2, abs=0.2)


@pytest.mark.parametrize(
    ("place", "hours", "expected"), [(PARIS, 0.5, True), (PARIS, 2, False), (SYDNEY, 10, True), (POTSDAM, 0, False)]
)
def test_a_way_is_impossible_where_it_is_far_and_too_fast(place: Place, hours: float, expected: bool) -> None:
    travel = a_travel()
    assert not travel.see(1, BERLIN, START)
    assert travel.see(1, place, START + round(hours * HOUR)) is expected


def test_each_way_is_told_of_where_it_ends() -> None:
    travel = a_travel()
    steps = [(BERLIN, 0), (SYDNEY, 1), (SYDNEY, 2), (BERLIN, 3), (BERLIN, 40)]
    assert [travel.see(1, place, START + hours * HOUR) for place, hours in steps] == [False, True, False, True, False]
    assert travel.why() == "16095 km in 60 minutes"
    assert not travel.see(2, SYDNEY, START)


CITIES = st.sampled_from([BERLIN, PARIS, POTSDAM])


def impossible(events: Sequence[tuple[Micros, Place]]) -> bool:
    """Whether any two neighbours in time are too far apart."""
    ordered = sorted(events)
    return any(
        kilometres(one, two) >= 300 and kilometres(one, two) > (later - time) / HOUR * 900
        for (time, one), (later, two) in pairwise(ordered)
    )


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from([1, 20, 400, 9000]), CITIES), max_size=25), st.randoms(use_true_random=False))
def test_events_that_come_late_and_restarts_change_nothing(steps: list[tuple[int, Place]], random: Any) -> None:
    time, events = START, []
    for step, place in steps:
        time += step * SECOND
        events.append((time, place))
    arrived = sorted(events, key=lambda each: each[0] + random.randrange(MINUTE))
    travel, found = a_travel(), False
    for number, (when, place) in enumerate(arrived):
        found |= travel.see(1, place, when)
        if number % 3 == 0:
            new = a_travel()
            cells.restore([new], cells.of_shard([travel], lambda _: True))
            travel = new
    assert found is impossible(events)


def judged(places_of: Any, *records: dict[str, Any], **part: Any) -> list[tuple[str, ...]]:
    rules = rules_of(detection("jump", {"selection": {"what": "login"}}, sentinel={"travel": {"per": ["who"], **part}}))
    engine = Engine(rules, (), [a_view()], key=b"k" * 32, places=places_of)
    lines = [
        {"what": "login", "who": "kim", "@timestamp": rfc3339(START + number * MINUTE, 6), **record}
        for number, record in enumerate(records)
    ]
    return [each.because for each in engine.judge(a_block(json_lines(lines)), None)]


def test_a_place_is_looked_up_for_an_address() -> None:
    known = {"192.0.2.1": BERLIN, "198.51.100.1": PARIS}
    records = [{"source.ip": "192.0.2.1"}, {"source.ip": "10.0.0.1"}, {"source.ip": "198.51.100.1"}]
    assert judged(known.get, *records) == [("877 km in 2 minutes",)]


def test_a_place_is_read_off_the_record_where_it_has_one() -> None:
    records: list[dict[str, Any]] = [
        {"geo": {"lat": 52.52, "lon": 13.4}},
        {"geo": {"lat": "48.86", "lon": "2.35"}},
        {"geo": {"lat": 999, "lon": 1}},
    ]
    assert judged({}.get, *records, location="geo") == [("877 km in 1 minutes",)]


def test_what_is_no_database_of_places_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "geo.mmdb").write_bytes(b"nothing of the kind")
    assert [each.code for each in places.read(tmp_path / "geo.mmdb")[1]] == ["C025"]
    assert [each.code for each in places.read(tmp_path / "none.mmdb")[1]] == ["C005"]

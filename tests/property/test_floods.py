"""A flood of keys: state stays bounded, nobody near the threshold is lost in it, and it is found itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import HOUR, SECOND
from sentinel.detect import state
from sentinel.detect.engine import Engine
from sentinel.detect.floods import RULE
from sentinel.model import Finding, Level
from tests.detecting import NOON, a_match, an_engine, correlation, detection, rules_of


def engine_for(max_groups: int, room: int | None = None, **more: Any) -> Engine:
    runtime = {"runtime": {"max_groups": max_groups}}
    rules = rules_of(
        detection("base", {"selection": {"x": "y"}}),
        correlation("many", ["base"], {"gte": 5, "field": "what"}, timespan="60s", sentinel=runtime, **more),
        correlation("other", ["base"], {"gte": 1000}, timespan="60s", sentinel=runtime),
    )
    engine = an_engine(rules) if room is None else an_engine(rules, room=room)
    engine.streams.note("app", 1, "app.log")
    return engine


def send(
    engine: Engine, events: Sequence[tuple[str, int]], at: int = 0, first: int = 0, skip: int = 0
) -> list[Finding]:
    """Events of groups and their values, a hundred a second; not the first ones, where some are skipped."""
    found: list[Finding] = []
    for number, (who, what) in enumerate(events[skip:], skip):
        time = NOON + at * SECOND + number * SECOND // 100
        match = a_match({"who": who, "what": what}, time, offset=(first + number) * 1000)
        found += engine.correlate((match,), None)
    return found


def strangers(count: int, first: int = 0) -> list[tuple[str, int]]:
    return [(f"stranger{number}", 1) for number in range(first, first + count)]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 9)), min_size=5, max_size=40))
def test_a_flood_of_keys_changes_no_finding_of_a_key_near_its_threshold(kim: list[tuple[int, int]]) -> None:
    flood = strangers(1000)
    events = list(flood)
    # kim begins near the threshold: two different values are more than any stranger has.
    events[:0] = [("kim", 100), ("kim", 101)]
    for place, what in sorted(kim, reverse=True):
        events.insert(2 + place, ("kim", what))
    alone, among = engine_for(100_000), engine_for(50)
    expected = [each for each in send(alone, events) if each.rule == "many"]
    found = [each for each in send(among, events) if each.rule == "many"]
    assert found == expected
    assert max(len(tally.groups) for tally in among.tallies) <= 50


def test_a_flood_is_one_finding_an_episode_of_level_low_that_opens_no_case_and_names_nobody() -> None:
    engine = engine_for(100)
    found = send(engine, strangers(1000))
    assert [(each.rule, each.group, each.level, each.opens_case) for each in found] == [
        (RULE, (("rule", "many"),), Level.LOW, False),
        (RULE, (("rule", "other"),), Level.LOW, False),
    ]
    assert all((each.value, each.evidence, each.actors, each.subjects) == (10, (), (), None) for each in found)
    updates = [each for each in engine.updates() if each.rule == RULE]
    assert [(each.id, each.update, each.value) for each in updates] == [(each.id, True, 900) for each in found]
    assert engine.tallies[0].evicted == 900
    assert engine.updates() == []


def test_a_flood_after_an_hour_of_quiet_is_another() -> None:
    engine = engine_for(100)
    first = send(engine, strangers(200))
    again = send(engine, strangers(200, 1000), at=1800, first=1000)
    later = send(engine, strangers(200, 2000), at=1800 + HOUR // SECOND + 2, first=2000)
    assert (len(first), len(again), len(later)) == (2, 0, 2)
    assert len({each.id for each in first + later}) == 4


def test_no_flood_no_finding() -> None:
    engine = engine_for(100)
    assert send(engine, strangers(100)) == []
    assert engine.updates() == []


def test_groups_that_no_event_can_reach_any_more_are_given_up_first() -> None:
    engine = engine_for(20)
    send(engine, [("old", number) for number in range(4)])
    send(engine, strangers(18), at=1000, first=100)
    send(engine, [("new", 1), ("newer", 1)], at=1001, first=200)
    keys = {engine.hash_text(name): name for name in ("old", "stranger1")}
    assert [keys[key] for key in engine.tallies[0].groups if key in keys] == ["stranger1"]


def test_all_rules_together_keep_within_their_room_and_what_gave_way_is_found() -> None:
    engine = engine_for(10_000_000, room=300_000)
    engine._unweighed = 99_000  # it is looked at every hundred thousand matches
    found = send(engine, [("kim", number) for number in range(4)] + strangers(1000))
    assert {each.rule for each in found} == {RULE}
    assert sum(tally.weight() for tally in engine.tallies) <= 300_000
    assert engine.hash_text("kim") in engine.tallies[0].groups


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 300), st.sampled_from([(), (0,), tuple(range(16))]))
def test_a_flood_is_the_same_flood_after_a_restart(cut: int, shards: tuple[int, ...]) -> None:
    events = [(f"stranger{number * 7 % 90}", number % 11) for number in range(400)]

    def run(place: int | None) -> tuple[list[Finding], int, list[int]]:
        engine = engine_for(20)
        if place is None:
            found = send(engine, events)
        else:
            found = send(engine, events[:place])
            found += engine.updates()
            delta = state.delta(engine)
            bases = [(shard, 1, state.base(engine, shard)) for shard in shards]
            engine = engine_for(20)
            state.restore(engine, bases, [(1, delta)] if delta else [])
            engine.streams.note("app", 1, "app.log")
            found += send(engine, events, skip=place)
        found += engine.updates()
        flood = engine.counting.floods.known[0]
        return [each for each in found if not each.update], flood.groups, sorted(engine.tallies[0].groups)

    assert run(cut) == run(None)

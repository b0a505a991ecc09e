"""First seen against a slow, obvious oracle: everything worked out anew from the list of all events."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros
from sentinel.detect.unusual import cells
from sentinel.detect.unusual.first_seen import FirstSeen, FirstSeenPart

LATE = MINUTE
START = 1_772_625_600 * SECOND

Shown = tuple[Micros, int, int]
"""When, by which key, which value."""

PART = {"field": ["f"], "learn": "2h", "remember": "1d", "min_events": 3}


def a_table(**more: object) -> FirstSeen:
    return FirstSeen(FirstSeenPart.model_validate(PART | more), "x", LATE, 10_000)


def told(table: FirstSeen, events: Sequence[Shown]) -> list[tuple[int, int]]:
    return [(key, value) for time, key, value in events if table.see(key, value, time)]


def oracle(events: Sequence[Shown]) -> list[tuple[int, int]]:
    """For each event in order of time: is its value new to its key, and is enough known of the key?"""
    found: list[tuple[int, int]] = []
    minute = MINUTE // SECOND
    seconds = [(time // SECOND, key, value) for time, key, value in events]
    since: dict[tuple[int, int], list[int]] = {}
    for second, key, value in seconds:
        spells = since.setdefault((key, value), [second, second, 0])
        if second - spells[1] > DAY // SECOND:
            spells[:] = [second, second, 0]
        spells[1] = second
        mine = _spell(seconds, key, second)
        settled = sum(each // minute <= second // minute - 2 for each in mine)
        is_new = spells[0] // minute >= second // minute - 1
        if is_new and not spells[2] and second - mine[0] >= 2 * HOUR // SECOND and settled >= 3:
            spells[2] = 1
            found.append((key, value))
    return found


def _spell(seconds: Sequence[tuple[int, int, int]], key: int, until: int) -> list[int]:
    """The moments of the key up to then, without those before a silence of a day."""
    mine = [second for second, each, _ in seconds if each == key and second <= until]
    breaks = [place for place in range(1, len(mine)) if mine[place] - mine[place - 1] > DAY // SECOND]
    return mine[breaks[-1] :] if breaks else mine


@st.composite
def histories(draw: st.DrawFn) -> list[Shown]:
    """Events in order of time, seconds or hours or more than a day apart."""
    time, found = START, []
    steps = st.sampled_from([SECOND, 20 * SECOND, 90 * SECOND, 20 * MINUTE, HOUR, 30 * HOUR])
    for step, key, value in draw(st.lists(st.tuples(steps, st.integers(1, 2), st.integers(10, 13)), max_size=60)):
        time += step
        found.append((time, key, value))
    return found


@settings(max_examples=300)
@given(histories())
def test_a_value_is_told_of_when_a_count_of_everything_says_it_is_new(events: list[Shown]) -> None:
    assert told(a_table(), events) == oracle(events)


@settings(max_examples=300)
@given(histories(), st.randoms(use_true_random=False))
def test_events_that_come_late_change_nothing_that_is_told(events: list[Shown], random: object) -> None:
    delays = [(time + random.randrange(LATE), time, key, value) for time, key, value in events]  # type: ignore[attr-defined]
    arrived = [(time, key, value) for _, time, key, value in sorted(delays)]
    assert sorted(told(a_table(), arrived)) == sorted(told(a_table(), events))


@settings(max_examples=200)
@given(histories(), st.data())
def test_a_restart_at_any_event_changes_nothing_that_is_told(events: list[Shown], data: st.DataObject) -> None:
    stops = data.draw(st.lists(st.integers(0, len(events)), max_size=3).map(sorted))
    table, found, begin = a_table(), [], 0
    for stop in [*stops, len(events)]:
        found += told(table, events[begin:stop])
        begin = stop
        new = a_table()
        cells.restore([new], cells.of_shard([table], lambda _: True))
        table = new
    assert found == told(a_table(), events)


@settings(max_examples=100)
@given(histories(), st.integers(0, 60))
def test_what_changed_since_the_last_time_is_enough_to_take_up(events: list[Shown], stop: int) -> None:
    table, copy = a_table(), a_table()
    for place in range(0, len(events), 7):
        told(table, events[place : place + 7])
        cells.restore([copy], cells.changed([table]))
    rest = [(time + HOUR, key, value) for time, key, value in events[:stop]]
    assert told(copy, rest) == told(table, rest)

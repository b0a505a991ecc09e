"""The first time a key shows a value."""

from __future__ import annotations

from sentinel.clock import DAY, HOUR, SECOND, Micros
from sentinel.detect.unusual import cells
from sentinel.detect.unusual.first_seen import FirstSeen, FirstSeenPart

START = 1_772_625_600 * SECOND


def a_table(most: int = 1000, **part: object) -> FirstSeen:
    known = {"field": "country", "per": ["token"], "learn": "14d", "remember": "90d", "min_events": 20, **part}
    return FirstSeen(FirstSeenPart.model_validate(known), "x", 60 * SECOND, most)


def learned(table: FirstSeen, key: int = 1, value: int = 10, events: int = 30) -> Micros:
    for number in range(events):
        assert not table.see(key, value, START + number * 12 * HOUR)
    return START + events * 12 * HOUR


def test_a_second_country_after_the_learning_is_told_once() -> None:
    table = a_table()
    now = learned(table)
    assert table.see(1, 11, now)
    assert not table.see(1, 11, now + SECOND)
    assert not table.see(1, 11, now + 3 * DAY)
    assert not table.see(1, 10, now + 3 * DAY)


def test_nothing_is_told_while_the_key_is_being_learned() -> None:
    table = a_table()
    learned(table, events=20)
    assert not table.see(1, 11, START + 13 * DAY)


def test_a_key_with_few_events_says_nothing() -> None:
    table = a_table()
    assert [table.see(1, value, START + value * DAY) for value in range(19)] == [False] * 19


def test_each_key_learns_from_its_own_first_event() -> None:
    table = a_table()
    now = learned(table)
    assert not table.see(2, 11, now)
    assert not table.see(2, 12, now + 60 * SECOND)
    assert table.see(1, 12, now)


def test_a_value_is_forgotten_after_a_while_and_is_new_again() -> None:
    table = a_table(remember="20d")
    now = learned(table)
    assert table.see(1, 11, now)
    for day in range(1, 22):
        table.see(1, 10, now + day * DAY)
    assert table.see(1, 11, now + 22 * DAY)


def test_a_stranger_is_told_of_where_that_is_asked_for_and_the_rule_has_learned() -> None:
    table = a_table(new_key="fire", per=[])
    assert not table.see(7, 70, START)
    now = learned(table)
    assert table.see(8, 80, now)
    assert not table.see(8, 81, now), "once a stranger is enough"
    assert not table.see(9, 90, START + DAY), "the rule had not learned by then"


def test_one_who_returns_after_a_long_silence_is_a_stranger_again() -> None:
    table = a_table(new_key="fire")
    learned(table)
    for day in range(15, 120):
        table.see(2, 20, START + day * DAY)
    assert table.see(1, 10, START + 120 * DAY)


def test_a_key_takes_few_bytes() -> None:
    table = a_table()
    now = learned(table)
    for value in range(11, 21):
        table.see(1, value, now)
    kept = sum(len(table.pack(cell)) + 10 for cell in table.cells.values())
    assert kept <= 300


def test_where_there_are_too_many_those_longest_silent_are_given_up_and_counted() -> None:
    table = a_table(most=100)
    for key in range(1, 101):
        table.see(key, 0, START + key * SECOND)
    assert len(table.cells) <= 100
    assert table.evicted > 0
    assert 100 in table.cells


def test_what_is_past_its_retention_is_swept() -> None:
    table = a_table()
    learned(table, events=3)
    table.sweep(START + 91 * DAY)
    assert table.cells
    table.sweep(START + 93 * DAY)
    assert not table.cells


def test_a_rule_that_changed_begins_empty() -> None:
    table, other = a_table(), a_table()
    other.fingerprint = "y"
    learned(table)
    cells.restore([other], cells.changed([table]))
    assert not other.cells

"""The wall clock against what has passed: jumps, sleep, and what waits until the clock is believed again."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, SetClock, SystemClock, from_datetime, to_datetime
from sentinel.clockwatch import HELD, ClockWatch, Jump

NOON = 1_772_625_600 * SECOND


def watched() -> tuple[SetClock, ClockWatch]:
    clock = SetClock(NOON)
    return clock, ClockWatch(clock.now(), clock.passed())


def look(clock: SetClock, watch: ClockWatch) -> Jump | None:
    return watch.look(clock.now(), clock.passed())


def test_time_that_passes_is_no_jump() -> None:
    clock, watch = watched()
    clock.move_to(NOON + 3 * DAY)
    assert look(clock, watch) is None
    assert not watch.is_doubtful()


def test_a_clock_that_is_set_is_noticed_once_with_its_direction() -> None:
    clock, watch = watched()
    clock.set_to(NOON + HOUR)
    assert look(clock, watch) == Jump(by=HOUR)
    assert look(clock, watch) is None
    clock.set_to(clock.now() - 2 * HOUR)
    assert look(clock, watch) == Jump(by=-2 * HOUR)


def test_a_clock_that_is_slewed_is_no_jump() -> None:
    clock, watch = watched()
    for _ in range(100):
        clock.set_to(clock.now() + SECOND // 2)
        assert look(clock, watch) is None


def test_a_machine_that_slept_did_not_set_its_clock() -> None:
    clock, watch = watched()
    clock.suspend(10 * MINUTE)
    assert look(clock, watch) == Jump(slept=10 * MINUTE)
    assert not watch.is_doubtful()


def test_a_clock_set_ahead_by_hours_is_doubted_for_ten_minutes() -> None:
    clock, watch = watched()
    clock.set_to(NOON + 5 * 365 * DAY)
    look(clock, watch)
    assert watch.is_doubtful()
    clock.move_to(clock.now() + HELD)
    look(clock, watch)
    assert not watch.is_doubtful()


def test_a_clock_set_ahead_and_back_again_is_not_doubted_any_more() -> None:
    clock, watch = watched()
    clock.set_to(NOON + 5 * 365 * DAY)
    look(clock, watch)
    clock.set_to(NOON)
    look(clock, watch)
    assert not watch.is_doubtful()


def test_summer_time_is_no_jump_and_moves_no_moment() -> None:
    # The wall clock here is UTC: what people's clocks do in Berlin on 2026-03-29 changes nothing.
    berlin = ZoneInfo("Europe/Berlin")
    before = from_datetime(to_datetime(1_774_742_400 * SECOND).astimezone(berlin))
    clock = SetClock(before)
    watch = ClockWatch(clock.now(), clock.passed())
    clock.move_to(before + 2 * HOUR)
    assert look(clock, watch) is None
    shown = to_datetime(before).astimezone(berlin), to_datetime(clock.now()).astimezone(berlin)
    assert [each.utcoffset() for each in shown] != [shown[0].utcoffset()] * 2
    assert clock.now() - before == 2 * HOUR


def test_the_machines_own_clock_goes_on_evenly() -> None:
    clock = SystemClock()
    watch = ClockWatch(clock.now(), clock.passed())
    first = clock.passed()
    second = clock.passed()
    assert first.total <= second.total
    assert first.awake <= second.awake
    assert second.awake <= second.total + SECOND
    assert watch.look(clock.now(), clock.passed()) is None

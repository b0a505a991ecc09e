from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sentinel.cases.storm import GATHER, Storm, gathered
from sentinel.cases.wording import notice
from sentinel.clock import MINUTE, SECOND
from sentinel.model import Level
from tests.unit.cases_fixtures import NOW, a_case


def test_news_is_told_case_by_case_until_it_is_more_than_people_can_read() -> None:
    storm = Storm(3)
    assert [storm.gathers(NOW + number) for number in range(5)] == [False, False, False, True, True]
    assert not storm.is_over(NOW + GATHER - 1)
    assert storm.is_over(NOW + 3 + GATHER)
    assert not storm.is_over(NOW + 3 + GATHER), "it is told once"
    assert not storm.gathers(NOW + 2 * MINUTE), "after it, news is told case by case again"


def test_slow_news_is_never_gathered() -> None:
    storm = Storm(2)
    assert not any(storm.gathers(NOW + number * 31 * SECOND) for number in range(100))


@given(limit=st.integers(1, 5), steps=st.lists(st.integers(0, 40 * SECOND), max_size=100))
def test_no_minute_holds_more_single_news_than_the_limit(limit: int, steps: list[int]) -> None:
    storm, now, told = Storm(limit), NOW, []
    for step in steps:
        now += step
        storm.is_over(now)
        if not storm.gathers(now):
            told.append(now)
    assert all(sum(begin <= each < begin + MINUTE for each in told) <= limit for begin in told)


def test_a_clock_that_is_set_back_does_not_hold_news_for_long() -> None:
    storm = Storm(1)
    storm.gathers(NOW)
    assert storm.gathers(NOW + 1)
    assert storm.is_over(NOW - 3600 * SECOND)


def test_the_message_counts_and_names_the_most_urgent() -> None:
    cases = [a_case(id=f"C-{number}", rules=("bulk_access",)) for number in range(30)]
    cases.append(a_case(id="C-99", rules=("export",), level=Level.CRITICAL))
    message = gathered([notice(case, "opened", NOW) for case in cases], NOW + MINUTE)
    assert message.headline == "[critical] 31 cases opened, rose or grew within a minute"
    assert message.lines[:2] == ("Levels: 1 critical, 30 high", "Rules: bulk_access (30), export (1)")
    assert message.lines[3].endswith(" and 11 more")
    assert message.case.id == "C-99"

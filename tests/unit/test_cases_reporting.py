from __future__ import annotations

from typing import Any

from sentinel.acts import CaseDetail
from sentinel.answers import show_answer
from sentinel.cases.moves import confirm, dismiss, notify
from sentinel.cases.reporting import (
    COUNTS,
    acts_section,
    cases_section,
    coverage_section,
    delivery_section,
    response_section,
    verdict,
)
from sentinel.clock import DAY, HOUR, MINUTE, SECOND, rfc3339
from sentinel.model import Verdict
from tests.unit.cases_fixtures import NOW, a_case
from tests.unit.test_cases_documents import Trail

START, END = NOW - NOW % DAY, NOW - NOW % DAY + 3 * DAY
PERIOD = (rfc3339(START), rfc3339(END))
WHO: dict[str, Any] = {"who": "ada", "reason": "as the ward says"}


def detail(*decisions: Verdict, at: int = NOW + DAY) -> CaseDetail:
    trail = Trail(*decisions)
    return show_answer(trail, trail.case, at)


def told(after: int, *, reason: str = "") -> CaseDetail:
    sure = confirm(a_case(), **WHO, now=NOW + HOUR)
    return detail(sure, notify(sure.case, **WHO, now=NOW + HOUR + after, delay_reason=reason), at=NOW + 90 * HOUR)


def read(lines: int, **counts: int) -> dict[str, int]:
    return {**dict.fromkeys(COUNTS, 0), "lines": lines, **counts}


def test_cases_are_counted_by_state_level_rule_and_reason_of_dismissal() -> None:
    gone = detail(dismiss(a_case(), **WHO, now=NOW + HOUR, code="legitimate"))
    before = detail(dismiss(a_case(now=START - DAY), **WHO, now=NOW, code="duplicate"))
    found = cases_section([gone, told(HOUR), before], *PERIOD)
    assert (found["detected"], found["by_state"]) == (2, {"dismissed": 1, "notified": 1})
    assert (found["dismissed_by_reason"], found["dismissed_share"]) == ({"legitimate": 1}, 0.5)
    assert (found["by_rule"], found["findings"]) == ({"bulk_access": 2}, 2)
    assert found["by_day"] == {"2026-03-04": 2}


def test_an_empty_period_has_no_share_and_no_median() -> None:
    assert cases_section([], *PERIOD)["dismissed_share"] is None
    assert response_section([], *PERIOD, NOW)["seconds"]["detected_to_aware"] == {
        "count": 0, "median": None, "p95": None, "longest": None,
    }  # fmt: skip


def test_times_are_from_one_moment_of_a_case_to_another() -> None:
    found = response_section([told(HOUR), told(3 * HOUR)], *PERIOD, NOW + 90 * HOUR)["seconds"]
    assert found["occurred_to_detected"]["median"] == 600
    assert found["detected_to_aware"] == {"count": 2, "median": 3600, "p95": None, "longest": 3600}
    assert found["aware_to_notified"] == {"count": 2, "median": 7200, "p95": None, "longest": 10800}


def test_a_percentile_is_given_where_there_are_enough_cases_for_one() -> None:
    many = [told(minutes * MINUTE) for minutes in range(1, 41)]
    found = response_section(many, *PERIOD, NOW)["seconds"]["aware_to_notified"]
    assert (found["count"], found["median"], found["longest"]) == (40, 1230, 2400)
    assert 2300 <= found["p95"] <= 2400


def test_a_missed_deadline_is_there_with_its_reason_and_a_running_one_with_what_is_left() -> None:
    late = told(73 * HOUR, reason="the form was down")
    end = rfc3339(NOW + 5 * DAY)
    found = response_section([late, detail(confirm(a_case(), **WHO, now=NOW + HOUR))], PERIOD[0], end, NOW + DAY)
    assert found["late"] == [{"case": a_case().id, "clock": "gdpr/authority", "reason": "the form was down"}]
    (running,) = found["open_clocks"]
    assert (running["state"], running["remaining_seconds"]) == ("running", 49 * 3600)


def test_what_people_did_is_counted_and_nobody_is_named() -> None:
    found = acts_section([told(HOUR)], *PERIOD)
    assert (found["by_act"], found["notices"]) == ({"confirm": 1, "notify": 1}, {"gdpr/authority initial": 1})
    assert acts_section([told(HOUR)], rfc3339(END), rfc3339(END + DAY))["by_act"] == {}
    every = (cases_section([told(HOUR)], *PERIOD), response_section([told(HOUR)], *PERIOD, NOW), found)
    assert "ada" not in repr(every)
    assert "actor-7f3a9c2e" not in repr(every)


def test_a_day_on_which_nothing_was_read_is_shown_as_that() -> None:
    days = {"2026-03-04": {"portal": read(10), "ehr": read(5, accesses=2)}}
    found = coverage_section(days, [(START, END)], START, END)
    assert {day: counts["lines"] for day, counts in found["days"].items()} == {
        "2026-03-04": 15, "2026-03-05": 0, "2026-03-06": 0,
    }  # fmt: skip
    assert (found["totals"]["accesses"], found["sources"]["portal"]["lines"]) == (2, 10)
    assert (found["watched_share"], found["unwatched"]) == (1.0, [])


def test_times_when_nobody_watched_are_shown_but_for_a_short_restart() -> None:
    watches = [(START - DAY, START + DAY), (START + DAY + 90 * SECOND, START + 2 * DAY), (START + 2 * DAY + HOUR, END)]
    found = coverage_section({}, watches, START, END)
    assert found["unwatched"] == [{"from": rfc3339(START + 2 * DAY), "to": rfc3339(START + 2 * DAY + HOUR)}]
    assert found["watched_share"] == round(71 / 72, 4)
    assert coverage_section({}, [], START, END)["watched_share"] == 0
    assert coverage_section({}, [(START, START + DAY)], START, END)["unwatched"][-1]["to"] == rfc3339(END)


def test_nothing_happened_is_said_with_what_shows_it_and_never_without() -> None:
    quiet = {
        "cases": {"detected": 0},
        "coverage": coverage_section({"2026-03-04": {"portal": read(10)}}, [(START, END)], START, END),
    }
    assert verdict(quiet) == (
        "Nothing came up. 10 lines of 1 source were read, and the watch ran for 100.0 % of the time; "
        "no stretch of a log was lost."
    )
    blind = {"cases": {"detected": 0}, "coverage": coverage_section({}, [], START, END)}
    assert verdict(blind).startswith("Nothing came up, but nothing was read either. 0 lines")
    lost = coverage_section({"2026-03-04": {"portal": read(10, gaps=2)}}, [(START, END)], START, END)
    assert verdict({"cases": {"detected": 1}, "coverage": lost}).startswith("1 case came up.")
    assert "2 stretches of logs were lost unread" in verdict({"cases": {"detected": 1}, "coverage": lost})


def test_delivery_says_for_each_channel_what_was_owed_taken_and_refused() -> None:
    owed = [("soc", "sent", 0, 2 * SECOND), ("soc", "never", 0, None), ("dpo", "pending", 0, None)]
    found = delivery_section(owed)
    assert (found["soc"]["owed"], found["soc"]["sent"], found["soc"]["never"]) == (2, 1, 1)
    assert found["soc"]["seconds"]["median"] == 2
    assert (found["dpo"]["pending"], found["dpo"]["seconds"]["count"]) == (1, 0)

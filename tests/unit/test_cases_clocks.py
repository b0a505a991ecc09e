from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from sentinel.cases.clocks import clock_rows, opening_clocks, remaining
from sentinel.cases.counting import deadline, outer_limit
from sentinel.cases.moves import confirm, dismiss, notify
from sentinel.cases.options import CaseOptions
from sentinel.cases.regimes import parse_regimes, shipped_regimes
from sentinel.clock import HOUR, MINUTE, SECOND, Micros, from_datetime, rfc3339
from tests.unit.cases_fixtures import NOW, a_case

BERLIN = "Europe/Berlin"
LONDON = "Europe/London"

# Zone, aware in local time, fold; in UTC: 72 elapsed hours later, and the end by Regulation 1182/71 Art. 3(1).
EXAMPLES = [
    (BERLIN, "2026-11-24T09:17", 0, "2026-11-27T08:17:00Z", "2026-11-27T09:00:00Z"),
    (BERLIN, "2026-11-27T16:30", 0, "2026-11-30T15:30:00Z", "2026-11-30T16:00:00Z"),
    (LONDON, "2026-10-23T14:05", 0, "2026-10-26T13:05:00Z", "2026-10-26T14:00:00Z"),
    (BERLIN, "2026-10-23T14:05", 0, "2026-10-26T12:05:00Z", "2026-10-26T13:00:00Z"),
    (LONDON, "2027-03-26T11:00", 0, "2027-03-29T11:00:00Z", "2027-03-29T12:00:00Z"),
    (BERLIN, "2027-03-26T23:40", 0, "2027-03-29T22:40:00Z", "2027-03-29T23:00:00Z"),
    (BERLIN, "2026-12-30T18:45", 0, "2027-01-02T17:45:00Z", "2027-01-02T18:00:00Z"),
    (LONDON, "2026-12-24T17:59:59", 0, "2026-12-27T17:59:59Z", "2026-12-27T18:00:00Z"),
    (BERLIN, "2026-12-22T12:59", 0, "2026-12-25T11:59:00Z", "2026-12-25T12:00:00Z"),
    (BERLIN, "2026-10-25T02:30", 0, "2026-10-28T00:30:00Z", "2026-10-28T01:00:00Z"),
    (BERLIN, "2026-10-25T02:30", 1, "2026-10-28T01:30:00Z", "2026-10-28T02:00:00Z"),
]


def moment(zone: str, local: str, fold: int = 0) -> Micros:
    return from_datetime(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold))


@pytest.mark.parametrize(("zone", "local", "fold", "elapsed", "regulation"), EXAMPLES)
def test_the_deadline_is_72_elapsed_hours_and_the_regulation_gives_up_to_one_more(
    zone: str, local: str, fold: int, elapsed: str, regulation: str
) -> None:
    aware = moment(zone, local, fold)
    assert rfc3339(deadline(aware, 72)) == elapsed
    assert rfc3339(outer_limit(aware, ZoneInfo(zone))) == regulation


def test_the_hour_of_the_event_is_the_hour_of_the_local_clock() -> None:
    aware = moment("UTC", "2026-06-01T10:10")
    assert rfc3339(outer_limit(aware, ZoneInfo("Asia/Kolkata"))) == "2026-06-04T10:30:00Z"
    assert rfc3339(outer_limit(aware, ZoneInfo("Asia/Kathmandu"))) == "2026-06-04T10:15:00Z"


def test_a_case_counts_72_hours_from_detection_and_is_provisional() -> None:
    (clock,) = opening_clocks(CaseOptions(), NOW)
    assert (clock.regime, clock.step, clock.counting.amount, clock.provisional) == ("gdpr", "authority", 72, True)
    assert clock.deadline_at == NOW + 72 * HOUR


def test_detection_can_be_the_operational_start() -> None:
    (clock,) = opening_clocks(CaseOptions(awareness="detection"), NOW)
    assert not clock.provisional


def test_a_regime_that_is_not_in_force_gives_no_clock() -> None:
    assert opening_clocks(CaseOptions(), moment("UTC", "2018-05-24T12:00")) == ()
    assert len(opening_clocks(CaseOptions(), moment("UTC", "2018-05-25T12:00"))) == 1


def test_every_shipped_step_says_where_it_comes_from() -> None:
    assert all(step.basis for regime in shipped_regimes().values() for step in regime.steps)


def test_a_regime_with_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="weeks"):
        parse_regimes("x: {name: X, valid_from: 2020-01-01, steps: [{step: a, duty: b, anchor: aware, weeks: 3}]}")


def test_an_unknown_clock_and_an_unknown_time_zone_are_named() -> None:
    with pytest.raises(ValidationError, match="unknown clock 'gdrp': known here: gdpr"):
        CaseOptions(clocks=("gdrp",))
    with pytest.raises(ValidationError, match="unknown time zone 'Berlin'"):
        CaseOptions(timezone="Berlin")
    with pytest.raises(ValidationError, match="named twice"):
        CaseOptions(clocks=("gdpr", "gdpr"))


def test_the_options_read_lists_as_a_file_has_them() -> None:
    assert CaseOptions.model_validate({"awareness": "detection", "clocks": ["gdpr"]}).clocks == ("gdpr",)


def test_a_row_of_a_clock_is_the_public_contract() -> None:
    case = a_case()
    assert clock_rows(case, NOW + 90 * SECOND + 1) == [
        {
            "regime": "gdpr",
            "step": "authority",
            "deadline_at": "2026-03-07T02:00:00Z",
            "provisional": True,
            "remaining_seconds": 72 * 3600 - 91,
            "state": "running",
        }
    ]


def test_a_row_shows_the_outer_limit_where_a_zone_is_known() -> None:
    (row,) = clock_rows(a_case(), NOW, ZoneInfo(BERLIN))
    assert row["outer_limit_at"] == "2026-03-07T03:00:00Z"


def test_the_time_left_is_negative_when_late_and_null_when_the_clock_has_stopped() -> None:
    case = a_case()
    late = NOW + 72 * HOUR + MINUTE
    assert remaining(case, late) == -MINUTE
    assert [(row["remaining_seconds"], row["state"]) for row in clock_rows(case, late)] == [(-60, "overdue")]

    confirmed = confirm(case, who="ada", reason="seen", now=NOW).case
    met = notify(confirmed, who="ada", reason="form sent", now=NOW + HOUR).case
    assert [(row["remaining_seconds"], row["state"]) for row in clock_rows(met, late)] == [(None, "met")]
    assert remaining(met, late) is None

    dismissed = dismiss(case, who="ada", reason="a drill", now=NOW).case
    assert [(row["remaining_seconds"], row["state"]) for row in clock_rows(dismissed, late)] == [(None, "stopped")]

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from sentinel.cases.counting import (
    check_calendar,
    contested_limit,
    deadline,
    doubt,
    ends_at,
    is_working_day,
    limit_text,
    local_day,
    outer_limit,
    start_of_day,
)
from sentinel.clock import HOUR, Micros, from_datetime, to_datetime
from sentinel.model import Counting

BERLIN = "Europe/Berlin"
LONDON = "Europe/London"


def moment(zone: str, local: str, fold: int = 0) -> Micros:
    return from_datetime(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(zone), fold=fold))


def local(zone: str, at: Micros) -> str:
    return to_datetime(at).astimezone(ZoneInfo(zone)).strftime("%a %m-%d %H:%M:%S %Z").replace(":00 ", " ")


# Zone, calendar, aware; 72 elapsed hours later; Regulation 1182/71 Art. 3(1); its contested Art. 3(5).
HOURS = [
    (BERLIN, "DE-BE", "2026-11-24T09:17", "Fri 11-27 09:17 CET", "Fri 11-27 10:00 CET", "Fri 11-27 10:00 CET"),
    (BERLIN, "DE-BE", "2026-11-27T16:30", "Mon 11-30 16:30 CET", "Mon 11-30 17:00 CET", "Wed 12-02 00:00 CET"),
    (LONDON, "GB-ENG", "2026-10-23T14:05", "Mon 10-26 13:05 GMT", "Mon 10-26 14:00 GMT", "Wed 10-28 00:00 GMT"),
    (BERLIN, "DE-BE", "2026-10-23T14:05", "Mon 10-26 13:05 CET", "Mon 10-26 14:00 CET", "Wed 10-28 00:00 CET"),
    (LONDON, "GB-ENG", "2027-03-26T11:00", "Mon 03-29 12:00 BST", "Mon 03-29 13:00 BST", "Thu 04-01 00:00 BST"),
    (BERLIN, "DE-BE", "2027-03-26T23:40", "Tue 03-30 00:40 CEST", "Tue 03-30 01:00 CEST", "Thu 04-01 00:00 CEST"),
    (BERLIN, "DE-BE", "2026-12-30T18:45", "Sat 01-02 18:45 CET", "Sat 01-02 19:00 CET", "Tue 01-05 00:00 CET"),
    (LONDON, "GB-ENG", "2026-12-24T17:59:59", "Sun 12-27 17:59:59 GMT", "Sun 12-27 18:00 GMT", "Thu 12-31 00:00 GMT"),
    (BERLIN, "DE-BE", "2026-12-22T12:59", "Fri 12-25 12:59 CET", "Fri 12-25 13:00 CET", "Fri 12-25 13:00 CET"),
]


@pytest.mark.parametrize(("zone", "calendar", "aware", "elapsed", "regulation", "contested"), HOURS)
def test_the_three_readings_of_72_hours(
    zone: str, calendar: str, aware: str, elapsed: str, regulation: str, contested: str
) -> None:
    at = moment(zone, aware)
    assert local(zone, deadline(at, 72)) == local(zone, ends_at(Counting(72, zone=zone), at)) == elapsed
    assert local(zone, outer_limit(at, ZoneInfo(zone))) == regulation
    assert local(zone, contested_limit(at, ZoneInfo(zone), calendar)) == contested


@pytest.mark.parametrize(
    ("fold", "elapsed", "regulation"),
    [(0, "Wed 10-28 01:30 CET", "Wed 10-28 02:00 CET"), (1, "Wed 10-28 02:30 CET", "Wed 10-28 03:00 CET")],
)
def test_the_hour_that_comes_twice_has_two_deadlines(fold: int, elapsed: str, regulation: str) -> None:
    at = moment(BERLIN, "2026-10-25T02:30", fold)
    assert local(BERLIN, deadline(at, 72)) == elapsed
    assert local(BERLIN, outer_limit(at, ZoneInfo(BERLIN))) == regulation


# A request received on a day in England; the month before it is moved; due; the three months; due.
REQUESTS = [
    ("2026-09-03", "2026-10-03", "2026-10-05", "2026-12-03", "2026-12-03"),
    ("2026-11-25", "2026-12-25", "2026-12-29", "2027-02-25", "2027-02-25"),
    ("2026-11-30", "2026-12-30", "2026-12-30", "2027-02-28", "2027-03-01"),
    ("2027-01-31", "2027-02-28", "2027-03-01", "2027-04-30", "2027-04-30"),
    ("2028-01-31", "2028-02-29", "2028-02-29", "2028-04-30", "2028-05-02"),
    ("2027-02-26", "2027-03-26", "2027-03-30", "2027-05-26", "2027-05-26"),
    ("2027-04-01", "2027-05-01", "2027-05-04", "2027-07-01", "2027-07-01"),
    ("2026-08-31", "2026-09-30", "2026-09-30", "2026-11-30", "2026-11-30"),
]


def due(counting: Counting, received: str) -> str:
    zone = ZoneInfo(counting.zone)
    return local_day(ends_at(counting, start_of_day(date.fromisoformat(received), zone) + 9 * HOUR), zone).isoformat()


@pytest.mark.parametrize(("received", "month", "moved", "months", "extended"), REQUESTS)
def test_a_month_ends_on_its_date_or_its_last_day_and_moves_off_holidays(
    received: str, month: str, moved: str, months: str, extended: str
) -> None:
    one = Counting(1, "months", zone=LONDON, calendar="GB-ENG")
    assert due(one, received) == month
    assert due(replace(one, roll="working_day"), received) == moved
    assert due(replace(one, amount=3), received) == months
    assert due(replace(one, amount=3, roll="working_day"), received) == extended


def test_a_period_in_days_ends_with_the_last_second_of_its_last_day() -> None:
    end = ends_at(Counting(1, "months", zone=LONDON), moment(LONDON, "2026-08-31T23:59"))
    assert local(LONDON, end) == "Wed 09-30 23:59:59 BST"


def test_a_complaint_is_acknowledged_in_30_days_counted_in_either_way() -> None:
    statute = Counting(30, "days", "working_day", first_day=True, zone=LONDON, calendar="GB-ENG")
    example_of_the_ico = replace(statute, first_day=False)
    assert due(example_of_the_ico, "2026-11-25") == "2026-12-29"
    assert due(replace(example_of_the_ico, roll="none"), "2026-11-25") == "2026-12-25"
    assert due(statute, "2026-11-25") == "2026-12-24"


def test_working_days_leave_out_weekends_and_holidays() -> None:
    three = Counting(3, "working_days", zone="America/Sao_Paulo", calendar="BR")
    assert due(three, "2026-09-03") == "2026-09-09"  # Monday the 7th is Independence Day
    assert due(replace(three, calendar=""), "2026-09-03") == "2026-09-08"


def test_an_end_in_hours_moves_to_noon_of_the_next_working_day() -> None:
    initial = Counting(4, "hours", "noon", zone=BERLIN, calendar="DE-BE")
    assert local(BERLIN, ends_at(initial, moment(BERLIN, "2026-11-27T22:00"))) == "Mon 11-30 12:00 CET"
    assert local(BERLIN, ends_at(initial, moment(BERLIN, "2026-11-27T10:00"))) == "Fri 11-27 14:00 CET"
    assert local(BERLIN, ends_at(initial, moment(BERLIN, "2026-12-24T22:00"))) == "Mon 12-28 12:00 CET"


def test_holidays_are_those_of_the_place() -> None:
    boxing_day_moved = date(2026, 12, 28)
    assert not is_working_day(boxing_day_moved, "GB-ENG")
    assert is_working_day(boxing_day_moved, "DE-BE")
    assert is_working_day(date(2027, 1, 4), "GB-ENG")
    assert not is_working_day(date(2027, 1, 4), "GB-SCT")
    assert is_working_day(date(2026, 12, 25), "")


def test_where_holidays_are_not_known_the_end_errs_early_and_says_so() -> None:
    month = Counting(1, "months", "working_day", zone=LONDON, calendar="GB-ENG")
    assert doubt(month, moment(LONDON, "2026-11-25T12:00")) == ""
    assert "only weekends" in doubt(replace(month, calendar=""), moment(LONDON, "2026-11-25T12:00"))
    assert "in 2101 are not known" in doubt(month, moment(LONDON, "2101-11-25T12:00"))
    assert due(month, "2101-11-25") == "2101-12-26"  # the 25th is a Sunday; that the 26th is a holiday is not known
    assert doubt(Counting(72), 0) == ""


def test_a_calendar_that_does_not_exist_is_named() -> None:
    assert check_calendar("") == ""
    assert check_calendar("IE") == "IE"
    for name in ("XX", "DE-XX", "Europe"):
        with pytest.raises(ValueError, match="there is no calendar"):
            check_calendar(name)


@pytest.mark.parametrize(
    ("counting", "text"),
    [
        (Counting(72), "72 h"),
        (Counting(1, "months"), "1 month"),
        (Counting(30, "days"), "30 days"),
        (Counting(3, "working_days"), "3 working days"),
    ],
)
def test_the_length_of_a_period_is_said_in_words(counting: Counting, text: str) -> None:
    assert limit_text(counting) == text

"""The times logs write."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sentinel.clock import DAY, HOUR, SECOND
from sentinel.formats.base import UTC
from sentinel.formats.moments import moment_reader
from sentinel.formats.times import END, access_reader, iso_reader, pattern_reader, read_count, yearless_reader

AT = 1_772_590_269 * SECOND
COPENHAGEN = ZoneInfo("Europe/Copenhagen")


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-04T02:11:09Z", (AT, 0)),
        ("2026-03-04t02:11:09z", (AT, 0)),
        ("2026-03-04 02:11:09", (AT, 0)),
        ("2026-03-04 02:11:09 UTC", (AT, 0)),
        ("2026-03-04T02:11:09.000Z", (AT, 3)),
        ("2026-03-04T02:11:09.999999999Z", (AT + 999_999, 6)),
        ("2026-03-04 02:11:09,5 +0000", (AT + 500_000, 1)),
        ("2026-03-04T07:41:09+05:30", (AT, 0)),
        ("2026-03-03T21:11:09-05", (AT, 0)),
        ("2026-03-04T02:10:60Z", (AT - 9 * SECOND, 0)),
        ("2026-02-30T02:11:09Z", None),
        ("2026-03-04T24:11:09Z", None),
        ("2026-03-04T02:11:09+24:00", None),
        ("2026-03-04T02:11:09.Z", None),
        ("2026-03-04T02:11:09.٣Z", None),
        ("1969-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("2026-03-04", None),
        ("", None),
        ("Z", None),
    ],
)
def test_rfc_3339_and_its_loosenings(text: str, moment: tuple[int, int] | None) -> None:
    read = iso_reader(UTC)
    assert read(text) == moment
    # Again, now that the second is known.
    assert read("2026-03-04T02:11:09Z") == (AT, 0)
    assert read(text) == moment


def test_a_known_second_is_no_pass_for_what_follows_it() -> None:
    read = iso_reader(UTC)
    assert read("2026-03-04T02:11:09Z") == (AT, 0)
    assert read("2026-03-04T02:11:09x250Z") is None
    assert read("2026-03-04T02:11:09Z250Z") is None


def test_local_time_follows_the_clock_changes() -> None:
    read = iso_reader(COPENHAGEN)
    summer, winter = read("2026-07-01T12:00:00"), read("2026-01-01T12:00:00")
    assert summer is not None
    assert winter is not None
    assert (summer[0] % DAY, winter[0] % DAY) == (10 * HOUR, 11 * HOUR)
    # 02:30 comes twice on 25 October: the first is taken.
    twice, given_utc = read("2026-10-25T02:30:00"), read("2026-10-25T00:30:00Z")
    assert twice == given_utc


def test_access_log_times_are_the_same_however_often_they_come() -> None:
    read = access_reader(UTC)
    for second in (9, 10, 59, 0, 9):
        assert read(b"04/Mar/2026:02:11:%02d +0000" % second) == (AT + (second - 9) * SECOND, 0)
    assert read(b"04/Mar/2026:03:11:09 +0100") == (AT, 0)
    assert read(b"2026-03-04T02:11:09+00:00") == (AT, 0)
    assert read(b"04/Mar/2026 02:11:09") == (AT, 0)
    assert read(b"04/Mar/2026:02:11:61 +0000") is None
    assert read(b"04/Mar/2026:02:11:xx +0000") is None
    assert read(b"04/Mrz/2026:02:11:09 +0000") is None
    assert read(b"\xff") is None


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        (1772590269, (AT, 0)),
        (1772590269.123457, (AT + 123_457, 6)),
        (1772590269000.0, (AT, 3)),
        ("1772590269,5", (AT + 500_000, 1)),
        (1772590269123456789, (AT + 123_456, 6)),
        (1.7725902691234567e18, (AT + 123_456, 6)),
        (100_000_000, (100_000_000 * SECOND, 0)),
        (99_999_999, None),
        (0.25, None),
        (-1772590269, None),
        (True, None),
        (None, None),
        ([1772590269], None),
        (float("inf"), None),
        (float("nan"), None),
        (10**30, None),
        ("12:00", None),
    ],
)
def test_counts_since_1970_are_told_apart_by_their_size(value: Any, moment: tuple[int, int] | None) -> None:
    assert read_count(value) == moment


def test_the_29th_of_february_may_be_years_back() -> None:
    read = yearless_reader(UTC)
    leap = iso_reader(UTC)("2024-02-29T01:02:03Z")
    assert read("Feb 29 01:02:03", AT) == leap
    assert read("Feb 30 01:02:03", AT) is None
    assert read("Foo 12 01:02:03", AT) is None
    assert read("Mar  4 02:11:09.25", AT) == (AT + 250_000, 2)


@pytest.mark.parametrize("reference", [0, -DAY, END, 2 * END])
def test_no_reference_is_too_far_away(reference: int) -> None:
    yearless_reader(UTC)("Mar  4 02:11:09", reference)
    pattern_reader("%d.%m. %H:%M", UTC)("04.03. 02:11", reference)


def test_a_new_reference_is_a_new_year() -> None:
    read = yearless_reader(UTC)
    assert read("Mar  4 02:11:09", AT) != read("Mar  4 02:11:09", AT + 365 * DAY)


def test_more_seconds_than_are_remembered_are_still_read() -> None:
    read = iso_reader(UTC)
    for second in range(5000):
        assert read(f"2026-03-{second // 3600 + 1:02}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}Z")


@pytest.mark.parametrize(
    ("value", "moment"),
    [
        ("2026-03-04T02:11:09.25Z", (AT + 250_000, 2)),
        ("2026-03-04 02:11:09.250 CET", (AT + 250_000, 3)),
        ("2026/03/04 02:11:09", (AT, 0)),
        ("20260304 02:11:09", (AT, 0)),
        ("04/Mar/2026:02:11:09.250", (AT + 250_000, 3)),
        ("04/Mar/2026:03:11:09 +0100", (AT, 0)),
        ("Mar 04 2026 02:11:09.250 UTC", (AT + 250_000, 3)),
        ("Wed Mar 04 02:11:09.123456 2026", (AT + 123_456, 6)),
        ("Wed Mar  4 02:11:09 2026", (AT, 0)),
        ("audit(1772590269.250:24287)", (AT + 250_000, 3)),
        ({"$date": "2026-03-04T02:11:09.250Z"}, (AT + 250_000, 3)),
        ({"$date": {"$numberLong": "1772590269250"}}, (AT + 250_000, 3)),
        (1772590269, (AT, 0)),
        ("Mar  4 02:11:09", (AT, 0)),
        ("Wed Foo 04 02:11:09 2026", None),
        ("2026-13-04 02:11:09", None),
        ("yesterday", None),
        ({"$date": []}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_every_form_in_which_programs_write_times_is_read(value: Any, moment: Any) -> None:
    assert moment_reader(UTC)(value, AT) == moment

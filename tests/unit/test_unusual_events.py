"""Conditions that one event decides: times, checksums, fields made of others."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sentinel import formats
from sentinel.clock import from_datetime
from sentinel.detect.lane import SourceView
from sentinel.detect.rules import RuleSet
from sentinel.detect.unusual import checks
from sentinel.detect.unusual.calendar import CalendarPart, working
from sentinel.formats.base import FormatOptions
from sentinel.model import LogSource
from tests.detecting import a_block, an_engine, correlation, detection, json_lines, read, rules_of


def found(rules: RuleSet, *records: dict[str, Any]) -> list[str]:
    engine = an_engine(rules)
    return [each.rule for each in engine.judge(a_block(json_lines(records)), None)]


def a_rule(selection: dict[str, Any], **sentinel: Any) -> RuleSet:
    return rules_of(detection("rule", {"selection": selection}, sentinel=sentinel))


def codes(*documents: Any) -> list[str]:
    return [each.code for each in read("\n---\n".join(json.dumps(each) for each in documents))[1] if each.is_error]


# --- calendar --------------------------------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


def is_working(moment: str, zone: ZoneInfo = BERLIN, **part: Any) -> bool:
    local = datetime.fromisoformat(moment).replace(tzinfo=zone)
    return working(CalendarPart.model_validate(part), zone)(from_datetime(local))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-07-01T08:00", True),
        ("2026-07-01T17:59", True),
        ("2026-07-01T18:00", False),
        ("2026-07-01T07:59", False),
        ("2026-07-04T12:00", False),
        ("2026-10-03T12:00", False),
        ("2026-03-08T12:00", False),
        ("2026-12-24T12:00", False),
    ],
)
def test_work_is_on_workdays_in_hours_and_on_no_day_off(moment: str, expected: bool) -> None:
    part: dict[str, Any] = {"hours": "08:00-18:00", "holidays": ["DE-BE"], "days_off": ["2026-12-24"]}
    assert is_working(moment, **part) is expected


def test_a_shift_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    part: dict[str, Any] = {"hours": "22:00-06:00", "workdays": ["fri"]}
    assert is_working("2026-07-03T23:00", **part)
    assert is_working("2026-07-04T05:59", **part)
    assert not is_working("2026-07-04T22:30", **part)
    assert not is_working("2026-07-03T05:00", **part)


def test_an_event_counts_at_the_times_that_the_calendar_says_in_the_zone_of_the_rule() -> None:
    calendar = {"hours": "06:00-20:00"}
    summer = {"what": "x", "@timestamp": "2026-07-01T18:30:00Z"}
    winter = {"what": "x", "@timestamp": "2026-01-07T18:30:00Z"}
    rules = a_rule({"what": "x"}, calendar=calendar, timezone="Europe/Berlin")
    assert found(rules, summer) == ["rule"]
    assert found(rules, winter) == []
    assert found(a_rule({"what": "x"}, calendar=calendar | {"when": "inside"}, timezone="Europe/Berlin"), winter) == [
        "rule"
    ]


def test_a_shift_by_the_clock_is_judged_once_a_minute_and_not_remembered_beyond_it() -> None:
    rules = a_rule({"what": "x"}, calendar={"hours": "06:00-20:00"})
    records = [{"what": "x", "@timestamp": f"2026-07-01T19:59:{second:02}Z"} for second in (0, 59)]
    assert found(rules, *records) == []
    assert found(rules, *records, {"what": "x", "@timestamp": "2026-07-01T20:00:00Z"}) == ["rule"]


@pytest.mark.parametrize(
    "calendar",
    [{"hours": "8-18"}, {"holidays": "XX"}, {"holidays": "DE-ZZ"}, {"days_off": "24.12."}, {"workdays": ["monday"]}],
)
def test_what_a_calendar_cannot_mean_is_an_error(calendar: dict[str, Any]) -> None:
    assert codes(detection("rule", {"selection": {"what": "x"}}, sentinel={"calendar": calendar})) == ["R041"]


def test_a_list_says_which_holidays_are_those_of_the_place() -> None:
    holidays = {"holidays": ["DE-BE", "2026-12-24"]}
    rules = a_rule({"what": "x"}, calendar={"lists": "holidays"}, lists=holidays)
    moments = ("2026-05-01T10:00:00Z", "2026-12-24T10:00:00Z", "2026-05-04T10:00:00Z", "2026-05-03T10:00:00Z")
    assert [bool(found(rules, {"what": "x", "@timestamp": each})) for each in moments] == [True, True, False, True]
    nowhere = a_rule({"what": "x"}, calendar={"lists": "holidays"}, lists={"holidays": []})
    assert found(nowhere, {"what": "x", "@timestamp": moments[0]}) == []


@pytest.mark.parametrize("lines", [{"days": ["DE"]}, {"holidays": ["XX"]}, {"holidays": ["2026-13-01"]}])
def test_a_list_of_holidays_that_is_not_there_or_means_nothing_is_an_error(lines: dict[str, list[str]]) -> None:
    part = {"calendar": {"lists": "holidays"}, "lists": lines}
    assert codes(detection("rule", {"selection": {"what": "x"}}, sentinel=part)) == ["R041"]


# --- validate --------------------------------------------------------------------------------------------------

CARD = "(^|[^0-9])[3-6][0-9]{12,18}([^0-9]|$)"


@pytest.mark.parametrize(
    ("message", "rules"),
    [
        ("card 4111111111111111 declined", ["rule"]),
        ("order 4111111111111112 shipped", []),
        ("4111111111111112 4111111111111111", ["rule"]),
        ("4111111111111111", ["rule"]),
    ],
)
def test_a_number_counts_only_if_it_passes_the_check(message: str, rules: list[str]) -> None:
    assert found(a_rule({"message|re": CARD}, validate={"selection": "luhn"}), {"message": message}) == rules


def test_what_is_checked_may_be_a_group() -> None:
    rules = a_rule({"message|re": "iban=(?P<value>[A-Z]{2}[0-9 ]+)"}, validate={"selection": "iban_mod97"})
    assert found(rules, {"message": "iban=DE89 3704 0044 0532 0130 00"}) == ["rule"]
    assert found(rules, {"message": "iban=DE88 3704 0044 0532 0130 00"}) == []


def test_a_selection_without_a_check_is_as_before() -> None:
    rules = rules_of(
        detection(
            "rule",
            {"card": {"message|re": CARD}, "word": {"message|re": "password"}},
            "1 of them",
            sentinel={"validate": {"card": "luhn"}},
        )
    )
    assert found(rules, {"message": "password 4111111111111112"}) == ["rule"]


def test_a_check_holds_for_the_field_as_a_source_calls_it() -> None:
    rules = rules_of(
        detection(
            "rule",
            {"selection": {"cs-uri-query|re": "card=[0-9]{13,19}"}},
            sentinel={"validate": {"selection": "luhn"}},
        )
    )
    view = SourceView("app", formats.make("nginx", FormatOptions()), LogSource("webserver"))
    engine = an_engine(rules, [view])

    def judged(number: str) -> int:
        line = f'192.0.2.1 - - [01/Jul/2026:10:00:00 +0000] "GET /pay?card={number} HTTP/1.1" 200 1 "-" "-"\n'
        return len(engine.judge(a_block(line.encode()), None))

    assert judged("4111111111111111") == 1
    assert judged("4111111111111112") == 0


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("luhn", "4111111111111111", "4111111111111112"),
        ("iban", "DE89370400440532013000", "DE89370400440532013001"),
        ("de.idnr", "36574261809", "36574261808"),
        ("fr.nir", "2 95 10 99 126 111 93", "2 95 10 99 126 111 94"),
        ("gb.nhs", "943-476-5870", "943-476-5871"),
        ("es.dni", "54362315-K", "54362315-Z"),
        ("pl.pesel", "44051401359", "44051401358"),
    ],
)
def test_the_checks_are_those_of_the_standards(name: str, right: str, wrong: str) -> None:
    check = checks.check(name)
    assert check is not None
    assert check(right)
    assert check(f" {right};")
    assert not check(wrong)


@pytest.mark.parametrize(
    ("sentinel", "code"),
    [
        ({"validate": {"selection": "lune"}}, "R061"),
        ({"validate": {"selection": "os.path"}}, "R061"),
        ({"validate": {"selection": "..os"}}, "R061"),
        ({"validate": {"other": "luhn"}}, "R062"),
        ({"validate": {"selection": "luhn"}}, "R062"),
        ({"extract": {"access.actor": {"from": "message", "re": "a"}}}, "R060"),
        ({"extract": {"id": {"from": "message", "re": "(a"}}}, "R041"),
    ],
)
def test_what_cannot_be_checked_or_made_is_an_error(sentinel: dict[str, Any], code: str) -> None:
    assert codes(detection("rule", {"selection": {"message": "x"}}, sentinel=sentinel)) == [code]


# --- extract ---------------------------------------------------------------------------------------------------


def test_a_field_made_by_a_rule_can_be_counted_and_grouped_by() -> None:
    read_one = detection(
        "read",
        {"selection": {"url.path|startswith": "/users/"}},
        sentinel={"extract": {"user.id": {"from": "url.path", "re": "^/users/([0-9]+)$"}}},
    )
    rules = rules_of(read_one, correlation("many", ["read"], {"field": "user.id", "gte": 3}, **{"group-by": ["ip"]}))
    records = [
        {"ip": "a", "url.path": f"/users/{number}", "@timestamp": "2026-07-01T00:00:00Z"} for number in (1, 1, 2)
    ]
    assert found(rules, *records) == []
    assert found(rules, *records, {**records[0], "url.path": "/users/3"}) == ["many"]
    assert found(rules, *records, {**records[0], "url.path": "/users/x"}) == []


def test_a_field_that_the_record_has_is_not_made_anew() -> None:
    rule = {"extract": {"who": {"from": "path", "re": "user=(\\w+)"}}, "case": {"key": ["who"]}}
    engine = an_engine(a_rule({"what": "x"}, **rule))

    def keys(**record: str) -> list[tuple[tuple[str, str], ...]]:
        return [each.case_key for each in engine.judge(a_block(json_lines([{"what": "x", **record}])), None)]

    assert keys(path="user=kim") == [(("who", "kim"),)]
    assert keys(path="user=kim", who="lee") == [(("who", "lee"),)]
    assert keys(path="nobody") == [(("rule", "rule"),)]


def test_utc_is_the_zone_of_a_calendar_that_names_none() -> None:
    assert working(CalendarPart(hours=("08:00-09:00",)), ZoneInfo("UTC"))(
        from_datetime(datetime(2026, 7, 1, 8, 30, tzinfo=UTC))
    )

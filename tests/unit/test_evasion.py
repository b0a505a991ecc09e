"""What somebody may try in order not to be seen, and what comes of it: docs/evasion.md names each of these tests."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from sentinel import formats, identities
from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, rfc3339, to_datetime
from sentinel.detect.engine import Engine
from sentinel.detect.lane import SourceView
from sentinel.detect.rules import RuleSet
from sentinel.formats.base import FormatOptions
from sentinel.model import Finding, LogSource
from tests.detecting import a_block, a_view, an_engine, correlation, detection, entries_of, json_lines, rules_of

START: Micros = 20_515 * DAY + 10 * HOUR
"""2026-03-02T10:00:00Z, a Monday."""

PORTAL = {
    "systems": [
        {
            "name": "portal",
            "data": ["health"],
            "access": [
                {
                    "when": {"url.path|re": "^/patients/(?P<subject>[0-9]+)$", "http.response.status_code": 200},
                    "actor": {"field": "user.name", "normalise": ["lower", "strip_domain"]},
                }
            ],
        }
    ]
}

ACCESSED = detection(
    "accessed", {"selection": {"access.system": "portal"}}, logsource={"category": "personal_data_access"}, level="low"
)


def many(least: int = 5, group: str = "access.actor", span: str = "10m", **more: Any) -> RuleSet:
    known = {"group-by": [group], "timespan": span, **more}
    return rules_of(ACCESSED, correlation("many", ["accessed"], {"field": "access.subject", "gte": least}, **known))


def portal(rules: RuleSet, identity: Any = str, spec: formats.Spec = "nginx") -> Engine:
    view = SourceView("app", formats.make(spec, FormatOptions()), LogSource("webserver"))
    return Engine(rules, entries_of(PORTAL), [view], key=b"k" * 32, identity=identity)


def line(path: str, who: str = "kim", at: Micros = 0, address: str = "10.0.0.1", agent: str = "-") -> bytes:
    when = to_datetime(START + at)
    return f'{address} - {who} [{when:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" 200 1 "-" "{agent}"\n'.encode()


def found(engine: Engine, lines: Iterable[bytes], now: Micros | None = None) -> list[Finding]:
    return [each for each in engine.judge(a_block(b"".join(lines)), now) if each.rule == "many" and not each.update]


# --- encodings -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "/patients/{}",
        "/p%61tients/{}",
        "//patients/{}",
        "/x/../patients/{}",
        "/./patients/{};v=1",
        "/%70%61tients/{}?a=b",
    ],
)
def test_a_path_written_otherwise_is_the_same_access(path: str) -> None:
    assert len(found(portal(many()), [line(path.format(number)) for number in range(5)])) == 1


@pytest.mark.parametrize("sign", ["K", "\\u004b", "\\u212a"])
def test_an_escape_in_json_hides_nothing(sign: str) -> None:
    rules = rules_of(detection("rule", {"selection": {"user": "kim"}}))
    record = f'{{"@timestamp": "2026-03-02T10:00:00Z", "user": "{sign}im"}}\n'.encode()
    assert len(an_engine(rules).judge(a_block(record), None)) == 1


# --- times -----------------------------------------------------------------------------------------------------


def test_stamps_from_the_future_are_judged_and_make_no_other_event_late() -> None:
    engine, now = portal(many()), START + MINUTE
    ahead = [line("/patients/1", at=DAY)]
    assert found(engine, ahead, now) == []
    assert engine.lanes["app"].counts.future == 1
    assert len(found(engine, [line(f"/patients/{number}") for number in range(5)], now)) == 1
    assert engine.lanes["app"].counts.late == 0


def test_reading_slowly_stays_below_a_short_window_and_not_below_a_long_one() -> None:
    slow = [line(f"/patients/{number}", at=number * 11 * MINUTE) for number in range(40)]
    assert found(portal(many()), slow) == []
    assert len(found(portal(many(30, span="1d")), slow)) == 1


def test_reading_slowly_at_an_hour_at_which_one_never_reads_is_higher_than_usual() -> None:
    rules = many(5, span="1d", sentinel={"baseline": {"min_hours": 10, "cold_start": "silent"}})
    engine = portal(rules)
    habit = [
        line(f"/patients/{number}", at=day * DAY + hour * HOUR)
        for day in range(21)
        if day % 7 < 5
        for hour in range(8)
        for number in range(4)
    ]
    assert found(engine, habit) == []
    night = [line(f"/patients/{100 + number}", at=21 * DAY + 14 * HOUR + number * 9 * MINUTE) for number in range(20)]
    assert len(found(engine, night)) == 1


# --- bytes and lengths -----------------------------------------------------------------------------------------


def test_bytes_that_are_no_text_hide_no_record() -> None:
    bad = [line(f"/patients/{number}", agent="x").replace(b'"x"', b'"\xff\xfe\x00\xc3"') for number in range(5)]
    assert len(found(portal(many()), bad)) == 1


def test_a_record_of_a_million_characters_is_read_like_any_other() -> None:
    long = [line(f"/patients/{number}", agent="A" * 1_000_000) for number in range(5)]
    assert len(found(portal(many()), long)) == 1


def test_a_line_that_cannot_be_read_is_counted_and_stops_nothing() -> None:
    engine = portal(rules_of(ACCESSED, detection("word", {"keywords": ["patients"]}, "keywords")))
    engine.judge(a_block(b"\xff\xff patients [[[\n" + line("/patients/1")), None)
    assert engine.lanes["app"].counts.unparsed == 1
    assert engine.lanes["app"].counts.accesses == {"portal": 1}


# --- splitting -------------------------------------------------------------------------------------------------


def test_reading_split_over_spellings_of_a_name_counts_together() -> None:
    names = ["kim", "Kim", "KIM@corp.example", "CORP\\\\kim", "kim"]
    assert len(found(portal(many()), [line(f"/patients/{place}", who) for place, who in enumerate(names)])) == 1


def test_reading_split_over_accounts_of_a_person_counts_together() -> None:
    people, _ = identities.parse("kim: [k.larsen, kim-admin]", "people.yaml")
    assert people is not None
    names = ["kim", "k.larsen", "kim-admin", "kim", "k.larsen"]
    lines = [line(f"/patients/{place}", who) for place, who in enumerate(names)]
    assert len(found(portal(many(), people.resolve), lines)) == 1
    assert found(portal(many()), lines) == []


def test_reading_split_over_addresses_is_still_of_one_person_and_split_over_people_of_one_address() -> None:
    addresses = [line(f"/patients/{number}", address=f"10.0.{number}.1") for number in range(5)]
    assert len(found(portal(many()), addresses)) == 1
    people = [line(f"/patients/{number}", who=f"user{number}") for number in range(5)]
    assert found(portal(many()), people) == []
    assert len(found(portal(many(group="source.ip")), people)) == 1


def test_many_who_read_one_record_are_seen_by_the_record() -> None:
    rules = rules_of(
        ACCESSED,
        correlation("many", ["accessed"], {"field": "access.actor", "gte": 5}, **{"group-by": ["access.subject"]}),
    )
    assert len(found(portal(rules), [line("/patients/7", who=f"user{number}") for number in range(5)])) == 1


# --- log injection ---------------------------------------------------------------------------------------------


def test_a_name_with_quotes_and_newlines_forges_no_record() -> None:
    engine = portal(many(1))
    forged = 'lee"] "GET /patients/2 HTTP/1.1" 200 1 "-" "-"\\n10.0.0.9 - lee'
    assert [each.group for each in found(engine, [line("/other", agent=forged.replace('"', "\\x22"))])] == []


def test_a_record_cannot_say_itself_that_it_is_an_access_or_of_whom() -> None:
    engine = portal(many(1), spec="json")
    said = {"@timestamp": rfc3339(START, 6), "access.system": "portal", "access.actor": "lee", "access.subject": "9"}
    nested = {"@timestamp": rfc3339(START, 6), "access": {"system": "portal", "actor": "lee", "subject": "9"}}
    assert found(engine, [json_lines([said, nested])]) == []
    real: Mapping[str, Any] = {**said, "url.path": "/patients/1", "http.response.status_code": 200, "user.name": "kim"}
    assert [each.group for each in found(engine, [json_lines([real])])] == [(("access.actor", "kim"),)]


def test_a_forged_time_in_a_field_does_not_move_the_event() -> None:
    engine = an_engine(rules_of(detection("rule", {"selection": {"what": "x"}})), [a_view()])
    record = {"@timestamp": rfc3339(START, 6), "what": "x", "message": '{"@timestamp": "2020-01-01T00:00:00Z"}'}
    assert [each.fired_at for each in engine.judge(a_block(json.dumps(record).encode() + b"\n"), None)] == [START]


# --- flooding --------------------------------------------------------------------------------------------------


def test_a_flood_of_names_pushes_nobody_out_who_is_near_the_threshold() -> None:
    rules = many(5, sentinel={"runtime": {"max_groups": 100}})
    engine = portal(rules)
    begun = [line(f"/patients/{number}") for number in range(4)]
    flood = [line("/patients/1", who=f"nobody{number}", at=SECOND) for number in range(3000)]
    assert found(engine, [*begun, *flood]) == []
    assert [each.group for each in found(engine, [line("/patients/4", at=2 * SECOND)])] == [(("access.actor", "kim"),)]


def test_a_flood_of_one_line_opens_one_finding() -> None:
    lines = [line(f"/patients/{number % 50}", at=number * SECOND // 100) for number in range(5000)]
    assert len(found(portal(many()), lines)) == 1

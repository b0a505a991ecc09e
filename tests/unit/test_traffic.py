"""The demo's traffic: the same for the same seed, ordinary but for the insider."""

import json
import re
from collections import Counter, defaultdict
from datetime import datetime

import pytest

from sentinel.clock import SECOND, Micros, from_datetime
from sentinel.commands.traffic import INSIDER, Lines, Plan, Traffic

NOON: Micros = 1_772_625_600 * SECOND
PLAN = Plan(insider_from=NOON + 5 * SECOND)
COMBINED = re.compile(r'(\S+) - (\S+) \[([^\]]+)\] "(GET|POST) (\S+) HTTP/1\.1" (\d{3}) (\d+) "([^"]*)" "([^"]*)"')


def written(plan: Plan, seconds: int, start: Micros = NOON, stretch: Micros = SECOND // 10) -> Lines:
    traffic = Traffic(plan)
    parts = [traffic.between(at, at + stretch) for at in range(start, start + seconds * SECOND, stretch)]
    return Lines(
        b"".join(part.portal for part in parts),
        b"".join(part.application for part in parts),
        sum(part.count for part in parts),
    )


def patients_by_person(lines: Lines) -> dict[str, set[str]]:
    seen: dict[str, set[str]] = defaultdict(set)
    for line in lines.portal.decode().splitlines():
        shape = COMBINED.fullmatch(line)
        assert shape
        if patient := re.match(r"/api/patients/(\d+)", shape[5]):
            seen[shape[2]].add(patient[1])
    for line in lines.application.decode().splitlines():
        record = json.loads(line)
        if "patient.id" in record:
            seen[record["user.name"]].add(str(record["patient.id"]))
    return seen


def test_the_same_seed_writes_the_same_lines() -> None:
    assert written(PLAN, 2) == written(PLAN, 2)
    assert written(PLAN, 2) != written(Plan(insider_from=PLAN.insider_from, seed=8), 2)


def test_about_as_many_lines_are_written_as_asked_for() -> None:
    lines = written(PLAN, 4)
    assert lines.count == 8_000
    assert lines.portal.count(b"\n") + lines.application.count(b"\n") == lines.count


def test_a_slow_rate_is_kept_over_many_short_stretches() -> None:
    assert written(Plan(insider_from=NOON + 1000 * SECOND, rate=3), 10).count == pytest.approx(30, abs=1)


def test_about_one_line_in_a_hundred_is_an_access() -> None:
    lines = written(Plan(insider_from=NOON + 1000 * SECOND), 10)
    accesses = lines.portal.count(b"/api/patients/") + lines.application.count(b"patient.id")
    assert accesses / lines.count == pytest.approx(0.01, abs=0.002)


def test_nobody_but_the_insider_reads_faster_than_hands_can() -> None:
    lines = written(Plan(insider_from=NOON + 1000 * SECOND), 60)
    reads = Counter(line.split(b" ")[2] for line in lines.portal.splitlines() if b"/api/patients/" in line)
    assert max(reads.values()) < 60


def test_every_portal_line_is_in_the_combined_format_and_in_time_order() -> None:
    lines = written(PLAN, 3).portal.decode().splitlines()
    assert all(COMBINED.fullmatch(line) for line in lines)
    times = [line.split("[", 1)[1].split("]")[0] for line in lines]
    assert times == sorted(times)
    assert times[0].startswith("04/Mar/2026:12:00:00")


def test_every_application_line_is_json_with_a_time_in_its_stretch() -> None:

    traffic = Traffic(PLAN)
    for line in traffic.between(NOON, NOON + SECOND).application.splitlines():
        moment = from_datetime(datetime.fromisoformat(json.loads(line)["@timestamp"]))
        assert NOON <= moment < NOON + SECOND


def test_the_insider_reads_three_hundred_patients_in_forty_seconds() -> None:
    assert INSIDER not in patients_by_person(written(PLAN, 5))
    assert len(patients_by_person(written(Plan(insider_from=PLAN.insider_from, rate=200), 46))[INSIDER]) == 300


def test_nobody_else_sees_more_patients_than_a_ward_has_in_their_care() -> None:
    seen = patients_by_person(written(PLAN, 20))
    assert len(seen) > 50
    assert max(len(patients) for person, patients in seen.items() if person != INSIDER) <= 12


def test_only_who_is_on_shift_is_seen() -> None:
    day, night = (set(patients_by_person(written(PLAN, 10, start))) for start in (NOON, NOON + 12 * 3600 * SECOND))
    assert len(day) > len(night) > 10
    assert not (day & night) - {INSIDER}

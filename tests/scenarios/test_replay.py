"""`sentinel replay` as a process on whole logs, held against an oracle that shares nothing with the engine."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios import oracle, ward_log

FIXTURES = Path(__file__).parents[1] / "fixtures" / "replay"
LINES = 1_000_000 if os.environ.get("SENTINEL_LONG") == "1" else 150_000
OPTIONS = [
    "--rules", str(FIXTURES / "rules.yml"), "--inventory", str(FIXTURES / "inventory.yaml"),
    "--logsource", "category=webserver", "--output", "json", "--stats",
]  # fmt: skip


class Run:
    """One run of the command: its findings, its numbers, what it said and how it ended."""

    def __init__(self, *arguments: str | Path, stdin: bytes | None = None) -> None:
        command = [sys.executable, "-m", "sentinel", "replay", *OPTIONS, *map(str, arguments)]
        done = subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=600)
        self.code = done.returncode
        self.said = done.stderr.decode()
        self.findings: list[dict[str, Any]] = [json.loads(line) for line in done.stdout.splitlines()]
        self.stats: dict[str, Any] = json.loads(self.said.splitlines()[-1])

    @property
    def ids(self) -> list[str]:
        return sorted(each["finding"] for each in self.findings)


def as_expected(finding: dict[str, Any]) -> oracle.Expected:
    return oracle.Expected(
        rule=finding["rule"],
        who=finding["group"]["access.actor"],
        fired_at=finding["fired_at"],
        first_seen=finding["first_seen"],
        value=finding["value"],
        subjects=finding["subjects"],
        evidence=tuple((each["offset"], each["length"]) for each in finding["evidence"]),
        evidence_total=finding["evidence_total"],
    )


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ward") / "access.log"
    with path.open("w", encoding="ascii") as file:
        file.writelines(ward_log.lines(LINES))
    return path


@pytest.fixture(scope="module")
def run(log: Path) -> Run:
    return Run(log)


def test_replay_finds_what_the_oracle_finds_and_nothing_else(run: Run, log: Path) -> None:
    assert {as_expected(each) for each in run.findings} == oracle.expected(log)
    assert run.code == 0


def test_everybody_planted_is_found_and_nobody_who_only_came_near(run: Run) -> None:
    found = {each["group"]["access.actor"] for each in run.findings if each["rule"] == "many_patients"}
    assert found == {each.who for each in ward_log.PLANTED if each.fires}


def test_the_numbers_are_those_of_the_file(run: Run, log: Path) -> None:
    data = log.read_bytes()
    assert (run.stats["lines"], run.stats["bytes"]) == (data.count(b"\n"), len(data))
    assert (run.stats["unparsed"], run.stats["late"], run.stats["future"]) == (0, 0, 0)
    assert run.stats["findings"] == len(run.findings)
    assert run.stats["events"] == run.stats["candidates"] < run.stats["lines"] * 0.07


def test_a_finding_has_every_key_of_the_contract(run: Run, log: Path) -> None:
    finding = next(each for each in run.findings if each["group"]["access.actor"] == "bulk.exact")
    assert list(finding) == [
        "finding", "rule", "rule_id", "title", "level", "mode", "group", "first_seen", "last_seen", "fired_at", "value",
        "subjects", "source", "evidence", "evidence_total",
    ]  # fmt: skip
    assert finding["finding"].startswith("f_")
    assert len(finding["finding"]) == 34
    assert (finding["level"], finding["mode"], finding["source"]) == ("high", "enforce", "replay")
    assert finding["last_seen"] == finding["fired_at"] == "2026-03-29T06:09:59Z"
    place = finding["evidence"][0]
    record = log.read_bytes()[place["offset"] : place["offset"] + place["length"]]
    assert b" bulk.exact " in record
    assert place["path"] == str(log)


def test_rotated_generations_read_as_the_log_they_were(run: Run, log: Path, tmp_path: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    third = len(lines) // 3
    newest, middle, oldest = tmp_path / "access.log", tmp_path / "access.log.1", tmp_path / "access.log.2.gz"
    oldest.write_bytes(gzip.compress(b"".join(lines[:third]), compresslevel=1))
    middle.write_bytes(b"".join(lines[third : 2 * third]))
    newest.write_bytes(b"".join(lines[2 * third :]))
    assert Run(newest, middle, oldest).ids == run.ids


def test_two_logs_are_merged_by_the_time_of_their_events(run: Run, log: Path, tmp_path: Path) -> None:
    odd, even = tmp_path / "a.log", tmp_path / "b.log"
    lines = log.read_bytes().splitlines(keepends=True)
    odd.write_bytes(b"".join(lines[1::2]))
    even.write_bytes(b"".join(lines[0::2]))
    both = Run(odd, even)
    assert [each["group"] for each in both.findings] == [each["group"] for each in run.findings]
    assert [each["fired_at"] for each in both.findings] == [each["fired_at"] for each in run.findings]


def test_a_pipe_is_read_like_a_file(run: Run, log: Path) -> None:
    assert Run("-", stdin=log.read_bytes()).ids == run.ids


def test_nothing_to_read_is_well() -> None:
    done = Run("/dev/null")
    assert (done.code, done.findings, done.stats["lines"]) == (0, [], 0)


def test_an_input_that_is_missing_stops_no_other(run: Run, log: Path, tmp_path: Path) -> None:
    done = Run(tmp_path / "gone.log", log)
    assert done.code == 1
    assert "gone.log' could not be read" in done.said
    assert done.ids == run.ids


def test_a_broken_rule_stops_no_other(run: Run, log: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    text = "title: Broken\nlogsource: {category: webserver}\ndetection:\n  a: {b: 1}\n  condition: sel\n"
    broken.write_text(text, encoding="utf-8")
    done = Run("--rules", broken, log)
    assert done.code == 1
    assert "broken.yml:5:3: R011 there is no selection 'sel'" in done.said
    assert done.ids == run.ids

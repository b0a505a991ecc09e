"""`sentinel tune` on a log of which it is known who reads how much, held against a replay of each setting."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import sentinel.__main__ as cli
from sentinel import files
from tests.scenarios import ward_log

FIXTURES = Path(__file__).parents[1] / "fixtures" / "replay"
RULES = (FIXTURES / "rules.yml").read_text(encoding="utf-8")
MORE = """---
title: Two kinds of much by one person
name: much_twice
correlation:
    type: event_count
    rules: [many_patients]
    group-by: [access.actor]
    timespan: 2h  # twice an hour
    condition: {gt: 0}
    generate: true
---
title: More than usual
name: more_than_usual
correlation:
    type: value_count
    rules: [opened]
    group-by: [access.actor]
    timespan: 1h
    condition: {field: access.subject, gte: 5}
sentinel:
    baseline: {history: 7d, cold_start: floor, compare: {method: median_mad, factor: 3, floor: 3}}
---
title: A few reads and no more
name: a_few
correlation:
    type: event_count
    rules: [opened]
    group-by: [access.actor]
    timespan: 1h
    condition: {gte: 40, lt: 55}
"""
"""A rule that counts another's findings, one that learns, and one that is judged when its windows are over."""


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ward") / "access.log"
    with path.open("w", encoding="ascii") as file:
        file.writelines(ward_log.lines(20_000))
    return path


class Bench:
    """The commands in a folder without a configuration."""

    def __init__(self, folder: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.rules, self.log, self.capsys = folder / "rules.yml", log, capsys
        self.rules.write_text(RULES + MORE, encoding="utf-8")
        self.code: Any = 0
        self.said = ""

    def run(self, *arguments: str) -> str:
        options = ["--rules", str(self.rules), "--inventory", str(FIXTURES / "inventory.yaml")]
        with pytest.raises(SystemExit) as left:
            cli.main([*arguments, *options, "--logsource", "category=webserver", str(self.log)])
        self.code = left.value.code or 0
        printed = self.capsys.readouterr()
        self.said = printed.err
        return printed.out

    def tune(self, rule: str, *more: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("tune", rule, "-o", "json", "--reveal", *more))
        return found

    def replayed(self, rule: str) -> list[str]:
        """Who the rule in the file finds, once for each finding."""
        found = [json.loads(line) for line in self.run("replay", "-o", "json").splitlines()]
        return sorted(each["group"]["access.actor"] for each in found if each["rule"] == rule)


@pytest.fixture
def bench(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.chdir(tmp_path)
    return Bench(tmp_path, log, capsys)


def who(setting: dict[str, Any]) -> list[str]:
    return sorted(each["group"]["access.actor"] for each in setting["groups"] for _ in range(each["findings"]))


def edited(rule: str, setting: dict[str, Any]) -> str:
    """The rules with the one rule at that setting, by its text alone."""
    documents = (RULES + MORE).split("---\n")
    [number] = [number for number, each in enumerate(documents) if f"name: {rule}\n" in each]
    changed = re.sub(r"timespan: \w+", f"timespan: {setting['timespan']}", documents[number])
    if setting["threshold"] is not None:
        changed = re.sub(r"gte: \d+", f"gte: {setting['threshold']}", changed)
    return "---\n".join([*documents[:number], changed, *documents[number + 1 :]])


@pytest.mark.parametrize("rule", ["many_patients", "many_reads", "more_than_usual", "a_few", "much_twice"])
def test_each_setting_finds_what_a_replay_with_it_finds(bench: Bench, rule: str) -> None:
    numbers = [] if rule == "a_few" else ["--thresholds", "1" if rule == "much_twice" else "12,49,60"]
    settings = bench.tune(rule, "--windows", "5m,30m,3h", *numbers)["settings"]
    for setting in settings:
        bench.rules.write_text(edited(rule, setting), encoding="utf-8")
        assert who(setting) == bench.replayed(rule)
    assert len({len(who(setting)) for setting in settings}) > 1 or rule == "much_twice"
    assert any(setting["findings"] for setting in settings)


def test_a_building_block_is_counted_too(bench: Bench) -> None:
    bench.rules.write_text(RULES.replace("level: informational", "level: informational\nsentinel: {block: true}"))
    [setting] = bench.tune("opened")["settings"]
    reads = sum(each.patients for each in ward_log.PLANTED if each.status == 200) + 150
    assert setting["findings"] > reads
    assert setting["days"].keys() == {"2026-03-28", "2026-03-29", "2026-03-30"}


def test_the_lowest_threshold_that_holds_the_target_is_suggested(bench: Bench) -> None:
    found = bench.tune("many_patients", "--thresholds", "20,55,61,70,301", "--windows", "10m", "--at-most", "1/d")
    assert found["suggestion"] == {"threshold": 61, "timespan": "10m"}
    assert len(found["no_longer_found"]) == 7
    assert {"access.actor": "bulk.large"} not in found["no_longer_found"]


def test_a_true_case_stays_found(bench: Bench) -> None:
    options = ["--thresholds", "61,301", "--windows", "10m", "--at-most", "0/d"]
    assert bench.tune("many_patients", *options)["suggestion"]["threshold"] == 301
    assert bench.tune("many_patients", *options, "--must-find", "access.actor=bulk.large")["suggestion"] is None


def test_what_is_suggested_is_written_and_nothing_else_of_the_file(bench: Bench) -> None:
    bench.rules.write_text("# ours\n" + RULES.replace("gte: 50}", "gte: 50} # since May"), encoding="utf-8")
    bench.rules.chmod(0o640)
    before = bench.rules.read_text(encoding="utf-8")
    bench.run("tune", "many_patients", "--thresholds", "61", "--windows", "10m", "--at-most", "1/d", "--write")
    assert bench.code == 0
    assert bench.rules.read_text(encoding="utf-8") == before.replace("gte: 50}", "gte: 61}")
    assert bench.rules.stat().st_mode & 0o777 == 0o640
    assert bench.replayed("many_patients") == ["bulk.large"]
    assert sorted(each.name for each in bench.rules.parent.iterdir()) == ["rules.yml"]


def test_a_rule_that_says_more_than_a_number_keeps_saying_it(bench: Bench) -> None:
    bench.rules.write_text(RULES.replace("gte: 50}", "gt: 49}"), encoding="utf-8")
    bench.run("tune", "many_patients", "--thresholds", "61", "--windows", "10m", "--at-most", "1/d", "--write")
    assert "gt: 60}" in bench.rules.read_text(encoding="utf-8")


def test_without_a_suggestion_nothing_is_written(bench: Bench) -> None:
    before = bench.rules.read_bytes()
    bench.run("tune", "many_patients", "--thresholds", "51", "--at-most", "0/d", "--write")
    assert bench.code == 1
    assert "nothing is written" in bench.said
    assert bench.rules.read_bytes() == before


def test_a_shipped_rule_is_not_written_over(bench: Bench) -> None:
    shipped = files.shipped("rules")
    before = (shipped / "bulk" / "bulk_access.yml").read_bytes()
    bench.rules = shipped
    bench.run("tune", "bulk_access", "--thresholds", "301", "--windows", "10m", "--write")
    assert bench.code == 1
    assert "comes with Sentinel" in bench.said
    assert (shipped / "bulk" / "bulk_access.yml").read_bytes() == before


def test_people_are_numbers_in_what_is_shown_and_what_fits_in_eighty_columns(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = bench.run("tune", "many_patients", "--at-most", "1/d")
    assert "8 findings for 8 groups" in shown
    assert not any(each.who in shown for each in ward_log.PLANTED)
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
    assert "bulk.large" in bench.run("tune", "many_patients", "--reveal")


@pytest.mark.parametrize(
    ("rule", "options", "said"),
    [
        ("many_patient", [], "did you mean 'many_patients'?"),
        ("a_few", ["--thresholds", "5"], "is a range, not a threshold"),
        ("opened", ["--thresholds", "5"], "single events"),
        ("many_patients", ["--at-most", "often"], "3/d"),
        ("many_patients", ["--thresholds", "many"], "is no threshold"),
        ("many_patients", ["--windows", "10"], "not a duration"),
        ("many_patients", ["--must-find", "kim"], "access.actor=kim"),
        ("many_patients", ["--thresholds", ",".join(map(str, range(1, 60)))], "at most 100"),
    ],
)
def test_what_cannot_be_meant_is_said(bench: Bench, rule: str, options: list[str], said: str) -> None:
    bench.run("tune", rule, *options)
    assert bench.code == 1
    assert said in bench.said


@pytest.mark.parametrize("name", ["chart.svg", "chart.html"])
def test_the_chart_shows_every_window_and_day_and_names_nobody(bench: Bench, tmp_path: Path, name: str) -> None:
    bench.run("tune", "many_patients", "--at-most", "1/d", "--chart", str(tmp_path / name))
    assert bench.code == 0
    drawn = (tmp_path / name).read_text(encoding="utf-8")
    root = ET.fromstring(drawn[drawn.index("<svg") : drawn.index("</svg>") + 6])
    texts = {each.text for each in root.iter() if each.text}
    assert {"in 5m", "in 10m", "in 20m", "now", "suggested", "2026-03-28", "2026-03-29"} <= texts
    assert len([each for each in root.iter() if each.tag.endswith("polyline")]) == 3
    assert "bulk." not in drawn


def test_a_chart_is_an_svg_or_a_page(bench: Bench, tmp_path: Path) -> None:
    bench.run("tune", "many_patients", "--chart", str(tmp_path / "chart.png"))
    assert bench.code == 1
    assert "neither .svg nor .html" in bench.said


# --- exceptions ------------------------------------------------------------------------------------------------

NIGHTLY = "CORP\\\\batch*"
"""A login name full of signs, as the log has it."""


@pytest.fixture
def nightly(bench: Bench, tmp_path: Path) -> Bench:
    """Every night one account reads sixty patients, one night kim does, and twice lee, who must be found."""
    bench.rules.write_text(RULES, encoding="utf-8")
    bench.log = tmp_path / "nightly.log"
    line = '10.0.0.1 - {} [0{}/Mar/2026:02:{:02}:{:02} +0000] "GET /api/patients/{} HTTP/1.1" 200 9 "-" "-"\n'
    readers = [(NIGHTLY, day) for day in range(1, 7)] + [("kim", 2), ("lee", 7), ("lee", 8)]
    with bench.log.open("w", encoding="ascii") as file:
        for who, day in sorted(readers, key=lambda each: each[1]):
            file.writelines(line.format(who, day, number // 60, number % 60, number) for number in range(60))
    return bench


def test_an_exception_takes_away_who_fires_every_night_and_nobody_else(nightly: Bench, tmp_path: Path) -> None:
    before = nightly.replayed("many_patients")
    assert len(before) == 9
    file = tmp_path / "exceptions.yml"
    nightly.run("tune", "many_patients", "--at-most", "3/w", "--exceptions", str(file))
    assert nightly.code == 0
    assert "An exception for access.actor=#1 takes away 6 of many_patients." in nightly.said
    assert "batch" not in nightly.said
    assert file.stat().st_mode & 0o777 == 0o600
    nightly.rules.write_text(f"{RULES}---\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    assert nightly.replayed("many_patients") == ["kim", "lee", "lee"]


def test_an_exception_that_silences_a_true_case_is_not_proposed(nightly: Bench, tmp_path: Path) -> None:
    file = tmp_path / "exceptions.yml"
    marks = ("--must-find", "access.actor=lee", "--at-most", "1/w", "--exceptions", str(file))
    nightly.run("tune", "many_patients", *marks)
    assert "lee" not in file.read_text(encoding="utf-8")
    # An exception of a rule that groups by what the true case is about would take it away too.
    grouped = RULES.replace("group-by: [access.actor]", "group-by: [source.ip]")
    nightly.rules.write_text(grouped, encoding="utf-8")
    file.unlink()
    nightly.run("tune", "many_patients", *marks)
    assert "No exception for source.ip=#1: it would silence a true case." in nightly.said
    assert not file.exists()


def test_exceptions_are_written_over_nothing(nightly: Bench, tmp_path: Path) -> None:
    file = tmp_path / "exceptions.yml"
    file.write_text("mine\n", encoding="utf-8")
    nightly.run("tune", "many_patients", "--exceptions", str(file))
    assert (nightly.code, file.read_text(encoding="utf-8")) == (1, "mine\n")
    assert "is there already" in nightly.said

"""`sentinel test` and `sentinel schema`: what a failure says, what no test exercises, and what editors are told."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

import sentinel.__main__ as cli
from sentinel import files, yamlfile
from sentinel.detect import ruleschema
from tests.scenarios.test_daemon import RULES

TESTED = """---
title: A file is taken
name: taken
logsource: {category: webserver}
detection:
  file: {url.path|startswith: /files/}
  odd: {user.name: [root, "\\e[31mred"]}
  condition: file or odd
level: low
sentinel:
  tests:
    - {name: a file, expect: match, event: {url.path: /files/1}}
"""
FAILING = """---
title: Many files
name: many_files
correlation: {type: event_count, rules: [taken], group-by: [user.name], timespan: 10m, condition: {gte: 7}}
level: low
sentinel:
  tests:
    - name: "six \\u0001 files"
      expect: match
      events: [{repeat: 6, every: 1m, event: {url.path: "/files/{i}", user.name: kim}}]
    - name: eight files
      expect: no-match
      events: [{repeat: 8, every: 1m, event: {url.path: "/files/{i}", user.name: kim}}]
"""


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main([*arguments])
    return int(left.value.code or 0)


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.yml"
    path.write_text(RULES.replace("THRESHOLD", "5") + TESTED + FAILING, encoding="utf-8")
    return path


def test_a_failure_says_what_was_expected_what_came_and_which_record_decided(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("test", str(rules)) == 1
    shown = capsys.readouterr().out
    assert "ok     taken: a file" in shown
    failed = shown.partition("FAILED many_files: six")[2]
    assert "expected: at least one finding" in failed
    assert "seen:     no finding" in failed
    assert "window 10m: 6 of 7  user.name=kim" in failed
    assert "expected: no finding" in failed
    assert "seen:     1 finding: 2026-01-01T00:06:00Z user.name=kim value 7" in failed
    assert "at 2026-01-01T00:06:00.000000Z" in failed.partition("eight files")[2]
    assert "\x01" not in shown


def test_coverage_names_rules_without_tests_and_selections_that_no_test_exercises(
    rules: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("test", "--coverage", "--output", "json", str(rules))
    found = {each["rule"]: each for each in json.loads(capsys.readouterr().out)["uncovered"]}
    assert found["taken"]["selections"] == ["odd"]
    assert found["taken"]["has_tests"]
    assert (found["read"]["has_tests"], found["read"]["selections"]) == (False, ["selection"])
    assert not found["many"]["has_tests"]
    assert "many_files" not in found
    run("test", "--coverage", str(rules))
    shown = capsys.readouterr().out
    assert "taken in no test holds 'odd'" in shown
    assert "1 of 4 rules are covered" in shown


def test_junit_has_every_test_with_its_failure(rules: Path, tmp_path: Path) -> None:
    report = tmp_path / "tests.xml"
    assert run("test", "--junit", str(report), str(rules)) == 1
    root = ET.fromstring(report.read_bytes())
    assert (root.get("tests"), root.get("failures")) == ("3", "2")
    cases = {each.get("name"): each for each in root.iter("testcase")}
    assert set(cases) == {"a file", "six ? files", "eight files"}
    assert cases["a file"].find("failure") is None
    failure = cases["eight files"].find("failure")
    assert failure is not None
    assert failure.get("message") == "it fired 1 times and must not"
    assert "window 10m: 7 of 7" in str(failure.text)


def test_a_report_that_cannot_be_written_is_said(rules: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("test", "--junit", str(rules / "no" / "such"), str(rules), "taken") == 1
    assert "cannot write" in capsys.readouterr().err


# --- schemas -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["config", "inventory", "rule"])
def test_each_file_has_a_schema(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema", kind) == 0
    assert json.loads(capsys.readouterr().out)["$schema"].endswith("2020-12/schema")


def refusals(schema: Any, value: Any, whole: Any) -> list[str]:
    """What of the value the schema does not allow, by the words that ours uses; slow and obvious."""
    if "$ref" in schema:
        return refusals(whole["$defs"][schema["$ref"].rsplit("/", 1)[1]], value, whole)
    found: list[str] = []
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "boolean": bool,
        "number": (int, float),
        "integer": int,
    }
    if "type" in schema and schema["type"] != "null" and not isinstance(value, kinds[schema["type"]]):
        return [f"is no {schema['type']}"]
    if schema.get("type") == "null" and value is not None:
        return ["is not null"]
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{value} is none of {schema['enum']}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        found.append(f"{value} does not match")
    for word in ("anyOf", "oneOf"):
        branches: list[list[str]] = [refusals(each, value, whole) for each in schema.get(word, ())]
        if branches and all(branches):
            nearest: list[str] = min(branches, key=len)
            found += nearest
    if isinstance(value, dict):
        found += [f"{name} is missing" for name in schema.get("required", ()) if name not in value]
        for name, each in value.items():
            more = schema.get("additionalProperties", True)
            below = schema.get("properties", {}).get(name, more)
            if below is False:
                found.append(f"{name} is unknown")
            elif below is not True:
                found += [f"{name}: {said}" for said in refusals(below, each, whole)]
            names = schema.get("propertyNames", {}).get("pattern")
            if names and not re.search(names, name):
                found.append(f"{name} is no field")
    if isinstance(value, list):
        found += [said for each in value for said in refusals(schema.get("items", {}), each, whole)]
    return found


def test_every_shipped_rule_fits_the_schema() -> None:
    schema = ruleschema.json_schema()
    for path in files.rule_files([files.shipped("rules")]):
        documents, _ = yamlfile.parse(path.read_bytes(), str(path))
        for each in documents:
            assert refusals(schema, each.value, schema) == [], f"{path}: {each.value.get('name')}"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"level": "severe"}, "severe is none of"),
        ({"sentinel": {"mod": "shadow"}}, "mod is unknown"),
        ({"detection": {"a": {"x|containz": 1}, "condition": "a"}}, "x|containz is no field"),
        ({"correlation": {"type": "event_counts", "timespan": "5m"}}, "event_counts is none of"),
        ({"correlation": {"type": "event_count", "timespan": "5 m"}}, "5 m does not match"),
    ],
)
def test_what_check_would_refuse_is_underlined(wrong: dict[str, Any], said: str) -> None:
    schema = ruleschema.json_schema()
    assert any(said in each for each in refusals(schema, {"title": "t", **wrong}, schema))

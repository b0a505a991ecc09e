"""What only the whole of a configuration, its rules and a sample of a log can show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sentinel.inspection import inspect
from sentinel.model import LogSource
from sentinel.problems import Problem
from sentinel.sampling import Sample, sample
from sentinel.scenarios import Log
from tests.detecting import an_engine, detection, entries_of, json_lines, rules_of

SOURCE = {"name": "portal", "type": "file", "paths": ["portal.log"], "format": "json"}
PORTAL = {"systems": [{"name": "portal", "data": ["health"], "access": [{"when": {"a": "b"}, "actor": "who"}]}]}
ACCESS = {"category": "personal_data_access"}


def warnings_of(folder: Path, *documents: Any, inventory: Any = None) -> list[Problem]:
    (folder / "portal.log").touch()
    text = "\n---\n".join(json.dumps(each) for each in documents)
    (folder / "rules.yml").write_text(text, encoding="utf-8")
    settings: dict[str, Any] = {
        "state": str(folder / "state"),
        "rules": ["rules.yml"],
        "shipped_rules": False,
        "sources": [{**SOURCE, "logsource": {"category": "webserver"}}],
    }
    if inventory is not None:
        (folder / "inventory.yaml").write_text(json.dumps(inventory), encoding="utf-8")
        settings["inventory"] = "inventory.yaml"
    (folder / "sentinel.yaml").write_text(json.dumps(settings), encoding="utf-8")
    return [problem for problem in inspect(folder / "sentinel.yaml")[2] if problem.code == "R045"]


def test_a_rule_that_no_source_is_for_is_said_to_be_one_that_never_fires(tmp_path: Path) -> None:
    other = detection("fire", {"a": {"x": 1}}, "a", logsource={"category": "firewall"})
    [problem] = warnings_of(tmp_path, detection("web", {"a": {"x": 1}}, "a"), other)
    assert problem.severity == "warning"
    assert problem.message == "'fire' can never fire: no source has the log source that this rule is for"


def test_rules_about_accesses_need_an_inventory(tmp_path: Path) -> None:
    rule = detection("read", {"a": {"access.action": "read"}}, "a", logsource=ACCESS)
    [problem] = warnings_of(tmp_path, rule)
    assert "no inventory entry says what an access" in problem.message
    assert warnings_of(tmp_path, rule, inventory=PORTAL) == []


def sampled(folder: Path, *documents: Any) -> Sample:
    path = folder / "portal.log"
    path.write_bytes(json_lines([{"a": "b", "who": "kim"}, {"a": "b"}, *[{"a": "c", "user.name": "x"}] * 98]))
    engine = an_engine(rules_of(*documents), [], entries_of(PORTAL))
    return sample(engine, Log("portal", "portal", (str(path),), "json", LogSource("webserver")))


def test_a_sample_says_how_many_accesses_have_no_actor(tmp_path: Path) -> None:
    found = sampled(tmp_path)
    assert (found.records, found.unparsed, found.accesses, found.actorless) == (100, 0, 2, 0.5)


def test_a_sample_says_what_each_rule_costs_the_dearest_first(tmp_path: Path) -> None:
    rules = [detection("rare", {"a": {"a": "b"}}, "a"), detection("all", {"a": {"a|exists": True}}, "a")]
    costs = [
        (cost.name, cost.share, cost.has_witness, cost.is_within_budget) for cost in sampled(tmp_path, *rules).costs
    ]
    assert costs == [
        ("all", 1.0, False, False),
        ("inventory: portal, read", 0.02, True, True),
        ("rare", 0.02, True, True),
    ]


def test_a_field_that_no_record_has_is_told_with_the_nearest_one_that_some_have(tmp_path: Path) -> None:
    rules = [detection("all", {"a": {"user.nane": "x"}}, "a"), detection("rare", {"a": {"a": "b"}}, "a")]
    [problem] = sampled(tmp_path, *rules).problems
    assert (problem.code, problem.severity) == ("R046", "warning")
    assert problem.message == "'all' asks for the field 'user.nane', which no record looked at has"
    assert problem.hint == "did you mean 'user.name'?"


def test_an_empty_log_costs_nothing(tmp_path: Path) -> None:
    path = tmp_path / "empty.log"
    path.touch()
    assert sample(an_engine(rules_of()), Log("portal", "portal", (str(path),))).records == 0

"""What only the whole of a configuration, its rules and a sample of a log can show."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sentinel import files
from sentinel.clock import SECOND, Passed, SetClock
from sentinel.commands import check
from sentinel.inspection import inspect
from sentinel.inventory import parse as parse_inventory
from sentinel.model import LogSource
from sentinel.problems import Problem
from sentinel.sampling import Sample, Terms, sample
from sentinel.scenarios import Log
from tests.detecting import NOON, an_engine, detection, entries_of, json_lines, rules_of
from tests.detecting import read as read_rules

SOURCE = {"name": "portal", "type": "file", "paths": ["portal.log"], "format": "json"}
PORTAL = {"systems": [{"name": "portal", "data": ["health"], "access": [{"when": {"a": "b"}, "actor": "who"}]}]}
ACCESS = {"category": "personal_data_access"}


def warnings_of(folder: Path, *documents: Any, inventory: Any = None, budget: float = 0.05) -> list[Problem]:
    (folder / "portal.log").touch()
    text = "\n---\n".join(json.dumps(each) for each in documents)
    (folder / "rules.yml").write_text(text, encoding="utf-8")
    settings: dict[str, Any] = {
        "state": str(folder / "state"),
        "rules": ["rules.yml"],
        "rule_budget": budget,
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


LINES = json_lines([{"a": "b", "who": "kim"}, {"a": "b"}, *[{"a": "c", "user.name": "x"}] * 98])


def sampled(folder: Path, *documents: Any, data: bytes = LINES, inventory: Any = PORTAL, **terms: Any) -> Sample:
    path = folder / "portal.log"
    path.write_bytes(data)
    read, _ = parse_inventory(json.dumps(inventory), "inventory.yaml")
    engine = an_engine(rules_of(*documents), [], entries_of(inventory))
    log = Log("portal", "portal", (str(path),), "json", LogSource("webserver"))
    return sample(engine, log, Terms(inventory=read, **terms))


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


def over_budget(found: Sample) -> list[tuple[str, str]]:
    """Where the problems with costs stand, and what they say."""
    problems = [each for each in found.problems if each.code == "R066"]
    assert {each.severity for each in problems} <= {"warning"}
    return [(str(each.span), each.message) for each in problems]


def test_a_rule_that_makes_more_records_candidates_than_the_budget_is_warned_of(tmp_path: Path) -> None:
    rules = [detection("rare", {"a": {"a": "b"}}, "a"), detection("all", {"a": {"a|exists": True}}, "a")]
    said = "'all' makes 100.000% of the records candidates; the budget of a rule is 5%"
    assert over_budget(sampled(tmp_path, *rules)) == [("rules.yml:0:0", said)]
    assert over_budget(sampled(tmp_path, *rules, budget=1.0)) == []


def test_the_budget_is_the_largest_share_that_is_not_warned_of(tmp_path: Path) -> None:
    rule = detection("rare", {"a": {"a": "b"}}, "a")
    assert over_budget(sampled(tmp_path, rule, budget=0.02)) == []
    assert len(over_budget(sampled(tmp_path, rule, budget=0.0199))) == 1


def test_the_accesses_of_an_inventory_entry_are_not_held_against_the_budget(tmp_path: Path) -> None:
    accesses = json_lines([{"a": "b", "who": "kim"}] * 100)
    assert over_budget(sampled(tmp_path, data=accesses)) == []
    entry = {"when": {"a": "b", "n|gt": 5}, "actor": "who"}
    inventory = {"systems": [{"name": "portal", "data": ["health"], "access": [entry]}]}
    ((place, said),) = over_budget(sampled(tmp_path, data=accesses, inventory=inventory))
    assert place.startswith("inventory.yaml:1:")
    assert "'inventory: portal, read' makes 100.000% of the records candidates" in said


class TickingClock(SetClock):
    """Each look at it takes a tenth of a second."""

    def passed(self) -> Passed:
        self.move_to(self.now() + SECOND // 10)
        return super().passed()


def test_a_cost_is_the_time_that_parsing_the_candidates_of_a_million_records_takes(tmp_path: Path) -> None:
    rules = [detection("rare", {"a": {"a": "b"}}, "a"), detection("all", {"a": {"a|exists": True}}, "a")]
    costs = {cost.name: cost.seconds for cost in sampled(tmp_path, *rules, clock=TickingClock(NOON)).costs}
    # A hundred records are parsed in a tenth of a second.
    assert (round(costs["all"], 6), round(costs["rare"], 6)) == (1000, 20)


def test_the_budget_of_the_configuration_decides_and_the_exit_code_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = detection("all", {"a": {"a|exists": True}}, "a")
    for budget, codes, within in ((0.5, ["R066"], False), (1, [], True)):
        warnings_of(tmp_path, rule, budget=budget)
        log = tmp_path / "portal.log"
        log.write_bytes(LINES)
        check.command(tmp_path / "sentinel.yaml", [str(log)], check.CheckOutput.JSON)
        told = json.loads(capsys.readouterr().out)
        assert [each["code"] for each in told["problems"] if each["code"] == "R066"] == codes
        (found,) = told["samples"][0]["rules"]
        assert (found["rule"], found["within_budget"], found["candidates"]) == ("all", within, 1)
        check.command(tmp_path / "sentinel.yaml", [str(log)])
        printed = capsys.readouterr()
        assert ("R066" in printed.err + printed.out) is not within
        assert ("nothing to search for" in printed.out) is not within


def test_a_rule_that_comes_with_us_is_not_warned_of_for_its_cost(tmp_path: Path) -> None:
    path = tmp_path / "portal.log"
    path.write_bytes(LINES)
    text = json.dumps(detection("all", {"a": {"a|exists": True}}, "a"))
    rules, _ = read_rules(text, str(files.shipped("rules") / "any.yml"))
    log = Log("portal", "portal", (str(path),), "json", LogSource("webserver"))
    found = sample(an_engine(rules, []), log)
    assert (found.costs[0].is_within_budget, over_budget(found)) == (False, [])


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

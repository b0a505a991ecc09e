"""The engine against the oracle: random detections and random events, and the same verdict for each."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import to_datetime
from sentinel.detect.explain import Explainer
from sentinel.detect.lane import Purpose
from tests.conformance import oracle
from tests.conformance.random_rules import LISTS, Case, case
from tests.detecting import NOON, a_block, an_engine, json_lines, read


def rule_of(one: Case) -> dict[str, Any]:
    return {
        "title": "t",
        "name": "t",
        "logsource": {"category": "webserver"},
        "detection": one.detection,
        "sentinel": {"timezone": one.zone, "lists": LISTS},
    }


def verdicts(rule: Mapping[str, Any], log: list[dict[str, Any]]) -> list[bool] | set[str]:
    """What the engine says of each event, through scan and parser; the codes of errors where it refuses the rule."""
    rules, problems = read(json.dumps(rule))
    errors = {problem.code for problem in problems if problem.is_error}
    if errors:
        return errors
    data = json_lines(log)
    found = {match.event.start for match in an_engine(rules).matches(a_block(data))}
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return [start in found for start in starts[:-1]]


def expected(one: Case) -> list[bool]:
    noon = to_datetime(NOON)
    return [
        oracle.matches(one.detection, oracle.Log(each, json.dumps(each), noon, one.zone, LISTS)) for each in one.log
    ]


MAY_BE_REFUSED = {"R013", "R018", "R025", "R027"}


@settings(max_examples=500, deadline=None)
@given(st.integers(0, 2**32))
def test_the_engine_and_the_specification_agree_on_every_event(seed: int) -> None:
    one = case(seed)
    found = verdicts(rule_of(one), one.log)
    if isinstance(found, set):
        assert found <= MAY_BE_REFUSED, one
    else:
        assert found == expected(one), one


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2**32))
def test_what_explain_says_is_what_the_watch_finds(seed: int) -> None:
    """The verdict of the rule and of each selection, on records that the scan skips too."""
    one = case(seed)
    rule = rule_of(one)
    rules, problems = read(json.dumps(rule))
    if any(problem.is_error for problem in problems):
        return
    engine = an_engine(rules, purpose=Purpose(keeps_state=False, shows_all=True))
    said = [record["rules"][0] for record in Explainer(engine, ["t"]).records(a_block(json_lines(one.log)))]
    assert [each["matched"] for each in said] == verdicts(rule, one.log)
    assert [each["fired"] for each in said] == [each["matched"] for each in said]
    for name in one.detection.keys() - {"condition"}:
        alone = {**rule, "detection": {name: one.detection[name], "condition": name}}
        found = verdicts(alone, one.log)
        if isinstance(found, list):
            assert [each["selections"][name]["matched"] for each in said] == found


def test_most_random_rules_are_accepted_and_both_verdicts_are_common() -> None:
    """Else the comparison above would show little."""
    seen: Counter[bool] = Counter()
    refused = 0
    for seed in range(200):
        one = case(seed)
        found = verdicts(rule_of(one), one.log)
        if isinstance(found, set):
            refused += 1
        else:
            seen.update(found)
    assert refused < 50
    assert min(seen[True], seen[False]) > 80

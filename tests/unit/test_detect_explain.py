"""What `explain` says of rules that are judged when their windows are over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import sentinel.__main__ as cli
from sentinel.detect.explain import Explainer
from tests.conformance.asking import stamped
from tests.detecting import a_block, an_engine, correlation, detection, json_lines, rules_of

BASE = detection("base", {"selection": {"f": "a"}})
WAITS = "it is judged when the window is over"


def told(condition: dict[str, Any], times: int = 3, **more: Any) -> list[dict[str, Any]]:
    """What is said of the rule with each of so many events of one group, a second apart, with 100 bytes each."""
    engine = an_engine(rules_of(BASE, correlation("many", ["base"], condition, **more)))
    events = [(float(at), {"f": "a", "who": "kim", "bytes": 100}) for at in range(times)]
    return [each["rules"][0] for each in Explainer(engine, ["many"]).records(a_block(json_lines(stamped(*events))))]


@pytest.mark.parametrize(
    ("condition", "shown"),
    [
        ({"lte": 2}, "lte 2"),
        ({"lt": 2}, "lt 2"),
        ({"eq": 2}, "eq 2"),
        ({"neq": 2}, "neq 2"),
        ({"gt": 1, "lte": 2}, "gt 1 and lte 2"),
        ({"lt": 3, "gte": 2}, "gte 2 and lt 3"),
    ],
)
def test_a_rule_with_bounds_shows_them_and_what_it_waits_for_on_every_event(
    condition: dict[str, int], shown: str
) -> None:
    found = told(condition)
    assert [(each["fired"], each["suppressed_by"]) for each in found] == [(False, WAITS)] * 3
    assert [each["window"] for each in found] == [
        {"group": {"who": "kim"}, "value": value, "threshold": shown, "spans": "10s"} for value in (1, 2, 3)
    ]


def test_the_bounds_of_a_sum_are_shown_beside_the_sum() -> None:
    found = told({"field": "bytes", "gt": 150.5, "lt": 1000}, type="value_sum")
    assert [(each["window"]["value"], each["window"]["threshold"]) for each in found] == [
        (100, "gt 150.5 and lt 1000"),
        (200, "gt 150.5 and lt 1000"),
        (300, "gt 150.5 and lt 1000"),
    ]


def test_an_expression_with_not_is_waited_for_too() -> None:
    other = detection("other", {"selection": {"f": "b"}})
    document = correlation("many", ["base", "other"], {}, type="temporal")
    document["correlation"]["condition"] = "base and not other"
    engine = an_engine(rules_of(BASE, other, document))
    (record,) = Explainer(engine, ["many"]).records(a_block(json_lines(stamped((1, {"f": "a", "who": "kim"})))))
    (rule,) = record["rules"]
    assert (rule["fired"], rule["suppressed_by"], rule["window"]["value"]) == (False, WAITS, 1)


def test_a_rule_with_a_threshold_waits_for_nothing_and_shows_a_number() -> None:
    first, second, third = told({"gte": 2})
    assert (first["fired"], first["suppressed_by"]) == (False, None)
    assert (second["fired"], second["suppressed_by"]) == (True, None)
    assert (third["fired"], third["suppressed_by"]) == (False, "the episode is going on")
    assert [each["window"]["threshold"] for each in (first, second, third)] == [2, 2, 2]


def test_an_event_that_is_not_counted_waits_for_nothing() -> None:
    engine = an_engine(rules_of(BASE, correlation("many", ["base"], {"lte": 2})))
    events = stamped((1, {"f": "x", "who": "kim"}), (2, {"f": "a"}))
    for record in Explainer(engine, ["many"]).records(a_block(json_lines(events))):
        (rule,) = record["rules"]
        assert (rule["window"], rule["fired"], rule["suppressed_by"]) == (None, False, None)


def test_people_read_the_value_and_the_bounds_that_are_wanted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, condition in (("few", {"gt": 1, "lte": 3}), ("many", {"gte": 3})):
        text = "\n---\n".join(map(json.dumps, (BASE, correlation(name, ["base"], condition))))
        (tmp_path / f"{name}.yml").write_text(text)
    (tmp_path / "app.log").write_bytes(json_lines(stamped(*((at, {"f": "a", "who": "kim"}) for at in (1, 2)))))
    shown = {}
    for name in ("few", "many"):
        with pytest.raises(SystemExit) as left:
            cli.main(["explain", "--rules", str(tmp_path / f"{name}.yml"), "--rule", name, str(tmp_path / "app.log")])
        assert left.value.code == 0
        shown[name] = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert f"few: matched ({WAITS})" in shown["few"]
    assert "window 10s: 2, wanted gt 1 and lte 3  who=kim" in shown["few"]
    assert "window 10s: 2 of 3  who=kim" in shown["many"]

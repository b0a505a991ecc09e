"""Rules whose fields are called something else in the log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinel import config, yamlfile
from sentinel.detect import pipelines
from sentinel.detect.explain import Explainer
from sentinel.detect.lane import SourceView
from sentinel.formats import make
from sentinel.formats.base import FormatOptions
from sentinel.model import LogSource
from tests.detecting import a_block, an_engine, detection, json_lines, rules_of

LINE = (
    b'203.0.113.9 - kim [04/Mar/2026:12:00:00 +0000] "GET /x/../etc?id=1%27 HTTP/1.1" 404 12 "http://r/" "sqlmap/1.7"'
)


def view(spec: str = "nginx", pipeline: pipelines.Pipeline | None = None, category: str = "webserver") -> SourceView:
    return SourceView("app", make(spec, FormatOptions()), LogSource(category), pipeline)


def held(items: Any, data: bytes, source: SourceView, condition: str = "selection") -> list[bool]:
    rules = rules_of(detection("r", {"selection": items}, condition, logsource={"category": source.logsource.category}))
    found = {match.event.start for match in an_engine(rules, [source]).matches(a_block(data))}
    starts = [0]
    for line in data.splitlines(keepends=True):
        starts.append(starts[-1] + len(line))
    return [start in found for start in starts[:-1]]


@pytest.mark.parametrize(
    "items",
    [
        {"cs-method": "get"},
        {"c-uri|contains": "/../"},
        {"cs-uri-query|contains": "%27"},
        {"c-useragent|startswith": "sqlmap"},
        {"cs-user-agent|contains": "sqlmap"},
        {"sc-status": 404},
        {"sc-status": [403, 404]},
        {"sc-bytes|gte": 12},
        {"c-ip|cidr": "203.0.113.0/24"},
        {"cs-referrer": "http://r/"},
        {"cs-username": "kim"},
    ],
)
def test_public_names_of_web_logs_find_the_fields_of_an_access_log(items: Any) -> None:
    for category in ("webserver", "proxy"):
        assert held(items, LINE + b"\n", view(category=category)) == [True]
    assert held(items, LINE.replace(b"kim", b"-") + b"\n", view(category="other")) == [False]


def test_a_record_may_hold_the_public_name_itself_where_its_fields_are_free() -> None:
    data = json_lines([{"cs-method": "GET"}, {"http.request.method": "get"}, {"method": "GET"}])
    assert held({"cs-method": "GET"}, data, view("json")) == [True, True, False]
    assert held({"cs-method|neq": "GET"}, data, view("json")) == [False, False, False]
    assert held({"cs-method|neq": "PUT"}, data, view("json")) == [True, True, False]
    assert held({"cs-method": None}, data, view("json")) == [False, False, True]
    assert held({"cs-method|exists": False}, data, view("json")) == [False, False, True]
    assert held({"cs-method|exists": True}, data, view("json")) == [True, True, False]


def test_no_pipeline_leaves_the_names_of_rules_as_they_are() -> None:
    none = pipelines.shipped("none")
    assert held({"cs-method": "GET"}, LINE + b"\n", view(pipeline=none)) == [False]


def test_a_rule_without_such_names_is_the_same_object() -> None:
    rules = rules_of(detection("r", {"selection": {"url.path": "/"}}))
    assert pipelines.renamed(rules.detections, pipelines.shipped("web"))[0] is rules.detections[0]


def test_filters_and_references_to_fields_are_renamed_too() -> None:
    rule = detection("r", {"selection": {"c-ip|fieldref": "cs-username"}})
    section = {"rules": "any", "selection": {"cs-method": "GET"}, "condition": "not selection"}
    exception = {"title": "x", "name": "x", "logsource": {"category": "webserver"}, "filter": section}
    data = LINE.replace(b"kim", b"203.0.113.9") + b"\n"
    for documents, count in (((rule,), 1), ((rule, exception), 0)):
        engine = an_engine(rules_of(*documents), [view()])
        assert len(engine.matches(a_block(data))) == count


def test_explain_gives_the_verdict_of_the_renamed_rule() -> None:
    engine = an_engine(rules_of(detection("r", {"selection": {"sc-status": 404}})), [view()])
    (told,) = Explainer(engine, []).records(a_block(LINE + b"\n"))
    (because,) = told["rules"][0]["selections"]["selection"]["because"]
    assert (because["item"], because["value"], because["matched"]) == ("sc-status", 404, True)


# --- pipelines from files --------------------------------------------------------------------------------------

FILE = """\
name: ours
priority: 10
transformations:
    - id: first
      type: field_name_mapping
      mapping:
          User: [a.user, b.user]
      rule_conditions:
          - {type: logsource, category: webserver}
    - type: field_name_mapping
      mapping: {b.user: c.user}
"""


def read(text: str) -> tuple[pipelines.Pipeline | None, list[str]]:
    (document,), _ = yamlfile.parse(text, "p.yml")
    found, problems = pipelines.read(document)
    return found, [f"{each.span.line} {each.code}" for each in problems]


def test_transformations_are_applied_one_after_the_other_where_their_condition_fits() -> None:
    found, problems = read(FILE)
    assert found is not None
    assert problems == []
    data = json_lines([{"a": {"user": "kim"}}, {"c.user": "kim"}, {"b.user": "kim"}, {"User": "kim"}])
    assert held({"User": "kim"}, data, view("json", found)) == [True, True, False, False]
    assert held({"User": "kim"}, data, view("json", found, category="other")) == [False, False, False, True]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("transformations: 5\n", ["1 R056"]),
        ("transformations: []\nvars: {a: b}\n", ["2 R056"]),
        ("transformations:\n  - {type: add_condition, conditions: {a: b}}\n", ["2 R056"]),
        ("transformations:\n  - type: field_name_mapping\n    mapping:\n      a: 5\n", ["4 R056"]),
        ("transformations:\n  - type: field_name_mapping\n", ["2 R056"]),
        ("transformations:\n  - type: field_name_mapping\n    mapping: {a: b}\n    maping: {}\n", ["4 R056"]),
        (
            "transformations:\n  - type: field_name_mapping\n    mapping: {a: b}\n    rule_conditions: [{type: tag}]\n",
            ["4 R056"],
        ),
    ],
)
def test_a_pipeline_that_does_more_than_rename_is_refused_with_its_place(text: str, expected: list[str]) -> None:
    assert read(text) == (None, expected)


def configured(folder: Path, pipeline: str) -> tuple[config.Config | None, list[str]]:
    (folder / "sentinel.yaml").write_text(
        f"sources: [{{name: s, type: stdin, logsource: {{category: webserver}}, pipeline: {pipeline}}}]\n"
    )
    found, problems = config.load(folder / "sentinel.yaml", {})
    return found, [each.code for each in problems if each.is_error]


def test_a_source_names_a_shipped_pipeline_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "ours.yml").write_text(FILE)
    for written in ("web", "none", "ours.yml"):
        found, errors = configured(tmp_path, written)
        assert errors == []
        assert found is not None
        assert found.sources[0].pipeline is not None


def test_a_pipeline_that_is_not_there_is_a_problem_of_the_configuration(tmp_path: Path) -> None:
    assert configured(tmp_path, "wbe")[1] == ["C003"]
    assert configured(tmp_path, "missing.yml")[1] == ["C005"]

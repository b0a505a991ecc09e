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
from sentinel.model import Finding, LogSource
from tests.detecting import a_block, an_engine, correlation, detection, json_lines, rules_of

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


# --- correlations ----------------------------------------------------------------------------------------------


def fed_by(views: list[SourceView], rules: list[dict[str, Any]], blocks: list[tuple[str, bytes]]) -> list[Finding]:
    """What comes of blocks of these sources."""
    engine = an_engine(rules_of(*rules), views)
    found: list[Finding] = []
    for number, (source, data) in enumerate(blocks):
        found += engine.judge(a_block(data, number * 10_000, source), None)
    return found


def bulk(condition: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
    known = {"group-by": ["cs-username"], "timespan": "10m", **more}
    return [detection("seen", {"selection": {"cs-method": "GET"}}), correlation("bulk", ["seen"], condition, **known)]


def line(user: str, path: str, second: int = 0) -> bytes:
    return f'203.0.113.9 - {user} [04/Mar/2026:12:00:{second:02} +0000] "GET {path} HTTP/1.1" 200 12 "-" "-"\n'.encode()


def test_the_group_and_the_counted_field_of_a_correlation_are_renamed_with_its_rules() -> None:
    rules = bulk({"field": "cs-uri-stem", "gte": 3})
    data = b"".join(line("kim", path) for path in ("/a", "/a", "/b", "/c")) + line("lee", "/d")
    (finding,) = fed_by([view()], rules, [("app", data)])
    assert (finding.group, finding.value) == ((("cs-username", "kim"),), 3)


def test_a_sum_is_of_the_field_as_the_source_calls_it() -> None:
    rules = bulk({"field": "sc-bytes", "gte": 30}, type="value_sum")
    (finding,) = fed_by([view()], rules, [("app", line("kim", "/a") * 4)])
    assert finding.value == 36


def named(name: str, user: str, method: str, path: str) -> SourceView:
    names = {"cs-username": (user,), "cs-method": (method,), "cs-uri-stem": (path,)}
    pipeline = pipelines.Pipeline((pipelines._Step(names),))
    return SourceView(name, make("json", FormatOptions()), LogSource("webserver"), pipeline)


def test_sources_that_call_their_fields_differently_feed_one_count() -> None:
    views = [named("one", "who", "verb", "page"), named("two", "account.name", "how", "target"), view()]
    one = json_lines([{"@timestamp": "2026-03-04T12:00:00Z", "who": "kim", "verb": "GET", "page": "/a"}])
    two = json_lines([{"@timestamp": "2026-03-04T12:00:01Z", "account": {"name": "kim"}, "how": "GET", "target": "/b"}])
    blocks = [("one", one), ("two", two), ("app", line("kim", "/c", 2)), ("app", line("lee", "/d", 3))]
    (finding,) = fed_by(views, bulk({"field": "cs-uri-stem", "gte": 3}), blocks)
    assert (finding.group, finding.value, finding.source) == ((("cs-username", "kim"),), 3, "app")
    assert [place.source for place in finding.evidence] == ["one", "two", "app"]


def test_a_field_under_its_public_name_is_grouped_by_where_fields_are_free() -> None:
    data = json_lines(
        [
            {"@timestamp": "2026-03-04T12:00:00Z", "cs-username": "kim", "cs-method": "GET"},
            {"@timestamp": "2026-03-04T12:00:01Z", "user": {"name": "kim"}, "http.request.method": "GET"},
        ]
    )
    (finding,) = fed_by([view("json")], bulk({"gte": 2}), [("app", data)])
    assert finding.group == (("cs-username", "kim"),)


def test_the_field_that_an_alias_names_is_renamed_too() -> None:
    rules = [
        detection("seen", {"selection": {"cs-method": "GET"}}),
        detection("sent", {"selection": {"cs-method": "POST"}}),
        correlation("both", ["seen", "sent"], {}, type="temporal", **{"group-by": ["person"], "timespan": "10m"}),
    ]
    rules[2]["correlation"]["aliases"] = {"person": {"seen": "cs-username", "sent": "c-ip"}}
    post = line("-", "/b", 1).replace(b"GET", b"POST")
    (finding,) = fed_by([view()], rules, [("app", line("203.0.113.9", "/a") + post)])
    assert finding.group == (("person", "203.0.113.9"),)


def test_what_is_the_same_for_a_quiet_while_is_renamed_too() -> None:
    rule = detection(
        "seen", {"selection": {"cs-method": "GET"}}, sentinel={"suppress": {"for": "1h", "per": ["cs-username"]}}
    )
    found = fed_by([view()], [rule], [("app", line("kim", "/a") * 3 + line("lee", "/a"))])
    assert len(found) == 2


def test_explain_shows_the_group_as_the_source_calls_it() -> None:
    engine = an_engine(rules_of(*bulk({"field": "cs-uri-stem", "gte": 3})), [view()])
    (record,) = Explainer(engine, ["bulk"]).records(a_block(line("kim", "/a")))
    (rule,) = record["rules"]
    assert (rule["window"]["group"], rule["window"]["value"]) == ({"cs-username": "kim"}, 1)

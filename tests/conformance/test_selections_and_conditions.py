"""Maps, lists, keywords, conditions, fields and log sources of detections."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel.detect.explain import Explainer
from tests.conformance.asking import holds, matched, problems_of, rule
from tests.detecting import a_block, a_view, an_engine, detection, json_lines, read, rules_of


def codes(text: str) -> list[str]:
    return [each.split()[1] for each in problems_of(text)]


# --- selections ----------------------------------------------------------------------------------------------


def test_a_map_is_and_a_list_of_maps_is_or() -> None:
    assert holds({"f": "a", "g": "b"}, {"f": "a", "g": "b"}, {"f": "a"}) == [True, False]
    assert holds([{"f": "a"}, {"g": "b"}], {"g": "b"}, {"f": "a"}, {"f": "b"}) == [True, True, False]


def test_a_list_of_values_is_or() -> None:
    assert holds({"f": ["a", "b"]}, {"f": "b"}, {"f": "c"}) == [True, False]


def test_a_list_of_maps_and_keywords_is_or_of_its_parts() -> None:
    assert holds([{"f": "a"}, "needle"], {"f": "a"}, {"g": "a needle"}, {"g": "a"}) == [True, True, False]


def test_keywords_are_or_and_with_all_they_are_and() -> None:
    assert holds(["one", "two"], {"f": "xONEx"}, {"g": "two"}, {"f": "three"}) == [True, True, False]
    both = {"|all": ["one", "two"]}
    assert holds(both, {"f": "two", "g": "one"}, {"f": "one"}) == [True, False]


def test_a_keyword_stands_anywhere_in_the_record_or_in_a_text_of_it() -> None:
    assert holds(["a/b"], rb'{"f": "xa\/by"}', rb'{"f": {"g": ["a/b"]}}', b"no json but a/b") == [True, True, True]
    assert holds(['say "hi"'], {"f": 'they say "HI" twice'}) == [True]
    assert holds(["f_name"], {"f_name": 1}) == [True]  # the record as written


def test_a_keyword_may_have_wildcards_and_a_number_is_its_text() -> None:
    assert holds(["a*c"], {"f": "xxabcxx"}, {"f": "xxabxx"}) == [True, False]
    assert holds([4625], {"f": "id=4625;"}, {"f": 4625}, {"f": "462"}) == [True, True, False]


# --- conditions ----------------------------------------------------------------------------------------------

THREE = "a: {f: '*a*'}\nb: {f: '*b*'}\nc: {f: '*c*'}\ncondition: "


@pytest.mark.parametrize(
    ("condition", "holding"),
    [
        ("a or b and c", {"a", "ab", "ac", "bc", "abc"}),
        ("(a or b) and c", {"ac", "bc", "abc"}),
        ("not a and b", {"b", "bc"}),
        ("not (a and b)", {"", "a", "b", "c", "ac", "bc"}),
        ("not a or b", {"", "b", "c", "ab", "bc", "abc"}),
        ("not 1 of them", {""}),
        ("not all of them", {"", "a", "b", "c", "ab", "ac", "bc"}),
        ("any of them", {"a", "b", "c", "ab", "ac", "bc", "abc"}),
        ("all of them or c and not b", {"c", "ac", "abc"}),
    ],
)
def test_or_binds_least_then_and_then_not_then_of_then_parentheses(condition: str, holding: set[str]) -> None:
    events = ["", "a", "b", "c", "ab", "ac", "bc", "abc"]
    found = matched(rule(THREE + condition), *({"f": each} for each in events))
    assert {each for each, held in zip(events, found, strict=True) if held} == holding


@pytest.mark.parametrize(
    "condition", ["2 of them", "NOT a", "a AND b", "1 OF them", "a | count() > 5", "a b", "(a", ""]
)
def test_what_is_no_condition_is_refused_with_its_place(condition: str) -> None:
    assert problems_of(rule(THREE + f"'{condition}'"))[:1] == ["8:5 R010"]


def test_names_with_an_underscore_are_left_out_unless_the_pattern_begins_with_it() -> None:
    text = "a: {f: a}\n_b: {f: b}\ncondition: "
    assert matched(rule(text + "1 of them"), {"f": "a"}, {"f": "b"}) == [True, False]
    assert matched(rule(text + "1 of *"), {"f": "b"}) == [False]
    assert matched(rule(text + "1 of _*"), {"f": "b"}) == [True]
    assert matched(rule(text + "a or _b"), {"f": "b"}) == [True]


def test_a_pattern_may_have_its_star_anywhere() -> None:
    text = "a_x: {f: a}\nb_x: {f: b}\nb_y: {f: c}\ncondition: "
    assert matched(rule(text + "1 of *_x or 1 of b*y"), {"f": "b"}, {"f": "c"}) == [True, True]


def test_a_pattern_that_fits_no_selection_is_refused_and_all_of_nothing_never_holds() -> None:
    assert codes(rule("selection: {f: a}\ncondition: selection or 1 of nope*")) == ["R013"]
    assert codes(rule("selection: {f: a}\ncondition: all of nope*")) == ["R013"]


def test_a_selection_that_does_not_exist_or_is_never_used_is_said() -> None:
    assert codes(rule("selection: {f: a}\ncondition: selektion")) == ["R011"]
    assert codes(rule("selection: {f: a}\nother: {f: b}\ncondition: selection")) == ["R014"]
    assert codes(rule("selection: {f: a}\n_other: {f: b}\ncondition: selection")) == []


def test_a_name_that_begins_with_not_is_refused_and_one_with_another_operator_is_fine() -> None:
    assert "R015" in codes(rule("not_ok: {f: a}\ncondition: not not_ok"))
    text = rule("order: {f: a}\nandroid: {f: b}\nallowed: {f: c}\ncondition: order or android and allowed")
    assert matched(text, {"f": "a"}, {"f": "b"}) == [True, False]


def test_a_list_of_conditions_is_or() -> None:
    text = rule("a: {f: a}\nb: {f: b}\ncondition: [a, b]")
    assert matched(text, {"f": "a"}, {"f": "b"}, {"f": "c"}) == [True, True, False]


def test_a_condition_is_read_when_the_rule_is_loaded() -> None:
    rules, problems = read(rule("a: {f: a}\ncondition: a and"))
    assert rules.detections == ()
    assert [each.code for each in problems] == ["R010"]


def test_not_after_and_works() -> None:
    text = rule("a: {f: '*a*'}\nb: {f: '*b*'}\ncondition: a and not b")
    assert matched(text, {"f": "a"}, {"f": "ab"}) == [True, False]


# --- documents -----------------------------------------------------------------------------------------------


def test_a_key_given_twice_is_refused_at_its_line() -> None:
    assert problems_of(rule("selection:\n  f: a\n  f: b")) == ["7:7 Y006"]


def test_metadata_inside_the_detection_is_refused_where_it_stands() -> None:
    assert "6:5 R017" in problems_of(rule("selection: {f: a}\ndate: '2026-01-01'\ncondition: selection"))


def test_the_old_timeframe_is_refused_where_it_stands() -> None:
    assert problems_of(rule("selection: {f: a}\ntimeframe: 5m\ncondition: selection")) == ["6:5 R010"]


@pytest.mark.parametrize("action", ["global", "repeat", "reset"])
def test_a_document_that_is_meant_to_be_joined_with_others_is_refused_and_is_no_rule_by_itself(action: str) -> None:
    rules, problems = read(rule("selection: {f: a}", more=f"action: {action}\n"))
    assert rules.detections == ()
    assert [(each.code, each.span.line) for each in problems] == [("R065", 4)]
    assert read(f"action: {action}\n")[1][0].code == "R065"


def test_a_key_called_action_is_anybodys_own() -> None:
    assert matched(rule("selection: {f: a}", more="action: call the owner\n"), {"f": "a"}) == [True]


# --- fields --------------------------------------------------------------------------------------------------


def test_a_field_is_looked_up_by_its_name_with_dots_and_then_as_a_path() -> None:
    events: list[dict[str, Any]] = [{"a.b": "x"}, {"a": {"b": "x"}}, {"a.b": "y", "a": {"b": "x"}}]
    assert holds({"a.b": "x"}, *events) == [True, True, False]
    assert holds({"a.b.c": "x"}, {"a": {"b.c": "x"}}, {"a.b": {"c": "x"}}) == [True, True]


def test_any_member_of_a_list_may_hold() -> None:
    assert holds({"f": "b"}, {"f": ["a", "b"]}, {"f": [["b"]]}, {"f": []}) == [True, True, False]
    assert holds({"f.g": "b"}, {"f": [{"g": "a"}, {"g": "b"}]}, {"f": [{"h": "b"}]}) == [True, False]


def test_explain_says_which_members_a_list_has_and_that_a_field_is_absent() -> None:
    engine = an_engine(rules_of(detection("r", {"selection": {"f": "b", "g|neq": "a"}})))
    (told,) = Explainer(engine, []).records(a_block(json_lines([{"f": ["a", "b"]}])))
    listed, missing = told["rules"][0]["selections"]["selection"]["because"]
    assert (listed["value"], listed["matched"]) == (["a", "b"], True)
    assert (missing["field"], missing["matched"], "value" in missing) == ("absent", False, False)


def test_field_names_have_their_case() -> None:
    assert holds({"User": "kim"}, {"User": "kim"}, {"user": "kim"}) == [True, False]


# --- log sources ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "is_tried"),
    [
        ({"category": "webserver"}, True),
        ({"category": "WebServer", "product": "nginx"}, True),
        ({"product": "nginx"}, True),
        ({"category": "proxy"}, False),
        ({"category": "webserver", "product": "apache"}, False),
    ],
)
def test_a_rule_is_tried_where_no_dimension_says_something_different(source: dict[str, str], is_tried: bool) -> None:
    rules = rules_of(detection("r", {"selection": {"f": "a"}}, logsource={"category": "webserver", "product": "nginx"}))
    engine = an_engine(rules, [a_view(**source)])
    assert bool(engine.matches(a_block(json_lines([{"f": "a"}])))) is is_tried


def test_a_rule_without_log_source_is_refused() -> None:
    assert "R044" in codes("title: t\nlogsource: {}\ndetection: {selection: {f: a}, condition: selection}\n")

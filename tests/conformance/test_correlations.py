"""Counting, exceptions and time, as far as they are the same for every kind of correlation."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel.clock import SECOND
from tests.conformance.asking import findings, stamped
from tests.detecting import NOON, a_block, an_engine, correlation, detection, entries_of, json_lines, read, rules_of

BASE = detection("base", {"selection": {"f": "a"}}, id="5638f7c0-ac70-491d-8465-2a65075e0d86")


def fired(condition: dict[str, Any], *events: tuple[float, dict[str, Any]], **more: Any) -> list[dict[str, str]]:
    """The groups of the findings that the events make, in order."""
    rules = rules_of(BASE, correlation("many", ["base"], condition, **more))
    return [dict(each.group) for each in findings(rules, stamped(*((at, {"f": "a", **rest}) for at, rest in events)))]


def kim(*times: float) -> list[tuple[float, dict[str, Any]]]:
    return [(at, {"who": "kim"}) for at in times]


def test_rules_are_referred_to_by_name_or_id_in_any_order() -> None:
    for reference in ("base", BASE["id"]):
        rules = rules_of(correlation("many", [reference], {"gte": 2}), BASE)
        assert len(findings(rules, stamped(*((at, {"f": "a", "who": "kim"}) for at in (1, 2))))) == 1


def test_a_correlation_refers_to_another_by_name_or_id_in_any_order() -> None:
    inner = correlation("inner", ["base"], {"gte": 2}, id="0e95725d-7320-415d-80f7-004da920fc11")
    for reference in ("inner", inner["id"]):
        outer = correlation("outer", [reference], {"gte": 1}, timespan="1h")
        found = findings(rules_of(outer, inner, BASE), stamped(*((at, {"f": "a", "who": "kim"}) for at in (1, 2))))
        assert [each.rule for each in found] == ["outer"]


def test_a_reference_that_leads_nowhere_is_refused_at_its_place() -> None:
    text = "title: t\nname: t\ncorrelation:\n  type: event_count\n  rules: [nobody]\n  group-by: [who]\n"
    _, problems = read(text + "  timespan: 5m\n  condition: {gte: 2}\nlevel: high\n")
    assert [(each.span.line, each.code) for each in problems] == [(5, "R004")]


def test_the_rules_counted_are_silent_unless_generate_says_otherwise() -> None:
    events = stamped(*((at, {"f": "a", "who": "kim"}) for at in (1, 2)))
    silent = rules_of(BASE, correlation("many", ["base"], {"gte": 2}))
    loud = rules_of(BASE, correlation("many", ["base"], {"gte": 2}, generate=True))
    assert [each.rule for each in findings(silent, events)] == ["many"]
    assert sorted(each.rule for each in findings(loud, events)) == ["base", "base", "many"]


@pytest.mark.parametrize("key", ["generate", "timespan", "type", "rules", "aliases", "condition"])
def test_a_key_beside_the_correlation_that_nobody_would_read_is_refused(key: str) -> None:
    _, problems = read("\n---\n".join(map(str, (BASE, {**correlation("m", ["base"], {"gte": 2}), key: "5m"}))))
    assert "R006" in [each.code for each in problems]


def test_without_group_by_all_events_are_one_group() -> None:
    assert fired({"gte": 2}, (1, {"who": "kim"}), (2, {"who": "lee"}), **{"group-by": None}) == [{}]


def test_events_without_a_field_of_the_group_are_not_counted_together() -> None:
    events = [(1, {}), (2, {}), (3, {"who": None}), (4, {"who": None})]
    assert fired({"gte": 2}, *events) == []
    engine = an_engine(rules_of(BASE, correlation("many", ["base"], {"gte": 2})))
    engine.judge(a_block(json_lines(stamped(*((at, {"f": "a", **rest}) for at, rest in events)))), None)
    assert engine.tallies[0].missing == {"who": 4}


def test_groups_compare_exactly_and_several_fields_make_one_group() -> None:
    assert fired({"gte": 2}, (1, {"who": "Kim"}), (2, {"who": "kim"})) == []
    events = [(1.0, {"who": "kim", "d": "x"}), (2.0, {"who": "kim", "d": "y"}), (3.0, {"who": "kim", "d": "x"})]
    assert fired({"gte": 2}, *events, **{"group-by": ["who", "d"]}) == [{"who": "kim", "d": "x"}]


def test_names_of_one_person_are_one_group_where_the_inventory_says_how() -> None:
    actor = {"field": "who", "normalise": ["lower", "strip_domain"]}
    portal = {"name": "portal", "data": ["health"], "access": [{"when": {"f": "a"}, "actor": actor}]}
    base = detection("base", {"selection": {"f": "a"}}, logsource={"category": "personal_data_access"})
    rules = rules_of(base, correlation("many", ["base"], {"gte": 2}, **{"group-by": ["access.actor"]}))
    engine = an_engine(rules, entries=entries_of({"systems": [portal]}))
    events = stamped((1, {"f": "a", "who": "Kim"}), (2, {"f": "a", "who": "CORP\\kim"}))
    assert [dict(each.group) for each in engine.judge(a_block(json_lines(events)), None)] == [{"access.actor": "kim"}]


@pytest.mark.parametrize(
    ("written", "seconds"), [("90s", 90), ("2m", 120), ("3h", 10_800), ("1d", 86_400), ("1w", 604_800)]
)
def test_the_units_of_a_timespan_have_one_length(written: str, seconds: int) -> None:
    (rule,) = rules_of(BASE, correlation("many", ["base"], {"gte": 2}, timespan=written)).correlations
    assert rule.timespan == seconds * SECOND


@pytest.mark.parametrize("timespan", ["0s", "-5m", "5M", "1y", "5", "m", "1.5h"])
def test_a_timespan_is_a_number_above_zero_and_a_unit_of_fixed_length(timespan: str) -> None:
    _, problems = read(f"{BASE}\n---\n{correlation('m', ['base'], {'gte': 2}, timespan=timespan)}")
    assert {each.code for each in problems} & {"R040", "R002"}


def test_a_fraction_of_an_event_is_refused() -> None:
    _, problems = read(f"{BASE}\n---\n{correlation('m', ['base'], {'gte': 0.5})}")
    assert "R020" in [each.code for each in problems]


def test_an_average_may_be_a_fraction_and_so_may_what_it_is_compared_with() -> None:
    condition = {"field": "n", "gte": 0.5}
    assert fired(condition, (1, {"who": "kim", "n": 0.4}), type="value_avg") == []
    assert len(fired(condition, (1, {"who": "kim", "n": 0.4}), (2, {"who": "kim", "n": 0.6}), type="value_avg")) == 1


def test_a_range_has_both_its_bounds_and_any_other_key_beside_them_is_refused() -> None:
    rules = rules_of(BASE, correlation("many", ["base"], {"gt": 1, "lte": 3}))
    for number, expected in ((1, []), (2, ["many"]), (3, ["many"])):
        engine = an_engine(rules)
        engine.judge(a_block(json_lines(stamped(*((at, {"f": "a", "who": "kim"}) for at in range(number))))), None)
        assert [each.rule for each in engine.close(NOON + 1000 * SECOND)] == expected
    _, problems = read(f"{BASE}\n---\n{correlation('m', ['base'], {'gte': 2, 'about': 3})}")
    assert "R020" in [each.code for each in problems]


@pytest.mark.parametrize("condition", [{"lt": 1}, {"lte": 0}, {"eq": 0}, {"gte": 0, "lt": 1}])
def test_a_count_of_nothing_is_refused_for_a_window_begins_with_an_event(condition: dict[str, int]) -> None:
    rules, problems = read(f"{BASE}\n---\n{correlation('m', ['base'], condition)}")
    assert ([each.code for each in problems], rules.correlations) == (["R020"], ())
    numeric = correlation("m", ["base"], {"field": "n", **condition}, type="value_sum")
    assert read(f"{BASE}\n---\n{numeric}")[1] == []  # a sum may well be nothing


def test_what_is_no_number_is_left_out_of_a_sum_and_counted() -> None:
    rules = rules_of(BASE, correlation("many", ["base"], {"field": "n", "gte": 4}, type="value_sum"))
    engine = an_engine(rules)
    values: list[Any] = [2, "2 kB", None, "NaN", "2"]
    events = stamped(*((float(at), {"f": "a", "who": "kim", "n": each}) for at, each in enumerate(values)))
    (finding,) = engine.judge(a_block(json_lines(events)), None)
    assert (finding.value, finding.evidence_total, engine.tallies[0].uncounted) == (4, 2, 3)


def test_a_percentile_is_of_numbers_and_the_reading_as_the_rarest_values_is_refused() -> None:
    rarest = correlation("m", ["base"], {"field": "image", "lte": 1}, type="value_percentile", timespan="24h")
    _, problems = read(f"{BASE}\n---\n{rarest}")
    assert [(each.code, each.message) for each in problems] == [
        ("R020", "value_percentile does not say which percentile of the numbers is compared")
    ]


def test_different_values_are_counted_and_1_and_its_text_are_one() -> None:
    def count(*values: Any) -> int:
        events = [(float(at), {"who": "kim", "v": value}) for at, value in enumerate(values)]
        return len(fired({"field": "v", "gte": 2}, *events))

    assert count("a", "a", "a") == 0
    assert count(1, "1", 1.0) == 0
    assert count("a", "b") == 1


def test_an_event_without_the_counted_field_is_not_counted() -> None:
    assert fired({"field": "v", "gte": 2}, (1, {"who": "kim", "v": "a"}), (2, {"who": "kim"})) == []
    assert fired({"field": "v", "gte": 2}, (1, {"who": "kim", "v": "a"}), (2, {"who": "kim", "v": None})) == []


def test_several_fields_are_counted_by_their_combinations() -> None:
    events = [(1.0, {"who": "kim", "v": "a", "w": "x"}), (2.0, {"who": "kim", "v": "a", "w": "y"})]
    assert len(fired({"field": ["v", "w"], "gte": 2}, *events)) == 1
    assert len(fired({"field": ["v", "w"], "gte": 3}, *events)) == 0


def test_an_event_that_matches_two_of_the_rules_counts_once() -> None:
    other = detection("other", {"selection": {"f|startswith": "a"}})
    rules = rules_of(BASE, other, correlation("many", ["base", "other"], {"gte": 2}))
    assert findings(rules, stamped((1, {"f": "a", "who": "kim"}))) == []


@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
def test_an_event_that_matches_two_of_the_rules_is_both_where_each_must_have_matched(kind: str) -> None:
    other = detection("other", {"selection": {"f|startswith": "a"}})
    rules = rules_of(BASE, other, correlation("both", ["other", "base"], {}, type=kind))
    assert [each.rule for each in findings(rules, stamped((1, {"f": "a", "who": "kim"})))] == ["both"]
    assert findings(rules, stamped((1, {"f": "ab", "who": "kim"}))) == []


def expression(condition: str, rules: list[str] | None = None, kind: str = "temporal") -> list[str]:
    """The codes of the problems with an expression over `base` and `other`."""
    document = correlation("m", rules or [], {}, type=kind)
    document["correlation"] |= {"condition": condition}
    if rules is None:
        del document["correlation"]["rules"]
    other = detection("other", {"selection": {"f": "b"}})
    return [each.code for each in read(f"{BASE}\n---\n{other}\n---\n{document}")[1]]


def test_an_expression_names_each_of_the_rules_and_no_other() -> None:
    assert expression("base and not other") == expression("base or other", ["other", "base"]) == []
    assert expression("base", ["base", "other"]) == expression("base and other", ["base"]) == ["R011"]


def test_an_expression_is_of_names_and_only_for_rules_in_any_order() -> None:
    assert expression(f"{BASE['id']} and other") == ["R010"]  # an id is no word of an expression
    assert "R020" in expression("base and other", ["base", "other"], "temporal_ordered")
    assert "R020" in expression("base and other", ["base", "other"], "event_count")


def test_an_alias_that_leaves_out_one_of_the_rules_is_refused() -> None:
    document = correlation("m", ["base", "other"], {}, type="temporal", **{"group-by": ["person"]})
    document["correlation"]["aliases"] = {"person": {"base": "who"}}
    other = detection("other", {"selection": {"f": "b"}})
    _, problems = read(f"{BASE}\n---\n{other}\n---\n{document}")
    assert [(each.code, each.message) for each in problems] == [("R020", "the alias has no field for the rule 'other'")]


def test_a_window_ends_with_the_event_and_leaves_out_its_first_moment() -> None:
    assert fired({"gte": 2}, *kim(0, 10)) == []
    assert len(fired({"gte": 2}, *kim(0, 9.999999))) == 1


def test_windows_are_exact_to_the_microsecond() -> None:
    assert fired({"gte": 2}, *kim(0.000001, 10.000001)) == []
    assert len(fired({"gte": 2}, *kim(0.000002, 10.000001))) == 1


def test_gt_is_one_more_than_gte() -> None:
    assert fired({"gt": 2}, *kim(1, 2)) == []
    assert len(fired({"gt": 2}, *kim(1, 2, 3))) == 1


def test_a_window_that_goes_on_holding_is_one_finding_until_it_was_quiet_for_a_timespan() -> None:
    assert len(fired({"gte": 2}, *kim(*range(1, 20)))) == 1
    assert len(fired({"gte": 2}, *kim(1, 2, 40, 41))) == 2


def test_a_late_event_is_counted_in_the_windows_it_belongs_to_and_in_no_other() -> None:
    assert fired({"gte": 2}, *kim(50, 20)) == []
    assert len(fired({"gte": 2}, *kim(50, 20, 21))) == 1


def test_an_event_that_is_too_late_is_not_counted() -> None:
    assert fired({"gte": 2}, *kim(200, 20, 21)) == []
    engine = an_engine(rules_of(BASE, correlation("many", ["base"], {"gte": 2}, generate=True)))
    late = json_lines(stamped(*((at, {"f": "a", **who}) for at, who in kim(200, 20, 21))))
    assert [each.rule for each in engine.judge(a_block(late), None)] == ["base"] * 3  # but by itself it is judged
    assert engine.lanes["app"].counts.late == 2


def test_an_event_without_a_time_has_the_time_of_the_one_before_and_is_counted() -> None:
    rules = rules_of(BASE, correlation("many", ["base"], {"gte": 2}))
    first, *_ = stamped((0, {"f": "a", "who": "kim"}))
    second, third = {"f": "a", "who": "kim"}, {"f": "a", "who": "lee"}
    engine = an_engine(rules)
    found = engine.judge(a_block(json_lines([first, second, third])), None)
    assert [(dict(each.group), each.fired_at) for each in found] == [({"who": "kim"}, NOON)]
    assert engine.lanes["app"].counts.untimed == 2


# --- exceptions ----------------------------------------------------------------------------------------------


def exception(condition: str = "not selection", rules: Any = "any", **logsource: str) -> dict[str, Any]:
    section = {"rules": rules, "selection": {"who": "adm"}, "condition": condition}
    return {"title": "x", "name": "x", "logsource": logsource or {"category": "webserver"}, "filter": section}


def excepted(*documents: dict[str, Any]) -> list[str]:
    rules = rules_of(BASE, *documents)
    return [each.rule for each in findings(rules, stamped((1, {"f": "a", "who": "adm"})))]


@pytest.mark.parametrize("rules", ["any", [], ["base"], [BASE["id"]]])
def test_a_filter_is_for_all_rules_or_for_those_it_names(rules: Any) -> None:
    assert excepted(exception(rules=rules)) == []


def test_a_filter_is_for_rules_whose_log_source_has_all_that_it_names() -> None:
    assert excepted(exception(category="proxy")) == ["base"]
    assert excepted(exception(category="webserver", product="nginx")) == ["base"]


def test_the_condition_of_a_filter_says_what_remains_and_one_without_not_is_warned_of() -> None:
    assert excepted(exception("selection")) == ["base"]
    _, problems = read(f"{BASE}\n---\n{exception('selection')}")
    assert [(each.code, each.severity) for each in problems] == [("R016", "warning")]
    _, problems = read(f"{BASE}\n---\n{exception('not(selection)')}")
    assert problems == []


def test_a_filter_on_a_counted_rule_keeps_its_events_out_of_the_count() -> None:
    rules = rules_of(BASE, exception(), correlation("many", ["base"], {"gte": 2}))
    events = stamped(*((at, {"f": "a", "who": who}) for at, who in ((1, "adm"), (2, "adm"), (3, "kim"), (4, "kim"))))
    assert [dict(each.group) for each in findings(rules, events)] == [{"who": "kim"}]


def test_a_filter_is_never_for_a_correlation() -> None:
    documents = (BASE, correlation("many", ["base"], {"gte": 2}), exception(rules=["many"]))
    _, problems = read("\n---\n".join(map(str, documents)))
    assert [(each.code, each.severity) for each in problems] == [("R004", "warning")]
    events = stamped(*((at, {"f": "a", "who": "adm"}) for at in (1, 2)))
    assert [each.rule for each in findings(rules_of(*documents), events)] == ["many"]


def test_metadata_inside_a_filter_is_refused() -> None:
    document = exception()
    document["filter"]["date"] = "2026-01-01"
    _, problems = read(f"{BASE}\n---\n{document}")
    assert "R017" in [each.code for each in problems]


def test_a_correlation_without_level_is_warned_of() -> None:
    document = correlation("many", ["base"], {"gte": 2})
    del document["level"]
    _, problems = read(f"{BASE}\n---\n{document}")
    assert [(each.code, each.severity) for each in problems] == [("R043", "warning")]

"""What becomes of matches: the id of a finding, its episode, what is said again and what is kept quiet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sentinel.clock import MINUTE, SECOND
from sentinel.detect.engine import Engine
from sentinel.detect.rules import RuleSet
from sentinel.model import Finding, Level, Mode
from tests.detecting import NOON, a_block, a_view, an_engine, correlation, detection, entries_of, json_lines, rules_of

SINGLE = detection("single", {"a": {"x": "y"}}, "a", level="high")
BASE = detection("base", {"a": {"x": "y"}}, "a", sentinel={"data": {"subject": "what"}})


def record(second: float = 0, **fields: Any) -> dict[str, Any]:
    return {"@timestamp": NOON // SECOND + second, "x": "y", "who": "kim", **fields}


def judged(rules: RuleSet | Engine, *records: Mapping[str, Any], offset: int = 0, **block: Any) -> list[Finding]:
    engine = rules if isinstance(rules, Engine) else an_engine(rules)
    return engine.judge(a_block(json_lines(records), offset, **block), None)


def ids(found: list[Finding]) -> list[str]:
    return [finding.id for finding in found]


# --- ids -----------------------------------------------------------------------------------------------------


def test_an_id_does_not_depend_on_where_the_record_stands() -> None:
    rules = rules_of(SINGLE)
    here = judged(rules, record())
    there = judged(an_engine(rules, [a_view(name="other")]), record(), offset=5000, source="other", stream=7)
    assert ids(here) == ids(there)
    assert here[0].id.startswith("f_")
    assert len(here[0].id) == 34


def test_an_id_does_not_depend_on_how_the_blocks_were_cut() -> None:
    records = [record(second, n=second) for second in range(10)]
    one = an_engine(rules_of(SINGLE))
    apart = [finding for each in records for finding in judged(one, each)]
    assert ids(apart) == ids(judged(rules_of(SINGLE), *records))


def test_equal_records_at_the_same_moment_are_findings_of_their_own() -> None:
    found = judged(rules_of(SINGLE), record(), record(), record())
    assert len(set(ids(found))) == 3
    assert ids(found) == ids(judged(rules_of(SINGLE), record(), record(), record()))


def test_the_id_of_a_rule_goes_before_its_name_in_the_id_of_a_finding() -> None:
    identity = "7d0c8f4e-54b5-4c0e-9a35-1f3a6d5f0a09"
    named = judged(rules_of({**SINGLE, "id": identity}), record())
    renamed = judged(rules_of({**SINGLE, "id": identity, "name": "other"}), record())
    assert ids(named) == ids(renamed)
    assert ids(named) != ids(judged(rules_of(SINGLE), record()))
    assert (named[0].rule, named[0].rule_id) == ("single", identity)


def test_two_rules_find_the_same_record_with_two_ids() -> None:
    found = judged(rules_of(SINGLE, {**SINGLE, "name": "second"}), record())
    assert len(set(ids(found))) == 2


# --- what a finding says ----------------------------------------------------------------------------------------


def test_a_finding_of_a_detection_is_its_event() -> None:
    [finding] = judged(rules_of(SINGLE), record(1.25), offset=70)
    moment = NOON + 5 * SECOND // 4
    assert (finding.first_seen, finding.last_seen, finding.fired_at) == (moment, moment, moment)
    assert (finding.value, finding.subjects, finding.digits, finding.group) == (1, None, 2, ())
    [place] = finding.evidence
    assert (place.source, place.stream, place.path, place.offset, place.length) == ("app", 1, "app.log", 70, 53)
    assert (finding.level, finding.mode, finding.source) == (Level.HIGH, Mode.ENFORCE, "app")


@pytest.mark.parametrize(
    ("level", "said", "opens"),
    [
        (None, None, True),
        ("low", None, False),
        ("medium", None, True),
        ("critical", False, False),
        ("informational", True, True),
    ],
)
def test_a_finding_of_level_medium_or_higher_opens_a_case_unless_the_rule_says_otherwise(
    level: str | None, said: bool | None, opens: bool
) -> None:
    rule = {key: value for key, value in SINGLE.items() if key != "level"}
    rule |= ({"level": level} if level else {}) | ({"sentinel": {"case": {"open": said}}} if said is not None else {})
    assert [finding.opens_case for finding in judged(rules_of(rule), record())] == [opens]


def test_a_rule_in_shadow_opens_no_case() -> None:
    [finding] = judged(rules_of({**SINGLE, "sentinel": {"mode": "shadow"}}), record())
    assert (finding.mode, finding.opens_case) == (Mode.SHADOW, False)


@pytest.mark.parametrize(
    ("key", "fields", "expected"),
    [
        ([], {}, (("rule", "single"),)),
        ([], {"actor": "lee"}, (("access.actor", "lee"),)),
        (["who"], {}, (("who", "kim"),)),
        (["who", "gone"], {}, (("who", "kim"),)),
        (["gone"], {}, (("rule", "single"),)),
    ],
)
def test_the_case_of_a_detection_is_what_the_rule_names_else_the_actor_else_the_rule(
    key: list[str], fields: dict[str, Any], expected: tuple[tuple[str, str], ...]
) -> None:
    rules = rules_of({**SINGLE, "sentinel": {"case": {"key": key}}})
    system = {"name": "portal", "data": ["health"], "access": [{"when": {"actor|exists": True}, "actor": "actor"}]}
    engine = an_engine(rules, entries=entries_of({"systems": [system]}))
    [finding] = judged(engine, record(**fields))
    assert finding.case_key == expected


def test_a_finding_carries_what_the_inventory_says_of_its_event() -> None:
    system = {
        "name": "portal",
        "data": ["health", "contact"],
        "access": [{"when": {"x": "y"}, "actor": "who", "subject": "what"}],
    }
    rule = {**SINGLE, "logsource": {"category": "personal_data_access"}}
    engine = an_engine(rules_of(rule), entries=entries_of({"systems": [system]}))
    [finding] = judged(engine, record(what="p7"))
    assert (finding.actors, finding.actor_verified, finding.systems) == (("kim",), True, ("portal",))
    assert finding.categories == ("health", "contact")
    assert (finding.subjects, finding.subject_hashes) == (1, (engine.hash_text("p7"),))


def test_without_an_inventory_the_rule_may_say_whose_data_it_is() -> None:
    additions = {"data": {"subject": "what", "actor": "who", "categories": ["contact"]}}
    [finding] = judged(rules_of({**SINGLE, "sentinel": additions}), record(what="p7"))
    assert (finding.actors, finding.categories, finding.subjects) == (("kim",), ("contact",), 1)
    assert not finding.actor_verified


def test_what_happened_before_the_first_start_is_historical() -> None:
    found = judged(rules_of(SINGLE), record(0), record(60), historical_before=NOON + 30 * SECOND)
    assert [finding.historical for finding in found] == [True, False]


def test_at_most_a_hundred_places_are_given_as_evidence_and_their_number_is_said() -> None:
    rules = rules_of(BASE, correlation("many", ["base"], {"gte": 130}, timespan="10m"))
    [finding] = judged(rules, *(record(second) for second in range(130)))
    assert (len(finding.evidence), finding.evidence_total) == (100, 130)


def test_a_group_is_given_in_clear_and_events_without_it_are_dropped_and_counted() -> None:
    rules = rules_of(BASE, correlation("many", ["base"], {"gte": 2}, **{"group-by": ["who", "ward.name"]}))
    engine = an_engine(rules)
    [finding] = judged(engine, record(0, ward={"name": 7}), record(1), record(2, ward={"name": "7"}))
    assert finding.group == (("who", "kim"), ("ward.name", "7"))
    assert engine.tallies[0].missing == {"ward.name": 1}


# --- again and again -----------------------------------------------------------------------------------------


def test_a_detection_with_suppression_is_quiet_for_that_long_for_the_same_thing() -> None:
    rule = {**SINGLE, "sentinel": {"suppress": {"for": "1m", "per": ["who"]}}}
    engine = an_engine(rules_of(rule))
    found = judged(engine, record(0), record(30), record(30, who="lee"), record(89), record(149), record(150))
    assert [finding.fired_at - NOON for finding in found] == [0, 30 * SECOND, 149 * SECOND]
    [kim] = [finding for finding in engine.updates() if finding.id == found[2].id]
    assert (kim.update, kim.suppressed) == (True, 1)


def test_an_episode_is_told_of_again_at_the_multiples_that_the_rule_names() -> None:
    additions = {"suppress": {"escalate": ["2x", "5x"]}}
    rules = rules_of(BASE, correlation("many", ["base"], {"gte": 2}, timespan="10m", sentinel=additions))
    found = judged(rules, *(record(second, what=f"p{second}") for second in range(12)))
    assert [(finding.update, finding.value) for finding in found] == [(False, 2), (True, 4), (True, 10)]
    assert len(set(ids(found))) == 1
    assert [len(finding.subject_hashes) for finding in found] == [2, 2, 6]


def test_an_update_carries_nothing_in_clear() -> None:
    rules = rules_of(BASE, correlation("many", ["base"], {"gte": 2}, timespan="10m"))
    engine = an_engine(rules)
    judged(engine, *(record(second) for second in range(5)))
    [update] = engine.updates()
    assert update.update
    assert (update.group, update.actors, update.evidence, update.case_key) == ((), (), (), ())
    assert "kim" not in str(update)
    assert engine.updates() == []


def test_rules_that_are_only_counted_are_silent_unless_generate_says_so() -> None:
    counted = correlation("many", ["base"], {"gte": 2}, timespan="10m")
    silent = judged(rules_of(BASE, counted), record(0), record(1))
    loud = judged(rules_of(BASE, {**counted, "correlation": {**counted["correlation"], "generate": True}}), record(0))
    assert [finding.rule for finding in silent] == ["many"]
    assert [finding.rule for finding in loud] == ["base"]


def test_a_filtered_event_is_no_match_and_is_counted_as_filtered() -> None:
    exception = {
        "title": "e",
        "name": "e",
        "logsource": {"category": "webserver"},
        "filter": {"rules": ["single"], "a": {"who": "kim"}, "condition": "not a"},
    }
    engine = an_engine(rules_of(SINGLE, exception))
    found = judged(engine, record(), record(who="lee"))
    assert [finding.evidence[0].offset for finding in found] == [len(json_lines([record()]))]
    assert engine.lanes["app"].filtered == {(0, "e"): 1}


# --- time ------------------------------------------------------------------------------------------------------


def live(*events: tuple[float, float]) -> tuple[Engine, list[Finding]]:
    """Events as (time, wall clock) in seconds after noon, judged one by one by a rule that wants two of them."""
    engine = an_engine(rules_of(BASE, correlation("many", ["base"], {"gte": 2}, timespan="10m")))
    found = []
    for number, (second, now) in enumerate(events):
        block = a_block(json_lines([record(second, n=number)]), number * 1000)
        found += engine.judge(block, NOON + round(now * SECOND))
    return engine, found


def test_an_event_ahead_of_the_clock_does_not_make_the_others_late() -> None:
    engine, found = live((86_400, 0), (0, 0), (1, 1))
    counts = engine.lanes["app"].counts
    assert (counts.future, counts.late) == (1, 0)
    assert [finding.value for finding in found] == [2]


def test_an_event_up_to_five_minutes_ahead_is_a_clock_that_goes_wrong() -> None:
    engine, _ = live((300, 0))
    assert engine.lanes["app"].counts.future == 0
    engine, _ = live((300.000001, 0))
    assert engine.lanes["app"].counts.future == 1


def test_an_event_may_be_as_late_as_the_rule_allows() -> None:
    engine, found = live((60, 60), (0, 60))
    assert (engine.lanes["app"].counts.late, len(found)) == (0, 1)
    engine, found = live((60.000001, 60), (0, 60))
    assert (engine.lanes["app"].counts.late, len(found)) == (1, 0)


def test_a_record_without_a_time_has_that_of_the_record_before_also_over_blocks() -> None:
    engine = an_engine(rules_of(SINGLE))
    first = judged(engine, record(5), {"x": "y"})
    second = judged(engine, {"x": "y", "n": 2}, offset=500)
    assert [finding.fired_at for finding in first + second] == [NOON + 5 * SECOND] * 3
    assert engine.lanes["app"].counts.untimed == 2


def test_a_log_without_any_time_has_that_of_its_reading() -> None:
    [finding] = judged(rules_of(SINGLE), {"x": "y"}, reference=NOON + MINUTE)
    assert finding.fired_at == NOON + MINUTE

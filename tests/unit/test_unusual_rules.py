"""Rules with a condition on what is unusual, through the whole engine."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from sentinel import formats
from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, rfc3339
from sentinel.detect import ruletests, state
from sentinel.detect.engine import Engine
from sentinel.detect.explain import Explainer
from sentinel.detect.rules import RuleSet
from sentinel.formats.base import FormatOptions
from sentinel.model import Finding
from tests.detecting import a_block, a_view, an_engine, correlation, detection, json_lines, read, rules_of

START: Micros = 20_515 * DAY
"""2026-03-02T00:00:00Z, a Monday."""

READ = detection("read", {"selection": {"what": "read"}}, level="informational")


def at(time: Micros, **fields: Any) -> dict[str, Any]:
    return {"@timestamp": rfc3339(time, 6), "what": "read", **fields}


def judged(engine: Engine, records: Iterable[Mapping[str, Any]], offset: int = 0) -> list[Finding]:
    return [each for each in engine.judge(a_block(json_lines(records), offset), None) if not each.update]


def outcomes(rules: RuleSet) -> list[str]:
    log = formats.make("json", FormatOptions())
    abouts = [*(rule.about for rule in rules.detections), *(rule.about for rule in rules.correlations)]
    return [outcome.why for about in abouts for outcome in ruletests.run(about, rules, log)]


def codes(*documents: Any) -> list[str]:
    import json

    return [each.code for each in read("\n---\n".join(json.dumps(each) for each in documents))[1] if each.is_error]


# --- first seen ------------------------------------------------------------------------------------------------

LEARNED = {"field": "country", "per": ["token"], "learn": "14d", "remember": "90d"}


def weeks_of(token: str, country: str, days: int = 15) -> list[dict[str, Any]]:
    return [at(START + number * 12 * HOUR, token=token, country=country) for number in range(2 * days)]


def test_an_event_counts_only_where_it_shows_something_new() -> None:
    rules = rules_of(detection("abroad", {"selection": {"what": "read"}}, sentinel={"first_seen": LEARNED}))
    engine = an_engine(rules)
    assert judged(engine, weeks_of("t1", "DE")) == []
    found = judged(engine, [at(START + 16 * DAY, token="t1", country="BR")] * 3)
    assert [each.rule for each in found] == ["abroad"]
    assert found[0].because == ("new country for token",)


def test_a_correlation_of_values_fires_with_the_one_that_is_new() -> None:
    rules = rules_of(
        READ,
        correlation(
            "abroad",
            ["read"],
            {"field": "country", "gte": 2},
            **{"group-by": ["token"], "timespan": "30d"},
            sentinel={
                "first_seen": LEARNED,
                "tests": [
                    {
                        "expect": "match",
                        "fires": 1,
                        "events": [
                            {"repeat": 30, "every": "12h", "event": {"what": "read", "token": "t", "country": "DE"}},
                            {"offset": "16d", "event": {"what": "read", "token": "t", "country": "BR"}},
                        ],
                    },
                    {
                        "expect": "no-match",
                        "events": [
                            {"repeat": 30, "every": "12h", "event": {"what": "read", "token": "t", "country": "DE"}},
                            {"repeat": 9, "every": "12h", "event": {"what": "read", "token": "t", "country": "BR"}},
                        ],
                    },
                ],
            },
        ),
    )
    assert outcomes(rules) == ["", ""]


def test_an_event_that_shows_nothing_new_is_not_counted_elsewhere() -> None:
    known = detection("new", {"selection": {"what": "read"}}, sentinel={"first_seen": LEARNED | {"learn": "1d"}})
    rules = rules_of(known, correlation("several", ["new"], {"gte": 2}, **{"group-by": ["token"], "timespan": "1h"}))
    engine = an_engine(rules)
    judged(engine, weeks_of("t1", "DE"))
    later = START + 16 * DAY
    assert judged(engine, [at(later, token="t1", country=each) for each in ("DE", "BR", "BR")]) == []
    assert len(judged(engine, [at(later + MINUTE, token="t1", country="AR")])) == 1


def test_an_event_without_a_field_of_the_key_is_counted_as_such() -> None:
    rules = rules_of(detection("abroad", {"selection": {"what": "read"}}, sentinel={"first_seen": LEARNED}))
    engine = an_engine(rules)
    judged(engine, [at(START, country="DE"), at(START, token="t1")])
    assert engine.judges.of_rule["abroad"][0].missing == {"token": 1, "country": 1}


# --- baseline --------------------------------------------------------------------------------------------------


def spike(**baseline: Any) -> RuleSet:
    return rules_of(
        READ,
        correlation(
            "spike",
            ["read"],
            {"field": "whose", "gte": 30},
            **{"group-by": ["who"], "timespan": "1h"},
            sentinel={"baseline": baseline},
        ),
    )


def a_day(day: int, who: str = "kim", people: int = 10, **more: Any) -> list[dict[str, Any]]:
    """Each hour from nine to five the data of so many people."""
    return [
        at(START + day * DAY + hour * HOUR + number * SECOND, who=who, whose=f"p{number}", **more)
        for hour in range(9, 17)
        for number in range(people)
    ]


def workdays(weeks: int, **day: Any) -> list[dict[str, Any]]:
    return [each for number in range(7 * weeks) if number % 7 < 5 for each in a_day(number, **day)]


def reading(time: Micros, people: int, who: str = "kim", **more: Any) -> list[dict[str, Any]]:
    return [at(time + number * SECOND, who=who, whose=f"q{number}", **more) for number in range(people)]


def test_whoever_reads_far_more_than_usual_at_this_hour_is_found() -> None:
    engine = an_engine(spike())
    judged(engine, workdays(4))
    found = judged(engine, reading(START + 28 * DAY + 10 * HOUR, 60))
    assert [each.value for each in found] == [30]
    assert found[0].because == ("30, where 10 is usual for this hour and 28.97 the most",)


def test_what_is_much_but_usual_is_not_found() -> None:
    engine = an_engine(spike(cold_start="silent"))
    assert judged(engine, workdays(4, people=70)) == []
    assert judged(engine, reading(START + 28 * DAY + 10 * HOUR, 70)) == []
    assert len(judged(engine, reading(START + 29 * DAY + 3 * HOUR, 70))) == 1, "not in the night"


def test_small_numbers_never_fire_for_the_threshold_still_stands() -> None:
    engine = an_engine(spike())
    judged(engine, workdays(4, people=1))
    assert judged(engine, reading(START + 28 * DAY + 10 * HOUR, 29)) == []


@pytest.mark.parametrize(("start", "findings"), [("floor", 1), ("silent", 0)])
def test_before_enough_is_known_the_threshold_decides_or_nothing(start: str, findings: int) -> None:
    assert len(judged(an_engine(spike(cold_start=start)), reading(START, 31))) == findings


def test_a_newcomer_is_compared_with_the_peers() -> None:
    engine = an_engine(spike(peers={"by": "ward", "min_members": 5}))
    records = [
        each
        for number in range(21)
        if number % 7 < 5
        for who in range(6)
        for each in a_day(number, f"nurse{who}", 40, ward="A")
    ]
    records.sort(key=lambda record: record["@timestamp"])
    judged(engine, records)
    monday = START + 21 * DAY + 10 * HOUR
    assert judged(engine, reading(monday, 45, "new", ward="A")) == []
    assert len(judged(engine, reading(monday + HOUR, 200, "new", ward="A"))) == 1
    assert len(judged(engine, reading(monday + 2 * HOUR, 45, "other", ward="B"))) == 1, "nobody to compare with"


def test_whoever_changes_role_is_measured_by_the_new_peers_and_not_by_the_old_work() -> None:
    engine = an_engine(spike(peers={"by": "role", "min_members": 5}, cold_start="peers"))
    records = [
        each
        for number in range(21)
        if number % 7 < 5
        for who in range(6)
        for each in a_day(number, f"coder{who}", 50, role="coder")
    ]
    records += [each for number in range(21) if number % 7 < 5 for each in a_day(number, "kim", 4, role="nurse")]
    judged(engine, sorted(records, key=lambda record: record["@timestamp"]))
    monday = START + 21 * DAY + 10 * HOUR
    assert len(judged(engine, reading(monday, 45, role="nurse"))) == 1, "a nurse is measured by herself"
    assert judged(engine, reading(monday + DAY, 45, role="coder")) == []
    found = judged(engine, reading(monday + DAY + 2 * HOUR, 200, role="coder"))
    assert [each.because[0].partition(", ")[2] for each in found] == ["where 52 is usual for peers and 95.27 the most"]


def test_peers_may_stand_in_a_list() -> None:
    baseline = {"peers": {"lists": ["nurses"], "min_members": 2}, "cold_start": "peers", "against": "peers"}
    rules = rules_of(
        READ,
        correlation(
            "spike",
            ["read"],
            {"field": "whose", "gte": 30},
            **{"group-by": ["who"], "timespan": "1h"},
            sentinel={"baseline": baseline, "lists": {"nurses": ["ann", "bob", "new"]}},
        ),
    )
    engine = an_engine(rules)
    records = [each for who in ("ann", "bob") for each in workdays(3, who=who, people=40)]
    judged(engine, sorted(records, key=lambda record: record["@timestamp"]))
    assert judged(engine, reading(START + 21 * DAY + 10 * HOUR, 45, "new")) == []
    assert len(judged(engine, reading(START + 21 * DAY + 10 * HOUR, 45, "guest"))) == 1


def test_hours_with_a_finding_are_not_learned_from() -> None:
    engine = an_engine(spike())
    judged(engine, workdays(4))
    found = [judged(engine, reading(START + day * DAY + 10 * HOUR, 60)) for day in range(28, 42)]
    assert [len(each) for each in found] == [1] * 14


# --- restarts --------------------------------------------------------------------------------------------------


def taken_up(engine: Engine, rules: RuleSet, deltas: list[tuple[int, bytes]], *, whole: bool) -> Engine:
    """A new engine from what the old one saves: every base, or what it counted since the beginning."""
    new = an_engine(rules)
    delta = state.delta(engine)
    deltas += [(len(deltas) + 1, delta)] if delta is not None else []
    bases = [(shard, len(deltas), state.base(engine, shard)) for shard in range(state.SHARDS)] if whole else []
    state.restore(new, bases, deltas)
    return new


@pytest.mark.parametrize("whole", [True, False])
def test_a_restart_changes_no_finding(whole: bool) -> None:
    rules = spike()
    engine = an_engine(rules)
    judged(engine, workdays(4))
    monday = START + 28 * DAY + 10 * HOUR
    begin, rest = reading(monday, 25), reading(monday, 60)[25:]
    judged(engine, begin)
    deltas: list[tuple[int, bytes]] = []
    new = taken_up(engine, rules, deltas, whole=whole)
    assert [each.id for each in judged(new, rest)] == [each.id for each in judged(engine, rest)]
    again = taken_up(engine, rules, deltas, whole=whole)
    more = reading(monday + 40 * MINUTE, 90)
    assert [each.id for each in judged(again, more)] == [each.id for each in judged(engine, more)] == []


def test_what_was_learned_survives_another_threshold_but_not_another_field() -> None:
    engine = an_engine(spike())
    judged(engine, workdays(4))
    saved = [(shard, 1, state.base(engine, shard)) for shard in range(state.SHARDS)]

    def known(rules: RuleSet) -> int:
        new = an_engine(rules)
        state.restore(new, saved, [])
        return sum(len(judge.cells) for judge in new.judges.all)

    def changed(**condition: Any) -> RuleSet:
        more = {"group-by": ["who"], "timespan": "1h", "level": "critical", "sentinel": {"baseline": {"min_hours": 9}}}
        return rules_of(READ, correlation("spike", ["read"], condition, **more))

    assert known(changed(field="whose", gte=50)) == 1
    assert known(changed(field="what", gte=30)) == 0


# --- mistakes and explanations ---------------------------------------------------------------------------------


def test_a_condition_stands_only_where_it_means_something() -> None:
    wrong = detection("read", {"selection": {"what": "read"}}, sentinel={"baseline": {}})
    assert codes(wrong) == ["R057"]
    counted = correlation("many", ["read"], {"gte": 3}, sentinel={"first_seen": {"field": "x"}})
    assert codes(READ, counted) == ["R057", "R059"]
    upper = correlation("few", ["read"], {"lt": 3}, sentinel={"baseline": {}})
    assert codes(READ, upper) == ["R057"]


def test_an_event_may_be_at_most_an_hour_late() -> None:
    slow = {"first_seen": {"field": "x"}, "runtime": {"late": "2h"}}
    assert codes(detection("read", {"selection": {"what": "read"}}, sentinel=slow)) == ["R058"]


def test_an_unknown_key_names_the_nearest() -> None:
    rule = detection("read", {"selection": {"what": "read"}}, sentinel={"first_seen": {"field": "x", "lern": "3d"}})
    problem = read(json.dumps(rule))[1][0]
    assert (problem.code, problem.hint) == ("R041", "did you mean 'learn'?")


def test_explaining_says_what_the_verdict_went_by() -> None:
    engine = an_engine(spike())
    judged(engine, workdays(4))
    block = a_block(json_lines(reading(START + 28 * DAY + 10 * HOUR, 33)))
    last = list(Explainer(engine, ["spike"]).records(block))[-1]["rules"][0]
    assert last["unusual"]["baseline"] == {
        "usual": 10,
        "deviation": 3.16,
        "limit": 28.97,
        "compared": 3,
        "by": "own history",
        "hours_known": 136,
        "value": 33,
        "holds": True,
    }


# --- sequence and score ----------------------------------------------------------------------------------------


def enumeration() -> RuleSet:
    more = {"group-by": ["ip"], "timespan": "2m"}
    return rules_of(
        READ, correlation("walk", ["read"], {"field": "id", "gte": 30}, **more, sentinel={"sequence": {"field": "id"}})
    )


def test_a_walk_over_ids_is_found_and_a_busy_proxy_is_not() -> None:
    engine = an_engine(enumeration())
    walk = [at(START + number * SECOND, ip="a", id=f"{number:06}") for number in range(1, 31)]
    found = judged(engine, walk)
    assert [each.because for each in found] == [("30 ids in steps of at most 5",)]
    busy = [at(START + number * SECOND, ip="b", id=str(number * 7919 % 100_003)) for number in range(1, 90)]
    assert judged(engine, busy) == []


def test_a_walk_that_comes_out_of_order_is_found_too() -> None:
    walk = [at(START + number * SECOND, ip="a", id=str(number)) for number in range(1, 31)]
    late = [*walk[:10], *walk[15:], *walk[10:15]]
    assert len(judged(an_engine(enumeration()), late)) == 1


def evidence(**score: Any) -> RuleSet:
    kinds = [detection(name, {"selection": {"sign": name}}, level="low") for name in ("night", "new", "much")]
    more = {"type": "temporal", "group-by": ["who"], "timespan": "1d", "level": "medium"}
    return rules_of(
        *kinds, correlation("signs", ["night", "new", "much"], {"gte": 2}, **more, sentinel={"score": score})
    )


def signs(*names: str) -> list[dict[str, Any]]:
    return [at(START + place * MINUTE, who="kim", sign=name) for place, name in enumerate(names)]


def test_weak_evidence_is_added_up_and_the_sum_is_shown() -> None:
    rules = evidence(weights={"night": 2, "new": 3, "much": 1.5}, least=5)
    assert judged(an_engine(rules), signs("night", "much")) == []
    assert judged(an_engine(rules), signs("night", "night", "night")) == []
    found = judged(an_engine(rules), signs("night", "much", "new"))
    assert [each.because for each in found] == [("night 2 + new 3 + much 1.5 = 6.5, and 5 is enough",)]


def test_a_rule_that_matched_again_may_weigh_more_up_to_twice() -> None:
    rules = evidence(least=3, again=0.5)
    assert judged(an_engine(rules), signs("night", "new", "night")) == []
    assert len(judged(an_engine(rules), signs("night", "new", "night", "night", "new"))) == 1


def test_a_weight_of_a_rule_that_is_not_counted_is_an_error() -> None:
    kinds = [detection(name, {"selection": {"sign": name}}) for name in ("night", "new")]
    more = {"type": "temporal", "group-by": ["who"], "timespan": "1d"}
    wrong = correlation(
        "signs", ["night", "new"], {"gte": 2}, **more, sentinel={"score": {"least": 2, "weights": {"nigth": 1}}}
    )
    assert codes(*kinds, wrong) == ["R063"]


# --- absence ---------------------------------------------------------------------------------------------------


def heartbeat(**absence: Any) -> RuleSet:
    more = {"type": "event_count", "group-by": ["host"], "timespan": "15m"}
    return rules_of(READ, correlation("lost", ["read"], {"lt": 1}, **more, sentinel={"absence": absence}))


def test_a_group_that_falls_silent_is_missed_once_and_again_after_it_was_heard() -> None:
    engine = an_engine(heartbeat())
    beats = [
        at(START + minute * MINUTE, host=host)
        for minute in range(60)
        for host in ("a", "b")
        if host == "a" or minute < 5
    ]
    found = judged(engine, beats)
    assert [(each.group, each.fired_at, each.value) for each in found] == [((("host", "b"),), START + 19 * MINUTE, 0)]
    assert found[0].because == ("nothing for 15m",)
    again = [at(START + HOUR, host="b"), *(at(START + HOUR + minute * MINUTE, host="a") for minute in range(30))]
    assert [each.fired_at for each in judged(engine, again)] == [START + HOUR + 15 * MINUTE]


def test_a_group_that_was_never_seen_is_missed_where_it_is_expected() -> None:
    engine = an_engine(heartbeat(expect=["c"]))
    found = [each for minute in range(40) for each in judged(engine, [at(START + minute * MINUTE, host="a")])]
    assert [each.group for each in found] == [(("host", "c"),)]


def test_a_restart_neither_forgets_a_silence_nor_tells_of_it_again() -> None:
    rules = heartbeat()
    engine = an_engine(rules)
    judged(engine, [at(START, host="b"), at(START + 14 * MINUTE, host="a")])
    engine = taken_up(engine, rules, [], whole=False)
    assert len(judged(engine, [at(START + 17 * MINUTE, host="a")])) == 1
    engine = taken_up(engine, rules, [], whole=True)
    assert judged(engine, [at(START + 19 * MINUTE, host="a")]) == []


def test_a_source_that_falls_silent_is_missed_though_none_of_its_records_is_looked_at() -> None:
    absence = {"of": "source", "for": "15m"}
    rules = rules_of(detection("lost", {"selection": {"what": "*"}}, sentinel={"absence": absence}))
    engine = an_engine(rules, [a_view(name="app"), a_view(name="db"), a_view(name="mail", category="email")])
    now = START + HOUR
    engine.judge(a_block(json_lines([at(START, host="a")]), source="app"), now)
    engine.judge(a_block(json_lines([at(START + 30 * MINUTE, host="a")]), source="db"), now)
    found = [each for minute in range(20) for each in engine.tick(now + minute * MINUTE)]
    assert sorted(each.group[0][1] for each in found) == ["app", "db"]
    assert [lane.counts.candidates for lane in engine.lanes.values()] == [0, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [
        detection("lost", {"selection": {"what": "x"}}, sentinel={"absence": {}}),
        detection("lost", {"selection": {"what": "x"}}, sentinel={"absence": {"of": "source"}}),
        correlation("lost", ["read"], {"lt": 5}, sentinel={"absence": {}}),
        correlation("lost", ["read"], {"lt": 1}, sentinel={"absence": {"of": "source"}}),
        correlation("lost", ["read"], {"lt": 1}, **{"group-by": ["a", "b"]}, sentinel={"absence": {"expect": "x"}}),
    ],
)
def test_an_absence_that_means_nothing_is_an_error(wrong: dict[str, Any]) -> None:
    assert codes(READ, wrong) == ["R064"]


@pytest.mark.parametrize("whole", [True, False])
def test_what_was_much_but_usual_before_a_restart_begins_no_episode_after_it(whole: bool) -> None:
    rules = spike(cold_start="silent")
    engine = an_engine(rules)
    assert judged(engine, workdays(3, people=70)) == []
    monday = START + 21 * DAY + 10 * HOUR
    assert judged(engine, reading(monday, 80)) == []
    new = taken_up(engine, rules, [], whole=whole)
    assert len(judged(new, reading(monday, 200)[80:])) == 1

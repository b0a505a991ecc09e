"""Every kind of correlation, written as an author writes it and fed records as a log has them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from sentinel import formats, yamlfile
from sentinel.clock import MINUTE, SECOND, Micros, rfc3339
from sentinel.detect import state
from sentinel.detect.engine import Engine
from sentinel.detect.lane import SourceView
from sentinel.detect.load import load
from sentinel.detect.rules import RuleSet
from sentinel.formats.base import FormatOptions
from sentinel.model import Block, Finding, LogSource, Position

BEGIN: Micros = 1_767_225_600 * SECOND
BASES = """
title: Login
name: login
logsource: {category: application}
detection: {selection: {action: login}, condition: selection}
level: informational
---
title: Read
name: read
logsource: {category: application}
detection: {selection: {action: read}, condition: selection}
level: informational
---
title: Export
name: export
logsource: {category: application}
detection: {selection: {action: export}, condition: selection}
level: informational
"""

Record = tuple[float, dict[str, object]]
"""Seconds after the beginning, and the fields."""


def rules(text: str) -> RuleSet:
    documents, problems = yamlfile.parse(BASES + "---\n" + text, "rules.yml")
    found, more = load(documents)
    assert [str(problem) for problem in (*problems, *more) if problem.is_error] == []
    return found


def correlation(body: str) -> RuleSet:
    return rules(f"title: Outer\nname: outer\nlevel: high\ncorrelation: {body}")


def an_engine(found: RuleSet) -> Engine:
    log = formats.make("json", FormatOptions())
    return Engine(found, (), [SourceView("app", log, LogSource("application"))], key=b"k" * 32)


def a_block(records: Iterable[Record]) -> Block:
    lines = [json.dumps({"@timestamp": rfc3339(BEGIN + round(at * SECOND), 6), **fields}) for at, fields in records]
    data = ("\n".join(lines) + "\n").encode()
    position = Position(source="app", stream=1, state="")
    return Block(source="app", stream=1, path="app.json", offset=0, data=data, position=position, reference=BEGIN)


def fired(found: RuleSet, records: Sequence[Record], rule: str = "outer") -> list[tuple[float, float]]:
    """When the rule fired, in seconds after the beginning, and with which value."""
    findings = an_engine(found).judge(a_block(records), None)
    return [((each.fired_at - BEGIN) / SECOND, each.value) for each in findings if each.rule == rule]


def act(action: str, user: str = "kim", **more: object) -> dict[str, object]:
    return {"action": action, "user": user, **more}


AMOUNTS = "{type: %s, rules: [read], group-by: [user], timespan: 10m, condition: {field: bytes, %s}}"


def test_a_sum_fires_when_it_reaches_the_threshold() -> None:
    sizes = [(at, act("read", bytes=40)) for at in (0, 60, 120)]
    assert fired(correlation(AMOUNTS % ("value_sum", "gte: 100")), sizes) == [(120, 120)]
    assert fired(correlation(AMOUNTS % ("value_sum", "gt: 120")), sizes) == []


def test_a_sum_forgets_what_left_the_window_and_what_is_no_number() -> None:
    records = [(0, act("read", bytes=90)), (600, act("read", bytes=20)), (601, act("read", bytes="none"))]
    assert fired(correlation(AMOUNTS % ("value_sum", "gte: 100")), records) == []


def test_a_sum_of_tenths_is_exact() -> None:
    tenths = [(at, act("read", bytes=0.1)) for at in range(10)]
    assert fired(correlation(AMOUNTS % ("value_sum", "gte: 1")), tenths) == [(9, 1)]


def test_an_average_is_of_the_events_in_the_window() -> None:
    records = [(0, act("read", bytes=10)), (10, act("read", bytes=20)), (20, act("read", bytes=90))]
    assert fired(correlation(AMOUNTS % ("value_avg", "gte: 40")), records) == [(20, 40)]


def test_a_median_is_the_middle_or_between_the_two_middle_ones() -> None:
    records = [(0, act("read", bytes=1)), (1, act("read", bytes=9)), (2, act("read", bytes=100))]
    assert fired(correlation(AMOUNTS % ("value_median", "gte: 9")), records) == [(2, 9)]
    assert fired(correlation(AMOUNTS % ("value_median", "gte: 5")), records[:2]) == [(1, 5)]


def test_a_percentile_is_the_nearest_rank() -> None:
    records = [(at, act("read", bytes=at)) for at in range(1, 11)]
    found = correlation(AMOUNTS % ("value_percentile", "percentile: 90, gte: 9"))
    assert fired(found, records) == [(9, 9)]


def test_rules_in_any_order_within_the_timespan_are_temporal() -> None:
    found = correlation("{type: temporal, rules: [login, export], group-by: [user], timespan: 5m}")
    assert fired(found, [(0, act("export")), (299, act("login"))]) == [(299, 2)]
    assert fired(found, [(0, act("export")), (300, act("login"))]) == []
    assert fired(found, [(0, act("export")), (10, act("login", "ada"))]) == []


def test_an_ordered_correlation_wants_the_order_and_takes_equal_moments_in_any() -> None:
    found = correlation("{type: temporal_ordered, rules: [login, read, export], group-by: [user], timespan: 5m}")
    assert fired(found, [(0, act("login")), (1, act("read")), (2, act("export"))]) == [(2, 3)]
    assert fired(found, [(0, act("export")), (1, act("read")), (2, act("login"))]) == []
    assert fired(found, [(0, act("login")), (1, act("export")), (1, act("read"))]) == [(1, 3)]


def test_an_expression_says_which_rules_must_have_matched() -> None:
    body = "{type: temporal, rules: [login, read, export], group-by: [user], timespan: 5m, "
    found = correlation(body + "condition: login and (read or export)}")
    assert fired(found, [(0, act("login")), (1, act("export"))]) == [(1, 1)]
    assert fired(found, [(0, act("read")), (1, act("export"))]) == []


def test_what_must_not_have_matched_is_known_when_the_window_closes() -> None:
    found = correlation(
        "{type: temporal, rules: [login, export], group-by: [user], timespan: 5m, condition: export and not login}"
    )
    later: Record = (600, act("read", "nobody"))
    assert fired(found, [(0, act("export")), (200, act("login")), later, (601, act("login", "x"))]) == []
    assert fired(found, [(0, act("export")), later, (601, act("login", "x"))]) == [(300, 1)]


def test_an_upper_bound_is_judged_when_no_event_can_come_into_the_window_any_more() -> None:
    found = correlation("{type: event_count, rules: [read], group-by: [user], timespan: 5m, condition: {lte: 1}}")
    twice = [(0, act("read")), (10, act("read"))]
    alone = [(0, act("read", "ada"))]
    end = [(1000, act("read", "end"))]
    assert fired(found, [*twice, *end]) == [(310, 1)]
    assert fired(found, [*alone, *end]) == [(300, 1)]
    assert fired(found, alone) == []


def test_a_range_is_not_left_by_going_through_it() -> None:
    body = "{type: event_count, rules: [read], group-by: [user], timespan: 1m, condition: {gte: 2, lte: 3}}"
    end = (600, act("read", "end"))
    assert fired(correlation(body), [*((at, act("read")) for at in range(5)), end]) == [(62, 3)]
    assert fired(correlation(body), [*((at, act("read")) for at in range(3)), end]) == [(60, 3)]


def test_an_alias_names_another_field_for_each_rule() -> None:
    found = correlation(
        "{type: temporal, rules: [login, export], group-by: [person], timespan: 5m,"
        " aliases: {person: {login: account, export: user}}}"
    )
    records: list[Record] = [(0, {"action": "login", "account": "kim"}), (5, act("export"))]
    assert fired(found, records) == [(5, 2)]
    (finding,) = an_engine(found).judge(a_block(records), None)
    assert finding.group == (("person", "kim"),)


INNER = """
title: Many reads
name: many_reads
level: low
correlation: {type: event_count, rules: [read], group-by: [user, host], timespan: 1m, condition: {gte: 3}}
---
title: Outer
name: outer
level: high
correlation: {type: value_count, rules: [many_reads], group-by: [user], timespan: 1h, condition: {field: host, gte: 2}}
"""


def test_a_correlation_counts_what_another_has_found() -> None:
    on = [(at, act("read", host="a")) for at in range(3)] + [(at, act("read", host="b")) for at in range(60, 63)]
    found = rules(INNER)
    assert fired(found, on) == [(62, 2)]
    assert fired(found, on, "many_reads") == []


def test_a_correlation_counts_what_another_finds_as_its_windows_end() -> None:
    found = rules("""
title: Export without login
name: unseen_export
correlation:
    type: temporal
    rules: [login, export]
    group-by: [user]
    timespan: 1m
    condition: export and not login
---
title: Again and again
name: again
level: high
correlation: {type: event_count, rules: [unseen_export], group-by: [user], timespan: 1h, condition: {gte: 2}}
""")
    records: list[Record] = [(at, act("export")) for at in (0, 300)]
    records += [(310, act("login", "ada")), (330, act("export", "ada")), (9000, act("read", "end"))]
    assert fired(found, records, "again") == [(360, 2)]
    assert fired(found, [*records[:1], *records[2:]], "again") == []


def test_what_a_generating_correlation_refers_to_is_given_out_too() -> None:
    found = rules(INNER.replace("field: host, gte: 2}}", "field: host, gte: 2}, generate: true}"))
    records = [(at, act("read", host="a")) for at in range(3)]
    assert fired(found, records, "many_reads") == [(2, 3)]


def problems(text: str) -> list[str]:
    documents, _ = yamlfile.parse(BASES + "---\n" + text, "rules.yml")
    return [f"{each.span.line} {each.code} {each.message}" for each in load(documents)[1] if each.is_error]


def test_correlations_that_refer_to_each_other_are_refused() -> None:
    one = (
        "title: A\nname: a\nlevel: low\ncorrelation: {type: event_count, rules: [b], timespan: 1m, condition: {gte: 1}}"
    )
    two = (
        "title: B\nname: b\nlevel: low\ncorrelation: {type: event_count, rules: [a], timespan: 1m, condition: {gte: 1}}"
    )
    found = problems(f"{one}\n---\n{two}\n")
    circle = "R005 these rules refer to each other in a circle"
    assert [each for each in found if "R005" in each] == [f"23 {circle}", f"28 {circle}"]


def test_an_inner_correlation_must_have_what_the_outer_one_groups_by() -> None:
    text = INNER.replace("group-by: [user, host]", "group-by: [host]")
    assert problems(text) == ["29 R047 'many_reads' has no 'user' to group by: it is grouped by host"]


def test_a_restart_between_an_event_and_the_end_of_its_window_changes_no_finding() -> None:
    found = correlation("{type: event_count, rules: [read], group-by: [user], timespan: 5m, condition: {lte: 1}}")
    first, second = a_block([(0, act("read"))]), a_block([(1000, act("read", "end"))])
    whole = an_engine(found)
    undisturbed = whole.judge(first, None) + whole.judge(second, None)
    before = an_engine(found)
    before.judge(first, None)
    delta = state.delta(before)
    assert delta is not None
    for bases, deltas in (
        ([], [(1, delta)]),
        ([(shard, 1, state.base(before, shard)) for shard in range(state.SHARDS)], []),
    ):
        after = an_engine(found)
        state.restore(after, bases, deltas)
        assert shown(after.judge(second, None)) == shown(undisturbed)


def shown(findings: Iterable[Finding]) -> list[tuple[str, Micros, tuple[tuple[str, str], ...]]]:
    return [(each.id, each.fired_at, each.group) for each in findings]


def test_live_a_window_closes_with_the_wall_clock_when_the_log_is_silent() -> None:
    found = correlation("{type: event_count, rules: [read], group-by: [user], timespan: 5m, condition: {lte: 1}}")
    engine = an_engine(found)
    assert engine.judge(a_block([(0, act("read"))]), BEGIN) == []
    assert engine.tick(BEGIN + 7 * MINUTE) == []
    (finding,) = engine.tick(BEGIN + 9 * MINUTE)
    assert finding.group == (("user", "kim"),)
    assert engine.tick(BEGIN + 10 * MINUTE) == []


EXCEPTION = """
title: Any read
name: any_read
logsource: {category: application}
detection: {selection: {action: read}, condition: selection}
level: high
---
title: The migration reads everything
logsource: {category: application}
filter: {rules: [any_read], selection: {user: migration}, condition: not selection}
sentinel: {expires: "2026-01-01"}
"""


def test_an_exception_ends_with_its_last_day() -> None:
    on_the_day, next_day = (86_399, act("read", "migration")), (86_400, act("read", "migration"))
    assert fired(rules(EXCEPTION), [on_the_day, next_day], "any_read") == [(86_400, 1)]


def test_the_end_of_an_exception_is_a_day() -> None:
    assert problems(EXCEPTION.replace("2026-01-01", "tomorrow")) == ["30 R049 'tomorrow' is no day"]


def test_a_group_that_no_event_can_reach_any_more_is_forgotten_and_changes_no_finding() -> None:
    found = correlation("{type: event_count, rules: [read], group-by: [user], timespan: 5m, condition: {gte: 2}}")
    engine = an_engine(found)
    engine.judge(a_block([(0, act("read", "ada")), (1, act("read", "kim"))]), None)
    engine.judge(a_block([(300, act("read", "kim"))]), None)
    engine.sweep()
    assert len(engine.tallies[0].groups) == 2
    findings = engine.judge(a_block([(362, act("read", "ben"))]), None)
    engine.sweep()
    engine.sweep()
    assert len(engine.tallies[0].groups) == 2
    assert [each.rule for each in findings] == []


def test_an_episode_that_goes_on_as_its_windows_close_is_told_of_with_each_event_once() -> None:
    found = correlation(
        "{type: event_count, rules: [read], group-by: [user], timespan: 1m, condition: {gte: 2, lt: 9}}"
    )
    engine = an_engine(found)
    (first,) = engine.judge(a_block([*((at, act("read")) for at in (0, 10, 50, 65)), (135, act("read", "end"))]), None)
    assert (first.fired_at, first.last_seen, first.evidence_total) == (BEGIN + MINUTE, BEGIN + 50 * SECOND, 3)
    (update,) = engine.updates()
    assert (update.id, update.fired_at) == (first.id, first.fired_at)
    assert (update.first_seen, update.last_seen, update.evidence_total) == (BEGIN, BEGIN + 65 * SECOND, 4)
    # Nobody did anything any more, but another window has closed.
    assert engine.judge(a_block([(175, act("read", "end"))]), None) == []
    (update,) = engine.updates()
    assert (update.last_seen, update.evidence_total, update.suppressed) == (BEGIN + 65 * SECOND, 4, 2)


def test_two_events_of_one_moment_begin_windows_that_hold_the_same_and_are_counted_once() -> None:
    found = correlation(
        "{type: event_count, rules: [read], group-by: [user], timespan: 1m, condition: {gte: 2, lt: 9}}"
    )
    engine = an_engine(found)
    records: list[Record] = [(0, act("read")), (0, act("read")), (600, act("read", "end"))]
    (first,) = engine.judge(a_block(records), None)
    (update,) = engine.updates()
    assert (first.value, first.evidence_total) == (2, 2)
    assert (update.id, update.first_seen, update.evidence_total) == (first.id, BEGIN, 2)


def test_an_episode_that_ended_long_before_anybody_asked_is_told_of() -> None:
    found = correlation("{type: event_count, rules: [read], group-by: [user], timespan: 1m, condition: {gte: 2}}")
    engine = an_engine(found)
    records = [(at, act("read")) for at in (0, 1, 2, 3, 5000, 5001)]
    first, second = engine.judge(a_block(records), None)
    assert first.id != second.id
    (update,) = engine.updates()
    assert (update.id, update.last_seen, update.evidence_total) == (first.id, BEGIN + 3 * SECOND, 4)
    assert engine.updates() == []


def test_what_a_window_comes_to_does_not_hang_on_how_much_was_read_at_once() -> None:
    found = correlation("{type: event_count, rules: [read], group-by: [user], timespan: 1m, condition: {eq: 7}}")
    records: list[Record] = [(10 * number, act("read")) for number in range(1000)]
    records[500:500] = [(4991, act("read"))]
    end: Record = (99_999, act("read", "end"))
    at_once, bit_by_bit = an_engine(found), an_engine(found)
    together = at_once.judge(a_block([*records, end]), None)
    one_by_one = [finding for each in (*records, end) for finding in bit_by_bit.judge(a_block([each]), None)]
    assert shown(together) == shown(one_by_one)
    assert [finding.value for finding in together] == [7]


def test_a_field_that_is_no_text_is_a_field_of_that_name() -> None:
    text = INNER.replace("field: host", "field: 3").replace("group-by: [user]", "group-by: 3")
    assert problems(text) == ["29 R047 'many_reads' has no '3' to group by: it is grouped by user, host"]

"""Whose accesses they are: sessions that a login says the user of, accounts of one person, accesses of nobody."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sentinel import identities
from sentinel.clock import HOUR, MINUTE, SECOND, Micros, rfc3339
from sentinel.detect import state
from sentinel.detect.engine import Engine
from sentinel.detect.holes import Holes
from sentinel.detect.rules import RuleSet
from tests.detecting import a_block, a_view, correlation, detection, entries_of, json_lines, rules_of

START: Micros = 1_772_625_600 * SECOND

LOGIN = detection(
    "login",
    {"selection": {"what": "login"}},
    level="informational",
    sentinel={"session": {"id": "session.id", "user": "user.name", "for": "8h"}},
)
READ = detection(
    "read", {"selection": {"access.system": "*"}}, level="low", logsource={"category": "personal_data_access"}
)


def inventory(**actor: Any) -> Mapping[str, Any]:
    when = {"what": "read"}
    entry = {"when": when, "subject": "whose", "actor": {"field": "session.id", "session": True, **actor}}
    return {"systems": [{"name": "portal", "data": ["health"], "access": [entry]}]}


def an_engine(rules: RuleSet, identity: Any = str, **actor: Any) -> Engine:
    return Engine(rules, entries_of(inventory(**actor)), [a_view()], key=b"k" * 32, identity=identity)


def actors(engine: Engine, *records: Mapping[str, Any]) -> list[tuple[str, ...]]:
    return [each.actors for each in engine.judge(a_block(json_lines(records)), None) if each.rule == "read"]


def login(at: Micros = 0, user: str = "kim", session: str = "s1") -> dict[str, Any]:
    return {"@timestamp": rfc3339(START + at, 6), "what": "login", "user.name": user, "session.id": session}


def reading(at: Micros = 0, session: str = "s1", **more: Any) -> dict[str, Any]:
    return {"@timestamp": rfc3339(START + at, 6), "what": "read", "whose": "p1", "session.id": session, **more}


def test_an_access_of_a_session_is_of_whoever_logged_in() -> None:
    engine = an_engine(rules_of(LOGIN, READ))
    assert actors(engine, reading(), login(MINUTE), reading(2 * MINUTE)) == [("s1",), ("kim",)]
    assert actors(engine, reading(3 * MINUTE, session="s2")) == [("s2",)]


def test_a_session_ends_after_a_while_and_may_begin_anew() -> None:
    engine = an_engine(rules_of(LOGIN, READ))
    assert actors(engine, login(), reading(8 * HOUR), reading(8 * HOUR + SECOND)) == [("kim",), ("s1",)]
    assert actors(engine, login(9 * HOUR, user="lee"), reading(10 * HOUR)) == [("lee",)]


def test_the_names_of_a_person_are_joined_after_the_session_is_known() -> None:
    people, _ = identities.parse("kim: [k.larsen@corp.example]", "people.yaml")
    assert people is not None
    engine = an_engine(rules_of(LOGIN, READ), people.resolve, normalise=["lower"])
    assert actors(engine, login(user="K.Larsen@corp.example"), reading(MINUTE)) == [("kim",)]


@pytest.mark.parametrize("whole", [True, False])
def test_sessions_survive_a_restart(whole: bool) -> None:
    rules = rules_of(LOGIN, READ)
    engine, new = an_engine(rules), an_engine(rules)
    actors(engine, login())
    delta = state.delta(engine)
    assert delta is not None
    bases = [(shard, 1, state.base(engine, shard)) for shard in range(state.SHARDS)]
    state.restore(new, bases if whole else [], [] if whole else [(1, delta)])
    assert actors(new, reading(MINUTE)) == [("kim",)]


def test_a_record_cannot_say_whose_session_it_is_but_by_a_login() -> None:
    engine = an_engine(rules_of(LOGIN, READ))
    forged = reading(MINUTE, **{"user.name": "kim", "access.actor": "kim", "access.account": "kim"})
    assert actors(engine, forged) == [("s1",)]


def test_reading_that_is_split_over_accounts_of_one_person_is_found() -> None:
    people, _ = identities.parse("kim: [kim-admin, kim-test]", "people.yaml")
    assert people is not None
    split = correlation(
        "split", ["read"], {"field": "access.account", "gte": 3}, **{"group-by": ["access.actor"], "timespan": "1h"}
    )
    engine = an_engine(rules_of(LOGIN, READ, split), people.resolve)
    names = ["kim", "kim-admin", "kim-admin", "lee", "kim-test"]
    records = [
        each for place, name in enumerate(names) for each in (login(0, name, f"s{place}"), reading(MINUTE, f"s{place}"))
    ]
    found = [each for each in engine.judge(a_block(json_lines(records)), None) if each.rule == "split"]
    assert [each.group for each in found] == [(("access.actor", "kim"),)]


def test_a_source_most_of_whose_accesses_name_nobody_is_told_of_once_a_day() -> None:
    engine, watch = an_engine(rules_of(LOGIN, READ)), Holes()
    nobody = {"@timestamp": rfc3339(START, 6), "what": "read", "whose": "p1"}
    found = []
    for hour in range(30):
        actors(engine, *[nobody] * 70, *[reading()] * 50)
        found += [(hour, hole.rule, name) for hole, name in watch.look(engine.lanes, START + hour * HOUR)]
    assert found == [(1, "sentinel.actorless", "app"), (12, "sentinel.actorless", "app")]


def test_a_source_of_which_most_are_known_or_few_were_seen_is_not_told_of() -> None:
    engine, watch = an_engine(rules_of(LOGIN, READ)), Holes()
    nobody = {"@timestamp": rfc3339(START, 6), "what": "read", "whose": "p1"}
    for hour, (without, known) in enumerate([(50, 70), (99, 0), (0, 500), (60, 60)]):
        actors(engine, *[nobody] * without, *[reading()] * known)
        assert list(watch.look(engine.lanes, START + hour * HOUR)) == []


def broken(number: int) -> bytes:
    return b'{"what":"read" broken\n' * number


def test_records_that_can_no_longer_be_read_are_told_of_when_they_become_many() -> None:
    engine, watch = an_engine(rules_of(LOGIN, READ)), Holes()
    found = []
    for hour, (bad, good) in enumerate([(0, 90), (4, 90), (40, 90), (45, 90), (0, 90), (9, 30), (60, 40)]):
        engine.judge(a_block(json_lines([reading()] * good) + broken(bad)), None)
        found += [(hour, hole.rule) for hole, _ in watch.look(engine.lanes, START + hour * HOUR)]
    assert found == [(2, "sentinel.unreadable")], "once a day"
    assert engine.lanes["app"].counts.unparsed == 158


def test_a_share_that_was_always_there_is_no_rise() -> None:
    engine, watch = an_engine(rules_of(LOGIN, READ)), Holes()
    found = []
    for hour in range(60):
        engine.judge(a_block(json_lines([reading()] * 60) + broken(20)), None)
        found += [hour for _ in watch.look(engine.lanes, START + hour * HOUR)]
    assert found == [1], "only when the watch begins"


def test_records_from_the_future_are_told_of_where_they_are_many() -> None:
    engine, watch = an_engine(rules_of(LOGIN, READ)), Holes()
    ahead = {"@timestamp": "2031-01-01T00:00:00Z", "what": "read", "session.id": "s1", "whose": "p1"}
    found = []
    for hour, (late, good) in enumerate([(0, 50), (2, 90), (19, 0), (9, 91)]):
        engine.judge(a_block(json_lines([ahead] * late + [reading()] * good)), START)
        found += [(hour, hole.rule) for hole, _ in watch.look(engine.lanes, START + hour * HOUR)]
    assert found == [(3, "sentinel.future_stamps")]

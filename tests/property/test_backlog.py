"""Rules together find what each finds alone, however long events may wait to be counted."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sentinel.clock import MINUTE, SECOND
from sentinel.detect import backlog, state
from sentinel.detect.engine import Engine
from sentinel.detect.rules import RuleSet
from sentinel.model import Finding
from tests.detecting import NOON, a_match, a_view, an_engine, correlation, detection, rules_of

BASES = (
    detection("base", {"a": {"x": "y"}}, "a", sentinel={"data": {"subject": "what"}}),
    detection("other", {"a": {"x": "z"}}, "a"),
)
ESCALATES = {"suppress": {"for": "5m", "escalate": ["2x", "3x"]}}
PEERS = {"by": "role", "min_members": 2}
SOON = {"min_hours": 3, "history": "7d", "compare": {"factor": 1, "floor": 1}}
COUNTED: tuple[dict[str, Any], ...] = (
    correlation("many", ["base"], {"gte": 12}, timespan="10m", sentinel=ESCALATES),
    correlation("more", ["base"], {"gte": 30}, timespan="1h"),
    correlation("values", ["base"], {"gte": 4, "field": "what"}, timespan="3m", sentinel=ESCALATES),
    correlation("all values", ["base"], {"gte": 7, "field": "what"}, timespan="2h"),
    correlation("quick", ["base"], {"gte": 2}, timespan="2s", sentinel=ESCALATES),
    correlation("sizes", ["base", "other"], {"gte": 5, "field": "size"}, timespan="5m"),
    correlation("sum", ["base"], {"gte": 90, "field": "size"}, type="value_sum", timespan="10m"),
    correlation("both", ["base", "other"], {}, type="temporal_ordered", timespan="5m"),
    correlation("any", ["base", "other"], {}, type="temporal", timespan="1m"),
    correlation("crowded", ["base"], {"gte": 9}, timespan="1h", sentinel={"runtime": {"max_events": 16}}),
    correlation("flooded", ["base"], {"gte": 6}, timespan="1h", sentinel={"runtime": {"max_groups": 3}}),
    correlation("roles", ["base"], {"gte": 9}, timespan="1h", **{"group-by": ["role"]}),
    correlation("usual", ["base"], {"gte": 9}, timespan="1h", sentinel={"baseline": SOON}),
    correlation("peers", ["base"], {"gte": 5}, timespan="1h", sentinel={"baseline": SOON | {"peers": PEERS}}),
)


@cache
def together() -> RuleSet:
    return rules_of(*BASES, *COUNTED)


@cache
def alone(number: int) -> RuleSet:
    return rules_of(*BASES, COUNTED[number])


@st.composite
def streams(draw: st.DrawFn) -> tuple[int, float]:
    """What the stream is drawn from, and how often the state is saved."""
    return draw(st.integers(0, 2**32)), draw(st.sampled_from((0.0, 0.02, 0.2)))


def found(rules: RuleSet, stream: tuple[int, float], *, restarts: bool) -> dict[str, list[tuple[Any, ...]]]:
    """All that is told of each rule; of episodes that go on what was told last."""
    seed, saved = stream
    chance = random.Random(seed)
    engine, time, deltas = _new(rules), NOON, list[tuple[int, bytes]]()
    said: list[Finding] = []
    people, values = chance.choice(("kk", "kkkab", "kabcde")), chance.choice(("abc", "abcdefgh"))
    for number in range(chance.randrange(20, 400)):
        fields = {"who": chance.choice(people), "what": chance.choice(values), "size": chance.randrange(9)}
        if chance.random() < 0.9:
            fields["role"] = chance.choice(("nurse", "nurse", "nurse", "clerk"))
        if chance.random() < 0.05:
            del fields["what"]
        rules_hit = (1,) if chance.random() < 0.03 else (0, 1) if chance.random() < 0.03 else (0,)
        late = chance.choice((5, 40, 200)) * SECOND if chance.random() < 0.03 else 0
        source = "app" if chance.random() < 0.95 else "db"
        said += engine.correlate([a_match(fields, time - late, rules_hit, source, number * 1000)], None)
        time += chance.choice((0, 0, 1, 1, 4, 20)) * SECOND
        time += chance.choice((3, 11, 70)) * MINUTE if chance.random() < 0.02 else 0
        if chance.random() < saved:
            said += engine.updates()
            delta = state.delta(engine)
            deltas += [(len(deltas), delta)] if delta is not None else []
            if restarts and chance.random() < 0.5:
                engine = _new(rules)
                state.restore(engine, [], deltas)
    said += engine.updates()
    of: dict[str, list[tuple[Any, ...]]] = {}
    for each in said:
        told = (each.id, each.update, each.fired_at, each.value, each.evidence_total, each.last_seen, each.group)
        of.setdefault(each.rule, []).append((*told, each.subjects, sorted(each.subject_hashes)))
    return of


def _new(rules: RuleSet) -> Engine:
    engine = an_engine(rules, [a_view(name=name) for name in ("app", "db")])
    for name in ("app", "db"):
        engine.streams.note(name, 1, f"{name}.log")
    return engine


@settings(max_examples=40, deadline=None, phases=(Phase.generate,))
@given(streams(), st.booleans())
def test_rules_that_share_their_events_find_what_each_finds_alone(stream: tuple[int, float], restarts: bool) -> None:
    shared = found(together(), stream, restarts=restarts)
    for number, document in enumerate(COUNTED):
        name = document["name"]
        assert shared.get(name) == found(alone(number), stream, restarts=restarts).get(name), name


def test_events_do_wait_where_nothing_can_come_of_them() -> None:
    engine = _new(together())
    for number in range(3):
        fields = {"who": "kim", "what": "a", "size": 1, "role": "nurse"}
        engine.correlate([a_match(fields, NOON + number, offset=number)], None)
    (waiting,) = [each for each in _backlogs(engine) if len(each.share.steps) > 3]
    assert len(waiting.events) > 0
    engine.settle()
    assert len(waiting.events) == 0


def _backlogs(engine: Engine) -> list[backlog.Backlog]:
    return list({id(each): each for tally in engine.tallies for each in tally.backlogs.values()}.values())

"""A baseline that learns when it matters finds what one that is shown every event finds, through restarts too."""

from __future__ import annotations

import random
from functools import cache
from typing import Any

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sentinel.clock import MINUTE, SECOND
from sentinel.detect import state
from sentinel.detect.engine import Engine
from sentinel.detect.judged import JudgedTally
from sentinel.detect.rules import RuleSet
from sentinel.model import Finding
from tests.detecting import NOON, a_match, an_engine, correlation, detection, rules_of

SOON = {"min_hours": 3, "history": "7d", "compare": {"factor": 1, "floor": 1}}
PEERS = {"by": "role", "min_members": 2}


@cache
def rules() -> RuleSet:
    """Baselines of each kind, and one beside other judges."""
    return rules_of(
        detection("base", {"a": {"x": "y"}}, "a", sentinel={"data": {"subject": "what"}}),
        detection("other", {"a": {"x": "z"}}, "a"),
        _judged("events", {"gte": 3}, baseline=SOON | {"cold_start": "silent"}),
        _judged("values", {"gte": 3, "field": "what"}, baseline=SOON | {"season": "day"}),
        _judged("loud", {"gte": 2, "field": "what"}, baseline=SOON | {"cold_start": "floor", "season": "none"}),
        _judged("learning", {"gte": 3}, baseline=SOON | {"learn_from_findings": True}),
        _judged("peers", {"gte": 3}, baseline=SOON | {"against": "peers", "cold_start": "silent", "peers": PEERS}),
        _judged("small", {"gte": 3}, baseline=SOON, runtime={"max_events": 16, "late": "30m"}),
        _judged("few", {"gte": 2}, baseline=SOON, runtime={"max_groups": 2, "late": "30m"}),
        _judged("new", {"gte": 2, "field": "what"}, first_seen={"field": "what", "per": "who", "learn": "1h"}),
        _judged("sum", {"gte": 9, "field": "size"}, "value_sum", baseline=SOON),
        correlation("both", ["base", "other"], {}, type="temporal_ordered", timespan="2h"),
        correlation("any", ["base", "other"], {}, type="temporal", timespan="2h"),
    )


def _judged(name: str, condition: dict[str, Any], kind: str | None = None, **sentinel: Any) -> dict[str, Any]:
    more = {"type": kind} if kind else {}
    return correlation(
        name, ["base"], condition, timespan="2h", sentinel={"runtime": {"late": "30m"}} | sentinel, **more
    )


def eager(engine: Engine) -> Engine:
    """The same with judges that are shown every event, and windows that are measured at each."""
    for tally in engine.tallies:
        tally._is_by_presence = False
        if isinstance(tally, JudgedTally):
            tally._asks_always, tally._learner = True, None
    return engine


def lazy(engine: Engine) -> Engine:
    return engine


def found(make: Any, seed: int, cuts: float) -> list[tuple[Any, ...]]:
    chance = random.Random(seed)
    engine, time = make(an_engine(rules())), NOON
    deltas: list[tuple[int, bytes]] = []
    said: list[Finding] = []
    usual = chance.choice((1, 3, 6))
    for number in range(chance.randrange(20, 160)):
        busy = chance.random() < 0.15
        for _ in range(chance.randrange(1, 4 * usual) if busy else chance.randrange(usual + 1)):
            at = time - chance.choice((0, 0, 0, 0, 5, 25)) * MINUTE
            fields = {"who": chance.choice("kkkab"), "what": chance.choice("abcdefgh"), "size": chance.randrange(9)}
            if chance.random() < 0.5:
                fields["role"] = chance.choice(("nurse", "nurse", "clerk"))
            match = a_match(fields, at, chance.choice(((0,), (0,), (0,), (1,))), offset=number * 1000)
            engine.streams.note("app", 1, "app.log")
            said += engine.correlate([match], None)
            time += chance.choice((0, 1, 40)) * SECOND
        time += chance.choice((1, 10, 55, 130, 60 * 22)) * MINUTE
        if chance.random() < 0.2:
            engine.sweep()
        if chance.random() < cuts:
            said += engine.updates()
            delta = state.delta(engine)
            deltas += [(len(deltas), delta)] if delta is not None else []
            if chance.random() < 0.5:
                engine = make(an_engine(rules()))
                state.restore(engine, [], deltas)
    said += engine.updates()
    return [(each.rule, each.id, each.fired_at, each.value, each.evidence_total, each.because) for each in said]


@settings(max_examples=40, deadline=None, phases=(Phase.generate,))
@given(st.integers(0, 2**32), st.sampled_from((0.0, 0.3)))
def test_judges_find_the_same_whether_they_see_every_event_or_learn_later(seed: int, cuts: float) -> None:
    assert found(lazy, seed, cuts) == found(eager, seed, cuts)

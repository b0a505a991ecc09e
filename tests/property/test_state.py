"""However often the watch is cut off and taken up again, it finds what it would have found undisturbed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import SECOND
from sentinel.detect import state
from sentinel.detect.engine import Engine
from sentinel.detect.rules import RuleSet
from sentinel.model import Finding
from tests.detecting import NOON, a_block, a_view, an_engine, correlation, detection, json_lines, rules_of

SOURCES = ("app", "db")


@cache
def rules(threshold: int = 3) -> RuleSet:
    """One rule of each way to be counted at once."""
    return rules_of(*documents(threshold))


@cache
def all_rules() -> RuleSet:
    """And one that is judged when a window can change no more."""
    return rules_of(*documents(3), *crowds(), correlation("few", ["base"], {"lt": 3}))


def documents(threshold: int) -> list[dict[str, Any]]:
    return [
        detection("base", {"selection": {"x": "y"}}, sentinel={"data": {"subject": "what"}}),
        detection("single", {"selection": {"what": "a"}}),
        detection("quiet", {"selection": {"x": "y"}}, sentinel={"suppress": {"for": "20s", "per": ["who"]}}),
        correlation("events", ["base"], {"gte": threshold}, sentinel={"suppress": {"escalate": ["2x", "3x"]}}),
        correlation("values", ["base"], {"gte": 3, "field": "what"}, timespan="15s"),
        correlation("short", ["base"], {"gte": 2}, timespan="2s", sentinel={"runtime": {"late": "30s"}}),
        correlation("sum", ["base"], {"gte": 12, "field": "size"}, type="value_sum"),
        correlation("both", ["base", "single"], {}, type="temporal", timespan="5s"),
    ]


SMALL = {"runtime": {"max_events": 16}}


def crowds() -> list[dict[str, Any]]:
    """Rules that keep so little that windows are estimated and groups given up."""
    return [
        correlation("crowded values", ["base"], {"gte": 2, "field": "what"}, timespan="60s", sentinel=SMALL),
        correlation("crowded pairs", ["base"], {"gte": 3, "field": ["what", "n"]}, timespan="60s", sentinel=SMALL),
        correlation("crowded events", ["base"], {"gte": 2}, timespan="60s", sentinel=SMALL),
        correlation(
            "crowded sum", ["base"], {"gte": 5, "field": "size"}, type="value_sum", timespan="60s", sentinel=SMALL
        ),
        correlation("flooded", ["base"], {"gte": 2}, timespan="60s", sentinel={"runtime": {"max_groups": 2}}),
    ]


@dataclass
class Saved:
    """What a store would hold: deltas by number, and the newest base of each shard with the delta it is as of."""

    deltas: list[tuple[int, bytes]] = field(default_factory=list)
    bases: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    newest: int = 0

    def commit(self, engine: Engine, shards: Sequence[int]) -> list[Finding]:
        """As the pipeline does it: what is to be told, the delta, then bases as of it."""
        news = engine.updates()
        delta = state.delta(engine)
        if delta is not None:
            self.newest += 1
            self.deltas.append((self.newest, delta))
        for shard in shards:
            self.bases[shard] = (self.newest, state.base(engine, shard))
        if len(self.bases) == state.SHARDS:
            oldest = min(as_of for as_of, _ in self.bases.values())
            self.deltas = [each for each in self.deltas if each[0] > oldest]
        return news

    def restored(self, engine: Engine) -> Engine:
        bases = [(shard, as_of, blob) for shard, (as_of, blob) in sorted(self.bases.items())]
        state.restore(engine, bases, self.deltas)
        return engine


@dataclass(frozen=True)
class Event:
    """An event of a stream: seconds after the one before, and what stands in it."""

    step: int
    who: str
    what: str
    source: str


@dataclass(frozen=True)
class Turn:
    """Some events judged as one block each, then a commit that writes some bases, and perhaps a new process."""

    events: tuple[Event, ...]
    shards: tuple[int, ...]
    is_cut: bool


EVENTS = st.builds(
    Event,
    st.sampled_from([0, 0, 1, 1, 2, 5, 16, 21, -1, -20]),
    st.sampled_from(["kim", "kim", "ada", "ben", "eve", "joe"]),
    st.sampled_from("abcd"),
    st.sampled_from(SOURCES),
)
SHARDS = st.sampled_from([(), (), (0,), (3, 7), tuple(range(8)), tuple(range(8, 16)), tuple(range(16))])
TURNS = st.lists(st.builds(Turn, st.lists(EVENTS, max_size=8).map(tuple), SHARDS, st.booleans()), max_size=10)


def new_engine(known: RuleSet | None = None) -> Engine:
    return an_engine(known or rules(), [a_view(name=source) for source in SOURCES])


def run(turns: Sequence[Turn], *, cuts: bool) -> list[Finding]:
    """Every finding and update of the turns, by one engine or by one after the other."""
    engine, saved = new_engine(all_rules()), Saved()
    found: list[Finding] = []
    at = dict.fromkeys(SOURCES, 100)
    newest, offset = 100, 0
    for turn in turns:
        for event in turn.events:
            newest += event.step
            at[event.source] = newest
            data = json_lines(
                [
                    {
                        "@timestamp": NOON // SECOND + newest,
                        "x": "y",
                        "who": event.who,
                        "what": event.what,
                        "size": ord(event.what) - 96,
                        "n": offset,
                    }
                ]
            )
            found += engine.judge(a_block(data, offset, event.source), None)
            offset += len(data)
        found += saved.commit(engine, turn.shards if cuts else ())
        if cuts and turn.is_cut:
            engine = saved.restored(new_engine(all_rules()))
    return found


@settings(max_examples=60, deadline=None)
@given(TURNS)
def test_a_watch_that_is_cut_off_finds_the_same_as_one_that_is_not(turns: list[Turn]) -> None:
    turns = [*turns, Turn(tuple(Event(1000, "zoe", "a", source) for source in SOURCES), (), is_cut=False)]
    cut, uncut = run(turns, cuts=True), run(turns, cuts=False)
    assert at_once(cut) == at_once(uncut)
    assert when_closed(cut) == when_closed(uncut)


def at_once(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.rule != "few"]


def when_closed(found: list[Finding]) -> dict[str, Finding]:
    """Of a rule that is judged when a window can change no more: after a restart not before every source has spoken."""
    return {finding.id: finding for finding in found if finding.rule == "few"}


def busy(engine: Engine, seconds: range, who: str = "kim") -> list[Finding]:
    records = [
        {"@timestamp": (NOON // SECOND) + second, "x": "y", "who": who, "what": f"v{second % 7}"} for second in seconds
    ]
    return engine.judge(a_block(json_lines(records), seconds.start * 1000), None)


def test_a_rule_that_changed_begins_with_empty_windows_and_the_others_keep_theirs() -> None:
    engine, saved = new_engine(), Saved()
    busy(engine, range(2))
    saved.commit(engine, range(16))
    changed = saved.restored(new_engine(rules(threshold=2)))
    by_name = {tally.rule.about.key: tally for tally in changed.tallies}
    assert by_name["events"].groups == {}
    assert [group.window.size for group in by_name["values"].groups.values()] == [2]


def test_a_rule_that_changed_begins_with_empty_windows_when_only_deltas_are_there() -> None:
    engine, saved = new_engine(), Saved()
    busy(engine, range(2))
    saved.commit(engine, ())
    changed = saved.restored(new_engine(rules(threshold=2)))
    sizes = {tally.rule.about.key: len(tally.groups) for tally in changed.tallies}
    assert sizes == {"events": 0, "values": 1, "short": 1, "quiet": 1, "sum": 0, "both": 1}


@pytest.mark.parametrize("shards", [(), (0,), (1,), range(16)])
def test_equal_records_before_and_after_a_restart_are_different_findings(shards: Sequence[int]) -> None:
    def seen(engine: Engine) -> set[str]:
        record = {"@timestamp": NOON // SECOND, "what": "a"}
        return {finding.id for finding in engine.judge(a_block(json_lines([record])), None)}

    engine, saved, undisturbed = new_engine(), Saved(), new_engine()
    before = seen(engine)
    saved.commit(engine, shards)
    assert (before, seen(saved.restored(new_engine()))) == (seen(undisturbed), seen(undisturbed))


def test_nothing_in_clear_is_saved() -> None:
    engine, saved = new_engine(), Saved()
    busy(engine, range(30), who="kimberley-of-accounts")
    saved.commit(engine, range(16))
    for blob in [each for _, each in saved.deltas] + [each for _, each in saved.bases.values()]:
        assert b"kimberley" not in blob
        assert b"v3" not in blob


def test_what_was_told_before_a_restart_is_not_told_again() -> None:
    engine, saved = new_engine(), Saved()
    told = busy(engine, range(20))
    told += saved.commit(engine, ())
    again = saved.restored(new_engine())
    assert any(finding.update for finding in told)
    assert again.updates() == []
    assert [finding for finding in busy(again, range(20, 21)) if finding.update] == []


def test_the_evidence_of_a_window_from_before_a_restart_still_says_where_it_stands() -> None:
    engine, saved = new_engine(), Saved()
    busy(engine, range(2))
    saved.commit(engine, range(16))
    again = saved.restored(new_engine())
    (finding,) = [each for each in busy(again, range(2, 3)) if each.rule == "values"]
    assert [(place.source, place.stream, place.path) for place in finding.evidence] == [("app", 1, "app.log")] * 3


def test_a_source_far_behind_the_others_is_counted_the_same_after_a_restart() -> None:
    ahead = [Turn(tuple(Event(step, "kim", "a", "app") for step in [1] * 200 + [7200] + [1] * 200), (), is_cut=True)]
    behind = [Turn((Event(-7600, "kim", "b", "db"), Event(1, "kim", "c", "db")), (), is_cut=False)]
    assert run(ahead + behind, cuts=True) == run(ahead + behind, cuts=False)

"""Random correlations of every kind over random streams, against a slow evaluator that reads off each window anew."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import SECOND
from sentinel.detect.engine import Engine
from sentinel.model import Finding
from tests.detecting import NOON, a_block, an_engine, correlation, detection, json_lines, rules_of

SPAN = 10
NAMES = ("one", "two", "three")


@dataclass(frozen=True)
class Event:
    """Seconds after noon, which of the three rules it matches, a value and a number."""

    at: int
    rule: str
    what: str
    size: int


@dataclass(frozen=True)
class Kind:
    """A type of correlation, with the number that its condition compares with."""

    name: str
    number: float
    percentile: int = 50

    def value(self, window: Sequence[Event]) -> float:
        """What the window comes to, from the words of the specification."""
        sizes = sorted(event.size for event in window)
        match self.name:
            case "event_count":
                return len(window)
            case "value_count":
                return len({event.what for event in window})
            case "value_sum":
                return sum(sizes)
            case "value_avg":
                return sum(sizes) / len(sizes)
            case "value_median":
                return statistics.median(sizes)
            case "value_percentile":
                return next(
                    each for each in sizes if sum(s <= each for s in sizes) * 100 >= self.percentile * len(sizes)
                )
            case "temporal":
                return len({event.rule for event in window})
            case _:
                return self._in_order(window)

    def _in_order(self, window: Sequence[Event]) -> int:
        at = -math.inf
        for reached, name in enumerate(NAMES):
            at = min((event.at for event in window if event.rule == name and event.at >= at), default=math.inf)
            if at == math.inf:
                return reached
        return len(NAMES)

    def engine(self, condition: dict[str, Any] | None = None) -> Engine:
        """An engine with this rule alone, over three detections."""
        wanted: dict[str, Any] = {"gte": self.number} if condition is None else condition
        if self.name == "value_count":
            wanted = {"field": "what", **wanted}
        elif self.name.startswith("value_"):
            wanted = {"field": "size", **wanted}
            if self.name == "value_percentile":
                wanted["percentile"] = self.percentile
        bases = [detection(name, {"selection": {"rule": name}}) for name in NAMES]
        outer = correlation("outer", NAMES, wanted, type=self.name, timespan=f"{SPAN}s")
        return an_engine(rules_of(*bases, outer))


def fed(engine: Engine, events: Sequence[Event]) -> list[Finding]:
    records = [
        {"@timestamp": NOON // SECOND + e.at, "who": "kim", "rule": e.rule, "what": e.what, "size": e.size}
        for e in events
    ]
    return [finding for finding in engine.judge(a_block(json_lines(records)), None) if finding.rule == "outer"]


COUNTS = ("event_count", "value_count", "temporal", "temporal_ordered")
KINDS = st.builds(
    Kind,
    st.sampled_from([*COUNTS, "value_sum", "value_avg", "value_median", "value_percentile"]),
    st.integers(1, 3),
    st.sampled_from([1, 25, 50, 90, 100]),
)
GROWING = st.builds(Kind, st.sampled_from([*COUNTS, "value_sum"]), st.integers(1, 3))
STEPS = st.sampled_from([0, 0, 1, 2, 4, SPAN - 1, SPAN, SPAN + 1, 2 * SPAN])
RULES, VALUES, SIZES = st.sampled_from(NAMES), st.sampled_from("abcd"), st.integers(0, 4)


@st.composite
def streams(draw: st.DrawFn, *, late: int = 0) -> list[Event]:
    """Events, none more than `late` seconds older than the newest before it."""
    newest, events = 0, []
    for step in draw(st.lists(STEPS | st.integers(-late, 0), min_size=1, max_size=25)):
        at = max(0, newest + step)
        newest = max(newest, at)
        events.append(Event(at, draw(RULES), draw(VALUES), draw(SIZES)))
    return events


@settings(max_examples=300, deadline=None)
@given(KINDS, streams())
def test_in_order_every_kind_fires_where_the_specification_says_and_with_its_value(
    kind: Kind, events: list[Event]
) -> None:
    expected, held = [], -math.inf
    for last, event in enumerate(events):
        window = [each for each in events[: last + 1] if each.at > event.at - SPAN]
        value = kind.value(window)
        if value >= kind.number:
            if event.at - held >= SPAN:
                expected.append((event.at, value, len(window)))
            held = event.at
    found = fed(kind.engine(), events)
    assert [((f.fired_at - NOON) // SECOND, f.evidence_total) for f in found] == [(at, n) for at, _, n in expected]
    assert all(math.isclose(f.value, value) for f, (_, value, _) in zip(found, expected, strict=True))


@settings(max_examples=300, deadline=None)
@given(GROWING, streams(late=60))
def test_out_of_order_what_only_grows_with_events_fires_exactly_if_it_would_on_the_sorted_stream(
    kind: Kind, events: list[Event]
) -> None:
    windows = [[e for e in events if end.at - SPAN < e.at <= end.at] for end in events]
    assert bool(fed(kind.engine(), events)) == any(kind.value(window) >= kind.number for window in windows)


BOUNDS: dict[str, Any] = {
    "lt": lambda value, number: value < number,
    "lte": lambda value, number: value <= number,
    "eq": lambda value, number: value == number,
    "neq": lambda value, number: value != number,
}


@settings(max_examples=300, deadline=None)
@given(
    st.builds(Kind, st.sampled_from(["event_count", "value_count", "value_sum", "value_median"]), st.integers(2, 4)),
    st.sampled_from(sorted(BOUNDS)),
    streams(late=60),
)
def test_what_is_judged_when_windows_are_over_fires_exactly_if_one_that_an_event_begins_is_within_the_bounds(
    kind: Kind, word: str, events: list[Event]
) -> None:
    engine = kind.engine({word: kind.number})
    found = fed(engine, events) + engine.close(NOON + 10_000 * SECOND)
    windows = [[e for e in events if begin.at <= e.at < begin.at + SPAN] for begin in events]
    assert bool(found) == any(BOUNDS[word](kind.value(window), kind.number) for window in windows)

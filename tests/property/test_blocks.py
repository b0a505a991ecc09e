"""However a log is cut into blocks, it gives the same findings, field by field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import SECOND, rfc3339
from sentinel.detect.engine import Engine
from sentinel.model import Block, Finding, LogSource
from sentinel.scenarios import Log, Replay
from tests.detecting import NOON, a_block, a_view, an_engine, correlation, detection, entries_of, json_lines, rules_of

ENTRIES = entries_of(
    {
        "systems": [
            {
                "name": name,
                "data": [data],
                "access": [{"when": {"x": "y", "app": name}, "actor": {"field": "actor"}, "subject": "what"}],
            }
            for name, data in (("portal", "health"), ("shop", "contact"))
        ]
    }
)

RULES = rules_of(
    detection("base", {"selection": {"x": "y"}}),
    detection("single", {"selection": {"what": "a"}}),
    detection("quiet", {"selection": {"x": "y"}}, sentinel={"suppress": {"for": "20s", "per": ["who"]}}),
    correlation("events", ["base"], {"gte": 3}, sentinel={"suppress": {"escalate": ["2x"]}}),
    correlation("values", ["base"], {"gte": 3, "field": "what"}, timespan="15s"),
    correlation("crowded", ["base"], {"gte": 2}, timespan="60s", sentinel={"runtime": {"max_events": 16}}),
    correlation("flooded", ["base"], {"gte": 2}, timespan="60s", sentinel={"runtime": {"max_groups": 2}}),
    correlation("few", ["base"], {"lt": 3}, sentinel={"case": {"key": ["app"]}}),
    correlation("between", ["base"], {"gte": 2, "lt": 4}, timespan="5s", sentinel={"runtime": {"late": "5s"}}),
    correlation("without", ["base", "single"], {}, type="temporal", timespan="5s"),
)


@dataclass(frozen=True)
class Event:
    """Seconds after the newest event before, and what the record says."""

    step: int
    who: str
    what: str
    app: str
    actor: str


EVENTS = st.lists(
    st.builds(
        Event,
        st.sampled_from([0, 0, 1, 1, 2, 4, 9, 11, 70, -1, -3]),
        st.sampled_from(["kim", "kim", "ada", "ben"]),
        st.sampled_from("abc"),
        st.sampled_from(["portal", "shop", "none"]),
        st.sampled_from(["kim", "k.im"]),
    ),
    min_size=1,
    max_size=30,
)
CUTS = st.lists(st.integers(1, 30), max_size=8)


def lines_of(events: Sequence[Event]) -> list[bytes]:
    newest, found = 0, []
    for number, event in enumerate(events):
        at = max(0, newest + event.step)
        newest = max(newest, at)
        fields = {"x": "y", "who": event.who, "what": event.what, "app": event.app, "actor": event.actor, "n": number}
        found.append(json_lines([{"@timestamp": rfc3339(NOON + at * SECOND, number % 4), **fields}]))
    return [*found, json_lines([{"@timestamp": rfc3339(NOON + (newest + 300) * SECOND), "end": True}])]


def blocks_of(lines: Sequence[bytes], cuts: Sequence[int]) -> Iterator[Block]:
    offset = 0
    places = [0, *sorted({cut for cut in cuts if cut < len(lines)}), len(lines)]
    for start, end in pairwise(places):
        data = b"".join(lines[start:end])
        yield a_block(data, offset, historical_before=NOON + 5 * SECOND)
        offset += len(data)


def engine_for() -> Engine:
    return an_engine(RULES, [a_view()], ENTRIES)


class Cut(Replay):
    """A replay of a log in memory, cut into these blocks."""

    def __init__(self, engine: Engine, lines: Sequence[bytes], cuts: Sequence[int]) -> None:
        super().__init__(engine, [Log("app", "app", (), "json", LogSource("webserver"))])
        self._lines, self._cuts = lines, cuts

    def blocks(self, log: Log) -> Iterator[Block]:
        """The blocks, whatever the log."""
        return blocks_of(self._lines, self._cuts)


@settings(max_examples=150, deadline=None)
@given(EVENTS, CUTS)
def test_a_replay_gives_the_same_findings_however_much_is_read_at_once(events: list[Event], cuts: list[int]) -> None:
    lines = lines_of(events)
    assert list(Cut(engine_for(), lines, cuts)) == list(Cut(engine_for(), lines, []))


@settings(max_examples=150, deadline=None)
@given(EVENTS, CUTS)
def test_the_watch_gives_the_findings_of_a_replay_however_much_is_read_at_once(
    events: list[Event], cuts: list[int]
) -> None:
    lines, engine = lines_of(events), engine_for()
    found = [finding for block in blocks_of(lines, cuts) for finding in engine.judge(block, None)]
    assert ids_of(found) == ids_of(list(Cut(engine_for(), lines, [])))


def ids_of(found: Sequence[Finding]) -> list[Finding]:
    """Each new finding with all that it says, in the order of the ids: windows are closed a little later or sooner."""
    return sorted((finding for finding in found if not finding.update), key=lambda each: each.id)


def test_a_replay_judges_windows_that_are_over_and_those_that_the_log_ends_with_only_if_they_are() -> None:
    lines = lines_of([Event(0, "kim", "b", "portal", "kim")])
    over = [finding.rule for finding in Cut(engine_for(), lines, [])]
    not_over = [finding.rule for finding in Cut(engine_for(), lines[:1], [])]
    assert ("few" in over, "few" in not_over) == (True, False)

"""Counting against a slow, obvious oracle: every window recomputed from the list of all events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentinel.clock import HOUR, MINUTE, SECOND, Micros
from sentinel.detect.engine import Engine
from sentinel.detect.windows import PRUNED_FROM, Window
from sentinel.model import Finding
from tests.detecting import NOON, a_match, a_view, an_engine, correlation, detection, rules_of

SPAN = 10 * SECOND


@dataclass(frozen=True)
class Told:
    """An event: when (microseconds after noon), by whom, what is counted, whose data, from which source."""

    at: Micros
    who: str = "kim"
    what: str = "a"
    subject: str = "p"
    source: str = "app"


@dataclass(frozen=True)
class Held:
    """A moment at which the condition holds, what is counted then, and the numbers of the events in the window."""

    at: Micros
    value: int
    window: tuple[int, ...]


@dataclass(frozen=True)
class Rule:
    """What the correlation says: count events or `what`, from that threshold on, and stay quiet for so long."""

    distinct: bool
    threshold: int
    quiet: Micros = SPAN

    def count(self, events: Sequence[Told], window: Iterable[int]) -> int:
        counted = [events[number].what for number in window]
        return len(set(counted)) if self.distinct else len(counted)


# --- the engine --------------------------------------------------------------------------------------------


def engine_for(rule: Rule, late: str = "60s", sources: Sequence[str] = ("app", "db")) -> Engine:
    condition = {"gte": rule.threshold, "field": "what"} if rule.distinct else {"gte": rule.threshold}
    suppress = {"for": f"{rule.quiet // SECOND}s"}
    return an_engine(
        rules_of(
            detection("base", {"selection": {"x": "y"}}, sentinel={"data": {"subject": "subject"}}),
            correlation("many", ["base"], condition, sentinel={"runtime": {"late": late}, "suppress": suppress}),
        ),
        [a_view(name=source) for source in sources],
    )


def told(engine: Engine, events: Sequence[Told]) -> list[list[Finding]]:
    """The findings with which the engine answers each event. The offset of an event's record is its number."""
    found = []
    for number, each in enumerate(events):
        fields = {"who": each.who, "what": each.what, "subject": each.subject}
        match = a_match(fields, NOON + each.at, source=each.source, offset=number)
        engine.streams.note(each.source, 1, f"{each.source}.log")
        found.append(engine.correlate((match,), None))
    return found


# --- the oracle --------------------------------------------------------------------------------------------


def held_in_order(rule: Rule, events: Sequence[Told], who: str) -> list[Held]:
    """Each event of a group with which the condition holds, when all come in order of time."""
    found = []
    for last, event in enumerate(events):
        if event.who != who:
            continue
        window = tuple(n for n in range(last + 1) if events[n].who == who and events[n].at > event.at - SPAN)
        if (value := rule.count(events, window)) >= rule.threshold:
            found.append(Held(event.at, value, window))
    return found


def held_sorted(rule: Rule, events: Sequence[Told], who: str) -> list[Held]:
    """Each moment at which the condition holds when everything has come."""
    found = []
    for end in sorted({event.at for event in events if event.who == who}):
        window = tuple(n for n, each in enumerate(events) if each.who == who and end - SPAN < each.at <= end)
        if (value := rule.count(events, window)) >= rule.threshold:
            found.append(Held(end, value, window))
    return found


def episodes(rule: Rule, held: Sequence[Held]) -> list[list[Held]]:
    """What belongs together: moments less than the quiet time apart."""
    found: list[list[Held]] = []
    for each in held:
        if found and each.at - found[-1][-1].at < rule.quiet:
            found[-1].append(each)
        else:
            found.append([each])
    return found


def groups(events: Sequence[Told]) -> list[str]:
    return sorted({event.who for event in events})


# --- in order ----------------------------------------------------------------------------------------------

RULES = st.builds(Rule, st.booleans(), st.integers(1, 6), st.sampled_from([SPAN, 25 * SECOND]))
STEPS = st.sampled_from([0, 1, SECOND, 3 * SECOND, SPAN - 1, SPAN, SPAN + 1, 26 * SECOND]) | st.integers(0, 4 * SECOND)
PEOPLE = st.sampled_from(["kim", "kim", "kim", "ada"])
VALUES = st.sampled_from("abcdefg")


@st.composite
def in_order(draw: st.DrawFn) -> list[Told]:
    at = 0
    events = []
    for step in draw(st.lists(STEPS, min_size=1, max_size=40)):
        at += step
        events.append(Told(at, draw(PEOPLE), draw(VALUES), draw(VALUES)))
    return events


@settings(max_examples=300, deadline=None)
@given(RULES, in_order())
def test_in_order_each_episode_is_found_with_the_event_that_begins_it(rule: Rule, events: list[Told]) -> None:
    answers = told(engine_for(rule), events)
    begun = {}
    for who in groups(events):
        for first, *_ in episodes(rule, held_in_order(rule, events, who)):
            begun[first.window[-1]] = first
    assert {number for number, findings in enumerate(answers) if findings} == set(begun)
    for number, first in begun.items():
        (finding,) = answers[number]
        assert finding.group == (("who", events[number].who),)
        assert (finding.value, finding.fired_at) == (first.value, NOON + first.at)
        assert (finding.first_seen, finding.last_seen) == (NOON + events[first.window[0]].at, NOON + first.at)
        assert tuple(place.offset for place in finding.evidence) == first.window
        assert finding.evidence_total == len(first.window)
        assert finding.subjects == len({events[each].subject for each in first.window})


@settings(max_examples=300, deadline=None)
@given(RULES, in_order(), st.sets(st.integers(0, 39), max_size=4))
def test_in_order_updates_tell_all_that_the_episode_came_to(rule: Rule, events: list[Told], asked: set[int]) -> None:
    engine = engine_for(rule)
    found: list[Finding] = []
    for number, answer in enumerate(_one_by_one(engine, events)):
        found += answer
        if number in asked:
            found += engine.updates()
    found += engine.updates()
    for who in groups(events):
        for episode in episodes(rule, held_in_order(rule, events, who)):
            begun = next(f for f in found if f.group == (("who", who),) and f.fired_at == NOON + episode[0].at)
            told_of = [each for each in found if each.id == begun.id]
            seen = {number for held in episode for number in held.window}
            hashes = [each for finding in told_of for each in finding.subject_hashes]
            assert set(hashes) == {engine.hash_text(events[number].subject) for number in seen}
            assert told_of[-1].evidence_total == len(seen)
            assert told_of[-1].value == max(held.value for held in episode)
            assert told_of[-1].last_seen == NOON + episode[-1].at
            assert sum(each.update for each in told_of) <= len(asked) + 1


def _one_by_one(engine: Engine, events: Sequence[Told]) -> Iterable[list[Finding]]:
    for number, each in enumerate(events):
        fields = {"who": each.who, "what": each.what, "subject": each.subject}
        engine.streams.note(each.source, 1, f"{each.source}.log")
        yield engine.correlate((a_match(fields, NOON + each.at, source=each.source, offset=number),), None)


def test_a_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    rule = Rule(distinct=False, threshold=2)
    outside = told(engine_for(rule), [Told(0), Told(SPAN)])
    inside = told(engine_for(rule), [Told(1), Told(SPAN)])
    assert [len(findings) for findings in outside] == [0, 0]
    assert [len(findings) for findings in inside] == [0, 1]


def test_an_episode_ends_when_the_condition_has_not_held_for_the_whole_quiet_time() -> None:
    rule = Rule(distinct=False, threshold=1, quiet=25 * SECOND)
    assert [len(f) for f in told(engine_for(rule), [Told(0), Told(25 * SECOND - 1)])] == [1, 0]
    assert [len(f) for f in told(engine_for(rule), [Told(0), Told(25 * SECOND)])] == [1, 1]


# --- out of order ------------------------------------------------------------------------------------------


@st.composite
def disordered(draw: st.DrawFn, late: Micros = MINUTE) -> list[Told]:
    """A stream in which no event is more than `late` older than the newest before it."""
    events = []
    newest = 0
    for step in draw(st.lists(STEPS | st.integers(-late, 0), min_size=1, max_size=40)):
        at = max(0, newest + step)
        newest = max(newest, at)
        events.append(Told(at, draw(PEOPLE), draw(VALUES), draw(VALUES)))
    return events


def check_disordered(rule: Rule, events: list[Told]) -> None:
    """With each event a finding begins for exactly those episodes, as known by then, in which none began before."""
    engine = engine_for(rule)
    fired: dict[str, list[Micros]] = {who: [] for who in groups(events)}
    for number, answer in enumerate(told(engine, events)):
        who = events[number].who
        known = episodes(rule, held_sorted(rule, events[: number + 1], who))
        new = [each for each in known if not any(each[0].at <= at <= each[-1].at for at in fired[who])]
        assert [finding.fired_at - NOON for finding in answer] == [each[0].at for each in new]
        fired[who] += [each[0].at for each in new]
    assert engine.lanes["app"].counts.late == engine.lanes["db"].counts.late == 0


@settings(max_examples=300, deadline=None)
@given(RULES, disordered())
@example(Rule(distinct=False, threshold=2), [Told(at * SECOND) for at in (100, 100, 109, 118, 127, 105)])
def test_out_of_order_a_rule_fires_for_a_group_exactly_when_it_would_on_the_sorted_stream(
    rule: Rule, events: list[Told]
) -> None:
    check_disordered(rule, events)


@st.composite
def merged(draw: st.DrawFn) -> list[Told]:
    """Two sources, each in order; one may be far behind the other."""
    streams = {source: [Told(e.at, e.who, e.what, e.subject, source) for e in draw(in_order())] for source in _SOURCES}
    behind = draw(st.sampled_from([0, SECOND, 2 * MINUTE]))
    streams["db"] = [Told(e.at + behind, e.who, e.what, e.subject, e.source) for e in streams["db"]]
    order = draw(st.permutations(["app"] * len(streams["app"]) + ["db"] * len(streams["db"])))
    return [streams[source].pop(0) for source in order]


_SOURCES = ("app", "db")


@settings(max_examples=200, deadline=None)
@given(RULES, merged())
def test_sources_that_are_read_at_different_speeds_lead_to_the_same_findings(rule: Rule, events: list[Told]) -> None:
    check_disordered(rule, events)


def test_a_source_first_heard_an_hour_behind_finds_the_windows_of_the_other_whole() -> None:
    events = [Told(number * SECOND // 10, source="app") for number in range(100)]
    events += [Told(HOUR + number * SECOND // 10, what=str(number), source="app") for number in range(100)]
    rule = Rule(distinct=False, threshold=101)
    engine = engine_for(rule)
    assert [answer for answer in told(engine, events) if answer] == []
    (finding,) = told(engine, [Told(99 * SECOND // 10, source="db")])[0]
    assert finding.value == 101


@settings(max_examples=150, deadline=None)
@given(in_order(), st.integers(0, 39), st.integers(1, 30))
def test_an_event_later_than_allowed_is_counted_as_late_and_in_nothing_else(
    events: list[Told], place: int, seconds: int
) -> None:
    place = min(place, len(events))
    newest = max((event.at for event in events[:place]), default=0)
    too_late = Told(newest - 5 * SECOND - seconds * SECOND, "kim")
    rule = Rule(distinct=False, threshold=2)
    engine, without = engine_for(rule, late="5s"), engine_for(rule, late="5s")
    answers = told(engine, [*events[:place], too_late, *events[place:]])
    was_late = place > 0
    assert engine.lanes["app"].counts.late == int(was_late)
    if was_late:
        del answers[place]
        keys = [[(f.id, f.value, f.evidence_total) for f in answer] for answer in answers]
        assert keys == [[(f.id, f.value, f.evidence_total) for f in answer] for answer in told(without, events)]


# --- one window --------------------------------------------------------------------------------------------


def _entry(at: Micros, value: int) -> tuple[int, int, int, int, int]:
    return (at, value, 0, 0, 0)


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(-15, 8), st.integers(1, 5), st.integers(0, 9)), min_size=1, max_size=60),
    st.integers(1, 12),
)
def test_a_window_counts_what_a_set_would(distinct: bool, moves: list[tuple[int, int, int]], span: int) -> None:
    window = Window(span, distinct=distinct)
    have: list[tuple[int, int]] = []
    newest = 1000
    for step, value, room in [(0, 1, 0), *moves]:
        at = newest + step
        newest = max(newest, at)
        is_taken = window.take(_entry(at, value))
        if not is_taken and window.add(_entry(at, value)) is None:
            window.insert(_entry(at, value), 1)
        have.append((at, value))
        assert sorted(window.entries[::5]) == list(window.entries[::5])
        if is_taken:
            continue
        inside = [each for each in have if newest - span < each[0] <= newest]
        assert window.size == (len({value for _, value in inside}) if distinct else len(inside))
        if window.counts is not None:
            assert window.counts == Counter(value for _, value in inside)
        window.full, window.fresh = len(window.entries) + 5 * room, room


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 20), st.integers(1, 4)), min_size=1, max_size=30),
    st.tuples(st.integers(0, 20), st.integers(1, 4)),
    st.integers(1, 8),
    st.integers(1, 4),
)
def test_a_late_entry_recounts_exactly_the_windows_it_falls_into(
    distinct: bool, before: list[tuple[int, int]], late: tuple[int, int], span: int, threshold: int
) -> None:
    window = Window(span, distinct=distinct)
    before.sort()
    for each in before:
        if not window.take(_entry(*each)):
            window.add(_entry(*each))
            window.full, window.fresh = len(window.entries) + 5 * (len(before) // 4), 30
    late = (min(late[0], before[-1][0] - 1), late[1])
    reached = window.insert(_entry(*late), threshold)
    have = [*before, late]
    expected = []
    for end in sorted({at for at, _ in have if late[0] <= at < late[0] + span}):
        inside = [value for at, value in have if end - span < at <= end]
        size = len(set(inside)) if distinct else len(inside)
        expected += [(end, size)] if size >= threshold else []
    assert list(reached) == expected


def test_a_long_stream_of_one_group_does_not_keep_what_no_window_needs() -> None:
    engine = engine_for(Rule(distinct=True, threshold=1000), late="5s", sources=["app"])
    events = [Told(number * SECOND // 4, what=str(number % 30)) for number in range(4000)]
    told(engine, events)
    (group,) = engine.tallies[0].groups.values()
    needed = 4 * 15 * 5
    assert len(group.window.entries) <= 2 * (needed + PRUNED_FROM)


def test_a_silent_source_makes_the_others_keep_no_more_than_an_hour() -> None:
    engine = engine_for(Rule(distinct=True, threshold=1000), late="5s")
    told(engine, [Told(0, source="db")])
    told(engine, [Told(number * 10 * SECOND, what=str(number % 30)) for number in range(4000)])
    (group,) = engine.tallies[0].groups.values()
    assert len(group.window.entries) <= 2 * (362 * 5 + PRUNED_FROM)


def test_an_event_from_the_future_does_not_make_its_group_keep_everything() -> None:
    engine = engine_for(Rule(distinct=True, threshold=1000), late="5s", sources=["app"])
    engine.streams.note("app", 1, "app.log")
    events = [Told(10**15), *(Told(number * SECOND // 4, what=str(number % 30)) for number in range(4000))]
    for number, each in enumerate(events):
        fields = {"who": each.who, "what": each.what, "subject": each.subject}
        now = NOON + (0 if number == 0 else each.at)
        engine.correlate((a_match(fields, NOON + each.at, offset=number),), now)
    (group,) = engine.tallies[0].groups.values()
    assert engine.lanes["app"].counts.future == 1
    assert len(group.window.entries) <= 2 * (4 * 15 * 5 + PRUNED_FROM)

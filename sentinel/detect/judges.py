"""The judges of a set of rules: which conditions on what is unusual there are, and who is asked what.

A kind of condition is one file in `unusual/` and one line in a table here: `OF_EVENTS` for detections, `OF_WINDOWS` for
correlations.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from sentinel.clock import Micros
from sentinel.detect.absent import Absences, AbsentTally
from sentinel.detect.correlate import Tally
from sentinel.detect.counters import HashText, Names
from sentinel.detect.course import clear
from sentinel.detect.entries import STRIDE
from sentinel.detect.fields import Getter
from sentinel.detect.judged import JudgedTally, PeerOf, Shown, WindowJudge
from sentinel.detect.lane import Match, SourceView
from sentinel.detect.rules import About, Correlation, Detection, RuleSet
from sentinel.detect.unusual import baseline, extract, first_seen, score, sequence, travel
from sentinel.detect.unusual.absence import Absence, AbsencePart
from sentinel.detect.unusual.judge import Judge, Keys, fingerprint
from sentinel.detect.unusual.session import Sessions
from sentinel.detect.unusual.travel import PlaceOf
from sentinel.model import Event

Test = Callable[[Event], bool]


class Judges:
    """Every judge of the rules. `numbers` are the detections that have some, or make fields of others. `all` is
    everything that has to be saved, `of_rule` the same by the key of the rule.
    """

    def __init__(self, rules: RuleSet, hash_text: HashText, places: PlaceOf) -> None:
        self._places = places
        self.all: list[Judge[Any]] = []
        self._rules = rules.detections
        self._makers: dict[int, list[Callable[[Names], Test]]] = {}
        self._tests: dict[str, dict[int, Test]] = {}
        self.absences = Absences(hash_text)
        self.sessions = Sessions(hash_text)
        self.all.append(self.sessions)
        self.of_rule: dict[str, list[Judge[Any]]] = {}
        self._hash = hash_text
        for number, rule in enumerate(rules.detections):
            if rule.about.additions.extract:
                self._makers[number] = []
            for kind, make in OF_EVENTS.items():
                part = getattr(rule.about.additions, kind)
                if part is not None:
                    self._makers.setdefault(number, []).append(self._of_event(kind, make, part, rule))
            part = rule.about.additions.absence
            if part is not None:
                self.absences.note(rule, self._absence(part, fingerprint("absence", rule.about.key), rule.about, 0))
        self.numbers = frozenset(self._makers)

    def _of_event(self, kind: str, make: EventMaker, part: Any, rule: Detection) -> Callable[[Names], Test]:
        source = rule.logsource
        what = rule.about.source["detection"], [source.category, source.product, source.service]
        name = fingerprint(kind, rule.about.key, what, part.identity)
        judge, test = make(part, name, rule.about, self._hash, self._places)
        self._note(rule.about, judge)
        return test

    def open_source(self, view: SourceView) -> None:
        """From now on events of this source can be judged."""
        tests = self._tests[view.name] = {}
        for number, makers in self._makers.items():
            rule = self._rules[number]
            names = view.names.names(rule.logsource)
            parts = rule.about.additions.extract
            every = [make(names) for make in makers]
            is_alone = len(every) == 1 and not parts
            tests[number] = every[0] if is_alone else partial(_every, every, extract.maker(parts, names))

    def kept(self, match: Match) -> tuple[int, ...]:
        """The rules that the event matches: those with judges only where it is unusual, which they learn from."""
        if self.numbers.isdisjoint(match.rules):
            return match.rules
        tests, event = self._tests[match.event.block.source].get, match.event
        return tuple([number for number in match.rules if (holds := tests(number)) is None or holds(event)])

    def _note(self, about: About, judge: Judge[Any]) -> None:
        self.all.append(judge)
        self.of_rule.setdefault(about.key, []).append(judge)

    def tally(self, rule: Correlation) -> Tally:
        """What counts for the rule, with its judges if it has some."""
        part = rule.about.additions.absence
        if part is not None and rule.counted:
            name = fingerprint("absence", rule.counted, part.identity)
            absence = self._absence(part, name, rule.about, rule.timespan)
            self.absences.note(rule, absence)
            return AbsentTally(rule, absence)
        found: list[WindowJudge] = []
        learner: baseline.Baseline | None = None
        for kind, make in OF_WINDOWS.items():
            part = getattr(rule.about.additions, kind)
            if part is not None and rule.counted:
                judge, asked = make(part, fingerprint(kind, rule.counted, getattr(part, "identity", ())), rule)
                self._note(rule.about, judge)
                found.append(asked)
                learner = judge if isinstance(judge, baseline.Baseline) else learner
        if not found:
            return Tally(rule)
        asks_always = rule.about.additions.first_seen is not None
        peers = _peers(rule, self._hash)
        return JudgedTally(rule, found, peers, learner, asks_always=asks_always, watched=_watched(rule))

    def _absence(self, part: AbsencePart, name: str, about: About, timespan: Micros) -> Absence:
        runtime = about.additions.runtime
        absence = Absence(part, name, runtime.max_groups, part.duration or timespan, runtime.late, self._hash)
        self._note(about, absence)
        return absence

    def sweep(self, floor: Micros) -> None:
        """Forget some of what is past its retention."""
        for judge in self.all:
            judge.sweep(floor)

    def because(self, about: About) -> tuple[str, ...]:
        """Why the event that a detection's judges saw last is unusual; without anything personal."""
        return tuple(judge.why() for judge in self.of_rule.get(about.key, ()))


def _every(tests: Sequence[Test], extract_fields: Callable[[Event], None], event: Event) -> bool:
    """All of them hold, once the event has the fields that the rule makes; all are asked, for they learn."""
    extract_fields(event)
    verdicts = [holds(event) for holds in tests]
    return all(verdicts)


# --- detections --------------------------------------------------------------------------------------------

EventMaker = Callable[[Any, str, About, HashText, PlaceOf], tuple[Judge[Any], Callable[[Names], Test]]]
"""What the rule says, fingerprint, rule, hash, where addresses are -> the judge, and what makes the test of an event,
given what a source calls the fields.
"""


def _first_seen(
    part: first_seen.FirstSeenPart, name: str, about: About, hash_text: HashText, _: PlaceOf
) -> tuple[Any, Callable[[Names], Test]]:
    runtime = about.additions.runtime
    table = first_seen.FirstSeen(part, name, runtime.late, runtime.max_groups)
    return table, partial(first_seen.of_events, table, hash_text)


def _travel(
    part: travel.TravelPart, name: str, about: About, hash_text: HashText, places: PlaceOf
) -> tuple[Any, Callable[[Names], Test]]:
    runtime = about.additions.runtime
    judge = travel.Travel(part, name, runtime.max_groups, runtime.late)
    return judge, partial(travel.of_events, judge, hash_text, places)


OF_EVENTS: Mapping[str, EventMaker] = {"first_seen": _first_seen, "travel": _travel}


# --- correlations ------------------------------------------------------------------------------------------

WindowMaker = Callable[[Any, str, Correlation], tuple[Judge[Any], WindowJudge]]
"""What the rule says, fingerprint, rule -> the judge, and as a correlation asks it."""


@dataclass(frozen=True, slots=True)
class _FirstSeen:
    table: first_seen.FirstSeen

    def ask(self, shown: Shown) -> bool:
        return self.table.see(shown.key, shown.entry[1], shown.entry[0])

    def why(self, _: Shown) -> str:
        return self.table.why()


@dataclass(frozen=True, slots=True)
class _Baseline:
    baseline: baseline.Baseline

    def ask(self, shown: Shown) -> bool:
        return self.baseline.judge(shown.key, shown.ends, shown.threshold, shown.peer, shown.entry[0])

    def why(self, shown: Shown) -> str:
        return self.baseline.why_of(shown.key, shown.ends)


def _first_seen_of(part: first_seen.FirstSeenPart, name: str, rule: Correlation) -> tuple[Any, WindowJudge]:
    runtime = rule.about.additions.runtime
    table = first_seen.FirstSeen(part, name, runtime.late, runtime.max_groups)
    return table, _FirstSeen(table)


def _baseline_of(part: baseline.BaselinePart, name: str, rule: Correlation) -> tuple[Any, WindowJudge]:
    additions = rule.about.additions
    judge = baseline.Baseline(part, name, additions.runtime.max_groups, ZoneInfo(additions.timezone))
    return judge, _Baseline(judge)


@dataclass(frozen=True, slots=True)
class _Walks:
    walks: sequence.Walks
    timespan: Micros

    def ask(self, shown: Shown) -> bool:
        return any(self.walks.is_walk(self._ids(shown, end)) for end, size in shown.ends if size >= shown.threshold)

    def _ids(self, shown: Shown, end: Micros) -> array[int]:
        window = shown.window
        if end == window.last:
            start = max(window.head, len(window.entries) - self.walks.tail * STRIDE)
            return window.entries[start + 1 :: STRIDE]
        return window.between(end - self.timespan, end)[1::STRIDE]

    def why(self, _: Shown) -> str:
        return self.walks.why()


@dataclass(frozen=True, slots=True)
class _Scores:
    scores: score.Scores
    timespan: Micros

    def ask(self, shown: Shown) -> bool:
        return any(
            self.scores.is_enough(self._counts(shown, end)) for end, size in shown.ends if size >= shown.threshold
        )

    def _counts(self, shown: Shown, end: Micros) -> Mapping[int, int]:
        window = shown.window
        if end == window.last and window.counts is not None:
            return window.counts
        return Counter(window.between(end - self.timespan, end)[1::STRIDE])

    def why(self, _: Shown) -> str:
        return self.scores.why()


def _sequence_of(part: sequence.SequencePart, _: str, rule: Correlation) -> tuple[Any, WindowJudge]:
    walks = sequence.Walks(part)
    return walks, _Walks(walks, rule.timespan)


def _score_of(part: score.ScorePart, _: str, rule: Correlation) -> tuple[Any, WindowJudge]:
    scores = score.Scores(part, rule.order)
    return scores, _Scores(scores, rule.timespan)


OF_WINDOWS: Mapping[str, WindowMaker] = {
    "first_seen": _first_seen_of,
    "baseline": _baseline_of,
    "sequence": _sequence_of,
    "score": _score_of,
}


def _watched(rule: Correlation) -> tuple[str, ...]:
    """The fields of an event by which its group may come among other peers."""
    part = rule.about.additions.baseline
    return part.peers.by if part is not None and part.peers is not None else ()


def _peers(rule: Correlation, hash_text: HashText) -> PeerOf | None:
    """What finds the peer group in an event: the hash of a field's value, or of the list that the group stands in."""
    part = rule.about.additions.baseline
    if part is None or part.peers is None:
        return None
    if part.peers.by:
        keys = Keys(part.peers.by, hash_text)
        return lambda fields, _: keys.of(fields, {}) or 0
    lists = [(hash_text(name), frozenset(rule.lists[name])) for name in part.peers.lists]

    def listed(fields: Mapping[str, Any], names: Sequence[tuple[str, Getter]]) -> int:
        values = clear(fields, names)
        return next((number for number, members in lists if values and values[0] in members), 0)

    return listed

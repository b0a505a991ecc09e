"""What becomes of events that match certain rules, found out once for each set of rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sentinel.clock import Micros
from sentinel.detect.correlate import Tally
from sentinel.detect.counters import Counter, HashText, Names, counted_fields, counter, group_fields, keyed
from sentinel.detect.fields import Getter, getter, getter_of, single
from sentinel.detect.lane import SourceView
from sentinel.detect.measures import NUMERIC, TEMPORAL
from sentinel.detect.pipelines import Pipeline
from sentinel.detect.rules import Correlation, RuleSet

Grouping = tuple[tuple[str, Getter], ...]


class Step(NamedTuple):
    """One tally that an event is counted in, on account of the detection `number` (-1: of another correlation).

    `place` is where it stands, `grouping` which of the course's groups is its, `value` which of the values it counts.
    `is_plain`: of an event with which nothing holds there is nothing to be done but to count it. `looks`: the tally
    wants to see the event before.
    """

    place: int
    tally: Tally
    number: int
    grouping: int
    value: int
    late: Micros
    is_plain: bool
    looks: bool


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of events that match certain rules, found out once: findings by themselves, then tallies.

    What several tallies have in common is found out once for all of them: `keys` hash the fields of each group,
    `values` are what is counted.
    """

    detected: tuple[int, ...]
    groupings: tuple[Grouping, ...]
    keys: tuple[Counter, ...]
    values: tuple[Counter, ...]
    counted: tuple[Step, ...]
    subjects: tuple[Getter, ...]


def clear(fields: Mapping[str, Any], names: Sequence[tuple[str, Getter]]) -> list[str]:
    """The values of the group that an event with these fields is in."""
    return [words for _, get in names if (words := single(get(fields))) is not None]


def quieted(rules: RuleSet) -> list[Correlation]:
    """Detections that are to stay quiet for a while after a finding: counted as correlations of one event."""
    return [
        Correlation(
            about=rule.about,
            kind="event_count",
            rules=(rule,),
            group_by=rule.about.additions.suppress.per,
            timespan=1,
            threshold=1,
            fields=(),
            generate=False,
            fingerprint=f"quiet:{rule.about.key}",
        )
        for rule in rules.detections
        if rule.about.additions.suppress.duration and rule.about.key not in rules.silent
    ]


def _counted_as(rule: Correlation, matched: str, names: Names) -> object:
    """The same for correlations that count the same of an event."""
    if rule.kind in TEMPORAL:
        return "temporal", rule.order.index(matched)
    kind = "event_count" if rule.kind == "event_count" else rule.kind in NUMERIC
    return kind, rule.about.additions.sequence is not None, counted_fields(rule, matched, names)


_Counted = tuple[int, str, int, Names]
"""A tally; the rule that matched: its key, its number, and what its fields are called in the source."""


class Courses:
    """Finds out what becomes of events. `hash_text` makes the keyed hashes that stand for counted values. `known` are
    the courses by source; those of `judged` rules, by their number, are not among them, for of each event it is asked
    anew which of its rules it matches.
    """

    def __init__(
        self, rules: RuleSet, tallies: Sequence[Tally], hash_text: HashText, judged: frozenset[int] = frozenset()
    ) -> None:
        self.known: dict[str, dict[tuple[int, ...], Course]] = {}
        self._narrowed: dict[tuple[str, tuple[int, ...]], Course] = {}
        self._judged = judged
        self._rules = rules
        self._tallies = tallies
        self._hash = hash_text
        self._feeds = [
            tuple(
                index
                for index, tally in enumerate(tallies)
                if any(each.about is rule.about for each in tally.rule.rules)
            )
            for rule in rules.detections
        ]

    def course(self, numbers: tuple[int, ...], view: SourceView) -> Course:
        """What becomes of an event of the source that matches exactly these rules."""
        if self._judged.isdisjoint(numbers):
            known = self.known[view.name]
            if numbers not in known:
                known[numbers] = self._course(numbers, view.names)
            return known[numbers]
        key = view.name, numbers
        if key not in self._narrowed:
            self._narrowed[key] = self._course(numbers, view.names)
        return self._narrowed[key]

    def _course(self, numbers: tuple[int, ...], pipeline: Pipeline) -> Course:
        """What becomes of an event that matches exactly these rules, of a source that has this pipeline.

        An event that matches several rules of a count counts once; in a temporal correlation it is each of them.
        """
        silent, detections = self._rules.silent, self._rules.detections
        steps: dict[tuple[int, int], int] = {}
        for number in numbers:
            for index in self._feeds[number]:
                steps.setdefault((index, number if self._tallies[index].rule.kind in TEMPORAL else -1), number)
        return Course(
            detected=tuple(
                number
                for number in numbers
                if detections[number].about.key not in silent
                and not detections[number].about.additions.suppress.duration
            ),
            subjects=tuple(
                getter(name) for number in numbers if (name := detections[number].about.additions.data.subject)
            ),
            **self._counted(
                [
                    (index, detections[number].about.key, number, pipeline.names(detections[number].logsource))
                    for (index, _), number in steps.items()
                ]
            ),
        )

    def chained(self) -> dict[int, Course]:
        """For each tally whose findings are counted in others: how."""
        found: dict[int, Course] = {}
        for index, tally in enumerate(self._tallies):
            key = tally.rule.about.key
            steps: list[_Counted] = [
                (outer, key, -1, {}) for outer, each in enumerate(self._tallies) if key in each.rule.chained
            ]
            if steps:
                found[index] = Course(detected=(), subjects=(), **self._counted(steps))
        return found

    def _counted(self, steps: Sequence[_Counted]) -> dict[str, Any]:
        """The groupings and steps of a course."""
        fields = [group_fields(self._tallies[index].rule, rule, names) for index, rule, _, names in steps]
        groupings = list(dict.fromkeys(fields))
        counters: dict[object, Counter] = {}
        for index, rule, _, names in steps:
            asks = self._tallies[index].rule
            counters.setdefault(_counted_as(asks, rule, names), counter(asks, rule, names, self._hash))
        numbers = {each: number for number, each in enumerate(counters)}
        return {
            "groupings": tuple(tuple((each[0], getter_of(each)) for each in group) for group in groupings),
            "keys": tuple(keyed(group, self._hash) for group in groupings),
            "values": tuple(counters.values()),
            "counted": tuple(
                Step(
                    index,
                    tally := self._tallies[index],
                    number,
                    groupings.index(each),
                    numbers[_counted_as(tally.rule, rule, names)],
                    tally.late,
                    tally.rule.bounds is None,
                    tally.looks,
                )
                for (index, rule, number, names), each in zip(steps, fields, strict=True)
            ),
        }

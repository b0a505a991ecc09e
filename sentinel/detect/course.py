"""What becomes of events that match certain rules, found out once for each set of rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from sentinel.clock import Micros
from sentinel.detect.backlog import Share, shared
from sentinel.detect.correlate import Tally
from sentinel.detect.counters import Counter, HashText, Names, counted_fields, counter, group_fields, keyed, watcher
from sentinel.detect.fields import Getter, getter, getter_of, single
from sentinel.detect.lane import SourceView
from sentinel.detect.measures import NUMERIC, TEMPORAL
from sentinel.detect.rules import Correlation, RuleSet

Grouping = tuple[tuple[str, Getter], ...]


class Step(NamedTuple):
    """One tally that an event is counted in, on account of the detection `number` (-1: of another correlation).

    `place` is where it stands; `grouping` and `value` say which of the course's numbers are the key of its group and
    what it counts.
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

    What several tallies have in common is found out once for all of them: `numbers` are the keys of the groupings, then
    what is counted, then what is watched besides. Of the steps in `counted` those with the same group stand in `shares`
    together, and the others are `apart`; for those in `groupless`, with the name of the field, and in `valueless` the
    events have nothing. An event that is later than `late` is not for all of them.
    """

    detected: tuple[int, ...]
    groupings: tuple[Grouping, ...]
    numbers: tuple[Counter, ...]
    counted: tuple[Step, ...]
    shares: tuple[Share, ...]
    apart: tuple[Step, ...]
    subjects: tuple[Getter, ...]
    late: Micros
    groupless: tuple[tuple[Tally, str], ...] = ()
    valueless: tuple[Tally, ...] = ()
    known: dict[tuple[bool, ...], Course] = field(default_factory=dict)

    def lacking(self, numbers: Sequence[int | None]) -> Course:
        """The same for events that lack some of the numbers."""
        lacks = tuple([each is None for each in numbers])
        if lacks not in self.known:
            self.known[lacks] = self._without(lacks)
        return self.known[lacks]

    def _without(self, lacks: Sequence[bool]) -> Course:
        together = [share.without(lacks) for share in self.shares]
        shares = tuple(share for share in together if share is not None)
        apart = _apart(self.counted, shares)
        # Which of several fields of a group an event lacks is asked of each.
        groupless = [step for step in apart if lacks[step.grouping] and len(self.groupings[step.grouping]) == 1]
        valueless = [step for step in apart if lacks[step.value] and not lacks[step.grouping]]
        return replace(
            self,
            shares=shares,
            apart=tuple(step for step in apart if step not in groupless and step not in valueless),
            groupless=tuple((step.tally, self.groupings[step.grouping][0][0]) for step in groupless),
            valueless=tuple(step.tally for step in valueless),
            known={},
        )


def _apart(steps: Sequence[Step], shares: Sequence[Share]) -> tuple[Step, ...]:
    shared = {(step.place, step.number) for share in shares for step in share.steps}
    return tuple(step for step in steps if (step.place, step.number) not in shared)


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
                known[numbers] = self._course(numbers, view)
            return known[numbers]
        key = view.name, numbers
        if key not in self._narrowed:
            self._narrowed[key] = self._course(numbers, view)
        return self._narrowed[key]

    def _course(self, numbers: tuple[int, ...], view: SourceView) -> Course:
        """What becomes of an event of the source that matches exactly these rules.

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
                    (index, detections[number].about.key, number, view.names.names(detections[number].logsource))
                    for (index, _), number in steps.items()
                ],
                view.name,
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
                found[index] = Course(detected=(), subjects=(), **self._counted(steps, None))
        return found

    def _counted(self, steps: Sequence[_Counted], source: str | None) -> dict[str, Any]:
        """The numbers, groupings and steps of a course. Those of no one source are counted one by one."""
        fields = [group_fields(self._tallies[index].rule, rule, names) for index, rule, _, names in steps]
        groupings = list(dict.fromkeys(fields))
        counters: dict[object, Counter] = {each: keyed(each, self._hash) for each in groupings}
        for index, rule, _, names in steps:
            asks = self._tallies[index].rule
            counters.setdefault(_counted_as(asks, rule, names), counter(asks, rule, names, self._hash))
        for index, *_ in steps:
            if watched := self._tallies[index].watched:
                counters.setdefault(("watched", watched), watcher(watched, self._hash))
        numbers = {each: number for number, each in enumerate(counters)}
        counted = tuple(
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
        )
        places = {watched: numbers["watched", watched] for step in counted if (watched := step.tally.watched)}
        shares = () if source is None else tuple(shared(source, counted, places))
        return {
            "groupings": tuple(tuple((each[0], getter_of(each)) for each in group) for group in groupings),
            "numbers": tuple(counters.values()),
            "counted": counted,
            "shares": shares,
            "apart": _apart(counted, shares),
            "late": min((step.late for step in counted), default=0),
        }

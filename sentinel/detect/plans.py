"""What is tried on a record, by what it was hit by in the scan: inventory entries, rules, rules about accesses.

Rules that hang on one field of the record are tried together, and what came of a value is remembered: in a log the same
user agents, paths and people come again and again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from sentinel.detect import access
from sentinel.detect.fields import MISSING, getter
from sentinel.detect.foregone import Foregone
from sentinel.detect.match import Node, all_tests, items, test
from sentinel.detect.predicates import TIME_FIELD, Test
from sentinel.detect.rules import Detection
from sentinel.detect.scan import Key
from sentinel.model import Event

EVERYTHING: Final[Key] = -1
"""Stands for the hits of a record that is tried on all rules."""

MOST_PLANS: Final = 4096
"""Combinations of hits for which it is remembered what to try."""

MOST_VALUES: Final = 4096
"""Values of a field of which it is remembered what holds for them."""

LONGEST_VALUE: Final = 256

Try = Callable[[Event], tuple[int, ...]]
"""The numbers of the rules that hold for an event, of some that are tried."""


Held = tuple[access.Entry, ...]
"""The inventory entries through which an event is an access."""


class OfAccesses(dict[Held, Try]):
    """What is tried on accesses with certain hits, by the entries that held, each made when first asked for."""

    def __init__(self, make: Callable[[Held], Try]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, held: Held) -> Try:
        tried = self[held] = self._make(held)
        return tried


class Trial(NamedTuple):
    """The test of a rule, and the one field that it hangs on: where that is none, or there are several, it is None."""

    holds: Test
    field: str | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried on a record with certain hits: inventory entries; rules; and rules where it is an access."""

    mark: access.Mark | None
    rules: Try
    of_access: OfAccesses


class Plans(dict[Key, Plan]):
    """The plans of one source, each made when first asked for. To be cleared when hits get another meaning.

    `detections` are the rules routed to the source, by number. Targets of the scan are its inventory `entries`, and
    after them the rules in `plain`, those that are not about accesses. `logins` are told of each event that matches
    the rule of their number. `foregone` says what is decided beforehand of accesses through an entry.
    """

    def __init__(
        self,
        detections: Mapping[int, Detection],
        entries: int,
        plain: Sequence[int],
        marker: Callable[[tuple[int, ...]], access.Mark | None],
        targets: Callable[[Key], Sequence[int]],
        logins: Mapping[int, Test] = MappingProxyType({}),
        foregone: Mapping[access.Entry, Foregone] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.filtered: dict[tuple[int, str], int] = {}
        self._plain = plain
        self._personal = sorted(detections.keys() - set(plain))
        self._detections = detections
        self._logins = logins
        self._trials = self._trials_of({number: rule.condition for number, rule in detections.items()})
        self._foregone = foregone
        self._of_entry: dict[access.Entry, Mapping[int, Trial]] = {}
        self._entries = entries
        self._marker = marker
        self._targets = targets
        self._paused: frozenset[int] = frozenset()

    def pause(self, rules: frozenset[int]) -> None:
        """Leave these rules out, and no others."""
        self._paused = rules
        self.clear()

    def __missing__(self, key: Key) -> Plan:
        if len(self) >= MOST_PLANS:
            self.clear()
        first = self._entries
        targets = range(first + len(self._plain)) if key == EVERYTHING else self._targets(key)
        plain = [self._plain[target - first] for target in targets if target >= first]
        mark = self._marker(tuple(target for target in targets if target < first))
        of_access = OfAccesses(partial(self._of_access, [*plain, *self._personal]))
        plan = self[key] = Plan(mark, self._tried(plain, self._trials), of_access)
        return plan

    def _of_access(self, numbers: Sequence[int], held: Held) -> Try:
        return self._tried(numbers, self._trials if len(held) > 1 else self._trials_for(held[0]))

    def _trials_for(self, entry: access.Entry) -> Mapping[int, Trial]:
        """What is left to be tried on accesses through the entry; rules that cannot hold for them are left out."""
        foregone = self._foregone.get(entry)
        if foregone is None:
            return self._trials
        if entry not in self._of_entry:
            rests = {number: foregone.rest(rule.condition) for number, rule in self._detections.items()}
            self._of_entry[entry] = self._trials_of(
                {number: rest for number, rest in rests.items() if rest is not False}
            )
        return self._of_entry[entry]

    def _tried(self, numbers: Sequence[int], trials: Mapping[int, Trial]) -> Try:
        tried = [(number, trials[number]) for number in numbers if number in trials and number not in self._paused]
        if len(tried) == 1:
            [(only, (holds_alone, _))] = tried
            alone = (only,)
            return lambda event: alone if holds_alone(event) else ()
        fields = Counter(trial.field for _, trial in tried if trial.field is not None)
        by_field: dict[str, list[tuple[int, Test]]] = {}
        rest: list[tuple[int, Test]] = []
        for number, (holds, field) in tried:
            where = by_field.setdefault(field, []) if field is not None and fields[field] > 1 else rest
            where.append((number, holds))
        return _together([_of_field(*each) for each in by_field.items()], rest, [number for number, _ in tried])

    def _trials_of(self, conditions: Mapping[int, Node | bool]) -> dict[int, Trial]:
        """The trial of each rule with that condition, and of what is to be told of it."""
        trials = {
            number: Trial(self._test(number, condition), self._field(number, condition))
            for number, condition in conditions.items()
        }
        for number, learn in self._logins.items():
            if number in trials:
                trials[number] = Trial(all_tests([trials[number].holds, learn]), None)
        return trials

    def _field(self, number: int, condition: Node | bool) -> str | None:
        """The one field of the record that the rule hangs on; filters count what they leave out, each time."""
        if isinstance(condition, bool) or self._detections[number].filters:
            return None
        fields = {each.fields for each in items(condition)}
        [*alone] = fields.pop() if len(fields) == 1 else ()
        return alone[0] if len(alone) == 1 and alone[0] != TIME_FIELD else None

    def _test(self, number: int, condition: Node | bool) -> Test:
        """The condition and the rule's filters; what only these left out is counted."""
        matches = (lambda _: True) if isinstance(condition, bool) else test(condition)
        stands = [(each.about.key, test(each.condition)) for each in self._detections[number].filters]
        if not stands:
            return matches

        def holds(event: Event) -> bool:
            if not matches(event):
                return False
            for name, stand in stands:
                if not stand(event):
                    self.filtered[number, name] = self.filtered.get((number, name), 0) + 1
                    return False
            return True

        return holds


def _of_field(name: str, trials: Sequence[tuple[int, Test]]) -> Try:
    """Which of these rules hold, that hang on this field alone."""
    get = getter(name)
    known: dict[Any, tuple[int, ...]] = {}

    def holding(event: Event) -> tuple[int, ...]:
        value = event.fields.get(name, MISSING)
        if value is MISSING:
            value = get(event.fields)
        is_kept = value is MISSING or (type(value) is str and len(value) <= LONGEST_VALUE)
        numbers = known.get(value) if is_kept else None
        if numbers is None:
            numbers = tuple([number for number, holds in trials if holds(event)])
            if is_kept:
                if len(known) >= MOST_VALUES:
                    known.clear()
                known[value] = numbers
        return numbers

    return holding


def _together(groups: Sequence[Try], rest: Sequence[tuple[int, Test]], order: Sequence[int]) -> Try:
    """Which of the rules hold, in that order."""
    if not groups:
        return lambda event: tuple([number for number, holds in rest if holds(event)])
    places = {number: place for place, number in enumerate(order)}
    known: dict[tuple[int, ...], tuple[int, ...]] = {}

    def holding(event: Event) -> tuple[int, ...]:
        found = tuple([number for number, holds in rest if holds(event)])
        for each in groups:
            found += each(event)
        numbers = known.get(found)
        if numbers is None:
            if len(known) >= MOST_PLANS:
                known.clear()
            numbers = known[found] = tuple(sorted(found, key=places.__getitem__))
        return numbers

    return holding

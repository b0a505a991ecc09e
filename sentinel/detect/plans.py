"""What is tried on a record, by what it was hit by in the scan: inventory entries, rules, rules about accesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Final

from sentinel.detect import access
from sentinel.detect.foregone import Foregone
from sentinel.detect.match import Node, all_tests, test
from sentinel.detect.predicates import Test
from sentinel.detect.rules import Detection
from sentinel.detect.scan import Key
from sentinel.model import Event

EVERYTHING: Final[Key] = -1
"""Stands for the hits of a record that is tried on all rules."""

MOST_PLANS: Final = 4096
"""Combinations of hits for which it is remembered what to try."""

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
        self._tests = self._tests_of({number: rule.condition for number, rule in detections.items()})
        self._foregone = foregone
        self._of_entry: dict[access.Entry, Mapping[int, Test]] = {}
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
        plan = self[key] = Plan(mark, self._tried(plain, self._tests), of_access)
        return plan

    def _of_access(self, numbers: Sequence[int], held: Held) -> Try:
        return self._tried(numbers, self._tests if len(held) > 1 else self._tests_for(held[0]))

    def _tests_for(self, entry: access.Entry) -> Mapping[int, Test]:
        """What is left to be tried on accesses through the entry; rules that cannot hold for them are left out."""
        foregone = self._foregone.get(entry)
        if foregone is None:
            return self._tests
        if entry not in self._of_entry:
            rests = {number: foregone.rest(rule.condition) for number, rule in self._detections.items()}
            self._of_entry[entry] = self._tests_of(
                {number: rest for number, rest in rests.items() if rest is not False}
            )
        return self._of_entry[entry]

    def _tried(self, numbers: Sequence[int], tests: Mapping[int, Test]) -> Try:
        trials = [(number, tests[number]) for number in numbers if number in tests and number not in self._paused]
        if len(trials) == 1:
            [(only, holds_alone)] = trials
            alone = (only,)
            return lambda event: alone if holds_alone(event) else ()
        return lambda event: tuple([number for number, holds in trials if holds(event)])

    def _tests_of(self, conditions: Mapping[int, Node | bool]) -> dict[int, Test]:
        """The test of each rule with that condition, and of what is to be told of it."""
        tests = {number: self._test(number, condition) for number, condition in conditions.items()}
        logins = {number: learn for number, learn in self._logins.items() if number in tests}
        return tests | {number: all_tests([tests[number], learn]) for number, learn in logins.items()}

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

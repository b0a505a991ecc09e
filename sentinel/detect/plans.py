"""What is tried on a record, by what it was hit by in the scan: inventory entries, rules, rules about accesses."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from sentinel.detect import access
from sentinel.detect.match import all_tests, test
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


@dataclass(frozen=True, slots=True)
class Plan:
    """What is tried on a record with certain hits: inventory entries; rules; and rules where it is an access."""

    mark: access.Mark | None
    rules: Try
    of_access: Try


class Plans(dict[Key, Plan]):
    """The plans of one source, each made when first asked for. To be cleared when hits get another meaning.

    `detections` are the rules routed to the source, by number. Targets of the scan are its inventory `entries`, and
    after them the rules in `plain`, those that are not about accesses. `logins` are told of each event that matches
    the rule of their number.
    """

    def __init__(
        self,
        detections: Mapping[int, Detection],
        entries: int,
        plain: Sequence[int],
        marker: Callable[[tuple[int, ...]], access.Mark | None],
        targets: Callable[[Key], Sequence[int]],
        logins: Mapping[int, Test] = MappingProxyType({}),
    ) -> None:
        super().__init__()
        self.filtered: dict[int, int] = {}
        self._plain = plain
        self._personal = sorted(detections.keys() - set(plain))
        self._tests = {number: self._test(number, rule) for number, rule in detections.items()}
        self._tests |= {number: all_tests([self._tests[number], learn]) for number, learn in logins.items()}
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
        plan = self[key] = Plan(mark, self._tried(plain), self._tried([*plain, *self._personal]))
        return plan

    def _tried(self, numbers: Sequence[int]) -> Try:
        trials = [(number, self._tests[number]) for number in numbers if number not in self._paused]
        if len(trials) == 1:
            [(only, holds_alone)] = trials
            alone = (only,)
            return lambda event: alone if holds_alone(event) else ()
        return lambda event: tuple([number for number, holds in trials if holds(event)])

    def _test(self, number: int, rule: Detection) -> Test:
        """The rule's condition and its filters; what only these left out is counted."""
        matches, stands = test(rule.condition), [test(each.condition) for each in rule.filters]
        if not stands:
            return matches

        def holds(event: Event) -> bool:
            if not matches(event):
                return False
            if all(stand(event) for stand in stands):
                return True
            self.filtered[number] = self.filtered.get(number, 0) + 1
            return False

        return holds

"""What becomes of events that match certain rules, found out once for each set of rules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sentinel.detect.correlate import Counter, Tally
from sentinel.detect.fields import Getter
from sentinel.detect.rules import Correlation, RuleSet

Grouping = tuple[tuple[str, Getter], ...]


@dataclass(frozen=True, slots=True)
class Step:
    """One tally that an event is counted in, on account of the detection `number` (-1: of another correlation).

    `grouping` is which of the course's groups is the tally's; `counter` says what is counted (None: the event).
    """

    index: int
    tally: Tally
    number: int
    grouping: int
    counter: Counter | None


@dataclass(frozen=True, slots=True)
class Course:
    """What becomes of events that match certain rules, found out once: findings by themselves, then tallies.

    Groups that several tallies have in common are looked up once for all of them.
    """

    detected: tuple[int, ...]
    groupings: tuple[Grouping, ...]
    counted: tuple[Step, ...]
    subjects: tuple[Getter, ...]


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


def feeds(rules: RuleSet, tallies: Sequence[Tally]) -> list[tuple[int, ...]]:
    """For each detection the tallies it is counted in."""
    return [
        tuple(
            index for index, tally in enumerate(tallies) if any(each.about is rule.about for each in tally.rule.rules)
        )
        for rule in rules.detections
    ]

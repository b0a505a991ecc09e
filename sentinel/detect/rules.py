"""The rules as the engine uses them: detections, correlations and filters, already read and understood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sentinel.clock import Micros
from sentinel.detect.additions import Additions
from sentinel.detect.match import Node, Selection
from sentinel.model import Level, LogSource, Mode
from sentinel.problems import Span

PERSONAL_DATA = "personal_data_access"
"""The logsource category of every access that the inventory knows, whatever log it stands in."""

Kind = Literal[
    "event_count",
    "value_count",
    "temporal",
    "temporal_ordered",
    "value_sum",
    "value_avg",
    "value_median",
    "value_percentile",
]

Presence = Callable[[set[str]], bool]
"""Which of the referenced rules have matched in a window (their keys) -> whether the extended condition holds."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the measure of a window must be, where reaching a threshold is not all: it can only be told once no event
    can come into the window any more. None is no bound.
    """

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    equal: float | None = None
    unequal: float | None = None

    def __str__(self) -> str:
        """As the rule says it."""
        said = {"gte": self.least, "gt": self.above, "lte": self.most, "lt": self.below}
        said |= {"eq": self.equal, "neq": self.unequal}
        return " and ".join(f"{word} {bound:g}" for word, bound in said.items() if bound is not None)

    def hold(self, value: float) -> bool:
        """Whether the value is within every bound."""
        return (
            (self.least is None or value >= self.least)
            and (self.above is None or value > self.above)
            and (self.most is None or value <= self.most)
            and (self.below is None or value < self.below)
            and (self.equal is None or value == self.equal)
            and (self.unequal is None or value != self.unequal)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What every rule document says about itself. `key` is its name, else its id, else file and number."""

    key: str
    name: str | None
    id: str | None
    title: str
    level: Level
    level_is_given: bool
    file: str
    number: int
    additions: Additions
    source: dict[str, Any] = field(repr=False)

    @property
    def mode(self) -> Mode:
        """Whether the rule may open cases."""
        return self.additions.mode

    @property
    def opens_case(self) -> bool:
        """Level medium or higher opens a case unless the rule says otherwise; a lower one only if it says so."""
        wish = self.additions.case.open
        return wish if wish is not None else self.level >= Level.MEDIUM


@dataclass(frozen=True, slots=True, kw_only=True)
class Detection:
    """A rule that one event can match."""

    about: About
    logsource: LogSource
    selections: dict[str, Selection]
    condition: Node
    filters: tuple[Filter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """An exception: an event it holds for does not count as a match of its rules. `condition` is what must hold for
    the match to stand (the author writes `not selection`). `rules` is empty for every rule of the log source. An
    exception with an end holds for events before `ends`, which is said at `place`.
    """

    about: About
    logsource: LogSource
    selections: dict[str, Selection]
    condition: Node
    rules: tuple[str, ...]
    ends: Micros | None
    place: Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A rule over many events of one group. Windows are (t - timespan, t] of event time, in microseconds.

    `counted` is a digest of what is counted and how, whatever the threshold; empty for what no document says. `lists`
    are those of the rule with their values.

    `rules` are the detections it refers to and `chained` the keys of correlations; `order` are the keys of all of them
    as written. With `bounds` the condition is judged when a window can change no more; otherwise it holds as soon as
    the measure reaches `threshold`. `aliases` give the field of a group or of the counted value by alias and rule.
    """

    about: About
    kind: Kind
    rules: tuple[Detection, ...]
    group_by: tuple[str, ...]
    timespan: Micros
    threshold: float
    fields: tuple[str, ...]
    generate: bool
    fingerprint: str
    order: tuple[str, ...] = ()
    chained: tuple[str, ...] = ()
    aliases: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    percentile: int = 50
    bounds: Bounds | None = None
    expression: Presence | None = None
    counted: str = ""
    lists: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def quiet(self) -> Micros:
        """An episode ends when the condition has not held for so long."""
        return max(self.timespan, self.about.additions.suppress.duration or 0)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Every rule that could be read. `silent` are the keys of rules that only feed correlations."""

    detections: tuple[Detection, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    filters: tuple[Filter, ...] = ()
    silent: frozenset[str] = frozenset()

    @property
    def abouts(self) -> list[About]:
        """What every rule says about itself; filters are none."""
        return [*(rule.about for rule in self.detections), *(rule.about for rule in self.correlations)]

    def in_use(self) -> RuleSet:
        """Without building blocks that nothing counts: finding them would be of no use."""
        counted = {rule.about.key for each in self.correlations for rule in each.rules}
        kept = [rule for rule in self.detections if rule.about.key in counted or not rule.about.additions.block]
        return replace(self, detections=tuple(kept))

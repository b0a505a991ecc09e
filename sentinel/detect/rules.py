"""The rules as the engine uses them: detections, correlations and filters, already read and understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from sentinel.clock import Micros
from sentinel.detect.additions import Additions
from sentinel.detect.match import Node, Selection
from sentinel.model import Level, LogSource, Mode

PERSONAL_DATA = "personal_data_access"
"""The logsource category of every access that the inventory knows, whatever log it stands in."""

Kind = Literal["event_count", "value_count"]
Operator = Literal["gte", "gt"]


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
    the match to stand (the author writes `not selection`). `rules` is empty for every rule of the log source.
    """

    about: About
    logsource: LogSource
    selections: dict[str, Selection]
    condition: Node
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlation:
    """A rule over many events of one group. Windows are (t - timespan, t] of event time, in microseconds."""

    about: About
    kind: Kind
    rules: tuple[Detection, ...]
    group_by: tuple[str, ...]
    timespan: Micros
    threshold: int
    fields: tuple[str, ...]
    generate: bool
    fingerprint: str

    @property
    def quiet(self) -> Micros:
        """An episode ends when the condition has not held for so long."""
        return max(self.timespan, self.about.additions.suppress.duration or 0)


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Every rule that could be read. `silent` are the keys of detections that only feed correlations."""

    detections: tuple[Detection, ...] = ()
    correlations: tuple[Correlation, ...] = ()
    filters: tuple[Filter, ...] = ()
    silent: frozenset[str] = frozenset()

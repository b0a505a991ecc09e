"""The `sentinel:` map of a rule: what Sigma has no words for. A closed schema; an unknown key is a problem."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, Field, field_validator

from sentinel.clock import MINUTE
from sentinel.detect.part import Part, Words
from sentinel.detect.unusual.absence import AbsencePart
from sentinel.detect.unusual.baseline import BaselinePart
from sentinel.detect.unusual.calendar import CalendarPart
from sentinel.detect.unusual.extract import ExtractPart
from sentinel.detect.unusual.first_seen import FirstSeenPart
from sentinel.detect.unusual.score import ScorePart
from sentinel.detect.unusual.sequence import SequencePart
from sentinel.detect.unusual.session import SessionPart
from sentinel.detect.unusual.travel import TravelPart
from sentinel.durations import Duration
from sentinel.model import Mode


class DataPart(Part):
    """Whose data an event of this rule is about, where no inventory entry says it."""

    categories: Words = ()
    special_category: bool = False
    subject: str | None = None
    actor: str | None = None


class CasePart(Part):
    """Whether a finding opens a case, and which findings belong to one case."""

    open: bool | None = None
    key: Words = ()


class SuppressPart(Part):
    """How long after a finding the same thing stays quiet, and at which multiples it speaks again."""

    duration: Duration | None = Field(None, validation_alias=AliasChoices("for"), serialization_alias="for")
    per: Words = ()
    escalate: tuple[str, ...] = ()

    @field_validator("escalate")
    @classmethod
    def _multiples(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if not (each.endswith("x") and each[:-1].isdigit() and int(each[:-1]) > 1):
                raise ValueError(f"'{each}' is no multiple: write 2x, 5x, 10x")
        return value

    @property
    def multiples(self) -> tuple[int, ...]:
        """The multiples of the threshold at which a finding is updated."""
        return tuple(sorted(int(each[:-1]) for each in self.escalate))


class RuntimePart(Part):
    """How the rule is run: how late an event may come, what becomes of events without a group, how many groups are
    kept, and how many events of one before its window is an estimate.
    """

    late: Duration = MINUTE
    missing_group: Literal["drop_and_count"] = "drop_and_count"
    max_groups: int = Field(100_000, ge=1, le=10_000_000)
    max_events: int = Field(1 << 14, ge=16, le=1 << 20)
    mode: Mode | None = None


class ListFile(Part):
    """A list for `expand` in a file of its own: one text a line. `file` is relative to the file of the rule; with
    `reload` a change of it is taken up by itself.
    """

    file: str = Field(min_length=1)
    most: int = Field(10_000, ge=1, le=100_000, validation_alias=AliasChoices("max"), serialization_alias="max")
    if_missing: Literal["reject_rule"] = "reject_rule"
    reload: bool = True


class Series(Part):
    """Some events of a test: one, or one repeated."""

    event: dict[str, Any]
    repeat: int = Field(1, ge=1, le=1_000_000)
    every: Duration = 0
    offset: Duration = 0


class RuleTest(Part):
    """What must happen for given events. `{i}`, `{i:04}` and `{rand:a:b}` in texts make a series differ."""

    name: str = ""
    expect: Literal["match", "no-match"]
    event: dict[str, Any] | None = None
    events: tuple[Series, ...] = ()
    fires: int | None = Field(None, ge=0)
    group: dict[str, Any] | None = None
    lists: dict[str, list[str]] = Field(default_factory=dict)


class Additions(Part):
    """The whole map."""

    data: DataPart = DataPart()
    case: CasePart = CasePart()
    suppress: SuppressPart = SuppressPart()
    runtime: RuntimePart = RuntimePart()
    mode: Mode = Mode.ENFORCE
    block: bool = False
    response: str = ""
    timezone: str = "UTC"
    first_seen: FirstSeenPart | None = None
    baseline: BaselinePart | None = None
    sequence: SequencePart | None = None
    score: ScorePart | None = None
    absence: AbsencePart | None = None
    calendar: CalendarPart | None = None
    checks: dict[str, str] = Field(default_factory=dict, validation_alias="validate", serialization_alias="validate")
    travel: TravelPart | None = None
    session: SessionPart | None = None
    redact: Words = ()
    extract: dict[str, ExtractPart] = Field(default_factory=dict)
    lists: dict[str, list[str] | ListFile] = Field(default_factory=dict)
    tests: tuple[RuleTest, ...] = ()
    expires: str | None = None
    approved_by: str | None = None
    ticket: str | None = None
    count_suppressed: bool = True

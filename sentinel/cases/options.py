"""The `cases` section of the configuration: what a controller can decide about its cases once and for all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from sentinel.cases.counting import check_calendar
from sentinel.cases.regimes import Regime, shipped_regimes
from sentinel.clock import DAY, HOUR, MINUTE, Micros
from sentinel.durations import Duration
from sentinel.model import CaseKind, Role

DEFAULT_REQUESTS: Mapping[CaseKind, str] = {"sar": "gdpr_sar", "complaint": "uk_complaint"}
"""The regime of a request where the configuration names none of its kind."""


MILESTONES = tuple(days * DAY for days in (14, 7, 3)) + tuple(hours * HOUR for hours in (48, 24, 12, 6, 3, 1))
"""How long before a deadline people are reminded, unless the configuration says otherwise."""


def _whole_minutes(length: Micros) -> Micros:
    if length < MINUTE or length % MINUTE:
        raise ValueError("people are reminded by the minute: write whole minutes, hours or days")
    return length


class Rung(BaseModel):
    """One rung of the escalation: so long after detection, `unless` somebody has reacted, `to` these channels.

    Without `to` the routes decide.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Annotated[Duration, AfterValidator(_whole_minutes)]
    unless: Literal["acknowledged", "decided"] = "acknowledged"
    to: tuple[str, ...] = ()


class Organisation(BaseModel):
    """Who notifies, for the documents of a case. `contact` is the data protection officer or another contact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    address: str = ""
    contact: str = ""
    registration: str = ""
    sector: str = ""
    authority: str = ""


class CollectOptions(BaseModel):
    """What is collected around a case: records so long before and after its findings, and of each source at most so
    many records and MiB, looked for for so long at a time. `automatic`: as soon as a case opens, not when asked alone.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    automatic: bool = True
    around: Annotated[Duration, Field(ge=MINUTE, le=31 * DAY)] = 24 * HOUR
    records: Annotated[int, Field(ge=1, le=1_000_000)] = 20_000
    megabytes: Annotated[int, Field(ge=1, le=1024)] = 16
    time: Annotated[Duration, Field(ge=MINUTE // 60)] = 10 * MINUTE


class RetentionOptions(BaseModel):
    """How long after it was decided a case keeps its records and names; None: until a person destroys them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dismissed: Annotated[Duration, Field(ge=DAY)] | None = 90 * DAY
    closed: Annotated[Duration, Field(ge=DAY)] | None = None


class CaseOptions(BaseModel):
    """The `cases` section of the configuration.

    `awareness` says which deadline is the operational one: with `confirmation` the countdown is provisional until a
    person confirms the case; with `detection` the moment of detection counts as awareness. `timezone` and `calendar`
    are where the controller is: they decide days, holidays and the outer limit of Regulation 1182/71, never the hours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    awareness: Literal["confirmation", "detection"] = "confirmation"
    regimes: dict[str, Regime] = Field(default={})
    accept_unverified: tuple[str, ...] = ()
    clocks: tuple[str, ...] = ("gdpr",)
    timezone: str = "UTC"
    calendar: Annotated[str, AfterValidator(check_calendar)] = ""
    contested_reading: bool = False
    role: Role = "controller"
    reminders: tuple[Annotated[Duration, AfterValidator(_whole_minutes)], ...] = MILESTONES
    escalation: tuple[Rung, ...] = ()
    storm: Annotated[int, Field(ge=1)] = 20
    organisation: Organisation = Organisation()
    collect: CollectOptions = CollectOptions()
    reveal: Literal["one_person", "two_people"] = "one_person"
    retention: RetentionOptions = RetentionOptions()
    templates: Annotated[str, Field(min_length=1)] | None = None

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # "America" is a folder
            raise ValueError(f"unknown time zone '{value}': use an IANA name such as 'Europe/Berlin'") from None
        return value

    @field_validator("accept_unverified", "clocks")
    @classmethod
    def _clocks_are_known(cls, value: tuple[str, ...], checked: ValidationInfo) -> tuple[str, ...]:
        known = {**shipped_regimes(), **checked.data.get("regimes", {})}
        accepted = value if checked.field_name == "accept_unverified" else checked.data.get("accept_unverified", ())
        for name in value:
            if name not in known:
                raise ValueError(f"unknown clock '{name}': known here: {', '.join(known)}")
            if not known[name].enabled and name not in accepted:
                raise ValueError(
                    f"clock '{name}' is not verified: check {'; '.join(known[name].check)}; "
                    "then name it in 'accept_unverified'"
                )
        if len(set(value)) != len(value):
            raise ValueError("a clock is named twice")
        return value

    @property
    def known_regimes(self) -> Mapping[str, Regime]:
        """The shipped regimes, and over them those of the configuration."""
        return {**shipped_regimes(), **self.regimes}

    def chosen(self, kind: CaseKind) -> tuple[tuple[str, Regime], ...]:
        """The regimes that a case of this kind carries, by name."""
        known = self.known_regimes
        names = [name for name in self.clocks if known[name].kind == kind]
        if not names and kind in DEFAULT_REQUESTS:
            names = [DEFAULT_REQUESTS[kind]]
        return tuple((name, known[name]) for name in names)

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as a value."""
        return ZoneInfo(self.timezone)


USUAL = CaseOptions()
"""What holds where nothing is configured."""

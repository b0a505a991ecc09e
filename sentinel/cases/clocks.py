"""Deadlines: which law gives a case how many hours, from when, and how many are left.

Rules of this file:
1. A deadline is its start plus elapsed hours in UTC. "The same time of day three days later" is never computed: it is
   an hour late when summer time ends.
2. The reading of Regulation (EEC, Euratom) 1182/71 Art. 3(1) is at most an hour later. It is shown, never aimed at.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from sentinel.clock import HOUR, SECOND, Micros, rfc3339, to_datetime
from sentinel.model import Case, Clock, State

RUNNING_STATES = frozenset({State.OPEN, State.CONFIRMED, State.NOTIFIED})
"""States in which a clock that is not met goes on."""


class Step(BaseModel):
    """One duty of a regime: within `hours` of the anchor. `basis` is the article it comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: str
    duty: str
    anchor: Literal["aware"]
    hours: Annotated[int, Field(gt=0)]
    basis: str


class Regime(BaseModel):
    """One law, and when it is in force (days of its own territory, both included)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    valid_from: date
    valid_to: date | None = None
    steps: tuple[Step, ...]


def parse_regimes(text: str) -> dict[str, Regime]:
    """The regimes of a text in the form of regimes.yaml. Raises pydantic's ValidationError where it is not."""
    return TypeAdapter(dict[str, Regime]).validate_python(yaml.safe_load(text))


@cache
def shipped_regimes() -> Mapping[str, Regime]:
    """The regimes that come with the package."""
    return parse_regimes(files("sentinel.cases").joinpath("regimes.yaml").read_text(encoding="utf-8"))


class CaseOptions(BaseModel):
    """The `cases` section of the configuration.

    `awareness` says which deadline is the operational one: with `confirmation` the countdown is provisional until a
    person confirms the case; with `detection` the moment of detection counts as awareness. `timezone` is where the
    controller is: it decides only where the outer limit of Regulation 1182/71 is shown.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    awareness: Literal["confirmation", "detection"] = "confirmation"
    clocks: tuple[str, ...] = ("gdpr",)
    timezone: str = "UTC"

    @field_validator("clocks")
    @classmethod
    def _clocks_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        known = shipped_regimes()
        for name in value:
            if name not in known:
                raise ValueError(f"unknown clock '{name}': known here: {', '.join(sorted(known))}")
        if len(set(value)) != len(value):
            raise ValueError("a clock is named twice")
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone_is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # "America" is a folder
            raise ValueError(f"unknown time zone '{value}': use an IANA name such as 'Europe/Berlin'") from None
        return value

    @property
    def zone(self) -> ZoneInfo:
        """The time zone as a value."""
        return ZoneInfo(self.timezone)


def deadline(starts_at: Micros, hours: int) -> Micros:
    """The moment by which a step must be done: so many elapsed hours after its start."""
    return starts_at + hours * HOUR


def outer_limit(aware_at: Micros, zone: ZoneInfo, hours: int = 72) -> Micros:
    """The latest moment that Regulation 1182/71 Art. 3(1) can be read to give: the hour of the event is not counted.

    So the hours begin with the next full hour of the local clock. Always after `deadline`, by an hour at most.
    """
    offset = to_datetime(aware_at).astimezone(zone).utcoffset()
    shift = 0 if offset is None else round(offset.total_seconds()) * SECOND
    hour_began = (aware_at + shift) // HOUR * HOUR - shift
    return deadline(hour_began + HOUR, hours)


def opening_clocks(options: CaseOptions, detected_at: Micros) -> tuple[Clock, ...]:
    """The clocks of a case that opens: every step of every configured regime in force, counting from detection."""
    today = to_datetime(detected_at).date()
    return tuple(
        Clock(
            regime=name,
            step=step.step,
            starts_at=detected_at,
            hours=step.hours,
            deadline_at=deadline(detected_at, step.hours),
            provisional=options.awareness == "confirmation",
        )
        for name, regime in _in_force(options.clocks, today)
        for step in regime.steps
    )


def _in_force(names: Iterable[str], today: date) -> list[tuple[str, Regime]]:
    chosen = [(name, shipped_regimes()[name]) for name in names]
    return [
        (name, regime)
        for name, regime in chosen
        if regime.valid_from <= today and (regime.valid_to is None or today <= regime.valid_to)
    ]


def counting_from(clock: Clock, aware_at: Micros) -> Clock:
    """The clock as it stands once a person has said when the controller became aware."""
    return replace(clock, starts_at=aware_at, deadline_at=deadline(aware_at, clock.hours), provisional=False)


def running(case: Case) -> tuple[Clock, ...]:
    """The clocks of the case that still count: not met, and the case not decided otherwise."""
    return tuple(clock for clock in case.clocks if clock.met_at is None) if case.state in RUNNING_STATES else ()


def earliest(case: Case) -> Clock | None:
    """The running clock whose deadline comes first."""
    return min(running(case), key=lambda clock: clock.deadline_at, default=None)


def remaining(case: Case, now: Micros) -> Micros | None:
    """Microseconds until the first deadline of the case, below 0 when it is past; None where no clock runs."""
    first = earliest(case)
    return None if first is None else first.deadline_at - now


def clock_state(case: Case, clock: Clock, now: Micros) -> str:
    """One of `running`, `overdue`, `met`, `met_late`, `stopped` (the case was decided without this step)."""
    if clock.met_at is not None:
        return "met" if clock.met_at <= clock.deadline_at else "met_late"
    if case.state not in RUNNING_STATES:
        return "stopped"
    return "running" if now <= clock.deadline_at else "overdue"


def clock_rows(case: Case, now: Micros, zone: ZoneInfo | None = None) -> list[dict[str, Any]]:
    """The clocks of the case for JSON. Times are RFC 3339 UTC; `remaining_seconds` is rounded down, below 0 when late,
    and null where the clock does not run. With a `zone`, `outer_limit_at` is the reading of Regulation 1182/71.
    """
    rows = []
    for clock in case.clocks:
        state = clock_state(case, clock, now)
        row: dict[str, Any] = {
            "regime": clock.regime,
            "step": clock.step,
            "deadline_at": rfc3339(clock.deadline_at),
            "provisional": clock.provisional,
            "remaining_seconds": (clock.deadline_at - now) // SECOND if state in {"running", "overdue"} else None,
            "state": state,
        }
        if zone is not None:
            row["outer_limit_at"] = rfc3339(outer_limit(clock.starts_at, zone, clock.hours))
        rows.append(row)
    return rows

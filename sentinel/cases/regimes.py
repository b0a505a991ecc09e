"""The laws whose deadlines a case can carry, as data: regimes.yaml, and those that a configuration adds.

Rules of this file: a step counts as the law says where that was read in a source that is named; what was not is
`enabled: false` with what to check, and runs only where somebody writes that they have checked it.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from sentinel.model import Anchor, CaseKind, Roll, Unit, When

Positive = Annotated[int, Field(gt=0)]
Text = Annotated[str, Field(min_length=1)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]

UNITS: tuple[Unit, ...] = ("hours", "days", "working_days", "months")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Step(_Part):
    """One duty of a regime: within so many `hours`, `days`, `working_days` or `months` of the anchor.

    `after` names the earlier step of the same regime from whose doing it counts. `legal: false` says that the law names
    no number ("without undue delay") and the one given is an inner target.
    """

    step: Word
    duty: Text
    recipient: Text
    anchor: Anchor
    after: Word | None = None
    when: When = "always"
    hours: Positive | None = None
    days: Positive | None = None
    working_days: Positive | None = None
    months: Positive | None = None
    legal: bool = True
    first_day: bool = False
    roll: Roll = "none"
    cap_hours: Positive | None = None
    extension: Positive | None = None
    condition: str = ""
    basis: Text

    @model_validator(mode="after")
    def _has_one_length(self) -> Self:
        if sum(getattr(self, unit) is not None for unit in UNITS) != 1:
            raise ValueError(f"a step has exactly one of {', '.join(UNITS)}")
        if (self.anchor == "step") != (self.after is not None):
            raise ValueError("'anchor: step' and 'after' belong together")
        return self

    @property
    def length(self) -> tuple[int, Unit]:
        """Amount and unit."""
        return next((amount, unit) for unit in UNITS if (amount := getattr(self, unit)) is not None)


class Regime(_Part):
    """One law, and when it is in force (days of its own territory, both included; None: not written down here).

    `reads_1182`: Regulation 1182/71 can be read on its hours. `version` goes up with every change of the entry.
    `source` says where its deadlines were read; `check` what was not read and is to be looked up before relying on it.
    """

    name: Text
    kind: CaseKind = "breach"
    version: Positive = 1
    valid_from: date | None = None
    valid_to: date | None = None
    enabled: bool = True
    trigger: Text
    reads_1182: bool = False
    source: Text
    check: tuple[Text, ...] = ()
    steps: Annotated[tuple[Step, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _steps_follow_each_other(self) -> Self:
        known: set[str] = set()
        for step in self.steps:
            if step.step in known:
                raise ValueError(f"step '{step.step}' is given twice")
            if step.after is not None and step.after not in known:
                raise ValueError(f"step '{step.step}' counts after '{step.after}', which is not a step before it")
            known.add(step.step)
        if not self.enabled and not self.check:
            raise ValueError("a regime that is switched off says in 'check' what is to be checked")
        return self

    def is_in_force(self, day: date) -> bool:
        """Whether the law holds on that day."""
        return (self.valid_from is None or self.valid_from <= day) and (self.valid_to is None or day <= self.valid_to)


def parse_regimes(text: str) -> dict[str, Regime]:
    """The regimes of a text in the form of regimes.yaml. Raises pydantic's ValidationError where it is not."""
    return TypeAdapter(dict[str, Regime]).validate_python(yaml.safe_load(text))


@cache
def shipped_regimes() -> Mapping[str, Regime]:
    """The regimes that come with the package, those that are switched off too."""
    return parse_regimes(files("sentinel.cases").joinpath("regimes.yaml").read_text(encoding="utf-8"))

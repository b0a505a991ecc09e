"""The nouns: an entry the inventory could have, a field that looks like a person's, and all that one log showed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from sentinel.discovery.census import Endpoint

Sure = Literal["high", "medium", "low"]

LEAST: Final = 3
"""So many accesses that went well an endpoint must have had: scanners ask for everything once."""

COVERED: Final = 0.5
"""An endpoint of which so much is covered by the inventory is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One entry that the inventory could have. `when` is as it would be written there; counts are of what went well."""

    title: str
    action: str
    when: dict[str, Any]
    subject: str | None = None
    records: str | None = None
    bytes: str | None = None
    data: tuple[str, ...] = ()
    sure: Sure = "low"
    because: tuple[str, ...] = ()
    count: int = 0
    people: int = 0
    people_at_least: bool = False
    actorless: int = 0
    covered: int = 0
    example: str = ""

    @property
    def is_known(self) -> bool:
        """The inventory that was given has it already."""
        return self.covered >= self.count * COVERED


@dataclass(frozen=True, slots=True)
class PersonField:
    """A field, or a parameter of a query (`?q`), whose values look like people's."""

    name: str
    kind: str
    data: str
    by: Literal["name", "values", "name and values"]
    count: int
    different: int
    example: str


@dataclass(frozen=True, slots=True)
class Findings:
    """What one log was found to show."""

    proposals: tuple[Proposal, ...]
    fields: tuple[PersonField, ...]
    actor: str | None
    accesses: int = 0
    actorless: int = 0
    data: tuple[str, ...] = field(default=())


def who(members: Sequence[Endpoint], actor: str | None) -> dict[str, Any]:
    """How many of the accesses name nobody."""
    named = sum(each.actors.get(actor or "", 0) for each in members)
    return {"actorless": sum(each.good for each in members) - named}

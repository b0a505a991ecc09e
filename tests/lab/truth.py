"""The truth: what was planted, who did it, when, and where its lines stand."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sentinel.clock import Micros
from tests.lab.acts import Act, Log
from tests.lab.plants import Plant
from tests.lab.shape import Shape
from tests.lab.writing import Planted

_SUBJECT = re.compile(r"^/[a-z/]+/(\d+)")
"""The person whom a request of the portal is about."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One plant as it stands in the logs. Times are microseconds in UTC, as the logs write them.

    `keys` are the names by which a finding may group it: actors, addresses, sessions and subjects. `places` are log and
    offset of each line. `source` is the log that fell silent, for the one kind that has no lines.
    """

    id: str
    family: str
    kind: str
    strength: str
    keys: tuple[str, ...]
    begin: Micros
    end: Micros
    places: tuple[tuple[str, int], ...]
    times: tuple[Micros, ...]
    source: str | None = None

    @property
    def is_incident(self) -> bool:
        """Whether it must be found."""
        return self.strength != "near"


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything planted in one organisation, and how long it was watched."""

    shape: str
    staff: int
    scored_from: Micros
    ends: Micros
    lines: dict[str, int]
    entries: tuple[Entry, ...]

    def to_json(self) -> str:
        """For people and other programs."""
        return json.dumps(asdict(self), indent=1)


def truth_of(shape: Shape, plants: list[Plant], planted: Mapping[str, Planted], lines: Mapping[Log, int]) -> Truth:
    """The plants joined with where their lines were written."""
    entries = []
    for plant in plants:
        acts = [act for act in plant.acts if act.plant is not None]
        keys = {name for act in acts for name in _names(act)}
        where = planted.get(plant.id, Planted())
        times = tuple(sorted(where.times))
        begin, end = (plant.silence[1:]) if plant.silence else (times[0], times[-1])
        entries.append(
            Entry(
                id=plant.id,
                family=plant.family,
                kind=plant.kind,
                strength=plant.strength,
                keys=tuple(sorted(keys - {"", "-"})),
                begin=begin,
                end=end,
                places=tuple(where.places),
                times=times,
                source=None if plant.silence is None else str(plant.silence[0]),
            )
        )
    return Truth(
        shape=shape.name,
        staff=shape.staff,
        scored_from=shape.scored_from,
        ends=shape.first + shape.days * 86_400_000_000,
        lines={str(log): number for log, number in lines.items()},
        entries=tuple(entries),
    )


def _names(act: Act) -> tuple[str, ...]:
    """By which a finding about the act may be grouped."""
    subject = act.subject if act.log is Log.RECORDS else "".join(_SUBJECT.findall(act.subject))
    return act.session.actor, act.session.address, act.session.id, subject

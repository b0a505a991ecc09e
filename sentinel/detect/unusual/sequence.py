"""Whether the ids that a group looked at last form a walk: one after the other, in small steps, up or down.

Of the newest ids of the window, each counted where it was last seen, as many are looked at as a walk of `min_run` ids
may be mixed with others (`coverage`). Those with a neighbour at most `step_max` away form bands; the largest must have
`min_run` ids, and so many of them lie in one direction. So a walk with gaps is one, and so is one by several workers,
or between ordinary requests; a busy proxy, whose ids are anywhere, is none.

An id is the last number in a text (`P0017`, `/users/17`); zeros before it say nothing, and what stands around it must
be the same. It stands in the window as the number plus a keyed hash of what is around it: steps show and ids do not.
"""

from __future__ import annotations

import itertools
import math
import re
from array import array
from typing import Literal

from pydantic import Field

from sentinel.detect.part import Part, Words
from sentinel.detect.unusual.judge import HashText, Judge

_NUMBER = re.compile(r"([0-9]{1,18})([^0-9]*)\Z")
_HALF = 1 << 62

Direction = Literal["up", "down", "any", "scattered"]


class SequencePart(Part):
    """What counts as a walk. `scattered`: in whatever order."""

    field: Words = ()
    step_max: int = Field(5, ge=1, le=1_000_000)
    coverage: float = Field(0.8, gt=0, le=1)
    direction: Direction = "any"
    min_run: int = Field(25, ge=3, le=1000)


def masked(text: str, hash_text: HashText) -> int:
    """What stands in a window for an id: its number, moved by a keyed hash of what is around it."""
    found = _NUMBER.search(text)
    if found is None:
        return hash_text(text)
    around = f"{text[: found.start()]}\x1f{found[2]}"
    return hash_text(around) % _HALF - _HALF + int(found[1])


class Walks(Judge[None]):
    """Asks for a walk in a window. It knows nothing but the window."""

    kind = "sequence"

    def __init__(self, part: SequencePart) -> None:
        super().__init__("", 0)
        self.part = part
        self._ids = 0
        self.tail = 4 * math.ceil(part.min_run / part.coverage)

    def is_walk(self, ids: array[int]) -> bool:
        """Whether these ids, the newest last, end with a walk. The last `tail` of them are enough."""
        self._ids = walk(self.part, ids)
        if self.explains:
            self.reason = {"holds": self._ids > 0, "ids_in_walk": self._ids, "min_run": self.part.min_run}
        return self._ids > 0

    def why(self) -> str:
        return f"{self._ids} ids in steps of at most {self.part.step_max}"


def walk(part: SequencePart, ids: array[int]) -> int:
    """How many ids form the walk with which these end, in the order in which they were seen; 0 where they form none."""
    most = math.ceil(part.min_run / part.coverage)
    newest = _newest(ids, most)
    if len(newest) < part.min_run:
        return 0
    last, step = newest[-1], part.step_max
    if not any(-step <= last - each <= step for each in newest[:-1]):
        return 0
    band = max(_bands(newest, step), key=len)
    if len(band) < part.min_run or not _has_direction([each for each in newest if each in band], part):
        return 0
    return len(band)


def _newest(ids: array[int], most: int) -> list[int]:
    """The last so many different ids, in the order of their last appearance."""
    found: dict[int, None] = {}
    for each in reversed(ids[-4 * most :]):
        found.setdefault(each)
        if len(found) == most:
            break
    return list(reversed(found))


def _bands(ids: list[int], step: int) -> list[set[int]]:
    ranked = sorted(ids)
    bands = [{ranked[0]}]
    for before, each in itertools.pairwise(ranked):
        if each - before > step:
            bands.append(set())
        bands[-1].add(each)
    return bands


def _has_direction(ids: list[int], part: SequencePart) -> bool:
    if part.direction == "scattered":
        return True
    up = sum(before < after for before, after in itertools.pairwise(ids))
    down = len(ids) - 1 - up
    wanted = {"up": up, "down": down, "any": max(up, down)}[part.direction]
    return wanted >= part.coverage * (len(ids) - 1)

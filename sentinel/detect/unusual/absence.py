"""What fell silent: a group of which no event came for a while, one that was never seen, or a whole source.

Time passes here as far as every source has come (in a running watch a silent source goes with the clock on the wall). A
group is missed once, at the moment at which it has been silent for the time that the rule says, and again after it was
heard in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import Literal

import orjson
from pydantic import AliasChoices, Field

from sentinel.clock import DAY, MINUTE, Micros
from sentinel.detect.part import Part, Words
from sentinel.detect.unusual.judge import SEPARATOR, HashText, Judge
from sentinel.durations import Duration

_head = Struct("<q??")


class AbsencePart(Part):
    """Who is expected: every group that was seen within `remember`, and those in `expect`."""

    of: Literal["events", "source"] = "events"
    duration: Duration | None = Field(None, ge=MINUTE, validation_alias=AliasChoices("for"), serialization_alias="for")
    expect: Words = ()
    remember: Duration = 30 * DAY

    @property
    def identity(self) -> list[object]:
        """What decides what the cells mean."""
        return [self.of]


class Heard:
    """When a group was last heard of, or first expected. `is_missed`: its silence has been told of."""

    __slots__ = ("is_historical", "is_missed", "last", "source", "values")

    def __init__(self, last: Micros, values: Sequence[str], source: str) -> None:
        self.last = last
        self.values = tuple(values)
        self.source = source
        self.is_missed = False
        self.is_historical = False


class Absence(Judge[Heard]):
    """Every group of one rule. The values of a group are kept, sealed as all of the state is, to say who is missing."""

    kind = "absence"

    def __init__(
        self, part: AbsencePart, fingerprint: str, most: int, silence: Micros, late: Micros, hash_text: HashText
    ) -> None:
        super().__init__(fingerprint, most)
        self.part = part
        self.silence = silence
        self.late = late
        self._hash = hash_text
        self._due: Micros = 0
        self._expects = bool(part.expect)

    def hear(self, key: int, values: Sequence[str], time: Micros, source: str, *, is_historical: bool = False) -> None:
        """The group had an event."""
        heard = self.cells.get(key)
        if heard is None:
            heard = self.put(key, Heard(time, values, source))
            self._due = min(self._due, time + self.silence)
        elif time > heard.last:
            if heard.is_missed:
                heard.is_missed = False
                self._due = min(self._due, time + self.silence)
            heard.last = time
        heard.is_historical = is_historical
        self.touched.add(key)

    def missed(self, until: Micros) -> Iterator[Heard]:
        """The groups whose silence is as long as the rule says by that time, and was not told of."""
        if self._expects and self.part.of == "events":
            self._expects = False
            for name in self.part.expect:
                self.expect((name,), until)
        if until < self._due:
            return
        waiting = []
        for key, heard in self.cells.items():
            if heard.is_missed or until - heard.last > self.part.remember + self.silence:
                continue
            if heard.last + self.silence <= until:
                heard.is_missed = True
                self.touched.add(key)
                yield heard
            else:
                waiting.append(heard.last + self.silence)
        self._due = min(waiting, default=until + self.silence)

    def expect(self, values: Sequence[str], since: Micros) -> None:
        """The group is expected from then on, seen or not."""
        key = self._hash(SEPARATOR.join(values))
        if key not in self.cells:
            self.put(key, Heard(since, values, ""))
            self.touched.add(key)

    # --- kept ----------------------------------------------------------------------------------------------

    def pack(self, cell: Heard) -> bytes:
        return _head.pack(cell.last, cell.is_missed, cell.is_historical) + orjson.dumps([cell.source, *cell.values])

    def unpack(self, packed: bytes) -> Heard:
        last, missed, historical = _head.unpack_from(packed)
        source, *values = orjson.loads(packed[_head.size :])
        heard = Heard(last, values, source)
        heard.is_missed, heard.is_historical = missed, historical
        return heard

    def take(self, key: int, cell: Heard) -> None:
        super().take(key, cell)
        self._due = 0

    def newest(self, cell: Heard) -> Micros:
        return cell.last

    @property
    def retention(self) -> Micros:
        return self.part.remember + self.silence

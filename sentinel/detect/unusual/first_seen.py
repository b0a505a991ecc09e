"""The first time that a key shows a value: a country of a token, a system of a person, an address of an account.

A value is new while its key has not shown it before the last moments in which events may still come out of order
(`late`); each new value is told of once. So events that come late, but not too late, change nothing. Learning is by
key, from that key's first event. Without `per` there is one key for all, and a value is new to everybody.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Literal

from pydantic import Field, model_validator

from sentinel.clock import DAY, SECOND, Micros
from sentinel.detect.part import Part, Words
from sentinel.detect.unusual.judge import NO_NAMES, HashText, Judge, Keys, Names
from sentinel.durations import Duration
from sentinel.model import Event

Test = Callable[[Event], bool]

_MASK = (1 << 64) - 1
_SIGN = 1 << 63
_known = Struct("<7I?")
_sight = Struct("<II?")


class FirstSeenPart(Part):
    """What must be seen for the first time, and by whom."""

    field: Words = Field(min_length=1)
    per: Words = ()
    remember: Duration = 90 * DAY
    learn: Duration = 14 * DAY
    min_events: int = Field(20, ge=0, le=1_000_000)
    new_key: Literal["silent", "fire"] = "silent"

    @property
    def identity(self) -> list[object]:
        """What decides what the cells mean."""
        return [self.field, self.per]

    @model_validator(mode="after")
    def _learned_before_forgotten(self) -> FirstSeenPart:
        if self.learn >= self.remember:
            raise ValueError("'learn' is not shorter than 'remember': nothing would ever have been learned")
        return self


class Known:
    """What is known of a key: its first and last event (seconds), and how many events it had. The newest moments
    (`late` long each) are counted apart, for an event may still come into them. `is_told`: as a new key.
    """

    __slots__ = ("before", "earlier", "first", "is_told", "last", "moment", "now", "settled")

    def __init__(self, second: int, moment: int) -> None:
        self.first = self.last = second
        self.moment = moment
        self.now = self.before = self.earlier = self.settled = 0
        self.is_told = False

    def count(self, moment: int) -> None:
        """One more event, in that moment."""
        ahead = moment - self.moment
        if ahead > 0:
            counts = [0] * min(ahead, 3) + [self.now, self.before, self.earlier]
            self.settled += sum(counts[3:])
            self.now, self.before, self.earlier = counts[:3]
            self.moment, ahead = moment, 0
        if ahead == 0:
            self.now += 1
        elif ahead == -1:
            self.before += 1
        elif ahead == -2:
            self.earlier += 1
        else:
            self.settled += 1

    def sure(self, moment: int) -> int:
        """How many events there were before the last moments, at that moment."""
        return self.settled + (self.earlier if moment >= self.moment else 0)


class Sight:
    """A value of a key: when it was first and last seen (seconds), and whether it was told of."""

    __slots__ = ("first", "is_told", "last")

    def __init__(self, first: int, last: int, is_told: bool = False) -> None:
        self.first = first
        self.last = last
        self.is_told = is_told


class FirstSeen(Judge[Known | Sight]):
    """Every key and every value of a key that was seen."""

    kind = "first_seen"

    def __init__(self, part: FirstSeenPart, fingerprint: str, late: Micros, most: int) -> None:
        super().__init__(fingerprint, most)
        self.part = part
        self._late = max(late // SECOND, 1)
        self._remember = part.remember // SECOND
        self._learn = part.learn // SECOND
        self._is_loud = part.new_key == "fire"

    def see(self, key: int, value: int, time: Micros) -> bool:
        """Whether the key shows the value for the first time, so that it is to be told of; and learn it."""
        second = time // SECOND
        moment = second // self._late
        known = self._known(key, second, moment)
        if moment == known.moment:
            known.now += 1
        else:
            known.count(moment)
        pair = ((key * 3 ^ value) & _MASK) - _SIGN
        sight = self.cells.get(pair)
        if type(sight) is Sight and sight.last <= second <= sight.last + self._remember and not self.explains:
            sight.last = second
            self.touched.update((key, pair))
            if sight.is_told or sight.first // self._late < moment - 1:
                return False
        if type(sight) is not Sight or second - sight.last > self._remember:
            sight = Sight(second, second)
            self.put(pair, sight)
        elif second > sight.last:
            sight.last = second
        elif second < sight.first:
            sight.first = second
        self.touched.add(key)
        self.touched.add(pair)
        is_new = sight.first // self._late >= moment - 1
        holds = is_new and not sight.is_told and self._is_remarkable(known, second, moment)
        if self.explains:
            self._explain(known, sight, second, moment, is_new=is_new, holds=holds)
        sight.is_told = sight.is_told or holds
        return holds

    def _is_remarkable(self, known: Known, second: int, moment: int) -> bool:
        """Enough is known of the key for a new value to mean something; or the key is new, where that is asked for."""
        if second - known.first >= self._learn and known.sure(moment) >= self.part.min_events:
            return True
        if not self._is_loud or known.is_told or known.first // self._late < moment - 1:
            return False
        begun = self.cells[0]
        known.is_told = second - begun.first >= self._learn
        return known.is_told

    def _known(self, key: int, second: int, moment: int) -> Known:
        if self._is_loud and key:
            self._known(0, second, moment)
        known = self.cells.get(key)
        if type(known) is not Known or second - known.last > self._remember:
            known = Known(second, moment)
            self.put(key, known)
            self.touched.add(key)
        elif second > known.last:
            known.last = second
        elif second < known.first:
            known.first = second
        return known

    def _explain(self, known: Known, sight: Sight, second: int, moment: int, *, is_new: bool, holds: bool) -> None:
        self.reason = {
            "holds": holds,
            "new": is_new,
            "told_before": sight.is_told and not holds,
            "days_of_key": round((second - known.first) / 86400, 2),
            "learns_for_days": self._learn / 86400,
            "events_before": known.sure(moment),
            "min_events": self.part.min_events,
        }

    def why(self) -> str:
        words = f"new {' and '.join(self.part.field)}"
        return f"{words} for {' and '.join(self.part.per)}" if self.part.per else words

    # --- kept ----------------------------------------------------------------------------------------------

    def pack(self, cell: Known | Sight) -> bytes:
        if type(cell) is Known:
            counts = (cell.now, cell.before, cell.earlier, cell.settled)
            return _known.pack(cell.first, cell.last, cell.moment * self._late, *counts, cell.is_told)
        return _sight.pack(cell.first, cell.last, cell.is_told)

    def unpack(self, packed: bytes) -> Known | Sight:
        if len(packed) == _sight.size:
            first, last, is_told = _sight.unpack(packed)
            return Sight(first, last, is_told)
        known = Known(0, 0)
        known.first, known.last, moment, *counts, known.is_told = _known.unpack(packed)
        known.now, known.before, known.earlier, known.settled = counts
        known.moment = moment // self._late
        return known

    def newest(self, cell: Known | Sight) -> Micros:
        return cell.last * SECOND

    @property
    def retention(self) -> Micros:
        return self.part.remember


def of_events(table: FirstSeen, hash_text: HashText, names: Names = NO_NAMES) -> Test:
    """The test of an event: whether it shows something for the first time. One without the field shows nothing.
    `names` is what the source calls the fields.
    """
    part = table.part
    keys, values = Keys(part.per, hash_text, names), Keys(part.field, hash_text, names)

    def holds(event: Event) -> bool:
        key, value = keys.of(event.fields, table.missing), values.of(event.fields, table.missing)
        return key is not None and value is not None and table.see(key, value, event.time)

    return holds

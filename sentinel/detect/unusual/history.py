"""How high a group stood in each hour of the last weeks, in at most 300 bytes.

An hour holds the highest that the group's window came to in it, as one byte: exact up to 15, above that four binary
digits, at most a sixteenth off. An hour without an event holds nothing, and counts as 0. A day of which something is
known takes 4 bytes and one for each hour with an event; the days before the last one are kept, newest first, as far as
they fit into `MOST`. Hours are counted from 1970, in the zone of the rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

MOST = 192
"""Bytes for the days before the last one with an event: 24 days of 4 hours, 16 of 8 hours, 6 of 24."""

_PUT_OFF = 2
"""Hours of a day that are over before the days before it are pruned: an event may still come into the hour before."""

FOUND = 255
"""Stands for an hour in which there was a finding, and of which nothing is learned."""

_head = Struct("<IId?q")


def code(value: float) -> int:
    """The byte for what an hour came to."""
    number = max(0, round(value))
    if number < 16:
        return number
    shift = number.bit_length() - 4
    digits = (number + (1 << (shift - 1))) >> shift
    return min(8 * shift + digits, FOUND - 1)


def value(byte: int) -> int:
    """What the byte stands for."""
    if byte < 16:
        return byte
    shift, digits = divmod(byte - 16, 8)
    return (8 + digits) << (shift + 1)


_VALUES = tuple(map(value, range(FOUND)))
"""What each byte stands for, but that of an hour with a finding."""


class History:
    """One group. The newest hour is open: `top` is what it has come to so far. `peer` is the group's peer group, as a
    keyed hash; 0 for none. `since` is the hour in which it left others for them, 0 for never: nothing up to the end of
    that day counts. `limit` is what the hour `limit_hour` may come to; `is_own` where that is by this history.
    """

    __slots__ = ("days", "hour", "is_found", "is_own", "limit", "limit_hour", "peer", "since", "top")

    def __init__(self, hour: int) -> None:
        self.hour = hour
        self.top: float = 0
        self.is_found = False
        self.peer = self.since = 0
        self.days = bytearray()
        self.limit_hour = -1
        self.limit: float = 0
        self.is_own = False

    # --- learning ------------------------------------------------------------------------------------------

    def note(self, hour: int, size: float, length: int) -> None:
        """The window came to so much in that hour. Nothing older than `length` days is kept."""
        if hour > self.hour:
            self._put(self.hour, FOUND if self.is_found else code(self.top))
            if hour // 24 - self.hour // 24 > length:
                self.days.clear()
            is_later_day = (hour - _PUT_OFF) // 24 > (self.hour - _PUT_OFF) // 24
            self.hour, self.top, self.is_found = hour, size, False
            if is_later_day:
                self._prune(length)
        elif hour == self.hour:
            self.top = max(self.top, size)
        elif self.hour // 24 - hour // 24 <= length:
            self._put(hour, code(size))

    def find(self, hour: int) -> None:
        """There was a finding in that hour, so nothing is learned of it."""
        if hour == self.hour:
            self.is_found = True
        else:
            self._put(hour, FOUND)

    def join(self, peer: int, hour: int) -> bool:
        """The group had these peers in that hour. Whether it has them now: an event that comes late may tell of those
        that it has left since.
        """
        if self.peer:
            if hour < self.since:
                return False
            self.since, self.limit_hour = hour, -1
        self.peer = peer
        return True

    def _put(self, hour: int, byte: int) -> None:
        """Raise what is kept of an hour that is over to that byte."""
        day, bit = hour // 24, 1 << hour % 24
        days = self.days
        place = 0
        for known, mask, place in self._walk():
            if known < day:
                continue
            if known > day:
                break
            where = place + 4 + (mask & (bit - 1)).bit_count()
            if mask & bit:
                days[where] = max(days[where], byte)
            else:
                days[where:where] = bytes((byte,))
                days[place + 1 : place + 4] = (mask | bit).to_bytes(3, "little")
            return
        else:
            place = len(days)
        days[place:place] = bytes((day & 255, *bit.to_bytes(3, "little"), byte))

    def _walk(self) -> Iterator[tuple[int, int, int]]:
        """Each day of which something is known: the day, the hours as bits, and where it stands."""
        days, newest = self.days, self.hour // 24
        place = 0
        while place < len(days):
            mask = int.from_bytes(days[place + 1 : place + 4], "little")
            yield newest - ((newest - days[place]) & 255), mask, place
            place += 4 + mask.bit_count()

    def _prune(self, length: int) -> None:
        """Drop the days that nobody will ask for."""
        today = (self.hour - _PUT_OFF) // 24
        usable = {day for day, _, _ in self.usable(today, length)}
        kept = [
            self.days[place : place + 4 + mask.bit_count()]
            for day, mask, place in self._walk()
            if day in usable or day >= today
        ]
        self.days = bytearray(b"".join(kept))

    # --- asking --------------------------------------------------------------------------------------------

    def usable(self, today: int, length: int) -> list[tuple[int, int, int]]:
        """The days before `today` that count, newest first, as `_walk` gives them: the last one with an event, and
        those before it as far as they fit. What is known of the group begins with the oldest of them.
        """
        found: list[tuple[int, int, int]] = []
        room = MOST
        for day, mask, place in sorted(self._walk(), reverse=True):
            if day >= today:
                continue
            if today - day > length or day <= self.since // 24:
                break
            if found:
                room -= 4 + mask.bit_count()
            if room < 0:
                break
            found.append((day, mask, place))
        return found

    def at(self, mask: int, place: int, hour: int) -> int | None:
        """What an hour of a day came to: 0 without an event, None where there was a finding."""
        bit = 1 << hour
        if not mask & bit:
            return 0
        byte = self.days[place + 4 + (mask & (bit - 1)).bit_count()]
        return None if byte == FOUND else _VALUES[byte]

    # --- kept ----------------------------------------------------------------------------------------------

    def pack(self) -> bytes:
        return _head.pack(self.hour, self.since, self.top, self.is_found, self.peer) + self.days


def unpacked(packed: bytes) -> History:
    """The history of these bytes."""
    history = History(0)
    history.hour, history.since, history.top, history.is_found, history.peer = _head.unpack_from(packed)
    history.days = bytearray(packed[_head.size :])
    return history

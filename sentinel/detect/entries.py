"""An event as it stands in a window: five numbers in an array.

They are its time, the keyed hash of the counted value, the keyed hash of the data subject (0: none), where the record
stands (offset and length in one number), and its stream.
"""

from __future__ import annotations

from collections.abc import Iterator

Entry = tuple[int, int, int, int, int]
"""The five numbers of an event."""

STRIDE = 5
LENGTH_BITS = 24
LONGEST = (1 << LENGTH_BITS) - 1


def place(number: int) -> tuple[int, int]:
    """Offset and length of a record from the one number that an entry has for them: 39 bits and 24."""
    return number >> LENGTH_BITS, number & LONGEST


def rows(entries: list[int]) -> Iterator[Entry]:
    """Entries one by one."""
    for start in range(0, len(entries), STRIDE):
        time, value, subject, place, stream = entries[start : start + STRIDE]
        yield time, value, subject, place, stream

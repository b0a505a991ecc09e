"""What every log format promises. A format is pure: bytes of one record in, fields in ECS names out.

The scan-first path rests on the promise of `delimiters`, `inert`, `signs` and `decode`, checked by a property test for
every format: for each field value that `parse` yields, each longest run of inert bytes in the value's text, together
with the delimiters where the run touches an end of the value, is found (ASCII case-insensitively) in the raw record or
in `decode(raw record)`; unless one of `opaque` is found in the raw record. `decode` is only called when one of `signs`
is found; without any sign, the raw record alone keeps the promise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sentinel.clock import Micros

UTC = ZoneInfo("UTC")

Parsed = tuple[dict[str, Any], Micros | None, int]
"""Fields, event time (None where the record has none), number of fractional digits the log wrote (0 to 6)."""

Parser = Callable[[bytes, Micros], Parsed | None]
"""One record without its newline, and the block's `reference` -> Parsed; None where it is not of this format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormatOptions:
    """`timezone` is for times written without an offset; `time_field` is the JSON field that holds the time."""

    timezone: ZoneInfo = UTC
    time_field: str | None = None


class Format(Protocol):
    """One log format. All patterns are Hyperscan regexes over bytes, matched without regard to ASCII case.

    `inert`: bytes that stand in the raw record exactly as in the field (printable ASCII only). `signs`: patterns whose
    presence means that something in the record is written differently from the field; then `decode` is asked. `opaque`:
    patterns whose presence means that scanning cannot tell; every rule of the source tries such a record.
    No pattern can match a newline.
    """

    name: str
    inert: frozenset[int]
    signs: tuple[bytes, ...]
    opaque: tuple[bytes, ...]

    def decode(self, records: bytes) -> bytes:
        """Whole records, one a line, as they would be with nothing escaped. Same number of lines, same order."""

    def delimiters(self, field: str) -> tuple[bytes, bytes]:
        """Patterns that stand directly before and directly after the whole value of the field, wherever it is present.

        b"" where the format promises nothing (any field may be asked for, also unknown ones).
        """

    def parser(self, used: frozenset[str] | None) -> Parser:
        """A parser that yields at least the used fields that the record has; None means every field.

        A parser never raises. Bytes that are not UTF-8 become U+FFFD and the record is still parsed.
        """

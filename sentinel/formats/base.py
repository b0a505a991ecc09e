"""What every log format promises. A format is pure: bytes of one record in, fields in ECS names out.

The scan-first path rests on one promise, held by a property test for every format. Take any field value that a parser
yields, its text (`value_text`), fold it (lower case; LONG S as s), and take any run of `inert` bytes in it. Then
`witness(field, escape(run), at_start, at_end)`, where the two flags may be set only when the run touches that end of
the value, is None or is found, ASCII case-insensitively, in the raw record or in `decode(raw record)`; unless one of
`opaque` is found in the raw record. Where none of `signs` is found in the raw record, it is found in the raw record
itself. The same holds for a run of the record's own text, with no field and so no witness but the run.

A value that is a list keeps the promise for each of its members, and an object within a list for each of its fields.
A record holds no newline.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from sentinel.clock import Micros

UTC = ZoneInfo("UTC")

PRINTABLE: Final = frozenset(range(0x20, 0x7F))
"""Printable ASCII: no format's `inert` has more than this."""

FOLDS: Final = ((b"\xe2\x84\xaa", b"k"), (b"\xc4\xb0", b"i\xcc\x87"), (b"\xc5\xbf", b"s"))
"""KELVIN SIGN, DOTTED CAPITAL I and LONG S in UTF-8, and what they fold to.

The first two are the only characters beyond ASCII whose lower case has ASCII in it; the third and the first are the
only ones that RE2 takes for an ASCII letter when it ignores case.
"""

FOLD_SIGNS: Final = (rb"\xe2\x84\xaa", rb"\xc4\xb0", rb"\xc5\xbf")
"""Patterns for the above: signs of every format."""

Parsed = tuple[dict[str, Any], Micros | None, int]
"""Fields, event time (None where the record has none), number of fractional digits the log wrote (0 to 6)."""

Parser = Callable[[bytes, Micros], Parsed | None]
"""One record without its newline, and the block's `reference` -> Parsed; None where it is not of this format."""


class FormatError(Exception):
    """A format cannot be made from what the configuration says; `hint` is what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


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

    @property
    def name(self) -> str:
        """As written in the configuration."""

    @property
    def inert(self) -> frozenset[int]: ...

    @property
    def signs(self) -> tuple[bytes, ...]: ...

    @property
    def opaque(self) -> tuple[bytes, ...]: ...

    @property
    def fields(self) -> frozenset[str] | None:
        """Every field that a record can have; None where that is not known beforehand."""

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        """The signs that matter where only these witnesses are searched for; they may be wider than `signs`.

        The second part are those that cannot be found in ASCII without a backslash.
        """

    def decode(self, records: bytes) -> bytes:
        """Whole records, one a line, as they would be with nothing escaped. Same number of lines, same order.

        A line may hold more than its record did: what was escaped and what it stands for, one after the other.
        """

    def witness(self, field: str, literal: bytes, at_start: bool, at_end: bool) -> bytes | None:
        """A pattern found in every record whose `field` has the run `literal`, at an end of the value where so said.

        `literal` is `escape` of a run of inert bytes, not empty. None where nothing is promised. Any field may be
        asked for, also one the format never yields.
        """

    def parser(self, used: frozenset[str] | None) -> Parser:
        """A parser that yields at least the used fields that the record has; None means every field.

        What the record itself names (the keys of JSON) is yielded only where it is used or a used field is in it. A
        parser never raises. Bytes that are not UTF-8 become U+FFFD and the record is still parsed.
        """


def escape(run: bytes) -> bytes:
    r"""The run as pattern text, every byte as `\xHH`: nothing in it can mean anything else, and NUL is not cut."""
    return b"".join(b"\\x%02x" % byte for byte in run)


def unescape(literal: bytes) -> bytes:
    """The run that `escape` was given. Raises ValueError for any other text."""
    return bytes.fromhex(literal.replace(b"\\x", b"").decode("ascii"))


def fold(records: bytes) -> bytes:
    """The bytes with the characters of FOLDS folded; ASCII is left as it is, since patterns ignore its case."""
    for sequence, folded in FOLDS:
        records = records.replace(sequence, folded)
    return records


def needs_fold(records: bytes) -> bool:
    """Whether `fold` would change anything."""
    return any(sequence in records for sequence, _ in FOLDS)


def value_text(value: Any) -> str | None:
    """The text rules compare a value by: `401` for 401 and 401.0, `true` for true; None for a list, an object, null."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return repr(value).removesuffix(".0") if isinstance(value, float) else None

r"""JSON lines: one object a record, its names kept as written, nested or dotted.

The fast decoder reads nearly all of them, and of each only what is used: making nothing of the rest takes a quarter of
the time. What it refuses (a lone surrogate, NaN, 1e400, a bad byte, a byte order mark) a tolerant one reads: U+FFFD for
what is no character, null for what is no number.

Of all escapes only those matter to scanning that hide printable ASCII other than `"` and `\`: PHP's `\/`, Go's
`\u0026`, .NET's `\u0027`. `\n`, `\"` or `\u00fc` stand for bytes that no run can hold. Numbers are written in many
ways; where the text of a number cannot be told from how it is written, the witness is found too (`_ODD_NUMBER`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any, Final, TypedDict

import msgspec

from sentinel import ecs
from sentinel.clock import Micros
from sentinel.formats.base import (
    FOLD_SIGNS,
    PRINTABLE,
    FormatError,
    FormatOptions,
    Parsed,
    Parser,
    escape,
    fold,
    needs_fold,
    unescape,
)
from sentinel.formats.times import Moment, iso_reader, read_count

ReadText = Callable[[str], Moment | None]

TIME_FIELDS: Final = ("@timestamp", "timestamp", "time", "ts")

_HIDDEN = rb"00(?:2[013-9a-fA-F]|[346][0-9a-fA-F]|5[0-9abd-fABD-F]|7[0-9a-eA-E])"
_HIDEABLE: Final = PRINTABLE - frozenset(b'"\\')
_HEX: Final = re.compile(rb"\\x([0-9a-f]{2})")
_MEANT: Final = {
    spelling.encode(): fold(chr(code).encode())
    for code in (*(PRINTABLE - frozenset(b'"\\')), 0x212A, 0x0130, 0x017F)
    for spelling in {"".join(letters) for letters in product(*((each, each.upper()) for each in f"{code:04x}"))}
}
"""The four digits behind `\\u`, in every spelling, and what they stand for, where that may be part of a run."""

# No run holds this byte, so it may stand for an escaped backslash while the other escapes are undone.
_BACKSLASH = b"\xff"

_BLANK = rb"[ \t\r]*"
_NUMBER_END = rb"[,}\] \t\r]"
# Fifteen significant digits are what a double gives back unchanged; 64 bits what the fast decoder keeps whole; from
# 0.0000 and 1e16 on Python writes an exponent; minus zero is read as zero.
_ODD_NUMBER = (
    rb"-?(?:0\.0000|[0-9]{20}|[0-9]{8,}\.[0-9]|[0-9]+\.[0-9]{8}|[0-9]+(?:\.[0-9]+)?e)|-[0-9]{19}|-0(?:\.0+)?"
    + _NUMBER_END
)
_NUMERIC = frozenset(b"0123456789.+-eE")


def make(settings: Mapping[str, Any], options: FormatOptions) -> JsonLines:
    """The registry's entry. Raises FormatError for a setting: it has none (the time field belongs to the source)."""
    for setting in settings.keys() - {"json"}:
        raise FormatError(f"format 'json' has no setting '{setting}'", "write `format: json`")
    return JsonLines(options=options)


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonLines:
    """One JSON object a record."""

    options: FormatOptions
    name: str = field(default="json", init=False)
    inert: frozenset[int] = field(default=PRINTABLE - frozenset(b'"\\'), init=False)
    signs: tuple[bytes, ...] = field(
        default=(rb"\\/", rb"\\u" + _HIDDEN, rb"\\u(?:212a|0130|017f)", *FOLD_SIGNS), init=False
    )
    opaque: tuple[bytes, ...] = field(default=(), init=False)

    @property
    def fields(self) -> None:
        return None

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        r"""An escape matters where a witness has the character it hides. What stands in a gap (`[^\n]*`) or not at
        all in any witness is found in the raw record as well as in the decoded one.
        """
        wanted = _characters(patterns)
        codes = sorted(b"%02x" % code for code in _HIDEABLE & wanted)
        escapes = (rb"\\u00(?:%b)" % b"|".join(codes),) if codes else ()
        slash = (rb"\\/",) if ord("/") in wanted else ()
        return (), (*slash, *escapes, *self.signs[2:])

    def decode(self, records: bytes) -> bytes:
        if not needs_fold(records):
            return _without_escapes(records)
        return b"\n".join(
            fold(_without_escapes(record)) + b" " + fold(record) if needs_fold(record) else _without_escapes(record)
            for record in records.split(b"\n")
        )

    def witness(self, field: str, literal: bytes, at_start: bool, at_end: bool) -> bytes | None:
        run = unescape(literal)
        is_numeric = _NUMERIC.issuperset(run) or run.lower() in b"true" or run.lower() in b"false"
        if field == ecs.MESSAGE:
            # A record that is no object has its whole text as message.
            at_start = at_end = False
        # A field is a key with dots in it, or a path: either way its last part ends a key.
        key = field.rpartition(".")[2].encode("utf-8", "surrogatepass")
        if not key or not self.inert.issuperset(key):
            return None if is_numeric else literal
        value_of = opening_of(field)
        if not at_start:
            tail = rb'(?:"|\.?0*%b)' % _NUMBER_END if is_numeric else b'"'
            found = literal + (tail if at_end else b"")
            return rb"(?:%b|%b(?:%b|\[))" % (found, value_of, _ODD_NUMBER) if is_numeric else found
        text = b'"' + literal + (b'"' if at_end else b"")
        if not is_numeric:
            return rb"%b(?:%b|\[[^\n]*%b)" % (value_of, text, text)
        zeros = b"0*" if b"." in run else rb"(?:\.0+)?"
        number = literal + (zeros + _NUMBER_END if at_end else b"")
        return rb"%b(?:%b|%b|%b|\[)" % (value_of, text, number, _ODD_NUMBER)

    def parser(self, used: frozenset[str] | None) -> Parser:
        read_text, time_of = _time_readers(self.options)
        time_fields = TIME_FIELDS if self.options.time_field is None else (self.options.time_field,)
        first = time_fields[0]
        keys = None if used is None else _keys({*used, *time_fields})
        decode = _decoder(keys)
        decode_slowly = _tolerant if keys is None else _of_keys(keys, _tolerant)

        def parse(raw: bytes, _reference: Micros) -> Parsed | None:
            try:
                fields = decode(raw)
            except _REFUSALS:
                fields = decode_slowly(raw)
            if not isinstance(fields, dict):
                return None
            written = fields.get(first)
            moment = read_text(written) if type(written) is str else None
            if moment is None:
                moment = time_of(fields)
                if moment is None:
                    return fields, None, 0
            micros, digits = moment
            return fields, micros, digits

        return parse


_MOST_TYPED: Final = 100
"""With more keys, looking for each of them costs more than making values of all. (And the typed decoder finds none that
is not ASCII.)
"""

_REFUSALS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def _decoder(keys: frozenset[str] | None) -> Callable[[bytes], Any]:
    """Decodes an object with these keys of it alone; None means all."""
    everything = msgspec.json.Decoder().decode
    if keys is None:
        return everything
    if len(keys) > _MOST_TYPED or not all(map(str.isascii, keys)):
        return _of_keys(keys, everything)
    # The dictionary is made when rules are loaded, which type checkers do not allow for.
    make_type: Any = TypedDict
    return msgspec.json.Decoder(make_type("Record", dict.fromkeys(keys, Any), total=False)).decode


def _of_keys(keys: frozenset[str], decode: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def decoded(raw: bytes) -> Any:
        fields = decode(raw)
        if not isinstance(fields, dict):
            return None
        return {name: value for name, value in fields.items() if name in keys}

    return decoded


def _keys(names: Iterable[str]) -> frozenset[str]:
    """The keys of a record that fields may stand under: their names, and where objects they may be in begin."""
    return frozenset(name[:end] for name in names for end, letter in enumerate(name + ".") if letter == ".")


def opening_of(field: str) -> bytes:
    """A pattern that ends where the value of the field begins."""
    key = field.rpartition(".")[2].encode("utf-8", "surrogatepass")
    return rb'[".]%b"%b:%b' % (escape(key), _BLANK, _BLANK)


def look_up(fields: Any, name: str) -> Any:
    """The value under a name: the name itself first, then as a path through objects; None where there is none."""
    if not isinstance(fields, dict):
        return None
    if name in fields:
        return fields[name]
    for place, letter in enumerate(name):
        if letter == "." and name[:place] in fields:
            value = look_up(fields[name[:place]], name[place + 1 :])
            if value is not None:
                return value
    return None


def _characters(patterns: Sequence[bytes]) -> frozenset[int]:
    """Every character that a witness may have outside its gaps, in either case, and some more."""
    text = b"".join(_HEX.sub(lambda match: bytes.fromhex(match[1].decode()), pattern) for pattern in patterns)
    # Classes of digits are written as ranges.
    return frozenset(text.lower() + text.upper() + b"0123456789")


def _time_readers(options: FormatOptions) -> tuple[ReadText, Callable[[dict[str, Any]], Moment | None]]:
    """Of the text that is nearly always the time, and of a whole record."""
    iso = iso_reader(options.timezone)

    def read(value: Any) -> Moment | None:
        if isinstance(value, str):
            return iso(value) or read_count(value)
        return read_count(value)

    def time_of(fields: dict[str, Any]) -> Moment | None:
        for name in TIME_FIELDS:
            if name in fields and (moment := read(fields[name])) is not None:
                return moment
        return None

    named = options.time_field
    general = time_of if named is None else lambda fields: read(look_up(fields, named))
    return iso, general


def _without_escapes(records: bytes) -> bytes:
    """Escapes that hide a byte of a run undone, once, from left to right; no other byte of a run added or removed."""
    if b"\\\\" in records:
        records = records.replace(b"\\\\", _BACKSLASH)
    if b"\\/" in records:
        records = records.replace(b"\\/", b"/")
    first, *rest = records.split(b"\\u")
    if not rest:
        return records
    pieces = [first]
    for piece in rest:
        meant = _MEANT.get(piece[:4])
        pieces += (b"\\u", piece) if meant is None else (meant, piece[4:])
    return b"".join(pieces)


def _tolerant(raw: bytes) -> Any:
    text = raw.decode("utf-8", "replace").removeprefix("\ufeff")
    try:
        return _scrub(json.loads(text, strict=False, parse_float=_finite, parse_constant=lambda _: None))
    except (ValueError, RecursionError):
        return None


def _finite(written: str) -> float | None:
    number = float(written)
    return None if number in (float("inf"), float("-inf")) else number


def _scrub(value: Any) -> Any:
    """The value without lone surrogates, which no encoder can write."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_scrub(each) for each in value]
    if isinstance(value, dict):
        return {_scrub(key): _scrub(each) for key, each in value.items()}
    return value

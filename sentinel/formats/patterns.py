"""Text read by regexes of ours: a whole record (`Lines`), or the message that another format has found (`Patterns`).

Rule of this file: reading is linear in the text, whatever it holds. Forms written by hand are RE2's, which is so by
construction; those made from templates have at most one part that does not end at a byte it cannot hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import re2

from sentinel import ecs
from sentinel.formats import escapes
from sentinel.formats.base import FOLD_SIGNS, PRINTABLE, fold
from sentinel.formats.meanings import Place, Table, any_of
from sentinel.formats.tabled import Split

# What RE2 cannot run must be refused, not handed to a matcher that may take for ever.
re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)

_ABSENT: Final = frozenset((b"", b"-", b"[unknown]"))

QUOTED_BODY: Final = rb'(?:[^"?\\\n]|\\[^\n])'
"""One byte within double quotes."""


@dataclass(frozen=True, slots=True)
class TextPlace:
    """Patterns for what stands directly before and after a value; empty where that may differ."""

    before: bytes = b""
    after: bytes = b""
    body: bytes = rb"[^?\n]"

    @property
    def opening(self) -> bytes:
        return self.before

    def witness(self, literal: bytes, *, at_start: bool, at_end: bool) -> bytes:
        return (self.before if at_start else b"") + literal + (self.after if at_end else b"")


ANYWHERE: Final = TextPlace()


@dataclass(frozen=True, slots=True)
class Line:
    """One form that records have; `names` are those of the groups, in their order."""

    expression: Any
    names: tuple[str, ...]


def line(expression: bytes) -> Line:
    """A form from a regex with named groups, matched from the record's start to its end."""
    compiled = re2.compile(b"(?s)" + expression + rb"\r?\z")
    names = compiled.groupindex
    return Line(compiled, tuple(sorted(names, key=names.__getitem__)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Records of one of several forms, the first that fits.

    With `is_escaped`, values are escaped as nginx and Apache do it; else `undo` undoes what is written with a
    backslash, and `hidden` are the bytes that may be written so. `whole` is the name under which the record's own text
    is kept too.
    """

    lines: tuple[Line, ...]
    places: Mapping[str, TextPlace] = field(default_factory=dict)
    is_escaped: bool = False
    undo: Callable[[bytes], bytes] = bytes
    hidden: bytes = b'"\\'
    whole: str | None = None
    opaque: tuple[bytes, ...] = field(default=(), init=False)

    @property
    def inert(self) -> frozenset[int]:
        return PRINTABLE - frozenset(self.hidden)

    @property
    def signs(self) -> tuple[bytes, ...]:
        return escapes.FOLD_SIGNS if self.is_escaped else FOLD_SIGNS

    @property
    def names(self) -> frozenset[str]:
        found = {name for each in self.lines for name in each.names}
        return frozenset(found if self.whole is None else {*found, self.whole})

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:  # noqa: ARG002  (every sign may matter)
        return (), self.signs

    def decode(self, records: bytes) -> bytes:
        return escapes.undo_in_records(records) if self.is_escaped else fold(records)

    def place(self, name: str) -> Place:
        return self.places.get(name, ANYWHERE)

    def reader(self, wanted: frozenset[str] | None) -> Split:
        matchers = [(each.expression.match, _places(each.names, wanted)) for each in self.lines]
        undo = escapes.undo if self.is_escaped else self.undo
        whole = self.whole

        def split(raw: bytes) -> dict[str, Any] | None:
            for match_line, places in matchers:
                match = match_line(raw)
                if match is None:
                    continue
                values = match.groups(b"")
                found = {
                    name: str(undo(value) if b"\\" in value else value, "utf-8", "replace")
                    for place, name in places
                    if (value := values[place]) not in _ABSENT
                }
                if whole is not None:
                    found[whole] = str(raw.rstrip(b"\r"), "utf-8", "replace")
                return found
            return None

        return split


def _places(names: tuple[str, ...], wanted: frozenset[str] | None) -> tuple[tuple[int, str], ...]:
    """The groups that are wanted, with their places among all."""
    return tuple((place, name) for place, name in enumerate(names) if wanted is None or name in wanted)


@dataclass(frozen=True, slots=True)
class Patterns:
    """Text that is the message, and of which some forms say more: the groups of the first expression that fits."""

    expressions: tuple[re.Pattern[str], ...]
    table: Table

    @property
    def fields(self) -> tuple[str, ...]:
        return (ecs.MESSAGE, *(name for _, meaning in self.table for name in meaning.fields))

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        if not isinstance(value, str) or not value:
            return
        fields[ecs.MESSAGE] = value
        match = next((match for each in self.expressions if (match := each.match(value))), None)
        groups = match.groupdict() if match else {}
        for name, meaning in reversed(self.table):
            if groups.get(name):
                meaning.read(groups[name], fields)

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:
        if name == ecs.MESSAGE:
            return place.witness(literal, at_start=at_start, at_end=at_end)
        inner = TextPlace(body=place.body)
        found = [
            meaning.witness(name, inner, literal, at_start=at_start, at_end=at_end)
            for _, meaning in self.table
            if name in meaning.fields
        ]
        known = [each for each in found if each is not None]
        return any_of(known) if known and len(known) == len(found) else None

"""A line's form, made from the string by which its program is configured: nginx, Apache, HAProxy, Envoy, PostgreSQL.

Each of these languages is one regex for its variables and a table of what they are; this file is what they share. A
value ends where the text after its variable begins; between double quotes it may hold that byte escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sentinel.formats.base import FormatError, escape
from sentinel.formats.patterns import QUOTED_BODY, Line, TextPlace

QUOTED = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'


@dataclass(frozen=True, slots=True)
class Variable:
    """A value; `pattern` where it does not simply end at what follows."""

    name: str
    pattern: bytes | None = None


@dataclass(frozen=True, slots=True)
class Either:
    """Something that may stand there and is not read."""

    pattern: bytes


Piece = bytes | Variable | Either


@dataclass(frozen=True, slots=True, kw_only=True)
class Language:
    """How a program writes its templates: `variable` matches one, `means` gives its pieces."""

    name: str
    variable: re.Pattern[str]
    means: Callable[[re.Match[str]], Sequence[Piece]]
    patterns: Mapping[str, bytes] = field(default_factory=dict)

    def pieces(self, template: str) -> list[Piece]:
        """Text and values in their order, no two texts side by side."""
        found: list[Piece] = []
        for piece in self._cut(template):
            if isinstance(piece, bytes) and found and isinstance(found[-1], bytes):
                found[-1] += piece
            elif piece != b"":
                found.append(piece)
        return found

    def _cut(self, template: str) -> Iterator[Piece]:
        place = 0
        for match in self.variable.finditer(template):
            yield template[place : match.start()].encode()
            for piece in self.means(match):
                if isinstance(piece, Variable) and piece.name in self.patterns:
                    yield Variable(piece.name, self.patterns[piece.name])
                else:
                    yield piece
            place = match.end()
        yield template[place:].encode()


def compile_line(pieces: Sequence[Piece], end: bytes = rb"\r?\Z") -> tuple[Line, dict[str, TextPlace]]:
    """The form of a line, and where its values stand. Raises FormatError where it cannot be told where one ends."""
    expression = b""
    names: list[str] = []
    places: dict[str, TextPlace] = {}
    for number, piece in enumerate(pieces):
        before = pieces[number - 1] if number else b""
        after = pieces[number + 1] if number + 1 < len(pieces) else None
        match piece:
            case bytes():
                expression += re.escape(piece)
            case Either():
                # It may be absent.
                expression += b"(?:" + piece.pattern + b")?"
            case Variable():
                pattern, body = _value(piece, before, after)
                expression += b"(" + pattern + b")"
                # A name that is there twice has its first value.
                names.append(piece.name if piece.name not in names else "")
                places.setdefault(piece.name, TextPlace(_edge(before, -4, None), _edge(after, 0, 4), body))
    return Line(re.compile(expression + end, re.DOTALL), tuple(names)), places


def _value(piece: Variable, before: Piece, after: Piece | None) -> tuple[bytes, bytes]:
    """A pattern for the value, and one for a byte of it."""
    is_quoted = isinstance(before, bytes) and before.endswith(b'"') and isinstance(after, bytes) and after[:1] == b'"'
    if is_quoted:
        return QUOTED, QUOTED_BODY
    if piece.pattern is not None:
        return piece.pattern, rb"[^?\n]"
    if after is None:
        return rb"[^\r]*+", rb"[^?\n]"
    if not isinstance(after, bytes):
        raise FormatError(
            f"it cannot be told where '{piece.name}' ends: another variable follows at once",
            "put a space or another sign between them in the program's own configuration",
        )
    stop = b"\\x%02x" % after[0]
    return b"[^%b]*+" % stop, rb"[^?\n%b]" % stop


def _edge(piece: Piece | None, begin: int, end: int | None) -> bytes:
    text = piece[begin:end] if isinstance(piece, bytes) else b""
    return b"" if b"\\" in text or not text.isascii() else escape(text)


def join_lines(found: Sequence[tuple[Line, Mapping[str, TextPlace]]]) -> tuple[tuple[Line, ...], dict[str, TextPlace]]:
    """Several forms of one log. A value that does not stand in the same place in all of them may stand anywhere."""
    places: dict[str, TextPlace] = {}
    for _, each in found:
        for name, place in each.items():
            if places.setdefault(name, place) != place:
                places[name] = TextPlace()
    return tuple(line for line, _ in found), places

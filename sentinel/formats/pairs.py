"""Logs of `name=value` pairs, and logfmt, the plainest of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from sentinel.formats.base import FOLD_SIGNS, PRINTABLE, FormatOptions, escape, fold
from sentinel.formats.json_lines import TIME_FIELDS, JsonLines
from sentinel.formats.meanings import Place, Table
from sentinel.formats.patterns import ANYWHERE, TextPlace
from sentinel.formats.tabled import Split, Tabled, TimeNames, settings_of

Maker = Callable[[Mapping[str, Any], FormatOptions], Tabled]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """`split` reads a record. `hidden` are bytes that may be written escaped; `unhide` undoes what hides others, where
    a record has one of `marks`; `before_value` stands between a name and its value. `header` are the names whose values
    stand without them before the pairs.
    """

    split: Split
    hidden: bytes = b'"\\'
    before_value: bytes = b'="?'
    body: bytes = rb"[^?\n]"
    header: Mapping[str, TextPlace] = field(default_factory=dict)
    marks: tuple[bytes, ...] = ()
    unhide: Callable[[bytes], bytes] = fold
    opaque: tuple[bytes, ...] = field(default=(), init=False)

    @property
    def inert(self) -> frozenset[int]:
        return PRINTABLE - frozenset(self.hidden)

    @property
    def signs(self) -> tuple[bytes, ...]:
        return (*self.marks, *FOLD_SIGNS)

    @property
    def names(self) -> None:
        return None

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:  # noqa: ARG002  (every sign may matter)
        return self.marks, FOLD_SIGNS

    def decode(self, records: bytes) -> bytes:
        return self.unhide(records)

    def place(self, name: str) -> Place:
        if name in self.header:
            return self.header[name]
        key = name.encode("utf-8", "replace")
        if not key or not PRINTABLE.issuperset(key):
            return ANYWHERE
        return TextPlace(before=escape(key) + self.before_value, body=self.body)

    def reader(self, wanted: frozenset[str] | None) -> Split:  # noqa: ARG002  (reading all costs little more)
        return self.split


def make(name: str, splitter: Pairs, table: Table, time: TimeNames) -> Maker:
    """The registry's entry. Its maker raises FormatError for a setting: there is none."""

    def maker(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
        settings_of(name, settings)
        return Tabled(name=name, options=options, splitter=splitter, table=table, time=time)

    return maker


# --- logfmt: level=info msg="a b" ---------------------------------------------------------------------------

_LOGFMT: Final = re.compile(r'([^\s="]+)(?:=("(?:[^"\\]|\\.)*"|[^\s"]*))?(?=\s|\Z)|(\S)', re.DOTALL)


def _split_logfmt(raw: bytes) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    has_pair = False
    for match in _LOGFMT.finditer(raw.decode("utf-8", "replace")):
        name, value, stray = match.groups()
        if stray is not None:
            return None
        has_pair = has_pair or value is not None
        if value is None:
            found.setdefault(name, "")
        else:
            found[name] = _unquoted(value) if value[:1] == '"' else value
    return found if has_pair else None


def _unquoted(value: str) -> str:
    if "\\" not in value:
        return value[1:-1]
    try:
        meant = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return str(meant)


_JSON: Final = JsonLines(options=FormatOptions())
# Quoted values are escaped as in JSON.
LOGFMT: Final = Pairs(
    split=_split_logfmt, marks=_JSON.signs[:-3], unhide=_JSON.decode, body=rb'(?:[^"?\\\n]|\\[^\n])'
)  # fmt: skip
LOGFMT_TIME: Final[TimeNames] = (*TIME_FIELDS, "t", "datetime", ("date", "time"), "date")


def make_logfmt(name: str, table: Table = ()) -> Maker:
    """The registry's entry for logfmt, and for a program's own with a table."""
    return make(name, LOGFMT, table, LOGFMT_TIME)

"""Logs in columns: CSV, PostgreSQL's csvlog, and the W3C extended format that IIS writes.

A record is one line. A quoted value that goes on in the next line is whole only where the source joins such lines
(`multiline`); a part of one is not of the format.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import FOLD_SIGNS, PRINTABLE, FormatError, FormatOptions, escape, fold
from sentinel.formats.json_lines import TIME_FIELDS
from sentinel.formats.meanings import Address, Copy, Number, Place, Table, Url
from sentinel.formats.patterns import ANYWHERE, TextPlace
from sentinel.formats.statements import DB_NAME, DB_QUERY, POSTGRESQL_MESSAGE
from sentinel.formats.tabled import Split, Tabled, settings_of

Maker = Callable[[Mapping[str, Any], FormatOptions], Tabled]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Values between `delimiter`, in the order of `columns`; of these the last ones may be absent, down to `least`."""

    columns: tuple[str, ...]
    least: int
    delimiter: str = ","
    quote: str = '"'
    opaque: tuple[bytes, ...] = field(default=(), init=False)
    signs: tuple[bytes, ...] = field(default=FOLD_SIGNS, init=False)

    @property
    def inert(self) -> frozenset[int]:
        return PRINTABLE - frozenset(b'"\\' + self.quote.encode())

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.columns)

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:  # noqa: ARG002  (every sign may matter)
        return (), FOLD_SIGNS

    def decode(self, records: bytes) -> bytes:
        return fold(records)

    def place(self, name: str) -> Place:
        if name not in self.columns:
            return ANYWHERE
        edge = b"[%b%b]" % (escape(self.delimiter.encode()), escape(self.quote.encode()))
        number = self.columns.index(name)
        after = edge if number < self.least - 1 else b""
        return TextPlace(before=edge if number else b"", after=after)

    def reader(self, wanted: frozenset[str] | None) -> Split:  # noqa: ARG002  (reading all costs little more)
        columns, least = self.columns, self.least
        most = len(columns)
        cut = _cutter(self.delimiter, self.quote)

        def split(raw: bytes) -> dict[str, Any] | None:
            values = cut(raw.rstrip(b"\r").decode("utf-8", "replace"))
            if values is None or not least <= len(values) <= most:
                return None
            if values[0] == columns[0] and tuple(values) == columns:
                return {}  # the header
            return {name: value for name, value in zip(columns, values, strict=False) if value}

        return split


def _cutter(delimiter: str, quote: str) -> Callable[[str], list[str] | None]:
    """Cuts a line at its delimiters, those within quotes left alone (RFC 4180); None where a quote does not end."""
    sign, around = re.escape(delimiter), re.escape(quote)
    value = re.compile(
        f"(?:{around}((?:[^{around}]|{around}{around})*+){around}|([^{sign}{around}]*+))(?:{sign}|\\Z)", re.DOTALL
    )
    doubled = quote + quote

    def cut(text: str) -> list[str] | None:
        if quote not in text:
            return text.split(delimiter)
        found: list[str] = []
        place = 0
        while True:
            match = value.match(text, place)
            if match is None:
                return None
            quoted, bare = match.groups()
            found.append(bare if quoted is None else quoted.replace(doubled, quote))
            place = match.end()
            if place == len(text) and not (match[0].endswith(delimiter) and match[0] != quote):
                return found

    return cut


# --- CSV ----------------------------------------------------------------------------------------------------

_SETTINGS: Final = frozenset({"delimiter", "quote"})


def make_csv(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
    """The registry's entry: `{csv: [columns], delimiter: ';', quote: '"'}`. Raises FormatError."""
    columns = settings_of("csv", settings, _SETTINGS)
    if isinstance(columns, str):
        columns = [each.strip() for each in columns.split(settings.get("delimiter", ","))]
    if not isinstance(columns, list) or not columns or not all(isinstance(each, str) and each for each in columns):
        raise FormatError("format 'csv' needs the names of its columns", "{csv: [at, user.name, patient.id]}")
    if len(set(columns)) < len(columns):
        raise FormatError("two columns of format 'csv' have one name", "give every column a name of its own")
    delimiter, quote = settings.get("delimiter", ","), settings.get("quote", '"')
    for name, sign in (("delimiter", delimiter), ("quote", quote)):
        if not isinstance(sign, str) or len(sign) != 1 or not sign.isascii() or sign in "\r\n\\":
            raise FormatError(f"'{name}' of format 'csv' is one sign", f"{{csv: […], {name}: ';'}}")
    splitter = Rows(columns=tuple(columns), least=len(columns), delimiter=delimiter, quote=quote)
    time = (*TIME_FIELDS, "at", "datetime", ("date", "time"), "date")
    return Tabled(name="csv", options=options, splitter=splitter, table=(), time=time)


# --- PostgreSQL's csvlog ------------------------------------------------------------------------------------

_POSTGRESQL: Final = (
    "log_time", "user_name", "database_name", "process_id", "connection_from", "session_id", "session_line_num",
    "command_tag", "session_start_time", "virtual_transaction_id", "transaction_id", "error_severity",
    "sql_state_code", "message", "detail", "hint", "internal_query", "internal_query_pos", "context", "query",
    "query_pos", "location", "application_name", "backend_type", "leader_pid", "query_id",
)  # fmt: skip
"""Of release 14 and later; 13 ends before `leader_pid`, 12 and earlier before `backend_type`."""

POSTGRESQL_CSV_TABLE: Final[Table] = (
    ("user_name", Copy(ecs.USER_NAME)),
    ("database_name", Copy(DB_NAME)),
    ("connection_from", Address()),
    ("process_id", Number(ecs.PROCESS_PID)),
    ("application_name", Copy(ecs.SERVICE_NAME)),
    ("error_severity", Copy(ecs.LOG_LEVEL)),
    ("sql_state_code", Copy(ecs.ERROR_CODE)),
    ("query", Copy(DB_QUERY)),
    ("message", POSTGRESQL_MESSAGE),
)


def make_postgresql_csv(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
    """The registry's entry. Raises FormatError for a setting: there is none."""
    settings_of("postgresql_csv", settings)
    rows = Rows(columns=_POSTGRESQL, least=23)
    time = ("log_time",)
    return Tabled(name="postgresql_csv", options=options, splitter=rows, table=POSTGRESQL_CSV_TABLE, time=time)


# --- W3C extended (IIS) -------------------------------------------------------------------------------------

IIS_FIELDS: Final = (
    "date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs-username c-ip cs(User-Agent) cs(Referer) sc-status "
    "sc-substatus sc-win32-status time-taken"
)
"""What IIS writes unless told otherwise."""

_W3C_FIELDS: Final = b"#Fields:"
_PLUS: Final = frozenset(("cs(User-Agent)", "cs(Referer)", "cs(Cookie)"))


@dataclass(frozen=True, slots=True, kw_only=True)
class W3c:
    """Values between spaces. A line `#Fields: …` names those of the lines after it; `columns` hold until the first."""

    columns: tuple[str, ...]
    inert: frozenset[int] = field(default=PRINTABLE - frozenset(b'"\\ +'), init=False)
    opaque: tuple[bytes, ...] = field(default=(escape(_W3C_FIELDS),), init=False)
    signs: tuple[bytes, ...] = field(default=FOLD_SIGNS, init=False)

    @property
    def names(self) -> None:
        return None

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:  # noqa: ARG002  (every sign may matter)
        return (), FOLD_SIGNS

    def decode(self, records: bytes) -> bytes:
        return fold(records)

    def place(self, name: str) -> Place:  # noqa: ARG002  (columns may change)
        return TextPlace(before=b"", body=rb"[^? \n]")

    def reader(self, wanted: frozenset[str] | None) -> Split:  # noqa: ARG002  (reading all costs little more)
        columns = self.columns

        def split(raw: bytes) -> dict[str, Any] | None:
            nonlocal columns
            if raw.startswith(b"#"):
                if raw.startswith(_W3C_FIELDS):
                    columns = tuple(raw[len(_W3C_FIELDS) :].decode("utf-8", "replace").split())
                return {}
            values = raw.rstrip(b"\r ").decode("utf-8", "replace").split(" ")
            if len(values) != len(columns):
                return None
            return {
                name: value.replace("+", " ") if name in _PLUS else value
                for name, value in zip(columns, values, strict=True)
                if value not in ("-", "")
            }

        return split


W3C_TABLE: Final[Table] = (
    ("c-ip", Address()),
    ("c-port", Number(ecs.SOURCE_PORT)),
    ("cs-username", Copy(ecs.USER_NAME)),
    ("cs-method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("cs-uri", Url()),
    ("cs-uri-stem", Url()),
    ("cs-uri-query", Copy(ecs.URL_QUERY)),
    ("cs-host", Copy(ecs.URL_DOMAIN)),
    ("cs-version", Copy(ecs.HTTP_VERSION, prefix="HTTP/")),
    ("cs(User-Agent)", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("cs(Referer)", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("sc-status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("sc-bytes", Number(ecs.HTTP_RESPONSE_BYTES)),
    ("cs-bytes", Number(ecs.HTTP_REQUEST_BYTES)),
    ("s-ip", Copy(ecs.DESTINATION_IP)),
    ("s-port", Number(ecs.DESTINATION_PORT)),
    ("s-computername", Copy(ecs.HOST_HOSTNAME)),
)


def make_w3c(name: str) -> Maker:
    """The registry's entry: with the `#Fields` line as setting, or with what IIS writes unless told otherwise."""

    def maker(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
        fields = settings_of(name, settings)
        fields = IIS_FIELDS if fields is None else fields
        columns = tuple(fields.removeprefix("#Fields:").split()) if isinstance(fields, str) else ()
        if not columns:
            raise FormatError(
                f"format '{name}' takes the line that begins '#Fields:'", f"{{{name}: '{IIS_FIELDS[:40]}…'}}"
            )
        return Tabled(
            name=name, options=options, splitter=W3c(columns=columns), table=W3C_TABLE, time=(("date", "time"), "time")
        )

    return maker

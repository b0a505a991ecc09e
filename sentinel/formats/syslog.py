r"""Syslog as RFC 3164 and RFC 5424 describe it and as files hold it: with or without `<PRI>`, with either kind of time.

Plain `syslog` yields the text after the header as `message`. `{syslog: json}` reads that text by a second format; the
header's fields are added where the text has none of that name, and the text's own time goes before the header's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from sentinel import ecs
from sentinel.clock import Micros
from sentinel.formats.base import FOLD_SIGNS, PRINTABLE, Format, FormatError, FormatOptions, Parsed, Parser, fold
from sentinel.formats.times import Moment, iso_reader, yearless_reader

Make = Callable[[Any, FormatOptions], Format]
"""How the registry makes a format from a specification."""

_PRIORITY = rb"(?:<(0|[1-9][0-9]{0,2})>)?"
_TRADITIONAL = re.compile(
    _PRIORITY
    + rb"([A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}(?:[.,][0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}[^ ]*)"
    + rb" (?:([^ ]+) )?",
)
_STRUCTURED = (
    _PRIORITY
    + rb"1 (-|[0-9]{4}-[0-9]{2}-[0-9]{2}T[^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) ([^ ]+) "
    + rb'(-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+)(?: |$)(?:\xef\xbb\xbf)?'
)
_RFC5424 = re.compile(_STRUCTURED, re.DOTALL)
_TAG = re.compile(rb"([^ \[\]:]{1,48})(?:\[([^\] ]*)\])?: ?")
_ELEMENT = re.compile(rb'\[([^ =\]"]+)((?: +[^ =\]"]+="(?:[^"\\]|\\.)*")*) *\]', re.DOTALL)
_PARAMETER = re.compile(rb'([^ =\]"]+)="((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(rb'\\(["\\\]])')
_PID = re.compile(rb"0|[1-9][0-9]{0,9}")
_COOKIE = re.compile(rb"(?:@cee:)? *")
_ABSENT = b"-"

_EDGES: Final[Mapping[str, tuple[bytes, bytes]]] = {
    ecs.HOST_HOSTNAME: (b" ", b" "),
    ecs.PROCESS_NAME: (b" ", rb"[\[: ]"),
    ecs.PROCESS_PID: (rb"[\[ ]", rb"[\] ]"),
    ecs.LOG_SYSLOG_PRIORITY: (b"<", b">"),
    ecs.LOG_SYSLOG_MSGID: (b" ", b" "),
}
_DERIVED: Final = (ecs.LOG_SYSLOG_FACILITY_CODE, ecs.LOG_SYSLOG_SEVERITY_CODE)


class Header(NamedTuple):
    """What stands before the text, as written, and where the text begins."""

    priority: bytes | None
    time: bytes
    host: bytes
    process: bytes
    pid: bytes
    msgid: bytes
    structured: bytes
    end: int


def make(settings: Mapping[str, Any], options: FormatOptions, make_inner: Make) -> Syslog:
    """The registry's entry. `{syslog: SPEC}` names the format of the text. Raises FormatError for another setting."""
    for setting in settings.keys() - {"syslog"}:
        raise FormatError(f"format 'syslog' has no setting '{setting}'", "write `format: {syslog: json}`")
    inner = settings.get("syslog")
    if inner is None:
        return Syslog(options=options, inner=None)
    made = make_inner(inner, options)
    if isinstance(made, Syslog):
        raise FormatError("format 'syslog' holds another format, not itself", "write `format: syslog`")
    return Syslog(options=options, inner=made)


@dataclass(frozen=True, slots=True, kw_only=True)
class Syslog:
    """A syslog header, and the text after it read by `inner`, or as `message` where that is None."""

    options: FormatOptions
    inner: Format | None

    @property
    def name(self) -> str:
        return f"syslog+{self.inner.name}" if self.inner else "syslog"

    @property
    def inert(self) -> frozenset[int]:
        """Structured data escapes `"`, a backslash and `]`."""
        return (self.inner.inert if self.inner else PRINTABLE) - frozenset(b'"\\]')

    @property
    def signs(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys((*(self.inner.signs if self.inner else ()), *FOLD_SIGNS)))

    @property
    def opaque(self) -> tuple[bytes, ...]:
        return self.inner.opaque if self.inner else ()

    @property
    def fields(self) -> None:
        return None

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        plain, hidden = self.inner.signs_for(patterns) if self.inner else ((), ())
        return plain, tuple(dict.fromkeys((*hidden, *FOLD_SIGNS)))

    def decode(self, records: bytes) -> bytes:
        if self.inner is None:
            return fold(records)
        lines = records.split(b"\n")
        texts = self.inner.decode(b"\n".join(_text_of(line) for line in lines))
        both = zip(lines, texts.split(b"\n"), strict=True)
        return b"\n".join(fold(line) + b" " + text if line else line for line, text in both)

    def witness(self, field: str, literal: bytes, at_start: bool, at_end: bool) -> bytes | None:
        if field in _DERIVED:
            return None
        of_text = self.inner.witness(field, literal, at_start, at_end) if self.inner else literal
        if field == ecs.MESSAGE or of_text is None:
            return of_text
        if field.startswith(ecs.LOG_SYSLOG_STRUCTURED_DATA):
            return literal if self.inner is None else rb"(?:%b|%b)" % (literal, of_text)
        if field not in _EDGES:
            return of_text
        before, after = _EDGES[field]
        of_header = (before if at_start else b"") + literal + (after if at_end else b"")
        return of_header if self.inner is None else rb"(?:%b|%b)" % (of_header, of_text)

    def parser(self, used: frozenset[str] | None) -> Parser:
        iso, yearless = iso_reader(self.options.timezone), yearless_reader(self.options.timezone)
        parse_text = self.inner.parser(used) if self.inner else None
        prefixes = (*_EDGES, *_DERIVED, ecs.LOG_SYSLOG_STRUCTURED_DATA)
        wants_header = used is None or any(name.startswith(prefixes) for name in used)

        def time_of(written: bytes, reference: Micros) -> Moment | None:
            text = written.decode("ascii", "replace")
            return iso(text) or yearless(text, reference)

        def parse(raw: bytes, reference: Micros) -> Parsed | None:
            header = _read_header(raw)
            if header is None:
                return None
            text = raw[header.end :].rstrip(b"\r")
            fields = _header_fields(header) if wants_header else {}
            moment = time_of(header.time, reference)
            if parse_text is not None:
                parsed = parse_text(_without_cookie(text), reference)
                if parsed is not None:
                    of_text, micros, digits = parsed
                    if micros is not None:
                        moment = (micros, digits)
                    fields.update(of_text)
                    return (fields, None, 0) if moment is None else (fields, *moment)
            fields[ecs.MESSAGE] = text.decode("utf-8", "replace")
            return (fields, None, 0) if moment is None else (fields, *moment)

        return parse


def _read_header(raw: bytes) -> Header | None:
    match = _RFC5424.match(raw)
    if match is not None:
        priority, time, host, process, pid, msgid, structured = match.groups()
        return Header(priority, time, host, process, pid, msgid, structured, match.end())
    match = _TRADITIONAL.match(raw)
    if match is None:
        return None
    priority, time, host = match.groups()
    end = match.end()
    if host is None or host.endswith(b":") or b"[" in host:
        # No host name: what stands in its place is the tag.
        end, host = match.end(2) + 1, _ABSENT
    tag = _TAG.match(raw, end)
    if tag is None:
        return Header(priority, time, host, _ABSENT, _ABSENT, _ABSENT, _ABSENT, end)
    return Header(priority, time, host, tag[1], tag[2] or _ABSENT, _ABSENT, _ABSENT, tag.end())


def _header_fields(header: Header) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    if header.priority is not None:
        priority = int(header.priority)
        fields[ecs.LOG_SYSLOG_PRIORITY] = priority
        fields[ecs.LOG_SYSLOG_FACILITY_CODE], fields[ecs.LOG_SYSLOG_SEVERITY_CODE] = divmod(priority, 8)
    for name, written in (
        (ecs.HOST_HOSTNAME, header.host),
        (ecs.PROCESS_NAME, header.process),
        (ecs.LOG_SYSLOG_MSGID, header.msgid),
    ):
        if written != _ABSENT:
            fields[name] = written.decode("utf-8", "replace")
    if _PID.fullmatch(header.pid):
        fields[ecs.PROCESS_PID] = int(header.pid)
    if header.structured != _ABSENT:
        fields[ecs.LOG_SYSLOG_STRUCTURED_DATA] = {
            element[1].decode("utf-8", "replace"): {
                parameter[1].decode("utf-8", "replace"): _ESCAPED.sub(rb"\1", parameter[2]).decode("utf-8", "replace")
                for parameter in _PARAMETER.finditer(element[2])
            }
            for element in _ELEMENT.finditer(header.structured)
        }
    return fields


def _text_of(record: bytes) -> bytes:
    header = _read_header(record)
    return b"" if header is None else _without_cookie(record[header.end :].rstrip(b"\r"))


def _without_cookie(text: bytes) -> bytes:
    """Writers of CEE put `@cee:` before their JSON."""
    match = _COOKIE.match(text)
    return text[match.end() :] if match else text

r"""Access logs of nginx and Apache: common, combined, and combined with the virtual host in front.

nginx writes `"`, `\`, control bytes and bytes from 0x7F up as `\xHH`; Apache writes `\"`, `\\`, `\n` and the like, and
`\xhh` for the rest. Neither ever escapes printable ASCII but those two, so one reader serves both, and an escape never
hides a byte that rules are scanned for. What does hide one is the path: `url.path` is decoded, the record is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from sentinel import ecs
from sentinel.clock import Micros
from sentinel.formats import access_line, escapes
from sentinel.formats.base import PRINTABLE, FormatError, FormatOptions, Parsed, Parser, fold
from sentinel.formats.paths import host_of, normalise, split_target
from sentinel.formats.times import access_reader

_NOT_QUOTED = rb'[^"\\]*(?:\\.[^"\\]*)*'
_WITH_ESCAPED_QUOTES = re.compile(rb'(%b)"(%b)"([^"]*)(?:"(%b)"[^"]*"(%b)")?' % ((_NOT_QUOTED,) * 4), re.DOTALL)
_METHOD = re.compile(rb"[A-Za-z][A-Za-z_-]{0,31}")
_ADDRESS = re.compile(rb"[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*(?:%[0-9A-Za-z]+)?")
_STATUS = re.compile(rb"[1-9][0-9]{2}")
_COUNT = re.compile(rb"0|[1-9][0-9]{0,17}")
_KNOWN_METHODS = frozenset(b"GET POST HEAD PUT DELETE OPTIONS PATCH PROPFIND CONNECT TRACE".split())
_ABSENT = b"-"

# `] "` stands nowhere but before the request. What follows may be odd only before the `?`.
_ODD_PATH = (
    rb'\] "(?:[^"?\\\n]|\\[^\n])*'
    rb'(?:%[0-9a-f]{2}|//|/\.\.?[/ ?"#;]|[;#])'
)


class Edges(NamedTuple):
    """What stands around a field: as patterns in the record, and as bytes where `decode` writes the field."""

    before: bytes
    after: bytes
    written_before: bytes
    written_after: bytes


_EDGES: Final[Mapping[str, Edges]] = {
    ecs.SOURCE_ADDRESS: Edges(b"", b" ", b" ", b" "),
    ecs.SOURCE_IP: Edges(b"", b" ", b" ", b" "),
    ecs.USER_NAME: Edges(b" ", rb" \[", b" ", b" ["),
    ecs.HTTP_REQUEST_METHOD: Edges(b'"', b" ", b'"', b" "),
    ecs.URL_ORIGINAL: Edges(b" ", b'[ "]', b" ", b" "),
    ecs.URL_PATH: Edges(b" ", b'[ ?"]', b" ", b" "),
    ecs.URL_QUERY: Edges(rb"\?", b'[ #"]', b"?", b" "),
    ecs.URL_DOMAIN: Edges(b"", b"[ :/?#]", b"/", b"/"),
    ecs.HTTP_VERSION: Edges(b"HTTP/", b'"', b"HTTP/", b'"'),
    ecs.HTTP_RESPONSE_STATUS_CODE: Edges(b'" ', rb"\b", b'" ', b" "),
    ecs.HTTP_RESPONSE_BODY_BYTES: Edges(b'" [0-9-]{1,3} ', rb"\b", b'" - ', b" "),
    ecs.HTTP_REQUEST_REFERRER: Edges(b'"', b'"', b'"', b'"'),
    ecs.USER_AGENT_ORIGINAL: Edges(b'"', b'"', b'"', b'"'),
    ecs.MESSAGE: Edges(b"", b"", b"", b""),
}


def make(name: str, has_host: bool = False) -> Callable[[Mapping[str, Any], FormatOptions], AccessLog]:
    """The registry's entry for one kind of access log. Its maker raises FormatError for a setting: there is none."""

    def maker(settings: Mapping[str, Any], options: FormatOptions) -> AccessLog:
        for setting in settings.keys() - {name}:
            raise FormatError(f"format '{name}' has no setting '{setting}'", f"write `format: {name}`")
        return AccessLog(name=name, has_host=has_host, options=options)

    return maker


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessLog:
    """An access log; with `has_host` each record begins with the virtual host and its port."""

    name: str
    has_host: bool
    options: FormatOptions
    inert: frozenset[int] = field(default=PRINTABLE - frozenset(b'"\\'), init=False)
    signs: tuple[bytes, ...] = field(default=(_ODD_PATH, *escapes.FOLD_SIGNS), init=False)
    opaque: tuple[bytes, ...] = field(default=(), init=False)

    @property
    def fields(self) -> frozenset[str]:
        return frozenset((*_EDGES, ecs.EVENT_KIND))

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:  # noqa: ARG002  (every sign may matter)
        return (_ODD_PATH,), escapes.FOLD_SIGNS

    def decode(self, records: bytes) -> bytes:
        parse = self.parser(None)
        count = 3 if self.has_host else 2
        return b"\n".join(
            # Of plain ASCII without escapes only the target can be written otherwise than it is meant.
            _with_target(record, count) if record.isascii() and b"\\" not in record else _with_fields(record, parse)
            for record in records.split(b"\n")
        )

    def witness(self, field: str, literal: bytes, at_start: bool, at_end: bool) -> bytes | None:
        edges = _EDGES.get(field)
        if edges is None:
            # No record has the field but `event.kind`, which is not written in the record.
            return None
        return (edges.before if at_start else b"") + literal + (edges.after if at_end else b"")

    def parser(self, used: frozenset[str] | None) -> Parser:
        known = frozenset((*_EDGES, ecs.EVENT_KIND))
        wanted = known if used is None else used & known
        columns = [(index, name, read) for index, name, read in _COLUMNS if name in wanted]
        request_columns = [(index, name, read) for index, name, read in _REQUEST_COLUMNS if name in wanted]
        wants_request = bool(request_columns) or not wanted.isdisjoint((*_TARGET_FIELDS, ecs.MESSAGE))
        wants_target = not wanted.isdisjoint(_TARGET_FIELDS)
        names_before_user = 3 if self.has_host else 2
        wants_host = self.has_host and ecs.URL_DOMAIN in wanted
        read_time = access_reader(self.options.timezone)

        def parse(raw: bytes, _reference: Micros) -> Parsed | None:
            pieces = _split(raw, names_before_user) or _split_nameless(raw, names_before_user)
            if pieces is None:
                return None
            fields: dict[str, Any] = {}
            for index, name, read in columns:
                written = pieces[index]
                if written != _ABSENT and (value := read(written)) is not None:
                    fields[name] = value
            if wants_request:
                request = _split_request(pieces[_REQUEST])
                if request is not None:
                    for index, name, read in request_columns:
                        if (value := read(request[index])) is not None:
                            fields[name] = value
                    if wants_target:
                        _add_target(fields, request[1], wanted)
                elif ecs.MESSAGE in wanted and pieces[_REQUEST] not in (b"", _ABSENT):
                    fields[ecs.MESSAGE] = _text(pieces[_REQUEST])
            if wants_host:
                fields[ecs.URL_DOMAIN] = _text(host_of(pieces[_HOST]))
            moment = read_time(pieces[_TIME])
            return (fields, None, 0) if moment is None else (fields, *moment)

        return access_line.reader(wanted, has_host=self.has_host, read_time=read_time, general=parse)


def _split(raw: bytes, names_before_user: int) -> tuple[bytes, ...] | None:
    """Host, address, user, time, request, status, bytes, referrer, user agent as written; None for another format."""
    if b'\\"' in raw:
        match = _WITH_ESCAPED_QUOTES.match(raw)
        if match is None:
            return None
        head, request, tail, referrer, agent = match.groups(_ABSENT)
    else:
        parts = raw.split(b'"', 6)
        if len(parts) < 3:
            return None
        head, request, tail = parts[:3]
        referrer, agent = (parts[3], parts[5]) if len(parts) == 7 else (_ABSENT, _ABSENT)
    # The last ` [`: a user name is what the client sent, and may hold one too.
    bracket = head.rfind(b" [")
    if bracket < 0 or head[-2:] != b"] ":
        return None
    names = head[:bracket].split(b" ", names_before_user)
    numbers = tail.split(b" ", 3)
    if len(names) <= names_before_user or not all(names) or len(numbers) < 2 or numbers[0]:
        return None
    status = numbers[1].rstrip(b"\r")
    if not (len(status) == 3 and status.isdigit()) and status != _ABSENT:
        return None
    count = numbers[2].rstrip(b"\r") if len(numbers) > 2 else _ABSENT
    time = head[bracket + 2 : -2]
    return names[0], names[-3], names[-1], time, request, status, count, referrer, agent


def _split_nameless(raw: bytes, names_before_user: int) -> tuple[bytes, ...] | None:
    """Apache writes an empty user name as two quotes."""
    return _split(raw.replace(b' "" [', b" - [", 1), names_before_user) if b' "" [' in raw else None


def _split_request(request: bytes) -> tuple[bytes, bytes, bytes] | None:
    """Method, target and `HTTP/…` of a request line; None where it is none. Old servers let spaces into the target."""
    method, _, rest = request.partition(b" ")
    if method not in _KNOWN_METHODS and _METHOD.fullmatch(method) is None:
        return None
    target, _, version = rest.rpartition(b" ")
    if not version.startswith(b"HTTP/"):
        # HTTP/0.9 has no version.
        target, version = rest, b""
    return (method, target, version) if target else None


def _add_target(fields: dict[str, Any], written: bytes, wanted: frozenset[str]) -> None:
    target = split_target(escapes.undo(written) if b"\\" in written else written)
    if target.path is not None and (ecs.URL_PATH in wanted or ecs.EVENT_KIND in wanted):
        fields[ecs.URL_PATH], is_sound = normalise(target.path)
        if not is_sound:
            fields[ecs.EVENT_KIND] = ecs.PIPELINE_ERROR
    if target.query is not None and ecs.URL_QUERY in wanted:
        fields[ecs.URL_QUERY] = target.query.decode("utf-8", "replace")
    if target.domain is not None and ecs.URL_DOMAIN in wanted:
        fields[ecs.URL_DOMAIN] = target.domain.decode("utf-8", "replace")


def _with_target(record: bytes, names_before_user: int) -> bytes:
    """The record, and after it the path and the host that its request asks for."""
    pieces = _split(record, names_before_user) or _split_nameless(record, names_before_user)
    request = _split_request(pieces[_REQUEST]) if pieces else None
    if request is None:
        return record
    target = split_target(request[1])
    parts = [record]
    if target.path is not None:
        path = normalise(target.path)[0].encode()
        parts += (b" ", path if path.isascii() else fold(path), b" ")
    if target.domain is not None:
        parts += (b"/", target.domain, b"/")
    # The path may hold what was percent-encoded: a newline too.
    return b"".join(parts).replace(b"\n", b" ")


def _with_fields(record: bytes, parse: Parser) -> bytes:
    """The record, and after it every field as parsed, between the edges that `witness` promises."""
    parts = [fold(record)]
    parsed = parse(record, 0)
    for name, value in parsed[0].items() if parsed else ():
        edges = _EDGES.get(name)
        if edges is not None:
            text = fold(str(value).encode().replace(b"\n", b" "))
            parts += (edges.written_before, text, edges.written_after)
    return b"".join(parts)


def _text(written: bytes) -> str:
    return str(escapes.undo(written) if b"\\" in written else written, "utf-8", "replace")


def _version(written: bytes) -> str | None:
    return _text(written[5:]) if written else None


def _status(written: bytes) -> int | None:
    return int(written) if _STATUS.fullmatch(written) else None


def _count(written: bytes) -> int | None:
    return int(written) if _COUNT.fullmatch(written) else None


def _ip(written: bytes) -> str | None:
    return written.decode() if _ADDRESS.fullmatch(written) else None


_HOST, _TIME, _REQUEST = 0, 3, 4  # places in what `_split` gives
_COLUMNS: Final[tuple[tuple[int, str, Callable[[bytes], Any]], ...]] = (
    (1, ecs.SOURCE_ADDRESS, _text),
    (1, ecs.SOURCE_IP, _ip),
    (2, ecs.USER_NAME, _text),
    (5, ecs.HTTP_RESPONSE_STATUS_CODE, _status),
    (6, ecs.HTTP_RESPONSE_BODY_BYTES, _count),
    (7, ecs.HTTP_REQUEST_REFERRER, _text),
    (8, ecs.USER_AGENT_ORIGINAL, _text),
)
_REQUEST_COLUMNS: Final[tuple[tuple[int, str, Callable[[bytes], Any]], ...]] = (
    (0, ecs.HTTP_REQUEST_METHOD, _text),
    (1, ecs.URL_ORIGINAL, _text),
    (2, ecs.HTTP_VERSION, _version),
)
_TARGET_FIELDS: Final = (ecs.URL_PATH, ecs.URL_QUERY, ecs.URL_DOMAIN, ecs.EVENT_KIND)

"""Access logs described by their server's own string: nginx's `log_format`, Apache's `LogFormat`.

The whole directive may be given as it stands in the server's configuration, or its string alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import FormatError, FormatOptions
from sentinel.formats.meanings import Address, Copy, Number, Request, Table, Url
from sentinel.formats.patterns import Lines
from sentinel.formats.tabled import Tabled, TimeNames, settings_of
from sentinel.formats.templates import Language, Piece, Variable, compile_line

_FREE = rb'(?:[^"\\]|\\.)*?'
"""A user name: whatever a client can send; a quote in it is escaped."""

_HOST = rb'[^/ "\[\]]*+|\[[^\]]*+\][^/ "]*+'
_CLOCK = rb"[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9:]{8} [+-][0-9]{4}"


def _nginx_pieces(match: re.Match[str]) -> Sequence[Piece]:
    return (Variable(match[1] or match[2]),)


NGINX: Final = Language(
    name="nginx",
    variable=re.compile(r"\$(?:(\w+)|\{(\w+)\})"),
    means=_nginx_pieces,
    patterns={
        "remote_user": _FREE, "time_local": _CLOCK, "host": _HOST, "http_host": _HOST, "server_name": _HOST,
        "scheme": rb"[a-z]*+", "status": rb"[0-9]*+", "body_bytes_sent": rb"[0-9]*+", "bytes_sent": rb"[0-9]*+",
    },
)  # fmt: skip

NGINX_TABLE: Final[Table] = (
    ("remote_addr", Address()),
    ("remote_port", Number(ecs.SOURCE_PORT)),
    ("remote_user", Copy(ecs.USER_NAME)),
    ("request", Request()),
    ("request_method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("request_uri", Url()),
    ("uri", Url()),
    ("document_uri", Url()),
    ("args", Copy(ecs.URL_QUERY)),
    ("query_string", Copy(ecs.URL_QUERY)),
    ("host", Copy(ecs.URL_DOMAIN)),
    ("http_host", Copy(ecs.URL_DOMAIN)),
    ("server_name", Copy(ecs.URL_DOMAIN)),
    ("scheme", Copy(ecs.URL_SCHEME)),
    ("status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("body_bytes_sent", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("bytes_sent", Number(ecs.HTTP_RESPONSE_BYTES)),
    ("request_length", Number(ecs.HTTP_REQUEST_BYTES)),
    ("request_id", Copy(ecs.HTTP_REQUEST_ID)),
    ("http_referer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("http_user_agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("pid", Number(ecs.PROCESS_PID)),
)
NGINX_TIME: Final[TimeNames] = ("time_iso8601", "msec", "time_local")


def _apache_pieces(match: re.Match[str]) -> Sequence[Piece]:
    argument, letter = match[1], match[2]
    if letter == "%":
        return (b"%",)
    if letter == "t":
        if argument is None:
            return (b"[", Variable("t"), b"]")
        return (Variable("t" if argument in _COUNTS or "%" in argument else f"t {argument}"),)
    if argument is not None:
        return (Variable(f"{argument.lower()} {letter}"),)
    return (Variable(letter),)


_COUNTS: Final = frozenset({"sec", "msec", "usec", "begin:sec", "begin:msec", "begin:usec"})

APACHE: Final = Language(
    name="apache",
    variable=re.compile(r"%[!0-9,<>]*(?:\{([^}]*)\})?(\^[a-z]{2}|[A-Za-z%])"),
    means=_apache_pieces,
    patterns={
        "U": rb'(?:[^?"\\]|\\.)*?',
        "q": rb'(?:\?(?:[^ "\\]|\\.)*+)?',
        "u": _FREE,
        "v": _HOST,
        "V": _HOST,
        "s": rb"[0-9]*+|-",
        "b": rb"[0-9]*+|-",
        "B": rb"[0-9]*+",
    },
)

APACHE_TABLE: Final[Table] = (
    ("a", Address()),
    ("h", Address()),
    ("remote p", Number(ecs.SOURCE_PORT)),
    ("u", Copy(ecs.USER_NAME)),
    ("r", Request()),
    ("m", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("U", Url()),
    ("q", Copy(ecs.URL_QUERY, prefix="?")),
    ("host i", Copy(ecs.URL_DOMAIN)),
    ("V", Copy(ecs.URL_DOMAIN)),
    ("v", Copy(ecs.URL_DOMAIN)),
    ("s", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("b", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("B", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("O", Number(ecs.HTTP_RESPONSE_BYTES)),
    ("I", Number(ecs.HTTP_REQUEST_BYTES)),
    ("referer i", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("user-agent i", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("P", Number(ecs.PROCESS_PID)),
    ("L", Copy(ecs.EVENT_ID)),
)
APACHE_TIME: Final[TimeNames] = ("t",)

Maker = Callable[[Mapping[str, Any], FormatOptions], Tabled]


def template_of(written: Any, name: str, directive: str) -> str:
    """The string, out of the directive if that was given. Raises FormatError where there is none."""
    if not isinstance(written, str) or not written.strip():
        raise FormatError(f"format '{name}' takes the server's own {directive} string", f"{{{name}: '…'}}")
    text = written.strip()
    if not text.lower().startswith(directive.lower()):
        return written
    rest = re.sub(r"(?i)^\w+\s+(?:[\w-]+\s+)?(?:escape=\w+\s+)?", "", text).rstrip("; \n")
    if directive == "log_format":
        found = re.findall(r"""'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)\"""", rest)
        return re.sub(r"\\(.)", r"\1", "".join(single or double for single, double in found)) or rest
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"', rest)
    return re.sub(r'\\(["\\])', r"\1", quoted[1]) if quoted else rest


def make(name: str, language: Language, directive: str, table: Table, time: TimeNames) -> Maker:
    """The registry's entry for access logs by template. Its maker raises FormatError."""

    def maker(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
        template = template_of(settings_of(name, settings), name, directive)
        if template.lstrip().startswith("{"):
            raise FormatError(f"this {directive} writes JSON", "write `format: json`")
        pieces = language.pieces(template)
        if not any(isinstance(piece, Variable) for piece in pieces):
            raise FormatError(f"the {directive} string has no variable", f"give it as it stands in {name}'s own file")
        line, places = compile_line(pieces)
        splitter = Lines(lines=(line,), places=places, is_escaped=True)
        return Tabled(name=name, options=options, splitter=splitter, table=table, time=time)

    return maker

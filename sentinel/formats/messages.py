"""Logs of fixed forms that no template describes: error logs, sshd, sudo, PostgreSQL, and what frameworks write.

Each is its regexes, tried in their order, and a table. A record that none fits is not of the format; inside syslog or
a container it is the message.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import FormatError, FormatOptions
from sentinel.formats.meanings import Address, Choice, Copy, Number, Request, Table, Url
from sentinel.formats.patterns import Line, Lines, TextPlace, line
from sentinel.formats.statements import DB_NAME, DB_QUERY, DB_TABLE, KEYCLOAK_EVENT, POSTGRESQL_MESSAGE
from sentinel.formats.tabled import Tabled, TimeNames, settings_of
from sentinel.formats.templates import Either, Language, Piece, Variable, compile_line

Maker = Callable[[Mapping[str, Any], FormatOptions], Tabled]

WHOLE: Final = "whole"
"""The record's own text, for logs of which the regexes read only a part."""


def make(
    name: str, lines: tuple[Line, ...], table: Table, time: TimeNames = ("time",), *, keeps_text: bool = False
) -> Maker:
    """The registry's entry for logs of these forms. Its maker raises FormatError for a setting: there is none."""
    rows = ((WHOLE, Copy(ecs.MESSAGE)), *table) if keeps_text else table

    def maker(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
        settings_of(name, settings)
        splitter = Lines(lines=lines, places=_REQUESTS, whole=WHOLE if keeps_text else None)
        return Tabled(name=name, options=options, splitter=splitter, table=rows, time=time)

    return maker


_IN_QUOTES: Final = TextPlace(before=b'"', body=rb'[^"?\n]')
_REQUESTS: Final = {"request": _IN_QUOTES, "target": _IN_QUOTES}

_ISO: Final = rb"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{8}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9:]{4,6})?"
_LEVEL: Final = rb"(?P<level>[A-Za-z]+)"

# --- error logs of web servers ------------------------------------------------------------------------------

NGINX_ERROR: Final = (
    line(
        rb"(?P<time>[0-9]{4}/[0-9]{2}/[0-9]{2} [0-9:]{8}) \[(?P<level>[a-z]+)\] (?P<pid>[0-9]+)#(?P<thread>[0-9]+): "
        rb"(?:\*(?P<connection>[0-9]+) )?(?P<text>.*?)"
        # What follows a quote in the request is not read: the client chose it.
        rb'(?:, client: (?P<client>[^ ,]+)(?:, server: (?P<server>[^,"]*))?(?:, request: "(?P<request>[^"]*)")?'
        rb'(?:, (?:sub)?request: "[^"]*")?(?:, upstream: "(?P<upstream>[^"]*)")?(?:, host: "(?P<host>[^"]*)")?'
        rb'(?:, referrer: "(?P<referrer>.*)")?.*)?'
    ),
)
NGINX_ERROR_TABLE: Final[Table] = (
    ("client", Address()),
    ("request", Request()),
    ("host", Copy(ecs.URL_DOMAIN)),
    ("referrer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("pid", Number(ecs.PROCESS_PID)),
    ("text", Copy(ecs.MESSAGE)),
)

APACHE_ERROR: Final = (
    line(
        rb"\[(?P<time>[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9:.]+ [0-9]{4})\] "
        rb"\[(?:(?P<module>[a-z0-9_]*):)?(?P<level>[a-z0-9]+)\] "
        rb"(?:\[pid (?P<pid>[0-9]+)(?::tid (?P<thread>[0-9]+))?\] )?"
        rb"(?:\[client (?P<client>[^\]]*)\] )?(?:(?P<code>AH[0-9]{5}): )?(?P<text>.*?)(?:, referer: (?P<referrer>.*))?"
    ),
)
APACHE_ERROR_TABLE: Final[Table] = (
    ("client", Address()),
    ("referrer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("module", Copy(ecs.LOG_LOGGER)),
    ("code", Copy(ecs.ERROR_CODE)),
    ("pid", Number(ecs.PROCESS_PID)),
    ("text", Copy(ecs.MESSAGE)),
)

# --- sshd, sudo, su -----------------------------------------------------------------------------------------

_FROM: Final = rb"from (?P<client>[^ ]+) port (?P<port>[0-9]+)"

SSHD: Final = (
    line(
        rb"(?P<verdict>Accepted|Failed|Postponed) (?P<method>[^ ]+) for (?:invalid user )?(?P<user>.*) " + _FROM
        + rb"(?: [^ ]+)?(?:: (?P<key>.*))?"
    ),
    line(rb"(?P<verdict>Invalid) user (?P<user>.*) " + _FROM),
    line(rb"(?P<disconnect>Disconnected) from (?:(?:invalid |authenticating )?user (?P<user>.*) )?(?P<client>[^ ]+) "
         rb"port (?P<port>[0-9]+)(?: \[[a-z]+\])?"),
    line(rb"(?P<connection>Connection) (?:closed|reset) by (?:(?:invalid |authenticating )?user (?P<user>.*) )?"
         rb"(?P<client>[^ ]+) port (?P<port>[0-9]+)(?: \[[a-z]+\])?"),
    line(rb"Received (?P<disconnect>disconnect) " + _FROM + rb".*"),
    line(rb"User (?P<user>.*) (?P<refused>not allowed) because .*"),
    line(rb"pam_unix\(sshd:[a-z]+\): session (?P<session>opened|closed) for user (?P<user>[^ (]+).*"),
)  # fmt: skip
SSHD_TABLE: Final[Table] = (
    ("client", Address()),
    ("port", Number(ecs.SOURCE_PORT)),
    ("user", Copy(ecs.USER_NAME)),
    ("verdict", Choice(ecs.EVENT_OUTCOME, {"Accepted": "success", "Failed": "failure", "Invalid": "failure"})),
    ("verdict", Choice(ecs.EVENT_ACTION, dict.fromkeys(("Accepted", "Failed", "Invalid", "Postponed"), "ssh_login"))),
    ("refused", Choice(ecs.EVENT_OUTCOME, {"not allowed": "failure"})),
    ("refused", Choice(ecs.EVENT_ACTION, {"not allowed": "ssh_login"})),
    ("disconnect", Choice(ecs.EVENT_ACTION, dict.fromkeys(("Disconnected", "disconnect"), "ssh_logout"))),
    ("session", Choice(ecs.EVENT_ACTION, {"opened": "session_opened", "closed": "session_closed"})),
)

_PAIRS: Final = (
    rb"(?:TTY=(?P<tty>[^;]*?) ; )?(?:PWD=(?P<folder>[^;]*?) ; )?USER=(?P<account>[^;]*?)(?: ; GROUP=[^;]*?)?"
    rb"(?: ; TSID=[^;]*?)?(?: ; ENV=[^;]*?)?"
)
SUDO: Final = (
    # The second form is that of sudo's own log file.
    line(
        rb"(?:(?P<time>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8}) :)? *(?P<user>[^ ]+) : (?:(?P<failure>[^;=]+?) ; )?"
        + _PAIRS
        + rb"(?: ; COMMAND=(?P<command>.*))?"
    ),
    line(rb"pam_unix\(sudo(?:-i)?:[a-z]+\): session (?P<session>opened|closed) for user (?P<account>[^ (]+).*"),
)
SUDO_TABLE: Final[Table] = (
    ("user", Copy(ecs.USER_NAME)),
    ("account", Copy(ecs.USER_EFFECTIVE_NAME)),
    ("command", Copy(ecs.PROCESS_COMMAND_LINE)),
    ("folder", Copy(ecs.PROCESS_WORKING_DIRECTORY)),
    ("failure", Copy(ecs.ERROR_MESSAGE)),
    ("session", Choice(ecs.EVENT_ACTION, {"opened": "session_opened", "closed": "session_closed"})),
)

# --- PostgreSQL's plain log, by its log_line_prefix ---------------------------------------------------------


def _postgresql_pieces(match: re.Match[str]) -> tuple[Piece, ...]:
    letter = match[1]
    return (b"%",) if letter == "%" else () if letter == "q" else (Variable(letter),)


_ZONED: Final = rb"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8}(?:\.[0-9]{3})? [A-Za-z0-9+-]+"
POSTGRESQL: Final = Language(
    name="postgresql",
    variable=re.compile(r"%-?[0-9]*([A-Za-z%])"),
    means=_postgresql_pieces,
    patterns={
        "m": _ZONED, "t": _ZONED, "s": _ZONED, "n": rb"[0-9]+\.[0-9]{3}", "p": rb"[0-9]+", "l": rb"[0-9]+",
        "u": rb"[^ @]*", "d": rb"[^ ]*", "h": rb"[^ ]*?", "r": rb"[^ ]*?(?:\([0-9]+\))?",
    },
)  # fmt: skip
POSTGRESQL_PREFIX: Final = "%m [%p] %q%u@%d "
"""Debian's; without a session's part it is the one that PostgreSQL ships with."""

_SEVERITY: Final = (
    rb"(?P<level>DEBUG[1-5]?|LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|STATEMENT|CONTEXT|QUERY|LOCATION): +"
)
POSTGRESQL_TABLE: Final[Table] = (
    ("u", Copy(ecs.USER_NAME)),
    ("d", Copy(DB_NAME)),
    ("h", Address()),
    ("r", Address()),
    ("p", Number(ecs.PROCESS_PID)),
    ("a", Copy(ecs.SERVICE_NAME)),
    ("e", Copy(ecs.ERROR_CODE)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("text", POSTGRESQL_MESSAGE),
)


def make_postgresql(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
    """The registry's entry for `postgresql`, or `{postgresql: log_line_prefix}`. Raises FormatError."""
    prefix = settings_of("postgresql", settings)
    if prefix is not None and not isinstance(prefix, str):
        raise FormatError("format 'postgresql' takes the server's log_line_prefix", "{postgresql: '%m [%p] %q%u@%d '}")
    prefix = POSTGRESQL_PREFIX if prefix is None else prefix
    # Background processes stop at %q.
    whole, short = prefix.replace("%q", ""), prefix.partition("%q")[0]
    lines = []
    for each in dict.fromkeys((whole, short)):
        pieces = [*POSTGRESQL.pieces(each), Either(b"")]
        found, _ = compile_line(pieces, end=_SEVERITY + rb"(?P<text>.*?)\r?\Z")
        lines.append(Line(found.expression, (*found.names, "level", "text")))
    splitter = Lines(lines=tuple(lines))
    time: TimeNames = ("m", "t", "n")
    return Tabled(name="postgresql", options=options, splitter=splitter, table=POSTGRESQL_TABLE, time=time)


# --- MariaDB's audit plugin ---------------------------------------------------------------------------------

MARIADB_AUDIT: Final = (
    line(
        rb"(?P<time>[0-9]{8} [0-9:]{8}),(?P<host>[^,]*),(?P<user>[^,]*),(?P<client>[^,]*),(?P<connection>[0-9]+),"
        rb"(?P<query_id>[0-9]+),(?P<operation>[A-Z_]+),(?P<database>[^,]*),(?:'(?P<query>.*)'|(?P<object>[^,]*)),"
        rb"(?P<code>-?[0-9]*)"
    ),
)
MARIADB_AUDIT_TABLE: Final[Table] = (
    ("client", Address()),
    ("user", Copy(ecs.USER_NAME)),
    ("host", Copy(ecs.HOST_HOSTNAME)),
    ("operation", Copy(ecs.EVENT_ACTION)),
    ("database", Copy(DB_NAME)),
    ("object", Copy(DB_TABLE)),
    ("query", Copy(DB_QUERY)),
    ("code", Copy(ecs.ERROR_CODE)),
)

_SQL_ESCAPE: Final = re.compile(rb"\\([\\'ntr0])")
_MEANT: Final = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0"}


def _undo_sql(written: bytes) -> bytes:
    return _SQL_ESCAPE.sub(lambda match: _MEANT.get(match[1], match[1]), written)


def make_mariadb_audit(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
    """The registry's entry. Raises FormatError for a setting: there is none."""
    settings_of("mariadb_audit", settings)
    splitter = Lines(lines=MARIADB_AUDIT, undo=_undo_sql, hidden=b"\"\\'")
    return Tabled(name="mariadb_audit", options=options, splitter=splitter, table=MARIADB_AUDIT_TABLE, time=("time",))


# --- Keycloak and the frameworks ----------------------------------------------------------------------------

KEYCLOAK: Final = (
    line(
        rb"(?P<time>" + _ISO + rb") +(?P<level>[A-Z]+) +(?:[^\[]*)?\[(?P<logger>[^\]]*)\] "
        rb"\((?P<thread>[^)]*)\) (?P<text>.*)"
    ),
)
KEYCLOAK_TABLE: Final[Table] = (
    ("level", Copy(ecs.LOG_LEVEL)),
    ("logger", Copy(ecs.LOG_LOGGER)),
    ("text", KEYCLOAK_EVENT),
)

RAILS: Final = (
    line(
        rb"(?:[DIWEFA], \[(?P<time>[^ \]]+) #(?P<pid>[0-9]+)\] +(?P<level>[A-Z]+) -- (?P<program>[^:]*): )?"
        rb"(?:\[(?P<id>[0-9a-f-]{36})\] )?(?:"
        rb'Started (?P<method>[A-Z]+) "(?P<target>[^"]*)" for (?P<client>[^ ]+) at (?P<at>[0-9-]+ [0-9:]+ [+-][0-9]{4})'
        rb"|Processing by (?P<controller>[^#]+)#(?P<action>[^ ]+) as (?P<kind>.*)"
        rb"|Completed (?P<status>[0-9]{3}) .*"
        rb"|  Parameters: (?P<parameters>\{.*\}))"
    ),
)
RAILS_TABLE: Final[Table] = (
    ("client", Address()),
    ("method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("target", Url()),
    ("status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("id", Copy(ecs.HTTP_REQUEST_ID)),
    ("controller", Copy(ecs.LOG_LOGGER)),
    ("action", Copy(ecs.EVENT_ACTION)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("pid", Number(ecs.PROCESS_PID)),
)

SPRING: Final = (
    line(
        rb"(?P<time>" + _ISO + rb") +(?P<level>TRACE|DEBUG|INFO|WARN|ERROR|FATAL|OFF) +(?P<pid>[0-9]+) --- "
        rb"(?:\[(?P<application>[^\]]*)\] )?\[ *(?P<thread>[^\]]*)\] (?:\[(?P<trace>[^\]]*)\] )?"
        rb"(?P<logger>[^ ]+) *: (?P<text>.*)"
    ),
)
SPRING_TABLE: Final[Table] = (
    ("level", Copy(ecs.LOG_LEVEL)),
    ("logger", Copy(ecs.LOG_LOGGER)),
    ("application", Copy(ecs.SERVICE_NAME)),
    ("pid", Number(ecs.PROCESS_PID)),
    ("text", Copy(ecs.MESSAGE)),
)

DJANGO: Final = (
    # runserver: [04/Mar/2026 02:11:09] "GET / HTTP/1.1" 200 12
    line(
        rb'\[(?P<time>[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4} [0-9:]{8})\] "(?P<request>[^"]*)" (?P<status>[0-9]{3}) '
        rb"(?P<bytes>[0-9]+|-)"
    ),
    # The `verbose` formatter of its manual: LEVEL TIME MODULE PROCESS THREAD MESSAGE
    line(
        rb"(?P<level>[A-Z]+) (?P<time>" + _ISO + rb") (?P<logger>[^ ]+) (?P<pid>[0-9]+) (?P<thread>[0-9]+) "
        rb"(?P<text>.*)"
    ),
    line(rb"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL) (?P<time>" + _ISO + rb") (?P<logger>[^ ]+) (?P<text>.*)"),
)  # fmt: skip
DJANGO_TABLE: Final[Table] = (
    ("request", Request()),
    ("status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("bytes", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("logger", Copy(ecs.LOG_LOGGER)),
    ("pid", Number(ecs.PROCESS_PID)),
    ("text", Copy(ecs.MESSAGE)),
)

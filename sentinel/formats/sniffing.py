"""`auto`: which format a log has, from its first records.

The candidates are tried in the order of the table; the first that reads nearly all the records is taken, those first
that can be mistaken least. Of JSON lines, the fields that a program always writes say whose they are. A log that none
reads is taken as lines of text, which is always true and never wrong, only less useful.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import Format, FormatOptions, Parsed
from sentinel.formats.json_lines import look_up

Spec = str | dict[str, Any]
Make = Callable[[Any, FormatOptions], Format]

RECORDS: Final = 100
"""How many records are looked at."""

SHARE: Final = 0.9
"""Of how many of them a format must be: a log may hold a stack trace or a half-written line."""

PLAIN_TEXT: Final[dict[str, Any]] = {"regex": "(?P<message>.*)"}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A format that a log may have. A record counts where it has all the fields of one of the sets in `needs`; a field
    written `name=text` must begin with that text. `once` is a field that one record at least must have.
    """

    spec: Spec
    description: str
    needs: tuple[frozenset[str], ...] = (frozenset(),)
    needs_time: bool = False
    once: str = ""

    def counts(self, parsed: Parsed) -> bool:
        """The record is one of this format, and of no other."""
        fields, time, _ = parsed
        return (time is not None or not self.needs_time) and any(
            all(_has(fields, need) for need in needs) for needs in self.needs
        )

    def count(self, found: Sequence[Parsed]) -> int:
        """How many of the records are of this format; 0 where none is that only it has."""
        if self.once and not any(_has(fields, self.once) for fields, _, _ in found):
            return 0
        return sum(map(self.counts, found))


def _has(fields: dict[str, Any], need: str) -> bool:
    name, equals, begin = need.partition("=")
    value = look_up(fields, name)
    return str(value).startswith(begin) if equals else value is not None


def _of(spec: Spec, description: str, *needs: str, needs_time: bool = False, once: str = "") -> Candidate:
    """`needs` are sets of names, each one text with spaces."""
    sets = tuple(frozenset(each.split()) for each in needs) or (frozenset(),)
    return Candidate(spec, description, sets, needs_time, once)


_JSON: Final = (
    _of("caddy", "access logs of Caddy", "logger=http.log.access request.uri request.method status"),
    _of("traefik_json", "access logs of Traefik as JSON", "ClientHost RequestPath DownstreamStatus entryPointName"),
    _of("envoy_json", "access logs of Envoy as JSON", "response_flags response_code method path start_time"),
    _of("cloudtrail", "AWS CloudTrail", "eventVersion userIdentity eventSource eventName awsRegion"),
    _of("kubernetes_audit", "the Kubernetes audit log", "apiVersion=audit.k8s.io/ auditID verb user.username"),
    _of("postgresql_json", "PostgreSQL's jsonlog", "error_severity session_id line_num backend_type"),
    _of("mongodb_audit", "the MongoDB audit log", "atype ts.$date result param"),
    _of(
        "mysql_audit",
        "a MySQL audit log",
        "class event connection_id timestamp",
        "audit_record.name audit_record.record",
    ),
    _of("keycloak_json", "Keycloak as JSON", "loggerName loggerClassName threadName", once="loggerName=org.keycloak"),
    _of("express", "request logs of Express", "req.method req.url res.statusCode"),
    _of("django_json", "Python's JSON logs", "asctime levelname name message"),
    _of("rails_json", "request logs of Rails as JSON", "controller action method path status format"),
    _of(
        "spring_json",
        "Spring Boot as JSON",
        "@timestamp logger_name thread_name level_value",
        "@timestamp ecs.version log.logger process.thread.name",
        "short_message _log_logger _process_thread_name",
    ),
)
_TEXT: Final = (
    _of("auditd", "the Linux audit log", f"{ecs.EVENT_ACTION}", needs_time=True),
    _of("cef", "CEF", ecs.OBSERVER_VENDOR),
    _of("leef", "LEEF", ecs.OBSERVER_VENDOR),
    _of("postgresql_csv", "PostgreSQL's csvlog", ecs.LOG_LEVEL, needs_time=True),
    _of("mariadb_audit", "MariaDB's audit log", ecs.EVENT_ACTION, needs_time=True),
    _of("alb", "access logs of an AWS load balancer", needs_time=True),
    _of("iis", "IIS in W3C form", f"{ecs.SOURCE_IP} {ecs.HTTP_REQUEST_METHOD} {ecs.HTTP_RESPONSE_STATUS_CODE}"),
    _of("haproxy", "access logs of HAProxy", needs_time=True),
    _of("envoy", "access logs of Envoy", ecs.HTTP_RESPONSE_STATUS_CODE, needs_time=True),
    _of("traefik", "access logs of Traefik", needs_time=True),
    _of("nginx_error", "the error log of nginx", needs_time=True),
    _of("apache_error", "the error log of Apache", needs_time=True),
    _of("postgresql", "PostgreSQL's own log", ecs.LOG_LEVEL, needs_time=True),
    _of("keycloak", "Keycloak", ecs.LOG_LOGGER, needs_time=True, once=f"{ecs.LOG_LOGGER}=org.keycloak"),
    _of("spring", "Spring Boot", ecs.LOG_LOGGER, needs_time=True),
    _of("rails", "Rails", ecs.HTTP_REQUEST_METHOD, ecs.EVENT_ACTION, ecs.HTTP_RESPONSE_STATUS_CODE, "parameters"),
    _of("django", "Django", ecs.HTTP_REQUEST_METHOD, f"{ecs.LOG_LEVEL} {ecs.LOG_LOGGER}", needs_time=True),
    _of("lograge", "request logs of Rails by lograge", "controller action method path status format"),
)
_ACCESS: Final = (
    # A user name may hold spaces, so an address one place further left looks like a host.
    _of("vhost_combined", "an access log with the virtual host in front", ecs.SOURCE_IP),
    _of("combined", "an access log"),
)
_LOGFMT: Final = _of("logfmt", "logfmt", "level", "msg", "severity", "message", needs_time=True)
_IN_SYSLOG: Final = (
    _of("json", "JSON"),
    _of("cef", "CEF", ecs.OBSERVER_VENDOR),
    _of("leef", "LEEF", ecs.OBSERVER_VENDOR),
    _of("haproxy", "access logs of HAProxy", needs_time=True),
    _of("combined", "an access log"),
    _of("sshd", "sshd", ecs.EVENT_ACTION, ecs.USER_NAME, ecs.SOURCE_ADDRESS),
    _of("sudo", "sudo", ecs.USER_EFFECTIVE_NAME),
)
# Any line that begins with a time looks a little like syslog: a name must follow, or a priority stand before it.
_SYSLOG: Final = Candidate("syslog", "syslog", (frozenset((ecs.PROCESS_NAME,)), frozenset((ecs.LOG_SYSLOG_PRIORITY,))))
_WRAPPED: Final = (("docker", "Docker's json-file"), ("cri", "a container's log"))
_FIELDS: Final = re.compile(rb"^#Fields: *([^\r\n]+)", re.MULTILINE)
_NAME: Final = re.compile(r"[A-Za-z_][\w .()/-]{0,60}")


def sniff(sample: bytes, make: Make) -> tuple[Spec, str]:
    """The specification for these records and one sentence that says what was decided from how many."""
    lines = sample.split(b"\n")
    # The last line of a sample may be cut, unless it is the only one.
    records = [line for line in (lines[:-1] or lines) if line.strip()][:RECORDS]
    if not records:
        return PLAIN_TEXT, "lines of text, because there is no record to judge by yet"
    return _decide(records, make) or (
        PLAIN_TEXT,
        f"lines of text, because the log's first {len(records)} lines are of no known format",
    )


def _decide(records: Sequence[bytes], make: Make) -> tuple[Spec, str] | None:
    return (
        _wrapped(records, make)
        or _json(records, make)
        or _w3c(records, make)
        or _first(records, _TEXT, make)
        or _syslog(records, make)
        or _first(records, _ACCESS, make)
        or _first(records, (_LOGFMT,), make)
        or _csv(records, make)
    )


def _first(records: Sequence[bytes], candidates: Sequence[Candidate], make: Make) -> tuple[Spec, str] | None:
    for candidate in candidates:
        count = candidate.count(_parsed(records, candidate.spec, make))
        if count >= len(records) * SHARE:
            return candidate.spec, _said(candidate.description, count, records)
    return None


def _parsed(records: Sequence[bytes], spec: Spec, make: Make) -> list[Parsed]:
    parse = make(spec, FormatOptions()).parser(None)
    return [parsed for record in records if (parsed := parse(record, 0)) is not None]


def _said(description: str, count: int, records: Sequence[bytes]) -> str:
    what = f"{count} of its first {len(records)} records are" if len(records) > 1 else "its first record is"
    return f"{description}, because {what}"


def _json(records: Sequence[bytes], make: Make) -> tuple[Spec, str] | None:
    found = _parsed(records, "json", make)
    if len(found) < len(records) * SHARE:
        return None
    for candidate in _JSON:
        # The fields are those of the record itself: the table's own names are not asked for.
        count = candidate.count(found)
        if count >= len(records) * SHARE:
            return candidate.spec, _said(candidate.description, count, records)
    return "json", _said("JSON lines", len(found), records)


def _wrapped(records: Sequence[bytes], make: Make) -> tuple[Spec, str] | None:
    """A container's log, and what its lines are."""
    for kind, description in _WRAPPED:
        found = _parsed(records, kind, make)
        if len(found) < len(records) * SHARE:
            continue
        # What a program says of itself goes to the other stream than its log.
        outputs = [fields for fields, _, _ in found if fields["stream"] == "stdout"] or [
            fields for fields, _, _ in found
        ]
        inner = _decide([text.encode() for fields in outputs if (text := str(fields[ecs.MESSAGE]))] or [b""], make)
        if inner is None:
            return kind, _said(description, len(found), records)
        spec, why = inner
        return {kind: spec}, _said(f"{description} with {why.partition(', because')[0]} in it", len(found), records)
    return None


def _syslog(records: Sequence[bytes], make: Make) -> tuple[Spec, str] | None:
    """Syslog, and whether its text is of a format too: then nearly every text must be."""
    found = [parsed for parsed in _parsed(records, "syslog", make) if _SYSLOG.counts(parsed)]
    if len(found) < len(records) * SHARE:
        return None
    for candidate in _IN_SYSLOG:
        parse = make(candidate.spec, FormatOptions()).parser(None)
        texts = [str(fields.get(ecs.MESSAGE, "")).removeprefix("@cee:").lstrip().encode() for fields, _, _ in found]
        count = sum(candidate.counts(parsed) for text in texts if (parsed := parse(text, 0)) is not None)
        if count >= len(records) * SHARE:
            return {"syslog": candidate.spec}, _said(f"syslog with {candidate.description} in it", count, records)
    return "syslog", _said("syslog", len(found), records)


def _w3c(records: Sequence[bytes], make: Make) -> tuple[Spec, str] | None:
    """The W3C form, by the line that names its columns."""
    if not records[0].startswith(b"#"):
        return None
    named = _FIELDS.search(b"\n".join(records))
    if named is None:
        return None
    spec: Spec = {"w3c": named[1].decode("utf-8", "replace").strip()}
    count = len(_parsed(records, spec, make))
    return (spec, _said("a log in W3C form", count, records)) if count >= len(records) * SHARE else None


def _csv(records: Sequence[bytes], make: Make) -> tuple[Spec, str] | None:
    """CSV, where its first line is one of names and those after it are of as many values, with a time in them."""
    header = records[0].rstrip(b"\r").decode("utf-8", "replace")
    for delimiter in (",", ";", "\t", "|"):
        columns = [each.strip('"') for each in header.split(delimiter)]
        if len(columns) < 3 or len(set(columns)) < len(columns) or not all(map(_NAME.fullmatch, columns)):
            continue
        spec: Spec = {"csv": columns, **({} if delimiter == "," else {"delimiter": delimiter})}
        found = [parsed for parsed in _parsed(records[1:], spec, make) if parsed[1] is not None]
        if found and len(found) >= (len(records) - 1) * SHARE:
            return spec, _said("CSV with a header", len(found) + 1, records)
    return None

"""`auto`: which format a log has, from its first records.

The candidates are tried in the order of the table; the first that reads nearly all the records is taken. A log that
none reads is taken as lines of text, which is always true and never wrong, only less useful.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import Format, FormatOptions

Spec = str | dict[str, Any]

RECORDS: Final = 100
"""How many records are looked at."""

SHARE: Final = 0.9
"""Of how many of them a format must be: a log may hold a stack trace or a half-written line."""

PLAIN_TEXT: Final[dict[str, Any]] = {"regex": "(?P<message>.*)"}

_CANDIDATES: Final[tuple[tuple[Spec, str], ...]] = (
    ("json", "JSON lines"),
    ({"syslog": "json"}, "syslog with JSON in it"),
    ({"syslog": "combined"}, "syslog with an access log in it"),
    ("syslog", "syslog"),
    ("vhost_combined", "an access log with the virtual host in front"),
    ("combined", "an access log"),
)


def sniff(sample: bytes, make: Callable[[Any, FormatOptions], Format]) -> tuple[Spec, str]:
    """The specification for these records and one sentence that says what was decided from how many."""
    lines = sample.split(b"\n")
    # The last line of a sample may be cut, unless it is the only one.
    records = [line for line in (lines[:-1] or lines) if line.strip()][:RECORDS]
    if not records:
        return PLAIN_TEXT, "lines of text, because there is no record to judge by yet"
    for spec, description in _CANDIDATES:
        read = _count_read(records, spec, make(spec, FormatOptions()))
        if read >= len(records) * SHARE:
            what = f"{read} of its first {len(records)} records are" if len(records) > 1 else "its first record is"
            return spec, f"{description}, because {what}"
    return PLAIN_TEXT, f"lines of text, because the log's first {len(records)} lines are of no known format"


def _count_read(records: list[bytes], spec: Spec, candidate: Format) -> int:
    parse = candidate.parser(None)
    count = 0
    for record in records:
        parsed = parse(record, 0)
        if parsed is None:
            continue
        fields = parsed[0]
        if isinstance(spec, dict):
            # Syslog reads any text after its header: the second format must have read it.
            count += ecs.MESSAGE not in fields or len(fields.keys() - _HEADER) > 1
        elif spec == "vhost_combined":
            # A user name may hold spaces, so an address one place further left looks like a host.
            count += ecs.SOURCE_IP in fields
        else:
            count += 1
    return count


_HEADER: Final = frozenset(
    (
        ecs.HOST_HOSTNAME,
        ecs.PROCESS_NAME,
        ecs.PROCESS_PID,
        ecs.LOG_SYSLOG_PRIORITY,
        ecs.LOG_SYSLOG_FACILITY_CODE,
        ecs.LOG_SYSLOG_SEVERITY_CODE,
        ecs.LOG_SYSLOG_MSGID,
        ecs.LOG_SYSLOG_STRUCTURED_DATA,
    )
)

"""The access-log line as nearly all are: printable ASCII, no escape, a plain path. Read by one regular expression.

Rule of this file: a line is read here exactly as the general reader would read it, or not at all (a property test holds
the two against each other).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from sentinel import ecs
from sentinel.clock import Micros
from sentinel.formats.base import Parsed, Parser

READABLE: Final = frozenset(
    {
        ecs.SOURCE_ADDRESS,
        ecs.SOURCE_IP,
        ecs.USER_NAME,
        ecs.HTTP_REQUEST_METHOD,
        ecs.URL_ORIGINAL,
        ecs.URL_PATH,
        ecs.URL_QUERY,
        ecs.HTTP_VERSION,
        ecs.HTTP_RESPONSE_STATUS_CODE,
        ecs.HTTP_RESPONSE_BODY_BYTES,
        ecs.HTTP_REQUEST_REFERRER,
        ecs.USER_AGENT_ORIGINAL,
        ecs.EVENT_KIND,
        ecs.MESSAGE,
    }
)
"""Fields that are read here, or that an ordinary line does not have."""

_LINE: Final = (
    (ecs.SOURCE_ADDRESS, r"[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*"),
    (None, r' [^ "\\]+ '),
    (ecs.USER_NAME, r'[^ "\\\[]+'),
    (None, r" \["),
    ("time", r'[^\[\]"\\ ]+(?: [+-][0-9]{4})?'),
    (None, r'\] "'),
    (ecs.HTTP_REQUEST_METHOD, r"GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH"),
    (None, " "),
    (ecs.URL_ORIGINAL, None),
    (None, " HTTP/"),
    (ecs.HTTP_VERSION, r"[0-9](?:\.[0-9])?"),
    (None, '" '),
    (ecs.HTTP_RESPONSE_STATUS_CODE, r"[1-9][0-9]{2}"),
    (None, " "),
    (ecs.HTTP_RESPONSE_BODY_BYTES, r"0|[1-9][0-9]{0,17}|-"),
)
_PATH: Final = r'(?:/(?![./])[^ ?"\\%;#/]*)+'
"""Segments that normalising leaves alone: none is empty in the middle, none begins with a dot, nothing is encoded."""

_QUERY: Final = r'[^ "\\#]+'
_QUOTED: Final = r'[^"\\]*'
_NUMBERS: Final = (ecs.HTTP_RESPONSE_STATUS_CODE, ecs.HTTP_RESPONSE_BODY_BYTES)
_OPTIONAL: Final = (ecs.USER_NAME, ecs.HTTP_RESPONSE_BODY_BYTES, ecs.HTTP_REQUEST_REFERRER, ecs.USER_AGENT_ORIGINAL)

ReadTime = Callable[[bytes], tuple[Micros, int] | None]


def reader(used: frozenset[str], *, has_host: bool, read_time: ReadTime, general: Parser) -> Parser:
    """A parser for the used fields that hands over to the general one whatever is not ordinary."""
    # Without a host in front and with a path for a target, a line names no domain.
    if not used <= (READABLE if has_host else READABLE | {ecs.URL_DOMAIN}):
        return general
    wanted = READABLE & used
    address = wanted & {ecs.SOURCE_ADDRESS, ecs.SOURCE_IP}
    captured = (wanted - address) | ({ecs.SOURCE_ADDRESS} if address else set()) | {"time"}
    pattern = re.compile((r"[^ ]+ " if has_host else "") + _pattern(captured), re.ASCII | re.DOTALL)
    names = tuple(sorted(pattern.groupindex, key=lambda name: pattern.groupindex[name]))
    keys = tuple(_name_of(name) for name in names)
    time_at = keys.index("time")
    return _closure(pattern, keys, time_at, address, read_time, general)


def _closure(
    pattern: re.Pattern[str],
    keys: tuple[str, ...],
    time_at: int,
    address: frozenset[str],
    read_time: ReadTime,
    general: Parser,
) -> Parser:
    match = pattern.fullmatch
    numbers = tuple(name for name in _NUMBERS if name in keys)
    optional = tuple(name for name in _OPTIONAL if name in keys)
    has_query = ecs.URL_QUERY in keys
    only_ip = ecs.SOURCE_ADDRESS not in address

    def parse(raw: bytes, reference: Micros) -> Parsed | None:
        if b"\\" in raw or not raw.isascii():
            return general(raw, reference)
        found = match(raw.decode("ascii"))
        if found is None:
            return general(raw, reference)
        values = found.groups()
        fields: dict[str, Any] = dict(zip(keys, values, strict=True))
        del fields["time"]
        for name in optional:
            if fields[name] is None or fields[name] == "-":
                del fields[name]
        for number in numbers:
            if number in fields:
                fields[number] = int(fields[number])
        if has_query and fields[ecs.URL_QUERY] is None:
            del fields[ecs.URL_QUERY]
        if address:
            if ecs.SOURCE_IP in address:
                fields[ecs.SOURCE_IP] = fields[ecs.SOURCE_ADDRESS]
            if only_ip:
                del fields[ecs.SOURCE_ADDRESS]
        moment = read_time(values[time_at].encode())
        return (fields, None, 0) if moment is None else (fields, *moment)

    return parse


def _pattern(captured: frozenset[str] | set[str]) -> str:
    """The whole line; only what is captured is a group, named after its field."""
    parts = []
    for name, pattern in _LINE:
        if name is None:
            parts.append(str(pattern))
        elif name == ecs.URL_ORIGINAL:
            target = f"{_group(ecs.URL_PATH, _PATH, captured)}(?:\\?{_group(ecs.URL_QUERY, _QUERY, captured)})?"
            parts.append(_group(name, target, captured))
        else:
            parts.append(_group(name, str(pattern), captured))
    if captured.isdisjoint((ecs.HTTP_REQUEST_REFERRER, ecs.USER_AGENT_ORIGINAL)):
        return "".join(parts) + "(?: .*)?"
    referrer = _group(ecs.HTTP_REQUEST_REFERRER, _QUOTED, captured)
    agent = _group(ecs.USER_AGENT_ORIGINAL, _QUOTED, captured)
    return "".join(parts) + f'(?: "{referrer}" "{agent}")?'


def _group(name: str, pattern: str, captured: frozenset[str] | set[str]) -> str:
    return f"(?P<{name.replace('.', '__')}>{pattern})" if name in captured else f"(?:{pattern})"


def _name_of(group: str) -> str:
    return group.replace("__", ".")

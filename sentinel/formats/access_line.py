"""The access-log line as nearly all are: printable ASCII, no escape, a plain path. Read by cutting it at its spaces.

Rule of this file: a line is read here exactly as the general reader would read it, or not at all (a property test holds
the two against each other). Whatever is not as expected is left to the general reader.
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

_ADDRESS: Final = re.compile(r"[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*")
_ODD_PATH: Final = re.compile(r"[%;#]|/[./]")
"""What normalising a path may change."""

_METHODS: Final = frozenset({"GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH"})
_VERSIONS: Final = {f"HTTP/{version}": version for version in ("1.0", "1.1", "2.0", "3.0")}
_STATUSES: Final = {f" {status} ": status for status in range(100, 1000)}
_REMEMBERED: Final = 4096
_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_TIME: Final = re.compile(r"\[([0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:[0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4})\] ")

_OF_REQUEST: Final = (ecs.HTTP_REQUEST_METHOD, ecs.URL_ORIGINAL, ecs.URL_QUERY, ecs.HTTP_VERSION)
_OF_TAIL: Final = (ecs.HTTP_REQUEST_REFERRER, ecs.USER_AGENT_ORIGINAL)

Add = Callable[[dict[str, Any], str, list[str], str], bool]
"""Adds fields from the address, the words of the request, and what follows it; false where they are not ordinary."""

Moment = tuple[Micros | None, int]
ReadTime = Callable[[bytes], tuple[Micros, int] | None]


def reader(used: frozenset[str], *, has_host: bool, read_time: ReadTime, general: Parser) -> Parser:
    """A parser for the used fields that hands over to the general one whatever is not ordinary."""
    # Without a host in front and with a path for a target, a line names no domain.
    if not used <= (READABLE if has_host else READABLE | {ecs.URL_DOMAIN}):
        return general
    ordinary = _ordinary(used, 7 if has_host else 6, read_time)

    def parse(raw: bytes, reference: Micros) -> Parsed | None:
        if b"\\" in raw or not raw.isascii():
            return general(raw, reference)
        return ordinary(raw.decode("ascii")) or general(raw, reference)

    return parse


def _ordinary(used: frozenset[str], names: int, read_time: ReadTime) -> Callable[[str], Parsed | None]:
    """Reads a line that is as nearly all are; None for any other. `names`: pieces in front of the request."""
    wants_user, wants_path, wants_status = (
        name in used for name in (ecs.USER_NAME, ecs.URL_PATH, ecs.HTTP_RESPONSE_STATUS_CODE)
    )
    adders = [each for each in (_address_adder(used), _request_adder(used), _tail_adder(used)) if each is not None]
    moments: dict[str, Moment] = {}

    def parse(line: str) -> Parsed | None:
        pieces = line.split('"', 2)
        if len(pieces) != 3:
            return None
        head, request, tail = pieces
        front = head.split(" ")
        words = request.split(" ")
        moment = moments.get(head[-29:]) or _moment(head, moments, read_time)
        if len(front) != names or len(words) != 3 or moment is None or "" in front[:-3]:
            return None
        path = words[1].partition("?")[0]
        if words[0] not in _METHODS or words[2] not in _VERSIONS or path[:1] != "/" or _ODD_PATH.search(path):
            return None
        status = _STATUSES.get(tail[:5])
        if status is None:
            return None
        fields: dict[str, Any] = {}
        if wants_user and front[-4] != "-":
            fields[ecs.USER_NAME] = front[-4]
        if wants_path:
            fields[ecs.URL_PATH] = path
        if wants_status:
            fields[ecs.HTTP_RESPONSE_STATUS_CODE] = status
        for add in adders:
            if not add(fields, front[-6], words, tail):
                return None
        return fields, *moment

    return parse


def _moment(head: str, moments: dict[str, Moment], read_time: ReadTime) -> Moment | None:
    """The time at the end of a head, `[04/Mar/2026:02:11:09 +0000] `; None where it is not written so."""
    written = _TIME.fullmatch(head[-29:])
    if written is None:
        return None
    if len(moments) >= _REMEMBERED:
        moments.clear()
    moment = moments[head[-29:]] = read_time(written[1].encode()) or (None, 0)
    return moment


def _address_adder(used: frozenset[str]) -> Add | None:
    names = tuple(name for name in (ecs.SOURCE_ADDRESS, ecs.SOURCE_IP) if name in used)

    def add(fields: dict[str, Any], address: str, _words: list[str], _tail: str) -> bool:
        if _ADDRESS.fullmatch(address) is None:
            return False
        for name in names:
            fields[name] = address
        return True

    return add if names else None


def _request_adder(used: frozenset[str]) -> Add | None:
    if used.isdisjoint(_OF_REQUEST):
        return None
    wants_method, wants_target, wants_query, wants_version = (name in used for name in _OF_REQUEST)

    def add(fields: dict[str, Any], _address: str, words: list[str], _tail: str) -> bool:
        method, target, version = words
        _, mark, query = target.partition("?")
        if wants_query and mark:
            if "#" in query:
                return False
            fields[ecs.URL_QUERY] = query
        if wants_method:
            fields[ecs.HTTP_REQUEST_METHOD] = method
        if wants_target:
            fields[ecs.URL_ORIGINAL] = target
        if wants_version:
            fields[ecs.HTTP_VERSION] = _VERSIONS[version]
        return True

    return add


def _tail_adder(used: frozenset[str]) -> Add | None:
    wants_bytes = ecs.HTTP_RESPONSE_BODY_BYTES in used
    names = tuple((name, 1 + 2 * place) for place, name in enumerate(_OF_TAIL) if name in used)

    def add(fields: dict[str, Any], _address: str, _words: list[str], tail: str) -> bool:
        if wants_bytes:
            count = tail[5:].partition(" ")[0]
            if _COUNT.fullmatch(count):
                fields[ecs.HTTP_RESPONSE_BODY_BYTES] = int(count)
            elif count != "-":
                return False
        quoted = tail.split('"', 4) if names else ()
        if len(quoted) == 5:
            for name, place in names:
                if quoted[place] != "-":
                    fields[name] = quoted[place]
        return True

    return add if wants_bytes or names else None

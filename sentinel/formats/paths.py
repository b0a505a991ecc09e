"""What a request asked for, in the one form that rules and the inventory compare: `url.path`.

Rules of this file: decoded once, never twice (`%2541` is the text `%41`); whatever cannot be decoded stays as written
and is said to be unsound; the order is that of the servers that cut parameters first (`/..;/` is `/../`).
"""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

_PARAMETERS = re.compile(rb";[^/]*")
_BROKEN_ESCAPE = re.compile(rb"%(?![0-9a-fA-F]{2})")
_SLASHES = re.compile(rb"//+")
_END_OF_PATH = re.compile(rb"[?#]")
_END_OF_AUTHORITY = re.compile(rb"[/?#]")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*://")
_PORT = re.compile(rb":[0-9]*$")


class Target(NamedTuple):
    """The parts of a request target as written (RFC 9112, section 3.2); None for a part that is not there."""

    domain: bytes | None
    path: bytes | None
    query: bytes | None


def split_target(target: bytes) -> Target:
    """The parts of an origin-form (`/a?b`), absolute-form (`http://host/a?b`) or authority-form (`host:443`) target."""
    domain = None
    if target[:1] != b"/":
        scheme = _ABSOLUTE.match(target)
        if scheme is None:
            is_authority = _PORT.search(target) is not None and b"/" not in target
            return Target(host_of(target) if is_authority else None, None, None)
        end = _END_OF_AUTHORITY.search(target, scheme.end())
        authority = target[scheme.end() : end.start() if end else len(target)]
        domain = host_of(authority) or None
        target = target[end.start() :] if end else b""
        if target[:1] != b"/":
            target = b"/" + target
    end = _END_OF_PATH.search(target)
    if end is None:
        return Target(domain, target, None)
    query = target[end.end() :].partition(b"#")[0] if end.group() == b"?" else None
    return Target(domain, target[: end.start()], query)


def host_of(authority: bytes) -> bytes:
    """The host of `user:password@host:port`; an IPv6 address keeps its brackets."""
    return _PORT.sub(b"", authority.rpartition(b"@")[2])


def normalise(path: bytes) -> tuple[str, bool]:
    """The path decoded once, without parameters, double slashes and dot segments; and whether all could be decoded.

    A `%` that begins no escape stays; bytes that are not UTF-8 become U+FFFD (RFC 3986, sections 2.1 and 5.2.4).
    """
    sound = True
    if b";" in path:
        path = _PARAMETERS.sub(b"", path)
    if b"%" in path:
        sound = _BROKEN_ESCAPE.search(path) is None
        path = unquote_to_bytes(path)
    if b"//" in path:
        path = _SLASHES.sub(b"/", path)
    if b"/." in path:
        path = _without_dot_segments(path)
    try:
        return path.decode(), sound
    except UnicodeDecodeError:
        return path.decode("utf-8", "replace"), False


def _without_dot_segments(path: bytes) -> bytes:
    kept: list[bytes] = []
    segments = path.split(b"/")[1:]
    for segment in segments:
        if segment == b"..":
            del kept[-1:]
        elif segment != b".":
            kept.append(segment)
    if segments[-1] in (b".", b".."):
        kept.append(b"")
    return b"/" + b"/".join(kept)

"""A message as JSON for programs: one object, the same for every channel that carries it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from sentinel.cases.register import case_row
from sentinel.cases.wording import message_type
from sentinel.channels.safety import LINE_RUNES, clean
from sentinel.clock import rfc3339
from sentinel.model import Level, Notification

SEVERITIES: Mapping[Level, int] = {
    Level.INFORMATIONAL: 6,
    Level.LOW: 5,
    Level.MEDIUM: 4,
    Level.HIGH: 3,
    Level.CRITICAL: 2,
}
"""Syslog's severities (RFC 5424 table 2) of the levels of cases."""

BODY_BYTES = 20_000
"""Standard Webhooks 1.0 asks for payloads below 20 kB."""

_HARMLESS = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
"""Inside JSON these can only stand in texts; escaped, the body is harmless where somebody pastes it into a page."""


def as_json(notification: Notification, around: dict[str, Any] | None = None) -> bytes:
    """The message, below 20 kB; with `around`, as the `data` of an object that has these keys too."""
    for shown in (20, 5, 1):
        message = {**_head(notification), "data": _data(notification, shown)}
        body = orjson.dumps({**message, **(around or {})})
        for sign, escaped in _HARMLESS:
            body = body.replace(sign, escaped)
        if len(body) < BODY_BYTES:
            break
    return body


def _head(notification: Notification) -> dict[str, Any]:
    return {"type": message_type(notification.key), "timestamp": rfc3339(notification.owed_at, 3)}


def _data(notification: Notification, shown: int) -> dict[str, Any]:
    return {
        "id": notification.id,
        "key": notification.key,
        "headline": clean(notification.headline, LINE_RUNES),
        "lines": [clean(line, LINE_RUNES) for line in notification.lines],
        "next_action": clean(notification.next_action, LINE_RUNES),
        "links": [{"label": link.label, "url": link.url} for link in notification.links],
        "case": _cleaned(case_row(notification.case, notification.owed_at), shown),
    }


def _cleaned(value: Any, shown: int) -> Any:
    """The value with every text in it made harmless and every list cut to its first members."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(member, shown) for member in value[:shown]]
    if isinstance(value, dict):
        return {clean(name): _cleaned(member, shown) for name, member in list(value.items())[:64]}
    return value

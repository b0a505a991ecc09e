"""A case as an alert of a Prometheus Alertmanager (API v2), which routes, groups and silences it as every other.

Rules of this file: labels are a closed set (no pseudonym, no count), so that an alert stays the same one while its case
lives; a case that is settled resolves its alert; one that is open does not resolve by itself between two messages.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

import orjson
from pydantic import AfterValidator

from sentinel.cases.drill import is_drill
from sentinel.channels.base import Attempt, Channel, ChannelError, Outcome
from sentinel.channels.hook import HEADERS, Payload, PostOptions, is_web_address
from sentinel.channels.posting import Target, post
from sentinel.channels.safety import clean, words
from sentinel.clock import DAY, MINUTE, rfc3339
from sentinel.model import Level, Notification, State
from sentinel.secrets import SecretRef

FIRING = 30 * DAY
"""So long after a message its alert fires if nothing more is said of the case (Alertmanager's own five minutes would
resolve a case that nobody has looked at)."""

TESTING = 5 * MINUTE
"""So long the alert of a test fires."""

_SETTLED = frozenset({State.CLOSED, State.DISMISSED, State.MERGED})


class AlertmanagerOptions(PostOptions):
    """A `type: alertmanager` channel.

    `url` is the Alertmanager's address, without /api; `token` is where a bearer token is kept, if it wants one. Nothing
    is gathered for it: grouping is its own work. Many read what it keeps, so it gets no links to act by.
    """

    type: Literal["alertmanager"] = "alertmanager"
    url: Annotated[str, AfterValidator(is_web_address)]
    token: SecretRef | None = None
    gathered: bool = False
    links: Literal[False] = False


class Alertmanager:
    """Posts alerts. A repeat is the same alert."""

    def __init__(self, name: str, target: Target, token: str | None) -> None:
        self.name = name
        self._target = target
        self._headers = {**HEADERS, **({} if token is None else {"Authorization": f"Bearer {token}"})}

    def render(self, notification: Notification) -> bytes:
        case = notification.case
        lasts = 0 if case.state in _SETTLED else TESTING if is_drill(case.id) else FIRING
        ends = notification.owed_at + lasts
        alerts = [_posted(notification, case.level, ends)]
        if notification.key.startswith("escalated-"):
            # The severity is part of what an alert is: those of the levels below are no more.
            alerts += [_posted(notification, level, notification.owed_at) for level in Level if level < case.level]
        return orjson.dumps(alerts)

    def send(self, attempt: Attempt) -> Outcome:
        return post(self._target, attempt.body, self._headers, attempt.now)


def make_alertmanager(name: str, options: AlertmanagerOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options. Raises what `resolve_secret` raises, and ChannelError for a token of two lines."""
    token = None if options.token is None else resolve_secret(options.token).strip()
    if token is not None and (not token.isascii() or not token.isprintable()):
        raise ChannelError(f"{options.token} of channel '{name}' is no token", "it is one line of ASCII")
    return Alertmanager(name, options.target(f"{options.url.rstrip('/')}/api/v2/alerts"), token)


def _posted(notification: Notification, level: Level, ends_at: int) -> Payload:
    said, case = words(notification), notification.case
    return {
        "labels": {
            "alertname": "SentinelCase",
            "case": case.id,
            "severity": level.word,
            "system": clean(case.systems[0]) if case.systems else "unknown",
        },
        "annotations": {
            "summary": said.headline,
            "description": "\n".join(said.lines),
            "next": said.action,
            "message": notification.id,
        },
        "startsAt": rfc3339(case.detected_at, 3),
        "endsAt": rfc3339(ends_at, 3),
    }

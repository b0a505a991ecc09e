"""A call to whoever is on call, through PagerDuty's Events API v2. One case is one incident, whatever is sent of it.

Rules of this file:
1. The routing key is a secret; it is put into the message when it is sent, and nowhere else.
2. A repeat is recognised by the case's id (`dedup_key`); what settles a case resolves its incident.
3. The text goes to telephones: it holds what the case holds, counts and pseudonyms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import orjson

from sentinel.channels.base import Attempt, Channel, ChannelError, Outcome
from sentinel.channels.hook import HEADERS, Payload, PostOptions
from sentinel.channels.posting import Target, post
from sentinel.channels.safety import clean, cut, words
from sentinel.clock import rfc3339
from sentinel.model import Level, Notification, State
from sentinel.secrets import SecretRef

EVENTS = "https://events.pagerduty.com/v2/enqueue"

_SUMMARY_SIGNS = 1024
_ACTIONS = {
    State.OPEN: "trigger",
    State.CONFIRMED: "acknowledge",
    State.NOTIFIED: "acknowledge",
    State.CLOSED: "resolve",
    State.DISMISSED: "resolve",
    State.MERGED: "resolve",
}
_PRESSING = ("h-left", "overdue", "escalated", "reopened")
"""What rings again although somebody has taken the incident."""
_SEVERITIES = {
    Level.INFORMATIONAL: "info",
    Level.LOW: "info",
    Level.MEDIUM: "warning",
    Level.HIGH: "error",
    Level.CRITICAL: "critical",
}


class PagerDutyOptions(PostOptions):
    """A `type: pagerduty` channel.

    `routing_key` is where the integration key of the service is kept; `url` is for the service region of the EU.
    """

    type: Literal["pagerduty"] = "pagerduty"
    routing_key: SecretRef
    url: str = EVENTS


class PagerDuty:
    """Sends events. PagerDuty recognises a repeat by the case's id."""

    def __init__(self, name: str, target: Target, routing_key: str) -> None:
        self.name = name
        self._target = target
        self._routing_key = routing_key

    def render(self, notification: Notification) -> bytes:
        said, case = words(notification), notification.case
        action = "acknowledge" if notification.key == "acknowledged" else _ACTIONS[case.state]
        if action == "acknowledge" and any(word in notification.key for word in _PRESSING):
            action = "trigger"
        event: Payload = {"event_action": action, "dedup_key": case.id}
        if action == "trigger":
            event["client"] = "Sentinel"
            if notification.links:
                event["links"] = [{"href": link.url, "text": link.label} for link in notification.links]
            event["payload"] = {
                "summary": cut(said.headline, _SUMMARY_SIGNS),
                "source": clean(case.systems[0]) if case.systems else "sentinel",
                "severity": _SEVERITIES[case.level],
                "timestamp": rfc3339(notification.owed_at, 3),
                "class": "personal data breach",
                "custom_details": {"facts": list(said.lines), "next": said.action, "message": notification.id},
            }
        return orjson.dumps(event)

    def send(self, attempt: Attempt) -> Outcome:
        event = orjson.loads(attempt.body) | {"routing_key": self._routing_key}
        return post(self._target, orjson.dumps(event), HEADERS, attempt.now)


def make_pagerduty(name: str, options: PagerDutyOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options.

    Raises ChannelError for a key of the wrong form, and whatever `resolve_secret` raises.
    """
    key = resolve_secret(options.routing_key).strip()
    if len(key) != 32 or not key.isascii() or not key.isalnum():
        said = f"{options.routing_key} of channel '{name}' is no routing key"
        raise ChannelError(said, "the integration key of an Events API v2 integration has 32 letters and digits")
    return PagerDuty(name, options.target(options.url), key)

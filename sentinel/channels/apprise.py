"""A message through Apprise, for the services that have no channel of their own here.

Rules of this file:
1. Apprise posts by itself: it decides how long it waits and where it connects, follows the proxy settings of the
   environment, and says no more than whether it worked. What `base.py` promises of an attempt's bounds does not hold.
2. It escapes for some services and not for others, so nothing that any of them reads as markup is handed to it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Literal

import orjson

from sentinel.channels.base import Attempt, Channel, ChannelError, ChannelOptions, Later, Outcome, Sent
from sentinel.channels.safety import REPEAT, words
from sentinel.model import Level, Notification
from sentinel.secrets import SecretRef

_ALIKE = str.maketrans(
    {"<": "\u2039", ">": "\u203a", "*": "\u2217", "~": "\u223c", "`": "\u02cb", "@": "\uff20", "[": "(", "]": ")"}
)
"""Signs that begin a mention, a link or markup somewhere, and others that look alike and begin none."""

_KINDS = {Level.MEDIUM: "warning", Level.HIGH: "failure", Level.CRITICAL: "failure"}


class AppriseOptions(ChannelOptions):
    """A `type: apprise` channel. `url` is where the Apprise URL of the service is kept: it holds its passwords."""

    type: Literal["apprise"] = "apprise"
    url: SecretRef


class ThroughApprise:
    """Hands messages to one service of Apprise."""

    def __init__(self, name: str, service: Any) -> None:
        self.name = name
        self._service = service

    def render(self, notification: Notification) -> bytes:
        said = words(notification, lambda text: text.translate(_ALIKE))
        links = (f"{link.label}: {link.url}" for link in notification.links)
        body = "\n".join((*said.lines, said.action, *links, said.foot))
        kind = _KINDS.get(notification.case.level, "info")
        return orjson.dumps({"title": said.headline, "body": body, "notify_type": kind})

    def send(self, attempt: Attempt) -> Outcome:
        message = orjson.loads(attempt.body)
        if attempt.may_have_arrived:
            message["body"] = f"{REPEAT}\n{message['body']}"
        taken = self._service.notify(**message, body_format="text")
        return Sent("Apprise says it was taken") if taken else Later("Apprise says it was not taken")


def make_apprise(name: str, options: AppriseOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options.

    Raises ChannelError for a URL that Apprise does not know, and whatever `resolve_secret` raises.
    """
    service = _apprise().Apprise(asset=_apprise().AppriseAsset(app_id="Sentinel", app_desc="", app_url=""))
    if not service.add(resolve_secret(options.url).strip()):
        raise ChannelError(
            f"{options.url} of channel '{name}' is no URL that Apprise knows", "see its list of services"
        )
    return ThroughApprise(name, service)


@cache
def _apprise() -> Any:
    """Apprise, imported when a channel needs it."""
    import apprise  # noqa: PLC0415  (large: only who has such a channel waits for it)

    return apprise

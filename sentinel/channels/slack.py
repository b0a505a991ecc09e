"""A message to one Slack channel through an incoming webhook.

Rules of this file:
1. The webhook's URL is a secret: whoever has it can post. It is in no reason, log or representation.
2. Values stand in `plain_text` objects, where Slack interprets no markup; and &, < and > are escaped everywhere, also
   in the fallback `text`, which makes notifications and would ping on `<!channel>`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson

from sentinel.channels.base import ChannelError, ChannelOptions, Outcome
from sentinel.channels.posting import Target, post, target_of
from sentinel.channels.safety import clean
from sentinel.clock import SECOND, Micros
from sentinel.durations import Duration
from sentinel.model import Notification
from sentinel.secrets import SecretRef

_HEADER_SIGNS = 150
_SECTION_SIGNS = 3000
_TEXT_SIGNS = 500
_LINE_RUNES = 300
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class SlackOptions(ChannelOptions):
    """A `type: slack` channel. `url` is where the incoming webhook's URL is kept.

    `allow_private` and `ca_file` are for services of the own network that speak Slack's form (Mattermost, Rocket.Chat).
    """

    type: Literal["slack"] = "slack"
    url: SecretRef
    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = 15 * SECOND


class Slack:
    """Posts to a Slack incoming webhook. Slack has no key to recognise a repeat by: the message shows its id."""

    def __init__(self, name: str, target: Target) -> None:
        self.name = name
        self._target = target

    def render(self, notification: Notification) -> bytes:
        lines = "\n".join(clean(line, _LINE_RUNES) for line in notification.lines)
        headline = clean(notification.headline, _LINE_RUNES)
        message = {
            "text": escaped(headline, _TEXT_SIGNS),
            "mrkdwn": False,
            "parse": "none",
            "link_names": False,
            "unfurl_links": False,
            "unfurl_media": False,
            "blocks": [
                {"type": "header", "text": _plain(headline, _HEADER_SIGNS)},
                {"type": "section", "text": _plain(lines or headline, _SECTION_SIGNS)},
                {"type": "section", "text": _plain(clean(notification.next_action, _LINE_RUNES), _SECTION_SIGNS)},
                {"type": "context", "elements": [_plain(f"{notification.id} {notification.key}", _HEADER_SIGNS)]},
            ],
        }
        return orjson.dumps(message)

    def send(self, message_id: str, body: bytes, now: Micros) -> Outcome:
        del message_id  # there is no header for it: it is in the message
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "Accept-Encoding": "identity",
            "User-Agent": "breach-sentinel",
        }
        return post(self._target, body, headers, now)


def make_slack(name: str, options: SlackOptions, resolve_secret: Callable[[SecretRef], str]) -> Slack:
    """The channel of these options.

    Raises ChannelError for a URL of the wrong form, and whatever `resolve_secret` raises.
    """
    url = resolve_secret(options.url).strip()
    parts = urlsplit(url)
    if parts.hostname is None or parts.scheme not in {"http", "https"}:
        raise ChannelError(
            f"{options.url} of channel '{name}' is no web address", "it begins with https://hooks.slack.com/services/"
        )
    if parts.scheme == "http" and not options.allow_private:
        raise ChannelError(f"{options.url} of channel '{name}' is an address without TLS", "use https://")
    target = target_of(url, options.timeout, allow_private=options.allow_private, ca_file=options.ca_file)
    return Slack(name, target)


def escaped(text: str, signs: int) -> str:
    """The text with &, < and > as entities, at most so many signs long and never cut inside an entity."""
    pieces = [_ENTITIES.get(sign, sign) for sign in text]
    if sum(map(len, pieces)) <= signs:
        return "".join(pieces)
    kept: list[str] = []
    room = signs - 1
    for piece in pieces:
        if len(piece) > room:
            break
        kept.append(piece)
        room -= len(piece)
    return "".join(kept) + "…"


def _plain(text: str, signs: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": escaped(text, signs) or "-", "emoji": False}

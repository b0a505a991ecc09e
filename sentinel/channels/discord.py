"""A message to one Discord channel, through its webhook.

Rules of this file: values stand in an embed only, with Discord's markup escaped; nobody is ever mentioned. The only
links are those of the message itself.
"""

from __future__ import annotations

import re
from typing import Literal

from sentinel.channels.hook import HookOptions, Payload, hook_maker
from sentinel.channels.safety import REPEAT, cut, words
from sentinel.model import Level, Notification

_TITLE_SIGNS = 256
_DESCRIPTION_SIGNS = 4096
_FOOT_SIGNS = 2048
_MARKUP = re.compile(r"([\\*_~`>|\[\]()#<:-])")
_COLOURS = {
    Level.INFORMATIONAL: 0x8899A6,
    Level.LOW: 0x3B88C3,
    Level.MEDIUM: 0xF4B400,
    Level.HIGH: 0xE8590C,
    Level.CRITICAL: 0xC92A2A,
}


class DiscordOptions(HookOptions):
    """A `type: discord` channel. `url` is where the webhook's URL is kept."""

    type: Literal["discord"] = "discord"


def _payload(notification: Notification) -> Payload:
    said = words(notification, _escaped)
    links = "".join(f"\n[{link.label}]({link.url})" for link in notification.links)
    description = "\n".join((*said.lines, "", said.action))
    return {
        "allowed_mentions": {"parse": []},
        "embeds": [
            {
                "title": cut(said.headline, _TITLE_SIGNS),
                "description": cut(description, _DESCRIPTION_SIGNS - _TITLE_SIGNS - len(links)) + links,
                "color": _COLOURS[notification.case.level],
                "footer": {"text": cut(words(notification).foot, _FOOT_SIGNS)},
            }
        ],
    }


def _mark(payload: Payload) -> None:
    payload["content"] = REPEAT


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text).replace("@", "@\u200b")


make_discord = hook_maker("https://discord.com/api/webhooks/", _payload, _mark)

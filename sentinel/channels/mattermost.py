"""A message to one Mattermost channel, through an incoming webhook.

Rules of this file: Mattermost reads Markdown everywhere and pings on `@channel` in plain text; both are escaped.
"""

from __future__ import annotations

import re
from typing import Literal

from sentinel.channels.hook import HookOptions, Payload, hook_maker
from sentinel.channels.safety import REPEAT, cut, words
from sentinel.model import Notification

_TEXT_SIGNS = 4000
"""What older servers take; newer ones take 16,383."""

_MARKUP = re.compile(r"([\\*_~`>|\[\]()#<:!-])")


class MattermostOptions(HookOptions):
    """A `type: mattermost` channel. `url` is where the incoming webhook's URL is kept."""

    type: Literal["mattermost"] = "mattermost"


def _payload(notification: Notification) -> Payload:
    said = words(notification, _escaped)
    links = "".join(f"\n\n**[{link.label}]({link.url})**" for link in notification.links)
    text = "\n".join((f"#### {said.headline}", *said.lines, "", said.action, "", said.foot))
    return {"text": cut(text, _TEXT_SIGNS - len(links)) + links}


def _mark(payload: Payload) -> None:
    payload["text"] = cut(f"{REPEAT}\n\n{payload['text']}", _TEXT_SIGNS)


def _escaped(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text).replace("@", "@\u200b")


make_mattermost = hook_maker("https:// and has /hooks/ in it", _payload, _mark)

"""A message to one Google Chat space, through an incoming webhook. The messages of a case make one thread.

Rules of this file: Google Chat has no escape for its markup; the signs that begin it are replaced by others that look
alike, except in what people copy, which has none.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sentinel.channels.base import Channel
from sentinel.channels.hook import Hook, HookOptions, Payload, secret_address
from sentinel.channels.safety import REPEAT, cut, utf8_size, words
from sentinel.model import Notification
from sentinel.secrets import SecretRef

_BYTES = 30_000
"""The service takes 32,000 bytes with everything around the text."""

_ALIKE = str.maketrans({"<": "\u2039", ">": "\u203a", "*": "\u2217", "~": "\u223c", "`": "\u02cb", "_": "\u02cd"})
_THREADED = "messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD"


class GoogleChatOptions(HookOptions):
    """A `type: google_chat` channel. `url` is where the incoming webhook's URL is kept."""

    type: Literal["google_chat"] = "google_chat"


def make_google_chat(name: str, options: GoogleChatOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options.

    Raises ChannelError for a URL of the wrong form, and whatever `resolve_secret` raises.
    """
    begins = "https://chat.googleapis.com/v1/spaces/"
    url = secret_address(name, options.url, resolve_secret, begins, allow_private=options.allow_private)
    return Hook(name, options.target(f"{url}{'&' if '?' in url else '?'}{_THREADED}"), _payload, _mark)


def _payload(notification: Notification) -> Payload:
    said = words(notification, lambda text: text.translate(_ALIKE))
    links = "".join(f"\n\n<{link.url}|{link.label}>" for link in notification.links)
    text = "\n".join((f"*{said.headline}*", *said.lines, "", said.action, "", said.foot))
    text = cut(text, _BYTES - utf8_size(links), utf8_size) + links
    return {"text": text, "thread": {"threadKey": notification.case.id}}


def _mark(payload: Payload) -> None:
    payload["text"] = cut(f"{REPEAT}\n\n{payload['text']}", _BYTES, utf8_size)

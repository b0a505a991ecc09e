"""A message to one Microsoft Teams channel, as an Adaptive Card through a Workflows webhook.

Rules of this file: text blocks of a card read Markdown and text runs do not, so values stand in text runs only; the
card has no mention and no image, and no action but to open a link of the message itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import orjson

from sentinel.channels.hook import HookOptions, Payload, hook_maker
from sentinel.channels.safety import REPEAT, cut, words
from sentinel.link import Link
from sentinel.model import Level, Notification

_BYTES = 20_000
"""Teams refuses a message above 28 KB; more is around it than the card."""

_RUN_SIGNS = 1000
_COLOURS = {Level.MEDIUM: "Warning", Level.HIGH: "Attention", Level.CRITICAL: "Attention"}


class TeamsOptions(HookOptions):
    """A `type: teams` channel.

    `url` is where the URL of the workflow "post to a channel when a webhook request is received" is kept.
    """

    type: Literal["teams"] = "teams"


def _payload(notification: Notification) -> Payload:
    said = words(notification)
    head = _text(said.headline, weight="Bolder", color=_COLOURS.get(notification.case.level, "Default"))
    foot = _text(said.foot, isSubtle=True, size="Small")
    lines = [_text(line) for line in said.lines]
    while True:
        payload = _message([head, *lines, _text(said.action), foot], notification.links)
        if len(orjson.dumps(payload)) <= _BYTES or not lines:
            return payload
        lines.pop()


def _message(body: list[Payload], links: Sequence[Link]) -> Payload:
    card: Payload = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if links:
        card["actions"] = [{"type": "Action.OpenUrl", "title": link.label, "url": link.url} for link in links]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _mark(payload: Payload) -> None:
    payload["attachments"][0]["content"]["body"].insert(1, _text(REPEAT))


def _text(text: str, **look: object) -> Payload:
    run = {"type": "TextRun", "text": cut(text, _RUN_SIGNS) or "-", **look}
    return {"type": "RichTextBlock", "inlines": [run]}


make_teams = hook_maker("https:// and ends with sig=…", _payload, _mark)

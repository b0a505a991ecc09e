"""A message to one Slack channel, through an incoming webhook or as a bot.

Rules of this file:
1. The webhook's URL and the bot's token are secrets: they are in no reason, log or representation.
2. Values stand in `plain_text` objects, where Slack interprets no markup; and &, < and > are escaped everywhere, also
   in the fallback `text`, which makes notifications and would ping on `<!channel>`.
3. The only links and buttons are those of the message itself, never of a value.
4. A bot's first message of a case is the head of a thread and always shows how the case stands; what comes later is
   put under it, and shown in the channel as well where it cannot wait.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import orjson
from pydantic import model_validator

from sentinel.cases.wording import message_type
from sentinel.channels.base import Attempt, Channel, ChannelError, Later, Never, Outcome, Sent
from sentinel.channels.hook import HEADERS, Hook, Payload, PostOptions, marked, secret_address
from sentinel.channels.posting import Target, post
from sentinel.channels.safety import REPEAT, Words, words
from sentinel.link import Link
from sentinel.model import Case, Notification, State
from sentinel.secrets import SecretRef

API = "https://slack.com/api"

_HEADER_SIGNS = 150
_SECTION_SIGNS = 3000
_TEXT_SIGNS = 500
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
REASON_FIELD = "reason"
"""The input beside the buttons."""

ACTIONS: Mapping[str, str] = {
    "sentinel_acknowledge": "acknowledge",
    "sentinel_confirm": "confirm",
    "sentinel_dismiss": "dismiss",
}
"""What each button of a message does; by its name the service says which was pressed."""

_PASSING = frozenset({"ratelimited", "rate_limited", "internal_error", "fatal_error", "service_unavailable"})
"""Errors of Slack's methods that go away by themselves."""
_PRESSING = frozenset({"case.escalated", "case.overdue", "case.reopened"})
"""Kinds of message that the channel sees too, not only who follows the thread."""


class SlackOptions(PostOptions):
    """A `type: slack` channel: `url` is where the incoming webhook's URL is kept; or, instead of it, `token` is where
    a bot's token is kept and `channel` the id of the channel it posts to (the bot needs the scope `chat:write`).
    With `signing_secret`, that of the bot's app, its messages have buttons; Slack sends what is pressed to the pages of
    `acting`.

    `api` is for tests and for services of the own network that speak Slack's methods.
    """

    type: Literal["slack"] = "slack"
    url: SecretRef | None = None
    token: SecretRef | None = None
    channel: str | None = None
    signing_secret: SecretRef | None = None
    api: str = API

    @model_validator(mode="after")
    def _is_one_of_two_ways(self) -> SlackOptions:
        if (self.url is None) == (self.token is None):
            raise ValueError("a slack channel has either 'url' (an incoming webhook) or 'token' and 'channel' (a bot)")
        if (self.token is None) != (self.channel is None):
            raise ValueError("a slack bot needs 'token' and 'channel', the id of the channel it posts to")
        if self.signing_secret is not None and self.token is None:
            raise ValueError("only a bot's messages have buttons: 'signing_secret' goes with 'token' and 'channel'")
        if not self.api.startswith("https://") and not self.allow_private:
            raise ValueError("the address of the api begins with https://")
        return self


class Bot:
    """Posts as a bot. Slack has no key to recognise a repeat by: the message shows its id."""

    def __init__(
        self, name: str, api: Callable[[str], Target], token: str, channel: str, signing_secret: str | None = None
    ) -> None:
        self.name = name
        self.signing_secret = signing_secret
        self._api = api
        self._headers = {**HEADERS, "Authorization": f"Bearer {token}"}
        self._channel = channel

    def render(self, notification: Notification) -> bytes:
        pressing = message_type(notification.key) in _PRESSING
        payload = _payload(notification)
        if self.signing_secret is not None:
            payload["blocks"][-1:-1] = _buttons(notification.case)
        return orjson.dumps({**payload, "channel": self._channel, "reply_broadcast": pressing})

    def send(self, attempt: Attempt) -> Outcome:
        payload = orjson.loads(marked(attempt, _mark))
        channel, _, head = attempt.thread.partition("/")
        if not head:
            del payload["reply_broadcast"]
            return self._call("chat.postMessage", payload, attempt)
        outcome = self._call("chat.postMessage", {**payload, "channel": channel, "thread_ts": head}, attempt)
        if isinstance(outcome, Sent):
            del payload["reply_broadcast"]
            shown = self._call("chat.update", {**payload, "channel": channel, "ts": head}, attempt)
            if not isinstance(shown, Sent):
                return Sent("in its thread; the first message still shows an earlier state", outcome.reference)
        return outcome

    def _call(self, method: str, payload: Payload, attempt: Attempt) -> Outcome:
        return post(self._api(method), orjson.dumps(payload), self._headers, attempt.now, _judged)


def _judged(answer: bytes) -> Outcome:
    """Slack's methods answer 200 also where they did nothing; `ok` says."""
    try:
        said = orjson.loads(answer)
        if said["ok"]:
            return Sent("posted", f"{said['channel']}/{said['ts']}")
        error = str(said["error"])
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return Later("the answer is not one of Slack's")
    if error in _PASSING:
        return Later(f"Slack says {error}")
    known = error if error.isascii() and error.replace("_", "").isalpha() and len(error) < 60 else "no"
    return Never(f"Slack says {known}")


def make_slack(name: str, options: SlackOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options.

    Raises ChannelError for a secret of the wrong form, and whatever `resolve_secret` raises.
    """
    if options.url is not None:
        begins = "https://hooks.slack.com/services/"
        url = secret_address(name, options.url, resolve_secret, begins, allow_private=options.allow_private)
        return Hook(name, options.target(url), _payload, _mark)
    assert options.token is not None
    token = resolve_secret(options.token).strip()
    if not token.isascii() or not token.isprintable() or " " in token:
        raise ChannelError(f"{options.token} of channel '{name}' is no token", "a bot's token begins with xoxb-")
    secret = None if options.signing_secret is None else resolve_secret(options.signing_secret).strip()
    return Bot(name, lambda method: options.target(f"{options.api}/{method}"), token, options.channel or "", secret)


def _payload(notification: Notification) -> Payload:
    said = words(notification)
    return {
        "text": escaped(said.headline, _TEXT_SIGNS),
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": _blocks(said, notification.links),
    }


def _blocks(said: Words, links: Sequence[Link]) -> list[Payload]:
    return [
        {"type": "header", "text": _plain(said.headline, _HEADER_SIGNS)},
        {"type": "section", "text": _plain("\n".join(said.lines) or said.headline, _SECTION_SIGNS)},
        {"type": "section", "text": _plain(said.action, _SECTION_SIGNS)},
        *({"type": "rich_text", "elements": [_linked(link)]} for link in links),
        {"type": "context", "elements": [_plain(said.foot, _HEADER_SIGNS)]},
    ]


def _linked(link: Link) -> Payload:
    """A link of our own, in the one element that reads no markup; buttons would need an app that answers them."""
    text = {"type": "link", "url": link.url, "text": link.label, "style": {"bold": True}}
    return {"type": "rich_text_section", "elements": [text]}


def _buttons(case: Case) -> list[Payload]:
    """What can be done with the case as it stands, and where to say why."""
    if case.state is not State.OPEN:
        return []
    pressed = [_button("sentinel_acknowledge", "Acknowledge", case)] if case.acknowledged_at is None else []
    if case.kind != "breach":
        return [{"type": "actions", "elements": pressed}] if pressed else []
    pressed += [_button("sentinel_confirm", "Confirm", case), _button("sentinel_dismiss", "Dismiss", case)]
    reason = {"type": "plain_text_input", "action_id": REASON_FIELD, "max_length": 1000}
    label = _plain("Reason, to confirm or dismiss; it goes to the audit trail, not to chat", _SECTION_SIGNS)
    return [
        {"type": "input", "element": reason, "label": label, "optional": True},
        {"type": "actions", "elements": pressed},
    ]


def _button(name: str, label: str, case: Case) -> Payload:
    return {"type": "button", "action_id": name, "text": _plain(label, _HEADER_SIGNS), "value": case.id}


def _mark(payload: Payload) -> None:
    payload["blocks"].insert(1, {"type": "context", "elements": [_plain(REPEAT, _HEADER_SIGNS)]})


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

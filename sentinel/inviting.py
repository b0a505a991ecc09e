"""Links in messages by which who got the message can act on its case, and how one is told from what somebody made up.

Rules of this file:
1. A link is for one act on one case, once. In what many people read it only acknowledges; what decides a case is sent
   to one person alone.
2. A token is 16 random bytes and a keyed hash (HMAC-SHA-256, cut to 16 bytes) over them, the case, the act and the
   person, so that a link of another case, or one sent to somebody else, opens nothing. Of the token only its SHA-256 is
   kept; the token itself stands in the message while that waits, sealed, and nowhere once it was sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from sentinel.channels.base import ChannelOptions
from sentinel.channels.email import EmailOptions, Mailbox
from sentinel.channels.hook import is_web_address
from sentinel.channels.slack import SlackOptions
from sentinel.clock import DAY, HOUR
from sentinel.durations import Duration
from sentinel.link import Link
from sentinel.model import Case, Notification, State
from sentinel.routing import kind_of
from sentinel.store.links import LONGEST_LIFE, Invitation

Scope = Literal["acknowledge", "decide"]

ACTS: Mapping[Scope, tuple[str, ...]] = {"acknowledge": ("acknowledge",), "decide": ("confirm", "dismiss")}
"""What a link of each kind can do."""

KINDS = frozenset(
    {"opened", "escalated", "grew", "reminder", "overdue", "unacknowledged", "undecided", "reopened", "acknowledged"}
)
"""Messages that ask for something to be done."""

_LABELS: Mapping[Scope, str] = {"acknowledge": "Acknowledge", "decide": "Confirm or dismiss"}
_NONCE = 16
_MAC = 16

Person = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
SlackUser = Annotated[str, StringConstraints(pattern=r"^[UW][A-Z0-9]{2,20}$")]


def _is_public(value: str) -> str:
    parts = urlsplit(is_web_address(value))
    if parts.query or parts.fragment:
        raise ValueError("the address of the pages has no '?' and no '#'")
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1", "::1"}:
        raise ValueError("the address of the pages begins with https:// (http is for this machine alone)")
    return value.rstrip("/")


class PersonOptions(BaseModel):
    """By which e-mail address, of this person alone, and by which Slack user somebody is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    email: Mailbox | None = None
    slack: SlackUser | None = None


class ActingOptions(BaseModel):
    """Acting on a case from a message. `url` is where people reach the pages that `listen` serves; a link is good for
    `links_last` after its message was sent. `people` may decide cases from messages, under these names. With
    `certificate` and `private_key`, files in PEM form, the pages speak TLS; else something before them does.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    listen: str
    url: Annotated[str, AfterValidator(_is_public)]
    links_last: Duration = Field(default=DAY, ge=HOUR // 12, le=LONGEST_LIFE)
    people: dict[Person, PersonOptions] = {}
    certificate: str | None = None
    private_key: str | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("'certificate' and 'private_key' go together")
        return self

    def reader(self, options: ChannelOptions) -> str:
        """The one person who reads what goes through the channel; empty where it may be several, or nobody known."""
        if not isinstance(options, EmailOptions) or len(options.to) != 1:
            return ""
        (address,) = options.to
        return next((name for name, each in self.people.items() if _same(each.email, address)), "")

    def slack_person(self, user: str) -> str:
        """Who the Slack user is; empty where that is not known."""
        return next((name for name, each in self.people.items() if each.slack == user), "")


def _same(one: str | None, other: str) -> bool:
    return one is not None and one.casefold() == other.casefold()


def acts_on(case: Case, scope: str) -> tuple[str, ...]:
    """What a link of that kind can do with the case as it stands."""
    if case.state is not State.OPEN:
        return ()
    if scope == "acknowledge":
        return () if case.acknowledged_at is not None else ACTS["acknowledge"]
    return ACTS["decide"] if case.kind == "breach" else ()


class Inviter:
    """Puts links into messages: for each channel those that its readers may have."""

    def __init__(
        self,
        acting: ActingOptions,
        channels: Mapping[str, ChannelOptions],
        key: bytes,
        draw: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self._acting = acting
        self._channels = channels
        self._key = key
        self._draw = draw

    def __call__(self, notification: Notification, channel: str) -> tuple[Notification, tuple[Invitation, ...]]:
        """The message as this channel is to carry it, and what is to be remembered of its links."""
        options = self._channels[channel]
        if kind_of(notification.key) not in KINDS or not options.links or _has_buttons(options):
            return notification, ()
        reader = self._acting.reader(options)
        scopes: tuple[Scope, ...] = ("acknowledge", "decide") if reader else ("acknowledge",)
        links, invitations = [], []
        for scope in scopes:
            if not acts_on(notification.case, scope):
                continue
            token = new_token(self._key, notification.case.id, scope, reader, self._draw(_NONCE))
            links.append(Link(_LABELS[scope], f"{self._acting.url}/{token}"))
            invitations.append(
                Invitation(
                    digest=digest_of(token),
                    case_id=notification.case.id,
                    message_id=notification.id,
                    channel=channel,
                    scope=scope,
                    made_at=notification.owed_at,
                )
            )
        return replace(notification, links=tuple(links)), tuple(invitations)


def _has_buttons(options: ChannelOptions) -> bool:
    return isinstance(options, SlackOptions) and options.signing_secret is not None


def new_token(key: bytes, case_id: str, scope: str, person: str, nonce: bytes) -> str:
    """The token for that act on that case by that person (empty: whoever reads it)."""
    return base64.urlsafe_b64encode(nonce + _mac(key, case_id, scope, person, nonce)).decode().rstrip("=")


def digest_of(token: str) -> bytes:
    """What is kept of a token. It is random enough to need no salt and no slow hash."""
    return hashlib.sha256(token.encode()).digest()


def is_genuine(key: bytes, token: str, case_id: str, scope: str, person: str) -> bool:
    """The token was made here for exactly this; compared in constant time."""
    try:
        nonce = base64.urlsafe_b64decode(token.encode("ascii") + b"==")[:_NONCE]
    except ValueError:
        return False
    return hmac.compare_digest(token, new_token(key, case_id, scope, person, nonce))


def _mac(key: bytes, case_id: str, scope: str, person: str, nonce: bytes) -> bytes:
    # None of the names can hold a zero byte, so no two different quadruples give the same bytes.
    signed = nonce + f"{case_id}\0{scope}\0{person}".encode()
    return hmac.digest(key, signed, "sha256")[:_MAC]

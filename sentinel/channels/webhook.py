"""A signed JSON message to any HTTP service, by the Standard Webhooks specification 1.0.

Rules of this file: the body is made once and sent unchanged in every attempt; only the time and the signature differ.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Any, Literal
from urllib.parse import urlsplit

import orjson
from pydantic import field_validator, model_validator

from sentinel.cases.register import case_row
from sentinel.cases.wording import message_type
from sentinel.channels.base import ChannelError, ChannelOptions, Outcome
from sentinel.channels.posting import Target, post, target_of
from sentinel.channels.safety import clean
from sentinel.clock import SECOND, Micros, rfc3339
from sentinel.durations import Duration
from sentinel.model import Notification
from sentinel.secrets import SecretRef

BODY_BYTES = 20_000
"""The specification asks for payloads below 20 kB."""

_LINE_RUNES = 300
_PREFIX = "whsec_"
_MAKE_ONE = "make one: echo whsec_$(openssl rand -base64 32)"

_HARMLESS = ((b"<", b"\\u003c"), (b">", b"\\u003e"), (b"&", b"\\u0026"))
"""Inside JSON these can only stand in texts; escaped, the body is harmless where somebody pastes it into a page."""


class WebhookOptions(ChannelOptions):
    """A `type: webhook` channel.

    `secret` is `whsec_` and 24 to 64 bytes in base64. `old_secrets` sign too, so that a receiver can change over.
    `allow_private` admits addresses of the own network, and plain http to this machine. `ca_file` holds the
    certificate authorities of the service instead of the public ones. `timeout` is for its answer.
    """

    type: Literal["webhook"] = "webhook"
    url: str
    secret: SecretRef
    old_secrets: tuple[SecretRef, ...] = ()
    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = 15 * SECOND

    @field_validator("url")
    @classmethod
    def _is_a_url(cls, value: str) -> str:
        parts = urlsplit(value)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("a webhook's address begins with https:// and names a host")
        if parts.username is not None or parts.password is not None:
            raise ValueError("a webhook's address holds no user name or password")
        return value

    @model_validator(mode="after")
    def _http_is_for_this_machine(self) -> WebhookOptions:
        if urlsplit(self.url).scheme == "http" and not self.allow_private:
            raise ValueError("http without TLS needs 'allow_private: true' and a service on this machine")
        return self


class Webhook:
    """Posts signed JSON. See https://www.standardwebhooks.com for the headers."""

    def __init__(self, name: str, target: Target, keys: tuple[bytes, ...]) -> None:
        self.name = name
        self._target = target
        self._keys = keys

    def render(self, notification: Notification) -> bytes:
        for shown in (20, 5, 1):
            body = orjson.dumps(_payload(notification, shown))
            for sign, escaped in _HARMLESS:
                body = body.replace(sign, escaped)
            if len(body) < BODY_BYTES:
                break
        return body

    def send(self, message_id: str, body: bytes, now: Micros) -> Outcome:
        seconds = str(now // SECOND)
        headers = {
            "Content-Type": "application/json",
            "Accept-Encoding": "identity",
            "User-Agent": "breach-sentinel",
            "webhook-id": message_id,
            "webhook-timestamp": seconds,
            "webhook-signature": signature(self._keys, message_id, seconds, body),
        }
        return post(self._target, body, headers, now)


def make_webhook(name: str, options: WebhookOptions, resolve_secret: Callable[[SecretRef], str]) -> Webhook:
    """The channel of these options.

    Raises ChannelError for a secret of the wrong form, and whatever `resolve_secret` raises.
    """
    keys = tuple(
        key_of(resolve_secret(reference), f"{reference} of channel '{name}'")
        for reference in (options.secret, *options.old_secrets)
    )
    target = target_of(options.url, options.timeout, allow_private=options.allow_private, ca_file=options.ca_file)
    return Webhook(name, target, keys)


def key_of(secret: str, what: str) -> bytes:
    """The signing key that the secret holds. Raises ChannelError, which does not quote it."""
    if not secret.startswith(_PREFIX):
        raise ChannelError(f"{what} does not begin with '{_PREFIX}'", _MAKE_ONE)
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ChannelError(f"{what} is not base64 behind '{_PREFIX}'", _MAKE_ONE) from None
    if not 24 <= len(key) <= 64:
        raise ChannelError(f"{what} has {len(key)} bytes, not 24 to 64", _MAKE_ONE)
    return key


def signature(keys: tuple[bytes, ...], message_id: str, seconds: str, body: bytes) -> str:
    """The `webhook-signature` header: one `v1,…` for each key, with spaces between."""
    signed = f"{message_id}.{seconds}.".encode() + body
    return " ".join("v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode() for key in keys)


def _payload(notification: Notification, shown: int) -> dict[str, Any]:
    return {
        "type": message_type(notification.key),
        "timestamp": rfc3339(notification.owed_at, 3),
        "data": {
            "id": notification.id,
            "key": notification.key,
            "headline": clean(notification.headline, _LINE_RUNES),
            "lines": [clean(line, _LINE_RUNES) for line in notification.lines],
            "next_action": clean(notification.next_action, _LINE_RUNES),
            "case": _cleaned(case_row(notification.case, notification.owed_at), shown),
        },
    }


def _cleaned(value: Any, shown: int) -> Any:
    """The value with every text in it made harmless and every list cut to its first members."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, list):
        return [_cleaned(member, shown) for member in value[:shown]]
    if isinstance(value, dict):
        return {clean(name): _cleaned(member, shown) for name, member in list(value.items())[:64]}
    return value

"""A signed JSON message to any HTTP service, by the Standard Webhooks specification 1.0.

Rules of this file: the body is made once and sent unchanged in every attempt; only the time and the signature differ.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, model_validator

from sentinel.channels.base import Attempt, ChannelError, Outcome
from sentinel.channels.hook import HEADERS, PostOptions, is_web_address
from sentinel.channels.payload import as_json
from sentinel.channels.posting import Target, post
from sentinel.clock import SECOND, rfc3339
from sentinel.model import Notification
from sentinel.secrets import SecretRef

_PREFIX = "whsec_"
_MAKE_ONE = "make one: echo whsec_$(openssl rand -base64 32)"
_TYPES = {"standard": "application/json", "cloudevents": "application/cloudevents+json; charset=utf-8"}


class WebhookOptions(PostOptions):
    """A `type: webhook` channel.

    `secret` is `whsec_` and 24 to 64 bytes in base64. `old_secrets` sign too, so that a receiver can change over.
    `form` is that of the body: `standard`, or `cloudevents` for an envelope after CloudEvents 1.0. `client_cert` and
    `client_key` are files by which this program shows who it is, where the service asks for that (mutual TLS).
    """

    type: Literal["webhook"] = "webhook"
    url: Annotated[str, AfterValidator(is_web_address)]
    secret: SecretRef
    old_secrets: tuple[SecretRef, ...] = ()
    form: Literal["standard", "cloudevents"] = "standard"
    client_cert: str | None = None
    client_key: str | None = None

    @model_validator(mode="after")
    def _goes_together(self) -> WebhookOptions:
        if urlsplit(self.url).scheme == "http" and not self.allow_private:
            raise ValueError("http without TLS needs 'allow_private: true' and a service on this machine")
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("'client_cert' and 'client_key' go together")
        return self

    @property
    def certificate(self) -> tuple[str, str] | None:
        """The files by which this program shows who it is."""
        return None if self.client_cert is None or self.client_key is None else (self.client_cert, self.client_key)


class Webhook:
    """Posts signed JSON. See https://www.standardwebhooks.com for the headers."""

    def __init__(self, name: str, target: Target, keys: tuple[bytes, ...], form: str = "standard") -> None:
        self.name = name
        self._target = target
        self._keys = keys
        self._form = form

    def render(self, notification: Notification) -> bytes:
        return as_json(notification, None if self._form == "standard" else _envelope(notification))

    def send(self, attempt: Attempt) -> Outcome:
        seconds = str(attempt.now // SECOND)
        headers = {
            **HEADERS,
            "Content-Type": _TYPES[self._form],
            "webhook-id": attempt.message_id,
            "webhook-timestamp": seconds,
            "webhook-signature": signature(self._keys, attempt.message_id, seconds, attempt.body),
        }
        return post(self._target, attempt.body, headers, attempt.now)


def _envelope(notification: Notification) -> dict[str, str]:
    """The attributes of CloudEvents 1.0 that the message does not have by itself."""
    return {
        "specversion": "1.0",
        "id": notification.id,
        "source": "urn:sentinel",
        "subject": notification.case.id,
        "time": rfc3339(notification.owed_at, 3),
        "datacontenttype": "application/json",
    }


def make_webhook(name: str, options: WebhookOptions, resolve_secret: Callable[[SecretRef], str]) -> Webhook:
    """The channel of these options.

    Raises ChannelError for a secret of the wrong form, and whatever `resolve_secret` raises.
    """
    keys = tuple(
        key_of(resolve_secret(reference), f"{reference} of channel '{name}'")
        for reference in (options.secret, *options.old_secrets)
    )
    return Webhook(name, options.target(options.url, options.certificate), keys, options.form)


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

"""What chats have in common: JSON posted to an address that is itself the secret.

Rules of this file:
1. Whoever has the address can post: it is in no reason, log or representation.
2. The message is made once and stored; only one that may have arrived already is changed, to say so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

from sentinel.channels.base import Attempt, Channel, ChannelError, ChannelOptions, Outcome
from sentinel.channels.posting import Target, post, target_of
from sentinel.clock import SECOND
from sentinel.durations import Duration
from sentinel.model import Notification
from sentinel.secrets import SecretRef

HEADERS: Mapping[str, str] = {
    "Content-Type": "application/json; charset=utf-8",
    "Accept-Encoding": "identity",
    "User-Agent": "breach-sentinel",
}

Payload = dict[str, Any]


class PostOptions(ChannelOptions):
    """What every channel that posts can be told.

    `allow_private` admits addresses of the own network, and plain http to this machine. `ca_file` holds the
    certificate authorities of the service instead of the public ones. `timeout` is for its answer.
    """

    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = 15 * SECOND

    def target(self, url: str, client_cert: tuple[str, str] | None = None) -> Target:
        """The place that has this address, as the options want it asked."""
        return target_of(
            url, self.timeout, allow_private=self.allow_private, ca_file=self.ca_file, client_cert=client_cert
        )


def is_web_address(value: str) -> str:
    """The address, where it is one that may stand in a file. Raises ValueError."""
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("the address begins with https:// and names a host")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the address holds no user name or password")
    return value


class HookOptions(PostOptions):
    """A channel whose incoming webhook's address is kept where `url` says."""

    url: SecretRef


class Hook:
    """Posts to an incoming webhook that has no key to recognise a repeat by. `mark` puts that into the message."""

    def __init__(
        self, name: str, target: Target, payload: Callable[[Notification], Payload], mark: Callable[[Payload], None]
    ) -> None:
        self.name = name
        self._target = target
        self._payload = payload
        self._mark = mark

    def render(self, notification: Notification) -> bytes:
        return orjson.dumps(self._payload(notification))

    def send(self, attempt: Attempt) -> Outcome:
        return post(self._target, marked(attempt, self._mark), HEADERS, attempt.now)


def marked(attempt: Attempt, mark: Callable[[Payload], None]) -> bytes:
    """The body of the attempt; where the message may have arrived already, it says so."""
    if not attempt.may_have_arrived:
        return attempt.body
    payload = orjson.loads(attempt.body)
    mark(payload)
    return orjson.dumps(payload)


Resolve = Callable[[SecretRef], str]


def hook_maker(
    begins: str, payload: Callable[[Notification], Payload], mark: Callable[[Payload], None]
) -> Callable[[str, HookOptions, Resolve], Channel]:
    """What makes such a channel of its options; its service's addresses look as `begins` says.

    What is returned raises ChannelError for an address of the wrong form, and whatever `resolve_secret` raises.
    """

    def make(name: str, options: HookOptions, resolve_secret: Resolve) -> Channel:
        url = secret_address(name, options.url, resolve_secret, begins, allow_private=options.allow_private)
        return Hook(name, options.target(url), payload, mark)

    return make


def secret_address(
    name: str, reference: SecretRef, resolve_secret: Resolve, begins: str, *, allow_private: bool
) -> str:
    """The address that the secret holds; `begins` is how it looks, for who wrote something else there.

    Raises ChannelError for an address of the wrong form, and whatever `resolve_secret` raises.
    """
    url = resolve_secret(reference).strip()
    try:
        parts = urlsplit(url)
        is_address = parts.hostname is not None and parts.scheme in {"http", "https"}
    except ValueError:
        is_address = False
    if not is_address:
        raise ChannelError(f"{reference} of channel '{name}' is no web address", f"it begins with {begins}")
    if parts.scheme == "http" and not allow_private:
        raise ChannelError(f"{reference} of channel '{name}' is an address without TLS", "use https://")
    return url

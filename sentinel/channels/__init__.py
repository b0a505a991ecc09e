"""The ways to reach people. A new one is one file here and one line in `TYPES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentinel.channels.base import Channel, ChannelError, ChannelOptions
from sentinel.channels.slack import SlackOptions, make_slack
from sentinel.channels.webhook import WebhookOptions, make_webhook
from sentinel.problems import did_you_mean
from sentinel.secrets import SecretRef

TYPES: Mapping[str, tuple[type[ChannelOptions], Callable[..., Channel]]] = {
    "slack": (SlackOptions, make_slack),
    "webhook": (WebhookOptions, make_webhook),
}
"""Each type by the name it has in the configuration: its options and what makes it."""


def make(name: str, options: ChannelOptions | Mapping[str, Any], resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of that name. Raises ChannelError where its type is unknown or a secret has the wrong form."""
    kind = options.type if isinstance(options, ChannelOptions) else str(options.get("type"))
    if kind not in TYPES:
        raise ChannelError(f"unknown channel type '{kind}'", did_you_mean(kind, TYPES))
    model, maker = TYPES[kind]
    return maker(name, model.model_validate(options), resolve_secret)

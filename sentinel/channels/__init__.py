"""The ways to reach people. A new one is one file here and one line in `TYPES`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sentinel.channels.alertmanager import AlertmanagerOptions, make_alertmanager
from sentinel.channels.apprise import AppriseOptions, make_apprise
from sentinel.channels.base import Channel, ChannelError, ChannelOptions
from sentinel.channels.command import CommandOptions, make_command
from sentinel.channels.discord import DiscordOptions, make_discord
from sentinel.channels.elasticsearch import ElasticsearchOptions, make_elasticsearch
from sentinel.channels.email import EmailOptions, make_email
from sentinel.channels.google_chat import GoogleChatOptions, make_google_chat
from sentinel.channels.journal import JournalOptions, make_journal
from sentinel.channels.mattermost import MattermostOptions, make_mattermost
from sentinel.channels.pagerduty import PagerDutyOptions, make_pagerduty
from sentinel.channels.slack import SlackOptions, make_slack
from sentinel.channels.syslog import SyslogOptions, make_syslog
from sentinel.channels.teams import TeamsOptions, make_teams
from sentinel.channels.webhook import WebhookOptions, make_webhook
from sentinel.problems import did_you_mean
from sentinel.secrets import SecretRef

TYPES: Mapping[str, tuple[type[ChannelOptions], Callable[..., Channel]]] = {
    "alertmanager": (AlertmanagerOptions, make_alertmanager),
    "apprise": (AppriseOptions, make_apprise),
    "command": (CommandOptions, make_command),
    "discord": (DiscordOptions, make_discord),
    "elasticsearch": (ElasticsearchOptions, make_elasticsearch),
    "email": (EmailOptions, make_email),
    "google_chat": (GoogleChatOptions, make_google_chat),
    "journal": (JournalOptions, make_journal),
    "mattermost": (MattermostOptions, make_mattermost),
    "pagerduty": (PagerDutyOptions, make_pagerduty),
    "slack": (SlackOptions, make_slack),
    "syslog": (SyslogOptions, make_syslog),
    "teams": (TeamsOptions, make_teams),
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

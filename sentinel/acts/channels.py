"""What is asked and answered about channels, their messages and silences."""

from __future__ import annotations

from typing import TypedDict


class ChannelRow(TypedDict):
    """One channel: messages waiting for it, those it will never take, and when it last took one. `last_reason` says why
    the newest message that it has not taken is not there yet; empty where there is none.
    """

    name: str
    type: str
    waiting: int
    never: int
    oldest_owed_at: str | None
    last_sent_at: str | None
    last_reason: str


class ChannelsAnswer(TypedDict):
    """Every channel of the configuration."""

    channels: list[ChannelRow]


class ChannelArguments(TypedDict):
    """`channel` is a name of the configuration, or None for every channel."""

    channel: str | None


class TestRow(TypedDict):
    """A test message that is now owed."""

    channel: str
    case: str


class TestsAnswer(TypedDict):
    """What is owed to whom."""

    tests: list[TestRow]


class OutcomeArguments(TypedDict):
    """What became of a test. With `withdraw`, one that has not arrived is not tried any more."""

    case: str
    withdraw: bool


class OutcomeAnswer(TypedDict):
    """`state` is `pending`, `inflight`, `sent`, `never`, or `withdrawn`."""

    state: str
    attempts: int
    reason: str


class ResendAnswer(TypedDict):
    """How many messages that were given up are owed again."""

    resent: int


class SilenceRow(TypedDict):
    """One silence. `when` has the conditions that are given, each with its words."""

    id: str
    at: str
    until: str
    who: str
    reason: str
    when: dict[str, list[str]]


SilenceArguments = TypedDict("SilenceArguments", {"for": str, "reason": str, "when": dict[str, list[str]]})
"""`for` is a duration such as `4h`, at most a week; `when` is as in a route, without `kind`."""


class SilenceAnswer(TypedDict):
    """The silence that now is."""

    silence: SilenceRow


class SilencesAnswer(TypedDict):
    """Every silence that has not ended."""

    silences: list[SilenceRow]


class EndArguments(TypedDict):
    """`silence` is its id."""

    silence: str

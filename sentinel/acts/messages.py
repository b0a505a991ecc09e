"""Acting on a case from a message: by a link in it, or by a button of Slack's."""

from __future__ import annotations

from typing import TypedDict


class LinkArguments(TypedDict):
    """`token` is what the link ends with."""

    token: str


class LinkAnswer(TypedDict):
    """What a link is good for. `standing` is `good`, `used`, `expired`, `settled` (there is nothing to do any more) or
    `unknown`; of a link that is unknown nothing more is said. `acts` are what it can do, `facts` what is shown of the
    case: nothing of a person.
    """

    standing: str
    acts: list[str]
    case: str
    headline: str
    facts: list[tuple[str, str]]


class UseArguments(TypedDict):
    """`act` is one of those of LinkAnswer; `reason` and `code` as in MoveArguments."""

    token: str
    act: str
    reason: str
    code: str | None


class UseAnswer(TypedDict):
    """Whether it was done, or else how the link stands; `did` is one sentence."""

    standing: str
    did: str


class SlackArguments(TypedDict):
    """A request of Slack's as it came: the daemon itself sees whether it is genuine."""

    body: str
    timestamp: str
    signature: str


class SlackAnswer(TypedDict):
    """What is to be said to who pressed the button, and where; empty where nothing is to be said."""

    said: str
    answer_to: str
    allow_private: bool

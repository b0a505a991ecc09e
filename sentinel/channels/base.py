"""What every channel promises: render a notification once, send the same bytes until they are taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from sentinel.clock import Micros
from sentinel.model import Case, Document, Finding, Notification


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to send a message: the same `message_id` and `body` in every try, at `now`.

    `may_have_arrived`: an earlier try was cut off by a stop or a crash. `thread` is what the service called the first
    message of this case (`Sent.reference`), empty where there is none.
    """

    message_id: str
    body: bytes
    now: Micros
    may_have_arrived: bool = False
    thread: str = ""


@dataclass(frozen=True, slots=True)
class Sent:
    """The service took the message. `reference` is what the service calls it, where it can be answered to by that."""

    detail: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Later:
    """Try again; not before `after_seconds`, where the service named a time."""

    reason: str
    after_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Never:
    """The service will not take this message, however often it is sent. A person must mend the channel."""

    reason: str


Outcome = Sent | Later | Never


class Channel(Protocol):
    """One configured way to reach people. `render` is pure and is called once, when the message is owed; `send` may be
    called many times, from the courier's thread for this channel, and returns instead of raising. A service that
    cannot recognise a repeat by the id is told in the message that it may be one. Neither reason texts nor logs ever
    hold a secret (a webhook's URL is one) or personal data.
    """

    name: str

    def render(self, notification: Notification) -> bytes:
        """The exact body to send, without anything from a log line in it."""

    def send(self, attempt: Attempt) -> Outcome:
        """One attempt, bounded in time and size."""


@runtime_checkable
class Register(Channel, Protocol):
    """A channel that besides messages takes a document of every finding and of every case as it changes, many at once.

    It recognises a repeat by the id of the document, so that nothing in it says that it may be one.
    """

    def finding(self, finding: Finding, case_id: str, group: Sequence[str], now: Micros) -> Document:
        """The document of a finding, in that case if any; `group` is whom it is about, `FIELD=PSEUDONYM` each."""

    def case(self, case: Case, now: Micros) -> Document:
        """The document of this revision of the case."""

    def send_all(self, attempts: Sequence[Attempt]) -> list[Outcome] | Later:
        """One attempt for all, bounded in time: an outcome for each in their order, or why none can be had now."""


class ChannelError(Exception):
    """A channel cannot be made of its options; the message holds no secret, `hint` says what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(f"{message}\n    hint: {hint}" if hint else message)


class ChannelOptions(BaseModel):
    """What every channel can be told.

    `fallback` names the channels that get what this one will not take. `per_minute` is how many messages a minute it
    gets at most, ten of them at once: most services refuse more than one a second. With `gathered`, it gets one message
    with counts where more cases open, rise or grow within a minute than people can read. With `links`, its messages
    hold links by which their readers may act, where `acting` is configured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str
    fallback: tuple[str, ...] = ()
    per_minute: int = Field(default=60, ge=1, le=6000)
    gathered: bool = True
    links: bool = True

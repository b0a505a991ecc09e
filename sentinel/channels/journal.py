"""A message as an entry of the systemd journal of this machine, with fields of its own to select by.

Rules of this file: systemd's native form (https://systemd.io/JOURNAL_NATIVE_PROTOCOL) is written here, because
libsystemd does not say whether the journal took the entry.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Literal

import orjson

from sentinel.cases.wording import message_type
from sentinel.channels.base import Attempt, Channel, ChannelOptions, Later, Outcome, Sent
from sentinel.channels.payload import SEVERITIES
from sentinel.channels.safety import REPEAT, words
from sentinel.model import Notification
from sentinel.secrets import SecretRef

SOCKET = "/run/systemd/journal/socket"

MESSAGE_ID = "5f0c4d0f3b5a4c0e8e7f6a1d2c3b4a59"
"""The kind of every entry this channel writes: `journalctl MESSAGE_ID=…` shows them all."""


class JournalOptions(ChannelOptions):
    """A `type: journal` channel. `socket` is for tests and containers. A log is no place for links to act by."""

    type: Literal["journal"] = "journal"
    socket: str = SOCKET
    links: Literal[False] = False


class Journal:
    """Writes entries. The journal does not recognise a repeat: the entry says that it may be one."""

    def __init__(self, name: str, path: str) -> None:
        self.name = name
        self._path = path

    def render(self, notification: Notification) -> bytes:
        said, case = words(notification), notification.case
        return orjson.dumps(
            {
                "MESSAGE": "\n".join((said.headline, *said.lines, said.action)),
                "MESSAGE_ID": MESSAGE_ID,
                "PRIORITY": str(SEVERITIES[case.level]),
                "SYSLOG_IDENTIFIER": "sentinel",
                "SENTINEL_TYPE": message_type(notification.key),
                "SENTINEL_CASE": case.id,
                "SENTINEL_LEVEL": case.level.word,
                "SENTINEL_STATE": case.state.value,
                "SENTINEL_MESSAGE": notification.id,
            }
        )

    def send(self, attempt: Attempt) -> Outcome:
        fields = orjson.loads(attempt.body)
        if attempt.may_have_arrived:
            fields["MESSAGE"] = f"{REPEAT}\n{fields['MESSAGE']}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
                journal.connect(self._path)
                journal.sendall(b"".join(_field(name, value) for name, value in fields.items()))
        except OSError:
            return Later("the journal cannot be reached")
        return Sent("in the journal")


def _field(name: str, value: str) -> bytes:
    """One field; a value of several lines is preceded by its size in 64 bits, little-endian."""
    text = value.encode()
    if b"\n" not in text:
        return name.encode() + b"=" + text + b"\n"
    return name.encode() + b"\n" + len(text).to_bytes(8, "little") + text + b"\n"


def make_journal(name: str, options: JournalOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options."""
    del resolve_secret  # the journal needs none
    return Journal(name, options.socket)

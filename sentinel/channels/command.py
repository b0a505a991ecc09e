"""A message handed to a program of the own: what no other channel can do.

Rules of this file:
1. No shell, no environment, no terminal: the program gets the message as JSON on its standard input, and nothing else.
2. Exit code 0 means taken. The codes of sysexits.h from 64 to 78 mean never, but 75 (try again) means later, as every
   other code does.
3. A program that takes too long is killed with all it started.
"""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from pydantic import Field

from sentinel.channels.base import Attempt, Channel, ChannelError, ChannelOptions, Later, Never, Outcome, Sent
from sentinel.channels.payload import as_json
from sentinel.clock import SECOND
from sentinel.durations import Duration
from sentinel.model import Notification
from sentinel.secrets import SecretRef

_TRY_AGAIN = 75
_SYSEXITS = range(64, 79)


class CommandOptions(ChannelOptions):
    """A `type: command` channel. `command` is the program's absolute path and its arguments."""

    type: Literal["command"] = "command"
    command: tuple[str, ...] = Field(min_length=1)
    timeout: Duration = 15 * SECOND


class Command:
    """Runs a program once a message. The body holds the message's id: a program that must not act twice looks at it."""

    def __init__(self, name: str, command: tuple[str, ...], seconds: float) -> None:
        self.name = name
        self._command = command
        self._seconds = seconds

    def render(self, notification: Notification) -> bytes:
        return as_json(notification)

    def send(self, attempt: Attempt) -> Outcome:
        try:
            running = subprocess.Popen(  # noqa: S603  (the administrator's own program, without a shell)
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={},
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            return Never(f"the program cannot be started: {os.strerror(error.errno or 0)}")
        with running:
            try:
                running.communicate(attempt.body, timeout=self._seconds)
            except subprocess.TimeoutExpired:
                return Later("the program took too long and was stopped")
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGKILL)
        return _outcome(running.returncode)


def _outcome(code: int) -> Outcome:
    if code == 0:
        return Sent("exit code 0")
    if code in _SYSEXITS and code != _TRY_AGAIN:
        return Never(f"exit code {code}")
    return Later(f"exit code {code}" if code > 0 else f"ended by signal {-code}")


def make_command(name: str, options: CommandOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options. Raises ChannelError for a program that is not there or that anybody may change."""
    del resolve_secret  # a program gets no secret from here
    program = Path(options.command[0])
    if not program.is_absolute():
        raise ChannelError(f"the program of channel '{name}' is no absolute path", "write it from / on")
    try:
        found = program.stat()
    except OSError as error:
        raise ChannelError(f"the program of channel '{name}' cannot be found: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode) or not os.access(program, os.X_OK):
        raise ChannelError(f"the program of channel '{name}' cannot be run", "chmod +x it")
    if found.st_mode & stat.S_IWOTH:
        raise ChannelError(f"anybody may change the program of channel '{name}'", "chmod o-w it")
    return Command(name, options.command, options.timeout / SECOND)

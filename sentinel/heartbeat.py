"""A sign of life to an outside watcher, which raises its own alarm when the sign stays away.

Rules of this file: it is sent only while the watch is whole, that is, the main loop turns and every part is ready. So a
watch that lives and sees nothing is missed just as one that is dead.
"""

from __future__ import annotations

import logging
import threading
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

from sentinel.channels.base import Sent
from sentinel.channels.hook import Resolve, secret_address
from sentinel.channels.posting import Target, post, target_of
from sentinel.clock import MINUTE, SECOND, Clock, Micros
from sentinel.durations import Duration
from sentinel.metrics import Metrics
from sentinel.secrets import SecretRef

_log = logging.getLogger(__name__)


class HeartbeatOptions(BaseModel):
    """`url` is where the address of the watcher's check is kept: who has it can keep the watcher quiet, so it is a
    secret. `every` is how often; the watcher is to expect it that often.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: SecretRef
    every: Duration = Field(default=MINUTE, ge=SECOND)
    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = 10 * SECOND

    def target(self, resolve_secret: Resolve) -> Target:
        """The place whose address the secret holds.

        Raises ChannelError for an address of the wrong form, and whatever `resolve_secret` raises.
        """
        url = secret_address("heartbeat", self.url, resolve_secret, "https://", allow_private=self.allow_private)
        return target_of(url, self.timeout, allow_private=self.allow_private, ca_file=self.ca_file)


class Wholeness(Protocol):
    """Who knows whether the watch is whole."""

    def is_whole(self, now: Micros) -> bool:
        """Every part is ready and the main loop turns."""


class Heartbeat:
    """The thread that sends the signs; without a target it sends none."""

    def __init__(
        self, target: Target | None, every: Micros, clock: Clock, readiness: Wholeness, metrics: Metrics
    ) -> None:
        self._target = target
        self._every = every
        self._clock = clock
        self._readiness = readiness
        self._metrics = metrics
        self._is_well = True
        self._stopping = threading.Event()
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """The first sign goes at once."""
        if self._target is not None:
            self._thread.start()

    def stop(self) -> None:
        """No further sign; one that is under way is not waited for."""
        self._stopping.set()
        self._wake.set()

    def beat(self) -> bool:
        """One sign, if the watch is whole; says whether the watcher took it."""
        now = self._clock.now()
        if self._target is None or not self._readiness.is_whole(now):
            return False
        outcome = post(self._target, b"", {"User-Agent": "breach-sentinel"}, now)
        is_taken = isinstance(outcome, Sent)
        if is_taken:
            self._metrics.heartbeat.set(now / SECOND)
        elif self._is_well:
            _log.error("the heartbeat is not taken: %s", outcome)
        self._is_well = is_taken
        return is_taken

    def _run(self) -> None:
        while not self._stopping.is_set():
            self.beat()
            self._clock.wait(self._every / SECOND, self._wake)

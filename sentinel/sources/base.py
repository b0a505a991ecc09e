"""What every source promises: blocks of whole records, in order, and positions that bring it back to the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sentinel.clock import Micros
from sentinel.model import Block, Gap, Position

__all__ = ["Gap", "Source", "SourceStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How a source is doing; numbers only, for metrics and /readyz. `unread_bytes` is written but not yet handed out.

    `cut_records` counts records too long to be judged whole: their first and last 64 KiB were handed out.
    `trouble` is empty when all is well, otherwise a sentence without personal data for logs and doctor.
    """

    streams: int
    unread_bytes: int
    trouble: str = ""
    cut_records: int = 0


class Source(Protocol):
    """One configured source. Called from the main loop's thread only; never blocks for long.

    After a crash the source is opened with the positions that were stored and hands out the same records again from
    there. A trouble with one file stops neither the other files nor the other sources.
    """

    name: str

    def open(self, positions: Sequence[Position], now: Micros) -> None:
        """Take up the stored positions of this source (none at the very first start) and look for what is there."""

    def read(self, now: Micros) -> Block | None:
        """The next block of about 1 MiB at most, or None where nothing whole is waiting."""

    def reread(self, stream: int, offset: int, length: int) -> bytes | None:
        """Bytes of a record handed out before, as evidence; None where they are gone."""

    def gaps(self) -> list[Gap]:
        """What was lost since this was last asked."""

    def forgotten(self) -> list[int]:
        """Streams whose positions the store may drop (file gone and read to its end), since this was last asked."""

    def status(self) -> SourceStatus:
        """How it is doing."""

    def wait_seconds(self, now: Micros) -> float:
        """How long nothing needs to be read (at most 1), unless the wake-up event is set before."""

    def close(self) -> None:
        """Let go of files and threads."""

"""What every source promises: blocks of whole records, in order, and positions that bring it back to the same place."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from sentinel.clock import Micros
from sentinel.model import Block, Gap, Position

__all__ = ["Gap", "Source", "SourceStatus"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """How a source is doing; numbers only, for metrics and /readyz. `unread_bytes` is written but not yet handed out.

    Everything written before `unread_since` has been handed out; None where nothing waits. `cut_records` counts records
    too long to be judged whole: their first and last 64 KiB were handed out. `unterminated_records` are last lines that
    never got a newline. `told` and `seen` count how often something new was found because an event told of it, and
    because it was looked for.
    `trouble` is empty when all is well, otherwise a sentence without personal data for logs and doctor.
    """

    streams: int
    unread_bytes: int
    trouble: str = ""
    cut_records: int = 0
    unread_since: Micros | None = None
    unterminated_records: int = 0
    told: int = 0
    seen: int = 0


FirstTime = Callable[[str, bytes, Micros], Micros | None]
"""Source, the first lines of a file, a moment near its last change -> the time of its first event, if one is seen."""


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

    def stored(self, positions: Sequence[Position]) -> None:
        """These positions of this source are on disk now, with all that followed from the records before them."""

    def status(self) -> SourceStatus:
        """How it is doing."""

    def wait_seconds(self, now: Micros) -> float:
        """How long nothing needs to be read (at most 1), unless the wake-up event is set before."""

    def close(self) -> None:
        """Let go of files and threads."""

"""What has been counted since the state was last saved, and the streams it was counted in."""

from __future__ import annotations

from dataclasses import dataclass, field
from zlib import crc32

from sentinel.clock import Micros
from sentinel.detect.entries import Entry
from sentinel.detect.episodes import Summary

Counted = tuple[int, int, Entry, Micros, str, str | None, int]
"""Tally, key of the group, entry, floor, source, the finding if an episode began, digits of the time."""


@dataclass(slots=True)
class Journal:
    """What was counted since the state was last saved: enough to count it again.

    `waited` is what a rule with bounds needs besides, by place in `inserted`: clear values, which are saved sealed.
    `evicted` says before which place groups of which tally were given up, and their keys.
    """

    inserted: list[Counted] = field(default_factory=list)
    waited: dict[int, tuple[str, Summary]] = field(default_factory=dict)
    evicted: list[tuple[int, int, list[int]]] = field(default_factory=list)
    ordinals: list[str] = field(default_factory=list)


class Streams:
    """Every stream that something was counted in, as one number for all sources, with the path to show."""

    def __init__(self) -> None:
        self.known: dict[int, tuple[str, int, str]] = {}
        self.new: dict[int, tuple[str, int, str]] = {}
        self._numbers: dict[tuple[str, int], int] = {}

    def note(self, source: str, stream: int, path: str) -> None:
        """The stream is shown under this path from now on."""
        number = self._numbers[source, stream] = crc32(source.encode()) >> 1 << 32 | stream
        if self.known.get(number) != (source, stream, path):
            self.known[number] = self.new[number] = (source, stream, path)

    def number(self, source: str, stream: int) -> int:
        """The number of a stream that was noted."""
        return self._numbers[source, stream]

    def __getitem__(self, number: int) -> tuple[str, int, str]:
        return self.known.get(number, ("", number & 0xFFFFFFFF, ""))

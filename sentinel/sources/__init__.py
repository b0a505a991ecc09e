"""Where records come from: the types of source there are, and all the configured ones as one.

A new type is one file in this folder and one line in `TYPES`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sentinel.clock import Micros
from sentinel.cluster import ResolveSecret, connect
from sentinel.model import Block, Gap, Position
from sentinel.secrets import SecretError, SecretRef
from sentinel.sources.base import FirstTime, Source, SourceStatus
from sentinel.sources.elasticsearch import Documents, ElasticsearchOptions
from sentinel.sources.file import FileOptions, file_past, file_source
from sentinel.sources.journal import Journal, JournalOptions, journal_past
from sentinel.sources.options import SourceOptions
from sentinel.sources.past import Past, Unread, nothing_kept
from sentinel.sources.stdin import Stdin, StdinOptions, stdin_past
from sentinel.sources.wakeup import WakeUp

__all__ = [
    "TYPES",
    "ElasticsearchOptions",
    "FileOptions",
    "JournalOptions",
    "Past",
    "SourceOptions",
    "SourceType",
    "Sources",
    "StdinOptions",
    "Surroundings",
    "Unread",
    "make",
    "past",
]


def no_secret(reference: SecretRef) -> str:
    """Where nobody said how secrets are resolved."""
    raise SecretError(f"{reference} cannot be resolved here")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a source is given besides its options: a folder to write to, how to wake the reader, how to see a time, and
    how to have a secret.
    """

    folder: Path
    wake: threading.Event
    wakeup: WakeUp
    first_time: FirstTime = lambda *_: None
    secret: ResolveSecret = no_secret


@dataclass(frozen=True, slots=True)
class SourceType:
    """The options a type takes in sentinel.yaml, how a source is made of them, and what of it lies on disk: given the
    options, the folder of `Surroundings`, since when, and the time.
    """

    options: type[SourceOptions]
    make: Callable[[SourceOptions, Surroundings], Source]
    past: Callable[[SourceOptions, Path, Micros, Micros], Past] = lambda *_: nothing_kept()


def _file(options: SourceOptions, surroundings: Surroundings) -> Source:
    assert isinstance(options, FileOptions)
    return file_source(options, surroundings.wakeup, surroundings.first_time)


def _stdin(options: SourceOptions, surroundings: Surroundings) -> Source:
    assert isinstance(options, StdinOptions)
    return Stdin(options, surroundings.folder, surroundings.wake)


def _journal(options: SourceOptions, _: Surroundings) -> Source:
    assert isinstance(options, JournalOptions)
    return Journal(options)


def _elasticsearch(options: SourceOptions, surroundings: Surroundings) -> Source:
    assert isinstance(options, ElasticsearchOptions)
    return Documents(options, partial(connect, options, surroundings.secret), surroundings.wake)


def _file_past(options: SourceOptions, _: Path, since: Micros, __: Micros) -> Past:
    assert isinstance(options, FileOptions)
    return file_past(options, since)


def _stdin_past(options: SourceOptions, folder: Path, since: Micros, _: Micros) -> Past:
    assert isinstance(options, StdinOptions)
    return stdin_past(options, folder, since)


def _journal_past(options: SourceOptions, _: Path, since: Micros, now: Micros) -> Past:
    assert isinstance(options, JournalOptions)
    return journal_past(options, since, now)


TYPES: dict[str, SourceType] = {
    "elasticsearch": SourceType(ElasticsearchOptions, _elasticsearch),
    "file": SourceType(FileOptions, _file, _file_past),
    "journal": SourceType(JournalOptions, _journal, _journal_past),
    "stdin": SourceType(StdinOptions, _stdin, _stdin_past),
}


def past(options: SourceOptions, folder: Path, since: Micros, now: Micros) -> Past:
    """What of the source still lies on disk and was written since then. Raises KeyError for an unknown type."""
    return TYPES[options.type].past(options, folder, since, now)


def make(options: SourceOptions, surroundings: Surroundings) -> Source:
    """The source that these options describe; it opens nothing yet. Raises KeyError for an unknown type."""
    return TYPES[options.type].make(options, surroundings)


class Sources:
    """All configured sources. Each in turn gives one block, so that one with much to read does not starve the others.

    `wake` is set, by another thread, when there may be something to read. `folder` is where sources may keep files.
    """

    def __init__(
        self,
        options: Iterable[SourceOptions],
        folder: Path,
        wake: threading.Event | None = None,
        first_time: FirstTime = lambda *_: None,
        secret: ResolveSecret = no_secret,
    ) -> None:
        self.wake = wake if wake is not None else threading.Event()
        self._wakeup = WakeUp(self.wake)
        surroundings = Surroundings(folder, self.wake, self._wakeup, first_time, secret)
        self._sources = {each.name: make(each, surroundings) for each in options}
        self._turn = 0
        self._preferred: frozenset[str] = frozenset()

    def prefer(self, names: frozenset[str]) -> None:
        """As long as these sources have something to read, the others wait."""
        self._preferred = names

    def open(self, positions: Sequence[Position], now: Micros) -> None:
        """Take up the stored positions, each source its own.

        Raises ValueError where a position is not one that the source wrote, and OSError where a source cannot be
        opened at all; a log that cannot be read yet is neither, but a trouble in `status`.
        """
        for name, source in self._sources.items():
            source.open([each for each in positions if each.source == name], now)

    def read(self, now: Micros) -> Block | None:
        """The next block of whichever source has its turn, None where none has anything."""
        self._wakeup.check(now)
        every = list(self._sources.items())
        turns = [at % len(every) for at in range(self._turn, self._turn + len(every))]
        if self._preferred:
            turns.sort(key=lambda at: every[at][0] not in self._preferred)
        for at in turns:
            block = every[at][1].read(now)
            if block is not None:
                self._turn = (at + 1) % len(every)
                return block
        return None

    def wait_seconds(self, now: Micros) -> float:
        """How long nothing needs to be read (at most 1), unless `wake` is set before."""
        return min((source.wait_seconds(now) for source in self._sources.values()), default=1.0)

    def reread(self, source: str, stream: int, offset: int, length: int) -> bytes | None:
        """Bytes of a record handed out before, as evidence; None where they or the source are gone."""
        known = self._sources.get(source)
        return known.reread(stream, offset, length) if known is not None else None

    def gaps(self) -> list[Gap]:
        """What was lost since this was last asked."""
        return [gap for source in self._sources.values() for gap in source.gaps()]

    def forgotten(self) -> list[tuple[str, int]]:
        """Source and stream of every position the store may drop, since this was last asked."""
        return [(name, stream) for name, source in self._sources.items() for stream in source.forgotten()]

    def stored(self, positions: Collection[Position]) -> None:
        """These positions are on disk now."""
        for name, source in self._sources.items():
            mine = [each for each in positions if each.source == name]
            if mine:
                source.stored(mine)

    def status(self) -> dict[str, SourceStatus]:
        """How each source is doing, by name."""
        return {name: source.status() for name, source in self._sources.items()}

    def close(self) -> None:
        """Let go of files and threads."""
        for source in self._sources.values():
            source.close()
        self._wakeup.close()

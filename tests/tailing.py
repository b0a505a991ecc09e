"""A reader of a file source for tests: it moves the time, gathers the records, and keeps the positions it commits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sentinel.clock import SECOND, Micros
from sentinel.model import Block, Gap, Position
from sentinel.sources.coding import Coding
from sentinel.sources.file import FileOptions
from sentinel.sources.grouping import Grouping, Multiline
from sentinel.sources.stream import Style
from sentinel.sources.tail import OPEN_FILES, Tail

START: Micros = 1_790_000_000 * SECOND


@dataclass
class Reader:
    """Reads through `Tail` as the main loop does. `blocks` are those handed out and committed, in order."""

    patterns: list[str]
    start: str = "beginning"
    history: str = "24h"
    open_files: int = OPEN_FILES
    follow: bool = False
    multiline: dict[str, object] | None = None
    encoding: str | None = None
    now: Micros = START
    blocks: list[Block] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    stored: dict[int, Position] = field(default_factory=dict)
    pending: list[Block] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tail = self._new_tail()

    def _new_tail(self) -> Tail:
        options = FileOptions.model_validate(
            {"name": "log", "paths": self.patterns, "start": self.start, "history": self.history}
        )
        grouping = Grouping(Multiline.model_validate(self.multiline)) if self.multiline is not None else None
        coding = Coding(self.encoding) if self.encoding is not None else None
        style = Style(grouping, coding)
        return Tail(options, options.paths, follow=self.follow, open_files=self.open_files, style=style)

    def open(self) -> Reader:
        self.tail.open(list(self.stored.values()), self.now)
        return self

    def read(self, seconds: float = 1.0, limit: int = 10_000) -> bytes:
        """Everything handed out now, the clock having moved on; not committed yet."""
        self.now += round(seconds * SECOND)
        data = []
        for _ in range(limit):
            block = self.tail.read(self.now)
            if block is None:
                break
            self.pending.append(block)
            data.append(block.data)
        return b"".join(data)

    def commit(self) -> None:
        for block in self.pending:
            self.stored[block.stream] = block.position
            self.blocks.append(block)
        self.pending.clear()
        self.gaps += self.tail.gaps()
        for stream in self.tail.forgotten():
            self.stored.pop(stream, None)

    def take(self, seconds: float = 1.0) -> bytes:
        """Read and commit."""
        data = self.read(seconds)
        self.commit()
        return data

    def crash(self) -> None:
        """What was not committed never was."""
        self.tail.close()
        self.tail.gaps()
        self.pending.clear()
        self.tail = self._new_tail()

    def restart(self) -> Reader:
        self.commit()
        self.crash()
        return self.open()

    def records(self) -> list[bytes]:
        """Every committed record without its newline."""
        return [record for block in self.blocks for record in records_of(block)]


def records_of(block: Block) -> list[bytes]:
    """The records of a block without their last newlines."""
    if block.starts is None:
        return block.data.split(b"\n")[:-1]
    ends = [*block.starts[1:], len(block.data)]
    return [block.data[start:end].removesuffix(b"\n") for start, end in zip(block.starts, ends, strict=True)]


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as log:
        log.write(data)

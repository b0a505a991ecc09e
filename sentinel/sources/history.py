"""Reads logs that are finished, once and as fast as they come: plain or compressed files, pipes, standard input.

Rules of this file: what can be read is handed out before an error is raised. The first bytes tell how a file is
compressed, its name does not. Memory is bounded, however long a record and however dense a compressed file is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from itertools import chain

from sentinel.clock import Micros
from sentinel.model import Block, Position
from sentinel.sources.coding import Coding
from sentinel.sources.compression import Chunks, expanded
from sentinel.sources.framing import Framing, framed
from sentinel.sources.grouping import Grouping
from sentinel.sources.records import BLOCK, records


def read_history(  # noqa: PLR0913  (all that may be known of an input beforehand)
    path: str,
    source: str,
    stream: int,
    now: Micros | None = None,
    grouping: Grouping | None = None,
    coding: Coding | None = None,
    opened: int | None = None,
    told: Callable[[int], None] = lambda _: None,
) -> Iterator[Block]:
    """The whole of one input as blocks of whole records, with uncompressed offsets; `-` is standard input.

    `opened` is a descriptor of it, to be closed here, for those that open with care; without `coding` the first bytes
    tell how it is written. `reference` is `now`, else the input's own last change. A last line without newline is
    handed out with one added. Raises OSError where the input cannot be read, and ValueError where it is damaged or
    breaks off, after everything before that place was handed out. The positions are not for storing. `told` hears
    how many bytes were read, as they stand on the disk.
    """
    fd = opened if opened is not None else os.dup(0) if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        changed = os.fstat(fd).st_mtime_ns // 1000
        position = Position(source=source, stream=stream, state="")
        chunks = expanded(_chunks(fd, told), path)
        first = next(chunks, b"")
        framing = Framing(grouping, coding, 0)
        lines = records(chain((first,), chunks), 0, framing.coding_by(first))
        for piece, *_ in framed(lines, framing):
            yield Block(
                source=source,
                stream=stream,
                path=path,
                offset=piece.offset,
                data=piece.data,
                position=position,
                reference=changed if now is None else now,
                starts=piece.starts,
                flags=piece.flags,
            )
    finally:
        os.close(fd)


def _chunks(fd: int, told: Callable[[int], None]) -> Chunks:
    while chunk := os.read(fd, BLOCK):
        told(len(chunk))
        yield chunk

"""Reads logs that are finished, once and as fast as they come: plain or compressed files, pipes, standard input.

Rules of this file: what can be read is handed out before an error is raised. The first bytes tell how a file is
compressed, its name does not. Memory is bounded, however long a record and however dense a compressed file is.
"""

from __future__ import annotations

import bz2
import lzma
import os
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import zstandard

from sentinel.clock import Micros
from sentinel.model import Block, Position
from sentinel.sources.stream import BLOCK, CUT, KEPT

Chunks = Iterator[bytes]


def read_history(path: str, source: str, stream: int, now: Micros | None = None) -> Iterator[Block]:
    """The whole of one input as blocks of whole records, with uncompressed offsets; `-` is standard input.

    `reference` is `now`, else the input's own last change. A last line without newline is handed out with one added.
    Raises OSError where the input cannot be read, and ValueError where it is damaged or breaks off, after everything
    before that place was handed out. The positions are not for storing.
    """
    fd = os.dup(0) if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        changed = os.fstat(fd).st_mtime_ns // 1000
        position = Position(source=source, stream=stream, state="")
        for offset, data in _records(_expanded(_chunks(fd), path)):
            yield Block(
                source=source,
                stream=stream,
                path=path,
                offset=offset,
                data=data,
                position=position,
                reference=changed if now is None else now,
            )
    finally:
        os.close(fd)


def _chunks(fd: int) -> Chunks:
    while chunk := os.read(fd, BLOCK):
        yield chunk


# --- records -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Broken:
    """A record whose newline has not come yet. Above 1 MiB only both its ends are kept; `missing` counts the rest."""

    kept: bytes = b""
    missing: int = 0

    def length(self) -> int:
        return len(self.kept) + self.missing

    def add(self, chunk: bytes) -> None:
        self.kept += chunk
        if self.length() > BLOCK and len(self.kept) > 2 * KEPT:
            self.missing += len(self.kept) - 2 * KEPT
            self.kept = self.kept[:KEPT] + self.kept[-KEPT:]

    def ends(self) -> bytes:
        return self.kept[:KEPT] + CUT + self.kept[-KEPT:] + b"\n"


def _records(chunks: Chunks) -> Iterator[tuple[int, bytes]]:
    offset = 0
    broken = _Broken()
    wrong: OSError | ValueError | None = None
    try:
        for chunk in chunks:
            start = 0
            end = chunk.rfind(b"\n") + 1
            if not end:
                broken.add(chunk)
                continue
            first = chunk.find(b"\n") + 1
            if broken.length() + first > BLOCK:
                broken.add(chunk[: first - 1])
                yield offset, broken.ends()
                offset, start, broken = offset + broken.length() + 1, first, _Broken()
            if start < end:
                data = b"".join((broken.kept, memoryview(chunk)[start:end]))
                yield offset, data
                offset += len(data)
            broken = _Broken(chunk[end:])
    except (OSError, ValueError) as error:
        wrong = error
    if broken.length():
        yield offset, broken.ends() if broken.missing else broken.kept + b"\n"
    if wrong is not None:
        raise wrong


# --- compression -------------------------------------------------------------------------------------------


def _zlib_step(decompressor: Any, piece: bytes) -> Chunks:
    more = True
    while more:
        expanded = decompressor.decompress(piece, BLOCK)
        yield expanded
        piece = decompressor.unconsumed_tail
        more = bool(piece) or len(expanded) == BLOCK


def _limited_step(decompressor: Any, piece: bytes) -> Chunks:
    yield decompressor.decompress(piece, BLOCK)
    while not decompressor.eof and not decompressor.needs_input:
        yield decompressor.decompress(b"", BLOCK)


def _zstd_step(decompressor: Any, piece: bytes) -> Chunks:
    yield decompressor.decompress(piece)


@dataclass(frozen=True, slots=True)
class _Kind:
    name: str
    magic: bytes
    make: Callable[[], Any]
    step: Callable[[Any, bytes], Chunks]
    piece: int = 1 << 16


_KINDS = (
    _Kind("gzip", b"\x1f\x8b", lambda: zlib.decompressobj(31), _zlib_step),
    # What a zstd step yields cannot be limited, only what it is given: 4 KiB can become 128 MiB, not more.
    _Kind("zstd", b"\x28\xb5\x2f\xfd", lambda: zstandard.ZstdDecompressor().decompressobj(), _zstd_step, 1 << 12),
    _Kind("bzip2", b"BZh", bz2.BZ2Decompressor, _limited_step),
    _Kind("xz", b"\xfd7zXZ\x00", lzma.LZMADecompressor, _limited_step),
)
_DAMAGED = (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, OSError)


def _expanded(chunks: Chunks, path: str) -> Chunks:
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 10:
            break
    kind = next((each for each in _KINDS if first.startswith(each.magic)), None)
    # A line of text may begin with the letters of bzip2, but not with its whole signature.
    if kind is None or (kind.name == "bzip2" and first[4:10] != b"1AY&SY"):
        return chain((first,), chunks)
    return _gathered(_decompressed(kind, chain((first,), chunks), path))


def _decompressed(kind: _Kind, chunks: Chunks, path: str) -> Chunks:
    decompressor, has_begun = kind.make(), False
    for chunk in chunks:
        for start in range(0, len(chunk), kind.piece):
            piece = chunk[start : start + kind.piece]
            # Several compressed files may follow each other in one, with padding of nulls between them.
            while piece := piece if has_begun else piece.lstrip(b"\0"):
                has_begun = True
                try:
                    yield from kind.step(decompressor, piece)
                except _DAMAGED as error:
                    raise ValueError(
                        f"'{path}' has damaged {kind.name} data; what stands before it was read"
                    ) from error
                piece = b""
                if decompressor.eof:
                    piece, decompressor, has_begun = decompressor.unused_data, kind.make(), False
    if has_begun:
        raise ValueError(f"'{path}' ends in the middle of its {kind.name} data; what stands before it was read")


def _gathered(chunks: Chunks) -> Chunks:
    """The same bytes in chunks of 1 MiB, but for the last."""
    waiting: list[bytes] = []
    size = 0
    wrong: OSError | ValueError | None = None
    try:
        for chunk in chunks:
            rest = memoryview(chunk)
            while size + len(rest) >= BLOCK:
                yield b"".join((*waiting, rest[: BLOCK - size]))
                rest, size = rest[BLOCK - size :], 0
                waiting.clear()
            waiting.append(bytes(rest))
            size += len(rest)
    except (OSError, ValueError) as error:
        wrong = error
    yield b"".join(waiting)
    if wrong is not None:
        raise wrong

"""Compressed files as the bytes they hold: gzip, zstd, bzip2 and xz, in bounded memory however dense they are.

The first bytes tell how a file is compressed; its name does not.
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

from sentinel.sources.records import BLOCK, Unfinished

Chunks = Iterator[bytes]


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
_BZIP2 = (b"1AY&SY", b"\x17rE8P\x90")  # a block, or the end of a file without any
_DAMAGED = (zlib.error, lzma.LZMAError, zstandard.ZstdError, EOFError, OSError)


def expanded(chunks: Chunks, path: str) -> Chunks:
    """What the chunks hold, decompressed where they are compressed.

    Raises ValueError where they are damaged, and Unfinished where they break off, after everything before that place.
    """
    first = b""
    for chunk in chunks:
        first += chunk
        if len(first) >= 10:
            break
    kind = _kind(first)
    if kind is None:
        return chain((first,), chunks)
    return _gathered(_decompressed(kind, chain((first,), chunks), path))


def _kind(first: bytes) -> _Kind | None:
    kind = next((each for each in _KINDS if first.startswith(each.magic)), None)
    # A line of text may begin with the letters of bzip2, but not with its whole signature.
    return None if kind is not None and kind.name == "bzip2" and first[4:10] not in _BZIP2 else kind


def is_compressed(fd: int) -> bool:
    """The open file begins as a compressed one does."""
    return _kind(os.pread(fd, 10, 0)) is not None


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
        raise Unfinished(f"'{path}' ends in the middle of its {kind.name} data; what stands before it was read")


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

"""What judges know, as values for JSON and back: the cells that changed, or every cell of a shard.

A cell is saved as it is, so that taking one up again needs no order and may be done twice. Cells of a judge whose
fingerprint is not among the rules any more are left out.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from typing import Any

from sentinel.detect.unusual.judge import Judge

_head = Struct("<qH")

Saved = list[tuple[str, str]]
"""Fingerprint of a judge, and its cells: key, length and bytes of each, in base 64."""


def changed(judges: Iterable[Judge[Any]]) -> Saved:
    """The cells that changed since this was last asked."""
    found = [(judge.fingerprint, _packed(judge, judge.touched)) for judge in judges if judge.touched]
    for judge in judges:
        judge.touched = set()
    return found


def of_shard(judges: Iterable[Judge[Any]], is_in: Callable[[int], bool]) -> Saved:
    """Every cell whose key is in the shard."""
    return [(judge.fingerprint, _packed(judge, filter(is_in, judge.cells))) for judge in judges if judge.cells]


def restore(judges: Sequence[Judge[Any]], saved: Saved, is_in: Callable[[int], bool] = lambda _: True) -> None:
    """Take up the saved cells whose key is in the shard."""
    by_fingerprint = {judge.fingerprint: judge for judge in judges}
    for name, text in saved:
        judge = by_fingerprint.get(name)
        if judge is not None:
            _unpack(judge, b64decode(text), is_in)


def _packed(judge: Judge[Any], keys: Iterable[int]) -> str:
    parts = []
    for key in keys:
        cell = judge.cells.get(key)
        if cell is not None:
            packed = judge.pack(cell)
            parts += [_head.pack(key, len(packed)), packed]
    return b64encode(b"".join(parts)).decode()


def _unpack(judge: Judge[Any], packed: bytes, is_in: Callable[[int], bool]) -> None:
    place = 0
    while place < len(packed):
        key, length = _head.unpack_from(packed, place)
        place += _head.size
        if is_in(key):
            judge.take(key, judge.unpack(packed[place : place + length]))
        place += length

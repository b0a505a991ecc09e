"""How a file is known again: its inode, its first bytes, and the bytes just before places already read.

Rules of this file: no mark alone is proof. An inode is reused, two files begin alike, a copy has all the content and
another inode. Descriptors come from the caller; nothing is opened or closed here.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sentinel.clock import Micros

HEAD = 1024
MARK = 256
LADDER = 8

# _IOR('v', 1, long) of linux/fs.h; file systems without generations answer ENOTTY.
_FS_IOC_GETVERSION = 0x80000000 | struct.calcsize("l") << 16 | ord("v") << 8 | 1


@dataclass(frozen=True, slots=True)
class Inode:
    """`generation` tells two users of one inode number apart; None where the file system has none."""

    device: int
    number: int
    generation: int | None = None

    @property
    def key(self) -> tuple[int, int]:
        """What a directory listing can tell."""
        return (self.device, self.number)

    def may_be(self, other: Inode) -> bool:
        """False when the two are certainly not one file."""
        generations = {self.generation, other.generation} - {None}
        return self.key == other.key and len(generations) < 2


@dataclass(frozen=True, slots=True)
class Rung:
    """The digest of the (at most 256) bytes before `offset`; for the head, of the first `offset` bytes."""

    offset: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the reading of one generation of a file stands. The highest rung is at `offset`, where it is not 0.

    `modified` is the file's change time in nanoseconds when last read. `done` says the generation was finished by its
    writer and read to its end, so that nothing is lost when the file is gone later. `coding` is how it is written, ""
    for UTF-8 and where it is not known yet, and `shift` how much longer the text read is than the bytes it was made of.
    `copied` is the newest copy an older generation was read in: device, inode, size, change time.
    """

    path: str
    inode: Inode
    offset: int = 0
    head: Rung = field(default=Rung(0, ""))
    rungs: tuple[Rung, ...] = ()
    modified: int = 0
    done: bool = False
    coding: str = ""
    shift: int = 0
    copied: tuple[int, ...] = ()


def digest(data: bytes) -> str:
    """Sixteen hex digits of BLAKE2b."""
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def inode_of(fd: int) -> Inode:
    """The identity of an open file. Raises OSError where even fstat fails."""
    status = os.fstat(fd)
    return Inode(status.st_dev, status.st_ino, _generation(fd))


def _generation(fd: int) -> int | None:
    buffer = bytearray(struct.calcsize("l"))
    try:
        fcntl.ioctl(fd, _FS_IOC_GETVERSION, buffer)
    except OSError:
        return None
    return int.from_bytes(buffer[:4], "little")


def with_rung(rungs: Sequence[Rung], new: Rung) -> tuple[Rung, ...]:
    """The ladder with one more rung on top, at most eight: close together near the top, ever wider below."""
    ladder = [*(rung for rung in rungs if rung.offset < new.offset), new]
    while len(ladder) > LADDER:
        crowded = min(
            range(1, len(ladder) - 1),
            key=lambda at: (ladder[at + 1].offset - ladder[at - 1].offset) / (new.offset - ladder[at - 1].offset),
        )
        del ladder[crowded]
    return tuple(ladder)


def holds(fd: int, rung: Rung) -> bool:
    """The bytes before the rung are those that were there when it was made."""
    start = max(0, rung.offset - MARK)
    return digest(os.pread(fd, rung.offset - start, start)) == rung.digest


def head_holds(fd: int, place: Place) -> bool:
    """The file begins as the place's file began."""
    return place.head.offset == 0 or digest(os.pread(fd, place.head.offset, 0)) == place.head.digest


def _head_may_hold(fd: int, size: int, place: Place) -> bool:
    return place.head.offset > size or head_holds(fd, place)


def is_same(fd: int, size: int, place: Place) -> bool:
    """Everything read at the place is in this file, as far as the marks tell; true for every file at offset 0."""
    if place.offset == 0:
        return True
    return size >= place.offset and holds(fd, place.rungs[-1]) and head_holds(fd, place)


def is_start(fd: int, size: int, place: Place) -> bool:
    """The file, shorter than the place's offset, is a beginning of what was read there, as far as the marks tell."""
    if not 0 < size < place.offset:
        return False
    below = [rung for rung in place.rungs if rung.offset <= size]
    has_head = 0 < place.head.offset <= size
    return bool(below or has_head) and all(holds(fd, rung) for rung in below[-1:]) and _head_may_hold(fd, size, place)


def begins_alike(fd: int, other: int) -> bool:
    """The first file is a beginning of the second, as far as its own first and last 4 KiB tell; false when empty."""
    size = os.fstat(fd).st_size
    if not 0 < size <= os.fstat(other).st_size:
        return False
    places = {(0, min(size, 4096)), (max(0, size - 4096), min(size, 4096))}
    return all(os.pread(fd, length, at) == os.pread(other, length, at) for at, length in places)


def highest_rung(fd: int, size: int, place: Place) -> Rung | None:
    """The highest rung that still stands: where to go on after a crash of the machine cut the file short."""
    if not _head_may_hold(fd, size, place):
        return None
    return next((rung for rung in reversed(place.rungs) if rung.offset <= size and holds(fd, rung)), None)


def to_text(place: Place | None, first: Micros) -> str:
    """The state of a stored position. `first` is when the source was first ever started."""
    if place is None:
        return json.dumps({"v": 1, "first": first}, separators=(",", ":"))
    inode = place.inode
    return json.dumps(
        {
            "v": 1,
            "first": first,
            "path": place.path,
            "inode": [inode.device, inode.number, inode.generation],
            "at": place.offset,
            "head": _flat([place.head]),
            "rungs": _flat(place.rungs),
            "modified": place.modified,
            "done": place.done,
            **({"coding": place.coding, "shift": place.shift} if place.coding else {}),
            **({"copied": place.copied} if place.copied else {}),
        },
        separators=(",", ":"),
    )


def from_text(text: str) -> tuple[Place | None, Micros]:
    """What `to_text` wrote. Raises ValueError for anything else."""
    try:
        state = json.loads(text)
        if state["v"] != 1:
            raise ValueError(f"the stored position is of version {state['v']}, this program knows version 1")
        if "path" not in state:
            return None, int(state["first"])
        place = Place(
            path=state["path"],
            inode=Inode(*state["inode"]),
            offset=state["at"],
            head=_rungs(state["head"])[0],
            rungs=_rungs(state["rungs"]),
            modified=state["modified"],
            done=state["done"],
            coding=state.get("coding", ""),
            shift=state.get("shift", 0),
            copied=tuple(state.get("copied", ())),
        )
    except (KeyError, TypeError, IndexError) as wrong:
        raise ValueError("the stored position is not one that this program wrote") from wrong
    return place, int(state["first"])


def _flat(rungs: Iterable[Rung]) -> list[int | str]:
    return [value for rung in rungs for value in (rung.offset, rung.digest)]


def _rungs(flat: list[int | str]) -> tuple[Rung, ...]:
    return tuple(Rung(int(offset), str(mark)) for offset, mark in zip(flat[::2], flat[1::2], strict=True))

"""A small file of wrapped keys: one slot of 128 bytes a key, written in place and on disk before anybody uses it.

Rules of this file: it never sees a key in clear. It is no database, because destroying a key must overwrite the only
copy there is, and a journal or a free page would be another. One process writes; any may read.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAGIC: Final = b"sentinel keys 1\n"
# 128 bytes divide every sector size, so that a slot is written whole or not at all.
_SLOT: Final = struct.Struct("<BB62s12s48s4x")
_FREE, _LIVE, _DESTROYED = 0, 1, 2
LONGEST_NAME: Final = 62


class NoKeyFile(Exception):
    """There is no file of keys, or it is not one this version can read; the text says which."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One key: whose it is, and the key wrapped with its nonce; both empty once it was destroyed."""

    name: str
    nonce: bytes
    wrapped: bytes

    @property
    def is_live(self) -> bool:
        """False once the key was destroyed."""
        return bool(self.wrapped)


class KeyFile:
    """The file at `path`, opened anew for every use; `owner` (16 bytes) says which master key it belongs to."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._slots: dict[str, int] = {}

    @classmethod
    def make(cls, path: Path, owner: bytes) -> None:
        """A file without keys at `path`, on disk when this returns; one that is there already stays as it is."""
        write_new(path, (_MAGIC + owner).ljust(_SLOT.size, b"\0"))

    def owner(self) -> bytes:
        """Which master key the file was made for. Raises NoKeyFile."""
        with self._open(os.O_RDONLY) as file:
            header = os.pread(file, _SLOT.size, 0)
        if len(header) != _SLOT.size or not header.startswith(_MAGIC):
            raise NoKeyFile(f"'{self._path.name}' is not a file of keys, or is of a newer version")
        return header[len(_MAGIC) : len(_MAGIC) + 16]

    def find(self, name: str) -> Slot | None:
        """The key of that name, live or destroyed, as it is on disk now; None if there never was one."""
        with self._open(os.O_RDONLY) as file:
            number = self._number(file, name)
            return None if number is None else _read(file, number)

    def put(self, slot: Slot) -> None:
        """Write the slot over the one of the same name, or behind the last; on disk when this returns."""
        with self._open(os.O_RDWR) as file:
            number = self._number(file, slot.name) or max(1, _end(file))
            os.pwrite(file, _packed(slot), number * _SLOT.size)
            os.fsync(file)
            self._slots[slot.name] = number

    def all(self) -> list[Slot]:
        """Every key there is or was, in the order they were made."""
        with self._open(os.O_RDONLY) as file:
            return [slot for slot in _read_all(file) if slot is not None]

    def replace(self, slots: Iterable[Slot]) -> None:
        """These keys and no others are in the file; on disk when this returns, and the old content overwritten."""
        content = (_MAGIC + self.owner()).ljust(_SLOT.size, b"\0") + b"".join(map(_packed, slots))
        write_over(self._path, content)
        self._slots = {}

    def _number(self, file: int, name: str) -> int | None:
        number = self._slots.get(name)
        if number is not None:
            slot = _read(file, number)
            if slot is not None and slot.name == name:
                return number
        # Another process may have added keys or written the file anew: what is on disk counts.
        self._slots = {slot.name: each for each, slot in enumerate(_read_all(file), start=1) if slot is not None}
        return self._slots.get(name)

    @contextmanager
    def _open(self, flags: int) -> Iterator[int]:
        try:
            file = os.open(self._path, flags | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise NoKeyFile(f"'{self._path.name}' is missing from the state folder") from None
        try:
            yield file
        finally:
            os.close(file)


def _end(file: int) -> int:
    # A partial last slot is what a crash left of a key that was never used: the next one goes over it.
    return os.fstat(file).st_size // _SLOT.size


def _read(file: int, number: int) -> Slot | None:
    packed = os.pread(file, _SLOT.size, number * _SLOT.size)
    return _unpacked(_SLOT.unpack(packed)) if len(packed) == _SLOT.size else None


def _read_all(file: int) -> list[Slot | None]:
    whole = (_end(file) - 1) * _SLOT.size
    return [_unpacked(each) for each in _SLOT.iter_unpack(os.pread(file, max(0, whole), _SLOT.size))]


def _unpacked(read: tuple[int, int, bytes, bytes, bytes]) -> Slot | None:
    state, length, name, nonce, wrapped = read
    if state not in (_LIVE, _DESTROYED):
        return None
    live = state == _LIVE
    return Slot(name[:length].decode(errors="replace"), nonce if live else b"", wrapped if live else b"")


def _packed(slot: Slot) -> bytes:
    name = slot.name.encode()
    if len(name) > LONGEST_NAME:
        raise ValueError(f"the name of a key has at most {LONGEST_NAME} bytes")
    return _SLOT.pack(_LIVE if slot.is_live else _DESTROYED, len(name), name, slot.nonce, slot.wrapped)


def write_new(path: Path, content: bytes) -> None:
    """A file of mode 0600 with that content, whole and on disk when this returns; one already there stays as it is."""
    if path.exists():
        return
    draft = _draft(path, content)
    with suppress(FileExistsError):
        os.link(draft, path)  # unlike a rename, a link never replaces what another process made meanwhile
    draft.unlink()
    _sync_folder(path)


def write_over(path: Path, content: bytes) -> None:
    """A file of mode 0600 with that content takes the place of what was there, whose bytes are overwritten after."""
    draft = _draft(path, content)
    with suppress(FileNotFoundError):
        old = os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            draft.rename(path)
            _sync_folder(path)
            os.pwrite(old, bytes(os.fstat(old).st_size), 0)
            os.fsync(old)
        finally:
            os.close(old)
        return
    draft.rename(path)
    _sync_folder(path)


def _draft(path: Path, content: bytes) -> Path:
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, content)
        os.fsync(file)
    finally:
        os.close(file)
    return draft


def _sync_folder(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

"""The master key as a file of the state folder, where no other place of it is configured."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sentinel.keyfile import write_new
from sentinel.sealing import KeyUnavailable, VaultError

MASTER_FILE: Final = "master.key"
KEYS_FILE: Final = "keys.db"
SHORTEST_MASTER: Final = 32


def master_of(folder: Path, *, readonly: bool) -> bytes:
    """The folder's own master key, made where there is none yet. Raises VaultError."""
    path = folder / MASTER_FILE
    if not path.exists():
        if readonly or (folder / KEYS_FILE).exists():
            # Making a new one here would quietly lock everybody out of what was sealed with the old one.
            raise KeyUnavailable(f"'{MASTER_FILE}' is missing from the state folder; put it back")
        write_new(path, os.urandom(SHORTEST_MASTER))
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if os.fstat(file).st_mode & 0o077:
            raise VaultError(f"'{path}' can be read by others; make it mode 0600")
        return os.read(file, 4096)
    finally:
        os.close(file)


def must_be_long(master: bytes) -> None:
    """Raises VaultError for a master key that is too short."""
    if len(master) < SHORTEST_MASTER:
        raise VaultError(f"the master key has {len(master)} bytes, wanted are at least {SHORTEST_MASTER}")

"""The state folder: private, on a local disk, and held by one daemon at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from sentinel.keyfile import write_new
from sentinel.store.errors import StoreError, StoreLocked
from sentinel.vault import KEYS_FILE

DATABASE: Final = "sentinel.db"
LOCK: Final = "lock"
LEDGER: Final = "ledger"
"""The folder of the files of accesses."""

# File locks and shared memory, on which SQLite's write-ahead log rests, do not hold across machines.
_REMOTE: Final = frozenset(
    {
        *("9p", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs"),
        *("nfs", "nfs4", "ocfs2", "orangefs", "rclone", "s3fs", "smb3", "smbfs", "sshfs"),
    }
)
_MOUNTS: Final = Path("/proc/self/mountinfo")


def prepare(folder: Path) -> None:
    """The folder is there, on a local disk, and closed to others (0700). Raises StoreError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    kind = filesystem_of(folder.resolve(), _MOUNTS.read_text(errors="replace")) if _MOUNTS.exists() else ""
    if is_remote(kind):
        raise StoreError(f"the state folder '{folder}' is on {kind}: it must be on a disk of this machine")
    if folder.stat().st_mode & 0o077:
        ours = {DATABASE, KEYS_FILE}
        names = {each.name for each in folder.iterdir()}
        if names and not names & ours:
            raise StoreError(f"'{folder}' is open to others and holds other files: give the state a folder of its own")
        folder.chmod(0o700)


def make_database(folder: Path) -> Path:
    """The path of the database; made empty with mode 0600 where there is none, which SQLite gives its other files too.

    Must not be called while this process has the database open: closing any descriptor of it drops SQLite's locks.
    """
    path = folder / DATABASE
    write_new(path, b"")
    return path


def is_remote(kind: str) -> bool:
    """Whether a file system of that kind is on another machine."""
    return kind.removeprefix("fuse.") in _REMOTE


def filesystem_of(path: Path, mounts: str) -> str:
    """The kind of file system an absolute path is on, by the text of /proc/self/mountinfo (proc(5)); "" if unknown."""
    longest, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split(" ")
        if len(fields) < 10 or "-" not in fields[6:]:
            continue
        point = Path(_unescaped(fields[4]))
        # Of two mounts on one point, the later one covers the earlier.
        if path.is_relative_to(point) and len(point.parts) >= longest:
            longest, kind = len(point.parts), fields[fields.index("-", 6) + 1]
    return kind


def _unescaped(field: str) -> str:
    for code, sign in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, sign)
    return field


class FolderLock:
    """The right to write in a state folder, held from construction to `release`, or to the end of the process.

    Raises StoreLocked if another process holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._file, 20, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(self._file)
            raise StoreLocked(f"another sentinel runs on this state folder (pid {holder})") from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Let another process have it. May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

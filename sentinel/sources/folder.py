"""What lies in the folders: files that match, files that were rotated, and how a log is opened safely."""

# ruff: noqa: PTH112, PTH116, PTH118, PTH119, PTH120, PTH207, PTH208 # names stay as written; each look lists them all

from __future__ import annotations

import errno
import fnmatch
import glob
import os
import re
import stat
from collections.abc import Iterable
from typing import NamedTuple

# What log rotation puts after a name: .1, -20260304, -20260304-0315, .2026-03-04, -1772582400, .old
_DATE = r"[._-]\d{4}-?\d{2}-?\d{2}(?:[-_.T]?\d{2,6})?|[._-]\d{10}"
_AFTER = re.compile(rf"(?:{_DATE}|[._-]\d{{1,5}}|[._-]old)$")
_PACKED = re.compile(r"\.(?:gz|zst|bz2|xz)$")
_BEFORE_SUFFIX = re.compile(rf"(?:{_DATE})(?=\.[A-Za-z][A-Za-z0-9]*$)")


class Found(NamedTuple):
    """One regular file as a directory listing showed it. `modified` is in nanoseconds."""

    path: str
    key: tuple[int, int]
    size: int
    modified: int

    @property
    def mark(self) -> tuple[int, ...]:
        """By which a file that nobody changes is known again, whatever its name."""
        return (*self.key, self.size, self.modified)


def expand(patterns: Iterable[str], *, follow: bool) -> tuple[dict[str, Found], dict[str, str]]:
    """Every regular file that a pattern names, by path; and for each pattern without wildcard, why it is no file."""
    found: dict[str, Found] = {}
    troubles: dict[str, str] = {}
    for pattern in patterns:
        if glob.has_magic(pattern):
            for path in _matching(pattern):
                if each := _regular(path, follow=follow, troubles=None):
                    found[path] = each
        elif each := _regular(pattern, follow=follow, troubles=troubles):
            found[pattern] = each
    return found, troubles


def _matching(pattern: str) -> Iterable[str]:
    """What `glob` finds. A pattern that names its folder plainly, as most do, costs one listing and little more."""
    folder, name = os.path.split(pattern)
    if glob.has_magic(folder) or name == "**":
        return glob.iglob(pattern, recursive=True)
    try:
        names = fnmatch.filter(os.listdir(folder or "."), name)
    except OSError:
        return []
    before = os.path.join(folder, "")
    return [before + each for each in names if name[0] == "." or each[0] != "."]


def _regular(path: str, *, follow: bool, troubles: dict[str, str] | None) -> Found | None:
    trouble = ""
    try:
        status = os.stat(path, follow_symlinks=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        trouble = f"'{path}' cannot be reached: {error.strerror}"
    else:
        if stat.S_ISREG(status.st_mode):
            return Found(path, (status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)
        is_link = stat.S_ISLNK(status.st_mode)
        trouble = f"'{path}' is a symbolic link and follow_symlinks is off" if is_link else f"'{path}' is no plain file"
    if troubles is not None:
        troubles[path] = trouble
    return None


def look_at(path: str, *, follow: bool) -> Found | None:
    """The regular file of this name, None where there is none."""
    return _regular(path, follow=follow, troubles=None)


def listing(folder: str) -> list[Found]:
    """The regular files of one folder; none where it cannot be listed. Links are not followed."""
    try:
        with os.scandir(folder) as entries:
            paths = [os.path.normpath(entry.path) for entry in entries if entry.is_file(follow_symlinks=False)]
    except OSError:
        return []
    return [each for path in paths if (each := _regular(path, follow=False, troubles=None))]


def open_log(path: str, *, follow: bool) -> int:
    """A descriptor of a regular file that neither blocks nor becomes a terminal. Raises OSError for all else.

    Whether it is regular is asked of the descriptor, never of the name: the name may have changed hands in between.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    fd = os.open(path, flags if follow else flags | os.O_NOFOLLOW)
    if stat.S_ISREG(os.fstat(fd).st_mode):
        return fd
    os.close(fd)
    raise OSError(errno.EINVAL, "no plain file", path)


def log_of(path: str) -> str:
    """The name the log has while it is written: without what rotation and compression added."""
    folder, name = os.path.split(path)
    name = _PACKED.sub("", name) or name
    plain = _AFTER.sub("", name) or name
    if plain == name:
        plain = _BEFORE_SUFFIX.sub("", name) or name
    return os.path.join(folder, plain)


def is_packed_name(name: str) -> bool:
    """Compressors name their files so."""
    return _PACKED.search(name) is not None


def may_be_copy(path: str, log: str) -> bool:
    """The name is one that a copy of the log may have: it goes on where the log's name ends, and is not that name.

    A letter or digit there belongs to the name of another log: `app10.log` is no copy of `app1.log`.
    """
    name, live, stem = os.path.basename(path), os.path.basename(log), stem_of(log)
    return name != live and name.startswith(stem) and not name[len(stem) : len(stem) + 1].isalnum()


def stem_of(log: str) -> str:
    """What the names of all copies of a log begin with."""
    name = os.path.basename(log)
    return name.rsplit(".", 1)[0] or name


def folder_of(path: str) -> str:
    """The folder of a file, as its name says it."""
    return os.path.dirname(path) or "."


def folders_of(patterns: Iterable[str], paths: Iterable[str]) -> set[str]:
    """The folders in which files of these patterns appear: those of the files, and those the patterns name plainly."""
    folders = {folder_of(beginning) for beginning in {path[: path.rfind("/") + 1] for path in paths}}
    for pattern in patterns:
        folder = os.path.dirname(pattern)
        while glob.has_magic(folder):
            folder = os.path.dirname(folder)
        folders.add(folder or ".")
    return {folder for folder in folders if os.path.isdir(folder)}

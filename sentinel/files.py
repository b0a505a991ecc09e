"""Reads the files that people write: configuration, inventory, rules.

Rules of this file: only regular files are read, and of those only what is below the limit on size, so that neither a
pipe, a device nor a log given by mistake can hold the reader up.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from sentinel import yamlfile
from sentinel.problems import Problem, Span
from sentinel.yamlfile import Document

RULE_SUFFIXES = frozenset({".yml", ".yaml"})

State = tuple[int, int, int]
"""By what it is seen that a file is another than it was: time of its last change in nanoseconds, size and inode."""

_seen: ContextVar[dict[Path, State | None] | None] = ContextVar("seen", default=None)


@contextmanager
def noted() -> Iterator[dict[Path, State | None]]:
    """Every file that this thread reads meanwhile, as it is when it is read; None for one that cannot be."""
    around = _seen.get()
    seen: dict[Path, State | None] = {}
    token = _seen.set(seen)
    try:
        yield seen
    finally:
        _seen.reset(token)
        if around is not None:
            around |= seen


def note(path: Path, status: os.stat_result | None) -> None:
    """Somebody reads this file, and a change of it matters."""
    seen = _seen.get()
    if seen is not None:
        seen[path] = None if status is None else _state(status)


def state_of(path: Path) -> State | None:
    """How the file is now; None where there is none."""
    try:
        return _state(path.stat())
    except (OSError, ValueError):
        return None


def _state(status: os.stat_result) -> State:
    return status.st_mtime_ns, status.st_size, status.st_ino


def read(path: Path, reason: Span | None = None, *, is_noted: bool = True) -> tuple[bytes, list[Problem]]:
    """The content of a file, or the problem with it, placed at `reason`: where another file names this one."""
    span = reason or Span(str(path))
    if is_noted:
        note(path, None)
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        return b"", [unreadable(path, span, error)]
    except ValueError:
        return b"", [Problem(span, "C005", "no path has a zero byte in it")]
    try:
        status = os.fstat(descriptor)
        if is_noted:
            note(path, status)
        if not stat.S_ISREG(status.st_mode):
            return b"", [Problem(span, "C005", f"'{path}' is not a regular file")]
        if status.st_size > yamlfile.LARGEST:
            return b"", [yamlfile.too_large(str(path))]
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(yamlfile.LARGEST + 1), []
    except OSError as error:
        return b"", [unreadable(path, span, error)]
    finally:
        os.close(descriptor)


def unreadable(path: Path, span: Span, error: OSError) -> Problem:
    """The problem of a file that the system does not let us read."""
    hints: dict[type[OSError], str] = {
        FileNotFoundError: f"relative paths start at '{Path(span.file).absolute().parent}'",
        PermissionError: "give the user that runs sentinel the right to read it",
    }
    reason = (error.strerror or type(error).__name__).lower()
    return Problem(span, "C005", f"cannot read '{path}': {reason}", hints.get(type(error), ""))


def documents(path: Path, reason: Span | None = None) -> tuple[list[Document], list[Problem]]:
    """The YAML documents of a file, and every problem with it; with an error among them there is no document."""
    content, problems = read(path, reason)
    if problems:
        return [], problems
    found, problems = yamlfile.parse(content, str(path))
    return ([] if any(problem.is_error for problem in problems) else found), problems


def rule_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files themselves, and those below the folders that end in .yml or .yaml, in the order of their names.

    What begins with a dot is passed over, and links to folders are not followed. A file is given once.
    """
    seen: set[Path] = set()
    for path in paths:
        for each in _below(path) if path.is_dir() else (path,):
            real = each.resolve()
            if real not in seen:
                seen.add(real)
                yield each


def _below(folder: Path) -> Iterator[Path]:
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if not name.startswith(".") and Path(name).suffix in RULE_SUFFIXES:
                yield Path(parent, name)


BASE = "base"
"""The folder of shipped building blocks, which belong to no family and do nothing by themselves."""


def families() -> dict[str, Path]:
    """The families of shipped rules, which are the folders below `rules`, by name."""
    return {each.name: each for each in sorted(shipped("rules").iterdir()) if each.is_dir() and each.name != BASE}


def shipped(name: str) -> Path:
    """A folder that comes with Sentinel (`rules` or `deploy`), in an installation or in a working copy."""
    here = Path(__file__).parent
    installed = here / "_shipped" / name
    return installed if installed.is_dir() else here.parent / name

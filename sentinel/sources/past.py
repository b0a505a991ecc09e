"""What of a source still lies on disk, its oldest generation first: for what is looked up after the fact.

Rules of this file: what can be read is read, and what cannot is named. Files are found as the source itself finds them,
with the generations that rotation made of them, compressed or not.
"""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sentinel.clock import Micros
from sentinel.model import Block
from sentinel.sources.coding import Coding
from sentinel.sources.folder import Found, expand, folders_of, listing, log_of, open_log
from sentinel.sources.generations import shown
from sentinel.sources.grouping import Grouping
from sentinel.sources.history import read_history


@dataclass(frozen=True, slots=True)
class Unread:
    """Something on disk that could not be read, or not to its end, and why."""

    path: str
    reason: str


Past = Iterator[Block | Unread]


def nothing_kept() -> Past:
    """A source of which nothing lies on this machine."""
    yield Unread("", "this type of source keeps nothing on this machine")


def past_files(
    name: str,
    patterns: Sequence[str],
    since: Micros,
    *,
    follow: bool = False,
    grouping: Grouping | None = None,
    coding: Coding | None = None,
) -> Past:
    """Every record of the files that these patterns name, and of what was rotated away from them, as far as the file
    was changed at or after `since`.
    """
    found, troubles = expand(patterns, follow=follow)
    for path, reason in troubles.items():
        yield Unread(shown(path), reason)
    every = {each.key: each for each in [*_rotated(patterns, found), *found.values()]}
    for number, each in enumerate(sorted(every.values(), key=lambda each: (each.modified, each.path)), start=1):
        if each.modified // 1000 >= since and each.size:
            yield from _records(name, number, each, follow=follow, grouping=grouping, coding=coding)


def _rotated(patterns: Sequence[str], found: dict[str, Found]) -> Iterator[Found]:
    logs = {log_of(path) for path in found}
    for folder in folders_of(patterns, found):
        for each in listing(folder):
            log = log_of(each.path)
            if log in logs or any(fnmatch.fnmatchcase(log, pattern) for pattern in patterns):
                yield each


def _records(
    name: str, number: int, file: Found, *, follow: bool, grouping: Grouping | None, coding: Coding | None
) -> Past:
    try:
        opened = open_log(file.path, follow=follow)
        yield from read_history(shown(file.path), name, number, grouping=grouping, coding=coding, opened=opened)
    except OSError as error:
        yield Unread(shown(file.path), (error.strerror or os.strerror(error.errno or 0)).lower())
    except (ValueError, EOFError):
        yield Unread(shown(file.path), "damaged or broken off; what stands before that was read")

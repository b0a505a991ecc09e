"""Finds the files of stored places again: under the same name, under a rotated one, or as a copy.

Rules of this file: the whole content read is what decides, the inode only says where to look first. A file belongs to
one place at most, and the newer place chooses first, because an older one of the same inode was truncated away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from sentinel.sources.coding import coding_of, mark_length
from sentinel.sources.folder import Found, log_of, may_be_copy, open_log
from sentinel.sources.identity import Place, begins_alike, highest_rung, inode_of, is_same, is_start
from sentinel.sources.packed import first_bytes, holds_place, is_beginning_of, is_compressed


@dataclass(frozen=True, slots=True)
class Reunited:
    """The file of a place and the offset at which to go on in it."""

    found: Found
    offset: int


_FIRST = 1 << 14

Test = Callable[[int, Found, Place], int | None]
"""Where to go on in the open file, None where it is not the place's."""


def reunite(places: Mapping[int, Place], files: Iterable[Found], *, follow: bool) -> dict[int, Reunited]:
    """For every place whose file still exists, that file; by stream. What cannot be opened now is no match."""
    by_key = {each.key: each for each in files}
    newest_first = sorted(places, reverse=True)
    reunited: dict[int, Reunited] = {}
    for test in (_same_inode, _same_content, _cut_short, _packed_unread):
        for stream in newest_first:
            place = places[stream]
            if stream in reunited:
                continue
            near = (
                by_key.values()
                if test in (_same_content, _packed_unread)
                else [by_key[key] for key in (place.inode.key,) if key in by_key]
            )
            if match := first_match(place, near, test, follow=follow):
                reunited[stream] = match
                del by_key[match.found.key]
    return reunited


def copy_of(place: Place, files: Iterable[Found], *, follow: bool) -> Reunited | None:
    """The file among these that holds what was read at the place, the longest first."""
    longest_first = sorted(files, key=lambda each: (each.size, each.modified), reverse=True)
    return first_match(place, longest_first, _same_content, follow=follow)


def is_beginning(found: Found, original: int, *, follow: bool) -> bool:
    """What the file holds, compressed or not, is a beginning of the open original; false where it cannot be opened."""
    return _compared(
        found, lambda fd: is_beginning_of(fd, original) if is_compressed(fd) else begins_alike(fd, original), follow
    )


def is_compressed_of(found: Found, original: int, *, follow: bool) -> bool:
    """The file is compressed, and holds a beginning of the open original."""
    return _compared(found, lambda fd: is_compressed(fd) and is_beginning_of(fd, original), follow)


def _compared(found: Found, holds: Callable[[int], bool], follow: bool) -> bool:
    try:
        fd = open_log(found.path, follow=follow)
    except OSError:
        return False
    try:
        return holds(fd)
    finally:
        os.close(fd)


def first_lines(found: Found, *, follow: bool) -> bytes:
    """Some of the first whole lines of what the file holds; none where it cannot be read."""
    try:
        fd = open_log(found.path, follow=follow)
    except OSError:
        return b""
    try:
        first = first_bytes(fd, _FIRST) if is_compressed(fd) else os.pread(fd, _FIRST, 0)
    except OSError:
        return b""
    finally:
        os.close(fd)
    coding = coding_of(first)
    return coding.text(first[mark_length(first, coding) : coding.last_end(first)])


def first_match(place: Place, files: Iterable[Found], test: Test, *, follow: bool) -> Reunited | None:
    """The first file that passes the test."""
    for each in list(files):
        if _is_worth_opening(place, each, test):
            try:
                fd = open_log(each.path, follow=follow)
            except OSError:
                continue
            try:
                offset = test(fd, each, place)
            except OSError:
                offset = None
            finally:
                os.close(fd)
            if offset is not None:
                return Reunited(each, offset)
    return None


def _is_worth_opening(place: Place, found: Found, test: Test) -> bool:
    if test is _packed_unread:
        is_later = not place.offset and not place.done and found.modified >= place.modified
        return is_later and log_of(found.path) == log_of(place.path) != found.path
    if test is _same_content:
        log = log_of(place.path)
        return place.offset > 0 and (found.path in (place.path, log) or may_be_copy(found.path, log))
    return found.key == place.inode.key


def _same_inode(fd: int, found: Found, place: Place) -> int | None:
    if not inode_of(fd).may_be(place.inode):
        return None
    if is_compressed(fd):
        return place.offset if place.done or not place.offset or holds_place(fd, place) else None
    return place.offset if is_same(fd, found.size, place) else None


def _same_content(fd: int, found: Found, place: Place) -> int | None:
    if is_compressed(fd):
        return place.offset if holds_place(fd, place) else None
    if is_same(fd, found.size, place):
        return place.offset
    # A copy made before the last lines were read from the original ends earlier: all of it has been read.
    is_elsewhere = found.key != place.inode.key and found.path != place.path
    return found.size if is_elsewhere and is_start(fd, found.size, place) else None


def _cut_short(fd: int, found: Found, place: Place) -> int | None:
    if not inode_of(fd).may_be(place.inode) or is_compressed(fd):
        return None
    rung = highest_rung(fd, found.size, place)
    return rung.offset if rung else None


def _packed_unread(fd: int, found: Found, place: Place) -> int | None:  # noqa: ARG001  (as every test)
    """Nothing was read of it before it was rotated and compressed, so that only its name and its time can tell."""
    return 0 if is_compressed(fd) and first_bytes(fd, 1) else None

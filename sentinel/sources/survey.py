"""Compares the generations known with the files that lie in the folders, at the start and at every look.

Rules of this file: names say where to look, never what a file is. A rotated generation that no pattern names is still
read, when it was written after the one before it was displaced.
"""

from __future__ import annotations

import glob
import logging
import os
from collections.abc import Iterable, Mapping

from sentinel.clock import MINUTE, SECOND, Micros
from sentinel.sources.base import FirstTime
from sentinel.sources.folder import Found, expand, folder_of, folders_of, listing, log_of
from sentinel.sources.generations import LINGER, QUIET, Generations
from sentinel.sources.identity import Place
from sentinel.sources.reunion import first_lines, reunite
from sentinel.sources.stream import Stream

PATIENCE = 10 * MINUTE
NOWHERE = ((0, 0), 0)
STILL: Micros = 5 * SECOND
"""So long a folder that has not changed is not looked at file by file."""

SETTLED: Micros = 2 * SECOND
"""Two changes within one tick of the file system's clock leave one change time; one older than this was the last."""

logger = logging.getLogger(__name__)


class Survey:
    """Looks for one source. `folders` is where its files can appear."""

    def __init__(
        self, generations: Generations, patterns: Iterable[str], first_time: FirstTime = lambda *_: None
    ) -> None:
        self.folders: set[str] = set()
        self._known = generations
        self._patterns = tuple(patterns)
        self._first_time = first_time
        self._missing: dict[int, Place] = {}
        self._missing_since: Micros = 0
        self._last_seen: dict[str, tuple[tuple[int, int], int]] = {}
        self._troubles: dict[str, str] = {}
        self._rewritten: list[str] = []
        self._looked: Micros = 0
        self._plain = _plain_folders(self._patterns)
        self._changed: dict[str, tuple[int, int, int]] = {}

    def trouble(self) -> str:
        """One of the troubles with names and files, and how many more there are; empty where there is none."""
        every = [*self._troubles.values(), *self._known.troubles(), *self._rewritten]
        if self._missing:
            every.append(f"{len(self._missing)} files read before are not there, nor any other in their folder")
        return f"{every[0]} (and {len(every) - 1} more)" if len(every) > 1 else "".join(every)

    def restore(self, places: Mapping[int, Place], now: Micros) -> None:
        """Find the files of the stored places again, and say what is lost where they are gone."""
        self._missing, self._missing_since = dict(places), now
        self._last_seen = {place.path: (place.inode.key, place.modified) for _, place in sorted(places.items())}
        found, _ = expand(self._patterns, follow=self._known.follow)
        folders = folders_of(self._patterns, (*found, *(place.path for place in places.values())))
        files = [each for folder in sorted(folders) for each in listing(folder)]
        self._reunite([*files, *found.values()], now)
        inhabited = {folder_of(each.path) for each in files}
        for number, place in sorted(self._missing.items()):
            # A folder without any file may be a disk that is not mounted yet.
            if place.done or folder_of(place.path) in inhabited:
                self._lose(number, now)

    def look(self, now: Micros) -> None:
        """Take note of what was moved, deleted or created since the last look."""
        known = self._known
        self._looked = now
        self._changed = _changes(self._plain, now)
        known.found, troubles = expand(self._patterns, follow=known.follow)
        for text in set(troubles.values()) - set(self._troubles.values()):
            logger.warning("source '%s': %s", known.source, text)
        self._troubles = troubles
        self._rewritten = list(known.rewritten(now))
        self.folders = folders_of(self._patterns, known.found)
        present = {each.key: each for each in known.found.values()}
        for stream in list(known.streams.values()):
            self._locate(stream, present, now)
        for path, (key, modified) in self._last_seen.items():
            here = known.found.get(path)
            # A log that is empty and has been written to was rotated by copying it.
            if here is None or here.key != key or (not here.size and here.modified != modified):
                self._read_overlooked(path, modified, now)
        self._last_seen = {path: (each.key, each.modified) for path, each in known.found.items()}
        known.forget_copies(present)
        self._await_missing(present, now)
        taken = known.inodes()
        for each in self._oldest_first([each for each in present.values() if each.key not in taken]):
            known.meet(each, now)

    def is_still(self, now: Micros) -> bool:
        """A look would find what the last one found: no name in the folders has changed, nor a file that is not open.

        Costs one question a folder and one a file at rest. A copy written over an older one changes no name; it shows
        where its log is open and was cut, and else at the next look, `STILL` after the last at the latest.
        """
        known = self._known
        if not self._plain or known.follow or not 0 <= now - self._looked < STILL:
            return False
        if self._missing or known.shadows or self._troubles or self._rewritten or any(known.troubles()):
            return False
        changed = _changes(self._plain, now)
        if len(changed) != len(self._plain) or changed != self._changed:
            return False
        return all(self._is_at_rest(stream) for stream in known.streams.values() if stream.fd is None)

    def _is_at_rest(self, stream: Stream) -> bool:
        here = self._known.found.get(stream.at)
        try:
            status = os.stat(stream.at, follow_symlinks=False)  # noqa: PTH116  (asked every second)
        except OSError:
            return False
        is_same = here is not None and here.key == (status.st_dev, status.st_ino)
        return is_same and stream.rested == (status.st_size, status.st_mtime_ns)

    def _oldest_first(self, files: Iterable[Found]) -> list[Found]:
        """Of one log, the file with the oldest first event first; where one has none, the one changed first."""
        logs: dict[str, list[Found]] = {}
        for each in sorted(files, key=lambda each: each.modified):
            logs.setdefault(log_of(each.path), []).append(each)
        for generations in logs.values():
            if len(generations) > 1:
                times = {each.key: self._time_of(each) for each in generations if each.size}
                if None not in times.values():
                    generations.sort(key=lambda each: times.get(each.key) or each.modified // 1000)
        return [each for generations in logs.values() for each in generations]

    def _time_of(self, found: Found) -> Micros | None:
        lines = first_lines(found, follow=self._known.follow)
        return self._first_time(self._known.source, lines, found.modified // 1000) if lines else None

    def _locate(self, stream: Stream, present: Mapping[tuple[int, int], Found], now: Micros) -> None:
        """Note where the stream lies, and open it where it has to be."""
        known = self._known
        here, named = present.get(stream.inode.key), known.found.get(stream.path)
        stream.is_placed = named is not None and named.key == stream.inode.key
        stream.is_matched = here is not None
        was_ended = stream.is_ended
        stream.is_ended = not stream.is_placed or (stream.log != stream.path and stream.log in known.found)
        if stream.is_ended and not was_ended and stream.fd is not None:
            # It may have grown since it was last read, and comes before whatever has its name now.
            stream.behind, stream.due = True, 0
        if here is not None and here.path != stream.path and not stream.was_opened():
            known.depart(stream)
            return
        if here is None and stream.fd is None:
            aside = listing(folder_of(stream.at))
            here = next((each for each in aside if each.key == stream.inode.key), None)
            if here is None:
                known.lose(stream, now)
        if here is not None:
            stream.at = stream.path if stream.is_placed else here.path
            if stream.fd is None:
                self._wake_from_rest(stream, here, now)

    def _wake_from_rest(self, stream: Stream, here: Found, now: Micros) -> None:
        quiet = now - stream.quiet_since
        has_last_line = stream.is_ended and stream.unread() > 0 and quiet >= QUIET
        if has_last_line or (here.size, here.modified) != stream.rested:
            stream.size = here.size
            self._known.open(stream, now)
        elif not stream.is_matched and quiet >= LINGER:
            self._known.let_go(stream, now)

    def _read_overlooked(self, path: str, since: int, now: Micros) -> None:
        """Generations of the same log that came and went between two looks, under names that no pattern has."""
        known = self._known
        taken = known.inodes()
        log = log_of(path)
        rotated = [
            each
            for each in listing(folder_of(path))
            if each.key not in taken
            and each.path not in known.found
            and each.size
            and each.modified >= since
            and log_of(each.path) == log != each.path
            and not known.was_copied_to(each, log)
        ]
        for each in sorted(rotated, key=lambda each: each.modified):
            if not known.has_read(each, log):
                known.begin_overlooked(each, now)

    # --- places not found again ----------------------------------------------------------------------------

    def _reunite(self, files: Iterable[Found], now: Micros) -> None:
        every = {each.key: each for each in files}
        for number, match in sorted(reunite(self._missing, every.values(), follow=self._known.follow).items()):
            place = self._missing.pop(number)
            if match.found.key != place.inode.key:
                self._forget_name(place)
            try:
                self._known.resume(number, place, match, now)
            except OSError as error:
                self._known.refuse(self._known.streams[number], error)
            if match.offset < place.offset and match.found.key == place.inode.key:
                self._known.report(self._known.streams[number], "shortened", match.offset, place.offset)
        for number, place in list(self._missing.items()):
            found = every.get(place.inode.key)
            if found is not None and not os.access(found.path, os.R_OK) and found.key not in self._known.inodes():
                # It cannot be compared yet; it is when it can be opened.
                stream = self._known.enter(place, now, number)
                stream.at, stream.size, stream.is_stored = found.path, found.size, True
                del self._missing[number]

    def _await_missing(self, present: Mapping[tuple[int, int], Found], now: Micros) -> None:
        if self._missing:
            taken = self._known.inodes()
            self._reunite([each for each in present.values() if each.key not in taken], now)
            if not 0 <= now - self._missing_since < PATIENCE:
                for number in list(self._missing):
                    self._lose(number, now)

    def _lose(self, number: int, now: Micros) -> None:
        place = self._missing.pop(number)
        stream = Stream(number, place, log_of(place.path), now)
        stream.is_stored = True
        self._forget_name(place)
        if not place.done:
            self._known.report(stream, "generation_lost", place.offset, None)
        self._known.depart(stream)

    def _forget_name(self, place: Place) -> None:
        """Its inode may be another file's by now, under the same name: that name has changed hands."""
        if self._last_seen.get(place.path, NOWHERE)[0] == place.inode.key:
            self._last_seen[place.path] = (NOWHERE[0], place.modified)


def _plain_folders(patterns: Iterable[str]) -> frozenset[str]:
    """The folders that hold every file of these patterns; none where that is not to be said of all of them."""
    folders = {folder_of(pattern) for pattern in patterns}
    is_wide = any(glob.has_magic(folder) for folder in folders) or any("**" in pattern for pattern in patterns)
    return frozenset() if is_wide else frozenset(folders)


def _changes(folders: Iterable[str], now: Micros) -> dict[str, tuple[int, int, int]]:
    """When a name in each folder was last made, moved or removed; without those where that may be happening now."""
    changes = {}
    for folder in folders:
        try:
            status = os.stat(folder)  # noqa: PTH116  (asked every second)
        except OSError:
            continue
        if now - status.st_mtime_ns // 1000 > SETTLED:
            changes[folder] = (status.st_dev, status.st_ino, status.st_mtime_ns)
    return changes

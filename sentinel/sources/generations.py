"""The generations of logs being read: how one begins, ends, is opened again, and goes on in a copy.

Rules of this file: a generation is known by its inode and its content. A file that was cut or overwritten ends one
generation and begins another. A copy takes the place of its original when the original is gone, and is not read
before.
"""

from __future__ import annotations

import errno
import logging
import os
from collections import deque
from collections.abc import Iterable, Mapping

from sentinel.clock import MINUTE, SECOND, Micros
from sentinel.sources.base import Gap
from sentinel.sources.descriptors import Descriptors
from sentinel.sources.folder import (
    Found,
    folder_of,
    is_packed_name,
    listing,
    log_of,
    look_at,
    may_be_copy,
    open_log,
    stem_of,
)
from sentinel.sources.identity import Inode, Place, inode_of
from sentinel.sources.reunion import Reunited, copy_of, is_beginning, is_compressed_of
from sentinel.sources.stream import Stream, Style

# How long a rotated file that no pattern names is still looked at: its writer may not have turned to the new one.
LINGER: Micros = 10 * MINUTE
# How long a finished file is left to its writer before a last line without newline is taken to be whole.
QUIET: Micros = 5 * SECOND

_NO_DESCRIPTOR = {errno.EMFILE, errno.ENFILE}
REWRITTEN = 3
"""Written anew so often, each within a minute of the one before, a log is one that does not grow."""

logger = logging.getLogger(__name__)


class Generations:
    """The streams of one source by number, and what became of those that ended.

    `found` are the files the source's patterns name, by path, as of the last look. `marks` are streams whose position
    has to be stored although they have no record to hand out. `shadows` are files set aside as copies of known ones.
    """

    def __init__(self, source: str, *, follow: bool, open_files: int, style: Style | None = None) -> None:
        self.source = source
        self.follow = follow
        self.streams: dict[int, Stream] = {}
        self.top = 0
        self.found: dict[str, Found] = {}
        self.marks: deque[Stream] = deque()
        self.gaps: list[Gap] = []
        self.descriptors = Descriptors(open_files, self.waits)
        self._style = style
        self._logs: dict[str, list[Stream]] = {}
        self._stems: dict[str, list[Stream]] = {}
        self.shadows: dict[tuple[int, int], tuple[int, Found]] = {}
        self._troubles: dict[str, str] = {}
        self._rewritten: dict[str, tuple[int, Micros]] = {}
        self._copied: dict[str, tuple[int, ...]] = {}

    def inodes(self) -> set[tuple[int, int]]:
        """The inodes that belong to a stream."""
        return {stream.inode.key for stream in self.streams.values()}

    def waits(self, stream: Stream) -> bool:
        """An older, finished generation of the same log still has records to hand out first."""
        generations = self._logs[stream.log]
        return len(generations) > 1 and any(
            other.is_ended and (other.behind or other.is_open_group)
            for other in generations
            if other.number < stream.number
        )

    def report(self, stream: Stream, reason: str, start: int, end: int | None) -> None:
        """Note what can no longer be read."""
        self.gaps.append(
            Gap(source=self.source, stream=stream.number, path=shown(stream.path), reason=reason, start=start, end=end)
        )

    # --- beginning and ending ------------------------------------------------------------------------------

    def enter(self, place: Place, now: Micros, number: int | None = None) -> Stream:
        """A stream at this place; of the next free number unless it has one already."""
        if number is None:
            self.top += 1
            number = self.top
        stream = Stream(number, place, log_of(place.path), now, self._style, self.descriptors.opened)
        self.streams[number] = stream
        self._inherit(stream)
        self._logs.setdefault(stream.log, []).append(stream)
        self._stems.setdefault(stem_of(stream.log), []).append(stream)
        return stream

    def _inherit(self, stream: Stream) -> None:
        """What the log's newest copy is, from the stream or for it, so that a restart knows it as well."""
        if stream.copied:
            self._copied[stream.log] = stream.copied
        else:
            stream.copied = self._copied.get(stream.log, ())

    def was_copied_to(self, found: Found, log: str) -> bool:
        """The file is the newest copy of the log, in which an older generation was read or is being read."""
        return self._copied.get(log) == found.mark

    def begin(self, found: Found, now: Micros) -> Stream:
        """A file never seen before, from its first byte."""
        stream = self.enter(Place(path=found.path, inode=Inode(*found.key)), now)
        stream.size = found.size
        self.open(stream, now)
        return stream

    def begin_overlooked(self, found: Found, now: Micros) -> None:
        """A generation that was rotated before it was seen, under a name that no pattern has."""
        stream = self.begin(found, now)
        stream.is_placed, stream.is_matched, stream.is_ended = False, False, True

    def resume(self, number: int, place: Place, match: Reunited, now: Micros) -> None:
        """A stored place in the file that was found for it. Raises OSError where the file cannot be opened now."""
        stream = self.enter(place, now, number)
        stream.is_stored = True
        if match.found.key != place.inode.key:
            self._copied[stream.log] = match.found.mark
        stream.at = match.found.path
        stream.inode = Inode(*match.found.key)
        stream.size = match.found.size
        fd = open_log(match.found.path, follow=self.follow)
        try:
            inode = inode_of(fd)
            if match.offset != place.offset:
                stream.go_to(fd, match.offset)
        except OSError:
            os.close(fd)
            raise
        self._attach(stream, fd, inode, match.found.path)
        if self.descriptors.are_too_many():
            stream.rest()

    def lose(self, stream: Stream, now: Micros) -> None:
        """The file of a stream at rest is gone; it goes on in a copy, if there is one."""
        if not stream.done and self._adopt(stream, now):
            return
        self._lose_unread(stream)
        self.let_go(stream, now)

    def _lose_unread(self, stream: Stream) -> None:
        if stream.unread():
            self.report(stream, "generation_lost", stream.offset, stream.size)

    def depart(self, stream: Stream) -> None:
        """The stream is over; its position is stored once more, as done, and may then be dropped."""
        stream.rest()
        stream.done, stream.behind = True, False
        if stream.is_stored or stream.offset:
            self.marks.append(stream)
        self._troubles.pop(stream.at, None)
        if self.streams.pop(stream.number, None) is not None:
            self._logs[stream.log].remove(stream)
            self._stems[stem_of(stream.log)].remove(stream)
        self.descriptors.waiting.pop(stream.number, None)

    def let_go(self, stream: Stream, now: Micros) -> None:
        """The generation is finished and read, and its file is gone; a copy set aside for it takes its place."""
        if any(number == stream.number for number, _ in self.shadows.values()) and self._adopt(stream, now):
            return
        self.depart(stream)

    def replaced(self, stream: Stream, now: Micros) -> None:
        """The file was cut or overwritten: what it holds now is a new generation; the old one may live in a copy."""
        fd, new = stream.hand_over(), None
        if fd is not None and stream.at != stream.log and stream.at in self.found:
            # A copy may have been written over an older one: the next look tells whose it is.
            os.close(fd)
        elif fd is not None:
            new = self.enter(Place(path=stream.at, inode=stream.inode), now)
            new.is_matched, new.is_ended = stream.is_matched, new.log != new.path
            self._attach(new, fd, stream.inode, stream.at)
        stream.is_placed, stream.is_ended = False, True
        is_copied = self._adopt(stream, now)
        if new is not None:
            self._inherit(new)
        if not is_copied:
            if stream.unread():
                self.report(stream, "truncated", stream.offset, stream.size)
            self.depart(stream)
            self._note_rewriting(stream.at, now)

    def _note_rewriting(self, path: str, now: Micros) -> None:
        times, last = self._rewritten.get(path, (0, now))
        self._rewritten[path] = (times + 1 if 0 <= now - last < MINUTE else 1, now)

    def rewritten(self, now: Micros) -> Iterable[str]:
        """The logs that are written anew each time instead of growing: their lines are read each time."""
        self._rewritten = {path: each for path, each in self._rewritten.items() if 0 <= now - each[1] < MINUTE}
        for path, (times, _) in self._rewritten.items():
            if times >= REWRITTEN:
                yield f"'{shown(path)}' is written anew again and again, and read anew each time: let it be appended to"

    def finish(self, stream: Stream, quiet: Micros, now: Micros) -> None:
        """The generation has ended and was read to its end."""
        if not stream.is_matched and (not stream.links or quiet >= LINGER):
            self.let_go(stream, now)
        elif not stream.done:
            stream.done = True
            self.marks.append(stream)

    def read_packed(self, stream: Stream, quiet: Micros, now: Micros) -> None:
        """All that can be unpacked was read. One that breaks off is waited for as long as it may still be written."""
        if not stream.is_unfinished:
            self.finish(stream, LINGER, now)
        elif quiet >= LINGER:
            self.damaged(stream, f"'{shown(stream.at)}' breaks off")

    def damaged(self, stream: Stream, why: str) -> None:
        """What stands behind its offset cannot be unpacked, now and later."""
        logger.warning("source '%s': %s", self.source, why)
        self.report(stream, "damaged", stream.offset, None)
        stream.done, stream.behind, stream.is_unfinished = True, False, False
        stream.rest(until_changed=True)
        self.marks.append(stream)

    def mistaken(self, stream: Stream, now: Micros) -> None:
        """The compressed file is not what was read of the stream; it is looked at again as one never seen."""
        stream.rest()
        if not self._adopt(stream, now, stream.inode.key):
            self.report(stream, "generation_lost", stream.offset, None)
            self.depart(stream)

    # --- descriptors ---------------------------------------------------------------------------------------

    def open(self, stream: Stream, now: Micros, *, is_brief: bool = False) -> None:
        """Open what is at rest, if there is room, else it waits. If another file has its name, the next look tells."""
        if not is_brief and not self.descriptors.allot(stream):
            return
        try:
            fd = open_log(stream.at, follow=self.follow)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR or not self.descriptors.manage_with_fewer(stream):
                self.refuse(stream, error)
            return
        try:
            inode = inode_of(fd)
            is_here = inode.may_be(stream.inode) and stream.is_here(fd)
        except OSError as error:
            os.close(fd)
            self.refuse(stream, error)
            return
        if inode.key != stream.inode.key:
            os.close(fd)
            return
        self._troubles.pop(stream.at, None)
        stream.behind = True
        stream.due = 0
        if is_here:
            self._attach(stream, fd, inode, stream.at)
        elif inode.may_be(stream.inode):
            stream.fd = fd
            self.replaced(stream, now)
        else:
            os.close(fd)
            self._lose_to_another(stream, now)

    def _attach(self, stream: Stream, fd: int, inode: Inode, at: str) -> None:
        try:
            stream.attach(fd, inode, at)
        except OSError as error:
            self.refuse(stream, error)

    def _lose_to_another(self, stream: Stream, now: Micros) -> None:
        """The inode is another file's by now: a new one like any other, or a newer generation rotated since."""
        self.lose(stream, now)
        here = look_at(stream.at, follow=self.follow)
        is_rotated = log_of(stream.at) == stream.log != stream.at
        if here is not None and here.path not in self.found and is_rotated and not self.has_read(here, stream.log):
            self.begin_overlooked(here, now)

    def refuse(self, stream: Stream, error: OSError) -> None:
        """The file cannot be opened or read now: it is tried again at every look and holds nothing else up."""
        stream.rest()
        stream.behind = False
        text = f"'{shown(stream.at)}' cannot be read: {error.strerror}"
        if self._troubles.get(stream.at) != text:
            logger.warning("source '%s': %s", self.source, text)
        self._troubles[stream.at] = text

    def troubles(self) -> Iterable[str]:
        """What is wrong with single files."""
        return self._troubles.values()

    def close(self) -> None:
        """Let go of every descriptor."""
        for stream in list(self.descriptors.opened.values()):
            stream.rest()

    # --- copies --------------------------------------------------------------------------------------------

    def meet(self, found: Found, now: Micros) -> None:
        """A file not known yet: set aside while it is a copy of a known one, otherwise read from its first byte."""
        number, last_seen = self.shadows.get(found.key, (0, None))
        if last_seen == found and number in self.streams:
            return
        originals = self._possible_originals(found)
        original = next((each for each in originals if self._is_copy(found, each, now)), None)
        if originals and found.key in self.inodes():
            return
        self.shadows.pop(found.key, None)
        if original is None:
            self.begin(found, now)
        else:
            self.shadows[found.key] = (original.number, found)

    def has_read(self, found: Found, log: str) -> bool:
        """The file holds what was read of some stream of the log, or is one of them, compressed."""
        streams = self._logs.get(log, [])
        return any(copy_of(each.place(), [found], follow=self.follow) for each in streams) or any(
            is_compressed_of(found, each.fd, follow=self.follow)
            for each in streams
            if each.fd is not None and each.packed is None
        )

    def forget_copies(self, present: Mapping[tuple[int, int], Found]) -> None:
        """Copies that are gone are no longer known."""
        self.shadows = {key: shadow for key, shadow in self.shadows.items() if key in present}

    def _possible_originals(self, found: Found) -> list[Stream]:
        name = found.path.rpartition("/")[2]
        near = [stream for end in range(1, len(name) + 1) for stream in self._stems.get(name[:end], ())]
        is_packed = is_packed_name(name)
        known = [each for each in near if each.offset or (is_packed and each.fd is not None)]
        return [each for each in known if found.path != each.path and may_be_copy(found.path, each.log)]

    def _is_copy(self, found: Found, original: Stream, now: Micros) -> bool:
        """The file is the beginning of the original. One that turns out to be replaced goes on in its copy, if any."""
        rested, behind, was_open = original.rested, original.behind, original.fd is not None
        if not was_open:
            self.open(original, now, is_brief=True)
        try:
            if original.fd is None:
                return False
            if original.is_replaced():
                self.replaced(original, now)
                return False
            # One without content has nothing to read, and may be a copy just begun.
            return (
                is_beginning(found, original.fd, follow=self.follow) if found.size else log_of(found.path) != found.path
            )
        except OSError as error:
            self.refuse(original, error)
            return False
        finally:
            if not was_open and original.fd is not None and self.descriptors.are_too_many():
                original.rest()
                original.rested, original.behind = rested, behind

    def _adopt(self, stream: Stream, now: Micros, *refused: tuple[int, int]) -> bool:
        """Let the stream go on in a copy of its file; say whether there is one."""
        # What is at rest may have been deleted, and its inode be the copy's by now.
        taken = {each.inode.key for each in self.descriptors.opened.values()}
        taken |= {stream.inode.key, *refused}
        nearby = [*self.found.values(), *listing(folder_of(stream.at))]
        copy = copy_of(stream.place(), [each for each in nearby if each.key not in taken], follow=self.follow)
        if copy is None:
            return False
        try:
            fd = open_log(copy.found.path, follow=self.follow)
        except OSError:
            return False
        stream.rest()
        try:
            inode = inode_of(fd)
            if copy.offset != stream.offset:
                stream.go_to(fd, copy.offset)
        except OSError:
            os.close(fd)
            return False
        self._attach(stream, fd, inode, copy.found.path)
        stream.is_placed, stream.is_matched, stream.is_ended = False, copy.found.path in self.found, True
        stream.behind, stream.done, stream.due, stream.quiet_since = True, False, 0, now
        self.shadows.pop(inode.key, None)
        self._copied[stream.log] = copy.found.mark
        for other in [each for each in self.streams.values() if each.inode.key == inode.key and each is not stream]:
            self._lose_unread(other)
            self.depart(other)
        self.marks.append(stream)
        return True


def shown(path: str) -> str:
    """The path as text that every reader can take: bytes that are no UTF-8 become U+FFFD."""
    return os.fsencode(path).decode("utf-8", "replace")

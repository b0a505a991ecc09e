"""Who of many files has one of a few descriptors: those with something to read before those without.

Rules of this file: a file that was deleted is never let go of, for it cannot be opened again, and does not count. A
newer generation does not keep an older one of its log from being read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sentinel.sources.stream import Stream

MOST_REFUSED = 16


class Descriptors:
    """The descriptors of one source, `most` of them. `waits` says whether a stream is held up by an older one.

    `opened` are the streams that have one, `waiting` those for which there was none.
    """

    def __init__(self, most: int, waits: Callable[[Stream], bool]) -> None:
        self.opened: dict[int, Stream] = {}
        self.waiting: dict[int, Stream] = {}
        self._most = most
        self._waits = waits
        self._is_trying = False
        self._leaving: list[Stream] = []

    def are_too_many(self) -> bool:
        """More are open than should be."""
        return len(self.opened) > self._most

    def allot(self, stream: Stream) -> bool:
        """Whether the stream may be opened now; else it waits."""
        if self._has_room(stream):
            self.waiting.pop(stream.number, None)
            return True
        self.waiting.setdefault(stream.number, stream)
        return False

    def manage_with_fewer(self, stream: Stream) -> bool:
        """The machine gave none: the stream waits, and a few are left for others; False where none was had at all."""
        self._most = max(1, len(self.opened) - 8)
        self.waiting.setdefault(stream.number, stream)
        return bool(self.opened)

    def open_waiting(self, open_: Callable[[Stream], None]) -> bool:
        """Open some of those that wait for a descriptor; say whether there is one to read now."""
        has_any, refused = False, 0
        self._is_trying, self._leaving = True, []
        for stream in list(self.waiting.values()):
            if stream.fd is None:
                open_(stream)
            if stream.fd is None:
                refused += 1
                if refused >= MOST_REFUSED:
                    break
            else:
                self.waiting.pop(stream.number, None)
                has_any = True
        self._is_trying = False
        return has_any

    def take_turns(self, open_: Callable[[Stream], None]) -> None:
        """Some that were read for long make room for those that wait: much to read must not keep others from it."""
        if self.waiting and not any(each.is_idle() for each in self.opened.values()):
            longest = [each for each in self.opened.values() if each.packed is None and each.has_name()]
            leaving = longest[: max(1, self._most // 8)]
            for stream in leaving:
                stream.rest()
            self.open_waiting(open_)
            self.waiting.update({stream.number: stream for stream in leaving if stream.fd is None})

    def _has_room(self, stream: Stream) -> bool:
        if len(self.opened) < self._most:
            return True
        is_next = self._is_trying or next(iter(self.waiting), stream.number) == stream.number
        return is_next and self._make_room(stream)

    def _make_room(self, newcomer: Stream) -> bool:
        is_open = [each for each in self.opened.values() if each.links]
        if len(is_open) < self._most:
            return True
        for first in self._idle_first(is_open):
            if first.has_name():
                first.rest(until_changed=True)
                return True
        waiting = [each for each in is_open if self._waits(each)]
        if waiting and not self._waits(newcomer):
            waiting[-1].rest()
            return True
        return False

    def _idle_first(self, is_open: list[Stream]) -> Iterator[Stream]:
        """Those with nothing to read, the longest quiet first. While many are opened none is read, so that the order is
        made once for all of them.
        """
        if not self._is_trying or not self._leaving:
            idle = [each for each in is_open if each.is_idle()]
            self._leaving = sorted(idle, key=lambda each: (each.unread() > 0, each.quiet_since))[::-1]
        while self._leaving:
            first = self._leaving.pop()
            if first.fd is not None and first.is_idle():
                yield first

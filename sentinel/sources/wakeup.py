"""Says that something moved in a folder, sooner than the next look would. Nothing depends on it being right.

The kernel drops events when its queue is full and has none for network file systems, so an event is a reason to look
and never a fact; without any event everything is still found by looking every second.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from watchdog.events import (
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from sentinel.clock import MINUTE, SECOND, Micros

NAMES = 1024
NETWORK = frozenset(
    ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "glusterfs", "lustre", "afs", "virtiofs", "fuse.sshfs",
     "fuse.glusterfs", "fuse.s3fs", "fuse.rclone")
)  # fmt: skip
"""File systems that other machines write to."""

FOLDERS = 64  # each costs a thread; the others are looked at every second

# Without a filter our own opening and closing of files would be events too, and wake us without end.
_EVENTS: list[type[FileSystemEvent]] = [FileModifiedEvent, FileCreatedEvent, FileMovedEvent, FileDeletedEvent]


class Stir:
    """What happened since somebody last looked. Marked by the watching thread, taken by the reader before it looks.

    `grown` are names of files that were written to, "" for any; of very many, the oldest fall out and are looked at
    when their time comes.
    """

    def __init__(self) -> None:
        self.grown: deque[str] = deque(maxlen=NAMES)
        self.has_moved = False

    def take_grown(self) -> set[str]:
        """The names so far, each once."""
        return {self.grown.popleft() for _ in range(len(self.grown))}


class _Handler(FileSystemEventHandler):
    """Marks every stir of one folder; quick, because the queue before it has no limit."""

    def __init__(self, wake: threading.Event) -> None:
        self.stirs: list[Stir] = []
        self._wake = wake

    def dispatch(self, event: FileSystemEvent) -> None:
        for stir in self.stirs:
            if isinstance(event, FileModifiedEvent):
                stir.grown.append(os.fsdecode(event.src_path).removeprefix("./"))
            else:
                stir.has_moved = True
        self._wake.set()


@dataclass(slots=True)
class _Watched:
    handler: _Handler
    watch: ObservedWatch
    key: tuple[int, int]


class WakeUp:
    """Watches folders for all sources with one observer, and mends itself; `trouble` says where it cannot."""

    def __init__(self, wake: threading.Event) -> None:
        self.trouble = ""
        self._wake = wake
        self._wanted: dict[Stir, frozenset[str]] = {}
        self._watched: dict[str, _Watched] = {}
        self._observer: BaseObserver | None = None
        self._checked: Micros = 0
        self._retry: Micros = 0

    def cover(self, stir: Stir, folders: set[str], now: Micros) -> None:
        """From now on the stir is marked when something moves in these folders, and in no others."""
        if self._wanted.get(stir, frozenset()) != folders:
            self._wanted[stir] = frozenset(folders)
            self._arrange(now)

    def check(self, now: Micros) -> None:
        """Once a second: watches whose folder was removed, replaced or whose thread died are made anew."""
        if 0 <= now - self._checked < SECOND:
            return
        self._checked = now
        alive = self._live_watches()
        stale = [
            folder
            for folder, watched in self._watched.items()
            if watched.watch not in alive or _key(folder) != watched.key
        ]
        for folder in stale:
            self._forget(folder)
        self._arrange(now)

    def close(self) -> None:
        """Let go of the threads."""
        if self._observer is not None:
            self._observer.stop()
            if self._observer.is_alive():
                self._observer.join()
        self._observer = None
        self._watched.clear()
        self._wanted.clear()

    def _live_watches(self) -> set[ObservedWatch]:
        if self._observer is None or not self._observer.is_alive():
            self._watched.clear()
            self._observer = None
            return set()
        return {emitter.watch for emitter in self._observer.emitters if emitter.is_alive()}

    def _arrange(self, now: Micros) -> None:
        if 0 < self._retry - now <= MINUTE:
            return
        folders = frozenset[str]().union(*self._wanted.values())
        for folder in [each for each in self._watched if each not in folders]:
            self._forget(folder)
        try:
            for folder in sorted(folders - self._watched.keys())[: max(0, FOLDERS - len(self._watched))]:
                self._watch(folder)
        except OSError as error:
            self.trouble = f"folders cannot be watched, files are looked at every second: {error.strerror}"
            self._retry = now + MINUTE
        else:
            self.trouble = ""
        for folder, watched in self._watched.items():
            watched.handler.stirs = [stir for stir, wanted in self._wanted.items() if folder in wanted]

    def _watch(self, folder: str) -> None:
        key = _key(folder)
        # Another machine's writes make no events here: a watch would promise what it cannot keep.
        if key is None or self._of_network(key[0]):
            return
        if self._observer is None:
            observer = Observer()
            observer.start()
            self._observer = observer
        handler = _Handler(self._wake)
        watch = self._observer.schedule(handler, folder, recursive=False, event_filter=_EVENTS)
        self._watched[folder] = _Watched(handler, watch, key)

    def _of_network(self, device: int) -> bool:
        try:
            return device in network_devices(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace"))
        except OSError:
            return False

    def _forget(self, folder: str) -> None:
        watched = self._watched.pop(folder)
        if self._observer is not None:
            self._observer.unschedule(watched.watch)


def network_devices(mounts: str) -> frozenset[int]:
    """The devices of network file systems, of the text of /proc/self/mountinfo (see proc(5))."""
    found = set()
    for line in mounts.splitlines():
        fields, _, described = line.partition(" - ")
        major, _, minor = fields.split()[2].partition(":") if len(fields.split()) > 2 else ("", "", "")
        if described.split(" ", 1)[0] in NETWORK and major.isdigit() and minor.isdigit():
            found.add(os.makedev(int(major), int(minor)))
    return frozenset(found)


def _key(folder: str) -> tuple[int, int] | None:
    try:
        status = Path(folder).stat()
    except OSError:
        return None
    return (status.st_dev, status.st_ino)

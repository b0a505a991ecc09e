"""History on every core: files are searched in processes of their own, and what they leave is judged here, in order.

Rules of this file:
1. A searching process decides nothing. It leaves out the records that match no rule; the others are judged by the same
   code as without it, in the order of their logs, so the findings are the same.
2. What a file left is kept until the run is over: a run that was interrupted goes on with it. It holds log records in
   clear, in files that their owner alone may read.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

import msgspec
import zstandard

from sentinel.clock import Micros
from sentinel.detect.lane import Lane, Match, Purpose, SourceView
from sentinel.detect.unusual.judge import fingerprint
from sentinel.model import Block, Finding, Position
from sentinel.rulebook import Rulebook
from sentinel.scenarios import Log, Replay, Trouble
from sentinel.sources.history import read_history

WORTHWHILE = 64 << 20
"""Bytes of files below which one process is as fast."""

COUNTED = ("lines", "bytes", "candidates", "events", "unparsed", "untimed")

PURPOSE = Purpose(keeps_state=False)


class Left(msgspec.Struct, array_like=True, frozen=True):
    """What is left of a block: its matching records one after the other, with the offset of each in its file; or, where
    `offsets` is None, the whole block at `offset`. `starts` is as in a block.
    """

    data: bytes
    offset: int
    offsets: tuple[int, ...] | None
    starts: tuple[int, ...] | None
    flags: tuple[str, ...]


class Searched(msgspec.Struct, array_like=True, frozen=True):
    """The end of what a file left: its counts, as COUNTED; its newest time; why it could not be read to its end."""

    counts: tuple[int, ...]
    last_event: Micros | None
    trouble: str


@dataclass(frozen=True, slots=True)
class Task:
    """One file of one log, `number` in it; `kept` is where what it leaves is kept."""

    log: Log
    view: SourceView
    number: int
    first_time: Micros
    kept: Path

    @property
    def path(self) -> str:
        """The file."""
        return self.log.paths[self.number]


@dataclass(frozen=True, slots=True)
class Work:
    """How a hunt is done: processes, the folder for what is kept, and what else than the files its contents hang on."""

    jobs: int
    folder: Path
    stamp: str


def jobs_for(logs: Sequence[Log], book: Rulebook, wished: int | None) -> int:
    """In how many processes the logs are searched; 1 for this one alone.

    Only what can be read again is shared out, and not where rules learn from logins whose session it is: who acts in a
    record then hangs on the records before it.
    """
    paths = [Path(path) for log in logs for path in log.paths]
    learns = any(rule.about.additions.session is not None for rule in book.rules.detections)
    if learns or len(paths) < 2 or not all(path.is_file() for path in paths):
        return 1
    if wished is None and sum(path.stat().st_size for path in paths) < WORTHWHILE:
        return 1
    return min(wished or os.cpu_count() or 1, len(paths))


class Hunt(Replay):
    """A replay whose files are searched by other processes. Iterate over it for the findings, once."""

    def __init__(
        self,
        book: Rulebook,
        logs: Sequence[Log],
        work: Work,
        key: bytes,
        said: Callable[[str], None] = lambda _: None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        super().__init__(book.engine([], key, PURPOSE), logs, said)
        self._book = book
        self._work = work
        self._key = key
        self._told = progress
        self._read: Synchronized[int] = multiprocessing.get_context("fork").Value("q", 0)
        self._known = 0
        self._tasks: dict[str, list[Task]] = {}
        self._searching: dict[Path, Future[None]] = {}
        self._counts: dict[str, list[int]] = {}

    def __iter__(self) -> Iterator[Finding]:
        self._work.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._tasks = {log.name: self._tasks_of(log) for log in self._logs}
        tasks = sorted((each for of in self._tasks.values() for each in of), key=lambda each: each.first_time)
        context = multiprocessing.get_context("fork")  # rules are functions: they cannot be sent, only inherited
        with ProcessPoolExecutor(
            self._work.jobs, context, initializer=_begin, initargs=(self._book, tasks, self._key, self._read)
        ) as pool:
            is_whole = False
            try:
                for number, task in enumerate(tasks):
                    if not task.kept.exists():
                        self._searching[task.kept] = pool.submit(_search, number)
                    else:
                        self._tell(Path(task.path).stat().st_size)
                yield from super().__iter__()
                is_whole = True
            finally:
                for child in () if is_whole else multiprocessing.active_children():
                    child.terminate()
        for task in tasks:
            task.kept.unlink(missing_ok=True)

    def _tasks_of(self, log: Log) -> list[Task]:
        found = []
        for first_time, number, _, rest in self._ordered(log):
            rest.close()
            path = Path(log.paths[number])
            status = path.stat()
            about = [
                str(path.absolute()),
                status.st_size,
                status.st_mtime_ns,
                status.st_ino,
                log.name,
                self._work.stamp,
            ]
            kept = self._work.folder / f"{fingerprint(about)}.left"
            found.append(Task(log, self._engine.lanes[log.name].view, number, first_time, kept))
        return found

    def blocks(self, log: Log) -> Iterator[Block]:
        """What is left of the log's files, in order."""
        for task in self._tasks[log.name]:
            self._wait_for(task)
            for left in _read(task.kept):
                if isinstance(left, Searched):
                    self._note(task, left)
                else:
                    yield _block(task, left)

    def _wait_for(self, task: Task) -> None:
        searching = self._searching.get(task.kept)
        while searching is not None and not searching.done():
            wait_for([searching], 0.2)
            self._tell(0)
        if searching is not None:
            searching.result()

    def _tell(self, more: int) -> None:
        now = self._read.value
        self._told(now - self._known + more)
        self._known = now

    def _note(self, task: Task, searched: Searched) -> None:
        lane = self._engine.lanes[task.log.name]
        total = self._counts.setdefault(task.log.name, [0] * len(COUNTED))
        for place, (name, count) in enumerate(zip(COUNTED, searched.counts, strict=True)):
            total[place] += count
            setattr(lane.counts, name, total[place])
        if searched.last_event is not None:
            lane.last_event = max(searched.last_event, lane.last_event or 0)
        if searched.trouble:
            self.troubles.append(Trouble(task.path, searched.trouble))

    def matches(self, block: Block) -> list[Match]:
        """The block's matches, each at the place in its file."""
        found = super().matches(block)
        return [_placed(each, block) for each in found] if isinstance(block, _Sifted) else found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sifted(Block):
    """Records that do not stand together in their file: where each begins in `data`, and where it did there."""

    begins: Sequence[int]
    offsets: Sequence[int]


def _block(task: Task, left: Left) -> Block:
    stream = task.number + 1
    reference = task.log.reference
    whole = Block(
        source=task.log.name,
        stream=stream,
        path=task.path,
        offset=left.offset,
        data=left.data,
        position=Position(source=task.log.name, stream=stream, state=""),
        reference=Path(task.path).stat().st_mtime_ns // 1000 if reference is None else reference,
        starts=left.starts,
        flags=left.flags,
    )
    if left.offsets is None:
        return whole
    begins = left.starts if left.starts is not None else _begins(left.data)
    parts = {name: getattr(whole, name) for name in Block.__slots__}
    return _Sifted(**parts, begins=begins, offsets=left.offsets)


def _begins(data: bytes) -> list[int]:
    begins, place = [], 0
    while place < len(data):
        begins.append(place)
        place = data.index(b"\n", place) + 1
    return begins


def _placed(match: Match, block: _Sifted) -> Match:
    event = match.event
    number = bisect_right(block.begins, event.start) - 1
    offset = block.offsets[number] + event.start - block.begins[number]
    alone = {name: getattr(block, name) for name in Block.__slots__}
    alone |= {"data": block.data[event.start : event.end + 1], "offset": offset, "starts": None}
    event.block = Block(**alone)
    event.start, event.end = 0, event.end - event.start
    return match


# --- searching, in a process of its own ----------------------------------------------------------------------

_inherited: tuple[Rulebook, Sequence[Task], bytes, Synchronized[int]]


def _begin(book: Rulebook, tasks: Sequence[Task], key: bytes, read: Synchronized[int]) -> None:
    global _inherited  # noqa: PLW0603  (what a process is given when it begins has no other place)
    _inherited = book, tasks, key, read
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _search(number: int) -> None:
    book, tasks, key, read = _inherited
    task = tasks[number]
    engine = book.engine([task.view], key, PURPOSE)
    lane = engine.lanes[task.view.name]

    def told(size: int) -> None:
        with read.get_lock():
            read.value += size

    part = task.kept.with_suffix(f".{os.getpid()}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file, zstandard.ZstdCompressor(1).stream_writer(file) as packed:
        for left in _left(task, lane, told):
            written = msgspec.msgpack.encode(left)
            packed.write(len(written).to_bytes(8, "big") + (b"s" if isinstance(left, Searched) else b"l") + written)
    part.replace(task.kept)


def _left(task: Task, lane: Lane, told: Callable[[int], None]) -> Iterator[Left | Searched]:
    trouble = ""
    try:
        for block in read_history(task.path, task.log.name, task.number + 1, grouping=task.log.grouping, told=told):
            referenced = block if task.log.reference is None else replace(block, reference=task.log.reference)
            yield from _of_block(referenced, lane)
    except (OSError, ValueError, EOFError) as error:
        trouble = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    counts = tuple(getattr(lane.counts, name) for name in COUNTED)
    yield Searched(counts, lane.last_event, trouble)


def _of_block(block: Block, lane: Lane) -> Iterator[Left]:
    before = lane.counts.untimed
    matches = lane.matches(block)
    if not matches:
        return
    if lane.counts.untimed != before or block.flags:
        # What a record without a time is given, and what is said of the last one, hang on all of the block.
        yield Left(block.data, block.offset, None, block.starts, block.flags)
        return
    records = [(each.event.start, each.event.raw + b"\n") for each in matches]
    starts: tuple[int, ...] | None = None
    if block.starts is not None:
        sizes = [len(raw) for _, raw in records]
        starts = tuple(sum(sizes[:number]) for number in range(len(sizes)))
    data = b"".join(raw for _, raw in records)
    yield Left(data, block.offset, tuple(block.offset + start for start, _ in records), starts, ())


def _read(path: Path) -> Iterator[Left | Searched]:
    with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as packed:
        while head := packed.read(9):
            body = packed.read(int.from_bytes(head[:8], "big"))
            is_end = head[8:] == b"s"
            yield msgspec.msgpack.decode(body, type=Searched) if is_end else msgspec.msgpack.decode(body, type=Left)

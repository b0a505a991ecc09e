"""Whatever is done to a log, every record that can still be read is handed out once, and no record twice."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sentinel.clock import DAY, HOUR, SECOND
from sentinel.sources.generations import REWRITTEN
from tests.tailing import START, Reader, append

KEPT = 3
PACK = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress, "bz2": bz2.compress, "xz": lzma.compress}


@dataclass
class Generation:
    """What the writer put into one file. `is_known` says that the reader has looked since the file was made."""

    records: list[bytes] = field(default_factory=list)
    partial: bytes = b""
    is_known: bool = False


class LogUnderRotation(RuleBasedStateMachine):
    """The oracle: `must` were written and can be read; `fragile` can be read only by the process that runs now."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="tail-"))
        self.log = self.folder / "app.log"
        self.generations: list[Generation] = []
        self.must: set[bytes] = set()
        self.may: set[bytes] = set()
        self.fragile: set[bytes] = set()
        self.count = self.packed = 0
        self.is_running = self.is_stamped = False
        self.stamps = self.truncated = 0

    # Few descriptors go with the wide pattern alone: a file that is neither open nor named may be deleted and its
    # inode be used again without a trace.
    @initialize(
        setting=st.sampled_from([("app.log", 512), ("app.log*", 512), ("app.log*", 2), ("app.log*", 1)]),
        is_stamped=st.booleans(),
    )
    def begin(self, setting: tuple[str, int], is_stamped: bool) -> None:
        pattern, open_files = setting
        self.is_stamped = is_stamped
        self.is_wide = pattern.endswith("*")
        self.reader = Reader([str(self.folder / pattern)], open_files=open_files)
        self._create()
        self._start()

    # --- the writer ----------------------------------------------------------------------------------------

    @property
    def current(self) -> Generation:
        return self.generations[-1]

    def _create(self) -> None:
        self.log.touch()
        self.generations.append(Generation())

    def _write(self, data: bytes) -> None:
        with self.log.open("ab") as log:
            log.write(data)

    def _complete(self, record: bytes) -> None:
        self.current.records.append(record)
        self.must.add(record)

    def _new_record(self, size: int) -> bytes:
        self.count += 1
        return b"%06d %s" % (self.count, b"x" * size)

    @rule(sizes=st.lists(st.sampled_from([0, 3, 40, 300, 2000]), min_size=1, max_size=4))
    def append_records(self, sizes: list[int]) -> None:
        for size in sizes:
            record = self._new_record(size)
            if self.current.partial:
                self._write(b"+" + record + b"\n")
                self._complete(self.current.partial + b"+" + record)
                self.current.partial = b""
            else:
                self._write(record + b"\n")
                self._complete(record)

    @precondition(lambda self: not self.current.partial)
    @rule(size=st.sampled_from([0, 40, 300]))
    def append_half_a_record(self, size: int) -> None:
        self.current.partial = self._new_record(size)
        self._write(self.current.partial)

    def _let_the_clock_tick(self) -> None:
        """A file at rest is known to have changed by its size and change time; that has a grain of milliseconds."""
        before = self.log.stat().st_mtime_ns
        other = self.folder / "tick"
        while True:
            other.write_bytes(b"")
            if other.stat().st_mtime_ns > before:
                break
        other.unlink()

    def _finish_current(self) -> None:
        """The writer turns away: what it wrote last is a record without a newline."""
        if self.current.partial:
            self._complete(self.current.partial)
            self.current.partial = b""

    @rule()
    def rotate_by_renaming(self) -> None:
        self._finish_current()
        self._make_room()
        if not self.is_wide and not any(self.reader.stored):
            # Nothing is known yet by which a file that no pattern names would be recognised as one of this log.
            if self.is_running and self.current.is_known and self.reader.open_files > 2:
                self.fragile |= set(self.current.records)
            else:
                self._lose(self.current.records)
        self.log.rename(self.folder / "app.log.1")
        self._create()

    @rule()
    def rotate_by_copy_and_truncate(self) -> None:
        self._finish_current()
        self._make_room()
        shutil.copyfile(self.log, self.folder / "app.log.1")
        # Nothing of it was read, so that no mark can tell that the copy is one of this log.
        if not self.is_wide and not self._seen() & set(self.current.records):
            self._lose(self.current.records)
        elif not self.is_wide and not self._committed() & set(self.current.records):
            self.fragile |= set(self.current.records)
        self._let_the_clock_tick()
        os.truncate(self.log, 0)
        self.generations.append(Generation(is_known=self.current.is_known))

    @precondition(lambda self: (self.folder / "app.log.1").exists())
    @rule(kind=st.sampled_from(["gz", "zst", "bz2", "xz"]))
    def compress(self, kind: str) -> None:
        """As the compressors do it: a new file with the old one's times, then the old one is gone.

        A copy made of what nothing was read of cannot be told from a log of its own while its name says nothing.
        """
        old = self.folder / "app.log.1"
        status = old.stat()
        packed = self.folder / f"app.log.{KEPT + 1 + self.packed}.{kind}"
        self.packed += 1
        packed.write_bytes(PACK[kind](old.read_bytes()))
        os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
        content = set(old.read_bytes().split(b"\n"))
        old.unlink()
        here = {record for record in self.must if record in content}
        if not self.is_wide and not self._committed() & content:
            # By name and time alone it may be found, and it may be taken for one that was read long ago.
            self._lose(here - self._seen())
        self.fragile |= here - self._committed() if not self.is_wide else set()

    @precondition(lambda self: os.geteuid() != 0)
    @rule()
    def lock_and_unlock(self) -> None:
        """For a while nobody may read the log."""
        self.log.chmod(0)
        if self.is_running:
            self.reader.read(1.0, 1000)
        self.log.chmod(0o600)

    @rule()
    def truncate(self) -> None:
        self._lose(self.current.records)
        self.current.partial = b""
        self._let_the_clock_tick()
        self.truncated += 1
        os.truncate(self.log, 0)
        self.generations.append(Generation(is_known=self.current.is_known))

    @rule()
    def delete_and_create(self) -> None:
        self._finish_current()
        self._delete(self.log, self.current)
        self._create()

    def _make_room(self) -> None:
        rotated = [self.folder / f"app.log.{number}" for number in range(KEPT, 0, -1)]
        if rotated[0].exists():
            self._delete(rotated[0], None)
        for older, newer in pairwise(rotated):
            if newer.exists():
                newer.rename(older)

    def _delete(self, path: Path, generation: Generation | None) -> None:
        content = set(path.read_bytes().split(b"\n"))
        here = {record for record in self.must if record in content}
        is_held = self.is_running and generation is not None and generation.is_known and self.reader.open_files > 2
        path.unlink()
        if is_held:
            self.fragile |= here - self._committed()
        else:
            self._lose(here)

    def _lose(self, records: list[bytes] | set[bytes]) -> None:
        lost = set(records) - self._seen()
        self.must -= lost
        self.may |= lost
        self.fragile |= set(records) - self._committed() - lost

    # --- the reader ----------------------------------------------------------------------------------------

    def _committed(self) -> set[bytes]:
        return set(self.reader.records())

    def _seen(self) -> set[bytes]:
        pending = {record for block in self.reader.pending for record in block.data.split(b"\n")[:-1]}
        return self._committed() | pending

    def _start(self) -> None:
        self.reader.open()
        self.is_running = True
        for generation in self.generations:
            generation.is_known = True

    @precondition(lambda self: self.is_running)
    @rule(seconds=st.sampled_from([0.01, 0.2, 1.0, 6.0]), limit=st.sampled_from([1, 3, 1000]))
    def read(self, seconds: float, limit: int) -> None:
        self.reader.read(seconds, limit)
        if seconds >= 1.0:
            for generation in self.generations:
                generation.is_known = True

    @precondition(lambda self: self.is_running)
    @rule()
    def commit(self) -> None:
        self.reader.commit()
        self.fragile -= self._committed()

    @precondition(lambda self: self.is_running)
    @rule()
    def crash(self) -> None:
        self.reader.crash()
        self.is_running = False
        lost = self.fragile - self._committed()
        self.must -= lost
        self.may |= lost
        self.fragile.clear()

    @precondition(lambda self: not self.is_running)
    @rule()
    def start(self) -> None:
        self._start()

    @invariant()
    def changes_have_the_time_of_the_reader(self) -> None:
        """Else every change is of its future, and nothing that has been left alone for seconds is ever seen."""
        if self.is_stamped:
            for path in (self.folder, *self.folder.iterdir()):
                if path.stat().st_mtime_ns > (START + DAY) * 1000:
                    self.stamps += 1
                    stamp = self.reader.now * 1000 + self.stamps
                    os.utime(path, ns=(stamp, stamp))

    @invariant()
    def no_record_is_handed_out_twice(self) -> None:
        if self.generations:
            twice = [record for record, times in Counter(self.reader.records()).items() if times > 1]
            assert not twice, twice

    def teardown(self) -> None:
        try:
            if self.generations:
                self._check_in_the_end()
        finally:
            shutil.rmtree(self.folder)

    def _check_in_the_end(self) -> None:
        if not self.is_running:
            self._start()
        partial = self.current.partial
        for _ in range(20):
            self.reader.take(2)
        records = Counter(self.reader.records())
        assert not [record for record, times in records.items() if times > 1]
        assert self.must - records.keys() == set()
        assert records.keys() - self.must - self.may == set()
        assert partial not in records or not partial
        offsets = {(block.stream, block.offset) for block in self.reader.blocks if block.data}
        assert len(offsets) == len([block for block in self.reader.blocks if block.data])
        # Who truncates a log again and again within the minute hears of it.
        trouble = self.reader.tail.status().trouble
        assert trouble == "" or (self.truncated >= REWRITTEN and "is written anew again and again" in trouble)
        self.reader.take(HOUR / SECOND)
        self.reader.tail.close()


LogUnderRotation.TestCase.settings = settings(
    max_examples=3000 if os.environ.get("SENTINEL_LONG") else 120,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestLogUnderRotation = LogUnderRotation.TestCase


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(["append", "append to the one before", "turn", "read", "crash"]), max_size=25))
def test_a_link_may_be_turned_at_any_time(steps: list[str]) -> None:
    with tempfile.TemporaryDirectory(prefix="link-") as name:
        folder = Path(name)
        link, turns, written = folder / "current", 0, 0
        (folder / "0.log").touch()
        link.symlink_to(folder / "0.log")
        reader = Reader([str(link)], follow=True).open()
        for step in [*steps, "read"]:
            if step == "turn":
                reader.take()
                turns += 1
                (folder / f"{turns}.log").touch()
                (folder / "next").symlink_to(folder / f"{turns}.log")
                (folder / "next").replace(link)
                reader.take()
            elif step.startswith("append"):
                target = max(0, turns - 1) if step.endswith("before") else turns
                append(folder / f"{target}.log", b"%06d\n" % written)
                written += 1
                reader.take() if target != turns else reader.read()
            elif step == "crash":
                reader.take()
                reader.crash()
                reader.open()
            reader.take()
        for _ in range(3):
            reader.take()
        assert sorted(reader.records()) == [b"%06d" % number for number in range(written)]
        assert not reader.gaps
        reader.tail.close()

"""What can happen to logs, one test each, and an account of every record: read once, or in a gap that was written down.

The oracle is the writer: it knows every sequence number it wrote, in which generation, and at which place of it.
"""

from __future__ import annotations

import gzip
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import HOUR, MINUTE, SECOND
from tests.crash.watched import until
from tests.tailing import Reader, append

NAMES = pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
HEAD = b"#" * 100 + b"\n"


Child = tuple[subprocess.Popen[bytes], Callable[[], list[bytes]]]


class Writer:
    """An application that writes numbered records, and those who rotate its log."""

    def __init__(self, folder: Path, head: bytes = b"") -> None:
        self.log = folder / "app.log"
        self.head = head
        self.generations: list[bytes] = []
        self.count = 0
        self.create()

    def create(self) -> None:
        self.log.write_bytes(self.head)
        self.generations.append(self.head)

    def write(self, count: int = 10, size: int = 10) -> None:
        data = b"".join(b"seq=%06d %s\n" % (number, b"x" * size) for number in range(self.count, self.count + count))
        self.count += count
        self.generations[-1] += data
        append(self.log, data)

    def rename(self, number: int = 1) -> Path:
        """Older ones move up; then the log becomes `.1` and a new one is made."""
        free = number
        while self.log.with_name(f"app.log.{free}").exists():
            free += 1
        for each in range(free, number, -1):
            self.log.with_name(f"app.log.{each - 1}").rename(self.log.with_name(f"app.log.{each}"))
        older = self.log.with_name(f"app.log.{number}")
        self.log.rename(older)
        self.create()
        return older

    def copy_and_truncate(self) -> Path:
        copy = self.log.with_name("app.log.1")
        shutil.copyfile(self.log, copy)
        os.truncate(self.log, 0)
        self.generations.append(b"")
        return copy

    def place(self, record: bytes) -> int:
        return next(content.index(record) for content in self.generations if record in content)


def account(writer: Writer, reader: Reader) -> set[int]:
    """Every number was read once, or stands in a gap; the numbers in gaps."""
    found = Counter(record for record in reader.records() if record.startswith(b"seq="))
    twice = [record for record, times in found.items() if times > 1]
    assert not twice, twice[:3]
    lost = set()
    for content in writer.generations:
        for record in content.splitlines():
            if record.startswith(b"seq=") and record not in found:
                at = writer.place(record)
                covers = [gap for gap in reader.gaps if gap.start <= at and (gap.end is None or at < gap.end)]
                assert covers, f"{record[:10]!r} was neither read nor written down as lost"
                lost.add(int(record[4:10]))
    return lost


def settle(reader: Reader, seconds: int = 30) -> None:
    for _ in range(seconds // 3):
        reader.take(3)


@pytest.fixture
def writer(tmp_path: Path) -> Writer:
    return Writer(tmp_path)


def a_reader(writer: Writer, pattern: str = "app.log*", **options: object) -> Reader:
    return Reader([str(writer.log.with_name(pattern))], **options).open()  # type: ignore[arg-type]


# --- rotation ----------------------------------------------------------------------------------------------


@NAMES
def test_04_rotation_by_rename_under_load(writer: Writer, pattern: str) -> None:
    reader = a_reader(writer, pattern)
    for _ in range(20):
        writer.write(500)
        reader.take(0.1)
        writer.write(500)
        writer.rename()
    settle(reader)
    assert account(writer, reader) == set()


@NAMES
def test_05_rotation_by_rename_while_down(writer: Writer, pattern: str) -> None:
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    reader.crash()
    writer.write()
    writer.rename()
    writer.write()
    reader.open()
    settle(reader)
    assert account(writer, reader) == set()


@NAMES
def test_06_two_rotations_while_down_of_which_the_older_was_deleted(writer: Writer, pattern: str) -> None:
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    reader.crash()
    writer.write()
    writer.rename()
    writer.write()
    oldest = writer.log.with_name("app.log.2")
    writer.rename()
    writer.write()
    oldest.unlink()
    reader.open()
    settle(reader)
    assert account(writer, reader) == set(range(10, 20))
    assert [gap.reason for gap in reader.gaps] == ["generation_lost"]


@NAMES
def test_07_rotation_and_compression_while_down(writer: Writer, pattern: str) -> None:
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    reader.crash()
    writer.write()
    old = writer.rename()
    compress(old)
    writer.write()
    reader.open()
    settle(reader)
    assert account(writer, reader) == set()


def compress(path: Path) -> Path:
    status = path.stat()
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    os.utime(packed, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()
    return packed


def test_08_a_compressed_file_that_is_still_being_written(writer: Writer) -> None:
    writer.write(2000, 100)
    reader = a_reader(writer)
    reader.take()
    old = writer.rename()
    writer.write()
    whole = gzip.compress(old.read_bytes())
    for name in ("app.log.1.gz.tmp", "app.log.1.gz"):
        for part in range(0, len(whole), len(whole) // 4):
            append(writer.log.with_name(name), whole[part : part + len(whole) // 4])
            reader.take(2)
    writer.log.with_name("app.log.1.gz.tmp").unlink()
    old.unlink()
    settle(reader)
    assert account(writer, reader) == set()


@NAMES
def test_09_copy_and_truncate_under_a_writer_that_does_not_append(writer: Writer, pattern: str) -> None:
    writer.write(100)
    reader = a_reader(writer, pattern)
    reader.take()
    far = 1 << 32
    writer.copy_and_truncate()
    reader.take(2)
    tracemalloc.start()
    with writer.log.open("r+b") as log:
        log.seek(far)
        log.write(b"seq=000100 behind the hole\n")
    writer.generations[-1] = b"seq=000100 behind the hole\n"
    settle(reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert account(writer, reader) == set()
    assert peak < 16 << 20


@NAMES
def test_10_copy_and_truncate_while_down_and_regrown_beyond_the_old_place(writer: Writer, pattern: str) -> None:
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    reader.crash()
    writer.write()
    writer.copy_and_truncate()
    writer.write(100)
    reader.open()
    settle(reader)
    assert account(writer, reader) == set()


@NAMES
def test_11_copy_and_truncate_of_a_log_that_always_begins_alike(tmp_path: Path, pattern: str) -> None:
    writer = Writer(tmp_path, HEAD * 20)
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    reader.crash()
    writer.write()
    shutil.copyfile(writer.log, writer.log.with_name("app.log.1"))
    os.truncate(writer.log, 0)
    writer.generations.append(b"")
    append(writer.log, HEAD * 20)
    writer.generations[-1] += HEAD * 20
    writer.write(100)
    reader.open()
    settle(reader)
    assert account(writer, reader) == set()


@pytest.mark.parametrize("is_read", [True, False])
def test_12_a_copy_that_matches_too_is_not_read_twice(writer: Writer, is_read: bool) -> None:
    writer.write(100)
    reader = a_reader(writer)
    reader.take()
    for _ in range(3):
        writer.write()
        reader.take(2)
        writer.write(0 if is_read else 5)
        writer.copy_and_truncate()
        reader.take(2)
    writer.write()
    settle(reader)
    assert account(writer, reader) == set()


@NAMES
@pytest.mark.parametrize("unread", [0, 5])
@pytest.mark.parametrize("is_down", [False, True])
def test_10_a_copy_is_made_and_the_emptied_log_renamed_before_anybody_looks(
    writer: Writer, pattern: str, unread: int, is_down: bool
) -> None:
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    if is_down:
        reader.crash()
    writer.write(unread)
    writer.copy_and_truncate()
    writer.rename()
    if is_down:
        reader.open()
    settle(reader)
    writer.write()
    settle(reader)
    assert account(writer, reader) == set()
    assert not reader.gaps


@NAMES
@pytest.mark.parametrize("restarts", ["never", "before", "while it is renamed"])
def test_12_a_copy_read_long_ago_is_not_read_again_when_the_emptied_log_is_renamed(
    writer: Writer, pattern: str, restarts: str
) -> None:
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    writer.write()
    copy = writer.copy_and_truncate()
    as_one = writer.log.stat().st_mtime_ns
    os.utime(copy, ns=(as_one, as_one))  # as the clock of a file system has it, which ticks every few milliseconds
    settle(reader)
    reader.take(HOUR / SECOND)
    if restarts == "before":
        reader.restart()
    if restarts == "while it is renamed":
        reader.crash()
    writer.rename()
    if restarts == "while it is renamed":
        reader.open()
    settle(reader)
    writer.write()
    settle(reader)
    assert account(writer, reader) == set()
    assert not reader.gaps


@NAMES
@pytest.mark.parametrize("rotates", ["rename", "copy_and_truncate"])
def test_12_a_generation_that_came_and_went_in_a_copy_between_two_looks(
    writer: Writer, pattern: str, rotates: str
) -> None:
    """The log was empty when it was last looked at, or was just copied: nothing read tells whose the copy is."""
    writer.write()
    reader = a_reader(writer, pattern)
    reader.take()
    getattr(writer, rotates)()
    if rotates == "rename":
        settle(reader)
    writer.write()
    if rotates == "copy_and_truncate":
        writer.log.with_name("app.log.1").rename(writer.log.with_name("app.log.2"))
    writer.copy_and_truncate()
    settle(reader)
    writer.write()
    settle(reader)
    assert account(writer, reader) == set()
    assert not reader.gaps


@pytest.mark.parametrize("count", [2, 100])
@pytest.mark.parametrize("is_down", [False, True])
def test_13_and_14_an_inode_that_is_used_again(writer: Writer, count: int, is_down: bool) -> None:
    writer.write(20)
    reader = a_reader(writer, "app.log")
    reader.take()
    if is_down:
        reader.crash()
    writer.log.unlink()
    writer.create()
    writer.write(count)
    if is_down:
        reader.open()
    settle(reader)
    assert account(writer, reader) == set()


@NAMES
def test_15_files_are_compressed_before_the_next_is_made_and_inodes_go_round(writer: Writer, pattern: str) -> None:
    reader = a_reader(writer, pattern)
    for number in range(8):
        writer.write(50)
        reader.take(2)
        writer.write(5)
        if number % 2:
            reader.crash()
        packed = writer.log.with_name("app.log.1.gz")
        if packed.exists():
            packed.rename(writer.log.with_name(f"app.log.{20 - number}.gz"))
        moved = writer.log.with_name("app.log.1")
        writer.log.rename(moved)
        compress(moved)
        writer.create()
        if number % 2:
            reader.open()
        reader.take(2)
    settle(reader)
    assert account(writer, reader) == set()


def test_16_a_log_shorter_than_was_read_after_a_power_cut(writer: Writer) -> None:
    reader = a_reader(writer)
    for _ in range(20):
        writer.write(50)
        reader.take()
    reader.crash()
    before = len(reader.blocks)
    os.truncate(writer.log, writer.log.stat().st_size - 3000)
    append(writer.log, b"\nafter\n")
    reader.open()
    settle(reader)
    again = b"".join(block.data for block in reader.blocks[before:])
    assert again.endswith(b"\nafter\n")
    assert len(again) < 4000, "what stands before the highest rung is not read again"
    assert [gap.reason for gap in reader.gaps] == ["shortened"]


def test_17_two_logs_with_the_same_first_lines(tmp_path: Path) -> None:
    one, other = Writer(tmp_path, HEAD * 20), Writer(tmp_path, HEAD * 20)
    other.log = tmp_path / "other.log"
    other.create()
    one.write()
    other.count = 500
    other.write(20)
    reader = Reader([str(tmp_path / "*.log")]).open()
    settle(reader)
    reader.restart()
    settle(reader)
    assert account(one, reader) == account(other, reader) == set()


def test_18_a_file_of_ten_bytes_that_appears(writer: Writer) -> None:
    reader = a_reader(writer)
    reader.take()
    append(writer.log, b"seq=000000\n")
    writer.generations[-1] = b"seq=000000\n"
    reader.take(2)
    assert reader.records() == [b"seq=000000"]


# --- records -----------------------------------------------------------------------------------------------


def test_19_a_line_written_in_two_parts_around_a_restart(writer: Writer) -> None:
    append(writer.log, b"seq=0000")
    reader = a_reader(writer)
    reader.take()
    reader.restart()
    append(writer.log, b"00 whole\n")
    writer.generations[-1] = b"seq=000000 whole\n"
    settle(reader)
    assert reader.records() == [b"seq=000000 whole"]


@NAMES
def test_20_the_last_line_of_a_finished_file_without_its_newline(writer: Writer, pattern: str) -> None:
    writer.write()
    append(writer.log, b"seq=000010 open")
    writer.generations[-1] += b"seq=000010 open"
    reader = a_reader(writer, pattern)
    reader.take()
    writer.rename()
    settle(reader)
    reader.restart()
    settle(reader)
    assert account(writer, reader) == set()
    assert reader.records().count(b"seq=000010 open") == 1


def test_21_a_line_of_a_hundred_mebibytes(writer: Writer) -> None:
    writer.write()
    with writer.log.open("ab") as log:
        for _ in range(100):
            log.write(b"y" * (1 << 20))
        log.write(b"\n")
    writer.generations[-1] += b"\n"
    writer.write()
    reader = a_reader(writer)
    tracemalloc.start()
    settle(reader)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert account(writer, reader) == set()
    assert reader.tail.status().cut_records == 1
    assert peak < 16 << 20


def test_22_bytes_that_are_no_text(writer: Writer) -> None:
    odd = [
        b"\xff\xfe\x00",
        b"a \x00\x00 a",
        b"lone \r return",
        "\u2028".encode(),
        b"\x1b[31mred",
        b"\xed\xa0\x80",
        b"\xc0\xaf",
    ]
    reader = a_reader(writer)
    for each in odd:
        append(writer.log, each + b"\n")
        writer.write(1)
        reader.take()
    assert account(writer, reader) == set()
    assert b"".join(block.data for block in reader.blocks) == writer.log.read_bytes()


@pytest.mark.parametrize("ends", ["restart", "rename"])
def test_23_a_record_of_several_lines_cut_in_two(writer: Writer, ends: str) -> None:
    reader = a_reader(writer, multiline={"start": "seq="})
    append(writer.log, b"seq=000000 first\n  at a\n")
    reader.take()
    if ends == "restart":
        reader.restart()
        log = writer.log
    else:
        log = writer.rename()
        writer.generations[-1] = b""
    append(log, b"  at b\n")
    settle(reader)
    assert reader.records() == [b"seq=000000 first\n  at a\n  at b"]


# --- looking -----------------------------------------------------------------------------------------------


@contextmanager
def child(writer: Writer, count: int, *before: str) -> Iterator[Child]:
    """A process of its own that reads `count` records."""
    out = writer.log.parent / "out"
    out.touch()
    command = [*before, sys.executable, "-m", "tests.crash.child", str(writer.log), str(count), str(out)]
    running = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    try:
        yield running, lambda: out.read_bytes().splitlines()
    finally:
        running.kill()
        running.wait()


def status_of(lines: list[bytes]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(lines[-1])
    return found


def test_24_and_41_events_that_overflow_while_the_process_is_stopped(writer: Writer) -> None:
    writer.write(10)
    with child(writer, 30) as (running, lines):
        until(lambda: len(lines()) == 10, "the first records are read")
        running.send_signal(signal.SIGSTOP)
        other = writer.log.with_name("other")
        for _ in range(9000):
            other.touch()
            other.unlink()
        writer.write(20)
        running.send_signal(signal.SIGCONT)
        until(lambda: len(lines()) == 31, "everything is read")
        assert [line[:10] for line in lines()[:30]] == [b"seq=%06d" % number for number in range(30)]
        running.wait()


def test_25_no_watch_can_be_had(writer: Writer) -> None:
    limit = 'echo 0 > /proc/sys/user/max_inotify_instances && exec "$@"'
    inside = ["unshare", "-Ur", "sh", "-c", limit, "sh"]
    if subprocess.run([*inside, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make a user namespace")
    writer.write(10)
    with child(writer, 20, *inside) as (running, lines):
        until(lambda: len(lines()) == 10, "the first records are read")
        writer.write(10)
        until(lambda: len(lines()) == 21, "everything is read")
        assert "cannot be watched" in status_of(lines())["trouble"]
        running.wait()


def test_26_the_folder_is_removed_and_made_again_and_becomes_a_link(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    writer = Writer(folder)
    writer.write()
    reader = a_reader(writer, "app.log")
    reader.take()
    shutil.rmtree(folder)
    reader.take()
    folder.mkdir()
    writer.create()
    writer.write()
    settle(reader)
    shutil.rmtree(folder)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    folder.symlink_to(elsewhere)
    writer.create()
    writer.write()
    settle(reader)
    assert account(writer, reader) == set()


def test_27_a_link_is_turned_while_its_old_target_still_grows(tmp_path: Path) -> None:
    link = tmp_path / "current.log"
    old, new = Writer(tmp_path), Writer(tmp_path)
    old.log, new.log = tmp_path / "0.log", tmp_path / "1.log"
    old.create()
    old.write()
    link.symlink_to(old.log)
    reader = Reader([str(link)], follow=True).open()
    reader.take()
    new.create()
    new.count = 500
    new.write()
    link.unlink()
    link.symlink_to(new.log)
    for _ in range(3):
        old.write(2)
        reader.take(1)
    settle(reader)
    assert account(old, reader) == account(new, reader) == set()


def test_28_a_new_log_that_may_not_be_read_yet() -> None:
    with tempfile.TemporaryDirectory() as name, as_nobody(Path(name)):
        writer = Writer(Path(name))
        writer.write()
        reader = a_reader(writer)
        reader.take()
        writer.log.rename(writer.log.with_name("app.log.1"))
        writer.create()
        writer.log.chmod(0)
        reader.take(2)
        assert "cannot be read" in reader.tail.status().trouble
        writer.log.chmod(0o600)
        writer.write()
        writer.log.chmod(0)
        reader.take(60)
        writer.log.chmod(0o600)
        settle(reader)
        assert reader.tail.status().trouble == ""
        assert account(writer, reader) == set()


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Root may read everything, so somebody else reads."""
    if os.geteuid():
        yield
        return
    os.chown(folder, 65534, 65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


def test_39_fewer_descriptors_than_files(tmp_path: Path) -> None:
    writers = []
    for number in range(300):
        writer = Writer(tmp_path)
        writer.log, writer.count = tmp_path / f"{number}.log", 1000 * number
        writer.generations = []
        writer.create()
        writer.write(3)
        writers.append(writer)
    reader = Reader([str(tmp_path / "*.log")])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    in_use = sum(1 for _ in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (in_use + 30, hard))
    try:
        reader.open()
        settle(reader)
        for writer in writers[::3]:
            writer.write(2)
        settle(reader)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    for writer in writers:
        assert account(writer, reader) == set()
    assert reader.tail.status().trouble == ""


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace")
def test_43_a_network_file_system_that_forgets_a_descriptor(writer: Writer) -> None:
    writer.write(10)
    stale = ["strace", "-f", "-o", "/dev/null", "-e", "inject=pread64:error=ESTALE:when=40+7"]
    with child(writer, 60, *stale) as (running, lines):
        for _ in range(5):
            until(lambda: len(lines()) == writer.count, "what was written is read")
            writer.write(10)
        until(lambda: len(lines()) == 61, "everything is read")
        assert [line[:10] for line in lines()[:60]] == [b"seq=%06d" % number for number in range(60)]
        running.wait()


def test_44_a_log_of_fixed_length_that_is_written_anew_each_time(writer: Writer) -> None:
    reader = a_reader(writer, "app.log")
    for number in range(8):
        rows = [b"seq=%06d\n" % row for row in range(number, number + 20)]
        writer.log.write_bytes(b"".join(rows))
        reader.take(2)
    assert {int(record[4:]) for record in reader.records()} == set(range(27))
    assert "written anew" in reader.tail.status().trouble
    reader.take(HOUR / SECOND)
    reader.take(MINUTE / SECOND)
    assert reader.tail.status().trouble == ""

"""Logs that are compressed: generations taken up where the plain file was left, and compressed history."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections import Counter
from pathlib import Path

import pytest
import zstandard

from sentinel.clock import HOUR, SECOND
from sentinel.sources.packed import PROBED
from tests.tailing import Reader, append

PACK = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress, "bz2": bz2.compress, "xz": lzma.compress}
KINDS = pytest.mark.parametrize("kind", PACK)
PATTERNS = pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
HEADER = b"#Fields: date time user\n" * 60


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def a_reader(log: Path, pattern: str = "app.log", **options: object) -> Reader:
    return Reader([str(log.with_name(pattern))], **options).open()  # type: ignore[arg-type]


def pack(path: Path, kind: str = "gz", to: Path | None = None) -> Path:
    """As `gzip` and its like do it: a new file with the old one's times, then the old one is gone."""
    target = to or path.with_name(f"{path.name}.{kind}")
    status = path.stat()
    target.write_bytes(PACK[kind](path.read_bytes()))
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))
    path.unlink()
    return target


def rotated(log: Path) -> Path:
    target = log.with_name("app.log.1")
    log.rename(target)
    return target


def changed(path: Path, second: int) -> Path:
    """The file as if it was last written so many seconds after some moment."""
    os.utime(path, ns=(0, (1_780_000_000 + second) * 1_000_000_000))
    return path


def settle(reader: Reader, times: int = 6) -> None:
    for _ in range(times):
        reader.take(3)


def lines(first: int, count: int, size: int = 20) -> bytes:
    return b"".join(b"%06d %s\n" % (number, b"x" * size) for number in range(first, first + count))


# --- taken up again ----------------------------------------------------------------------------------------


@KINDS
@PATTERNS
def test_a_generation_rotated_and_compressed_while_down_is_read_on_where_it_was_left(
    log: Path, pattern: str, kind: str
) -> None:
    log.write_bytes(lines(0, 100))
    reader = a_reader(log, pattern)
    reader.take()
    reader.crash()
    append(log, lines(100, 100))
    pack(rotated(log), kind)
    log.write_bytes(lines(200, 10))
    reader.open()
    settle(reader)
    assert b"".join(record + b"\n" for record in reader.records()) == lines(0, 210)
    assert not reader.gaps


@KINDS
@PATTERNS
def test_a_generation_compressed_while_running_is_neither_lost_nor_doubled(log: Path, pattern: str, kind: str) -> None:
    log.write_bytes(lines(0, 100))
    reader = a_reader(log, pattern)
    reader.take()
    append(log, lines(100, 50))
    old = rotated(log)
    log.write_bytes(lines(150, 5))
    reader.read(0.01, limit=0)
    pack(old, kind)
    settle(reader, 12)
    reader.restart()
    settle(reader)
    assert b"".join(record + b"\n" for record in reader.records()) == lines(0, 155)
    assert not reader.gaps


@PATTERNS
def test_a_file_at_rest_is_read_on_in_what_was_made_of_it(log: Path, pattern: str) -> None:
    log.write_bytes(lines(0, 10))
    reader = a_reader(log, pattern, open_files=1)
    other = log.with_name("app.log.other")
    other.write_bytes(b"other\n")
    settle(reader)
    append(log, lines(10, 10))
    pack(rotated(log))
    log.write_bytes(lines(20, 1))
    settle(reader, 12)
    records = [record for record in reader.records() if record != b"other"]
    assert b"".join(record + b"\n" for record in records) == lines(0, 21)


@PATTERNS
def test_several_generations_compressed_while_down_come_in_order(log: Path, pattern: str) -> None:
    log.write_bytes(lines(0, 10))
    changed(log, 0)
    reader = a_reader(log, pattern)
    reader.take()
    reader.crash()
    for turn in range(1, 4):
        append(log, lines(10 * turn, 10))
        older = log.with_name("app.log.1.gz")
        if older.exists():
            older.rename(log.with_name(f"app.log.{5 - turn}.gz"))
        changed(pack(rotated(log)), turn)
        log.touch()
    append(log, lines(40, 10))
    reader.open()
    settle(reader, 12)
    assert b"".join(record + b"\n" for record in reader.records()) == lines(0, 50)
    assert not reader.gaps


@PATTERNS
def test_a_log_of_which_nothing_was_read_before_it_was_compressed_is_read(log: Path, pattern: str) -> None:
    log.touch()
    reader = a_reader(log, pattern)
    reader.take()
    reader.crash()
    append(log, lines(0, 10))
    pack(rotated(log))
    log.write_bytes(lines(10, 3))
    reader.open()
    settle(reader)
    assert b"".join(record + b"\n" for record in reader.records()) == lines(0, 13)
    assert not reader.gaps


@PATTERNS
def test_generations_that_begin_alike_are_told_apart_when_compressed(log: Path, pattern: str) -> None:
    log.write_bytes(HEADER + lines(0, 10))
    changed(log, 0)
    reader = a_reader(log, pattern)
    reader.take()
    reader.crash()
    append(log, lines(10, 10))
    first = pack(rotated(log)).rename(log.with_name("app.log.2.gz"))
    log.write_bytes(HEADER + lines(20, 10))
    second = pack(rotated(log))
    changed(first, 1)
    changed(second, 2)
    log.write_bytes(HEADER + lines(30, 10))
    reader.open()
    settle(reader, 12)
    found = [record for record in reader.records() if not record.startswith(b"#")]
    assert b"".join(record + b"\n" for record in found) == lines(0, 40)


def test_an_offset_far_inside_a_compressed_file_is_reached_over_several_reads(log: Path) -> None:
    data = lines(0, 30_000, 1000)
    assert len(data) > PROBED
    log.write_bytes(data)
    reader = a_reader(log)
    reader.take()
    reader.crash()
    append(log, b"the rest\n")
    pack(rotated(log))
    log.touch()
    reader.open()
    before = len(reader.blocks)
    settle(reader)
    assert b"".join(block.data for block in reader.blocks[before:]) == b"the rest\n"
    assert not reader.gaps


def test_a_restart_in_the_middle_of_a_compressed_generation_goes_on_there(log: Path) -> None:
    data = lines(0, 5000, 1000)
    log.write_bytes(data)
    pack(log, to=log.with_name("app.log.1.gz"))
    reader = a_reader(log, "app.log*")
    reader.read(1, limit=2)
    reader.commit()
    reader.crash()
    reader.open()
    settle(reader)
    assert b"".join(record + b"\n" for record in reader.records()) == data


# --- compressed from the start -----------------------------------------------------------------------------


@KINDS
def test_compressed_files_that_match_are_read_once_in_the_order_of_their_last_change(log: Path, kind: str) -> None:
    for number, name in enumerate(["app.log.3", "app.log.2", "app.log.1"]):
        path = log.with_name(name)
        path.write_bytes(lines(10 * number, 10))
        changed(path, number)
        pack(path, kind)
    log.write_bytes(lines(30, 10))
    reader = a_reader(log, "app.log*")
    settle(reader)
    reader.restart()
    settle(reader)
    assert b"".join(record + b"\n" for record in reader.records()) == lines(0, 40)


def test_compressed_history_is_passed_over_where_reading_starts_at_the_end(log: Path) -> None:
    old = log.with_name("app.log.1")
    old.write_bytes(lines(0, 10))
    pack(old)
    log.write_bytes(lines(10, 10))
    reader = a_reader(log, "app.log*", start="end")
    settle(reader)
    append(log, lines(20, 1))
    reader.restart()
    settle(reader)
    assert b"".join(record + b"\n" for record in reader.records()) == lines(20, 1)


def test_the_last_line_without_newline_of_a_compressed_file_is_handed_out_once(log: Path) -> None:
    old = log.with_name("app.log.1")
    old.write_bytes(b"one\ntwo")
    pack(old)
    reader = a_reader(log, "app.log*")
    settle(reader)
    reader.restart()
    settle(reader)
    assert reader.records() == [b"one", b"two"]


# --- being written, damaged --------------------------------------------------------------------------------


def test_a_compressed_file_that_is_still_being_written_is_waited_for(log: Path) -> None:
    data = lines(0, 3000, 200)
    whole = gzip.compress(data)
    target = log.with_name("app.log.1.gz")
    reader = a_reader(log, "app.log*")
    for part in range(0, len(whole), len(whole) // 5):
        append(target, whole[part : part + len(whole) // 5])
        reader.take(1)
    settle(reader)
    reader.take(HOUR / SECOND)
    assert b"".join(record + b"\n" for record in reader.records()) == data
    assert not reader.gaps


def test_a_copy_being_compressed_beside_its_original_is_not_read(log: Path) -> None:
    log.write_bytes(lines(0, 3000, 200))
    reader = a_reader(log, "app.log*")
    reader.take()
    old = rotated(log)
    log.write_bytes(b"new\n")
    reader.take(2)
    whole = gzip.compress(old.read_bytes())
    target = log.with_name("app.log.1.gz")
    for part in range(0, len(whole), len(whole) // 3 + 1):
        append(target, whole[part : part + len(whole) // 3 + 1])
        reader.take(2)
    old.unlink()
    settle(reader)
    reader.restart()
    settle(reader)
    assert Counter(reader.records()).most_common(1)[0][1] == 1
    assert len(reader.records()) == 3001


def test_a_compressed_file_that_breaks_off_for_good_is_a_gap_once(log: Path) -> None:
    whole = gzip.compress(lines(0, 3000, 200))
    log.with_name("app.log.1.gz").write_bytes(whole[: len(whole) // 2])
    reader = a_reader(log, "app.log*")
    settle(reader)
    assert not reader.gaps
    reader.take(HOUR / SECOND)
    settle(reader)
    reader.restart()
    settle(reader)
    (gap,) = reader.gaps
    assert gap.reason == "damaged"
    assert gap.start == sum(len(block.data) for block in reader.blocks)


def test_damage_in_a_compressed_file_is_a_gap_and_stops_nothing_else(log: Path) -> None:
    whole = bytearray(gzip.compress(lines(0, 30_000, 200)))
    whole[len(whole) // 2] ^= 0xFF
    log.with_name("app.log.1.gz").write_bytes(whole)
    log.write_bytes(b"fine\n")
    reader = a_reader(log, "app.log*")
    settle(reader)
    assert reader.records()[-1] == b"fine"
    assert [gap.reason for gap in reader.gaps] == ["damaged"]


def test_a_record_of_a_compressed_generation_can_be_read_again(log: Path) -> None:
    old = log.with_name("app.log.1")
    old.write_bytes(lines(0, 10))
    pack(old)
    reader = a_reader(log, "app.log*")
    settle(reader)
    block = next(block for block in reader.blocks if block.data)
    assert reader.tail.reread(block.stream, 27, 27) == block.data[27:54]

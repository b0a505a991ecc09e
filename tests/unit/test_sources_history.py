"""History: every byte of a finished log, in whole records, whatever it is wrapped in."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.model import Block
from sentinel.sources.history import read_history
from sentinel.sources.records import BLOCK, CUT, KEPT

COMPRESSED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "bzip2": lambda content: bz2.compress(content, 1),
    "xz": lambda content: lzma.compress(content, preset=0),
}


def some_records(count: int) -> bytes:
    draw = random.Random(7)
    return b"".join(
        b"%d %s\n" % (number, b"%x" % draw.getrandbits(8 * draw.randint(1, 200))) for number in range(count)
    )


def read(path: Path) -> list[Block]:
    return list(read_history(str(path), "replay", 1))


def content(blocks: list[Block]) -> bytes:
    offset = 0
    for block in blocks:
        assert block.offset == offset
        assert block.data.endswith(b"\n")
        assert len(block.data) <= 2 * BLOCK
        offset += len(block.data)
    return b"".join(block.data for block in blocks)


def test_a_plain_file_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(some_records(20_000))
    assert content(read(tmp_path / "log")) == some_records(20_000)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_compressed_file_is_known_by_its_first_bytes_and_offsets_are_uncompressed(tmp_path: Path, kind: str) -> None:
    (tmp_path / "log").write_bytes(COMPRESSED[kind](some_records(9000)))
    assert content(read(tmp_path / "log")) == some_records(9000)


@pytest.mark.parametrize("kind", COMPRESSED)
def test_compressed_files_one_after_the_other_are_one_log(tmp_path: Path, kind: str) -> None:
    compress = COMPRESSED[kind]
    (tmp_path / "log").write_bytes(compress(b"one\ntw") + compress(b"") + compress(b"o\nthree\n"))
    assert content(read(tmp_path / "log")) == b"one\ntwo\nthree\n"


@pytest.mark.parametrize("kind", COMPRESSED)
def test_what_can_be_read_of_a_broken_file_is_handed_out_before_the_error(tmp_path: Path, kind: str) -> None:
    whole = COMPRESSED[kind](some_records(20_000))
    (tmp_path / "log").write_bytes(whole[: len(whole) * 9 // 10])
    blocks: list[Block] = []
    with pytest.raises(ValueError, match=f"ends in the middle of its {kind} data"):
        blocks.extend(read_history(str(tmp_path / "log"), "replay", 1))
    before = content(blocks)
    assert len(before) > BLOCK
    assert some_records(20_000).startswith(before[:-1])


@pytest.mark.parametrize("kind", COMPRESSED)
def test_damaged_data_is_an_error_that_names_the_file(tmp_path: Path, kind: str) -> None:
    (tmp_path / "log").write_bytes(COMPRESSED[kind](b"one\n") + b"this is no compressed data")
    blocks: list[Block] = []
    with pytest.raises(ValueError, match=f"/log' has damaged {kind} data"):
        blocks.extend(read_history(str(tmp_path / "log"), "replay", 1))
    assert content(blocks) == b"one\n"


@pytest.mark.parametrize("kind", COMPRESSED)
def test_a_dense_file_does_not_become_a_big_block(tmp_path: Path, kind: str) -> None:
    (tmp_path / "log").write_bytes(COMPRESSED[kind](bytes(50 * BLOCK) + b"\nend\n"))
    blocks = read(tmp_path / "log")
    assert [len(block.data) for block in blocks] == [2 * KEPT + len(CUT) + 1, 4]
    assert [block.offset for block in blocks] == [0, 50 * BLOCK + 1]


def test_the_last_line_without_newline_is_handed_out_with_one(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\ntwo")
    assert [(block.offset, block.data) for block in read(tmp_path / "log")] == [(0, b"one\n"), (4, b"two\n")]


@pytest.mark.parametrize("nothing", [b"", gzip.compress(b"")])
def test_an_empty_file_has_no_block(tmp_path: Path, nothing: bytes) -> None:
    (tmp_path / "log").write_bytes(nothing)
    assert read(tmp_path / "log") == []


def test_dev_null_has_no_block() -> None:
    assert read(Path("/dev/null")) == []


def test_a_pipe_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(gzip.compress(some_records(5000)),))
    writer.start()
    assert content(read(pipe)) == some_records(5000)
    writer.join()


def test_a_line_of_text_may_begin_like_a_compressed_file(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"BZhou logged in\n")
    assert content(read(tmp_path / "log")) == b"BZhou logged in\n"


def test_the_reference_is_the_last_change_unless_a_moment_is_given(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"one\n")
    os.utime(tmp_path / "log", (1_700_000_000, 1_700_000_000))
    assert read(tmp_path / "log")[0].reference == 1_700_000_000_000_000
    assert next(read_history(str(tmp_path / "log"), "replay", 1, now=5)).reference == 5


@pytest.mark.parametrize("name", ["missing", "."])
def test_what_cannot_be_read_is_an_error_of_the_system(tmp_path: Path, name: str) -> None:
    with pytest.raises(OSError):
        read(tmp_path / name)


def test_a_record_of_exactly_a_mebibyte_is_whole_and_a_longer_one_is_cut(tmp_path: Path) -> None:
    exact = b"a" * (BLOCK - 1) + b"\n"
    longer = b"b" * BLOCK + b"\n"
    (tmp_path / "log").write_bytes(b"first\n" + exact + longer + exact + b"last\n")
    found = [(block.offset, record) for block in read(tmp_path / "log") for record in block.data.split(b"\n")[:-1]]
    cut = b"b" * KEPT + CUT + b"b" * KEPT
    assert [record for _, record in found] == [b"first", exact[:-1], cut, exact[:-1], b"last"]
    assert [offset for offset, record in found if record == cut] == [6 + BLOCK]
    assert read(tmp_path / "log")[-1].offset + len(read(tmp_path / "log")[-1].data) == 6 + 3 * BLOCK + 6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 400_000), max_size=14), st.booleans())
def test_any_records_come_out_as_they_went_in(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], is_terminated: bool
) -> None:
    records = [b"%d" % number + b"x" * length for number, length in enumerate(lengths)]
    path = tmp_path_factory.mktemp("history") / "log"
    path.write_bytes(b"\n".join(records) + (b"\n" if records and is_terminated else b""))
    blocks = read(path)
    assert [record for block in blocks for record in block.data.split(b"\n")[:-1]] == records
    assert content(blocks) == b"".join(record + b"\n" for record in records)

"""The marks by which a file is known again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.sources.folder import log_of, may_be_copy, open_log
from sentinel.sources.identity import (
    LADDER,
    Inode,
    Place,
    Rung,
    digest,
    from_text,
    highest_rung,
    inode_of,
    is_same,
    is_start,
    to_text,
    with_rung,
)

CONTENT = b"".join(b"%05d a record\n" % number for number in range(500))


def a_place(offset: int, *below: int, content: bytes = CONTENT) -> Place:
    rungs = tuple(Rung(at, digest(content[max(0, at - 256) : at])) for at in (*below, offset))
    head = min(1024, offset)
    return Place(path="x", inode=Inode(1, 2, 3), offset=offset, head=Rung(head, digest(content[:head])), rungs=rungs)


@given(st.lists(st.integers(1, 10**6), max_size=60))
def test_the_ladder_is_short_and_its_top_is_where_reading_stands(steps: list[int]) -> None:
    rungs: tuple[Rung, ...] = ()
    offset = 0
    for step in steps:
        offset += step
        rungs = with_rung(rungs, Rung(offset, "x"))
        assert rungs[-1].offset == offset
        assert len(rungs) <= LADDER
        assert sorted({rung.offset for rung in rungs}) == [rung.offset for rung in rungs]


def test_the_ladder_reaches_far_back_and_is_close_near_its_top() -> None:
    rungs: tuple[Rung, ...] = ()
    for offset in range(100, 1_000_100, 100):
        rungs = with_rung(rungs, Rung(offset, "x"))
    distances = [1_000_000 - rung.offset for rung in rungs]
    assert distances[-2] <= 1000
    assert distances[0] >= 500_000


@given(
    st.text(max_size=20),
    st.integers(0, 2**63),
    st.lists(st.tuples(st.integers(1, 2**40), st.text("0123456789abcdef", min_size=16, max_size=16)), max_size=8),
    st.booleans(),
)
def test_a_place_survives_being_stored(path: str, number: int, rungs: list[tuple[int, str]], done: bool) -> None:
    place = Place(
        path=path,
        inode=Inode(1, number, None),
        offset=7,
        head=Rung(1, "ab"),
        rungs=tuple(Rung(*rung) for rung in rungs),
        modified=5,
        done=done,
    )
    assert from_text(to_text(place, 99)) == (place, 99)
    assert from_text(to_text(None, 98)) == (None, 98)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"v":2}', '{"v":1}', '{"v":1,"first":1,"path":"x"}', "nonsense"])
def test_a_state_that_was_not_written_here_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        from_text(text)


@pytest.fixture
def fd(tmp_path: Path) -> int:
    (tmp_path / "log").write_bytes(CONTENT)
    return os.open(tmp_path / "log", os.O_RDONLY)


def test_the_bytes_before_the_offset_and_the_first_ones_decide_whether_a_file_is_the_same(fd: int) -> None:
    assert is_same(fd, len(CONTENT), a_place(3000))
    other_before = CONTENT[:2900] + b"?" + CONTENT[2901:]
    other_first = b"?" + CONTENT[1:]
    assert not is_same(fd, len(CONTENT), a_place(3000, content=other_before))
    assert not is_same(fd, len(CONTENT), a_place(3000, content=other_first))
    assert not is_same(fd, len(CONTENT), a_place(len(CONTENT) + 10, content=CONTENT + b"more bytes"))
    os.close(fd)


def test_a_shorter_file_is_a_beginning_when_the_rung_in_it_stands(fd: int) -> None:
    longer = CONTENT + b"more\n" * 100
    assert is_start(fd, len(CONTENT), a_place(len(longer), 5000, content=longer))
    different = CONTENT[:4990] + b"?" + CONTENT[4991:] + b"more\n"
    assert not is_start(fd, len(CONTENT), a_place(len(different), 5000, content=different))
    assert not is_start(fd, len(CONTENT), a_place(3000))
    os.close(fd)


def test_the_highest_rung_that_stands_is_found(fd: int) -> None:
    changed = CONTENT[:4000] + b"?" * 2000
    found = highest_rung(fd, len(CONTENT), a_place(6000, 2000, 3000, 4100, content=changed))
    assert found is not None
    assert found.offset == 3000
    os.close(fd)


def test_two_generations_of_one_inode_number_are_two_files() -> None:
    assert Inode(1, 2, 3).may_be(Inode(1, 2, 3))
    assert Inode(1, 2, 3).may_be(Inode(1, 2, None))
    assert not Inode(1, 2, 3).may_be(Inode(1, 2, 4))
    assert not Inode(1, 2, 3).may_be(Inode(1, 3, 3))


def test_the_inode_of_an_open_file_is_its_own(fd: int) -> None:
    status = os.fstat(fd)
    assert inode_of(fd).key == (status.st_dev, status.st_ino)
    os.close(fd)


@pytest.mark.parametrize(
    ("path", "log"),
    [
        ("/l/app.log", "/l/app.log"),
        ("/l/app.log.1", "/l/app.log"),
        ("/l/app.log.13", "/l/app.log"),
        ("/l/app.log-20260304", "/l/app.log"),
        ("/l/app.log-20260304-0312", "/l/app.log"),
        ("/l/app.log-1772582400", "/l/app.log"),
        ("/l/app.log.2026-03-04", "/l/app.log"),
        ("/l/app-20260304.log", "/l/app.log"),
        ("/l/app.log.old", "/l/app.log"),
        ("/l/app.log.1.gz", "/l/app.log"),
        ("/l/app-20260304.log.zst", "/l/app.log"),
        ("/l/app-2.log", "/l/app-2.log"),
        ("/l/.1", "/l/.1"),
        ("/l/ssl_access.log", "/l/ssl_access.log"),
    ],
)
def test_a_rotated_name_leads_to_the_name_of_its_log(path: str, log: str) -> None:
    assert log_of(path) == log


def test_only_a_name_that_goes_on_where_the_logs_name_ends_may_be_a_copy_of_it() -> None:
    assert may_be_copy("/l/app.log.1", "/l/app.log")
    assert may_be_copy("/old/app-20260304.log", "/l/app.log")
    assert not may_be_copy("/l/app.log", "/l/app.log")
    assert not may_be_copy("/l/other.log.1", "/l/app.log")
    assert not may_be_copy("/l/app10.log", "/l/app1.log")


def test_what_is_opened_is_a_plain_file_and_not_a_link(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"")
    (tmp_path / "link").symlink_to(tmp_path / "log")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="symbolic"):
        open_log(str(tmp_path / "link"), follow=False)
    for name in ("pipe", "."):
        with pytest.raises(OSError, match="no plain file"):
            open_log(str(tmp_path / name), follow=True)
    os.close(open_log(str(tmp_path / "link"), follow=True))

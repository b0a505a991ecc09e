"""All configured sources as one: turns, wake-ups, and standard input."""

from __future__ import annotations

import os
import shutil
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel.clock import SECOND
from sentinel.model import Block, Position
from sentinel.sources import TYPES, FileOptions, Sources, StdinOptions
from sentinel.sources.stdin import SEGMENT, Stdin
from sentinel.sources.wakeup import Stir, WakeUp, network_devices
from tests.tailing import START, append

PATIENCE = 20.0


@pytest.fixture
def wake() -> threading.Event:
    return threading.Event()


def files(*paths: Path, poll: bool = True) -> list[FileOptions]:
    return [FileOptions(name=path.stem, paths=[str(path)], poll=poll) for path in paths]


def drain(sources: Sources | Stdin, now: int) -> list[Block]:
    return list(iter(lambda: sources.read(now), None))


def test_each_type_has_options_and_a_maker() -> None:
    assert set(TYPES) == {"elasticsearch", "file", "journal", "stdin"}
    for name, each in TYPES.items():
        assert each.options.model_fields["type"].default == name


def test_sources_take_turns_so_that_a_busy_one_does_not_starve_the_other(tmp_path: Path) -> None:
    busy, quiet = tmp_path / "busy.log", tmp_path / "quiet.log"
    busy.write_bytes((b"x" * 999 + b"\n") * 20_000)
    quiet.write_bytes(b"one\n")
    sources = Sources(files(busy, quiet), tmp_path)
    sources.open([], START)
    first = [sources.read(START + SECOND) for _ in range(4)]
    assert {block.source for block in first if block is not None and block.data} == {"busy", "quiet"}
    assert sum(len(block.data) for block in drain(sources, START + SECOND)) > 10_000_000
    sources.close()


def test_a_log_whose_name_and_lines_begin_like_anothers_is_read_for_itself(tmp_path: Path) -> None:
    lines = b"started\n" * 200
    (tmp_path / "app1.log").write_bytes(lines)
    sources = Sources([FileOptions(name="apps", paths=[str(tmp_path / "*.log")], poll=True)], tmp_path)
    sources.open([], START)
    read = [block.data for block in drain(sources, START + SECOND)]
    (tmp_path / "app10.log").write_bytes(lines)
    for seconds in range(2, 90, 2):
        read += [block.data for block in drain(sources, START + seconds * SECOND)]
    assert b"".join(read).count(b"started\n") == 400
    sources.close()


def test_each_source_takes_up_its_own_positions(tmp_path: Path) -> None:
    one, two = tmp_path / "one.log", tmp_path / "two.log"
    one.write_bytes(b"1\n")
    two.write_bytes(b"2\n")
    sources = Sources(files(one, two), tmp_path)
    sources.open([], START)
    stored: dict[tuple[str, int], Position] = {
        (block.source, block.stream): block.position for block in drain(sources, START + SECOND)
    }
    sources.close()
    append(one, b"3\n")
    again = Sources(files(one, two), tmp_path)
    again.open(list(stored.values()), START + SECOND)
    assert [(block.source, block.data) for block in drain(again, START + 2 * SECOND)] == [("one", b"3\n")]
    assert again.reread("one", 1, 0, 1) == b"1"
    assert again.reread("unknown", 1, 0, 1) is None
    assert {name: status.streams for name, status in again.status().items()} == {"one": 1, "two": 1}
    again.close()


def test_sources_can_be_opened_again_after_they_were_closed(tmp_path: Path, wake: threading.Event) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n")
    sources = Sources(files(log, poll=False), tmp_path, wake)
    sources.open([], START)
    stored = {block.stream: block.position for block in drain(sources, START + SECOND)}
    append(log, b"2\n")
    sources.close()
    sources.open(list(stored.values()), START + SECOND)
    assert [block.data for block in drain(sources, START + 2 * SECOND)] == [b"2\n"]
    wake.clear()
    append(log, b"3\n")
    assert wake.wait(PATIENCE)
    sources.close()


def test_forgotten_streams_and_gaps_name_their_source(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"1\nhalf")
    sources = Sources(files(log), tmp_path)
    sources.open([], START)
    drain(sources, START + SECOND)
    os.truncate(log, 0)
    append(log, b"2\n")
    assert [block.data for block in drain(sources, START + 2 * SECOND) if block.data] == [b"2\n"]
    assert [(gap.source, gap.reason) for gap in sources.gaps()] == [("app", "truncated")]
    assert sources.forgotten() == [("app", 1)]
    assert (sources.gaps(), sources.forgotten()) == ([], [])
    sources.close()


# --- wake-ups ----------------------------------------------------------------------------------------------


def test_a_write_wakes_the_reader_and_is_read_though_no_second_has_passed(
    tmp_path: Path, wake: threading.Event
) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n")
    sources = Sources(files(log, poll=False), tmp_path, wake)
    sources.open([], START)
    drain(sources, START)
    drain(sources, START)
    wake.clear()
    append(log, b"2\n")
    assert wake.wait(PATIENCE)
    assert [block.data for block in drain(sources, START + 1)] == [b"2\n"]
    assert sources.status()["app"].trouble == ""
    sources.close()


def test_a_new_file_wakes_the_reader_and_is_found_before_the_next_look(tmp_path: Path, wake: threading.Event) -> None:
    log = tmp_path / "app.log"
    sources = Sources(files(log, poll=False), tmp_path, wake)
    sources.open([], START)
    drain(sources, START)
    wake.clear()
    log.write_bytes(b"1\n")
    assert wake.wait(PATIENCE)
    assert b"1\n" in [block.data for block in drain(sources, START + SECOND // 10)]
    sources.close()


def test_our_own_opening_of_logs_wakes_nobody(tmp_path: Path, wake: threading.Event) -> None:
    log = tmp_path / "app.log"
    log.write_bytes(b"1\n")
    sources = Sources(files(log, poll=False), tmp_path, wake)
    sources.open([], START)
    wake.clear()
    log.read_bytes()
    append(tmp_path / "marker", b"")
    assert wake.wait(PATIENCE)
    wake.clear()
    for _ in range(50):
        log.read_bytes()
    assert not wake.is_set()
    sources.close()


@pytest.fixture
def watched(tmp_path: Path, wake: threading.Event) -> Iterator[tuple[WakeUp, Stir, Path]]:
    folder = tmp_path / "logs"
    folder.mkdir()
    wakeup, stir = WakeUp(wake), Stir()
    wakeup.cover(stir, {str(folder)}, START)
    yield wakeup, stir, folder
    wakeup.close()


def test_a_folder_removed_and_made_again_is_watched_again(
    watched: tuple[WakeUp, Stir, Path], wake: threading.Event
) -> None:
    wakeup, stir, folder = watched
    shutil.rmtree(folder)
    folder.mkdir()
    wakeup.check(START + SECOND)
    wake.clear()
    stir.has_moved = False
    (folder / "new").write_bytes(b"")
    assert wake.wait(PATIENCE)
    assert stir.has_moved


def test_a_folder_that_another_one_took_the_name_of_is_watched_anew(
    watched: tuple[WakeUp, Stir, Path], wake: threading.Event
) -> None:
    wakeup, _, folder = watched
    folder.rename(folder.with_name("aside"))
    folder.mkdir()
    wakeup.check(START + SECOND)
    wake.clear()
    (folder / "new").write_bytes(b"")
    assert wake.wait(PATIENCE)


def test_a_folder_no_longer_wanted_is_left_alone(watched: tuple[WakeUp, Stir, Path], wake: threading.Event) -> None:
    wakeup, stir, folder = watched
    wakeup.cover(stir, set(), START)
    wake.clear()
    stir.has_moved = False
    (folder / "new").write_bytes(b"")
    assert not wake.is_set()
    assert not stir.has_moved


def test_network_file_systems_are_known_by_the_table_of_mounts() -> None:
    mounts = """22 1 254:1 / / rw,relatime - ext4 /dev/vda1 rw
40 22 0:45 / /srv/logs rw shared:1 - nfs4 server:/logs rw,vers=4.2
41 22 0:46 / /srv/a\\040b rw - tmpfs none rw
a line that is none
"""
    assert network_devices(mounts) == {os.makedev(0, 45)}
    assert network_devices(Path("/proc/self/mountinfo").read_text(encoding="utf-8")) is not None


# --- standard input ----------------------------------------------------------------------------------------


def test_what_is_piped_in_is_spooled_and_read_from_there(tmp_path: Path, wake: threading.Event) -> None:
    reading, writing = os.pipe()
    source = Stdin(StdinOptions(name="piped"), tmp_path / "state" / "spool", wake, reading)
    source.open([], START)
    os.write(writing, b"one\ntw")
    assert wake.wait(PATIENCE)
    blocks = drain(source, START + SECOND)
    assert b"".join(block.data for block in blocks) == b"one\n"
    wake.clear()
    os.write(writing, b"o")
    os.close(writing)
    assert wake.wait(PATIENCE)
    source.close()
    os.close(reading)
    spool = tmp_path / "state" / "spool" / "piped.spool"
    assert spool.read_bytes() in (b"one\ntwo", b"one\ntwo\n")
    assert stat.S_IMODE(spool.stat().st_mode) == 0o600


def test_the_spool_goes_on_after_a_restart_where_it_was_read_to(tmp_path: Path, wake: threading.Event) -> None:
    spool = tmp_path / "piped.spool"
    spool.write_bytes(b"one\nbroken off")
    reading, writing = os.pipe()
    os.close(writing)
    source = Stdin(StdinOptions(name="piped"), tmp_path, wake, reading)
    source.open([], START)
    stored = {block.stream: block.position for block in drain(source, START + SECOND)}
    source.close()
    os.close(reading)
    reading, writing = os.pipe()
    again = Stdin(StdinOptions(name="piped"), tmp_path, wake, reading)
    again.open(list(stored.values()), START + SECOND)
    wake.clear()
    os.write(writing, b"two\n")
    assert wake.wait(PATIENCE)
    assert b"".join(block.data for block in drain(again, START + 2 * SECOND)) == b"two\n"
    os.close(writing)
    again.close()
    os.close(reading)


def test_the_spool_is_shortened_by_what_was_committed_and_nothing_lost(tmp_path: Path, wake: threading.Event) -> None:
    total = 40 * SEGMENT // 1000
    reading, writing = os.pipe()
    source = Stdin(StdinOptions(name="piped"), tmp_path, wake, reading)
    source.open([], START)
    pouring = threading.Thread(target=pour, args=(writing, total))
    pouring.start()
    found: list[bytes] = []
    now = START
    while len(found) < total:
        wake.wait(0.1)
        now += 6 * SECOND
        blocks = drain(source, now)
        found += [line for block in blocks for line in block.data.splitlines()]
        source.stored([block.position for block in blocks])
    pouring.join()
    for _ in range(3):
        now += 6 * SECOND
        source.stored([block.position for block in drain(source, now)])
    source.close()
    os.close(reading)
    assert [int(line[:8]) for line in found] == list(range(total))
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 8 * SEGMENT
    assert not source.gaps()


def pour(fd: int, total: int) -> None:
    with os.fdopen(fd, "wb") as pipe:
        for number in range(total):
            pipe.write(b"%08d %s\n" % (number, b"x" * 990))


def test_closing_does_not_wait_for_the_end_of_the_input(tmp_path: Path, wake: threading.Event) -> None:
    reading, writing = os.pipe()
    source = Stdin(StdinOptions(name="piped"), tmp_path, wake, reading)
    source.open([], START)
    source.close()
    os.close(reading)
    os.close(writing)

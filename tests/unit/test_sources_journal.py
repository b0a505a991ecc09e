"""The journal of a real systemd-journald: every entry once, over restarts, rotation and vacuum, and gaps said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import DAY, MINUTE, SECOND
from sentinel.model import Block, Gap, Position
from sentinel.sources.journal import PIECE, Journal, JournalOptions
from tests.journald import Journald, journald, needs_journald
from tests.tailing import START


class Reader:
    """Reads as the main loop does; what it commits outlives a restart."""

    def __init__(self, folder: Path, **options: object) -> None:
        self.options = JournalOptions.model_validate(
            {"name": "journal", "folder": str(folder), "identifiers": ["app"], **options}
        )
        self.blocks: list[Block] = []
        self.stored: list[Position] = []
        self.gaps: list[Gap] = []
        self.now = START
        self.restart()

    def restart(self) -> None:
        self.journal = Journal(self.options)
        self.journal.open(self.stored, self.now)

    def take(self, *, commits: bool = True) -> list[Any]:
        self.now += SECOND
        found = []
        while (block := self.journal.read(self.now)) is not None:
            found.append(block)
        if commits:
            self.blocks += found
            self.stored = [block.position for block in found[-1:]] or self.stored
            self.gaps += self.journal.gaps()
        return [json.loads(line) for block in found for line in block.data.splitlines()]

    def messages(self) -> list[str]:
        return [json.loads(line)["message"] for block in self.blocks for line in block.data.splitlines()]


@pytest.fixture
def server() -> Iterator[Journald]:
    with journald() as running:
        yield running


def app(server: Journald, first: int, count: int) -> None:
    server.write(*(f"line {number}" for number in range(first, first + count)), SYSLOG_IDENTIFIER="app")


def expected(*parts: range) -> list[str]:
    return [f"line {number}" for part in parts for number in part]


@needs_journald
def test_entries_are_read_once_over_restarts_and_rotation(server: Journald) -> None:
    app(server, 0, 10)
    reader = Reader(server.folder)
    reader.take()
    app(server, 10, 5)
    reader.take()
    server.rotate()
    app(server, 15, 5)
    reader.take()
    reader.restart()
    app(server, 20, 5)
    server.rotate()
    app(server, 25, 5)
    reader.take()
    assert reader.messages() == expected(range(30))
    assert not reader.gaps


@needs_journald
def test_what_was_not_committed_is_read_again_after_a_crash(server: Journald) -> None:
    app(server, 0, 3)
    reader = Reader(server.folder)
    reader.take()
    app(server, 3, 3)
    assert len(reader.take(commits=False)) == 3
    reader.restart()
    reader.take()
    assert reader.messages() == expected(range(6))
    ends = {block.offset + len(block.data) for block in reader.blocks}
    assert {block.offset for block in reader.blocks} <= ends | {0}


@needs_journald
def test_entries_that_were_vacuumed_unread_are_a_gap(server: Journald) -> None:
    app(server, 0, 3)
    reader = Reader(server.folder)
    reader.take()
    app(server, 3, 3)
    server.rotate()
    server.vacuum()
    app(server, 6, 3)
    reader.restart()
    reader.take()
    assert reader.messages() == expected(range(3), range(6, 9))
    (gap,) = reader.gaps
    assert (gap.reason, gap.start) == ("cursor_lost", reader.blocks[-1].offset)


@needs_journald
def test_a_vacuum_while_running_of_what_was_read_is_no_gap(server: Journald) -> None:
    app(server, 0, 3)
    reader = Reader(server.folder, identifiers=[])
    reader.take()
    server.rotate()
    reader.take()
    server.vacuum()
    app(server, 3, 3)
    reader.take()
    reader.restart()
    app(server, 6, 1)
    reader.take()
    assert [message for message in reader.messages() if message.startswith("line")] == expected(range(7))
    assert not reader.gaps


@needs_journald
def test_a_vacuum_while_running_of_what_was_not_read_is_a_gap(server: Journald) -> None:
    app(server, 0, 3)
    reader = Reader(server.folder)
    reader.take()
    app(server, 3, 3)
    server.rotate()
    server.vacuum()
    app(server, 6, 3)
    reader.take()
    found = reader.messages()
    assert found[:3] == expected(range(3))
    assert found[-3:] == expected(range(6, 9))
    # The deleted file may still be mapped; then its entries are read, and nothing is lost.
    assert len(found) == 9 or [gap.reason for gap in reader.gaps] == ["cursor_lost"]


@needs_journald
def test_an_entry_has_the_names_of_ecs(server: Journald) -> None:
    server.write(
        "two\nlines \u20ac \x1b[31m", SYSLOG_IDENTIFIER="app", PRIORITY="3", ACTION="view", SYSLOG_FACILITY="10"
    )
    (entry,) = Reader(server.folder).take()
    assert entry["message"] == "two\nlines \u20ac \x1b[31m"
    assert entry["log"]["level"] == "error"
    assert entry["log"]["syslog"] == {"appname": "app", "severity": {"code": 3}, "facility": {"code": 10}}
    assert entry["journald"]["custom"] == {"action": "view"}
    assert entry["process"]["pid"] > 0
    assert entry["@timestamp"].endswith("Z")


@needs_journald
def test_messages_alone_may_be_the_records(server: Journald) -> None:
    server.write("one", "two\nlines", SYSLOG_IDENTIFIER="app")
    reader = Reader(server.folder, record="message")
    blocks = list(iter(lambda: reader.journal.read(START), None))
    block = next(block for block in blocks if block.data)
    assert block.data == b"one\ntwo\nlines\n"
    assert block.starts == (0, 4)


@needs_journald
def test_only_what_was_asked_for_is_read(server: Journald) -> None:
    server.write("a", SYSLOG_IDENTIFIER="app")
    server.write("b", SYSLOG_IDENTIFIER="other")
    server.write("c", SYSLOG_IDENTIFIER="third")
    reader = Reader(server.folder, identifiers=["app", "third"])
    assert [entry["message"] for entry in reader.take()] == ["a", "c"]


@needs_journald
def test_reading_may_start_at_the_end(server: Journald) -> None:
    app(server, 0, 3)
    reader = Reader(server.folder, start="end")
    reader.take()
    reader.restart()
    app(server, 3, 2)
    reader.take()
    assert reader.messages() == expected(range(3, 5))


@needs_journald
def test_much_comes_in_pieces_and_can_be_read_again_as_evidence(server: Journald) -> None:
    server.write(*("x" * 1000 for _ in range(2 * PIECE // 1000)), SYSLOG_IDENTIFIER="app")
    reader = Reader(server.folder)
    reader.take()
    whole = [block for block in reader.blocks if block.data]
    assert len(whole) > 2
    for block in whole:
        end = block.data.index(b"\n", len(block.data) // 2) + 1
        assert reader.journal.reread(1, block.offset, end) == block.data[:end]
        assert reader.journal.reread(1, block.offset + 5, 100) == block.data[5:105]
    assert reader.journal.reread(2, 0, 1) is None


def test_a_folder_that_is_not_there_is_a_trouble_until_it_is(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "none")
    assert reader.take() == []
    assert "cannot be read" in reader.journal.status().trouble
    (tmp_path / "none").mkdir()
    reader.take()
    assert reader.journal.status().trouble == ""


@pytest.mark.parametrize("state", ["", "{}", '{"v":2,"first":1}', '{"v":1,"first":1,"cursor":"s=a;i=1"}'])
def test_a_position_that_was_not_written_here_is_refused(tmp_path: Path, state: str) -> None:
    journal = Journal(JournalOptions.model_validate({"name": "j", "folder": str(tmp_path)}))
    with pytest.raises(ValueError):
        journal.open([Position(source="j", stream=1, state=state)], START)


def test_what_happened_long_before_the_first_start_is_history(tmp_path: Path) -> None:
    reader = Reader(tmp_path, history="1d")
    block = reader.journal.read(START + MINUTE)
    assert block is not None
    assert block.historical_before == START - DAY
    assert block.data == b""

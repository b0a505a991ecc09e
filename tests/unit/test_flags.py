"""What is to be said of a record as it was read stands in its event, where rules can ask for it, and in no other's."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from sentinel.detect.lane import Purpose
from sentinel.model import Block
from sentinel.sources.grouping import Grouping, Multiline
from sentinel.sources.history import read_history
from tests.detecting import a_block, a_view, an_engine, detection, entries_of, rules_of
from tests.tailing import Reader, append, records_of

CUT = {"selection": {"log.flags": "truncated"}}
LINE = '10.0.0.7 - kim [04/Mar/2026:12:00:0{} +0000] "GET /patients/{} HTTP/1.1" 200 1 "-" "-"\n'
LINES = "".join(LINE.format(number, number) for number in range(3)).encode()
ACCESS = """
systems:
  - name: portal
    data: [health]
    access: [{when: {'url.path|re': '^/patients/(?P<subject>[0-9]+)$'}, actor: user.name}]
"""


def flags(reader: Reader) -> dict[bytes, tuple[str, ...]]:
    """The last record of every block, as it begins, and what is said of it."""
    return {records_of(block)[-1][:4]: block.flags for block in reader.blocks if block.data}


def test_a_cut_record_and_a_last_line_without_newline_are_flagged_and_no_other(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, b"one\nlong" + b"y" * (1 << 20) + b"\ntwo\nopen")
    reader = Reader([str(log)]).open()
    reader.take()
    log.rename(tmp_path / "app.log.1")
    for _ in range(4):
        reader.take(3)
    assert flags(reader) == {b"one": (), b"long": ("truncated",), b"two": (), b"open": ("unterminated",)}


def test_a_last_line_may_be_both(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, b"long" + b"y" * (1 << 21))
    reader = Reader([str(log)]).open()
    log.rename(tmp_path / "app.log.1")
    for _ in range(4):
        reader.take(3)
    assert flags(reader) == {b"long": ("truncated", "unterminated")}


def test_the_parts_of_a_record_of_several_lines_that_fills_a_block_are_flagged(tmp_path: Path) -> None:
    log = tmp_path / "app.log"
    append(log, b"> long\n" + b"  part\n" * 200_000 + b"> next\n> open\n")
    reader = Reader([str(log)], multiline={"start": ">"}).open()
    for _ in range(4):
        reader.take(3)
    assert [block.flags for block in reader.blocks if block.data] == [("truncated",), (), ()]


@pytest.mark.parametrize("is_packed", [False, True])
def test_history_and_compressed_generations_say_the_same(tmp_path: Path, is_packed: bool) -> None:
    data = b"one\nlong" + b"y" * (1 << 21) + b"\ntwo\nopen"
    path = tmp_path / "app.log.1.gz"
    path.write_bytes(gzip.compress(data) if is_packed else data)
    told = [block.flags for block in read_history(str(path), "log", 1)]
    assert told == [(), ("truncated",), (), ("unterminated",)]
    if is_packed:
        reader = Reader([str(path)]).open()
        reader.take()
        assert [block.flags for block in reader.blocks if block.data] == told
        status = reader.tail.status()
        assert (status.cut_records, status.unterminated_records) == (1, 1)


def test_the_last_record_of_several_lines_of_a_finished_log_is_flagged(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_bytes(b"> one\n  more\n> open\n  to its end")
    grouping = Grouping(Multiline(start=">"))
    told = [(block.data, block.flags) for block in read_history(str(path), "log", 1, grouping=grouping)]
    assert told == [(b"> one\n  more\n", ()), (b"> open\n  to its end\n", ("unterminated",))]


def judged(block: Block, rule: dict[str, Any], **more: Any) -> list[bytes]:
    """The records that the rule finds in the block."""
    engine = an_engine(rules_of(rule), [a_view("nginx")], **more)
    found = engine.judge(block, None)
    return [block.data[place.offset :][: place.length] for each in found for place in each.evidence]


def test_a_rule_finds_the_flagged_record_which_no_pattern_could_tell_of() -> None:
    block = a_block(LINES, flags=("truncated",))
    assert judged(block, detection("cut", CUT)) == [LINES.splitlines()[-1]]


def test_a_record_that_is_not_flagged_has_no_such_field() -> None:
    missing = {"selection": {"log.flags": None}}
    block = a_block(LINES, flags=("unterminated",))
    assert judged(a_block(LINES), detection("cut", CUT)) == []
    assert judged(block, detection("cut", CUT)) == []
    assert judged(block, detection("whole", missing)) == LINES.splitlines()[:-1]
    assert judged(a_block(LINES), detection("whole", missing)) == LINES.splitlines()


@pytest.mark.parametrize("purpose", [Purpose(), Purpose(shows_all=True)])
def test_a_rule_about_personal_data_may_ask_for_it_too(purpose: Purpose) -> None:
    rule = detection("cut", CUT, logsource={"category": "personal_data_access"})
    block = a_block(LINES, flags=("truncated",))
    assert judged(block, rule, entries=entries_of(ACCESS), purpose=purpose) == [LINES.splitlines()[-1]]


def test_a_flagged_record_of_several_lines_is_the_last_one() -> None:
    data = b"first\n  a\nlast\n  b\n"
    block = a_block(data, starts=(0, 10), flags=("truncated",))
    assert judged(block, detection("cut", CUT)) == [b"last\n  b"]


def test_a_record_that_no_format_can_read_is_flagged_all_the_same() -> None:
    assert judged(a_block(b"not a line of nginx\n", flags=("truncated",)), detection("cut", CUT)) == [
        b"not a line of nginx"
    ]


def test_a_rule_that_asks_for_flags_is_not_said_to_ask_for_what_no_record_has() -> None:
    engine = an_engine(rules_of(detection("cut", CUT)), [a_view("nginx")])
    engine.judge(a_block(LINES * 200), None)
    assert engine.lanes["app"].unseen.never_seen(1) == []

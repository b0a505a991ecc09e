"""Records of several lines, and logs in UTF-16: whole, once, and with the offset held at their beginning."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sentinel.sources.coding import PLAIN, Coding, coding_of
from sentinel.sources.framing import Framing, framed
from sentinel.sources.grouping import Grouping, Multiline
from sentinel.sources.history import read_history
from sentinel.sources.records import BLOCK, records
from tests.tailing import Reader, append, records_of

START = {"start": r"\d{4}-"}
TRACE = b"2026-03-04 failed\n  at a.b.C(C.java:1)\n\n  at a.b.D(D.java:2)\nCaused by: x\n"
NEXT = b"2026-03-04 well again\n"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def a_reader(log: Path, pattern: str = "app.log", **options: object) -> Reader:
    return Reader([str(log.with_name(pattern))], **options).open()  # type: ignore[arg-type]


# --- several lines to a record -----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [START, {"continues": r"\s|$|Caused by"}])
def test_lines_that_belong_together_are_one_record(log: Path, options: dict[str, object]) -> None:
    log.write_bytes(TRACE + NEXT + NEXT)
    reader = a_reader(log, multiline=options)
    reader.take()
    assert reader.records() == [TRACE[:-1], NEXT[:-1]]


def test_indented_and_empty_lines_belong_to_the_line_before(log: Path) -> None:
    log.write_bytes(TRACE + NEXT)
    reader = a_reader(log, multiline={"indented": True})
    reader.take()
    assert reader.records() == [TRACE[:-14], b"Caused by: x"]


def test_the_last_record_is_whole_when_nothing_was_written_for_the_timeout(log: Path) -> None:
    log.write_bytes(TRACE)
    reader = a_reader(log, multiline={**START, "timeout": "2s"})
    assert reader.take(1) == b""
    assert reader.take(0.5) == b""
    append(log, b"  more\n")
    assert reader.take(1.9) == b""
    assert reader.take(2.1) == TRACE + b"  more\n"
    append(log, b"  late\n" + NEXT + NEXT)
    reader.take()
    assert reader.records()[1:] == [b"  late", NEXT[:-1]]


def test_a_record_cut_in_two_by_a_crash_is_one_record(log: Path) -> None:
    log.write_bytes(NEXT + TRACE[:30])
    reader = a_reader(log, multiline=START)
    assert reader.take() == NEXT
    reader.restart()
    append(log, TRACE[30:] + NEXT)
    assert reader.take() == TRACE
    assert reader.blocks[-1].offset == len(NEXT)


@pytest.mark.parametrize("is_down", [False, True])
def test_a_record_being_written_while_its_file_is_rotated_is_one_record(log: Path, is_down: bool) -> None:
    log.write_bytes(NEXT + TRACE[:30])
    reader = a_reader(log, multiline=START)
    reader.take()
    if is_down:
        reader.crash()
    old = log.with_name("app.log.1")
    log.rename(old)
    log.write_bytes(NEXT)
    if is_down:
        reader.open()
    reader.take()
    append(old, TRACE[30:])
    for _ in range(8):
        reader.take(3)
    assert reader.records() == [NEXT[:-1], TRACE[:-1], NEXT[:-1]]


def test_a_record_of_many_lines_that_fills_a_block_is_handed_out_in_parts_and_counted(log: Path) -> None:
    log.write_bytes(NEXT + b"2026 big\n" + b"  line\n" * 300_000 + NEXT + NEXT)
    reader = a_reader(log, multiline={"start": "2026"})
    reader.take()
    assert b"".join(block.data for block in reader.blocks) == log.read_bytes()[: -len(NEXT)]
    assert reader.tail.status().cut_records == 2
    assert reader.records()[-1] == NEXT[:-1]


def test_records_of_several_lines_are_the_same_in_compressed_history(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes((TRACE + NEXT) * 9000)
    grouping = Grouping(Multiline.model_validate(START))
    found = [record for block in read_history(str(path), "s", 1, grouping=grouping) for record in records_of(block)]
    assert found == [TRACE[:-1], NEXT[:-1]] * 9000


@given(
    st.lists(st.sampled_from([b"2026-a", b" b", b"", b"c", b"\xff"]), min_size=1, max_size=20),
    st.lists(st.integers(1, 30), min_size=1, max_size=10),
)
def test_however_the_lines_come_their_records_are_the_same(lines: list[bytes], sizes: list[int]) -> None:
    data = b"".join(line + b"\n" for line in lines)
    expected: list[bytes] = []
    for line in lines:
        if line.startswith(b"2026-") or not expected:
            expected.append(line)
        else:
            expected[-1] += b"\n" + line
    chunks: list[bytes] = []
    at = 0
    while at < len(data):
        size = sizes[len(chunks) % len(sizes)]
        chunks.append(data[at : at + size])
        at += size
    framing = Framing(Grouping(Multiline.model_validate(START)), PLAIN, 0)
    found: list[bytes] = []
    following = 0
    for piece, behind, before in framed(records(chunks), framing):
        assert piece.offset == following
        starts = [*(piece.starts or ()), len(piece.data)]
        found += [piece.data[start : end - 1] for start, end in pairwise(starts)]
        following = behind
        assert data[:following].endswith(before)
    assert found == expected
    assert following == len(data)


@pytest.mark.parametrize("options", [{}, {"start": "a", "indented": True}, {"start": "("}, {"start": r"(?=a)"}])
def test_what_does_not_say_where_a_record_begins_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Multiline.model_validate(options)


# --- UTF-16 ------------------------------------------------------------------------------------------------

CODINGS = pytest.mark.parametrize(("codec", "mark"), [("utf-16-le", "\ufeff"), ("utf-16-be", "\ufeff"),
                                                      ("utf-16-le", ""), ("utf-16-be", "")])  # fmt: skip
TEXT = "first line \u20ac\r\nsecond \u010a\u0a00 line\n日本語 third 😀\n"


@CODINGS
def test_a_log_in_utf_16_is_handed_out_in_utf_8(log: Path, codec: str, mark: str) -> None:
    log.write_bytes((mark + TEXT).encode(codec))
    reader = a_reader(log)
    assert reader.take().decode() == TEXT
    append(log, "four".encode(codec))
    assert reader.take() == b""
    reader.restart()
    append(log, "th\nfifth\n".encode(codec))
    assert reader.take().decode() == "fourth\nfifth\n"


@CODINGS
def test_places_in_a_log_in_utf_16_never_fall_together_and_can_be_read_again(log: Path, codec: str, mark: str) -> None:
    text = "plain line to begin with\n" + "日本語のログ\n" * 3 + "plain\n"
    log.write_bytes((mark + text).encode(codec))
    reader = a_reader(log)
    reader.take()
    append(log, ("日本語 again\n" * 3).encode(codec))
    reader.take()
    end = 0
    for block in reader.blocks:
        if block.data:
            assert block.offset >= end
            end = block.offset + len(block.data)
            assert reader.tail.reread(block.stream, block.offset, len(block.data)) == block.data
            at = block.data.index(b"\n") + 1
            assert reader.tail.reread(block.stream, block.offset + at, 9) == block.data[at : at + 9]


def test_a_log_in_utf_16_is_known_again_after_rotation(log: Path) -> None:
    log.write_bytes(("\ufeff" + TEXT).encode("utf-16-le"))
    reader = a_reader(log)
    reader.take()
    reader.crash()
    append(log, "rest\n".encode("utf-16-le"))
    log.rename(log.with_name("app.log.1"))
    log.write_bytes("\ufeffnew file\n".encode("utf-16-le"))
    reader.open()
    for _ in range(4):
        reader.take()
    assert b"".join(block.data for block in reader.blocks).decode() == TEXT + "rest\nnew file\n"


def test_a_long_record_in_utf_16_is_cut_to_its_ends(log: Path) -> None:
    log.write_bytes(("\ufeffa\n" + "x" * BLOCK + "end\nb\n").encode("utf-16-le"))
    reader = a_reader(log)
    reader.take()
    one, long, last = reader.records()
    assert (one, last) == (b"a", b"b")
    assert long.startswith(b"xxx")
    assert long.endswith(b"xend")
    assert reader.tail.status().cut_records == 1


def test_the_unterminated_last_line_of_a_rotated_log_in_utf_16_is_handed_out(log: Path) -> None:
    log.write_bytes("one line\nlast".encode("utf-16-le"))
    reader = a_reader(log)
    reader.take()
    log.rename(log.with_name("app.log.1"))
    for _ in range(5):
        reader.take(3)
    assert reader.records() == [b"one line", b"last"]


def test_two_odd_bytes_at_the_beginning_do_not_hide_a_log(log: Path) -> None:
    log.write_bytes(b"\xff\xfe this is a line of text\nand another\n")
    assert a_reader(log).take() == log.read_bytes()


def test_the_mark_of_utf_8_is_no_part_of_the_first_record(log: Path) -> None:
    log.write_bytes(b'\xef\xbb\xbf{"a": 1}\n')
    reader = a_reader(log)
    assert reader.take() == b'{"a": 1}\n'
    assert reader.blocks[-1].offset == 3


def test_a_log_may_be_said_to_be_in_utf_16(log: Path) -> None:
    log.write_bytes("日本語\n".encode("utf-16-be"))
    assert a_reader(log, encoding="utf-16-be").take().decode() == "日本語\n"


@given(st.text(st.characters(codec="utf-16"), max_size=80), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_lines_end_where_a_decoder_says(text: str, codec: str) -> None:
    data, coding = text.encode(codec, "surrogatepass"), Coding(codec)
    head, newline, _ = text.partition("\n")
    assert coding.first_end(data) == (len((head + newline).encode(codec, "surrogatepass")) if newline else 0)
    head, newline, _ = text.rpartition("\n")
    assert coding.last_end(data) == (len((head + newline).encode(codec, "surrogatepass")) if newline else 0)
    assert coding.length(coding.text(data)) == len(data)


@given(st.binary(max_size=600))
def test_any_first_bytes_are_of_some_coding(first: bytes) -> None:
    assert coding_of(first).name in {"utf-8", "utf-16-le", "utf-16-be"}


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_over_the_limit_that_begins_a_record_leaves_the_one_before_it_alone(
    tmp_path: Path, packed: bool
) -> None:
    short, rest = b"2026 short\n  of two lines\n", b"2026 last\n"
    text = short + b"2026 " + b"x" * (2 * BLOCK) + b"\n" + rest
    path = tmp_path / ("app.log.1.gz" if packed else "app.log")
    path.write_bytes(gzip.compress(text) if packed else text)
    reader = a_reader(path, "app.log*", multiline={"start": "2026"})
    for _ in range(8):
        reader.take()
    found = [record for block in reader.blocks for record in records_of(block)]
    assert found[0] == short.removesuffix(b"\n")
    assert found[-1] == rest.removesuffix(b"\n")
    assert found[1].startswith(b"2026 xxx")
    flags = [block.flags for block in reader.blocks if block.data.startswith(b"2026 xxx")]
    assert "truncated" in flags[0]
    assert sum(len(block.data) for block in reader.blocks) >= len(short) + len(rest)

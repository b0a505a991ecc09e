"""Logs that are rotated, copied, cut, replaced and locked, while somebody reads them and while nobody does."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sentinel.clock import DAY, HOUR, SECOND
from sentinel.sources.file import FileOptions
from sentinel.sources.records import BLOCK, CUT, KEPT
from tests.tailing import START, Reader, append


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


def a_reader(log: Path, pattern: str = "app.log", **options: object) -> Reader:
    return Reader([str(log.with_name(pattern))], **options).open()  # type: ignore[arg-type]


# --- growing -----------------------------------------------------------------------------------------------


def test_a_partial_last_line_is_not_consumed(log: Path) -> None:
    log.write_bytes(b"one\ntw")
    reader = a_reader(log)
    assert reader.take() == b"one\n"
    append(log, b"o\nth")
    assert reader.take() == b"two\n"
    assert reader.blocks[-1].offset == 4


def test_a_partial_line_across_a_restart_is_completed_once(log: Path) -> None:
    log.write_bytes(b"abc")
    reader = a_reader(log)
    assert reader.take() == b""
    reader.restart()
    append(log, b"def\n")
    assert reader.take() == b"abcdef\n"


def test_a_file_of_ten_bytes_that_appears_later_is_read_from_its_first_byte(log: Path) -> None:
    reader = a_reader(log)
    reader.take()
    log.write_bytes(b"0123456789\n")
    assert reader.take() == b"0123456789\n"


def test_blocks_are_whole_records_of_at_most_a_mebibyte_with_exact_offsets(log: Path) -> None:
    record = b"x" * 999 + b"\n"
    log.write_bytes(record * 5000)
    reader = a_reader(log)
    assert reader.take() == record * 5000
    content = log.read_bytes()
    for block in reader.blocks:
        assert len(block.data) <= BLOCK
        assert content[block.offset : block.offset + len(block.data)] == block.data


def test_bytes_that_are_no_text_pass_unchanged(log: Path) -> None:
    noise = b"\xff\xfe\x00\r\x85 \xe2\x80\xa8 \x1b[31m\n" + bytes(range(1, 10)) + b"\n"
    log.write_bytes(noise)
    assert a_reader(log).take() == noise


def test_only_what_was_committed_counts_after_a_crash(log: Path) -> None:
    log.write_bytes(b"one\n")
    reader = a_reader(log)
    reader.take()
    append(log, b"two\n")
    assert reader.read() == b"two\n"
    reader.crash()
    assert reader.open().take() == b"two\n"


def test_the_reference_is_the_last_change_of_the_file_but_never_the_future(log: Path) -> None:
    log.write_bytes(b"one\n")
    os.utime(log, (START // SECOND - 86400, START // SECOND - 86400))
    reader = a_reader(log)
    reader.take()
    assert reader.blocks[-1].reference == START - DAY
    os.utime(log, (START // SECOND + 86400, START // SECOND + 86400))
    append(log, b"two\n")
    os.utime(log, (START // SECOND + 86400, START // SECOND + 86400))
    reader.take()
    assert reader.blocks[-1].reference == reader.now


# --- rotation by renaming ----------------------------------------------------------------------------------


def test_the_old_generation_is_read_to_its_end_before_the_new_one(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    append(log, b"2\n")
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"4\n")
    append(log.with_name("app.log.1"), b"3\n")
    assert reader.take() == b"2\n3\n4\n"
    assert {block.path for block in reader.blocks if block.data} == {str(log)}


def test_a_writer_that_has_not_turned_to_the_new_file_yet_is_still_followed(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"")
    reader.take(120)
    append(log.with_name("app.log.1"), b"late\n")
    assert reader.take() == b"late\n"


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
def test_a_rotation_while_down_loses_and_doubles_nothing(log: Path, pattern: str) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log, pattern)
    reader.take()
    reader.crash()
    append(log, b"2\n")
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"3\n")
    assert reader.open().take() == b"2\n3\n"
    assert reader.gaps == []


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("is_down", [True, False])
def test_several_rotations_between_two_looks_are_read_in_order(log: Path, pattern: str, is_down: bool) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log, pattern)
    reader.take()
    if is_down:
        reader.crash()
    for number in (2, 3, 4):
        if log.with_name("app.log.1").exists():
            log.with_name("app.log.1").rename(log.with_name("app.log.2"))
        log.rename(log.with_name("app.log.1"))
        append(log, b"%d\n" % number)
        os.utime(log, ns=(number, (START // SECOND + 10**9 + number) * 10**9))
    if is_down:
        reader.open()
    # The first generation was overwritten by the last renaming; all others are there.
    assert reader.take() == b"2\n3\n4\n"


def test_a_big_generation_that_no_pattern_names_comes_whole_before_the_newest(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    log.rename(log.with_name("app.log.2"))
    log.write_bytes((b"x" * 99 + b"\n") * 50_000)
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"newest\n")
    reader.take()
    assert reader.blocks[-1].data == b"newest\n"
    assert len(reader.records()) == 50_002


def test_a_file_seen_empty_and_then_written_and_rotated_while_down_is_read(log: Path) -> None:
    log.write_bytes(b"")
    reader = a_reader(log)
    reader.take()
    reader.crash()
    append(log, b"1\n")
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"2\n")
    assert reader.open().take() == b"1\n2\n"


def test_a_rotation_into_a_dated_name_is_one_of_the_same_log(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    reader.crash()
    append(log, b"2\n")
    log.rename(log.with_name("app-20260304.log"))
    log.write_bytes(b"3\n")
    assert reader.open().take() == b"2\n3\n"


def test_old_rotated_files_that_no_pattern_names_are_not_read(log: Path) -> None:
    log.with_name("app.log.1").write_bytes(b"old\n")
    os.utime(log.with_name("app.log.1"), (1, 1))
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    log.with_name("app.log.1").rename(log.with_name("app.log.2"))
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"2\n")
    assert reader.take() == b"2\n"


def test_rotated_files_that_match_are_read_oldest_first_at_the_first_start(log: Path) -> None:
    for age, name in enumerate(["app.log", "app.log.1", "app.log.2"]):
        log.with_name(name).write_bytes(b"%d\n" % age)
        os.utime(log.with_name(name), (1_700_000_000 - age, 1_700_000_000 - age))
    assert a_reader(log, "app.log*").take() == b"2\n1\n0\n"


def test_the_unterminated_last_line_of_a_rotated_file_is_handed_out_once(log: Path) -> None:
    log.write_bytes(b"1\n2 and no newline")
    reader = a_reader(log)
    reader.take()
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"")
    assert reader.take() == b""
    assert reader.take(6) == b"2 and no newline\n"
    assert reader.take(6) == b""
    assert reader.restart().take(6) == b""
    assert reader.gaps == []


def test_the_unterminated_last_line_of_a_live_file_is_never_handed_out(log: Path) -> None:
    log.write_bytes(b"1\n2 and no newline")
    reader = a_reader(log)
    assert reader.take() == b"1\n"
    assert reader.take(3600) == b""


# --- deletion ----------------------------------------------------------------------------------------------


def test_a_file_deleted_while_open_is_read_to_its_end(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    with log.open("ab") as writer:
        log.unlink()
        writer.write(b"2\n3")
    assert reader.take() == b"2\n"
    assert reader.take(6) == b"3\n"
    reader.take(6)
    assert reader.tail.status().streams == 0


def test_a_position_may_be_dropped_when_its_file_is_gone_and_a_later_one_is_stored(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    log.unlink()
    reader.take(6)
    reader.take(6)
    assert sorted(reader.stored) == [0, 1]
    log.write_bytes(b"2\n")
    reader.take()
    assert sorted(reader.stored) == [0, 2]


def test_a_generation_deleted_while_down_is_reported_and_the_others_are_read(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    reader.crash()
    log.unlink()
    log.with_name("other").write_bytes(b"")
    log.write_bytes(b"a whole other beginning\n")
    assert reader.open().take() == b"a whole other beginning\n"
    assert [(gap.reason, gap.stream, gap.start, gap.end) for gap in reader.gaps] == [("generation_lost", 1, 2, None)]
    assert reader.restart().take() == b""
    assert len(reader.gaps) == 1


def test_an_empty_folder_may_be_a_disk_not_mounted_yet_and_positions_are_kept(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    reader.crash()
    elsewhere = log.parent.with_name("elsewhere")
    elsewhere.mkdir()
    log.rename(elsewhere / "app.log")
    reader.open().take()
    assert "not there" in reader.tail.status().trouble
    append(elsewhere / "app.log", b"2\n")
    (elsewhere / "app.log").rename(log)
    assert reader.take() == b"2\n"
    assert (reader.gaps, reader.tail.status().trouble) == ([], "")


# --- copy and truncate -------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["app.log", "app.log*"])
@pytest.mark.parametrize("is_down", [True, False])
@pytest.mark.parametrize("growth", [b"", b"3\n", b"content that grows far beyond the offset read before\n"])
def test_copy_and_truncate_loses_and_doubles_nothing(log: Path, pattern: str, is_down: bool, growth: bytes) -> None:
    log.write_bytes(b"the first\n")
    reader = a_reader(log, pattern)
    reader.take()
    if is_down:
        reader.crash()
    append(log, b"the second\n")
    shutil.copyfile(log, log.with_name("app.log.1"))
    os.truncate(log, 0)
    append(log, growth)
    if is_down:
        reader.open()
    reader.take()
    reader.take(6)
    assert reader.records() == [b"the first", b"the second", *growth.split(b"\n")[:-1]]
    assert reader.gaps == []


def test_a_copy_being_made_is_not_read_and_neither_is_one_that_stays(log: Path) -> None:
    log.write_bytes(b"one\ntwo\nthree\n")
    reader = a_reader(log, "app.log*")
    reader.take()
    copy = log.with_name("app.log.1")
    for content in (b"", b"one\ntw", b"one\ntwo\nthree\n"):
        copy.write_bytes(content)
        assert reader.take() == b""
    assert reader.take(100) == b""
    append(copy, b"but this one has more\n")
    assert reader.take() == b"one\ntwo\nthree\nbut this one has more\n"


def test_a_copy_ended_before_the_last_lines_were_read_holds_nothing_new(log: Path) -> None:
    log.write_bytes(b"one\n")
    reader = a_reader(log, "app.log*")
    reader.take()
    shutil.copyfile(log, log.with_name("app.log.1"))
    append(log, b"two\n")
    assert reader.take() == b"two\n"
    os.truncate(log, 0)
    append(log, b"three\n")
    assert reader.take() + reader.take(6) == b"three\n"
    assert reader.restart().take(6) == b""


def test_a_new_file_that_ends_like_a_part_of_the_old_one_is_not_taken_for_its_copy(log: Path) -> None:
    log.write_bytes(b"1" + b"x" * 2000 + b"\n")
    reader = a_reader(log)
    reader.take()
    append(log, b"y" * 2000 + b"\n")
    reader.take()
    os.truncate(log, 0)
    log.unlink()
    log.write_bytes(b"2" + b"x" * 2000 + b"\n")
    assert reader.take(0.2) + reader.take() == b"2" + b"x" * 2000 + b"\n"


def test_two_logs_with_the_same_first_line_are_both_read(log: Path) -> None:
    header = b"date,user,path\n"
    reader = a_reader(log, "*.log")
    log.write_bytes(header)
    reader.take()
    log.with_name("app-two.log").write_bytes(header)
    reader.take()
    append(log.with_name("app-two.log"), b"second\n")
    append(log, b"first\n")
    reader.take()
    assert sorted(reader.records()) == sorted([header[:-1], b"first", header[:-1], b"second"])


def test_a_rotated_log_with_the_same_content_is_a_new_generation(log: Path) -> None:
    log.write_bytes(b"same\n")
    reader = a_reader(log, "app.log*")
    reader.take()
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"same\n")
    assert reader.take() == b"same\n"


def test_truncation_with_unread_bytes_is_reported(log: Path) -> None:
    log.write_bytes(b"one\nhalf a rec")
    reader = a_reader(log)
    reader.take()
    os.truncate(log, 0)
    append(log, b"2\n")
    assert reader.take() == b"2\n"
    assert [(gap.reason, gap.start, gap.end) for gap in reader.gaps] == [("truncated", 4, 14)]


def test_a_writer_that_does_not_append_leaves_a_hole_that_is_not_read(log: Path) -> None:
    with log.open("wb", buffering=0) as writer:
        writer.write(b"x" * 99 + b"\n")
        writer.seek(1 << 32)
        writer.truncate()
        reader = a_reader(log)
        reader.take()
        os.truncate(log, 0)
        writer.write(b"after the hole\n")
    assert reader.take() == b"after the hole\n"
    assert reader.blocks[-1].offset == 1 << 32


def test_space_kept_free_with_nulls_is_not_consumed_until_it_is_written(log: Path) -> None:
    log.write_bytes(b"1\n" + bytes(5000))
    reader = a_reader(log)
    assert reader.take() == b"1\n"
    with log.open("r+b") as writer:
        writer.seek(2)
        writer.write(b"2\n")
    assert reader.take() == b"2\n"


def test_a_file_rewritten_with_lines_that_end_alike_is_a_new_one(log: Path) -> None:
    log.write_bytes(b"1" + b"x" * 400 + b"\n")
    reader = a_reader(log)
    reader.take()
    log.write_bytes(b"2" + b"x" * 400 + b"\n3\n")
    assert reader.take() == b"2" + b"x" * 400 + b"\n3\n"


def test_a_file_rewritten_with_the_same_size_is_a_new_one(log: Path) -> None:
    log.write_bytes(b"aaaa\n")
    reader = a_reader(log)
    reader.take()
    with log.open("r+b") as writer:
        writer.write(b"bbbb\n")
    os.utime(log, (1, 1))
    assert reader.take() == b"bbbb\n"


# --- after a crash of the machine --------------------------------------------------------------------------


def test_a_log_shorter_than_its_position_goes_on_at_the_highest_rung_that_stands(log: Path) -> None:
    reader = a_reader(log)
    for number in range(20):
        append(log, b"record %d\n" % number)
        reader.take()
    reader.crash()
    size = log.stat().st_size
    os.truncate(log, size - 25)
    append(log, b"\nnew\n")
    read_again = reader.open().take()
    assert read_again.endswith(b"\nnew\n")
    assert b"record 10\n" not in read_again
    assert [(gap.reason, gap.end) for gap in reader.gaps] == [("shortened", size)]


def test_an_inode_used_again_is_a_new_file(log: Path) -> None:
    log.write_bytes(b"first file\n")
    reader = a_reader(log)
    reader.take()
    reader.crash()
    log.unlink()
    log.write_bytes(b"second file, longer than the first\n")
    assert reader.open().take() == b"second file, longer than the first\n"


def test_a_log_restored_from_a_backup_under_a_new_inode_goes_on(log: Path) -> None:
    log.write_bytes(b"one\ntwo\n")
    reader = a_reader(log)
    reader.take()
    reader.crash()
    shutil.copyfile(log, log.with_name("backup"))
    log.with_name("backup").replace(log)
    append(log, b"three\n")
    assert reader.open().take() == b"three\n"


# --- long records ------------------------------------------------------------------------------------------


def test_a_record_above_a_mebibyte_is_cut_to_its_ends_and_the_file_goes_on(log: Path) -> None:
    log.write_bytes(b"before\n" + b"a" * KEPT + b"b" * (100 * BLOCK) + b"c" * KEPT + b"\nafter\n")
    reader = a_reader(log)
    reader.take()
    assert reader.tail.wait_seconds(reader.now) == 0
    reader.take()
    assert reader.records() == [b"before", b"a" * KEPT + CUT + b"c" * KEPT, b"after"]
    assert [block.offset for block in reader.blocks if block.data] == [0, 7, 100 * BLOCK + 2 * KEPT + 8]
    assert reader.tail.status().cut_records == 1


def test_a_long_record_that_is_still_being_written_is_waited_for(log: Path) -> None:
    log.write_bytes(b"a" * (3 * BLOCK))
    reader = a_reader(log)
    assert reader.take() == b""
    append(log, b"b" * BLOCK + b"\n")
    assert reader.take() == b"a" * KEPT + CUT + b"b" * KEPT + b"\n"


def test_a_record_of_exactly_a_mebibyte_is_whole(log: Path) -> None:
    log.write_bytes(b"a" * (BLOCK - 1) + b"\nnext\n")
    assert a_reader(log).take() == b"a" * (BLOCK - 1) + b"\nnext\n"


# --- what cannot be opened ---------------------------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_not_readable_yet_is_read_as_soon_as_it_is(log: Path) -> None:
    log.write_bytes(b"one\n")
    log.chmod(0)
    log.with_name("other.log").write_bytes(b"other\n")
    reader = a_reader(log, "*.log")
    assert reader.take() == b"other\n"
    assert reader.tail.status().trouble == f"'{log}' cannot be read: Permission denied"
    log.chmod(0o600)
    assert reader.take() == b"one\n"
    assert reader.tail.status().trouble == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_became_unreadable_while_down_keeps_its_position(log: Path) -> None:
    log.write_bytes(b"one\n")
    reader = a_reader(log)
    reader.take()
    reader.crash()
    append(log, b"two\n")
    log.chmod(0)
    assert reader.open().take() == b""
    log.chmod(0o600)
    assert reader.take() == b"two\n"
    assert reader.gaps == []


def test_a_symbolic_link_is_refused_unless_it_is_to_be_followed(log: Path) -> None:
    target = log.with_name("target")
    target.write_bytes(b"one\n")
    log.symlink_to(target)
    reader = a_reader(log)
    assert reader.take() == b""
    assert reader.tail.status().trouble == f"'{log}' is a symbolic link and follow_symlinks is off"
    assert a_reader(log, follow=True).take() == b"one\n"


def test_a_link_that_is_turned_to_another_target_drains_both(log: Path) -> None:
    old, new = log.with_name("old"), log.with_name("new")
    old.write_bytes(b"1\n")
    new.write_bytes(b"3\n")
    log.symlink_to(old)
    reader = a_reader(log, follow=True)
    reader.take()
    log.unlink()
    append(old, b"2\n")
    log.symlink_to(new)
    assert reader.take() == b"2\n3\n"


def test_a_pipe_in_place_of_a_log_neither_blocks_nor_is_read(log: Path) -> None:
    os.mkfifo(log)
    reader = a_reader(log)
    assert reader.take() == b""
    assert reader.tail.status().trouble == f"'{log}' is no plain file"


def test_a_folder_that_is_removed_and_made_again_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    log = folder / "app.log"
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    shutil.rmtree(folder)
    reader.take()
    folder.mkdir()
    log.write_bytes(b"2\n")
    assert reader.take() == b"2\n"


def test_a_name_that_is_no_utf_8_is_shown_with_replacement_signs(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9.log")
    (tmp_path / name).write_bytes(b"1\n")
    reader = Reader([str(tmp_path / "*.log")]).open()
    assert reader.take() == b"1\n"
    assert reader.blocks[-1].path == str(tmp_path / "caf\ufffd.log")
    assert reader.restart().take() == b""


# --- the first start ---------------------------------------------------------------------------------------


def test_start_at_the_end_skips_what_is_there_and_reads_files_that_appear_later_whole(log: Path) -> None:
    log.write_bytes(b"old\nhalf")
    reader = a_reader(log, "*.log", start="end")
    assert reader.take() == b""
    append(log, b" a line\n")
    log.with_name("new.log").write_bytes(b"new\n")
    assert sorted(reader.take().split()) == [b"a", b"half", b"line", b"new"]


def test_start_at_the_end_is_for_the_first_start_only(log: Path) -> None:
    reader = a_reader(log, start="end")
    reader.take()
    reader.crash()
    log.write_bytes(b"written while down\n")
    assert reader.open().take() == b"written while down\n"


def test_start_at_the_end_holds_although_nothing_was_written_before_a_restart(log: Path) -> None:
    log.write_bytes(b"old\n")
    reader = a_reader(log, start="end")
    reader.take()
    reader.crash()
    append(log, b"new\n")
    assert reader.open().take() == b"new\n"


def test_a_first_start_that_was_broken_off_is_the_first_again(log: Path) -> None:
    log.write_bytes(b"old\n")
    log.with_name("two.log").write_bytes(b"old too\n")
    reader = a_reader(log, "*.log", start="end")
    reader.read(limit=1)
    reader.commit()
    reader.crash()
    assert reader.open().take() == b""


def test_the_time_of_the_first_start_outlives_restarts_though_no_file_was_there(log: Path) -> None:
    reader = a_reader(log, history="2h")
    reader.take()
    reader.now += DAY
    reader.restart()
    log.write_bytes(b"one\n")
    reader.take()
    assert reader.blocks[-1].historical_before == START - 2 * HOUR


def test_nothing_is_history_where_all_of_it_is_new(log: Path) -> None:
    log.write_bytes(b"one\n")
    reader = a_reader(log, history="all")
    reader.take()
    assert {block.historical_before for block in reader.blocks} == {0}


# --- many files --------------------------------------------------------------------------------------------


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_more_files_than_descriptors_are_all_read_and_their_growth_is_seen(tmp_path: Path) -> None:
    logs = [tmp_path / f"service-{number}x.log" for number in range(40)]
    for log in logs:
        log.write_bytes(b"first of " + log.name.encode() + b"\n")
    reader = Reader([str(tmp_path / "*.log")], open_files=5).open()
    held = open_descriptors()
    for _ in range(20):
        reader.take()
    assert open_descriptors() <= held
    for log in logs:
        append(log, b"second of " + log.name.encode() + b"\n")
    for _ in range(20):
        reader.take()
    assert sorted(reader.records()) == sorted(
        word + b" of " + log.name.encode() for log in logs for word in (b"first", b"second")
    )


def test_thousands_of_files_are_read_with_few_descriptors_at_the_first_call(tmp_path: Path) -> None:
    for number in range(2000):
        (tmp_path / f"{number}.log").write_bytes(b"%d\n" % number)
    reader = Reader([str(tmp_path / "*.log")], open_files=50).open()
    reader.read(0.01, limit=0)
    reader.take()
    assert len(set(reader.records())) == 2000
    assert len(reader.tail._known.descriptors.opened) <= 50


def turns_in(reader: Reader, seconds: int) -> int:
    """How often the main loop turns in so long, while nothing stirs."""
    until, turns = reader.now + seconds * SECOND, 0
    while reader.now < until:
        reader.take(reader.tail.wait_seconds(reader.now))
        turns += 1
    return turns


def test_files_that_were_read_at_different_moments_are_all_looked_at_in_one_turn_a_second(tmp_path: Path) -> None:
    logs = [tmp_path / f"{name}.log" for name in "abcdefghijklmnopqrst"]
    for log in logs:
        log.write_bytes(b"first\n" * 2)
    reader = Reader([str(tmp_path / "*.log")]).open()
    for _ in range(60):
        reader.read(0.037, limit=1)
    turns_in(reader, 60)
    assert turns_in(reader, 10) <= 11
    for log in logs:
        append(log, b"second\n")
    assert reader.take(1.0) == b"second\n" * 20


def test_of_many_files_those_that_were_quiet_longest_let_go_of_their_descriptors_first(tmp_path: Path) -> None:
    logs = [tmp_path / f"{number}.log" for number in range(8)]
    reader = Reader([str(tmp_path / "*.log")], open_files=4).open()
    for log in logs[:4]:
        log.write_bytes(b"first\n")
        reader.take(2)
    append(logs[0], b"second\n")
    reader.take(2)
    for log in logs[4:7]:
        log.write_bytes(b"first\n")
    reader.take(2)
    assert {Path(each.path).name for each in reader.tail._known.descriptors.opened.values()} == {
        *("0.log", "4.log", "5.log", "6.log")
    }


def test_files_that_grow_without_end_do_not_keep_others_from_being_opened(tmp_path: Path) -> None:
    for number in range(4):
        (tmp_path / f"busy{number}.log").write_bytes((b"x" * 999 + b"\n") * 40_000)
    (tmp_path / "z.log").write_bytes(b"small\n")
    os.utime(tmp_path / "z.log", (2_000_000_000, 2_000_000_000))
    reader = Reader([str(tmp_path / "*.log")], open_files=2).open()
    for _ in range(12):
        reader.read(1, limit=3)
        reader.commit()
    assert b"small" in reader.records()


def test_a_file_with_much_to_read_does_not_starve_another(tmp_path: Path) -> None:
    (tmp_path / "big.log").write_bytes(b"x" * 99 + b"\n")
    with (tmp_path / "big.log").open("ab") as big:
        big.write((b"x" * 99 + b"\n") * 200_000)
    (tmp_path / "small.log").write_bytes(b"small\n")
    reader = Reader([str(tmp_path / "*.log")]).open()
    reader.read(limit=4)
    assert any(block.data == b"small\n" for block in reader.pending)


def test_a_clock_set_back_does_not_stop_the_reading(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    append(log, b"2\n")
    reader.now -= 365 * DAY
    assert reader.take() == b"2\n"
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"3\n")
    reader.now -= 365 * DAY
    assert reader.take() == b"3\n"


# --- evidence ----------------------------------------------------------------------------------------------


def test_a_record_handed_out_before_can_be_read_again_also_after_rotation(log: Path) -> None:
    log.write_bytes(b"one\ntwo\n")
    reader = a_reader(log)
    reader.take()
    stream = reader.blocks[-1].stream
    log.rename(log.with_name("app.log.1"))
    log.write_bytes(b"new\n")
    reader.take()
    assert reader.tail.reread(stream, 4, 3) == b"two"
    assert reader.restart().tail.reread(stream, 4, 3) == b"two"


def test_a_record_that_is_gone_is_not_read_from_what_took_its_place(log: Path) -> None:
    log.write_bytes(b"one\ntwo\n")
    reader = a_reader(log)
    reader.take()
    stream = reader.blocks[-1].stream
    log.write_bytes(b"something else altogether\n")
    assert reader.tail.reread(stream, 4, 3) is None
    assert reader.tail.reread(99, 0, 1) is None


def test_a_number_that_evidence_may_refer_to_is_never_given_to_a_second_stream(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    log.unlink()
    for _ in range(3):
        reader.take(6)
    reader.restart()
    log.write_bytes(b"2\n")
    reader.take()
    assert [block.stream for block in reader.blocks if block.data] == [1, 2]


def test_options_refuse_what_they_do_not_know() -> None:
    with pytest.raises(ValueError, match="history"):
        FileOptions.model_validate({"name": "a", "paths": ["/x"], "history": "a while"})
    with pytest.raises(ValueError, match="extra"):
        FileOptions.model_validate({"name": "a", "paths": ["/x"], "pathes": []})
    with pytest.raises(ValueError, match="at least 1"):
        FileOptions.model_validate({"name": "a", "paths": []})


def test_a_position_of_another_program_is_refused_by_name(log: Path) -> None:
    log.write_bytes(b"1\n")
    reader = a_reader(log)
    reader.take()
    position = reader.stored[1]
    reader.stored[1] = type(position)(source="log", stream=1, state='{"v":2}')
    with pytest.raises(ValueError, match="source 'log', stream 1: the stored position is of version 2"):
        reader.restart()


# --- folders that are left alone ---------------------------------------------------------------------------


def left_alone(folder: Path, reader: Reader) -> None:
    """Everything in the folder was last changed long ago, by the reader's clock."""
    long_ago = (reader.now - HOUR) * 1000
    for path in (*folder.iterdir(), folder):
        os.utime(path, ns=(long_ago, long_ago))
    for _ in range(3):
        reader.take()


def test_a_folder_left_alone_is_not_looked_at_file_by_file(tmp_path: Path) -> None:
    for name in ("a.log", "b.log", "c.log"):
        append(tmp_path / name, b"first\n")
    reader = Reader([str(tmp_path / "*.log")], open_files=1).open()
    reader.take()
    left_alone(tmp_path, reader)
    assert [reader.tail._survey.is_still(reader.now + each * SECOND) for each in (0, 1, 5)] == [True, True, False]


@pytest.mark.parametrize("open_files", [1, 512])
@pytest.mark.parametrize("change", ["append", "create", "rename", "replace", "cut"])
def test_what_changes_in_a_folder_left_alone_is_found_at_the_next_look(
    tmp_path: Path, change: str, open_files: int
) -> None:
    for name in ("a.log", "b.log", "c.log"):
        append(tmp_path / name, b"first\n")
    reader = Reader([str(tmp_path / "*.log")], open_files=open_files).open()
    reader.take()
    left_alone(tmp_path, reader)
    assert reader.tail._survey.is_still(reader.now)
    match change:
        case "append":
            append(tmp_path / "b.log", b"second\n")
        case "create":
            append(tmp_path / "d.log", b"second\n")
        case "rename":
            append(tmp_path / "b.log", b"second\n")
            (tmp_path / "b.log").rename(tmp_path / "b.log.1")
        case "replace":
            append(tmp_path / "new", b"second\n")
            (tmp_path / "new").rename(tmp_path / "b.log")
        case "cut":
            os.truncate(tmp_path / "b.log", 0)
            append(tmp_path / "b.log", b"second\n")
    assert reader.take() == b"second\n"

"""A user's own regex."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel.clock import SECOND
from sentinel.formats import FormatError, FormatOptions, Parsed, make

AT = 1_772_590_269 * SECOND


def parsed(spec: dict[str, Any], raw: bytes) -> Parsed | None:
    return make(spec, FormatOptions()).parser(None)(raw, AT)


def test_two_underscores_in_a_group_name_are_a_dot() -> None:
    spec = {"regex": r"^(?P<user__name>\w+) read (?P<record_id>\d+)(?: of (?P<ward>\w+))?"}
    assert parsed(spec, b"kim read 4711\r") == ({"user.name": "kim", "record_id": "4711"}, None, 0)


def test_a_record_without_the_pattern_is_not_parsed() -> None:
    assert parsed({"regex": "(?P<a>x)"}, b"yyy") is None


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert parsed({"regex": "(?P<a>.*)"}, b"\xffk") == ({"a": "\ufffdk"}, None, 0)


@pytest.mark.parametrize(
    ("written", "micros", "digits"),
    [
        (b"2026-03-04T02:11:09.25Z", AT + 250_000, 2),
        (b"04/Mar/2026:02:11:09 +0000", AT, 0),
        (b"Mar  4 02:11:09", AT, 0),
        (b"1772590269.5", AT + 500_000, 1),
        (b"yesterday", None, 0),
    ],
)
def test_a_time_in_a_common_form_needs_no_pattern(written: bytes, micros: int | None, digits: int) -> None:
    result = parsed({"regex": r"\[(?P<time>[^\]]*)\]"}, b"[%b] x" % written)
    assert result is not None
    assert result[1:] == (micros, digits)


@pytest.mark.parametrize(
    ("pattern", "written", "micros", "digits"),
    [
        ("%d.%m.%Y %H:%M:%S", b"04.03.2026 02:11:09", AT, 0),
        ("%d.%m.%Y %H:%M:%S,%f", b"04.03.2026 02:11:09,250", AT + 250_000, 3),
        ("%d.%m.%Y %H:%M:%S %z", b"04.03.2026 03:11:09 +0100", AT, 0),
        ("%d.%m. %H:%M:%S", b"04.03. 02:11:09", AT, 0),
        ("%d.%m. %H:%M:%S", b"06.03. 02:11:09", AT - 363 * 86_400 * SECOND, 0),
        ("%d.%m.%Y %H:%M:%S", b"soon", None, 0),
    ],
)
def test_a_time_in_a_pattern_of_ones_own(pattern: str, written: bytes, micros: int | None, digits: int) -> None:
    result = parsed({"regex": "^(?P<at>[^|]*)[|]", "time": "at", "time_format": pattern}, written + b"|x")
    assert result is not None
    assert result[1:] == (micros, digits)


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ({"regex": "(?P<a>x"}, "the regex cannot be used: missing )", "RE2"),
        ({"regex": r"(?P<a>x)(?=y)"}, "the regex cannot be used: invalid perl operator: (?=", "RE2"),
        ({"regex": r"(?P<a>x)\1"}, "the regex cannot be used", "RE2"),
        ({"regex": "x(y)"}, "the regex has no named group, so it yields no field", "(?P<user__name>"),
        ({"regex": ""}, "format 'regex' needs a regex", "{regex:"),
        ({"regex": 7}, "setting 'regex' of format 'regex' must be text", "regex: '"),
        ({"regex": "(?P<a>x)", "tme": "a"}, "format 'regex' has no setting 'tme'", "did you mean 'time'?"),
        ({"regex": "(?P<at>x)", "time": "att"}, "the regex has no group 'att' for the time", "did you mean 'at'?"),
        ({"regex": "(?P<a>x)", "time_format": "%Y"}, "'time_format' is set, but no group holds the time", "add `time"),
        ({"regex": "(?P<time>x)", "time_format": "%Q"}, "'%Q' is no pattern for times", "strptime"),
    ],
)
def test_a_specification_that_cannot_work_says_why(spec: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(FormatError) as caught:
        make(spec, FormatOptions())
    assert caught.value.message.startswith(message)
    assert hint in caught.value.hint

"""JSON lines: what the fast decoder reads, what the tolerant one saves, and where the time is."""

from __future__ import annotations

import re
from typing import Any

import pytest

from sentinel.clock import SECOND
from sentinel.formats import FormatOptions, Parsed, make
from sentinel.formats.base import escape

AT = 1_772_590_269 * SECOND


def parsed(raw: bytes, time_field: str | None = None) -> Parsed | None:
    return make("json", FormatOptions(time_field=time_field)).parser(None)(raw, AT)


def fields(raw: bytes) -> dict[str, Any]:
    result = parsed(raw)
    assert result is not None
    return result[0]


def test_names_are_kept_as_written_nested_or_dotted() -> None:
    assert fields(b'{"user.name":"kim","url":{"path":"/a"},"tags":["x"]}') == {
        "user.name": "kim",
        "url": {"path": "/a"},
        "tags": ["x"],
    }


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":"\\ud800x"}', "\ufffdx"),
        (b'{"a":"\\ud83d\\ude00"}', "\U0001f600"),
        (b'{"a":"\xffx"}', "\ufffdx"),
        (b'{"a":NaN}', None),
        (b'{"a":-Infinity}', None),
        (b'{"a":1e400}', None),
        (b'{"a":"tab\there"}', "tab\there"),
        (b'\xef\xbb\xbf{"a":1}', 1),
        (b'{"a":1,"a":2}', 2),
        (b'{"a":[{"\\udc00":"\\ud800"}]}', [{"\ufffd": "\ufffd"}]),
        (b' {"a":1} \r', 1),
    ],
)
def test_what_the_fast_decoder_refuses_is_saved(raw: bytes, value: Any) -> None:
    assert fields(raw) == {"a": value}


@pytest.mark.parametrize(
    "raw", [b"", b"[1]", b'"kim"', b"1", b"null", b"{", b'{"a":1},', b"kim", b"[" * 5000, b'{"a":' * 5000, b"9" * 5000]
)
def test_what_is_no_object_is_not_parsed(raw: bytes) -> None:
    assert parsed(raw) is None


@pytest.mark.parametrize(
    ("written", "micros", "digits"),
    [
        (b'"@timestamp":"2026-03-04T02:11:09Z"', AT, 0),
        (b'"timestamp":"2026-03-04 02:11:09,250"', AT + 250_000, 3),
        (b'"time":"2026-03-04T03:11:09.1234567+01:00"', AT + 123_456, 6),
        (b'"ts":1772590269', AT, 0),
        (b'"ts":1772590269.5', AT + 500_000, 1),
        (b'"ts":"1772590269250"', AT + 250_000, 3),
        (b'"ts":1772590269250001', AT + 250_001, 6),
        (b'"ts":1772590269250001999', AT + 250_001, 6),
        (b'"time":0.25,"ts":1772590269', AT, 0),
        (b'"@timestamp":"soon","ts":1772590269', AT, 0),
        (b'"@timestamp":"0001-01-01T00:00:00Z"', None, 0),
        (b'"at":"2026-03-04T02:11:09Z"', None, 0),
        (b'"ts":true', None, 0),
    ],
)
def test_the_time_is_found_and_cut_to_microseconds(written: bytes, micros: int | None, digits: int) -> None:
    result = parsed(b"{%b}" % written)
    assert result is not None
    assert result[1:] == (micros, digits)


def test_a_named_time_field_alone_is_asked() -> None:
    raw = b'{"@timestamp":"2026-03-04T00:00:00Z","event":{"created":"2026-03-04T02:11:09Z"}}'
    result = parsed(raw, "event.created")
    assert result is not None
    assert result[1] == AT
    missing = parsed(raw, "event.start")
    assert missing is not None
    assert missing[1] is None


@pytest.mark.parametrize(
    ("raw", "is_hit"),
    [
        (b'{"status":401}', True),
        (b'{"http.response.status": "401"}', True),
        (b'{"status":401.0}', True),
        (b'{"status":4.01e2}', True),
        (b'{"status":[200,401]}', True),
        (b'{"status":4010}', False),
        (b'{"status":1401}', False),
        (b'{"status":200,"size":401}', False),
        (b'{"substatus":401}', False),
        (b'{"size":4.01e2,"status":200}', False),
    ],
)
def test_a_witness_is_bound_to_its_field(raw: bytes, is_hit: bool) -> None:
    pattern = make("json", FormatOptions()).witness("response.status", escape(b"401"), at_start=True, at_end=True)
    assert pattern is not None
    assert (re.search(pattern, raw, re.IGNORECASE) is not None) == is_hit


@pytest.mark.parametrize("written", [rb"\n", rb"\"", rb"\u00fc", rb"\u0022", rb"C:\\temp", rb"\ud83d\ude00"])
def test_an_escape_that_hides_no_run_is_no_sign(written: bytes) -> None:
    log = make("json", FormatOptions())
    raw = b'{"a":"x%by"}' % written
    assert not [sign for sign in log.signs if re.search(sign, raw, re.IGNORECASE)]

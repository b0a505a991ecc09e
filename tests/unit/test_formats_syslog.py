"""Syslog headers of either RFC, and what stands after them."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel import ecs
from sentinel.clock import SECOND
from sentinel.formats import FormatError, FormatOptions, Parsed, make

AT = 1_772_590_269 * SECOND
HOST = {ecs.HOST_HOSTNAME: "host1", ecs.PROCESS_NAME: "sshd", ecs.PROCESS_PID: 812}
PRIORITY = {ecs.LOG_SYSLOG_PRIORITY: 34, ecs.LOG_SYSLOG_FACILITY_CODE: 4, ecs.LOG_SYSLOG_SEVERITY_CODE: 2}


def parsed(raw: bytes, spec: Any = "syslog", reference: int = AT) -> Parsed:
    result = make(spec, FormatOptions()).parser(None)(raw, reference)
    assert result is not None
    return result


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"Mar  4 02:11:09 host1 sshd[812]: Accepted", {**HOST, ecs.MESSAGE: "Accepted"}),
        (b"<34>Mar  4 02:11:09 host1 sshd[812]: Accepted\r", {**HOST, **PRIORITY, ecs.MESSAGE: "Accepted"}),
        (b"2026-03-04T02:11:09+00:00 host1 sshd[812]: Accepted", {**HOST, ecs.MESSAGE: "Accepted"}),
        (b"<34>1 2026-03-04T02:11:09Z host1 sshd 812 - - Accepted", {**HOST, **PRIORITY, ecs.MESSAGE: "Accepted"}),
        (b"1 2026-03-04T02:11:09Z host1 sshd 812 - - \xef\xbb\xbfAccepted", {**HOST, ecs.MESSAGE: "Accepted"}),
        (b"Mar  4 02:11:09 host1 no tag here", {ecs.HOST_HOSTNAME: "host1", ecs.MESSAGE: "no tag here"}),
        (b"Mar  4 02:11:09 su: hi", {ecs.PROCESS_NAME: "su", ecs.MESSAGE: "hi"}),
        (b"Mar  4 02:11:09 su[7]: hi", {ecs.PROCESS_NAME: "su", ecs.PROCESS_PID: 7, ecs.MESSAGE: "hi"}),
        (b"Mar  4 02:11:09 host1 a[007]: hi", {ecs.HOST_HOSTNAME: "host1", ecs.PROCESS_NAME: "a", ecs.MESSAGE: "hi"}),
    ],
)
def test_a_header_yields_its_fields_and_the_text_after_it(raw: bytes, expected: dict[str, Any]) -> None:
    assert parsed(raw) == (expected, AT, 0)


def test_structured_data_is_decoded() -> None:
    raw = rb'<165>1 2026-03-04T02:11:09.003Z host1 app - ID47 [x@1 a="b \"c\" \\ \]" d=""][y] hello'
    found, micros, digits = parsed(raw)
    assert found[ecs.LOG_SYSLOG_STRUCTURED_DATA] == {"x@1": {"a": 'b "c" \\ ]', "d": ""}, "y": {}}
    assert (found[ecs.LOG_SYSLOG_MSGID], found[ecs.MESSAGE]) == ("ID47", "hello")
    assert (micros, digits) == (AT + 3000, 3)


def test_a_header_without_time_leaves_the_record_without_time() -> None:
    assert parsed(b"<34>1 - - - - - - hello") == ({**PRIORITY, ecs.MESSAGE: "hello"}, None, 0)


@pytest.mark.parametrize(
    ("now", "year"),
    [("2026-03-04T00:00:00Z", 2026), ("2026-03-03T02:11:09Z", 2026), ("2026-03-03T02:11:08Z", 2025)],
)
def test_a_missing_year_is_the_latest_that_is_not_more_than_a_day_ahead(now: str, year: int) -> None:
    from sentinel.formats.base import UTC
    from sentinel.formats.times import iso_reader

    read = iso_reader(UTC)
    reference, expected = read(now), read(f"{year}-03-04T02:11:09Z")
    assert reference is not None
    assert expected is not None
    assert parsed(b"Mar  4 02:11:09 host1 x: y", reference=reference[0])[1] == expected[0]


def test_the_text_is_read_by_the_second_format_and_its_time_goes_first() -> None:
    raw = b'Mar  4 02:11:08 host1 app[1]: @cee: {"user.name":"kim","ts":1772590269.5,"process.name":"own"}'
    found, micros, digits = parsed(raw, {"syslog": "json"})
    assert found == {
        ecs.HOST_HOSTNAME: "host1",
        ecs.PROCESS_NAME: "own",
        ecs.PROCESS_PID: 1,
        "user.name": "kim",
        "ts": 1772590269.5,
    }
    assert (micros, digits) == (AT + 500_000, 1)


def test_text_without_a_time_takes_the_headers() -> None:
    assert parsed(b'Mar  4 02:11:09 host1 app: {"a":1}', {"syslog": "json"})[1] == AT


def test_an_access_log_may_come_by_syslog() -> None:
    raw = b'Mar  4 02:11:09 web1 nginx: 10.0.0.1 - kim [04/Mar/2026:02:11:09 +0000] "GET /%61 HTTP/1.1" 200 5'
    found = parsed(raw, {"syslog": "nginx"})[0]
    assert (found[ecs.HOST_HOSTNAME], found[ecs.USER_NAME], found[ecs.URL_PATH]) == ("web1", "kim", "/a")


def test_text_that_the_second_format_cannot_read_is_the_message() -> None:
    assert parsed(b"Mar  4 02:11:09 host1 app: plain", {"syslog": "json"})[0][ecs.MESSAGE] == "plain"


@pytest.mark.parametrize("raw", [b"", b"hello", b"<999x>Mar", b"<34>", b'{"a":1}', b"Mar 99"])
def test_what_has_no_header_is_not_parsed(raw: bytes) -> None:
    assert make("syslog", FormatOptions()).parser(None)(raw, AT) is None


@pytest.mark.parametrize("spec", [{"syslog": "syslog"}, {"syslog": {"syslog": "json"}}, {"syslog": "auto"}])
def test_syslog_holds_another_format(spec: Any) -> None:
    with pytest.raises(FormatError):
        make(spec, FormatOptions())


def test_only_used_fields_of_the_header_need_be_read() -> None:
    raw = b'<165>1 2026-03-04T02:11:09Z host1 app 7 ID47 [x@1 a="b"] {"user.name":"kim"}'
    log = make({"syslog": "json"}, FormatOptions())
    assert log.parser(frozenset({"user.name"}))(raw, AT) == ({"user.name": "kim"}, AT, 0)
    wanted = log.parser(frozenset({"log.syslog.structured_data.x@1.a"}))(raw, AT)
    assert wanted is not None
    assert wanted[0][ecs.LOG_SYSLOG_STRUCTURED_DATA] == {"x@1": {"a": "b"}}

"""Access logs as nginx and Apache write them."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sentinel import ecs
from sentinel.clock import SECOND
from sentinel.formats import FormatOptions, Parsed, make

COMBINED = (
    b'203.0.113.7 - kim [04/Mar/2026:02:11:09 +0100] "GET /api/patients/4711?full=1 HTTP/1.1" 200 5123'
    b' "https://portal.example.org/start" "curl/8.5"'
)
AT = 1_772_586_669 * SECOND


def parsed(raw: bytes, spec: str = "nginx", used: frozenset[str] | None = None) -> Parsed:
    result = make(spec, FormatOptions()).parser(used)(raw, AT)
    assert result is not None
    return result


def fields(raw: bytes, spec: str = "nginx") -> dict[str, Any]:
    return parsed(raw, spec)[0]


def request(line: bytes, spec: str = "nginx") -> dict[str, Any]:
    return fields(b'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "%b" 200 5 "-" "-"' % line, spec)


@pytest.mark.parametrize("spec", ["nginx", "apache", "combined", "common"])
def test_a_combined_line_yields_every_field(spec: str) -> None:
    assert parsed(COMBINED, spec) == (
        {
            ecs.SOURCE_ADDRESS: "203.0.113.7",
            ecs.SOURCE_IP: "203.0.113.7",
            ecs.USER_NAME: "kim",
            ecs.HTTP_REQUEST_METHOD: "GET",
            ecs.URL_ORIGINAL: "/api/patients/4711?full=1",
            ecs.URL_PATH: "/api/patients/4711",
            ecs.URL_QUERY: "full=1",
            ecs.HTTP_VERSION: "1.1",
            ecs.HTTP_RESPONSE_STATUS_CODE: 200,
            ecs.HTTP_RESPONSE_BODY_BYTES: 5123,
            ecs.HTTP_REQUEST_REFERRER: "https://portal.example.org/start",
            ecs.USER_AGENT_ORIGINAL: "curl/8.5",
        },
        AT,
        0,
    )


def test_only_used_fields_need_be_read() -> None:
    assert parsed(COMBINED, used=frozenset({ecs.USER_NAME, ecs.SOURCE_IP})) == (
        {ecs.USER_NAME: "kim", ecs.SOURCE_IP: "203.0.113.7"},
        AT,
        0,
    )


def test_a_common_line_has_no_referrer_and_no_agent() -> None:
    found = fields(b'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "GET / HTTP/1.0" 304 -')
    assert found[ecs.HTTP_RESPONSE_STATUS_CODE] == 304
    assert not found.keys() & {
        ecs.HTTP_REQUEST_REFERRER,
        ecs.USER_AGENT_ORIGINAL,
        ecs.HTTP_RESPONSE_BODY_BYTES,
        ecs.USER_NAME,
    }


def test_the_virtual_host_in_front_is_the_domain() -> None:
    found = fields(b"portal.example.org:443 " + COMBINED, "vhost_combined")
    assert (found[ecs.URL_DOMAIN], found[ecs.SOURCE_IP], found[ecs.USER_NAME]) == (
        "portal.example.org",
        "203.0.113.7",
        "kim",
    )


def test_a_host_name_is_an_address_but_no_ip() -> None:
    found = fields(COMBINED.replace(b"203.0.113.7", b"client.example.org"))
    assert found[ecs.SOURCE_ADDRESS] == "client.example.org"
    assert ecs.SOURCE_IP not in found
    assert fields(COMBINED.replace(b"203.0.113.7", b"2001:db8::7"))[ecs.SOURCE_IP] == "2001:db8::7"


def test_nginx_escapes_are_undone_once() -> None:
    found = fields(COMBINED.replace(b"curl/8.5", rb"a\x22b\x5Cx41 M\xC3\xBCller"))
    assert found[ecs.USER_AGENT_ORIGINAL] == 'a"b\\x41 Müller'


def test_apache_escapes_are_undone_once() -> None:
    found = fields(COMBINED.replace(b"curl/8.5", rb"say \"hi\"\\n\t\xc3\xbc" + b"\\\\"), "apache")
    assert found[ecs.USER_AGENT_ORIGINAL] == 'say "hi"\\n\tü\\'


def test_bytes_that_are_not_utf8_are_replaced() -> None:
    assert fields(COMBINED.replace(b"curl", b"\xffcurl"))[ecs.USER_AGENT_ORIGINAL] == "\ufffdcurl/8.5"


@pytest.mark.parametrize(
    ("written", "name"), [(b"kim larsen", "kim larsen"), (b"x [1]", "x [1]"), (b"a - b [", "a - b ["), (b'""', None)]
)
def test_a_user_name_is_whatever_stands_before_the_last_bracket(written: bytes, name: str | None) -> None:
    assert fields(COMBINED.replace(b" kim ", b" %b " % written)).get(ecs.USER_NAME) == name


def test_a_user_name_cannot_forge_the_rest_of_the_line() -> None:
    forged = rb"kim [04/Mar/2026:00:00:00 +0000] \x22GET /x HTTP/1.1\x22 200 1"
    found = fields(COMBINED.replace(b" kim ", b" %b " % forged))
    assert found[ecs.URL_PATH] == "/api/patients/4711"
    assert found[ecs.USER_NAME].startswith("kim [04/Mar")


def test_a_request_that_is_none_is_still_a_record_with_its_text_kept() -> None:
    found = request(rb"\x16\x03\x01\x02\x00 hello")
    assert found[ecs.MESSAGE] == "\x16\x03\x01\x02\x00 hello"
    assert found[ecs.HTTP_RESPONSE_STATUS_CODE] == 200
    assert not found.keys() & {ecs.URL_ORIGINAL, ecs.URL_PATH, ecs.HTTP_REQUEST_METHOD}


@pytest.mark.parametrize("line", [b"-", b""])
def test_a_request_that_never_came_is_absent(line: bytes) -> None:
    assert not request(line).keys() & {ecs.URL_ORIGINAL, ecs.HTTP_REQUEST_METHOD, ecs.MESSAGE}


def test_a_target_may_hold_spaces_and_lack_a_version() -> None:
    assert request(b"GET /a b HTTP/1.1")[ecs.URL_PATH] == "/a b"
    assert request(b"GET /a b")[ecs.URL_PATH] == "/a b"
    assert ecs.HTTP_VERSION not in request(b"GET /a b")


@pytest.mark.parametrize(
    "target",
    [
        b"/api/patients/1",
        b"/api/p%61tients/1",
        b"//api///patients/1",
        b"/x/../api/./patients/1",
        b"/x/%2e%2e/api/patients/1",
        b"/api;v=1/patients;a=b/1;c",
        b"/x/..;/api/patients/1",
        b"http://portal.example.org/api/patients/1",
        b"/api/patients/1?x=/../y",
        b"/api/patients/1#there",
    ],
)
def test_no_spelling_walks_past_the_inventory(target: bytes) -> None:
    found = request(b"GET %b HTTP/1.1" % target)
    assert found[ecs.URL_PATH] == "/api/patients/1"
    assert found[ecs.URL_ORIGINAL] == target.decode()


@pytest.mark.parametrize(("target", "path"), [(b"/a/%zz%41", "/a/%zzA"), (b"/a/%ff/%41", "/a/\ufffd/A")])
def test_what_cannot_be_decoded_is_kept_and_said(target: bytes, path: str) -> None:
    found = request(b"GET %b HTTP/1.1" % target)
    assert (found[ecs.URL_PATH], found[ecs.EVENT_KIND]) == (path, "pipeline_error")
    assert found[ecs.URL_ORIGINAL] == target.decode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"hello",
        b'{"a": "b", "c": "d"}',
        b'10.0.0.1 - - "GET / HTTP/1.1" 200 5',
        b'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "GET / HTTP/1.1" many 5',
        b'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "GET / HTTP/1.1',
        b'- "" [' * 5000,
    ],
)
def test_what_is_no_access_line_is_not_parsed(raw: bytes) -> None:
    assert make("nginx", FormatOptions()).parser(None)(raw, AT) is None


def test_fields_after_the_agent_and_a_carriage_return_do_no_harm() -> None:
    assert fields(COMBINED + b' 0.003 "-"\r')[ecs.USER_AGENT_ORIGINAL] == "curl/8.5"
    short = b'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "GET / HTTP/1.0" 304 17\r'
    assert fields(short)[ecs.HTTP_RESPONSE_BODY_BYTES] == 17


def test_numbers_in_no_ordinary_spelling_are_absent() -> None:
    found = fields(b'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "GET / HTTP/1.0" 000 007')
    assert not found.keys() & {ecs.HTTP_RESPONSE_STATUS_CODE, ecs.HTTP_RESPONSE_BODY_BYTES}


def test_a_time_that_is_none_leaves_the_record_without_time() -> None:
    assert parsed(COMBINED.replace(b"04/Mar/2026", b"31/Feb/2026"))[1:] == (None, 0)


def test_a_time_without_offset_is_local() -> None:
    options = FormatOptions(timezone=ZoneInfo("Europe/Copenhagen"))
    result = make("nginx", options).parser(None)(COMBINED.replace(b" +0100", b""), AT)
    assert result is not None
    assert result[1] == AT


def test_an_ordinary_record_carries_no_sign_of_escapes() -> None:
    import re

    log = make("nginx", FormatOptions())
    ordinary = (
        b'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "GET /a.b/.well-known?x=%41;y=//../ HTTP/1.1" 200 5'
        b' "https://a/%41//;" "Mozilla/5.0 (X11; Linux x86_64) \\x22x\\x22"'
    )
    assert not [sign for sign in log.signs if re.search(sign, ordinary, re.IGNORECASE)]

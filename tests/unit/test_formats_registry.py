"""The formats by name, and the decision that `auto` makes."""

from __future__ import annotations

from typing import Any

import hyperscan
import pytest

from sentinel.formats import FORMATS, FormatError, FormatOptions, make, sniff
from sentinel.formats.base import PRINTABLE, escape, fold, needs_fold, unescape, value_text
from tests.formats_fixtures import samples

OPTIONS = FormatOptions()
SPECS: tuple[Any, ...] = (
    *(name for name in FORMATS if name not in ("regex", "csv")),
    *(sample.spec for sample in samples() if isinstance(sample.spec, dict)),
    {"regex": "(?P<a>.*)"},
    {"syslog": "json"},
    {"syslog": "nginx"},
    {"json": None},
)
ACCESS = b'10.0.0.1 - kim [04/Mar/2026:02:11:09 +0000] "GET /%61 HTTP/1.1" 200 5 "-" "-"\n'
JSON = b'{"user.name":"kim"}\n'


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_every_pattern_of_every_format_compiles_and_crosses_no_line(spec: Any) -> None:
    log = make(spec, OPTIONS)
    assert log.inert <= PRINTABLE
    fields = ("message", "user.name", "url.path", "http.response.status_code", "größe", "", "a.", "process.pid", 'x"')
    flags = [(start, end) for start in (False, True) for end in (False, True)]
    literals = [escape(run) for run in (b"kim", b"401", b"e", b"-", b" ", b"GET /")]
    patterns = [log.witness(field, each, *flag) for field in fields for each in literals for flag in flags]
    known = sorted({*(pattern for pattern in patterns if pattern is not None), *log.signs, *log.opaque})
    database = hyperscan.Database()
    count = len(known)
    database.compile(
        expressions=known, ids=list(range(count)), elements=count, flags=[hyperscan.HS_FLAG_CASELESS] * count
    )
    ends_of_line: list[int] = []
    for pattern in known:
        single = hyperscan.Database()
        flags_with_start = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SOM_LEFTMOST
        single.compile(expressions=[pattern], ids=[0], elements=1, flags=flags_with_start)
        for block in (ACCESS * 2, JSON * 2, b'"message":\n"kim"\n[\nkim"\n'):
            found: list[tuple[int, int]] = []
            single.scan(block, match_event_handler=lambda _id, start, end, *_, found=found: found.append((start, end)))
            ends_of_line += [block.count(b"\n", start, end) for start, end in found]
    assert not any(ends_of_line)


@pytest.mark.parametrize(
    ("spec", "message", "hint"),
    [
        ("ngnix", "unknown format 'ngnix'", "did you mean 'nginx'?"),
        ("auto", "'auto' is decided from the log itself", "name the format here"),
        ({"jsn": None}, "unknown format 'jsn'", "did you mean 'json'?"),
        ({}, "unknown format ''", "known here: "),
        ({"json": None, "nginx": None}, "a format has one name, not 2: 'json', 'nginx'", "keep one of them"),
        ({"json": None, "colour": 1}, "format 'json' has no setting 'colour'", "write `format: json`"),
        ({"nginx": None, "colour": 1}, "format 'nginx' has no setting 'colour'", "write `format: nginx`"),
        ({"syslog": "jsn"}, "unknown format 'jsn'", "did you mean 'json'?"),
        ({"syslog": "json", "x": 1}, "format 'syslog' has no setting 'x'", "write `format: {syslog: json}`"),
        ("regex", "format 'regex' needs a regex", "write"),
        ({"nginx": 7}, "format 'nginx' takes the server's own log_format string", "{nginx: '…'}"),
        ({"nginx": "$a$b"}, "it cannot be told where 'a' ends: another variable follows at once", "put a space"),
        ({"nginx": '{"a":"$b"}'}, "this log_format writes JSON", "write `format: json`"),
        ({"apache": "plain"}, "the LogFormat string has no variable", "give it as it stands in apache's own file"),
        ({"caddy": 1, "x": 2}, "format 'caddy' has no setting 'x'", "write `format: caddy`"),
        ({"alb": "x"}, "format 'alb' takes no such setting", "write `format: alb`"),
        ({"postgresql": 1}, "format 'postgresql' takes the server's log_line_prefix", "{postgresql:"),
        ("csv", "format 'csv' needs the names of its columns", "{csv: ["),
        ({"csv": ["a", "a"]}, "two columns of format 'csv' have one name", "give every column"),
        ({"csv": ["a"], "delimiter": ";;"}, "'delimiter' of format 'csv' is one sign", "{csv: […], delimiter: ';'}"),
        ({"w3c": 7}, "format 'w3c' takes the line that begins '#Fields:'", "{w3c:"),
        ({"docker": "cri"}, "format 'docker' holds a program's own format, not 'cri'", "write"),
        ({"docker": None, "x": 1}, "format 'docker' has no setting 'x'", "write `format: {docker: json}`"),
        ({1: 2}, "the settings of a format are named by text", "write"),
        (7, "a format is a name or a mapping", "write"),
    ],
)
def test_a_bad_specification_says_what_to_write(spec: Any, message: str, hint: str) -> None:
    with pytest.raises(FormatError) as caught:
        make(spec, OPTIONS)
    assert caught.value.message == message
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("sample", "spec", "begin"),
    [
        (JSON * 30, "json", "JSON lines, because 30 of its first 30 records are"),
        (ACCESS * 200, "combined", "an access log, because 100 of its first 100 records are"),
        ((b"portal:443 " + ACCESS) * 5, "vhost_combined", "an access log with the virtual host in front"),
        (b"Mar  4 02:11:09 host1 sshd[1]: hi\n" * 5, "syslog", "syslog, because 5"),
        ((b"Mar  4 02:11:09 host1 app: " + JSON) * 5, {"syslog": "json"}, "syslog with JSON"),
        ((b"Mar  4 02:11:09 host1 app: " + ACCESS) * 5, {"syslog": "combined"}, "syslog with an access log"),
        (JSON * 19 + b"Traceback (most recent call last):\n", "json", "JSON lines, because 19 of its first 20"),
        (JSON * 5 + b'{"user.na', "json", "JSON lines, because 5 of its first 5"),
        (JSON.strip(), "json", "JSON lines, because its first record is"),
        (b"hello\nworld\n", {"regex": "(?P<message>.*)"}, "lines of text, because the log's first 2 lines are of no"),
        (b"\n\n", {"regex": "(?P<message>.*)"}, "lines of text, because there is no record to judge by yet"),
        (b"", {"regex": "(?P<message>.*)"}, "lines of text, because there is no record to judge by yet"),
    ],
)
def test_auto_decides_from_the_first_records_and_says_so(sample: bytes, spec: Any, begin: str) -> None:
    decided, sentence = sniff(sample)
    assert decided == spec
    assert sentence.startswith(begin)
    make(decided, OPTIONS)


def test_a_literal_is_every_byte_in_hexadecimal() -> None:
    assert escape(b"a.\x00") == rb"\x61\x2e\x00"
    assert unescape(escape(bytes(range(256)))) == bytes(range(256))


def test_three_characters_fold_to_ascii_and_ascii_is_left_alone() -> None:
    assert fold("\u212aIM \u017f \u0130".encode()) == "kIM s i\u0307".encode()
    assert needs_fold("\u0130".encode())
    assert not needs_fold("KIM ü".encode())


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (401, "401"),
        (401.0, "401"),
        (0.5, "0.5"),
        (True, "true"),
        (False, "false"),
        ("x", "x"),
        (None, None),
        ([1], None),
    ],
)
def test_a_value_has_one_text(value: Any, text: str | None) -> None:
    assert value_text(value) == text

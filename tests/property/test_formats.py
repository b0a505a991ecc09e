"""What the scan-first path rests on: however a value is written, each run of it is found where it is looked for."""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Iterator
from typing import Any

import hyperscan
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sentinel import ecs
from sentinel.clock import SECOND
from sentinel.detect.fields import getter
from sentinel.formats import Format, FormatOptions, Spec, access_line, make
from sentinel.formats.base import escape, value_text
from tests.formats_fixtures import samples

REFERENCE = 1_772_590_269 * SECOND
OPTIONS = FormatOptions()
ODD = "aAkKsSiI0159./\\\"'&<>%;?#[]{}:,- =+`_\t\n\r\x00\x7fü\u212a\u0130\u017f€\u2028\U0001f600\ud800"
SNIPPETS = ("kim", "401", "true", "1e5", "%4b", "%e2%84%aa", "%2e", "\\u0041", "\\x41", "\\/", "//", "/../", "\u212aim")

snippets = st.lists(st.one_of(st.sampled_from(SNIPPETS), st.text(ODD, max_size=4)), max_size=5).map("".join)
texts = st.one_of(snippets, st.text(max_size=12))
raw_bytes = st.one_of(texts.map(lambda text: text.encode("utf-8", "replace")), st.binary(max_size=12))


# --- the promise, checked the slow and obvious way ------------------------------------------------------------------


def values(fields: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field that a rule can name, with the text of each of its values."""
    if isinstance(fields, dict):
        for key, value in fields.items():
            yield from values(value, f"{path}.{key}" if path else key)
    elif isinstance(fields, list):
        for each in fields:
            yield from values(each, path)
    elif (text := value_text(fields)) is not None:
        yield path, text


def runs(text: str, inert: frozenset[int]) -> Iterator[tuple[bytes, bool, bool]]:
    folded = text.lower().replace("\u017f", "s")
    pattern = "[" + "".join(map(re.escape, map(chr, sorted(inert)))) + "]+"
    for match in re.finditer(pattern, folded):
        yield match[0].encode(), match.start() == 0, match.end() == len(folded)


def searches(log: Format, fields: dict[str, Any], raw: bytes, chance: random.Random) -> Iterator[bytes]:
    """What may be looked for in a record with these fields: whole runs and parts of them, bound to the ends or not."""
    for name, text in values(fields):
        for run, at_start, at_end in runs(text, log.inert):
            begin, end = sorted((chance.randint(0, len(run) - 1), chance.randint(1, len(run))))
            end = max(end, begin + 1)
            for part, first, last in (
                (run, at_start, at_end),
                (run, False, at_end),
                (run, at_start, False),
                (run[:end], at_start, at_end and end == len(run)),
                (run[begin:], at_start and begin == 0, at_end),
                (run[begin:end], False, False),
            ):
                pattern = log.witness(name, escape(part), at_start=first, at_end=last)
                if pattern is not None:
                    yield pattern
    for run, _, _ in runs(raw.decode("utf-8", "replace"), log.inert):
        yield escape(run)


def is_found(pattern: bytes, text: bytes) -> bool:
    return re.search(pattern, text, re.IGNORECASE) is not None


def hold_promise(log: Format, raw: bytes, seed: int) -> None:
    raw = raw.replace(b"\n", b" ")
    parsed = log.parser(None)(raw, REFERENCE)
    fields = {ecs.MESSAGE: raw.decode("utf-8", "replace")} if parsed is None else parsed[0]
    if any(is_found(pattern, raw) for pattern in log.opaque):
        return
    has_sign = any(is_found(pattern, raw) for pattern in log.signs)
    decoded = log.decode(raw)
    assert b"\n" not in decoded
    for pattern in searches(log, fields, raw, random.Random(seed)):
        assert b"\n" not in pattern
        assert is_found(pattern, raw) or (has_sign and is_found(pattern, decoded)), (pattern, raw, decoded, fields)


# --- as real writers write ------------------------------------------------------------------------------------------


def nginx_escape(value: bytes) -> bytes:
    return b"".join(
        b"\\x%02X" % byte if byte < 0x20 or byte >= 0x7F or byte in b'"\\' else bytes((byte,)) for byte in value
    )


def apache_escape(value: bytes) -> bytes:
    letters = {8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 13: b"\\r", 34: b'\\"', 92: b"\\\\"}
    return b"".join(
        letters.get(byte) or (b"\\x%02x" % byte if byte < 0x20 or byte >= 0x7F else bytes((byte,))) for byte in value
    )


def unescaped(value: bytes) -> bytes:
    """A log_format with `escape=none`, or a proxy that does not care."""
    return value.replace(b'"', b"'")


WRITERS = (nginx_escape, apache_escape, unescaped)


@st.composite
def access_lines(draw: st.DrawFn, has_host: bool = False) -> bytes:
    write = draw(st.sampled_from(WRITERS))
    address = draw(st.sampled_from((b"10.0.0.1", b"2001:db8::1", b"client.example.org", b"unix:", b"-")))
    user = draw(st.one_of(st.sampled_from((b"-", b"kim", b"kim larsen", b"x [1] ", b'""')), raw_bytes.map(write)))
    request = draw(st.one_of(request_lines(), raw_bytes, st.sampled_from((b"-", b"", b"\x16\x03\x01\x02;%41"))))
    status = draw(st.sampled_from((b"200", b"401", b"000", b"-", b"099")))
    count = draw(st.sampled_from((b"0", b"5123", b"-", b"007", b"9" * 30)))
    tail = draw(st.sampled_from((b"", b' "%b" "%b"', b' "%b" "%b" 0.003 "-"', b' "%b"')))
    quoted = tuple(write(draw(raw_bytes)) for _ in range(tail.count(b"%b")))
    host = draw(st.sampled_from((b"portal.example.org:443 ", b"portal ", b"[::1]:80 "))) if has_host else b""
    line = b'%b%b - %b [04/Mar/2026:02:11:09 +0000] "%b" %b %b' % (host, address, user, write(request), status, count)
    end = draw(st.sampled_from((b"", b"", b"", b"\r", b" ", b'"')))
    return (line + tail % quoted + end).replace(b"\n", b" ")


@st.composite
def request_lines(draw: st.DrawFn) -> bytes:
    method = draw(st.sampled_from((b"GET", b"POST", b"get", b"M-SEARCH", b"G3T")))
    origin = draw(st.sampled_from((b"", b"", b"", b"http://portal", b"HTTPS://u:p@Portal:8080", b"http://[::1]:1")))
    part = st.one_of(
        st.sampled_from((b"api", b"patients", b"%50atients", b".", b"..", b"", b"a;v=1", b"%zz", b"%ff", b"%e2%84%aa")),
        st.sampled_from((b"%2e%2e", b"%252e", b".well-known", b"a b", b"4711", b"...", b"%3b", b"\xe2\x84\xaa", b"*")),
        raw_bytes,
    )
    path = b"/".join(draw(st.lists(part, max_size=6)))
    if not draw(st.sampled_from((True, True, True, False))):
        origin = path = b""
    slash = draw(st.sampled_from((b"/", b"/", b"/", b"")))
    query = draw(st.sampled_from((b"", b"?", b"?full=1&k=%4b", b"?a//b;c/../d", b"#f", b"?q#f", b"?\xe2\x84\xaa")))
    version = draw(st.sampled_from((b" HTTP/1.1", b" HTTP/2.0", b"", b" HTTP/")))
    return method + b" " + origin + slash + path + query + version


class Written(str):
    """A number in the spelling its writer chose."""

    __slots__ = ()


NUMBERS = """
0 -0 -0.0 -0.00 401 401.0 401.00 4.01e2 4.010E+2 40.10 1e5 1E400 1e-400 -1e400 1e23 0.1 0.10 0.0001 0.00001 100
-0.00001234 123456789012345678 18446744073709551615 12345678901234567890123 -9223372036854775809 1700000000.1234567
0.1234567890123456789 12345678.12345678 12345678901234567.5 9007199254740993 9007199254740993.0 123456789.1234567
1.7976931348623157e308 5e-324 0.3000000000000000444 1000000.5 NaN Infinity -Infinity
""".split()  # noqa: SIM905  (forty quoted numbers are harder to read)
KEYS = ("a", "user.name", "status", "größe", 'a"b', "a\\b", "message", "", "a.b", "b", "k/\u212a", "tab\t", "a.")

numbers = st.one_of(
    st.sampled_from(NUMBERS),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.integers().map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=7).map(str),
).map(Written)
json_values = st.recursive(
    st.one_of(texts, numbers, st.booleans(), st.none()),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.lists(st.tuples(st.sampled_from(KEYS), inner), max_size=3).map(tuple)
    ),
    max_leaves=8,
)
json_objects = st.lists(st.tuples(st.sampled_from(KEYS), json_values), max_size=5).map(tuple)


def plain_string(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def ascii_string(text: str) -> str:
    return json.dumps(text)


def php_string(text: str) -> str:
    return json.dumps(text).replace("/", "\\/")


def go_string(text: str) -> str:
    written = json.dumps(text, ensure_ascii=False)
    for letter, code in (("<", "3c"), (">", "3e"), ("&", "26"), ("\u2028", "2028")):
        written = written.replace(letter, f"\\u{code:>04}")
    return written


def net_string(text: str) -> str:
    written = json.dumps(text).replace('\\"', "\\u0022")
    for letter, code in (("<", "3C"), (">", "3E"), ("&", "26"), ("'", "27"), ("+", "2B"), ("`", "60")):
        written = written.replace(letter, f"\\u00{code}")
    return written


def paranoid_string(text: str) -> str:
    """Everything escaped, in mixed case."""
    codes = [
        text.encode("utf-16-be", "surrogatepass")[place : place + 2].hex() for place in range(0, 2 * units(text), 2)
    ]
    return '"' + "".join("\\u" + (code.upper() if number % 2 else code) for number, code in enumerate(codes)) + '"'


def units(text: str) -> int:
    return len(text.encode("utf-16-be", "surrogatepass")) // 2


STRINGS = (plain_string, ascii_string, php_string, go_string, net_string, paranoid_string)


@st.composite
def json_lines(draw: st.DrawFn) -> bytes:
    quote = draw(st.sampled_from(STRINGS))
    colon, comma = draw(st.sampled_from(((":", ","), (": ", ", "), (" :\t", " , "), (":\r", "\r,"))))

    def write(value: Any) -> str:
        if isinstance(value, Written):
            return value
        if isinstance(value, str):
            return quote(value)
        if isinstance(value, list):
            return "[" + comma.join(map(write, value)) + "]"
        if isinstance(value, tuple):
            return "{" + comma.join(quote(key) + colon + write(each) for key, each in value) + "}"
        return json.dumps(value)

    line = write(draw(json_objects)).encode("utf-8", draw(st.sampled_from(("replace", "surrogatepass"))))
    if draw(st.integers(0, 9)) == 0:
        place = draw(st.integers(0, len(line)))
        line = line[:place] + draw(st.sampled_from((b"\xff", b"\\", b'"', b"}", b"\\u004b"))) + line[place:]
    return draw(st.sampled_from((b"", b"", b"", b"\xef\xbb\xbf"))) + line + draw(st.sampled_from((b"", b"\r")))


HEADERS = (
    b"<34>Mar  4 02:11:09 host1 portal[812]: ",
    b"Mar  4 02:11:09 h\xe2\x84\xaast portal: ",
    b"2026-03-04T02:11:09.5+01:00 host1 portal[-1]: ",
    b"Mar  4 02:11:09 portal[007]: ",
    b"<165>1 2026-03-04T02:11:09.003Z host1 portal 812 ID47 - ",
    b'<165>1 2026-03-04T02:11:09Z host1 portal - - [a@1 b="c\\]d\\"e\\\\f" k="\xe2\x84\xaa"][x] \xef\xbb\xbf',
    b"1 - - - - - - ",
    b"Mar  4 02:11:09 host1 @cee: ",
    b"",
)
headers = st.sampled_from(HEADERS)
seeds = st.integers(0, 2**32)


SAMPLES = {repr(sample.spec): sample.records for sample in samples()}


@st.composite
def changed_lines(draw: st.DrawFn, records: tuple[bytes, ...]) -> bytes:
    """A real record in which some values, or parts of them, are others."""
    line = draw(st.sampled_from(records))
    words = [match.span() for match in re.finditer(rb"[^\s\"'=,|;:{}\[\]()]+", line)]
    chosen = draw(st.lists(st.sampled_from(words), max_size=4, unique=True)) if words else []
    for begin, end in sorted(chosen, reverse=True):
        place = draw(st.integers(begin, end))
        new = draw(st.one_of(raw_bytes, st.sampled_from(PATHS), st.sampled_from(ODD_VALUES)))
        line = draw(st.sampled_from((line[:begin] + new + line[end:], line[:place] + new + line[place:])))
    return line


PATHS = (
    b"/api/p%61tients/1",
    b"//a/b",
    b"/a/../b",
    b"/a;v=1/b",
    b"http://h//a",
    b"https://h/a%2fb",
    b"/a?b=//c",
    b"/a.b",
)
ODD_VALUES = (
    b"", b"-", b"007", b"1e5", b"4.10", b"true", b"null", b'"', b'""', b'\\"', b"\\x22", b"\\u0041", b"\\/", b"\\\\",
    b"a b", b"\\xe2\\x84\\xaaim", b"\xe2\x84\xaaim", b"4B494D", b"e284aa696d", b"a=b", b"\\=", b"\\|", b"kim@corp",
    b"1.2.3.4:5", b"[::1]:5", b"GET /a HTTP/1.1", b" HTTP/1.1", b"Mozilla/5.0+(X11;+x)", b"'", b"\\'", b"\t",
    b"\x1d", b"\r",
)  # fmt: skip


def lines_of(spec: Spec) -> st.SearchStrategy[bytes]:
    noise = st.one_of(raw_bytes, st.sampled_from((b"", b"{}", b"[1]", b'"kim"', b"null", b"{", b'{"a":1} x')))
    if repr(spec) in SAMPLES and spec not in ("json", "syslog", "combined", "vhost_combined"):
        return st.one_of(changed_lines(SAMPLES[repr(spec)]), changed_lines(SAMPLES[repr(spec)]), noise)
    match spec:
        case "json":
            return st.one_of(json_lines(), json_lines(), json_lines(), noise)
        case "vhost_combined":
            return st.one_of(access_lines(has_host=True), noise)
        case "syslog":
            return st.builds(bytes.__add__, headers, raw_bytes)
        case {"syslog": inner}:
            return st.builds(bytes.__add__, headers, lines_of(inner))
        case {"regex": _}:
            return st.one_of(raw_bytes, access_lines())
    return st.one_of(access_lines(), access_lines(), access_lines(), noise)


NAMED: dict[str, Any] = {"regex": r"(?P<user__name>\S+) (?P<rest>.*)"}
SPECS: tuple[Any, ...] = (
    "nginx",
    "apache",
    "combined",
    "common",
    "vhost_combined",
    "json",
    "syslog",
    {"syslog": "json"},
    {"syslog": "nginx"},
    NAMED,
    *(sample.spec for sample in samples() if sample.name not in ("json", "syslog", "combined", "vhost_combined")),
)
records_and_formats = st.sampled_from(SPECS).flatmap(lambda spec: st.tuples(st.just(spec), lines_of(spec)))


# --- the tests ------------------------------------------------------------------------------------------------------


@settings(max_examples=400, deadline=None)
@given(json_lines(), seeds)
@example('{"user":{"name":"\u212aIM"},"a":"\\u212aim\\/x"}'.encode(), 1)
@example(b'{"status":4.01e2,"a":[401.0,{"b":-0}],"message":1e5}', 2)
@example(b'{"a":"\\\\u0041\\\\\\/","b":"\\u0041\\\\/"}', 3)
@example(b'{"a":"\xff","a":"k\\ud800k"}', 4)
@example(b'{"a":-9223372036854775809,"b":[18446744073709551616]}', 5)
def test_whatever_a_json_writer_writes_each_run_is_found(raw: bytes, seed: int) -> None:
    hold_promise(make("json", OPTIONS), raw, seed)


@settings(max_examples=400, deadline=None)
@given(access_lines(), seeds)
@example(b'- - - [04/Mar/2026:02:11:09 +0000] "GET /a/%4B/../k\\xE2\\x84\\xAA//x;y HTTP/1.1" 200 5', 1)
@example(b'- - - [04/Mar/2026:02:11:09 +0000] "GET http://portal/a\\"b%41 HTTP/1.1" 200 5 "a" "b"', 2)
def test_whatever_an_access_log_writes_each_run_is_found(raw: bytes, seed: int) -> None:
    hold_promise(make("combined", OPTIONS), raw, seed)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(("/api/patients/4711", "/a/", "/", "/a.b/c%zz")),
    st.sampled_from(("%70", "/", "/./", "/../", "/.", "/..", ";v=1", "#f", "%", "?", "\\x22", '\\"', ".", "%2e%2e/")),
    st.integers(0, 20),
    st.sampled_from((" HTTP/1.1", "", "?a=1 HTTP/1.1")),
    seeds,
)
@example("/api/patients/4711", ";v=1", 4, " HTTP/1.1", 1)
def test_one_odd_thing_in_a_path_hides_no_run(path: str, odd: str, place: int, rest: str, seed: int) -> None:
    target = path[:place] + odd + path[place:] + rest
    raw = f'10.0.0.1 - - [04/Mar/2026:02:11:09 +0000] "GET {target}" 200 5 "-" "curl/8"'.encode()
    hold_promise(make("nginx", OPTIONS), raw, seed)


@pytest.mark.parametrize("spec", SPECS[10:], ids=str)
@settings(max_examples=150, deadline=None)
@given(data=st.data(), seed=seeds)
def test_each_run_is_found_in_a_log_like_its_sample(spec: Any, data: st.DataObject, seed: int) -> None:
    hold_promise(make(spec, OPTIONS), data.draw(lines_of(spec)), seed)


@settings(max_examples=400, deadline=None)
@given(records_and_formats, seeds)
def test_each_run_is_found_in_every_format(spec_and_raw: tuple[Any, bytes], seed: int) -> None:
    spec, raw = spec_and_raw
    hold_promise(make(spec, OPTIONS), raw, seed)


@settings(max_examples=60, deadline=None)
@given(records_and_formats, seeds)
def test_the_scanner_finds_what_the_patterns_say(spec_and_raw: tuple[Any, bytes], seed: int) -> None:
    spec, raw = spec_and_raw
    raw = raw.replace(b"\n", b" ")
    log = make(spec, OPTIONS)
    parsed = log.parser(None)(raw, REFERENCE)
    fields = parsed[0] if parsed else {ecs.MESSAGE: raw.decode("utf-8", "replace")}
    patterns = sorted({*searches(log, fields, raw, random.Random(seed)), *log.signs})
    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_CASELESS
    database.compile(expressions=patterns, ids=list(range(len(patterns))), elements=len(patterns), flags=flags)
    for text in (raw, log.decode(raw)):
        found: set[int] = set()
        # A neighbour on either side, as in a block: no pattern may reach into it or need the block's end.
        block = b"\x01\n" + text + b"\n\x01\n"
        database.scan(block, match_event_handler=lambda number, *_, found=found: found.add(number))
        assert found == {number for number, pattern in enumerate(patterns) if is_found(pattern, text)}


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(SPECS), st.lists(st.one_of(access_lines(), json_lines(), raw_bytes), max_size=4))
def test_decoding_many_records_is_decoding_each(spec: Any, raws: list[bytes]) -> None:
    log = make(spec, OPTIONS)
    raws = [raw.replace(b"\n", b" ") for raw in raws]
    assert log.decode(b"\n".join(raws)).split(b"\n") == [log.decode(raw) for raw in raws or [b""]]


@settings(max_examples=400, deadline=None)
@given(records_and_formats, st.binary(max_size=30))
def test_no_record_makes_a_parser_raise_or_yield_what_cannot_be_written(
    spec_and_raw: tuple[Any, bytes], junk: bytes
) -> None:
    spec, raw = spec_and_raw
    parse = make(spec, OPTIONS).parser(None)
    for record in (raw, raw + junk, junk + raw, junk):
        parsed = parse(record.replace(b"\n", b" "), REFERENCE)
        for _, text in values(parsed[0]) if parsed else ():
            text.encode()


ORDINARY = st.text(string.ascii_letters + string.digits + "-_./;%?#: ", max_size=8)


@settings(max_examples=500, deadline=None)
@given(
    st.sampled_from(("combined", "vhost_combined")),
    st.one_of(
        access_lines(),
        access_lines(has_host=True),
        st.builds(
            '{}10.0.0.1 - {} [04/Mar/2026:02:11:09 +0000] "GET /{} HTTP/1.1" {} {}{}'.format,
            st.sampled_from(("", "", "portal:80 ")),
            ORDINARY,
            ORDINARY,
            st.sampled_from(("200", "404", "-", "000")),
            st.sampled_from(("12", "-", "0", "01")),
            st.sampled_from(("", ' "-" "-"', ' "https://a/" "curl/8"', ' "-" "x" 0.1', " 1")),
        ).map(str.encode),
    ),
    st.frozensets(st.sampled_from(sorted(access_line.READABLE | {ecs.URL_DOMAIN}))),
)
def test_an_ordinary_line_is_read_as_the_general_reader_reads_it(spec: str, raw: bytes, names: frozenset[str]) -> None:
    log = make(spec, OPTIONS)
    # A field that no access log has is left to the general reader.
    general = log.parser(names | {"no.such.field"})(raw, REFERENCE)
    special = log.parser(names)(raw, REFERENCE)
    if general is None or special is None:
        assert general is special
        return
    for name in names:
        assert special[0].get(name) == general[0].get(name)
    assert special[1:] == general[1:]


@settings(max_examples=500, deadline=None)
@given(
    json_lines(),
    st.frozensets(st.sampled_from((*KEYS, "b.a.b", "a.b.a", "user", "ts", "no.such"))),
    st.sampled_from((0, 200)),
)
@example(b'{"a":{"b":1},"b":"\\ud800","a.b":"\xff","status":1e400}', frozenset({"a.b", "status"}), 0)
@example(b'{"a":[{"b":1},{"b":12345678901234567890123}],"b":NaN}', frozenset({"a.b"}), 200)
def test_of_json_the_used_fields_are_read_as_if_all_were(raw: bytes, names: frozenset[str], more: int) -> None:
    log = make("json", OPTIONS)
    many = frozenset(f"x.{number}" for number in range(more))
    every, some = log.parser(None)(raw, REFERENCE), log.parser(names | many)(raw, REFERENCE)
    if every is None or some is None:
        assert every is some
        return
    for name in names:
        assert repr(getter(name)(some[0])) == repr(getter(name)(every[0]))
    assert some[1:] == every[1:]
    heads = {"@timestamp", "timestamp", "time", "ts", *names}
    assert all(any(f"{name}.".startswith(f"{key}.") for name in heads) for key in some[0])

"""Every format on samples of its log: what is read, and what `auto` takes them for."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel.clock import SECOND, rfc3339
from sentinel.formats import FORMATS, PLAIN_TEXT, FormatOptions, make, sniff
from tests.formats_fixtures import Sample, samples

REFERENCE = 1_772_590_269 * SECOND
OPTIONS = FormatOptions()
NAMES = [sample.name for sample in samples()]
WITHOUT_SAMPLE = {"nginx", "apache", "common", "regex"}
"""Read as `combined` is, whose sample is theirs too (and by template); a regex has what its user writes."""


def names_of(spec: Any) -> set[str]:
    """The formats in a specification."""
    if isinstance(spec, str):
        return {spec}
    inner = set()
    for name, setting in spec.items():
        inner |= {name} | (names_of(setting) if name in ("docker", "cri", "syslog") else set())
    return inner


@pytest.mark.parametrize("sample", samples(), ids=NAMES)
def test_each_record_of_a_sample_has_the_fields_that_are_expected(sample: Sample) -> None:
    log = make(sample.spec, OPTIONS)
    parse = log.parser(None)
    assert len(sample.records) == len(sample.expected)
    for raw, expected in zip(sample.records, sample.expected, strict=True):
        parsed = parse(raw, REFERENCE)
        if expected is None or parsed is None:
            assert parsed is None
            assert expected is None
            continue
        fields, time, digits = parsed
        assert (None if time is None else rfc3339(time, digits)) == expected["time"]
        assert {name: fields.get(name) for name in expected["fields"]} == expected["fields"]
        if log.fields is not None:
            assert fields.keys() == expected["fields"].keys()


@pytest.mark.parametrize("sample", samples(), ids=NAMES)
def test_each_record_has_those_fields_too_where_only_they_are_asked_for(sample: Sample) -> None:
    log = make(sample.spec, OPTIONS)
    for name in {name for expected in sample.expected if expected for name in expected["fields"]}:
        parse = log.parser(frozenset({name}))
        for raw, expected in zip(sample.records, sample.expected, strict=True):
            parsed = parse(raw, REFERENCE)
            if parsed is not None and expected is not None:
                assert parsed[0].get(name) == expected["fields"].get(name)


@pytest.mark.parametrize("sample", samples(), ids=NAMES)
def test_auto_takes_a_sample_for_what_it_is(sample: Sample) -> None:
    assert sniff(b"\n".join(sample.records) + b"\n")[0] == sample.auto


GENERAL = {"json", "syslog", "docker", "cri", "logfmt", *PLAIN_TEXT}
"""What says nothing wrong of a log of which it says less than could be said."""


@pytest.mark.parametrize("sample", samples(), ids=NAMES)
def test_auto_takes_no_single_record_for_one_of_another_format(sample: Sample) -> None:
    allowed = names_of(sample.auto) | names_of(sample.spec) | GENERAL
    assert [(decided, raw) for raw in sample.records if names_of(decided := sniff(raw + b"\n")[0]) - allowed] == []


def test_every_format_has_a_sample() -> None:
    covered = set().union(*(names_of(sample.spec) for sample in samples()))
    assert FORMATS.keys() - covered == WITHOUT_SAMPLE - covered


CSVLOG = (
    b'2026-11-24 13:37:31.295 CET,"kim","portal",3783,"127.0.0.1:42914",6b05850b.ec7,7,"idle",2026-11-24 13:37:31 CET,'
    b'3/11,0,LOG,00000,"statement: select ""name""\n  from patients;",,,,,,,,,"psql","client backend",,0'
)


@pytest.mark.parametrize(
    ("spec", "raw", "statement"),
    [
        ("postgresql_csv", CSVLOG, 'select "name"\n  from patients;'),
        (
            "postgresql",
            b"2026-11-24 13:37:31.295 CET [3783] kim@portal LOG:  statement: select 1\n\t  from patients;",
            "select 1\n\t  from patients;",
        ),
    ],
)
def test_a_statement_over_several_lines_is_read_where_the_source_joins_them(
    spec: str, raw: bytes, statement: str
) -> None:
    parse = make(spec, OPTIONS).parser(None)
    parsed = parse(raw, REFERENCE)
    assert parsed is not None
    assert parsed[0]["db.query.text"] == statement
    assert parsed[0]["user.name"] == "kim"


def test_the_parts_of_a_quoted_value_alone_are_not_of_the_format() -> None:
    parse = make("postgresql_csv", OPTIONS).parser(None)
    assert [parse(part, REFERENCE) for part in CSVLOG.split(b"\n")] == [None, None]


def test_a_name_that_looks_like_the_end_of_a_line_does_not_forge_what_comes_after_it() -> None:
    log = make({"nginx": '$remote_addr - $remote_user [$time_local] "$request" $status'}, OPTIONS)
    raw = rb'1.2.3.4 - a [04/Mar/2026:02:11:09 +0000] \x22GET /x [04/Mar/2026:03:11:09 +0000] "GET /y HTTP/1.1" 200'
    parsed = log.parser(None)(raw, REFERENCE)
    assert parsed is not None
    assert (parsed[0]["url.path"], parsed[0]["user.name"]) == ("/y", 'a [04/Mar/2026:02:11:09 +0000] "GET /x')
    ssh = make("sshd", OPTIONS).parser(None)(b"Invalid user x from 6.6.6.6 port 1 from 10.0.0.7 port 22", REFERENCE)
    assert ssh is not None
    assert (ssh[0]["source.ip"], ssh[0]["user.name"]) == ("10.0.0.7", "x from 6.6.6.6 port 1")

"""What is fed with any bytes: rule text, inventory text, records of each format, the scanner, regular expressions.

Each target takes bytes and returns; an error of any kind is a finding of the fuzzer. Used by the tests beside this
file with Hypothesis, and by `make fuzz` with Atheris.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Final

from sentinel import formats, inventory, yamlfile
from sentinel.detect import access, load
from sentinel.detect.lane import Lane
from sentinel.detect.regex import RegexError, compiled
from sentinel.detect.scan import Scanner
from sentinel.formats.base import FormatOptions, escape
from tests.detecting import NOON, a_block, a_view, an_engine, detection, rules_of
from tests.fuzz.steps import Steps

Target = Callable[[bytes], None]

MANY: Final = 16
"""Letters of a stretch of text whose cost is counted, beside as many as the pattern has."""

RECORDS: Final = (
    b'{"a":"kim","http":{"response":{"status_code":200}},"ts":"2026-03-04T02:11:09Z"}\n'
    b'10.0.0.1 - kim [04/Mar/2026:02:11:09 +0000] "GET /api/p%61tients/1?a=b HTTP/1.1" 200 5 "-" "curl"\n'
    b"Mar  4 02:11:09 host app[7]: kim\n\xff\x00\n\n"
)
SPECS: Final[Mapping[str, formats.Spec]] = {
    "nginx": "nginx",
    "vhost": "vhost_combined",
    "json": "json",
    "syslog": "syslog",
    "syslog-json": {"syslog": "json"},
    "syslog-access": {"syslog": "combined"},
    "regex": {"regex": r"(?P<user__name>\w+) (?P<message>.*) at (?P<time>\S+)"},
}


def rule_text(data: bytes) -> None:
    """Any bytes are rules or problems, and what could be read can be run."""
    documents, problems = yamlfile.parse(data, "rules.yml")
    rules, more = load.load(documents)
    assert all(str(problem) and problem.span.line >= 0 for problem in (*problems, *more))
    for spec in ("json", "combined"):
        judge(an_engine(rules, [a_view(spec)]).lanes["app"], RECORDS)


def inventory_text(data: bytes) -> None:
    """Any bytes are an inventory or problems, and what could be read can be run."""
    found, problems = inventory.parse(data, "inventory.yaml")
    assert all(map(str, problems))
    if found is not None:
        entries, more = access.entries(found)
        assert all(map(str, more))
        judge(an_engine(rules_of(), [a_view()], entries).lanes["app"], RECORDS)


def judge(lane: Lane, data: bytes) -> None:
    """What is found by scanning is what is found by trying every record."""
    block = a_block(data if data.endswith(b"\n") else data + b"\n")
    scanned = [(match.event.start, match.rules) for match in lane.matches(block)]
    alone = [lane.judge_alone(block, start, end) for start, end in lane.records(block)]
    assert lane.counts.errors == {}, lane.counts.errors
    tried = [(match.event.start, match.rules) for match in alone if match is not None and match.rules]
    assert scanned == tried, (scanned, tried)


def records_of(spec: formats.Spec) -> Target:
    """Any bytes are events of the format, or messages; decoding keeps the lines."""
    log = formats.make(spec, FormatOptions())
    some = frozenset({"url.path", "user.name", "http.response.status_code", "a"})
    rules = rules_of(
        detection("user", {"selection": {"user.name|contains": "kim"}}),
        detection("path", {"selection": {"url.path|startswith": "/api/patients/"}}),
        detection("status", {"selection": {"http.response.status_code": [200, "401"]}}),
        detection("word", {"selection": ["kim"]}),
    )

    def target(data: bytes) -> None:
        assert log.decode(data).count(b"\n") == data.count(b"\n")
        for record in data.split(b"\n"):
            everything, few = log.parser(None)(record, NOON), log.parser(some)(record, NOON)
            assert (everything is None) == (few is None)
            if everything is not None and few is not None:
                assert everything[1:] == few[1:]
        judge(an_engine(rules, [a_view(spec)]).lanes["app"], data)

    return target


def scanner(data: bytes) -> None:
    """The first lines are texts to search for, in what follows them: every record that has one is found."""
    *texts, block = data.split(b"\n", 3)
    known = [bytes(byte for byte in text if 0x20 <= byte < 0x7F) for text in texts]
    known = [text for text in known if text]
    log = formats.make({"regex": "(?P<a>.)"}, FormatOptions())
    scan = Scanner(log, [escape(text) for text in known])
    for _ in range(2):
        found = {block[start:end] for start, end, _ in scan.candidates(block)}
        expected = {line for line in block.split(b"\n") if any(text.lower() in line.lower() for text in known)}
        assert expected <= found
        scan.tune(block + b"\n")


def regex(data: bytes) -> None:
    """A pattern is refused, or its cost grows no faster than the text, whatever the text."""
    pattern = data.decode(errors="replace")
    try:
        found = compiled(pattern)
    except RegexError:
        return
    found.search(pattern)
    if found.engine == "re":
        grows_linearly(pattern)


def grows_linearly(pattern: str) -> None:
    """Each stretch of text costs `re` as many steps as the one before, counted, with the pattern's own letters."""
    letters = sorted({each for each in pattern if each.isalnum()} | {"a"})[:3]
    tree = parser.parse(pattern, re.ASCII)
    many = MANY + len(pattern)
    for piece in (*letters, "".join(letters)):
        for end in ("", "!"):
            one, two, three = (Steps(tree, piece * times + end).of_search() for times in (many, 2 * many, 3 * many))
            assert three - two <= 1.3 * (two - one) + 50, (pattern, piece, one, two, three)


TARGETS: Final[Mapping[str, Target]] = {
    "rules": rule_text,
    "inventory": inventory_text,
    **{f"records-{name}": records_of(spec) for name, spec in SPECS.items()},
    "scanner": scanner,
    "regex": regex,
}

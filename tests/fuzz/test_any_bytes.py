"""Any bytes give problems or events, never another error; no rule text makes a record cost more than linear time."""

from __future__ import annotations

import os
import re
from re import _parser as parser  # type: ignore[attr-defined]

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sentinel.detect.regex import compiled
from tests.fuzz.steps import LIMIT, Steps
from tests.fuzz.targets import MANY, RECORDS, TARGETS

LONG = bool(os.environ.get("SENTINEL_LONG"))

RULES = b"""title: a
name: a
logsource: {category: webserver}
detection:
    selection: {user.name|contains: [kim, 'l?e*'], url.path|re: '^/api/(?P<subject>[0-9]+)$', a|gt: 3}
    other: [kim, 'x|y']
    condition: selection and not 1 of oth*
level: low
sentinel: {case: {open: true}, suppress: {for: 1h}, mode: shadow}
---
title: b
name: b
correlation: {type: value_count, rules: [a], group-by: [user.name], timespan: 10m, condition: {field: a, gte: 3}}
"""
INVENTORY = b"""systems:
  - name: portal
    data: [health, contact]
    people: 12
    retention: 10 years
    access:
      - when: {url.path|re: '^/api/(?P<subject>[0-9]+)$', a: [kim, null]}
        logsource: {category: webserver}
        actor: {field: a, trust: claimed, normalise: [lower]}
        records: rows
"""
PIECES = (
    b"\n", b": ", b"- ", b"[", b"]", b"{", b"}", b"'", b'"', b"|re", b"|contains|all", b"&a", b"*a", b"!!int ", b"<<: ",
    b"null", b"~", b"-0", b"1e400", b".inf", b"0x1f", b"2026-03-04", b"\xff", b"\x00", b"\xe2\x84\xaa", b"\\", b"%",
    b"(?P<", b"(a+)+$",b"\\u0000", b"\\ud800", b"%2e%2e/", b"//", b"?", b"\r", b"  ", b"1 of them", b"not ",
    b"\xef\xbb\xbf",
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, seed: bytes) -> bytes:
    """The seed with pieces of it taken out, doubled, or others put in."""
    data = seed
    for _ in range(draw(st.integers(0, 5))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.just(data[begin:end] * 2), st.binary(max_size=4)))
        data = data[:begin] + piece + data[end:]
    return data


def bytes_for(name: str) -> st.SearchStrategy[bytes]:
    if name in ("rules", "inventory"):
        return st.one_of(changed(RULES if name == "rules" else INVENTORY), st.binary(max_size=60))
    if name == "regex":
        return patterns.map(str.encode)
    lines = st.one_of(st.binary(max_size=80), changed(RECORDS))
    return st.builds(lambda words, data: b"\n".join((*words, data)), st.lists(st.binary(max_size=6), max_size=3), lines)


atoms = st.sampled_from(("a", "b", ".", "[ab]", "[^a]", r"\d", r"\w", "(?:a|ab)", "(a)", "(?P<x>a|b)", "^", "$", "é"))
repeats = st.sampled_from(("", "", "", "*", "+", "?", "*?", "{2}", "{0,8}", "{3,}", "{1,70}"))
patterns = st.recursive(
    st.lists(st.builds(str.__add__, atoms, repeats), max_size=4).map("".join),
    lambda inner: st.builds("({}){}{}".format, inner, repeats, inner),
    max_leaves=3,
)


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_are_read_or_refused(name: str) -> None:
    @settings(max_examples=2000 if LONG else 40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(bytes_for(name))
    def check(data: bytes) -> None:
        TARGETS[name](data)

    check()


@pytest.mark.parametrize(
    "pattern", [r"(a+)+$", r"(a|a)*b", r"(a*)*b", r".*.*=.*", r"a*a*b", r"(?:a|ab)*c", r"x?a+b", r"[ab]+a[ab]+$"]
)
def test_patterns_that_cost_a_backtracking_matcher_too_much_are_not_given_to_one(pattern: str) -> None:
    tree = parser.parse(pattern, re.ASCII)
    shorter, longer = (Steps(tree, "a" * times + "!").of_search() for times in (MANY, 2 * MANY))
    assert longer > 2.5 * shorter or longer == LIMIT, "the count sees that it is costly"
    assert compiled(pattern).engine == "re2"


def test_an_ordinary_pattern_is_counted_as_cheap() -> None:
    tree = parser.parse("^/api/patients/[0-9]+", re.ASCII)
    assert Steps(tree, "/api/patients/" + "1" * 80).of_search() < 700

"""Which engine runs a pattern, and which patterns are refused."""

from __future__ import annotations

import pytest

from sentinel.detect.regex import RegexError, compiled, literals


@pytest.mark.parametrize(
    "pattern",
    [
        r"^/api/patients/(?P<subject>[0-9]+)$",
        r"^/api/patients/(?P<subject>\d{1,12})/(?:notes|letters)",
        "export|download",
        "^/a[^/]*/b",
        "page=[0-9]+",
    ],
)
def test_re_runs_what_is_linear_in_it_because_it_is_faster(pattern: str) -> None:
    assert compiled(pattern).engine == "re"


@pytest.mark.parametrize(
    "pattern",
    [
        "(a+)+$",
        "(a|a)*b",
        "a*a*b",
        "a+b",
        "(?:a|ab){1,9}c",
        "a{1,40}a{1,40}a{1,40}b",
        "(?:a{0,8}){0,8}b",
        "(?:a?|b?|c?){8}d",
        r"\bkim\b",
        r"\w+",
        "(?i)kim",
        "x{,5}",
        "[0-9]+$",
        "[[:digit:]]+",
        "(?:a|b$)",
    ],
)
def test_re2_runs_everything_else(pattern: str) -> None:
    assert compiled(pattern).engine == "re2"


@pytest.mark.parametrize(
    "pattern", ["(a+)+$", "(a|a)*b", "a{1,40}a{1,40}a{1,40}b", "^(?:[^/]+/?)*!", "(?:a?|b?|c?){8}d"]
)
def test_no_text_makes_a_pattern_slow(pattern: str) -> None:
    # An engine that tries every way would still be at it when the sun has gone out.
    assert compiled(pattern).search("a" * 5_000) is None or pattern == "(a+)+$"


@pytest.mark.parametrize("pattern", ["(?=a)", "(?<!a)b", r"(a)\1", "(", "[b-a]", "a++", "(?>a)", "x{2000}", "a**"])
def test_what_re2_does_not_know_is_refused(pattern: str) -> None:
    with pytest.raises(RegexError):
        compiled(pattern)


def test_the_reason_is_that_of_re2_in_its_words() -> None:
    with pytest.raises(RegexError, match="missing"):
        compiled("(a")


def test_the_named_groups_are_known() -> None:
    assert compiled("(?P<subject>a)(?P<ward>b)(c)").groups == ("subject", "ward")


@pytest.mark.parametrize(
    ("pattern", "needed"),
    [
        ("^/api/x", [("/api/x", True, False)]),
        ("a.b", [("a", False, False), ("b", False, False)]),
        ("(?:ab)+c?d", [("ab", False, False), ("d", False, False)]),
        ("(?P<n>ab)", [("ab", False, False)]),
        ("ab|cd", None),
        ("(?:ab|cd)e", [("e", False, False)]),
        ("(?m)^ab", [("ab", False, False)]),
        ("[[:alpha:]]x", None),
        (r"\d+", None),
        ("(?:ab)*", None),
        ("a{0}b", [("b", False, False)]),
    ],
)
def test_what_every_text_must_hold_is_read_off_the_pattern(
    pattern: str, needed: list[tuple[str, bool, bool]] | None
) -> None:
    assert literals(pattern) == needed

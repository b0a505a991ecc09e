"""Patterns of rules: whichever engine runs one, it finds what RE2 finds; what is scanned for is really there."""

from __future__ import annotations

import random

import re2
from hypothesis import event, example, given, reject, settings
from hypothesis import strategies as st

from sentinel.detect.regex import Regex, RegexError, compiled, literals

ATOMS = (
    "a", "b", "k", "é", ".", r"\.", r"\d", r"\D", "[ab]", "[^a]", "[a-c]", "[]a]", r"[\d-]", "[[:alpha:]]", r"\w",
    r"\s", "/", "$", "^", r"\b", "{", "a{,2}", "(?:ab)", "(?:a|b)", "(?P<n>a)", "(b)", "(?:^a)", "(?:b$)", "(?i:k)",
    "-", "\\\\", r"\$", r"\x61", r"\t", "ab", "#", " ",
)  # fmt: skip
REPEATS = ("", "", "", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?", "??", "{0}")
HEADS = ("", "", "", "^", "(?i)", "(?m)^", "(?s)", r"\A", "(?im)")
TAILS = ("", "", "$", r"\.$", "/$")
TEXT = st.text("abkKé\u212a./-\n 01$\\{#x\t", max_size=8)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    """Everything that can stand in a pattern, also what one of the two readers refuses."""
    chance = random.Random(draw(st.integers(0, 2**40)))
    pieces = [chance.choice(ATOMS) + chance.choice(REPEATS) for _ in range(chance.randint(1, 4))]
    body = "".join(pieces)
    if chance.random() < 0.2:
        body = f"{body}|{chance.choice(ATOMS)}"
    if chance.random() < 0.2:
        body = f"(?:{body}){chance.choice(REPEATS)}"
    return chance.choice(HEADS) + body + chance.choice(TAILS)


def accepted(pattern: str, flags: str = "") -> Regex:
    try:
        return compiled(pattern, flags)
    except RegexError:
        reject()


@settings(max_examples=1500, deadline=None)
@given(patterns(), st.lists(TEXT, min_size=1, max_size=6))
@example("a{,2}", ["a", "a{,2}"])
@example("a$", ["a\n", "a"])
@example(r"\d", ["\u0663", "3"])
@example("[[:alpha:]]", ["a", "]"])
def test_whatever_runs_a_pattern_finds_what_re2_finds(pattern: str, texts: list[str]) -> None:
    regex = accepted(pattern)
    event(f"run by {regex.engine}")
    reference = re2.compile(pattern, re2.ASCII)
    for text in texts:
        ours, its = regex.search(text), reference.search(text)
        assert (ours is None) is (its is None)
        if ours is not None:
            assert ours.span() == its.span()
            assert [ours.group(name) for name in regex.groups] == [its.group(name) for name in regex.groups]


@settings(max_examples=1500, deadline=None)
@given(patterns(), st.lists(TEXT, min_size=1, max_size=6), st.sampled_from(["", "i", "m", "s"]))
@example("[[:alpha:]]x", ["ax"], "")
@example("(?m)^a", ["b\na"], "")
@example("(?:a|^)b", ["xab"], "")
def test_what_a_pattern_needs_is_in_every_text_it_finds(pattern: str, texts: list[str], flags: str) -> None:
    regex = accepted(pattern, flags)
    needed = literals(pattern) or []
    event(f"needs something: {bool(needed)}")
    folds = "i" in flags or "i" in pattern
    for text in texts:
        if regex.search(text) is None:
            continue
        for word, at_start, at_end in needed:
            there, sought = (text.lower(), word.lower()) if folds else (text, word)
            assert sought in there
            if "m" not in flags:
                assert not at_start or there.startswith(sought)
                assert not at_end or there.endswith(sought)

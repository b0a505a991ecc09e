from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.channels.safety import clean
from tests.unit.cases_fixtures import HOSTILE


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Bulk access", "Bulk access"),
        ("\x1b[31mred\x07\x9b2J", "[31mred2J"),
        ("a\r\nb\tc\u2028d\u00a0e", "a b c d e"),
        ("abc\u202egnp.exe", "abcgnp.exe"),
        ("pay\u200bpal\ufeff\u2060\u00ad", "paypal"),
        ("\u3164\u115f\u2800x\ufe0f\U000e0041", "x"),
        ("e\u0301", "é"),
        ("\ud800", "\ufffd"),
        ("Ωμέγα 日本 🙂", "Ωμέγα 日本 🙂"),
        ("", ""),
    ],
)
def test_only_what_can_be_seen_stays(text: str, shown: str) -> None:
    assert clean(text) == shown


def test_a_long_value_is_cut_and_marked() -> None:
    assert clean("x" * 121) == "x" * 119 + "…"
    assert clean("x" * 120) == "x" * 120
    assert len(clean("\u200b" * 10_000_000 + "x")) <= 120


@given(st.text(st.characters(exclude_categories=())))
def test_any_text_becomes_one_harmless_line(text: str) -> None:
    line = clean(text)
    assert len(line) <= 120
    assert not any(unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for sign in line)
    assert line == line.strip()
    line.encode()


def test_the_injection_text_is_one_line_without_controls() -> None:
    line = clean(HOSTILE, 1000)
    assert "\n" not in line
    assert line.isprintable()

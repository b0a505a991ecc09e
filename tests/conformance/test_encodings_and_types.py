"""Regular expressions, encodings, numbers, addresses, times, references and placeholders."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.conformance.asking import document, holds, matched, problems_of, rule


def codes(items: Any) -> list[str]:
    return [each.split()[1] for each in problems_of(items)]


# --- regular expressions -------------------------------------------------------------------------------------


def test_a_regular_expression_is_searched_unanchored_and_with_case() -> None:
    assert holds({"f|re": "b+c"}, {"f": "abbcd"}, {"f": "aBBcd"}) == [True, False]
    assert holds({"f|re": r"^\\x$"}, {"f": "\\x"}) == [True]  # taken raw: no escape of Sigma's in it


def test_flags_fold_case_make_lines_and_let_the_dot_be_a_newline() -> None:
    assert holds({"f|re|i": "^ab$"}, {"f": "AB"}, {"f": "AB\n"}) == [True, False]
    assert holds({"f|re|m": "^b$"}, {"f": "a\nb\nc"}) == holds({"f|re|multiline": "^b$"}, {"f": "a\nb\nc"}) == [True]
    assert holds({"f|re": "^b$"}, {"f": "a\nb\nc"}) == [False]
    assert holds({"f|re|s": "a.b"}, {"f": "a\nb"}) == holds({"f|re|dotall": "a.b"}, {"f": "a\nb"}) == [True]
    assert holds({"f|re": "a.b"}, {"f": "a\nb"}) == [False]
    assert holds({"f|re|i|m|s": "^B.C"}, {"f": "a\nb\nc"}) == [True]


def test_digits_and_words_are_ascii_whatever_runs_the_pattern() -> None:
    for key in ("f|re", "f|re|i"):
        assert holds({key: r"^\d$"}, {"f": "7"}, {"f": "٣"}) == [True, False]
        assert holds({key: r"^\w$"}, {"f": "e"}, {"f": "é"}) == [True, False]
        assert holds({key: r"^(\d|x+)+$"}, {"f": "7"}, {"f": "٣"}) == [True, False]


@pytest.mark.parametrize("pattern", [r"(a)\1", "a(?=b)", "(", "a{1,2000}"])
def test_what_has_no_linear_time_or_is_no_pattern_is_refused(pattern: str) -> None:
    assert "R024" in codes({"f|re": pattern})


def test_re_is_the_first_modifier_and_flags_follow_it() -> None:
    assert codes({"f|contains|re": "a"})
    assert codes({"f|i": "a"})


# --- addresses -----------------------------------------------------------------------------------------------


def test_cidr_is_an_address_block_of_either_version() -> None:
    assert holds({"f|cidr": "10.0.0.0/8"}, {"f": "10.1.2.3"}, {"f": "11.0.0.1"}, {"f": "10.1.2"}) == [
        True,
        False,
        False,
    ]
    assert holds({"f|cidr": "fe80::/10"}, {"f": "fe80::1"}, {"f": "FE80:0::1"}, {"f": "10.0.0.1"}) == [
        True,
        True,
        False,
    ]
    assert holds({"f|cidr": "fe80::7"}, {"f": "fe80::7"}, {"f": "fe80::8"}) == [True, False]
    assert holds({"f|cidr": ["10.0.0.0/8", "192.168.1.7"]}, {"f": "192.168.1.7"}, {"f": "192.168.1.8"}) == [True, False]


def test_an_ipv4_address_in_ipv6_clothes_is_an_ipv4_address() -> None:
    assert holds({"f|cidr": "10.0.0.0/8"}, {"f": "::ffff:10.1.2.3"}) == [True]
    assert holds({"f|cidr": "::ffff:10.0.0.0/104"}, {"f": "10.1.2.3"}) == [True]


def test_a_block_with_host_bits_is_refused_and_a_field_that_is_no_address_is_not_in_it() -> None:
    assert "R029" in codes({"f|cidr": "10.0.0.1/8"})
    assert holds({"f|cidr": "0.0.0.0/0"}, {"f": "localhost"}, {"f": ""}, {"f": None}, {"f": 7}) == [False] * 4


# --- encodings -----------------------------------------------------------------------------------------------


def test_windash_lets_each_dash_before_a_word_be_any_of_five_characters() -> None:
    items = {"f|windash|contains": " -f /g"}
    assert holds(items, *({"f": f"x {one}f {two}g"} for one in "-/–—―" for two in "-/–—―")) == [True] * 25
    assert holds({"f|windash": "–f"}, {"f": "/f"}) == [True]
    assert holds({"f|windash": "a-b/c"}, {"f": "a-b/c"}, {"f": "a/b-c"}) == [True, False]


def test_the_variants_of_one_value_are_joined_by_or_even_under_all() -> None:
    items = {"f|windash|contains|all": [" -a", " -b"]}
    assert holds(items, {"f": "x /a –b"}, {"f": "x -a"}) == [True, False]


def test_too_many_dashes_are_refused_before_they_multiply() -> None:
    assert codes({"f|windash": " -a" * 30}) == ["R027"]


def test_base64_encodes_the_whole_text_and_refuses_wildcards() -> None:
    assert holds({"f|base64": "größe?".rstrip("?")}, {"f": b64encode("größe".encode()).decode()}) == [True]
    assert "R028" in codes({"f|base64": "a*b"})


@pytest.mark.parametrize("text", ["foo", "/bin/bash", "größe", "ab", "€", "é"])
def test_base64offset_finds_the_text_inside_longer_base64_at_every_offset(text: str) -> None:
    events = [
        {"f": b64encode(before + text.encode() + after).decode()}
        for before in (b"", b"x", b"xy", b"xyz", b"\xff" * 5)
        for after in (b"", b"b", b"bar", b"\xff" * 8)
    ]
    assert holds({"f|base64offset|contains": text}, *events) == [True] * len(events)
    assert holds({"f|base64offset|contains": text}, {"f": b64encode(b"something else").decode()}) == [False]


def test_base64offset_needs_two_bytes_and_a_part_behind_it() -> None:
    assert codes({"f|base64offset|contains": "a"}) == ["R050"]
    assert codes({"f|base64offset": "foo"}) == ["R053"]


@pytest.mark.parametrize(
    ("modifier", "encoded"),
    [
        ("wide", b"c\0m\0d\0"),
        ("utf16le", b"c\0m\0d\0"),
        ("utf16be", b"\0c\0m\0d"),
        ("utf16", b"\xff\xfec\0m\0d\0"),
    ],
)
def test_the_four_names_of_utf16_encode_as_the_specification_shows(modifier: str, encoded: bytes) -> None:
    assert holds({f"f|{modifier}|base64": "cmd"}, {"f": b64encode(encoded).decode()}) == [True]
    assert holds({f"f|{modifier}|base64offset|contains": "cmd"}, {"f": b64encode(b"x" + encoded + b"y").decode()}) == [
        True
    ]


def test_utf16_encodes_letters_beyond_ascii() -> None:
    assert holds({"f|wide|base64": "é€"}, {"f": b64encode("é€".encode("utf-16-le")).decode()}) == [True]


# --- numbers -------------------------------------------------------------------------------------------------


def test_comparisons_take_numbers_and_texts_that_are_numbers() -> None:
    events: list[dict[str, Any]] = [{"f": 5}, {"f": "5"}, {"f": "6.5"}, {"f": 7.25}, {"f": "x"}, {"f": True}, {}]
    assert holds({"f|gt": 5}, *events) == [False, False, True, True, False, False, False]
    assert holds({"f|gte": 5}, *events) == [True, True, True, True, False, False, False]
    assert holds({"f|lt": 7.25}, *events) == [True, True, True, False, False, False, False]
    assert holds({"f|lte": 7.25}, *events) == [True, True, True, True, False, False, False]


def test_what_is_not_a_finite_number_compares_with_nothing() -> None:
    assert holds({"f|gte": 0}, *({"f": each} for each in ("NaN", "inf", "Infinity", "1_000", "0x10"))) == [False] * 5


@pytest.mark.parametrize("value", ["many", True, None])
def test_a_comparison_without_a_number_is_refused(value: Any) -> None:
    assert codes({"f|gt": value})


def test_a_number_in_quotes_is_a_text_and_compares_with_nothing() -> None:
    for operator in ("lt", "lte", "gt", "gte"):
        assert problems_of(rule(f"selection:\n  f|{operator}: '5'")) == ["6:7 R030"]
    assert problems_of(rule("selection:\n  '@timestamp|hour': '22'")) == ["6:7 R031"]
    assert problems_of(rule("selection:\n  '@timestamp|hour|gte': [7, '22']")) == ["6:34 R031"]


# --- times ---------------------------------------------------------------------------------------------------


def test_the_parts_of_a_time_are_read_in_the_rules_time_zone() -> None:
    event = {"@timestamp": "2026-07-01T20:30:00Z"}
    assert holds({"@timestamp|hour": 22}, event, timezone="Europe/Berlin") == [True]
    assert holds({"@timestamp|hour": 20}, event) == [True]


@pytest.mark.parametrize(
    ("unit", "value"), [("minute", 59), ("hour", 23), ("day", 31), ("week", 53), ("month", 12), ("year", 2020)]
)
def test_each_part_of_a_time_has_its_modifier_and_weeks_are_iso_weeks(unit: str, value: int) -> None:
    events: tuple[dict[str, Any], ...] = (
        {"t": "2020-12-31T23:59:30Z"},
        {"t": "2021-06-05T10:11:00Z"},
        {"t": "no time"},
        {},
    )
    assert holds({f"t|{unit}": value}, *events) == [True, False, False, False]


def test_a_list_of_hours_is_or_and_a_comparison_may_follow() -> None:
    at_night, at_noon = {"@timestamp": "2026-03-04T23:10:00Z"}, {"@timestamp": "2026-03-04T12:10:00Z"}
    assert holds({"@timestamp|hour": [22, 23, 0]}, at_night, at_noon) == [True, False]
    assert holds({"@timestamp|hour|gte": 22}, at_night, at_noon) == [True, False]
    assert codes({"@timestamp|gte|hour": 22})


@pytest.mark.parametrize("items", [{"t|hour": 24}, {"t|month": 0}, {"t|week": 54}, {"t|minute": 7.5}])
def test_a_part_that_no_time_has_is_refused(items: Any) -> None:
    assert codes(items) == ["R052"]


# --- references and placeholders -----------------------------------------------------------------------------


def test_a_field_reference_compares_two_fields_of_one_event() -> None:
    items = {"a|fieldref": "b.c"}
    assert holds(items, {"a": "X", "b": {"c": "x"}}, {"a": "x", "b.c": "y"}, {"a": "x"}, {"b.c": "x"}) == [
        True,
        False,
        False,
        False,
    ]
    assert holds({"a|cased|fieldref": "b"}, {"a": "X", "b": "x"}, {"a": "x", "b": "x"}) == [False, True]
    assert holds({"a|fieldref": "b"}, {"a": 5, "b": "5"}) == [True]
    assert codes({"a|fieldref": "b*"})


def test_a_placeholder_is_any_text_of_its_list_and_a_percent_sign_can_be_escaped() -> None:
    lists = {"who": ["kim", "adm_*"]}
    assert holds({"f|expand": "%who%"}, {"f": "KIM"}, {"f": "adm_x"}, {"f": "%who%"}, lists=lists) == [
        True,
        True,
        False,
    ]
    assert holds({"f|expand": r"\%plain%who%"}, {"f": "%plainkim"}, lists=lists) == [True]
    assert holds({"f|expand|contains": "/%who%/"}, {"f": "x/kim/y"}, {"f": "x/lee/y"}, lists=lists) == [True, False]


def test_a_percent_sign_means_nothing_without_expand() -> None:
    assert holds({"f": "%who%"}, {"f": "%who%"}, {"f": "kim"}, lists={"who": ["kim"]}) == [True, False]


def test_a_placeholder_in_a_regular_expression_is_plain_text() -> None:
    assert holds({"f|re|expand": "^%who%$"}, {"f": "a.b"}, {"f": "axb"}, lists={"who": ["a.b"]}) == [True, False]


def test_a_placeholder_without_values_is_refused_and_not_looked_up_in_the_event() -> None:
    assert codes({"f|expand": "%who%"}) == ["R032"]
    assert [each.split()[1] for each in problems_of(document({"f|expand": "%who%"}, lists={"who": []}))] == ["R032"]


def test_placeholders_that_multiply_without_bound_are_refused() -> None:
    many = {"n": [str(each) for each in range(400)]}
    assert [each.split()[1] for each in problems_of(document({"f|expand": "%n%%n%%n%"}, lists=many))] == ["R051"]


# --- YAML ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("written", ["yes", "010", "0x10", "2024-01-01", "1_000"])
def test_an_unquoted_value_that_other_readers_read_differently_is_warned_of(written: str) -> None:
    assert [each.split()[1] for each in problems_of(rule(f"selection:\n  f: {written}"))] == ["Y012"]
    assert problems_of(rule(f"selection:\n  f: '{written}'")) == []


@pytest.mark.parametrize("written", ["yes", "010", "0x10", "2024-01-01", "1_000"])
def test_a_value_that_other_readers_read_differently_is_the_text_that_stands_there(written: str) -> None:
    text = rule(f"selection:\n  f: {written}")
    others = [{"f": each} for each in (True, 8, 10, 16, 1000)]
    assert matched(text, {"f": written}, *others) == [True, *[False] * len(others)]


def test_one_point_zero_is_one() -> None:
    assert matched(rule("selection:\n  f: 1.0"), {"f": 1}, {"f": "1"}, {"f": 1.0}) == [True, True, True]

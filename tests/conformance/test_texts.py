"""Texts, wildcards, escapes, and the modifiers that take a text as it is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.asking import holds, matched, problems_of, rule


def test_a_value_is_the_whole_text_without_regard_to_case() -> None:
    assert holds({"f": "Kim"}, {"f": "kIM"}, {"f": "kimberly"}, {"f": " kim"}) == [True, False, False]


def test_a_number_of_the_rule_is_the_same_as_its_text_in_the_log() -> None:
    assert holds({"f": 200}, {"f": 200}, {"f": "200"}, {"f": 200.0}, {"f": "2000"}) == [True, True, True, False]
    assert holds({"f": "200"}, {"f": 200}) == [True]
    assert holds({"f": True}, {"f": True}, {"f": "True"}, {"f": 1}) == [True, True, False]


def test_a_star_is_any_text_and_a_question_mark_one_character_newlines_included() -> None:
    assert holds({"f": "a*b"}, {"f": "ab"}, {"f": "a\n\nb"}, {"f": "a.b."}) == [True, True, False]
    assert holds({"f": "a?b"}, {"f": "a\nb"}, {"f": "a\U0001f600b"}, {"f": "ab"}, {"f": "axxb"}) == [
        True,
        True,
        False,
        False,
    ]


@pytest.mark.parametrize(
    ("written", "same", "different"),
    [
        (r"a\*b", "a*b", "axb"),
        (r"a\?b", "a?b", "axb"),
        (r"a\\*b", "a\\xxb", "a*b"),
        (r"a\\\*b", r"a\*b", r"a\xb"),
        (r"a\\\\b", r"a\\b", r"a\b"),
        (r"a\b", r"a\b", "ab"),
        (r"a\\b", r"a\b", r"a\\b"),
        ("ab\\", "ab\\", "ab"),
        (r"a\\\b", r"a\\b", r"a\b"),
    ],
)
def test_a_backslash_makes_wildcards_and_itself_plain_and_is_plain_elsewhere(
    written: str, same: str, different: str
) -> None:
    assert holds({"f": written}, {"f": same}, {"f": different}) == [True, False]


def test_letters_are_folded_by_unicode_in_lower_case() -> None:
    assert holds({"f": "ÄRGER"}, {"f": "ärger"}) == [True]
    assert holds({"f": "straße"}, {"f": "STRASSE"}) == [False]  # lower case, not case folding
    assert holds({"f": "kim"}, {"f": "\u212aIM"}, {"f": "\u212aIN"}) == [True, False]  # the KELVIN SIGN is a k
    assert holds({"f": "\u0130"}, {"f": "i\u0307"}, {"f": "i"}) == [True, False]  # a dotted I is an i and its dot


def test_a_sigma_at_the_end_of_a_part_is_the_sigma_within_a_word() -> None:
    assert holds({"f|startswith": "ΑΣ"}, {"f": "ΑΣΑ"}, {"f": "ασα"}, {"f": "ας"}) == [True, True, True]
    assert holds({"f|contains": "ς"}, {"f": "ΟΔΥΣΣΕΙΑ"}) == [True]


def test_a_value_of_nothing_but_stars_is_refused_for_it_would_silence_a_rule() -> None:
    assert problems_of(
        rule("selection:\n  f: x\nfilter:\n  f|contains: '****'\ncondition: selection and not filter")
    ) == ["8:7 R018"]
    assert holds({"f|contains": r"\*\*\*\*"}, {"f": "card ****1"}, {"f": "card 1"}) == [True, False]
    assert holds({"f": "*"}, {"f": "x"}, {"f": ""}, {"f": None}, {}) == [True, True, False, False]


@pytest.mark.parametrize("items", [{"f|contains": ""}, {"f|endswith": ["a", ""]}, ["a", ""]])
def test_an_empty_part_or_keyword_is_refused_for_it_stands_everywhere(items: Any) -> None:
    assert [each.split()[1] for each in problems_of(items)] == ["R018"]


def test_cased_compares_letters_as_they_are_keeps_wildcards_and_stands_before_or_behind() -> None:
    for key in ("f|cased|contains", "f|contains|cased"):
        assert holds({key: "A?c"}, {"f": "xAbcx"}, {"f": "xabcx"}) == [True, False]
    assert holds({"f|cased": "Kim"}, {"f": "Kim"}, {"f": "kim"}) == [True, False]


def test_an_affix_adds_a_wildcard_only_where_none_is() -> None:
    for value in ("ab", "*ab", "ab*", "*ab*"):
        assert holds({"f|contains": value}, {"f": "xabx"}) == [True]
    assert holds({"f|startswith": "ab*"}, {"f": "abc"}, {"f": "xab"}) == [True, False]


def test_an_affix_on_a_regular_expression_changes_nothing_for_a_search_is_unanchored() -> None:
    for affix in ("contains", "startswith", "endswith"):
        assert holds({f"f|re|{affix}": "a+b"}, {"f": "xaabx"}, {"f": "b"}) == [True, False]
        assert holds({f"f|re|{affix}": "^a+b$"}, {"f": "aab"}, {"f": "xaab"}, {"f": "aabx"}) == [True, False, False]


def test_an_affix_on_a_field_reference_compares_a_part() -> None:
    assert holds({"f|fieldref|contains": "g"}, {"f": "xABx", "g": "ab"}, {"f": "ab", "g": "xab"}) == [True, False]
    assert holds({"f|fieldref|startswith": "g"}, {"f": "abx", "g": "ab"}, {"f": "xab", "g": "ab"}) == [True, False]
    assert holds({"f|fieldref|endswith": "g"}, {"f": "xab", "g": "ab"}, {"f": "abx", "g": "ab"}) == [True, False]
    assert problems_of({"f|contains|fieldref": "g"})


def test_all_wants_every_value_of_the_list() -> None:
    items = {"f|contains|all": ["-a", "-b"]}
    assert holds(items, {"f": "x -b -a"}, {"f": "x -a"}) == [True, False]


def test_all_with_a_single_value_is_refused() -> None:
    assert [each.split()[1] for each in problems_of({"f|contains|all": "a"})] == ["R036"]
    assert [each.split()[1] for each in problems_of({"f|contains|all": ["a"]})] == ["R036"]


def test_all_on_a_field_that_is_a_list_wants_every_value_among_its_members() -> None:
    assert holds({"f|all": ["a", "b"]}, {"f": ["b", "c", "a"]}, {"f": ["a"]}, {"f": "a"}) == [True, False, False]


def test_wildcards_inside_a_value_are_anchored_by_the_modifier() -> None:
    path = {"Image|endswith": r"\7z*.exe"}
    assert holds(path, {"Image": r"C:\x\7zG.exe"}, {"Image": r"C:\x\7zG.exe -a"}) == [True, False]
    assert holds({"f|startswith": "/a*/b"}, {"f": "/a1/b2"}, {"f": "x/a1/b"}) == [True, False]


def test_an_empty_text_is_there_and_null_is_missing_or_null() -> None:
    assert holds({"f": ""}, {"f": ""}, {"f": None}, {}) == [True, False, False]
    assert holds({"f": None}, {"f": ""}, {"f": None}, {}, {"f": [None]}) == [False, True, True, True]


def test_null_in_a_list_an_empty_list_and_null_with_a_modifier_are_refused() -> None:
    assert [each.split()[1] for each in problems_of({"f": ["", None]})] == ["R035"]
    assert [each.split()[1] for each in problems_of({"f": []})] == ["R034"]
    assert [each.split()[1] for each in problems_of({"f|contains": None})] == ["R021"]


def test_exists_asks_for_the_field_whatever_its_value() -> None:
    events: list[dict[str, Any]] = [{"f": "x"}, {"f": ""}, {"f": None}, {"f": []}, {}]
    assert holds({"f|exists": True}, *events) == [True, True, True, True, False]
    assert holds({"f|exists": False}, *events) == [False, False, False, False, True]


@pytest.mark.parametrize("value", ["true", 1, "yes"])
def test_exists_takes_true_or_false_without_quotes(value: Any) -> None:
    assert problems_of({"f|exists": value})


def test_neq_differs_from_all_values_and_does_not_hold_for_a_missing_field() -> None:
    assert holds({"f|neq": ["a", "b"]}, {"f": "c"}, {"f": "B"}, {}, {"f": None}) == [True, False, False, True]
    assert holds({"f|contains|neq": "a"}, {"f": "xx"}, {"f": "xax"}) == [True, False]
    assert holds({"f|neq": 5}, {"f": 6}, {"f": 5}, {"f": "5"}) == [True, False, False]
    assert holds({"f|neq": "a"}, {"f": ["b", "a"]}, {"f": ["b"]}) == [False, True]


def test_neq_with_a_field_reference_wants_both_fields() -> None:
    items = {"f|fieldref|neq": "g"}
    assert holds(items, {"f": "a", "g": "b"}, {"f": "a", "g": "A"}, {"f": "a"}, {"g": "a"}) == [
        True,
        False,
        False,
        False,
    ]


def test_neq_is_not_the_same_as_not() -> None:
    negated = rule("selection:\n  f: a\ncondition: not selection")
    assert matched(negated, {}, {"f": "b"}) == [True, True]
    assert holds({"f|neq": "a"}, {}, {"f": "b"}) == [False, True]


def test_neq_with_exists_is_refused() -> None:
    assert [each.split()[1] for each in problems_of({"f|exists|neq": True})] == ["R026"]

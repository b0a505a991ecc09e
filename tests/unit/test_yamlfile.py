"""YAML files give plain values with places, or problems with places."""

from __future__ import annotations

from typing import Any

import pytest

from sentinel import yamlfile
from sentinel.yamltree import DEEPEST, MOST_PROBLEMS


def only(text: bytes | str) -> yamlfile.Document:
    documents, problems = yamlfile.parse(text, "f.yml")
    assert problems == []
    assert len(documents) == 1
    return documents[0]


def shown(text: bytes | str) -> list[str]:
    return [str(problem) for problem in yamlfile.parse(text, "f.yml")[1]]


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None), ("0", 0), ("7", 7), ("-12", -12),
        ("+5", 5), ("1.5", 1.5), ("1.0", 1.0), ("-0.25", -0.25), ("1e3", 1000.0), (".5", 0.5), ("'010'", "010"),
        ('"yes"', "yes"), ("nonsense", "nonsense"), ("10m", "10m"), ("127.0.0.1:9108", "127.0.0.1:9108"),
        ("y", "y"), ("1.2.3", "1.2.3"), ("-", [None]), ("url.path", "url.path"), ("|\n  a\n  b", "a\nb"),
    ],
)  # fmt: skip
def test_words_are_read_as_yaml_1_2_says(word: str, value: Any) -> None:
    if word == "-":
        assert only("key:\n- ").value == {"key": value}
        return
    read = only(f"key: {word}").value["key"]
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("word", "old"),
    [
        ("yes", "true or false"), ("No", "true or false"), ("on", "true or false"), ("OFF", "true or false"),
        ("010", "a number"), ("-010", "a number"), ("0x10", "a number"), ("0o17", "a number"), ("0b1", "a number"),
        ("1_000", "a number"), ("1e999", "a number"), (".inf", "a number"), ("-.INF", "a number"), (".nan", "a number"),
        ("12:30", "a number in base 60"), ("1:30:00.5", "a number in base 60"), ("2024-01-01", "a date"),
        ("2024-01-01T02:03:04Z", "a date"), ("2024-1-1 02:03:04", "a date"),
    ],
)  # fmt: skip
def test_words_that_yaml_1_1_reads_differently_stay_text_and_are_warned_about(word: str, old: str) -> None:
    documents, problems = yamlfile.parse(f"key: {word}", "f.yml")
    assert documents[0].value == {"key": word}
    head = f"f.yml:1:6: Y012 warning: unquoted '{word}' is text here, but {old} to readers of YAML 1.1"
    assert [str(problem) for problem in problems] == [f"{head}\n    hint: write '{word}' in quotes"]


def test_a_number_of_many_digits_stays_text() -> None:
    documents, problems = yamlfile.parse("key: " + "9" * 5000, "f.yml")
    assert documents[0].value["key"] == "9" * 5000
    assert [problem.code for problem in problems] == ["Y012"]


def test_the_dates_of_a_sigma_rule_need_no_quotes() -> None:
    assert only("date: 2024-01-01\nmodified: 2024-02-01").value == {"date": "2024-01-01", "modified": "2024-02-01"}
    assert [line.split(" warning")[0] for line in shown("detection:\n  date: 2024-01-01")] == ["f.yml:2:9: Y012"]


def test_every_key_and_value_knows_its_place() -> None:
    document = only("# comment\nüber: {x: 1}\nlist:\n  - a\n  - key: v\n")
    assert str(document.span(())) == "f.yml:2:1"
    assert str(document.span(("über", "x"))) == "f.yml:2:11"
    assert str(document.key_span(("über", "x"))) == "f.yml:2:8"
    assert str(document.span(("list", 1, "key"))) == "f.yml:5:10"
    assert str(document.key_span(("list", 1, "key"))) == "f.yml:5:5"
    assert str(document.key_span(("list", 0))) == "f.yml:4:5"


def test_a_place_that_does_not_exist_is_the_nearest_above_it() -> None:
    document = only("a:\n  b: 1\n")
    assert str(document.span(("a", "x", "y"))) == "f.yml:2:3"
    assert str(document.key_span(("a", "x"))) == "f.yml:1:1"
    assert str(document.span(("z",))) == "f.yml:1:1"


def test_a_file_may_hold_several_documents_or_none() -> None:
    documents, problems = yamlfile.parse("a: 1\n---\nb: 2\n---\n", "f.yml")
    assert ([document.value for document in documents], problems) == ([{"a": 1}, {"b": 2}, None], [])
    assert str(documents[1].span(("b",))) == "f.yml:3:4"
    assert yamlfile.parse("", "f.yml") == ([], [])
    assert yamlfile.parse("# nothing\n", "f.yml") == ([], [])


def test_a_byte_order_mark_is_not_part_of_the_first_key() -> None:
    document = only(b"\xef\xbb\xbfkey: 1")
    assert document.value == {"key": 1}
    assert str(document.span(("key",))) == "f.yml:1:6"


def test_an_alias_is_a_copy_that_stands_where_it_is_written() -> None:
    document = only("a: &x\n  b: [1]\nc: *x\n")
    assert document.value == {"a": {"b": [1]}, "c": {"b": [1]}}
    assert document.value["a"]["b"] is not document.value["c"]["b"]
    assert str(document.span(("c",))) == "f.yml:3:4"
    assert str(document.span(("c", "b"))) == "f.yml:2:6"


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        (
            "a: b: c",
            "1:5: Y001 a ':' stands where no key can be",
            "quote the text if it has a ': ' in it, else compare the indentation with the lines above",
        ),
        ("a: 'x\nb: 1\n", "1:4: Y001 a quoted text is not closed", "add the missing quote"),
        ("a: [1, 2\nb: 1", "2:2: Y001 a list that begins with '[' is not closed", "add the missing ',' or ']'"),
        (
            'a: "C:\\system"',
            "1:7: Y001 unknown escape in a text in double quotes",
            "use single quotes for text with backslashes, such as a regex or a Windows path",
        ),
        ("a: 1\n@b: 2", "2:1: Y001 '@' cannot begin a value", "put the text in single quotes"),
        ("a: %x", "1:4: Y001 '%' cannot begin a value", "put the text in single quotes"),
        (
            "- a\nb: c",
            "2:1: Y001 this line does not continue the list above it",
            "begin each entry of the list with '- ' in the same column",
        ),
        ("a:\n\tb: 1", "2:1: Y002 a tab stands where YAML wants spaces", "indent with spaces"),
        ("a: 1\n\tb: 2", "2:1: Y002 a tab stands where YAML wants spaces", "indent with spaces"),
        (b"a: 1\nb: \xc3(", "2:4: Y004 not UTF-8 text at byte 8", "save the file as UTF-8"),
        ("a: 1\n".encode("utf-16"), "1:1: Y004 not UTF-8 text at byte 0", "save the file as UTF-8"),
        ("a: \udcff", "0:0: Y004 not UTF-8 text at character 3", ""),
        (
            "a: 1\nb: x\x07",
            "2:5: Y005 control character U+0007 is not allowed",
            'write it as an escape in a text in double quotes, such as "\\x07"',
        ),
        ("a: 1\nb: 2\na: 3", "3:1: Y006 key 'a' is given twice, first in line 1", "keep one of them"),
        (
            "a: !!python/object:os.system x",
            "1:4: Y007 tag '!!python/object:os.system' is not allowed",
            "remove it; quotes make a value text",
        ),
        ("a: !secret x", "1:4: Y007 tag '!secret' is not allowed", "remove it; quotes make a value text"),
        ("1: x", "1:1: Y008 a number cannot be a key", "keys are text: put it in quotes"),
        ("? [a]\n: x", "1:3: Y008 a list cannot be a key", "keys are text: put it in quotes"),
        ("a: *x", "1:4: Y011 alias '*x' has no anchor before it", "write '&x' before the value"),
        ("a: &x [*x]", "1:8: Y011 alias '*x' has no anchor before it", "write '&x' before the value"),
        ("a: &x {b: 1}\nc:\n  <<: *x", "3:3: Y013 merge key '<<' is not part of YAML 1.2", "write the keys out"),
    ],
)
def test_a_mistake_is_shown_where_it_stands(text: bytes | str, problem: str, hint: str) -> None:
    assert shown(text) == [f"f.yml:{problem}\n    hint: {hint}" if hint else f"f.yml:{problem}"]


def test_all_mistakes_are_shown_at_once() -> None:
    codes = [problem.code for problem in yamlfile.parse("a: 1\na: !x 2\n3: yes\nb: *c\nd: [", "f.yml")[1]]
    assert codes == ["Y006", "Y007", "Y008", "Y012", "Y011", "Y001"]


def test_a_file_of_mistakes_is_not_read_to_its_end() -> None:
    assert len(shown("1: 2\n" * 5000)) == MOST_PROBLEMS
    assert len(shown("- yes\n" * 5000)) == MOST_PROBLEMS


def test_a_file_above_the_limit_is_refused_unread() -> None:
    expected = "f.yml:0:0: Y003 the file is larger than 1024 KiB"
    assert shown(b"\xff" * 50_000_000)[0].startswith(expected)
    assert shown("a: 1\n" * 10_000_000)[0].startswith(expected)
    assert shown("é" * (yamlfile.LARGEST // 2 + 1))[0].startswith(expected)


def test_an_alias_bomb_is_refused() -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 7)}]" for level in range(1, 7)]
    documents, problems = yamlfile.parse("\n".join(levels), "f.yml")
    assert documents == []
    assert (str(problems[0].span), problems[0].code) == ("f.yml:7:10", "Y010")
    assert problems[0].message == "the file holds more than 200,000 values"
    assert problems[0].hint == "aliases repeat everything below their anchor"


def test_the_number_of_aliases_is_bounded() -> None:
    assert shown("a: &a 1\nb: [" + "*a, " * 51 + "]") == ["f.yml:2:205: Y010 the file has more than 50 aliases"]
    assert shown("a: &a 1\nb: [" + "*a, " * 50 + "]") == []


@pytest.mark.parametrize("sign", ["[", "{a: ", "- "])
def test_nesting_is_bounded(sign: str) -> None:
    assert shown(sign * 200_000)[0].startswith(f"f.yml:1:{len(sign) * DEEPEST + 1}: Y009 nested deeper than 30 levels")


def test_aliases_do_not_lead_around_the_bound_on_nesting() -> None:
    levels = ["a0: &a0 [x]"] + [f"a{level}: &a{level} [*a{level - 1}]" for level in range(1, 40)]
    assert [problem.code for problem in yamlfile.parse("\n".join(levels), "f.yml")[1]] == ["Y009"]


def test_a_deep_list_at_the_bound_is_read() -> None:
    assert shown("[" * DEEPEST + "]" * DEEPEST) == []

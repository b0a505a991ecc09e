"""Lists for placeholders, in the rule and in files beside it."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest

from sentinel import rulebook
from sentinel.detect.match import need
from sentinel.detect.needs import MOST, Either
from sentinel.problems import Problem
from tests.detecting import a_block, an_engine, detection, json_lines, rules_of

RULE = """\
title: t
name: t
logsource: {category: webserver}
detection:
    selection: {patient|expand: '%vips%'}
    condition: selection
sentinel:
    lists:
        vips: {file: lists/vips.txtMORE}
"""


def read(folder: Path, content: bytes | None, more: str = "") -> tuple[Any, list[Problem]]:
    (folder / "lists").mkdir()
    if content is not None:
        (folder / "lists" / "vips.txt").write_bytes(content)
    path = folder / "rule.yml"
    path.write_text(RULE.replace("MORE", more), encoding="utf-8")
    book, problems = rulebook.read([path], None)
    return book.rules, problems


def test_a_list_is_read_from_a_file_beside_the_rule_one_text_a_line(tmp_path: Path) -> None:
    rules, problems = read(tmp_path, "\ufeff# ours\r\nP7\r\n\r\n  Zoë \nVIP-*\n".encode())
    assert problems == []
    data = json_lines([{"patient": each} for each in ("p7", "P8", "ZOË", "vip-12", "# ours")])
    found = an_engine(rules).matches(a_block(data))
    assert [match.event.fields["patient"] for match in found] == ["p7", "ZOË", "vip-12"]


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"# nobody\n"])
def test_a_list_that_cannot_be_read_or_is_empty_keeps_the_rule_out(tmp_path: Path, content: bytes | None) -> None:
    rules, problems = read(tmp_path, content)
    assert rules.detections == ()
    assert [(each.code, each.span.line) for each in problems] == [("R054", 9)]


def test_a_list_longer_than_its_bound_keeps_the_rule_out(tmp_path: Path) -> None:
    rules, problems = read(tmp_path, b"a\nb\nc\n", ", max: 2")
    assert rules.detections == ()
    assert [each.code for each in problems] == ["R055"]


def test_a_list_has_ten_thousand_texts_unless_it_says_otherwise(tmp_path: Path) -> None:
    rules, problems = read(tmp_path, b"".join(b"P%d\n" % number for number in range(10_000)))
    assert problems == []
    found = an_engine(rules).matches(a_block(json_lines([{"patient": "P9999"}, {"patient": "P10000"}])))
    assert len(found) == 1


def test_a_problem_with_a_list_says_nothing_of_what_stands_in_it(tmp_path: Path) -> None:
    _, problems = read(tmp_path, b"kim\nlee\nmax\n", ", max: 2")
    assert not any(name in str(each) for each in problems for name in ("kim", "lee"))


@pytest.mark.parametrize(
    "modifiers", ["expand", "expand|contains", "expand|endswith", "expand|startswith", "re|expand"]
)
def test_a_long_list_is_watched_for_by_beginnings_and_misses_nothing(modifiers: str) -> None:
    random = Random(7)
    letters, ends = "aBcDeFgH7-", ("", "é", "\u0130")
    words = ["".join(random.choices(letters, k=random.randint(6, 10))) + random.choice(ends) for _ in range(600)]
    rule = detection("r", {"selection": {f"f|{modifiers}": "%l%"}}, sentinel={"lists": {"l": words}})
    rules = rules_of(rule)
    needs = need(rules.detections[0].condition)
    assert isinstance(needs, Either)
    assert len(needs.needs) <= MOST
    written = words if modifiers.startswith("re") else [each.swapcase() for each in words]
    before = "" if modifiers in ("expand", "expand|startswith") else "::"
    data = json_lines([{"f": before + each} for each in written if each.lower() in {word.lower() for word in words}])
    assert len(an_engine(rules).matches(a_block(data))) == data.count(b"\n") > 500
    engine = an_engine(rules)
    assert engine.matches(a_block(json_lines([{"f": "nothing"}] * 50))) == []
    assert engine.lanes["app"].counts.candidates == 0

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.detect.needs import Run
from sentinel.detect.predicates import folded
from sentinel.pushdown import Field, fields_of, regex

LETTERS = 'aiksAIKSz09/.*?+[](){}|\\^$#@&<>~"- \u212aİıſéß'


@given(st.text(LETTERS, max_size=12), st.text(LETTERS, min_size=1, max_size=100), st.text(LETTERS, max_size=12))
def test_what_holds_without_case_is_found_by_the_pattern(before: str, inside: str, behind: str) -> None:
    value = before + inside + behind
    for at_start in (False, True):
        for at_end in (False, True):
            run = Run("f", folded(inside), at_start, at_end)
            holds = re.search(
                (r"\A" if at_start else "") + re.escape(run.text) + (r"\Z" if at_end else ""), folded(value)
            )
            # In what is written here, patterns of Lucene and of Python are the same, but for where they are anchored.
            found = re.fullmatch(regex(run).replace("/", r"\/"), value, re.DOTALL)
            assert found is not None or holds is None


KEYWORD: dict[str, Any] = {"type": "keyword"}


@pytest.mark.parametrize(
    ("mapping", "expected"),
    [
        ({"type": "keyword", "ignore_above": 64}, Field("f", "keyword")),
        ({"type": "text", "fields": {"keyword": KEYWORD}}, Field("f.keyword", "keyword")),
        ({"type": "keyword", "doc_values": False}, Field("f", "keyword", has_doc_values=False)),
        ({"type": "text"}, None),
        ({"type": "keyword", "index": False}, None),
        ({"type": "keyword", "normalizer": "lowercase"}, None),
        ({"type": "nested", "properties": {"g": KEYWORD}}, None),
        ({"type": "date"}, None),
    ],
)
def test_a_field_is_asked_for_only_where_nothing_of_it_can_be_missed(
    mapping: dict[str, Any], expected: Field | None
) -> None:
    assert fields_of([{"properties": {"f": mapping}}]).get("f") == expected


def test_a_field_that_one_index_has_otherwise_is_not_asked_for() -> None:
    ways: list[dict[str, Any]] = [{"properties": {"f": KEYWORD}}, {"properties": {"f": {"type": "long"}}}]
    assert fields_of(ways) == {}
    assert fields_of([ways[0], {"properties": {}}]) == {}
    assert fields_of([ways[0], ways[0]]) == {"f": Field("f", "keyword")}

"""One value of a file that somebody wrote, changed and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sentinel import yamlfile
from sentinel.yamledit import CannotEdit, put

PATH = ("correlation", "condition", "gte")


@pytest.mark.parametrize(
    "text",
    [
        "correlation: {condition: {gte: 50}}  # why",
        "correlation:\n  # half a ward\n  condition:\n      gte:   50   # a\n",
        "correlation:\r\n  condition:\r\n    gte: 50\r\n",
        "\ufeffcorrelation: {condition: {gte: 50}}\n",
        "x: 'ä\U0001f600'\ncorrelation: {condition: {field: é, gte: 50}}",
    ],
    ids=["flow", "block", "crlf", "bom", "beyond ascii"],
)
def test_only_the_value_changes(text: str) -> None:
    assert put(text, 0, PATH, 80) == text.replace("50", "80")


def test_a_word_takes_the_place_of_a_quoted_word() -> None:
    assert put("sentinel:\n  mode: 'shadow' # since May\n", 0, ("sentinel", "mode"), "enforce") == (
        "sentinel:\n  mode: enforce # since May\n"
    )


def test_only_the_document_that_is_named_changes() -> None:
    one = "correlation: {condition: {gte: 50}}\n"
    assert put(f"{one}---\n{one}---\n{one}", 1, PATH, 9) == f"{one}---\n{one.replace('50', '9')}---\n{one}"


@pytest.mark.parametrize(
    "text",
    [
        "most: &most 50\ncorrelation: {condition: {gte: *most}}",
        "correlation: {condition: {gte: &most 50}}\nleast: *most",
        "correlation: {condition: {gte: [50]}}",
        "correlation: {condition: {lte: 50}}",
        "correlation: {condition: {gte: 50}",
        "",
    ],
    ids=["an alias", "others go by it", "a list", "another key", "no YAML", "nothing"],
)
def test_what_is_not_certain_is_not_changed(text: str) -> None:
    with pytest.raises(CannotEdit):
        put(text, 0, PATH, 80)


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.integers(-99, 99) | st.sampled_from(["a", "it's", "# no comment", "x: y", "é\n\nz", ""]),
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.sampled_from("abc"), below, max_size=3),
    max_leaves=8,
)


@given(before=VALUES, after=VALUES, flow=st.booleans(), number=st.integers(0, 10**6))
def test_whatever_stands_around_it_is_left_alone(before: Any, after: Any, *, flow: bool, number: int) -> None:
    whole = {"before": before, "at": {"gte": -1}, "after": after}
    text = yaml.safe_dump(whole, default_flow_style=flow, allow_unicode=True, sort_keys=False)
    changed = put(text, 0, ("at", "gte"), number)
    [document], _ = yamlfile.parse(changed, "")
    assert document.value == {**whole, "at": {"gte": number}}
    start = next(place for place, (old, new) in enumerate(zip(text, changed, strict=False)) if old != new)
    assert text[start:].startswith("-1")
    assert changed == text[:start] + str(number) + text[start + 2 :]

"""Whatever bytes a file holds, reading it gives documents or problems."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import yamlfile
from sentinel.yamlfile import Document

PIECES = st.sampled_from(
    ["a", "b: ", "- ", "\n", "\n  ", "\n    ", "[", "]", "{", "}", ", ", ": ", "&x ", "*x", "!t ", "'", '"', "|\n",
     ">-\n", "#", "---\n", "...\n", "%YAML 1.2\n", "\t", "? ", "yes", "010", "1.5", "null", "~", "<<: ", "@", "`", "\\",
     "é", "\u2028", "\x00", "\x85", "\ufeff", "😀", "1e9999", "9" * 400, "2024-01-01"]
)  # fmt: skip
"""What YAML is made of, so that random texts get past its first character."""

TEXT = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]))
"""What JSON escapes in a way that YAML reads too: no pairs of surrogates."""

KEYS = TEXT.filter(lambda key: key != "<<" and len(json.dumps(key)) <= 1000)
"""A key on one line has at most 1024 characters (YAML 1.2.2, 7.4.2)."""

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


def walk(value: Any, document: Document, path: yamlfile.Path = ()) -> None:
    for place in (document.span(path), document.key_span(path)):
        assert place.line >= 1
        assert place.column >= 1
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in below:
        walk(each, document, (*path, step))


def check(text: bytes | str) -> None:
    documents, problems = yamlfile.parse(text, "f.yml")
    for problem in problems:
        assert problem.code.startswith("Y")
        assert problem.message == problem.message.strip().rstrip(".")
        assert "\n" not in problem.message
    for document in documents:
        walk(document.value, document)
        json.dumps(document.value, allow_nan=False)


@given(st.binary(max_size=300))
def test_any_bytes_give_documents_or_problems(content: bytes) -> None:
    check(content)


@given(st.text(max_size=200))
def test_any_text_gives_documents_or_problems(text: str) -> None:
    check(text)


@settings(max_examples=400)
@given(st.lists(PIECES, max_size=40).map("".join))
def test_any_yaml_like_text_gives_documents_or_problems(text: str) -> None:
    check(text)


@given(PLAIN)
def test_json_is_read_as_the_values_it_was_written_from(value: Any) -> None:
    text = json.dumps(value, allow_nan=False)
    documents, problems = yamlfile.parse(text, "f.yml")
    assert [problem for problem in problems if problem.is_error] == []
    assert documents[0].value == value

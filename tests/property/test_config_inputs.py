"""Whatever stands in the files of an installation, reading them gives a configuration or problems."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel import config, identities, inventory, yamlfile

CONFIG: dict[str, Any] = {
    "state": "s",
    "rules": ["."],
    "shipped_rules": True,
    "inventory": "inventory.yaml",
    "sources": [
        {"name": "a", "type": "file", "paths": ["*.log"], "format": "json", "logsource": {"category": "c"},
         "timezone": "UTC", "time": "t", "start": "end", "history": "24h"},
        {"name": "b", "type": "stdin", "format": {"regex": "(?P<message>.*)"}},
    ],
    "cases": {"awareness": "detection", "clocks": ["gdpr"], "timezone": "UTC"},
    "channels": {
        "soc": {"type": "webhook", "url": "https://x.example", "secret": {"env": "A"}, "timeout": "5s", "ca_file": "x"},
        "chat": {"type": "slack", "url": {"file": "u"}, "fallback": ["soc"]},
    },
    "routes": [{"when": {"level": ["high"], "rule": "r", "system": "s", "kind": "opened"}, "to": ["soc"]}, {"to": []}],
    "http": {"listen": "127.0.0.1:9108"},
    "control": {"socket": "c.sock"},
    "keys": {"master": {"credential": "k"}},
}  # fmt: skip

INVENTORY: dict[str, Any] = {
    "systems": [
        {
            "name": "portal",
            "people": 5,
            "data": ["health"],
            "lawful_basis": "consent",
            "access": [
                {
                    "when": {"url.path|re": "^/p/(?P<subject>[0-9]+)", "x": [1, None]},
                    "logsource": {"category": "webserver"},
                    "actor": {"field": "user.name", "trust": "claimed", "normalise": ["lower"]},
                    "action": "read",
                    "records": "n",
                }
            ],
        }
    ],
    "identities": "people.yaml",
}
PEOPLE: dict[str, Any] = {"kim": ["kim@corp", "CORP\\kim"], "lee": []}

ODD = ("", "x", "America", "auto", "file", "stdin", "gdpr", "10", "-1", "\\", "[::1]:1", "a/../b", "é" * 300, "a\0b")
WORDS = st.sampled_from(ODD)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS
ANYTHING = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3), max_leaves=6
)


@st.composite
def changed(draw: st.DrawFn, whole: dict[str, Any]) -> str:
    """The document with one to three of its values replaced, removed or renamed."""
    copy = json.loads(json.dumps(whole))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = copy
        while True:
            steps = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not steps:
                break
            step = draw(st.sampled_from(steps))
            if isinstance(place[step], (dict, list)) and place[step] and draw(st.integers(0, 3)):
                place = place[step]
                continue
            if draw(st.integers(0, 4)) == 0:
                place.pop(step)
            else:
                place[step] = draw(ANYTHING)
            break
    return json.dumps(copy, ensure_ascii=False)


@settings(max_examples=300, deadline=None)
@given(changed(CONFIG), changed(INVENTORY), changed(PEOPLE))
def test_any_change_to_the_files_gives_a_configuration_or_problems(whole: str, systems: str, people: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, text in (("sentinel.yaml", whole), ("inventory.yaml", systems), ("people.yaml", people)):
            (folder / file).write_text(text)
        found, problems = config.load(folder / "sentinel.yaml", {})
    assert (found is None) == any(problem.is_error for problem in problems)
    for problem in problems:
        assert problem.span.file.startswith(name)
        assert "\n" not in problem.message


def places(value: Any, path: yamlfile.Path = ()) -> Iterator[yamlfile.Path]:
    yield path
    below = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in below:
        yield from places(each, (*path, step))


@pytest.mark.parametrize("odd", [*ODD, None, True, -1, 10**30, 1.5, [], {}, [[]], [{}], {"": ""}])
def test_an_odd_value_in_any_place_gives_a_configuration_or_problems(tmp_path: Path, odd: Any) -> None:
    (tmp_path / "inventory.yaml").write_text(json.dumps(INVENTORY | {"identities": None}))
    for path in places(CONFIG):
        whole = json.loads(json.dumps(CONFIG))
        place = whole
        for step in path[:-1]:
            place = place[step]
        if path:
            place[path[-1]] = odd
        else:
            whole = odd
        (tmp_path / "sentinel.yaml").write_text(json.dumps(whole))
        found, problems = config.load(tmp_path / "sentinel.yaml", {})
        assert (found is None) == any(problem.is_error for problem in problems)


@settings(max_examples=200)
@given(ANYTHING)
def test_any_value_is_an_inventory_and_identities_or_problems(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False)
    for parse in (inventory.parse, identities.parse):
        found, problems = parse(text, "f.yaml")
        assert (found is None) == any(problem.is_error for problem in problems)


@given(st.binary(max_size=100))
def test_any_bytes_are_an_inventory_and_identities_or_problems(content: bytes) -> None:
    for parse in (inventory.parse, identities.parse):
        found, problems = parse(content, "f.yaml")
        assert (found is None) == any(problem.is_error for problem in problems)
    assert yamlfile.parse(content, "f.yaml") == yamlfile.parse(content, "f.yaml")

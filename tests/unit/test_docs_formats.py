"""docs/formats.md says of every format what its table says, and what it shows is read as it is said."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel import inventory
from sentinel.formats import FORMATS, FormatOptions, make
from sentinel.formats.patterns import Patterns
from sentinel.formats.tabled import Tabled

PAGE = (Path(__file__).parent.parent.parent / "docs" / "formats.md").read_text(encoding="utf-8")
SECTIONS: dict[str, str] = dict(re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))
OPTIONS = FormatOptions()
WRITTEN_FOR: dict[str, tuple[str, Any]] = {
    "nginx": ("nginx and Apache by their own string", {"nginx": "$status"}),
    "apache": ("nginx and Apache by their own string", {"apache": "%s x"}),
    "w3c": ("iis, w3c", "iis"),
}
TABLED = [
    name for name in FORMATS if name not in ("csv", "regex", "w3c") and isinstance(make(name, OPTIONS), Tabled)
]  # fmt: skip
SHORT = {
    "url.path": "url.*", "url.original": "url.*", "url.query": "url.*", "url.domain": "url.*", "event.kind": "url.*",
    "source.address": "source.*", "source.ip": "source.*", "source.port": "source.*",
}  # fmt: skip


def section_of(name: str) -> str:
    return next(text for title, text in SECTIONS.items() if name in title.split(", "))


def rows(text: str) -> set[tuple[str, str]]:
    """Field and written name of every row of every table."""
    found = set()
    for fields, names in re.findall(r"^\| (`.*?) \| (.*?) \|$", text, re.MULTILINE):
        shown = re.findall(r"`([^`]+)`", names) or [names]
        found |= {(field, name) for field in re.findall(r"`([^`]+)`", fields) for name in shown}
    return found


@pytest.mark.parametrize("name", [*TABLED, "nginx", "apache"])
def test_each_row_of_a_format_s_table_is_in_its_section(name: str) -> None:
    title, spec = WRITTEN_FOR.get(name, ("", name))
    text = SECTIONS[title] if title else section_of(name)
    log = make(spec, OPTIONS)
    assert isinstance(log, Tabled)
    shown = rows(text)
    for written, meaning in log.table:
        column = "the whole record" if written == "whole" else written
        for field in ("message",) if isinstance(meaning, Patterns) else meaning.fields:
            is_request = len(meaning.fields) > 5
            if not (is_request and field in ("message", "event.kind")):
                assert (field, column) in shown or (SHORT.get(field), column) in shown


@pytest.mark.parametrize("title", [title for title in SECTIONS if set(title.split(", ")) & set(TABLED)])
def test_each_line_that_is_shown_is_read_by_the_format_it_is_shown_for(title: str) -> None:
    parsers = [make(name, OPTIONS).parser(None) for name in title.split(", ")]
    parsers += [make({"syslog": name}, OPTIONS).parser(None) for name in title.split(", ")]
    for block in re.findall(r"^```\n(.*?)^```", SECTIONS[title], re.MULTILINE | re.DOTALL):
        for line in block.rstrip("\n").split("\n"):
            parsed = [parse(line.encode(), 1_800_000_000_000_000) for parse in parsers]
            assert any(each is not None and each[1] is not None for each in parsed)


def yaml_blocks() -> list[Any]:
    return [yaml.safe_load(text) for text in re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)]


def test_each_inventory_that_is_shown_is_one_without_a_problem() -> None:
    shown = [each for each in yaml_blocks() if "systems" in each]
    assert len(shown) >= 4
    for each in shown:
        assert inventory.parse(yaml.safe_dump(each))[1] == []


def test_each_source_that_is_shown_has_a_format() -> None:
    shown = [source for each in yaml_blocks() for source in each.get("sources", ())]
    assert len(shown) >= 4
    for source in shown:
        assert make(source["format"], OPTIONS).fields != frozenset()

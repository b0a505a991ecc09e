"""Every key of the configuration and of the inventory is explained, and the examples of the pages are right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel import config, identities, inventory, schema
from sentinel.cases.regimes import Regime, Step, shipped_regimes
from sentinel.inventory import InventoryPart

DOCS = Path(__file__).parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def examples(name: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)


def keys(written: Any) -> Iterator[str]:
    """The names of all properties in a JSON Schema."""
    if isinstance(written, dict):
        yield from written.get("properties", {})
        for each in written.values():
            yield from keys(each)
    elif isinstance(written, list):
        for each in written:
            yield from keys(each)


@pytest.mark.parametrize(
    ("names", "written"),
    [
        (("configuration.md", "channels.md", "sources.md"), config.json_schema()),
        (("inventory.md",), schema.json_schema(InventoryPart)),
    ],
    ids=["configuration", "inventory"],
)
def test_every_key_is_explained(names: tuple[str, ...], written: dict[str, Any]) -> None:
    explained = "".join(page(name) for name in names)
    assert [
        key for key in dict.fromkeys(keys(written)) if f"`{key}`" not in explained and f"`{{{key}:" not in explained
    ] == []


def test_every_category_is_explained() -> None:
    explained = page("inventory.md")
    assert [each for each in inventory.SPECIAL | inventory.ORDINARY if f"`{each}`" not in explained] == []


def test_every_regime_and_every_key_of_one_is_explained() -> None:
    explained = page("clocks.md")
    assert [name for name in shipped_regimes() if f"`{name}`" not in explained] == []
    fields = [*Regime.model_fields, *Step.model_fields]
    assert [name for name in fields if f"`{name}`" not in explained] == []


def test_the_example_of_a_configuration_has_no_errors(tmp_path: Path) -> None:
    (text,) = examples("configuration.md")
    (tmp_path / "rules").mkdir()
    (tmp_path / "sentinel.yaml").write_text(text)
    (tmp_path / "inventory.yaml").write_text(
        "systems: [{name: portal, data: [contact], access: [{when: {a: b}, actor: u}]}]"
    )
    found, problems = config.load(tmp_path / "sentinel.yaml", {})
    assert found is not None
    assert {problem.code for problem in problems} <= {"C015", "C016"}


def test_the_examples_of_an_inventory_have_no_problems() -> None:
    systems, people = examples("inventory.md")
    found, problems = inventory.parse(systems, "inventory.yaml")
    assert (found is not None, problems) == (True, [])
    names, problems = identities.parse(people, "people.yaml")
    assert problems == []
    assert names is not None
    assert names.resolve("CORP\\KIM") == "kim"
    shipped = "".join(file.read_text(encoding="utf-8") for file in (DOCS.parent / "rules").rglob("*.yml"))
    assert "`split_reading`" in page("inventory.md")
    assert "\nname: split_reading\n" in shipped

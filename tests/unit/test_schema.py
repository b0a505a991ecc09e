"""A document that does not fit its model says why in plain words, at the right place."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, field_validator

from sentinel import schema, yamlfile
from sentinel.durations import Duration
from sentinel.secrets import SecretRef

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)
CODES = schema.Codes("C001", "C002", "C003")


class Colour(StrEnum):
    RED = "red"
    GREEN = "green"


class Hook(BaseModel):
    model_config = STRICT
    type: Literal["hook"]
    url: str
    secret: SecretRef | None = None


class Post(BaseModel):
    model_config = STRICT
    type: Literal["post"]
    street: str
    number: int = Field(1, ge=1, le=999)


class Pet(BaseModel):
    model_config = STRICT
    name: Annotated[str, StringConstraints(pattern="^[a-z]+$")]
    legs: int = 4
    lives: int = Field(9, validation_alias=AliasChoices("for"))


class Home(BaseModel):
    model_config = STRICT
    open: bool = True
    colour: Colour = Colour.RED
    start: Literal["beginning", "end"] = "end"
    pets: tuple[Pet, ...] = ()
    doors: dict[str, Annotated[Hook | Post, Field(discriminator="type")]] = {}
    form: str | dict[str, Any] | None = None
    paths: list[str] = Field(["x"], min_length=1)
    after: Duration = 0
    folder: Path = Path()
    owner: str | Pet | None = None
    even: int = 0

    @field_validator("even")
    @classmethod
    def _is_even(cls, value: int) -> int:
        if value % 2:
            raise ValueError(f"'{value}' is odd")
        return value


def shown(text: str, at: yamlfile.Path = ()) -> list[str]:
    documents, problems = yamlfile.parse(text, "f.yml")
    assert problems == []
    return [str(problem) for problem in schema.validate(documents[0], Home, CODES, at)[1]]


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("opne: true", "1:1: C001 unknown key 'opne'", "did you mean 'open'?"),
        ("pets:\n  - {name: a, leg: 3}", "2:15: C001 unknown key 'leg'", "did you mean 'legs'?"),
        ("pets:\n  - {name: a, fo: 3}", "2:15: C001 unknown key 'fo'", "did you mean 'for'?"),
        ("pets:\n  - {name: a, zzzz: 3}", "2:15: C001 unknown key 'zzzz'", "known here: for, legs, name"),
        ("doors: {a: {type: hook, url: u, ulr: x}}", "1:33: C001 unknown key 'ulr'", "did you mean 'url'?"),
        ("doors: {a: {type: post, street: u, ulr: x}}", "1:36: C001 unknown key 'ulr'",
         "known here: number, street, type"),
        ("pets:\n  - legs: 3", "2:5: C002 'name' is missing", ""),
        ("doors:\n  front: {type: hook}", "2:3: C002 'url' is missing", ""),
        ("doors:\n  front: {url: x}", "2:3: C002 'type' is missing", "write 'type:' to say which kind it is"),
        ("doors:\n  front: {type: hok}", "2:17: C003 'type' cannot be 'hok'", "did you mean 'hook'?"),
        ("open: 1", "1:7: C003 'open' is a number, but must be true or false", ""),
        ("open: 'yes'", "1:7: C003 'open' is text, but must be true or false", ""),
        ("open:", "1:6: C003 'open' is empty, but must be true or false", ""),
        ("even: '4'", "1:7: C003 'even' is text, but must be a whole number", ""),
        ("even: 1.5", "1:7: C003 'even' is a number, but must be a whole number", ""),
        ("even: 3", "1:7: C003 '3' is odd", ""),
        ("paths: x", "1:8: C003 'paths' is text, but must be a list", ""),
        ("paths: [a, 2]", "1:12: C003 entry 2 of 'paths' is a number, but must be text", ""),
        ("paths: []", "1:8: C003 'paths' has too few entries: needed: 1", ""),
        ("form: 5", "1:7: C003 'form' is a number, but must be text or a mapping", ""),
        ("owner: {name: a, legs: b}", "1:24: C003 'legs' is text, but must be a whole number", ""),
        ("owner: {legs: 2}", "1:1: C002 'name' is missing", ""),
        ("owner: 5", "1:8: C003 'owner' is a number, but must be text or a mapping", ""),
        ("pets: [5]", "1:8: C003 entry 1 of 'pets' is a number, but must be a mapping", ""),
        ("pets: [{name: A}]", "1:15: C003 'name' has a form that is not allowed", "it must match ^[a-z]+$"),
        ("colour: rod", "1:9: C003 'colour' cannot be 'rod'", "did you mean 'red'?"),
        ("start: middle", "1:8: C003 'start' cannot be 'middle'", "known here: beginning, end"),
        ("start: 5", "1:8: C003 'start' is a number, but must be 'beginning' or 'end'", ""),
        ("doors: {a: {type: post, street: s, number: 0}}", "1:44: C003 'number' must be at least 1", ""),
        ("doors: {a: {type: post, street: s, number: 1000}}", "1:44: C003 'number' must be at most 999", ""),
        ("after: 10", "1:8: C003 '10' has no unit: write one of ms, s, m, h, d, w, such as '10s'", ""),
        ("- a", "1:1: C003 the document is a list, but must be a mapping", ""),
    ],
)  # fmt: skip
def test_each_way_not_to_fit_is_said_where_it_stands(text: str, problem: str, hint: str) -> None:
    assert shown(text) == [f"f.yml:{problem}\n    hint: {hint}" if hint else f"f.yml:{problem}"]


def test_an_inline_secret_is_refused_and_not_shown() -> None:
    (problem,) = shown("doors: {a: {type: hook, url: u, secret: hunter2}}")
    assert problem.startswith(
        "f.yml:1:41: C003 a secret is never written in this file\n    hint: use {credential: NAME}"
    )
    assert "hunter2" not in problem
    for secret in ("[hunter2]", "{hunter2: x}", "{env: [hunter2]}"):
        assert "hunter2" not in "".join(shown(f"doors: {{a: {{type: hook, url: u, secret: {secret}}}}}")).replace(
            "unknown key 'hunter2'", ""
        )


def test_all_problems_come_at_once_in_the_order_of_the_file() -> None:
    places = [line.split(" ")[:2] for line in shown("opne: 1\nopen: 5\npets: [{legs: x}]\neven: 1")]
    assert places == [
        ["f.yml:1:1:", "C001"], ["f.yml:2:7:", "C003"], ["f.yml:3:8:", "C002"], ["f.yml:3:15:", "C003"],
        ["f.yml:4:7:", "C003"],
    ]  # fmt: skip


def test_a_part_of_a_document_is_read_by_its_path() -> None:
    documents, _ = yamlfile.parse("x:\n  - even: 2\n    folder: /srv\n    after: 2s\n  - even: 3\n  -\n", "f.yml")
    home, problems = schema.validate(documents[0], Home, "C009", ("x", 0))
    assert problems == []
    assert home is not None
    assert (home.even, home.folder, home.after) == (2, Path("/srv"), 2_000_000)
    assert [str(each) for each in schema.validate(documents[0], Home, "C009", ("x", 1))[1]] == [
        "f.yml:5:11: C009 '3' is odd"
    ]
    assert schema.validate(documents[0], Home, "C009", ("x", 2)) == (Home(), [])


def test_editors_get_a_json_schema() -> None:
    written = schema.json_schema(Home)
    assert written["$schema"].endswith("2020-12/schema")
    assert written["properties"]["after"]["pattern"]
    assert written["additionalProperties"] is False

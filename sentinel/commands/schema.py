"""`sentinel schema`: what a file may say, as JSON Schema, so that editors complete and underline."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sentinel import config, schema
from sentinel.commands.output import print_json
from sentinel.detect import ruleschema
from sentinel.inventory import InventoryPart

EXAMPLES = (
    "sentinel schema rule > .schemas/rule.json",
    "sentinel schema inventory > .schemas/inventory.json",
)


class Kind(StrEnum):
    """The files that people write."""

    CONFIG = "config"
    INVENTORY = "inventory"
    RULE = "rule"


WRITERS = {
    Kind.CONFIG: config.json_schema,
    Kind.INVENTORY: lambda: schema.json_schema(InventoryPart),
    Kind.RULE: ruleschema.json_schema,
}


def command(kind: Annotated[Kind, typer.Argument(help="Which file.")]) -> None:
    """sentinel.yaml, inventory.yaml or a rule file as JSON Schema (draft 2020-12), on standard output.

    An editor with it completes keys and underlines mistakes while you write; `sentinel check` is still what counts.
    """
    print_json(WRITERS[kind]())

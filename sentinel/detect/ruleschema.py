"""A rule file as JSON Schema, for editors: they complete keys and underline what `sentinel check` would refuse.

It knows the shape of Sigma and the whole of the `sentinel:` map. What hangs on other documents, or on the text of a
condition, is for `sentinel check`.
"""

from __future__ import annotations

from typing import Any

from sentinel.detect.additions import Additions
from sentinel.detect.correlations import KINDS
from sentinel.detect.lint import LEVELS
from sentinel.detect.modifiers import MODIFIERS

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
TEXTS: Schema = {"type": "array", "items": TEXT}
WORDS: Schema = {"oneOf": [TEXT, TEXTS]}
NUMBER: Schema = {"type": "number"}
SPAN: Schema = {"type": "string", "pattern": "^[0-9]+[smhdw]$", "description": "a number and s, m, h, d or w"}
OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")


def json_schema() -> Schema:
    """One document of a rule file: a detection, a correlation or a filter (draft 2020-12)."""
    additions = Additions.model_json_schema()
    definitions = {**additions.pop("$defs", {}), "selection": _selection()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A rule of Sentinel",
        "type": "object",
        "required": ["title"],
        "oneOf": [{"required": [kind]} for kind in ("detection", "correlation", "filter")],
        "properties": {
            "title": {**TEXT, "description": "what people read in messages and in the register"},
            "name": {**TEXT, "description": "by which other rules and commands know it"},
            "id": {**TEXT, "format": "uuid"},
            "status": {"enum": ["stable", "test", "experimental", "deprecated", "unsupported"]},
            **dict.fromkeys(("description", "author", "date", "modified", "license"), TEXT),
            **dict.fromkeys(("references", "tags", "falsepositives", "fields"), TEXTS),
            "level": {"enum": list(LEVELS)},
            "logsource": _logsource(),
            "detection": _section(),
            "filter": _section({"rules": {"oneOf": [WORDS, {"const": "any"}]}}),
            "correlation": _correlation(),
            "sentinel": additions,
        },
        "$defs": definitions,
    }


def _logsource() -> Schema:
    keys = dict.fromkeys(("category", "product", "service", "definition"), TEXT)
    return {"type": "object", "properties": keys, "minProperties": 1}


def _section(more: Schema | None = None) -> Schema:
    return {
        "type": "object",
        "required": ["condition"],
        "properties": {"condition": WORDS, **(more or {})},
        "additionalProperties": {"$ref": "#/$defs/selection"},
    }


def _selection() -> Schema:
    """Fields with modifiers that there are, or keywords."""
    modifiers = "|".join(sorted(MODIFIERS))
    fields = {"type": "object", "propertyNames": {"pattern": rf"^[^|]*(\|({modifiers}))*$"}, "minProperties": 1}
    return {"oneOf": [fields, {"type": "array", "items": {"oneOf": [fields, TEXT, NUMBER]}, "minItems": 1}]}


def _correlation() -> Schema:
    condition = {
        "type": "object",
        "properties": {**dict.fromkeys(OPERATORS, NUMBER), "field": WORDS, "percentile": NUMBER},
        "additionalProperties": False,
    }
    return {
        "type": "object",
        "required": ["type", "timespan"],
        "properties": {
            "type": {"enum": list(KINDS)},
            "rules": WORDS,
            "group-by": WORDS,
            "timespan": SPAN,
            "generate": {"type": "boolean"},
            "aliases": {"type": "object"},
            "condition": {"oneOf": [condition, TEXT]},
        },
        "additionalProperties": False,
    }

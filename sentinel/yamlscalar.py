"""Which unquoted words of YAML are values: the core of YAML 1.2, without what YAML 1.1 reads differently.

Rules of this file: only `true`, `false`, `null`, decimal integers and finite floats become values; every other shape
that some reader of YAML takes for a value (`yes`, `010`, `0x10`, `1_000`, `12:30`, `2024-01-01`, `.inf`) stays text.
Sources: YAML 1.2.2 section 10.3.2; the YAML 1.1 types bool, int, float and timestamp.
"""

from __future__ import annotations

import math
import re
from typing import Any

FIXED: dict[str, Any] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
    **{str(digit): digit for digit in range(10)},
}  # fmt: skip
"""Words of one meaning, all of fewer than two characters among them."""

FIRST = frozenset("0123456789+-.~tTfFnNyYoO")
"""A word that begins otherwise is text to every reader."""

_OLD_BOOLEANS = frozenset({"yes", "Yes", "YES", "no", "No", "NO", "on", "On", "ON", "off", "Off", "OFF"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,299})")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_DATE = re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")
_OLD: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("a date", re.compile(r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt \t].*)?", re.DOTALL)),
    ("a number in base 60", re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?")),
    ("a number", re.compile(r"[-+]?0(?:[xX][0-9a-fA-F_]+|[oO][0-7_]+|[bB][01_]+)")),
    ("a number", re.compile(r"[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?")),
    ("a number", re.compile(r"[-+]?\.(?:[0-9_]+(?:[eE][-+]?[0-9]+)?|inf|Inf|INF|nan|NaN|NAN)")),
)


def read(text: str) -> tuple[Any, str | None]:
    """The value of an unquoted word, and what readers of YAML 1.1 take it for, where that is something else."""
    if text in FIXED:
        return FIXED[text], None
    if text in _OLD_BOOLEANS:
        return text, "true or false"
    if _INTEGER.fullmatch(text):
        return int(text), None
    if _FLOAT.fullmatch(text) and math.isfinite(number := float(text)):
        return number, None
    return text, next((kind for kind, shape in _OLD if shape.fullmatch(text)), None)


def is_date(text: str) -> bool:
    """The word has the shape of a calendar date such as 2024-01-31."""
    return _DATE.fullmatch(text) is not None


_KINDS: dict[type, str] = {
    dict: "a mapping",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}


def kind(value: Any) -> str:
    """What people call a value of this type."""
    return _KINDS[type(value)]

"""A length of time as people write it in files ("500ms", "10m", "24h", "4d"), in microseconds.

Rules of this file: one number and one unit; a unit is always written, for a bare number would be guessed; a month and
a year have no fixed length and are no units here.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, WithJsonSchema

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros

UNITS: dict[str, Micros] = {
    "ms": SECOND // 1000,
    "s": SECOND,
    "m": MINUTE,
    "h": HOUR,
    "d": DAY,
    "w": 7 * DAY,
}
LONGEST: Micros = 100 * 366 * DAY

_SHAPE = re.compile(r"([0-9]{1,9})(ms|s|m|h|d|w)")


def parse(text: str) -> Micros:
    """Microseconds of text such as "90s". Raises ValueError, with a message for people, for anything else."""
    shape = _SHAPE.fullmatch(text)
    if shape is None:
        raise ValueError(
            f"'{text[:40]}' is not a duration: write a number and one of {', '.join(UNITS)}, such as '10m'"
        )
    duration = int(shape[1]) * UNITS[shape[2]]
    if duration > LONGEST:
        raise ValueError(f"'{text}' is longer than 100 years")
    return duration


def show(duration: Micros) -> str:
    """The duration in the largest unit that leaves no fraction, as `parse` reads it; a rest below 1 ms is cut."""
    for unit in ("w", "d", "h", "m", "s"):
        if duration >= UNITS[unit] and duration % UNITS[unit] == 0:
            return f"{duration // UNITS[unit]}{unit}"
    return f"{duration // UNITS['ms']}ms"


def _from_file(value: Any) -> Any:
    if isinstance(value, str):
        return parse(value)
    if isinstance(value, int) and not isinstance(value, bool):
        raise ValueError(f"'{value}' has no unit: write one of {', '.join(UNITS)}, such as '{value}s'")  # noqa: TRY004  (pydantic turns ValueErrors into problems; a TypeError would pass through)
    return value


Duration = Annotated[
    int,
    BeforeValidator(_from_file),
    WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}(ms|s|m|h|d|w)$", "examples": ["10m", "24h"]}),
]
"""The type of a field in an options model: text in the file, microseconds in the program."""

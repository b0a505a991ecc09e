"""Samples of every format, and what is read from them: tests/fixtures/formats/NAME.log beside NAME.yaml.

Of each record NAME.yaml has the time and every field that the format's table names; `auto` where it decides otherwise
than for the format itself, because it cannot know better.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "fixtures" / "formats"


@dataclass(frozen=True)
class Sample:
    """The records of one log, and what is expected of each; None where a record is not of the format."""

    name: str
    spec: Any
    auto: Any
    records: tuple[bytes, ...]
    expected: tuple[dict[str, Any] | None, ...]


@cache
def samples() -> tuple[Sample, ...]:
    """All of them, by name."""
    return tuple(_sample(path) for path in sorted(FOLDER.glob("*.log")))


def _sample(path: Path) -> Sample:
    told = yaml.safe_load(path.with_suffix(".yaml").read_text(encoding="utf-8"))
    records = tuple(path.read_bytes().removesuffix(b"\n").split(b"\n"))
    return Sample(path.stem, told["format"], told.get("auto", told["format"]), records, tuple(told["records"]))

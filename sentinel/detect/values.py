"""What a rule can want of a field: text with wildcards, a pattern, a network, a comparison, … Values only."""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sigma.types import SigmaString, SpecialChars

from sentinel.detect.regex import Regex

# --- what can be wanted ------------------------------------------------------------------------------------

ANY = SpecialChars.WILDCARD_MULTI
ONE = SpecialChars.WILDCARD_SINGLE
Part = str | SpecialChars


def parts(text: str) -> tuple[Part, ...]:
    r"""The text split at its wildcards: `*` any length, `?` one character, `\` escapes them and itself."""
    return tuple(part for part in SigmaString(text).s if isinstance(part, Part)) or ("",)


@dataclass(frozen=True, slots=True)
class Words:
    """Text with wildcards: `parts` are plain text, ANY and ONE in any order. Compared without case unless `cased`."""

    parts: tuple[Part, ...]
    cased: bool = False
    encoded: bytes | None = None

    @property
    def is_plain(self) -> bool:
        """No wildcard in it."""
        return all(isinstance(part, str) for part in self.parts)

    @property
    def plain(self) -> str:
        """The text without its wildcards."""
        return "".join(part for part in self.parts if isinstance(part, str))


@dataclass(frozen=True, slots=True)
class Pattern:
    """A regular expression, searched without anchoring, case-sensitive unless flag `i`. With a check, something it
    finds must pass it too (`sentinel.validate`).
    """

    text: str
    flags: str = ""
    regex: Regex | None = None
    check: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """An address block. An IPv4-mapped IPv6 address compares as its IPv4 address."""

    network: ipaddress.IPv4Network | ipaddress.IPv6Network


Operator = Literal["lt", "lte", "gt", "gte"]


@dataclass(frozen=True, slots=True)
class Compare:
    """A number on the right of an operator. Event values that are not finite numbers do not match."""

    operator: Operator
    number: int | float


@dataclass(frozen=True, slots=True)
class Exists:
    """The field is there (its value may be null or empty), or is not."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class FieldReference:
    """Another field of the same event, compared as text."""

    name: str
    start: bool = False
    end: bool = False
    cased: bool = False


Unit = Literal["minute", "hour", "day", "week", "month", "year"]


@dataclass(frozen=True, slots=True)
class TimePart:
    """A part of a time, in the rule's time zone. `week` is the ISO week."""

    unit: Unit
    operator: Operator | Literal["eq"]
    number: int | float


@dataclass(frozen=True, slots=True)
class Null:
    """The field is missing or null."""


Wanted = Words | Pattern | Network | Compare | Exists | FieldReference | TimePart | Null
Alternatives = tuple[Wanted, ...]


class ValueRefused(ValueError):
    """A value or modifier that has no meaning; code, message and hint for the author."""

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.code, self.message, self.hint = code, message, hint


def to_number(text: str) -> int | float | None:
    """The finite number a text stands for, or None. Underscores, spaces inside, NaN and infinities are no numbers."""
    try:
        if "_" in text:
            return None
        number = float(text)
    except ValueError:
        return None
    if not math.isfinite(number):
        return None
    try:
        return int(text)
    except ValueError:
        return number

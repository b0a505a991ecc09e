"""Checksums and identifiers: whether what a regular expression found is a card number, an IBAN, a national identifier.

The checks are python-stdnum's, by its names: `luhn`, `iban`, `de.idnr`, `fr.nir`, `gb.nhs`, …
"""

from __future__ import annotations

import re
from collections.abc import Callable
from importlib import import_module

Check = Callable[[str], bool]

ALIASES = {"card": "luhn", "iban_mod97": "iban"}
_NAME = re.compile(r"[a-z]{2}_?\.[a-z0-9_]+|[a-z0-9_]+")
_DIGITS = frozenset({"luhn", "verhoeff", "imei"})
"""Checks of numbers of digits alone; what else was found around them is left out."""

LEAST_DIGITS = 8
"""A number that is shorter passes the Luhn check one time in ten, and says nothing."""


def check(name: str) -> Check | None:
    """The check of that name; None where there is none."""
    name = ALIASES.get(name, name)
    if _NAME.fullmatch(name) is None:
        return None
    try:
        is_valid = import_module(f"stdnum.{name}").is_valid
    except (ImportError, AttributeError):
        return None
    if name in _DIGITS:
        return lambda text: len(digits := re.sub(r"[^0-9]", "", text)) >= LEAST_DIGITS and bool(is_valid(digits))
    return lambda text: bool(is_valid(re.sub(r"^[^0-9A-Za-z]+|[^0-9A-Za-z]+$", "", text)))

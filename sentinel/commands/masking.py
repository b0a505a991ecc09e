"""People from logs in what a command prints: by number, unless it is asked to name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

RevealOption = Annotated[bool, typer.Option("--reveal", help="Print the values from the logs, not numbers for them.")]


class Mask:
    """Numbers for the values of each field, in the order in which they are first shown; the same in every run over the
    same logs, and of no use to whoever does not have them.
    """

    def __init__(self, *, reveal: bool) -> None:
        self._reveal = reveal
        self._numbers: dict[str, dict[str, int]] = {}

    def values(self, group: Iterable[tuple[str, str]]) -> dict[str, str]:
        """The fields of a group, each with its value or the number that stands for it."""
        return {name: value if self._reveal else self._number(name, value) for name, value in group}

    def words(self, group: Iterable[tuple[str, str]]) -> str:
        """The group in one line."""
        return " ".join(f"{name}={value}" for name, value in self.values(group).items())

    def who(self, group: Iterable[tuple[str, str]]) -> str:
        """The values alone, where a heading has their names; `all` for a rule without groups."""
        return " ".join(self.values(group).values()) or "all"

    def _number(self, name: str, value: str) -> str:
        known = self._numbers.setdefault(name, {})
        return f"#{known.setdefault(value, len(known) + 1)}"

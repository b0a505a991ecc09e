"""A rule document while it is being read: its value, its places, and the problems found so far."""

from __future__ import annotations

from typing import Any, Literal

from sentinel.problems import Problem, Severity, Span
from sentinel.yamlfile import Document

DraftKind = Literal["detection", "correlation", "filter", "unknown"]
KINDS: tuple[DraftKind, ...] = ("correlation", "filter", "detection")


class Draft:
    """One document of a rules file. `number` is its place among all documents, from 0."""

    def __init__(self, document: Document, number: int) -> None:
        self.document = document
        self.number = number
        self.value: Any = document.value
        self.problems: list[Problem] = []

    @property
    def kind(self) -> DraftKind:
        """What kind of rule it is, by the map that only this kind has."""
        if isinstance(self.value, dict):
            for kind in KINDS:
                if kind in self.value:
                    return kind
        return "unknown"

    @property
    def is_sound(self) -> bool:
        """No error so far."""
        return not any(problem.is_error for problem in self.problems)

    def span(self, path: tuple[str | int, ...]) -> Span:
        """The place of the key at the path."""
        return self.document.key_span(path) if path else self.document.span(())

    def error(self, path: tuple[str | int, ...], code: str, message: str, hint: str = "") -> None:
        """Something that keeps the rule from being used."""
        self._add(path, code, message, hint, "error")

    def warn(self, path: tuple[str | int, ...], code: str, message: str, hint: str = "") -> None:
        """Something that is probably not meant."""
        self._add(path, code, message, hint, "warning")

    def _add(self, path: tuple[str | int, ...], code: str, message: str, hint: str, severity: Severity) -> None:
        self.problems.append(Problem(self.span(path), code, message, hint, severity))

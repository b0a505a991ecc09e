r"""Which names belong to one person, so that nobody hides by splitting: `kim`, `kim@corp` and `CORP\kim`.

Rules of this file: pure; the file holds names of people, so no problem quotes anything from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sentinel import yamlfile
from sentinel.problems import Problem, Span
from sentinel.yamlfile import Document

_HINT = "write the person's main name, a ':' and the list of the other names"


@dataclass(frozen=True, slots=True)
class Identities:
    """Every known name in lower case, and the main name of its person."""

    names: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}), repr=False)

    def resolve(self, name: str) -> str:
        """The main name of the person; the name itself where nobody is known by it. Case makes no difference."""
        return self.names.get(name.lower(), name)


NOBODY = Identities()
"""No name is known to belong to another."""


def parse(text: str | bytes, file: str) -> tuple[Identities | None, list[Problem]]:
    """The identities, or None where the file has an error; and every problem."""
    documents, found = yamlfile.parse(text, file)
    problems = [_without_names(problem) for problem in found]
    if any(problem.is_error for problem in problems):
        return None, problems
    if not documents:
        return NOBODY, problems
    if len(documents) > 1:
        problem = Problem(documents[1].span(), "I011", "the file has more than one document", "keep one")
        return None, [*problems, problem]
    identities, more = _read(documents[0])
    return identities, [*problems, *more]


def _read(document: Document) -> tuple[Identities | None, list[Problem]]:
    if not isinstance(document.value, dict):
        return None, [Problem(document.span(), "I011", "the identities are not a mapping", _HINT)]
    names: dict[str, str] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for person, others in document.value.items():
        path = (person,)
        if not isinstance(others, list):
            problems.append(Problem(document.span(path), "I011", "the names of this person are not a list", _HINT))
            continue
        spans = [document.key_span(path), *(document.span((person, number)) for number in range(len(others)))]
        for name, span in zip([person, *others], spans, strict=True):
            problem = _taken(name, span, person, names, lines)
            problems += [problem] if problem else []
    return (None if problems else Identities(MappingProxyType(names))), problems


def _taken(name: object, span: Span, person: str, names: dict[str, str], lines: dict[str, int]) -> Problem | None:
    """Give the name to the person, or say why it cannot be given."""
    if not isinstance(name, str) or not name:
        return Problem(span, "I011", "this name is not text", "put it in quotes")
    key = name.lower()
    if names.setdefault(key, person) != person:
        hint = "a name belongs to one person; case makes no difference"
        return Problem(span, "I012", f"this name is given to two persons, first in line {lines[key]}", hint)
    lines.setdefault(key, span.line)
    return None


def _without_names(problem: Problem) -> Problem:
    hide = re.compile(r"'[^']*'")
    return replace(problem, message=hide.sub("this", problem.message), hint=hide.sub("this", problem.hint))

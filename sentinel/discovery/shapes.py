"""Paths as templates: `/api/patients/{number}` for every `/api/patients/4711`, without knowing the application."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from sentinel.discovery.values import EMAIL

PATTERNS: Final = {
    "{number}": "[0-9]+", "{uuid}": "[0-9A-Fa-f-]{32,36}", "{email}": "[^/]+@[^/]+", "{hex}": "[0-9a-f]{12,}",
    "{code}": "[A-Za-z0-9._-]+", "{token}": "[A-Za-z0-9_=-]+", "{name}": "[^/]+", "{date}": "[0-9-]{8,10}",
}  # fmt: skip
"""What stands for an id in a template, and the regex by which the inventory finds it."""

NO_SUBJECT: Final = ("{date}",)

_KINDS: Final = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("{date}", r"(?:19|20)[0-9]{2}-?[01][0-9](?:-?[0-3][0-9])?"),
        ("{number}", r"[0-9]{1,19}"),
        ("{uuid}", r"[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}|[0-9A-Fa-f]{32}"),
        ("{hex}", r"(?=.*[0-9])[0-9a-f]{12,}"),
        ("{code}", r"[A-Za-z]{1,6}[._-]?[0-9]{3,}(?:[._-]?[A-Za-z0-9]{1,8})?|[0-9]{4,}[._-]?[A-Za-z0-9]{1,6}"),
        ("{token}", r"(?=.*[0-9])(?=.*[A-Z])(?=.*[a-z])[A-Za-z0-9_=-]{16,}|(?=.*[0-9])[0-9A-HJKMNP-TV-Z]{26}"),
    )
)
_PLAIN: Final = re.compile(r"[A-Za-z0-9._~-]{1,64}")
_REMEMBERED: Final = 65536


class Shape(NamedTuple):
    """The segments of a path with ids named, and the ids by their places."""

    segments: tuple[str, ...]
    ids: tuple[tuple[int, str], ...]

    @property
    def template(self) -> str:
        return "/" + "/".join(self.segments)


def shaper() -> Callable[[str], Shape | None]:
    """A function from a path to its shape; None for one with a segment that no address of an application has."""
    known: dict[str, Shape | None] = {}

    def shape_of(path: str) -> Shape | None:
        if path not in known:
            if len(known) >= _REMEMBERED:
                known.clear()
            known[path] = _shape(path)
        return known[path]

    return shape_of


def _shape(path: str) -> Shape | None:
    segments: list[str] = []
    ids: list[tuple[int, str]] = []
    parts = path.strip("/").split("/")
    if len(parts) > 12:
        return None
    for place, part in enumerate(parts):
        kind = _kind(part)
        if kind is None:
            return None
        segments.append(kind)
        if kind != part:
            ids.append((place, part))
    return Shape(tuple(segments), tuple(ids))


def _kind(part: str) -> str | None:
    if part.isascii() and part.isalpha() and len(part) <= 64:
        return part
    stem, dot, end = part.rpartition(".")
    of_stem = _kind_of_stem(stem) if dot and 1 <= len(end) <= 5 and end.isalpha() else None
    if of_stem is not None:
        return f"{of_stem}.{end}"
    if EMAIL.fullmatch(part):
        return "{email}"
    of_whole = _kind_of_stem(part)
    if of_whole is not None:
        return of_whole
    return part if _PLAIN.fullmatch(part) or part == "" else None


def _kind_of_stem(stem: str) -> str | None:
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(stem)), None)


def regex_of(segments: tuple[str, ...], subject: int | None, *, is_whole: bool) -> str:
    """The pattern of a template for the inventory, with the id at `subject` as the group of that name."""
    parts = []
    for place, segment in enumerate(segments):
        kind = next((kind for kind in PATTERNS if segment.startswith(kind)), None)
        if kind is None:
            parts.append(re.escape(segment))
            continue
        pattern = PATTERNS[kind]
        end = re.escape(segment.removeprefix(kind))
        parts.append((f"(?P<subject>{pattern})" if place == subject else pattern) + end)
    return "^/" + "/".join(parts) + ("$" if is_whole else "(?:/|$)")

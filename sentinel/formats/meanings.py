"""What the names that a program writes mean in ECS: one table a format, and the few kinds of row it is made of.

Rule of this file: a row promises for each of its fields what a format promises (`base`), given that the place keeps the
promise for the value as it is written. So a value is copied, cut out of, or looked up in a table, and nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sentinel import ecs
from sentinel.formats.base import escape, fold, unescape, value_text
from sentinel.formats.paths import normalise, split_target

_ABSENT: Final = ("", "-", None)
_COUNT: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_ADDRESS: Final = re.compile(r"[0-9.]+|[0-9a-fA-F.]*:[0-9a-fA-F:.]*(?:%[0-9A-Za-z]+)?", re.ASCII)
_WITH_PORT: Final = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([^:\s]*)|(::ffff:[0-9.]+))(?::([0-9]{1,5}))?", re.ASCII)
_REQUEST: Final = re.compile(r"([A-Za-z][A-Za-z_-]{0,31}) (.+?)(?: HTTP/([0-9.]+))?", re.ASCII | re.DOTALL)


class Place(Protocol):
    """Where a value stands in the raw record. `opening` is a pattern that ends where the value begins, empty where that
    is not known; `body` matches one byte of the value as written, any but `?`.
    """

    @property
    def opening(self) -> bytes: ...

    @property
    def body(self) -> bytes: ...

    def witness(self, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:
        """As a format's own `witness`, for the value as the program writes it."""


class Meaning(Protocol):
    """One row's right side: what a written value says in ECS names."""

    @property
    def fields(self) -> tuple[str, ...]: ...

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        """Set what the value says; nothing where it says nothing."""

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None: ...


Table = tuple[tuple[str, Meaning], ...]
"""Names as the program writes them, and what they mean. Of several rows for one field the first with a value counts."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The value as it is: text, without `prefix` where it begins so and up to `until`, or whatever JSON holds there."""

    name: str
    prefix: str = ""
    until: str = ""

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        if isinstance(value, str):
            value = value.removeprefix(self.prefix)
            if self.until:
                value = value.partition(self.until)[0].rstrip()
        if value not in _ABSENT:
            fields[self.name] = value

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:  # noqa: ARG002  (it has one field)
        return place.witness(literal, at_start=at_start and not self.prefix, at_end=at_end and not self.until)


@dataclass(frozen=True, slots=True)
class Number:
    """A whole number, written without leading zeros; other text says nothing."""

    name: str

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        if isinstance(value, str):
            if _COUNT.fullmatch(value):
                fields[self.name] = int(value)
        elif isinstance(value, int | float):
            fields[self.name] = value

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:  # noqa: ARG002  (it has one field)
        return place.witness(literal, at_start=at_start, at_end=at_end)


@dataclass(frozen=True, slots=True)
class Address:
    """A host or an address, perhaps with a port; of several (a list, or text with commas) the first."""

    fields: tuple[str, ...] = field(default=(ecs.SOURCE_ADDRESS, ecs.SOURCE_IP, ecs.SOURCE_PORT), init=False)

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        if isinstance(value, list) and value:
            value = value[0]
        if not isinstance(value, str):
            return
        first = value.partition(",")[0].strip()
        host, port = first, None
        if not _ADDRESS.fullmatch(first) or first.count(":") == 1:
            match = _WITH_PORT.fullmatch(first)
            if match is not None:
                host, port = match[1] or match[2] or match[3] or "", match[4]
        if host:
            fields[ecs.SOURCE_ADDRESS] = host
            if _ADDRESS.fullmatch(host):
                fields[ecs.SOURCE_IP] = host
        if port is not None and _COUNT.fullmatch(port):
            fields[ecs.SOURCE_PORT] = int(port)

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:  # noqa: ARG002  (a port may follow)
        # An IPv6 address stands in brackets where a port follows.
        return place.witness(literal, at_start=False, at_end=False)


@dataclass(frozen=True, slots=True)
class Url:
    """A URL, or the target of a request; `original` false for one that is a path and no more."""

    fields: tuple[str, ...] = field(
        default=(ecs.URL_ORIGINAL, ecs.URL_PATH, ecs.URL_QUERY, ecs.URL_DOMAIN, ecs.EVENT_KIND), init=False
    )

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        if isinstance(value, str) and value:
            read_target(value, fields)

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:
        return _of_target(name, place, literal, at_start=at_start, at_end=at_end)


@dataclass(frozen=True, slots=True)
class Request:
    """A request line: `GET /a?b HTTP/1.1`. One that is none is the message, unless there is one in the record."""

    is_message: bool = True
    fields: tuple[str, ...] = field(
        default=(
            ecs.HTTP_REQUEST_METHOD, ecs.URL_ORIGINAL, ecs.URL_PATH, ecs.URL_QUERY, ecs.URL_DOMAIN, ecs.EVENT_KIND,
            ecs.HTTP_VERSION, ecs.MESSAGE,
        ),
        init=False,
    )  # fmt: skip

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        if not isinstance(value, str) or not value:
            return
        match = _REQUEST.fullmatch(value)
        if match is None:
            if self.is_message:
                fields[ecs.MESSAGE] = value
            return
        fields[ecs.HTTP_REQUEST_METHOD] = match[1]
        if match[3]:
            fields[ecs.HTTP_VERSION] = match[3]
        read_target(match[2], fields)

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:
        if name == ecs.HTTP_REQUEST_METHOD:
            return place.witness(literal, at_start=at_start, at_end=False)
        return _of_target(name, place, literal, at_start=False, at_end=at_end and name == ecs.HTTP_VERSION)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words, and what each means; another word says nothing."""

    name: str
    meant: Mapping[str, str]

    @property
    def fields(self) -> tuple[str, ...]:
        return (self.name,)

    def read(self, value: Any, fields: dict[str, Any]) -> None:
        meant = self.meant.get(value_text(value) or "")
        if meant is not None:
            fields[self.name] = meant

    def witness(self, name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:  # noqa: ARG002  (words are looked up whole)
        run = unescape(literal).lower()
        words = [word.encode() for word, meant in self.meant.items() if run in fold(meant.lower().encode())]
        if not words:
            return literal
        found = [place.witness(escape(word), at_start=False, at_end=False) for word in words]
        patterns = [pattern for pattern in found if pattern is not None]
        return any_of(patterns) if len(patterns) == len(found) else None


def any_of(patterns: list[bytes]) -> bytes:
    """A pattern found where one of these is."""
    several = list(dict.fromkeys(patterns))
    return several[0] if len(several) == 1 else b"(?:%b)" % b"|".join(several)


def read_target(written: str, fields: dict[str, Any]) -> None:
    """The fields of a URL or request target."""
    fields[ecs.URL_ORIGINAL] = written
    target = split_target(written.encode("utf-8", "replace"))
    if target.path is not None:
        fields[ecs.URL_PATH], is_sound = normalise(target.path)
        if not is_sound:
            fields[ecs.EVENT_KIND] = ecs.PIPELINE_ERROR
    if target.query is not None:
        fields[ecs.URL_QUERY] = target.query.decode("utf-8", "replace")
    if target.domain is not None:
        fields[ecs.URL_DOMAIN] = target.domain.decode("utf-8", "replace")


def _of_target(name: str, place: Place, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:
    if name == ecs.EVENT_KIND:
        return None
    if name == ecs.URL_ORIGINAL:
        return place.witness(literal, at_start=at_start, at_end=at_end)
    if name == ecs.URL_PATH:
        # What normalising may change is looked for in the value itself: a path with it is always a candidate.
        return any_of([literal, odd_path(place)])
    return literal


def odd_path(place: Place) -> bytes:
    """A pattern found in a value whose path may differ from what `normalise` makes of it."""
    body = place.body
    odd = rb"%%[0-9abcdef]{2}|/\.|[;#]|/%b*//| //" % body
    return rb"%b(?:%b*(?:%b)|//)" % (place.opening, body, odd) if place.opening else rb"(?:%b|//)" % odd

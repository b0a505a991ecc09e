"""What container runtimes put around the lines of a container: Docker's json-file and CRI's, the inner line read by a
format of its own.

A line longer than 16 KiB comes in parts, of which each is a record: CRI marks all but the last with `P`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from sentinel import ecs
from sentinel.clock import Micros
from sentinel.formats.base import FOLD_SIGNS, PRINTABLE, Format, FormatError, FormatOptions, Parsed, Parser, fold
from sentinel.formats.times import iso_reader

Make = Callable[[Any, FormatOptions], Format]

STREAM: Final = "stream"
_CRI: Final = re.compile(rb"([0-9]{4}-[0-9-]{5}T[0-9:.]{8,18}(?:Z|[+-][0-9:]{5})) (stdout|stderr) ([FP][^ ]*) ")
_ESCAPED: Final = rb"\\[^n\n]|\\n[^\n\"]"

Cut = Callable[[bytes], tuple[bytes, str, str] | None]
"""The inner line, its stream and its time; None for another kind of record."""


def _cut_cri(raw: bytes) -> tuple[bytes, str, str] | None:
    match = _CRI.match(raw)
    return None if match is None else (raw[match.end() :], match[2].decode(), match[1].decode())


def _cut_docker(raw: bytes) -> tuple[bytes, str, str] | None:
    try:
        outer = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if not isinstance(outer, dict) or not isinstance(outer.get("log"), str) or "time" not in outer:
        return None
    text = outer["log"].removesuffix("\n").replace("\n", " ").encode()
    return text, str(outer.get(STREAM, "")), str(outer["time"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A runtime's wrapping (`cut`) around lines read by `inner`, or kept as `message` where that is None.

    With `is_escaped` the inner line stands in a JSON string.
    """

    kind: str
    options: FormatOptions
    inner: Format | None
    cut: Cut
    is_escaped: bool

    @property
    def name(self) -> str:
        return f"{self.kind}+{self.inner.name}" if self.inner else self.kind

    @property
    def inert(self) -> frozenset[int]:
        return (self.inner.inert if self.inner else PRINTABLE) - frozenset(b'"\\')

    @property
    def signs(self) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys((*self._escapes, *(self.inner.signs if self.inner else ()), *FOLD_SIGNS)))

    @property
    def opaque(self) -> tuple[bytes, ...]:
        return self.inner.opaque if self.inner else ()

    @property
    def fields(self) -> frozenset[str] | None:
        inner = self.inner.fields if self.inner else frozenset()
        return None if inner is None else inner | {STREAM, ecs.MESSAGE}

    @property
    def _escapes(self) -> tuple[bytes, ...]:
        return (_ESCAPED,) if self.is_escaped else ()

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        plain, hidden = self.inner.signs_for(patterns) if self.inner else ((), ())
        return plain, tuple(dict.fromkeys((*self._escapes, *hidden, *FOLD_SIGNS)))

    def decode(self, records: bytes) -> bytes:
        lines = records.split(b"\n")
        texts = [(self.cut(line) or (b"", "", ""))[0] for line in lines]
        inner = self.inner.decode(b"\n".join(texts)).split(b"\n") if self.inner else [fold(each) for each in texts]
        both = zip(lines, map(fold, texts), inner, strict=True)
        return b"\n".join(fold(line) + b"\x00" + text + b"\x00" + read if line else line for line, text, read in both)

    def witness(self, field: str, literal: bytes, at_start: bool, at_end: bool) -> bytes | None:
        if field in (ecs.MESSAGE, STREAM):
            # A line that no format reads is the message, whole.
            at_start = at_end = False
        found = self.inner.witness(field, literal, at_start, at_end) if self.inner else literal
        return rb"(?:%b|%b)" % (literal, found) if field == STREAM and found is not None else found

    def parser(self, used: frozenset[str] | None) -> Parser:
        iso = iso_reader(self.options.timezone)
        parse_inner = self.inner.parser(used) if self.inner else None
        cut = self.cut

        def parse(raw: bytes, reference: Micros) -> Parsed | None:
            found = cut(raw)
            if found is None:
                return None
            text, stream, time = found
            moment = iso(time)
            parsed = parse_inner(text, reference) if parse_inner is not None else None
            if parsed is None:
                fields: dict[str, Any] = {ecs.MESSAGE: text.decode("utf-8", "replace")}
            else:
                fields, micros, digits = parsed
                moment = moment if micros is None else (micros, digits)
            fields.setdefault(STREAM, stream)
            return (fields, None, 0) if moment is None else (fields, *moment)

        return parse


def make(kind: str, cut: Cut, *, is_escaped: bool) -> Callable[[Mapping[str, Any], FormatOptions, Make], Container]:
    """The registry's entry: `docker`, or `{docker: SPEC}` with the lines' own format. Its maker raises FormatError."""

    def maker(settings: Mapping[str, Any], options: FormatOptions, make_inner: Make) -> Container:
        for setting in settings.keys() - {kind}:
            raise FormatError(f"format '{kind}' has no setting '{setting}'", f"write `format: {{{kind}: json}}`")
        spec = settings.get(kind)
        inner = None if spec is None else make_inner(spec, options)
        if isinstance(inner, Container):
            raise FormatError(
                f"format '{kind}' holds a program's own format, not '{inner.kind}'", f"write `format: {kind}`"
            )
        return Container(kind=kind, options=options, inner=inner, cut=cut, is_escaped=is_escaped)

    return maker


docker: Final = make("docker", _cut_docker, is_escaped=True)
cri: Final = make("cri", _cut_cri, is_escaped=False)

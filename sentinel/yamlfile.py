"""YAML files as plain values that remember where they stand: YAML 1.2 scalars, no tags, every limit against bombs.

Rules of this file: any bytes give documents and problems, never another exception; nothing is guessed: a value that
YAML 1.1 and 1.2 read differently stays text and is warned about; values are `dict`, `list`, `str`, `int`, `float`,
`bool` and `None` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from yaml import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)
from yaml._yaml import CParser
from yaml.error import MarkedYAMLError
from yaml.reader import ReaderError

from sentinel.problems import Problem, Span
from sentinel.yamltree import Builder, Document, Path, Stop, shorten

__all__ = ["LARGEST", "Document", "Path", "parse", "shorten", "too_large"]

LARGEST = 1024 * 1024
"""Bytes of the largest file that is read."""


def parse(text: bytes | str, file: str) -> tuple[list[Document], list[Problem]]:
    """The documents of a file, and every problem that could be found; with an error among them, use no document.

    A syntax error ends the reading; the documents before it are given. An empty file has no document.
    """
    builder = Builder(file)
    try:
        content = _encoded(text, file)
        _read(builder, content)
    except Stop as stop:
        builder.problems.extend(stop.problems)
    return builder.documents, sorted(builder.problems, key=lambda problem: problem.span)


def _encoded(text: bytes | str, file: str) -> bytes:
    if len(text) > LARGEST:
        raise Stop(too_large(file))
    try:
        content = text.encode() if isinstance(text, str) else text
        content.decode()
    except UnicodeEncodeError as error:
        raise Stop(Problem(Span(file), "Y004", f"not UTF-8 text at character {error.start}")) from None
    except UnicodeDecodeError as error:
        place = _place(text if isinstance(text, bytes) else b"", error.start)
        problem = Problem(Span(file, *place), "Y004", f"not UTF-8 text at byte {error.start}", "save the file as UTF-8")
        raise Stop(problem) from None
    if len(content) > LARGEST:
        raise Stop(too_large(file))
    return content.removeprefix(b"\xef\xbb\xbf")


def too_large(file: str) -> Problem:
    """The problem of a file above the limit, for those who see its size before they read it."""
    hint = "split it into several files, or keep long lists of values in a file of their own"
    return Problem(Span(file), "Y003", f"the file is larger than {LARGEST // 1024} KiB", hint)


def _place(content: bytes, offset: int) -> tuple[int, int]:
    begin = content.rfind(b"\n", 0, offset) + 1
    return content.count(b"\n", 0, offset) + 1, len(content[begin:offset].decode(errors="replace")) + 1


def _read(builder: Builder, content: bytes) -> None:
    try:
        parser = CParser(content)
        while True:
            event = parser.get_event()
            if event is None:
                return
            _ACTS[type(event)](builder, event)
    except ReaderError as error:
        place = _place(content, error.position)
        code = f"U+{error.character:04X}" if isinstance(error.character, int) else "this"
        hint = 'write it as an escape in a text in double quotes, such as "\\x07"'
        raise Stop(
            Problem(Span(builder.file, *place), "Y005", f"control character {code} is not allowed", hint)
        ) from None
    except MarkedYAMLError as error:
        raise Stop(_syntax(error, builder.file, content)) from None


_SYNTAX: dict[str, tuple[str, str]] = {
    "mapping values are not allowed in this context": (
        "a ':' stands where no key can be",
        "quote the text if it has a ': ' in it, else compare the indentation with the lines above",
    ),
    "could not find expected ':'": ("a key has no ':' after it", "write 'key: value', with a space after the ':'"),
    "did not find expected key": (
        "this line does not continue what is above it",
        "compare its indentation with the lines above, and close every quote",
    ),
    "did not find expected '-' indicator": (
        "this line does not continue the list above it",
        "begin each entry of the list with '- ' in the same column",
    ),
    "did not find expected ',' or ']'": ("a list that begins with '[' is not closed", "add the missing ',' or ']'"),
    "did not find expected ',' or '}'": ("a mapping that begins with '{' is not closed", "add the missing ',' or '}'"),
    "found unexpected end of stream": ("a quoted text is not closed", "add the missing quote"),
    "found unknown escape character": (
        "unknown escape in a text in double quotes",
        "use single quotes for text with backslashes, such as a regex or a Windows path",
    ),
    "found incompatible YAML document": ("the YAML version of this file is not known", "remove the %YAML line"),
}
_OPENED_EARLIER = frozenset({"found unexpected end of stream"})


def _syntax(error: MarkedYAMLError, file: str, content: bytes) -> Problem:
    said = str(error.problem or "not YAML")
    mark = error.context_mark if said in _OPENED_EARLIER and error.context_mark else error.problem_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    span = Span(file, line, column)
    if "tab character" in said or ("cannot start any token" in said and _character(content, line, column) == "\t"):
        return Problem(span, "Y002", "a tab stands where YAML wants spaces", "indent with spaces")
    if "cannot start any token" in said:
        sign = _character(content, line, column)
        return Problem(span, "Y001", f"'{sign}' cannot begin a value", "put the text in single quotes")
    message, hint = _SYNTAX.get(said, (said.lower(), "compare this line with the ones above it"))
    return Problem(span, "Y001", message, hint)


def _character(content: bytes, line: int, column: int) -> str:
    lines = content.decode().splitlines()
    text = lines[line - 1] if line <= len(lines) else ""
    return text[column - 1 : column]


def _nothing(_builder: Builder, _event: Any) -> None:
    pass


_ACTS: dict[type[Event], Callable[[Builder, Any], None]] = {
    ScalarEvent: Builder.scalar,
    MappingStartEvent: lambda builder, event: builder.begin(event, {}),
    SequenceStartEvent: lambda builder, event: builder.begin(event, []),
    MappingEndEvent: Builder.end,
    SequenceEndEvent: Builder.end,
    AliasEvent: Builder.alias,
    DocumentStartEvent: Builder.forget_anchors,
    DocumentEndEvent: _nothing,
    StreamStartEvent: _nothing,
    StreamEndEvent: _nothing,
}

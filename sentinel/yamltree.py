"""Builds the values of a YAML file out of the parser's events, and keeps the place of each.

Rules of this file: no recursion over what a file nests, each limit is checked before it is passed, and no two places
share one object: an alias is a copy, paid for out of the limit on values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from sentinel import yamlscalar
from sentinel.problems import Problem, Severity, Span

DEEPEST = 30
MOST_ALIASES = 50
MOST_VALUES = 200_000
"""Values in one file, those repeated by aliases included."""
MOST_PROBLEMS = 100
"""After so many problems the rest of a file is not read."""

Path = tuple[str | int, ...]
"""The way from the top of a document to a value: keys of mappings and positions in lists."""


_NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Node:
    """Where one value stands, and those below it. Lines and columns count from 1."""

    __slots__ = ("children", "column", "keys", "line")

    def __init__(self, line: int, column: int) -> None:
        self.line = line
        self.column = column
        # Most values hold no others: a mapping for each of them would be most of the memory and a tenth of the time.
        self.keys: Mapping[str | int, tuple[int, int]] = _NOTHING
        self.children: Mapping[str | int, Node] = _NOTHING


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its value, and the place of every key and value in it."""

    value: Any
    file: str
    root: Node = field(repr=False, compare=False)

    def span(self, path: Path = ()) -> Span:
        """The place of the value at the path, or of the nearest value above it that exists."""
        node = self.root
        for step in path:
            below = node.children.get(step)
            if below is None:
                break
            node = below
        return Span(self.file, node.line, node.column)

    def key_span(self, path: Path) -> Span:
        """The place of the key that leads to the value, or of the nearest key or value above it that exists."""
        node, place = self.root, (self.root.line, self.root.column)
        for step in path:
            below = node.children.get(step)
            if below is None:
                break
            node, place = below, node.keys.get(step, (below.line, below.column))
        return Span(self.file, *place)


class Stop(Exception):
    """Nothing more can be read from this file."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__()


@dataclass(slots=True)
class _Frame:
    """A mapping or list that is being read. `key` is None where a mapping waits for its next key."""

    value: Any
    node: Node
    keys: dict[str | int, tuple[int, int]]
    children: dict[str | int, Node]
    anchor: str | None
    before: int
    key: Any = None
    key_place: tuple[int, int] = (0, 0)
    height: int = 1


@dataclass(frozen=True, slots=True)
class _Anchor:
    value: Any
    node: Node
    values: int
    height: int


_NO_KEY = object()
"""Stands for a key that cannot be used, so that its value is read and let go."""


class Builder:
    """What has been read of one file so far; its methods take the parser's events in their order."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.documents: list[Document] = []
        self.problems: list[Problem] = []
        self.frames: list[_Frame] = []
        self.anchors: dict[str, _Anchor] = {}
        self.aliases = 0
        self.values = 0

    def report(self, span: Span, code: str, message: str, hint: str = "", severity: Severity = "error") -> None:
        """One more problem. Raises Stop where there are enough of them."""
        self.problems.append(Problem(span, code, message, hint, severity))
        if len(self.problems) >= MOST_PROBLEMS:
            raise Stop

    def _span(self, event: Any) -> Span:
        return Span(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def forget_anchors(self, _event: Any) -> None:
        """A document begins: an anchor is known in its own document only."""
        self.anchors.clear()

    def scalar(self, event: Any) -> None:
        """A value that holds no others."""
        mark = event.start_mark
        node = Node(mark.line + 1, mark.column + 1)
        value: Any = event.value
        if event.tag is not None:
            self._refuse_tag(event)
        elif event.implicit[0]:
            value = yamlscalar.FIXED.get(value, value) if len(value) < 2 else self._plain(event, value)
        self._count(event, 1)
        if event.anchor is not None:
            self.anchors[event.anchor] = _Anchor(value, node, 1, 1)
        self._add(value, node, 1)

    def _plain(self, event: Any, text: str) -> Any:
        if text[0] not in yamlscalar.FIRST:
            return text
        value, old = yamlscalar.read(text)
        if old is not None and not self._is_sigma_date(text):
            shown = shorten(text)
            message = f"unquoted '{shown}' is text here, but {old} to readers of YAML 1.1"
            self.report(self._span(event), "Y012", message, f"write '{shown}' in quotes", "warning")
        return value

    def _is_sigma_date(self, text: str) -> bool:
        """Sigma's own `date` and `modified` are written without quotes by custom, and read as text by everybody."""
        return len(self.frames) == 1 and self.frames[0].key in {"date", "modified"} and yamlscalar.is_date(text)

    def _refuse_tag(self, event: Any) -> None:
        tag = shorten(event.tag.replace("tag:yaml.org,2002:", "!!"))
        self.report(self._span(event), "Y007", f"tag '{tag}' is not allowed", "remove it; quotes make a value text")

    def _count(self, event: Any, values: int) -> None:
        self.values += values
        if self.values > MOST_VALUES:
            hint = "aliases repeat everything below their anchor" if self.aliases else "split it into several files"
            raise Stop(Problem(self._span(event), "Y010", f"the file holds more than {MOST_VALUES:,} values", hint))

    def begin(self, event: Any, value: Any) -> None:
        """A mapping or list begins."""
        mark = event.start_mark
        if len(self.frames) >= DEEPEST:
            raise Stop(Problem(self._span(event), "Y009", f"nested deeper than {DEEPEST} levels"))
        self._count(event, 1)
        if event.tag is not None:
            self._refuse_tag(event)
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        node = Node(mark.line + 1, mark.column + 1)
        keys: dict[str | int, tuple[int, int]] = {}
        children: dict[str | int, Node] = {}
        node.keys, node.children = keys, children
        self.frames.append(_Frame(value, node, keys, children, event.anchor, self.values - 1))

    def end(self, _event: Any) -> None:
        """The innermost mapping or list ends."""
        frame = self.frames.pop()
        if frame.anchor is not None:
            values = self.values - frame.before
            self.anchors[frame.anchor] = _Anchor(frame.value, frame.node, values, frame.height)
        self._add(frame.value, frame.node, frame.height)

    def alias(self, event: Any) -> None:
        """A value that repeats an earlier one."""
        self.aliases += 1
        if self.aliases > MOST_ALIASES:
            raise Stop(Problem(self._span(event), "Y010", f"the file has more than {MOST_ALIASES} aliases"))
        mark = event.start_mark
        node = Node(mark.line + 1, mark.column + 1)
        anchor = self.anchors.get(event.anchor)
        if anchor is None:
            name = shorten(event.anchor)
            self.report(
                self._span(event),
                "Y011",
                f"alias '*{name}' has no anchor before it",
                f"write '&{name}' before the value",
            )
            self._add(None, node, 1)
            return
        if len(self.frames) + anchor.height > DEEPEST + 1:
            raise Stop(Problem(self._span(event), "Y009", f"nested deeper than {DEEPEST} levels"))
        self._count(event, anchor.values)
        node.children, node.keys = anchor.node.children, anchor.node.keys
        self._add(_copied(anchor.value), node, anchor.height)

    def _add(self, value: Any, node: Node, height: int) -> None:
        if not self.frames:
            self.documents.append(Document(value, self.file, node))
            return
        frame = self.frames[-1]
        frame.height = max(frame.height, height + 1)
        if isinstance(frame.value, list):
            frame.children[len(frame.value)] = node
            frame.value.append(value)
        elif frame.key is None:
            frame.key = self._key(value, node, frame)
            frame.key_place = (node.line, node.column)
        else:
            if frame.key is not _NO_KEY:
                frame.value[frame.key] = value
                frame.keys[frame.key] = frame.key_place
                frame.children[frame.key] = node
            frame.key = None

    def _key(self, value: Any, node: Node, frame: _Frame) -> Any:
        if isinstance(value, str) and value != "<<" and value not in frame.value:
            return value
        span = Span(self.file, node.line, node.column)
        if not isinstance(value, str):
            message = f"{yamlscalar.kind(value)} cannot be a key"
            self.report(span, "Y008", message, "keys are text: put it in quotes")
        elif value == "<<":
            self.report(span, "Y013", "merge key '<<' is not part of YAML 1.2", "write the keys out")
        else:
            first = frame.node.keys[value][0]
            self.report(
                span, "Y006", f"key '{shorten(value)}' is given twice, first in line {first}", "keep one of them"
            )
        return _NO_KEY


def shorten(text: str) -> str:
    """The text as a message may quote it: one line, at most 40 characters."""
    cut = text if len(text) <= 40 else text[:39] + "…"
    return "".join(sign if sign.isprintable() else "�" for sign in cut)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(each) for key, each in value.items()}
    return [_copied(each) for each in value] if isinstance(value, list) else value

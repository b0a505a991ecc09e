"""Regular expressions of rules: written in RE2's dialect, run in time linear in the text.

A pattern is accepted if RE2 accepts it. It is run by RE2, or by Python's `re` where that is faster and a look at the
pattern proves that `re` is linear on it and means the same: no case folding, ASCII classes, at most one unbounded
repetition of one character class, which either nothing follows or the pattern is anchored at the start.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from re import _constants as sre  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

import re2

re2.set_fallback_notification(re2.FALLBACK_EXCEPTION)

MOST_WAYS = 1024
"""Ways in which a pattern may be tried at one place of a text for `re` to be let run it."""

Search = Callable[..., Any]
"""The text, and the place to begin at -> a match object or None."""


class RegexError(ValueError):
    """RE2 refuses the pattern; the message says why."""


@dataclass(frozen=True, slots=True)
class Regex:
    """A compiled pattern. `search` is unanchored, as Sigma's `re` modifier is. `groups` are its named groups."""

    pattern: str
    search: Search
    groups: tuple[str, ...]
    engine: str


def compiled(pattern: str, flags: str = "") -> Regex:
    """The pattern with flags of `i`, `m`, `s`. Raises RegexError."""
    source = f"(?{''.join(sorted(set(flags)))}){pattern}" if flags else pattern
    try:
        program = re2.compile(source, re2.ASCII)  # else `\d` and `\w` would be Unicode's, which RE2's are not
    except (re2.error, re2.RegexError, re2.BackreferencesException, re2.CharClassProblemException) as error:
        raise RegexError(_reason(error)) from None
    groups = tuple(program.groupindex)
    plain = _plain(pattern) if not flags else None
    if plain is not None:
        return Regex(pattern, re.compile(plain, re.ASCII).search, groups, "re")
    return Regex(pattern, program.search, groups, "re2")


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else type(error).__name__
    return reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)


def _plain(pattern: str) -> str | None:
    """The pattern as `re` may run it, or None where RE2 must."""
    if re.search(r"\\[sSbBwW]|\(\?[^P:]|\[\[|\\[pPQEzCAZ]|\{,", pattern):
        return None
    if pattern.endswith("$") and not pattern.endswith("\\$"):
        pattern = pattern[:-1] + r"\Z"
    tree = _parsed(pattern)
    if tree is None:
        return None
    shape = _Shape()
    shape.read(tree, outermost=True)
    return pattern if shape.is_linear else None


def _parsed(pattern: str) -> Any:
    """The pattern as `re` reads it; None where it refuses it, or doubts it as it does `[[:alpha:]]`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return parser.parse(pattern, re.ASCII)
    except (re.error, OverflowError, RecursionError, Warning):
        return None


class _Shape:
    """What a pattern is made of, as far as it decides whether `re` is linear on it."""

    def __init__(self) -> None:
        self.unbounded = 0
        self.anchored = False
        self.followed = False
        self.strange = False
        self.ways = 1

    @property
    def is_linear(self) -> bool:
        if self.strange or self.unbounded > 1 or self.ways > MOST_WAYS:
            return False
        return self.unbounded == 0 or self.anchored or not self.followed

    def read(self, tree: Any, *, outermost: bool = False) -> None:
        for place, (kind, argument) in enumerate(tree):
            if self.unbounded and kind is not sre.AT:
                self.followed = True
            if self.unbounded and kind is sre.AT:
                self.followed = True
            self._read_one(kind, argument, first=outermost and place == 0)

    def _read_one(self, kind: Any, argument: Any, *, first: bool) -> None:
        if kind in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN):
            return
        if kind is sre.AT:
            if argument is sre.AT_BEGINNING and first:
                self.anchored = True
            elif argument is not sre.AT_END_STRING:
                self.strange = True
        elif kind is sre.SUBPATTERN:
            self.read(argument[-1])
        elif kind is sre.BRANCH:
            self.ways *= len(argument[1])
            for branch in argument[1]:
                self.read(branch)
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            self._read_repeat(argument)
        else:
            self.strange = True

    def _read_repeat(self, argument: Any) -> None:
        least, most, body = argument
        if len(body) != 1 or body[0][0] not in (sre.LITERAL, sre.NOT_LITERAL, sre.ANY, sre.IN) or most == 0:
            self.strange = self.strange or most is sre.MAXREPEAT or most > 8
            before, self.ways = self.ways, 1
            self.read(body)
            self.ways = before * self.ways ** min(most, 8)
        if most is sre.MAXREPEAT:
            self.unbounded += 1
        else:
            self.ways *= min(most, MOST_WAYS) - min(least, MOST_WAYS) + 1


def literals(pattern: str) -> list[tuple[str, bool, bool]] | None:
    """Texts that must all occur in whatever the pattern matches: (text, at the very start, at the very end).

    None where nothing is sure. Alternations are not looked into; case is as written.
    """
    tree = _parsed(pattern)
    if tree is None:
        return None
    runs: list[tuple[str, bool, bool]] = []
    _collect(list(tree), runs, at_start=False)
    if tree.state.flags & re.MULTILINE:
        runs = [(text, False, False) for text, _, _ in runs]
    return runs or None


def _collect(tree: list[Any], runs: list[tuple[str, bool, bool]], *, at_start: bool) -> None:
    word = ""
    anchored = at_start
    for kind, argument in tree:
        if kind is sre.LITERAL:
            word += chr(argument)
            continue
        ends = kind is sre.AT and argument == sre.AT_END_STRING
        if word:
            runs.append((word, anchored, ends))
            word, anchored = "", False
        if kind is sre.AT:
            anchored = argument in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING) and not runs
            continue
        anchored = False
        if kind is sre.SUBPATTERN and not (argument[1] or argument[2]):
            _collect(list(argument[-1]), runs, at_start=False)
        elif kind in (sre.MAX_REPEAT, sre.MIN_REPEAT) and argument[0] > 0:
            _collect(list(argument[2]), runs, at_start=False)
    if word:
        runs.append((word, anchored, False))

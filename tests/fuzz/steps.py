"""Counts the steps that a backtracking matcher needs for a pattern: how `re` works, slow and plain."""

from __future__ import annotations

import re
from collections.abc import Callable
from re import _constants as sre  # type: ignore[attr-defined]
from typing import Any

Then = Callable[[int], bool]

LIMIT = 20_000
"""More steps than any text of the tests may cost."""


class TooMany(Exception):
    """The limit was passed."""


class Steps:
    """One search of a parsed pattern in a text."""

    def __init__(self, tree: Any, text: str) -> None:
        self._tree = list(tree)
        self._text = text
        self._count = 0

    def of_search(self) -> int:
        """How many pieces of the pattern were tried until it was found, or found nowhere."""
        try:
            for start in range(len(self._text) + 1):
                if self._sequence(self._tree, 0, start, lambda _: True):
                    break
        except TooMany:
            return LIMIT
        return self._count

    def _step(self) -> None:
        self._count += 1
        if self._count > LIMIT:
            raise TooMany

    def _sequence(self, tree: list[Any], place: int, at: int, then: Then) -> bool:
        if place == len(tree):
            return then(at)
        self._step()
        kind, argument = tree[place]
        return self._one(kind, argument, at, lambda end: self._sequence(tree, place + 1, end, then))

    def _one(self, kind: Any, argument: Any, at: int, then: Then) -> bool:
        if kind is sre.SUBPATTERN:
            return self._sequence(list(argument[-1]), 0, at, then)
        if kind is sre.BRANCH:
            return any(self._sequence(list(branch), 0, at, then) for branch in argument[1])
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            return self._repeat(argument, at, 0, then)
        if kind is sre.AT:
            holds = at == 0 if argument is sre.AT_BEGINNING else at == len(self._text)
            return holds and then(at)
        return at < len(self._text) and self._is_one(kind, argument, self._text[at]) and then(at + 1)

    def _repeat(self, argument: Any, at: int, done: int, then: Then) -> bool:
        least, most, body = argument
        self._step()

        def again(end: int) -> bool:
            # What matches nothing is not tried for ever.
            return (end > at or done < least) and self._repeat(argument, end, done + 1, then)

        return (done < most and self._sequence(list(body), 0, at, again)) or (done >= least and then(at))

    def _is_one(self, kind: Any, argument: Any, letter: str) -> bool:
        if kind is sre.LITERAL:
            return bool(chr(argument) == letter)
        if kind is sre.NOT_LITERAL:
            return bool(chr(argument) != letter)
        if kind is sre.IN:
            return self._in(argument, letter)
        return kind is sre.ANY and letter != "\n"

    def _in(self, choices: Any, letter: str) -> bool:
        negated = bool(choices) and choices[0][0] is sre.NEGATE
        return negated != any(self._is_choice(kind, value, letter) for kind, value in choices)

    def _is_choice(self, kind: Any, value: Any, letter: str) -> bool:
        if kind is sre.RANGE:
            return bool(value[0] <= ord(letter) <= value[1])
        if kind is sre.CATEGORY:
            classes = {sre.CATEGORY_DIGIT: r"\d", sre.CATEGORY_NOT_DIGIT: r"\D"}
            return re.match(classes.get(value, r"\w"), letter, re.ASCII) is not None
        return kind is not sre.NEGATE and self._is_one(kind, value, letter)

r"""Placeholders: `%name%` in a value with the modifier `expand` is any text of the list of that name.

A text of a list may have wildcards (Sigma specification, placeholders: "values or patterns"); in a regular expression
it is plain text. `\%` is a percent sign.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

from sentinel.detect.values import Part, ValueRefused, parts

Lists = Mapping[str, Sequence[str]]

MOST = 100_000
"""Texts that one value may stand for."""

_PLACEHOLDER = re.compile(r"(?<!\\)%([^%\\]+)%")


def in_words(pieces: tuple[Part, ...], lists: Lists) -> list[tuple[Part, ...]]:
    """The texts that a text with placeholders stands for. Raises ValueRefused."""
    choices: list[tuple[Part, ...]] = [()]
    for piece in pieces:
        texts: list[tuple[Part, ...]] = _filled(piece, lists, parts) if isinstance(piece, str) else [(piece,)]
        choices = _combined(choices, texts)
    return [_joined(chosen) for chosen in choices]


def in_pattern(pattern: str, lists: Lists) -> list[str]:
    """The regular expressions that one with placeholders stands for. Raises ValueRefused."""
    filled = _filled(pattern, lists, lambda text: (re.escape(text),))
    return ["".join(str(part) for part in each) for each in filled]


def _filled(text: str, lists: Lists, read: Callable[[str], tuple[Part, ...]]) -> list[tuple[Part, ...]]:
    choices: list[tuple[Part, ...]] = [()]
    last = 0
    for found in _PLACEHOLDER.finditer(text):
        name = found[1]
        if not lists.get(name):
            hint = f"give them in sentinel.lists.{name}, or remove the rule"
            raise ValueRefused("R032", f"the placeholder '%{name}%' has no values", hint)
        before = text[last : found.start()].replace(r"\%", "%")
        choices = _combined(choices, [(before, *read(each)) for each in lists[name]])
        last = found.end()
    return [(*chosen, text[last:].replace(r"\%", "%")) for chosen in choices]


def _combined(left: list[tuple[Part, ...]], right: list[tuple[Part, ...]]) -> list[tuple[Part, ...]]:
    if len(left) * len(right) > MOST:
        raise ValueRefused("R051", f"the value stands for more than {MOST} texts", "one placeholder a value")
    return [(*before, *after) for before in left for after in right]


def _joined(pieces: tuple[Part, ...]) -> tuple[Part, ...]:
    """The same with neighbouring texts made one."""
    found: list[Part] = [""]
    for piece in pieces:
        last = found[-1]
        if isinstance(piece, str) and isinstance(last, str):
            found[-1] = last + piece
        else:
            found.append(piece)
    if len(found) > 1 and found[-1] == "":
        found.pop()
    return tuple(found[1:] if len(found) > 1 and found[0] == "" else found)

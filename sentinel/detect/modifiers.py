"""From a value as written in a rule, through its modifiers, to what is wanted of the field.

Alternatives that one value stands for (windash, base64offset, expand) are always joined by OR, whatever joins the
values. A modifier is one function and one line of the table `MODIFIERS` (Sigma specification 2.1, appendix on
modifiers).
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from sentinel.detect import placeholders
from sentinel.detect.regex import RegexError, compiled
from sentinel.detect.values import (
    ANY,
    Alternatives,
    Compare,
    Exists,
    FieldReference,
    Network,
    Null,
    Operator,
    Part,
    Pattern,
    TimePart,
    Unit,
    ValueRefused,
    Wanted,
    Words,
    parts,
    to_number,
)

# --- from the rule's value ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Setting:
    """What modifiers may need besides the value: lists for `expand`, by name."""

    lists: Mapping[str, Sequence[str]]


NO_LISTS = Setting({})


def wanted(value: Any, modifiers: Sequence[str], setting: Setting = NO_LISTS) -> Alternatives:
    """The alternatives that one value of a rule stands for. Raises ValueRefused."""
    if "base64offset" in modifiers and not {"contains", "startswith", "endswith"}.intersection(modifiers):
        raise ValueRefused(
            "R053", "'base64offset' makes parts of a text, which no field is equal to", "add '|contains'"
        )
    first = _first(value, modifiers)
    current: Alternatives = (first,)
    for place, name in enumerate(modifiers):
        modify = MODIFIERS.get(name)
        if modify is not None:
            earlier = tuple(modifiers[:place])
            current = tuple(new for each in current for new in modify(each, setting, earlier))
    return tuple(_finished(each) for each in current)


def _first(value: Any, modifiers: Sequence[str]) -> Wanted:
    if value is None:
        if modifiers:
            raise ValueRefused("R021", f"null cannot take the modifier '{modifiers[0]}'", "null stands alone")
        return Null()
    if "exists" in modifiers:
        if "neq" in modifiers:
            raise ValueRefused("R026", "the modifier 'neq' does not fit here", f"exists: {str(value is False).lower()}")
        if not isinstance(value, bool):
            raise ValueRefused("R022", "'exists' wants true or false", "without quotes: true or false")
        return Exists(value)
    if isinstance(value, bool):
        return Words(("true" if value else "false",))
    if isinstance(value, int | float):
        return Words((_number_text(value),))
    if not isinstance(value, str):
        raise ValueRefused("R023", f"a value must be text, a number, true, false or null, not {type(value).__name__}")
    comparing = next((name for name in modifiers if name in _COMPARING), None)
    if comparing is not None:
        raise _no_number(comparing)
    if "re" in modifiers:
        return Pattern(value)
    return Words(parts(value))


def _number_text(value: float) -> str:
    return str(value) if isinstance(value, int) else repr(value).removesuffix(".0")


_RANGES: Mapping[Unit, tuple[int, int]] = {
    "minute": (0, 59),
    "hour": (0, 23),
    "day": (1, 31),
    "week": (1, 53),
    "month": (1, 12),
    "year": (1, 9999),
}
"""What the parts of a time can be. (The specification says 52 weeks; ISO 8601, by which weeks are counted, has 53.)"""


_COMPARING = frozenset({*get_args(Operator), *_RANGES})


def _no_number(modifier: str) -> ValueRefused:
    if modifier in _RANGES:
        hint = f"'@timestamp|{modifier}': 7"
        return ValueRefused("R031", f"'{modifier}' wants a number and no modifier before it", hint)
    return ValueRefused("R030", f"'{modifier}' wants a number", "a number without quotes")


def _finished(value: Wanted) -> Wanted:
    if isinstance(value, TimePart) and value.operator == "eq":
        low, high = _RANGES[value.unit]
        if not isinstance(value.number, int) or not low <= value.number <= high:
            raise ValueRefused("R052", f"no {value.unit} is {value.number}", f"a whole number from {low} to {high}")
    if isinstance(value, Pattern):
        try:
            return replace(value, regex=compiled(value.text, value.flags))
        except RegexError as error:
            raise ValueRefused(
                "R024", f"the regular expression is refused: {error}", "the dialect is RE2's: docs/rules.md"
            ) from None
    if isinstance(value, Words) and value.encoded is not None:
        try:
            return Words((value.encoded.decode(),), cased=value.cased)
        except UnicodeDecodeError:
            raise ValueRefused(
                "R025", "text in this encoding never stands in a log as it is", "let base64 or base64offset follow"
            ) from None
    return value


# --- the modifiers -----------------------------------------------------------------------------------------

Modify = Callable[[Wanted, Setting, tuple[str, ...]], Sequence[Wanted]]


def _wrong(name: str, value: Wanted, hint: str = "") -> ValueRefused:
    hint = hint or f"it cannot follow on {_kind(value)}"
    return ValueRefused("R026", f"the modifier '{name}' does not fit here", hint)


def _kind(value: Wanted) -> str:
    return {Words: "text", Pattern: "a regular expression", Network: "an address block"}.get(
        type(value), "such a value"
    )


def _affix(name: str, *, start: bool, end: bool) -> Modify:
    def modify(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
        if isinstance(value, FieldReference):
            return (replace(value, start=value.start and not start, end=value.end and not end),)
        if isinstance(value, Pattern):
            return (value,)  # a search is unanchored already
        if not isinstance(value, Words):
            raise _wrong(name, value)
        words = value.parts if value.encoded is None else (_decoded(value.encoded),)
        if start and words[:1] != (ANY,):
            words = (ANY, *words)
        if end and words[-1:] != (ANY,):
            words = (*words, ANY)
        return (replace(value, parts=words, encoded=None),)

    return modify


def _decoded(encoded: bytes) -> str:
    try:
        return encoded.decode()
    except UnicodeDecodeError:
        raise ValueRefused(
            "R025", "text in this encoding never stands in a log as it is", "let base64 or base64offset follow"
        ) from None


def _cased(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    if not isinstance(value, Words | FieldReference):
        raise _wrong("cased", value)
    return (replace(value, cased=True),)


_DASHES = ("-", "/", "–", "—", "―")
_DASH = re.compile(rf"\B[{''.join(_DASHES)}]\b")
_MOST_VARIANTS = 5**5


def _windash(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    """Each dash or slash that begins a word is any of the five characters, each place independently."""
    if not isinstance(value, Words) or value.encoded is not None:
        raise _wrong("windash", value)
    places = sum(len(_DASH.findall(part)) for part in value.parts if isinstance(part, str))
    if len(_DASHES) ** places > _MOST_VARIANTS:
        raise ValueRefused("R027", f"'windash' stands for any of {places} dashes", "split the value: at most 5 a value")
    choices: list[tuple[Part, ...]] = [()]
    for part in value.parts:
        if not isinstance(part, str):
            choices = [(*chosen, part) for chosen in choices]
            continue
        last = 0
        variants = [""]
        for found in _DASH.finditer(part):
            before = part[last : found.start()]
            variants = [text + before + dash for text in variants for dash in _DASHES]
            last = found.end()
        variants = [text + part[last:] for text in variants]
        choices = [(*chosen, text) for chosen in choices for text in variants]
    return [replace(value, parts=chosen) for chosen in choices]


def _bytes_of(name: str, value: Wanted) -> bytes:
    if not isinstance(value, Words) or not value.is_plain:
        raise ValueRefused("R028", f"'{name}' cannot encode a wildcard", r"escape it as \* or \?")
    return value.encoded if value.encoded is not None else value.plain.encode()


def _encode(name: str, encoding: str, mark: bytes = b"") -> Modify:
    def modify(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
        if not isinstance(value, Words) or value.encoded is not None:
            raise _wrong(name, value)
        if not value.is_plain:
            if mark:
                raise ValueRefused("R028", f"'{name}' cannot encode a wildcard", r"escape it as \* or \?")
            wide = tuple(_decoded(p.encode(encoding)) if isinstance(p, str) else p for p in value.parts)
            return (replace(value, parts=wide),)
        return (replace(value, encoded=mark + value.plain.encode(encoding)),)

    return modify


def _base64(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    return (Words((b64encode(_bytes_of("base64", value)).decode(),), cased=_is_cased(value)),)


def _base64offset(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    """The text as it looks inside longer base64, at each of the three possible offsets, without the characters that
    depend on its neighbours.
    """
    data = _bytes_of("base64offset", value)
    if len(data) < 2:  # of a single byte nothing is left that its neighbours have no part in
        raise ValueRefused("R050", "'base64offset' needs at least two bytes of text", "a longer text")
    found = []
    for offset, skip in ((0, 0), (1, 2), (2, 3)):
        cut = {0: None, 1: -3, 2: -2}[(len(data) + offset) % 3]
        found.append(b64encode(b"\0" * offset + data)[skip:cut].decode())
    return [Words((text,), cased=_is_cased(value)) for text in found]


def _is_cased(value: Wanted) -> bool:
    return isinstance(value, Words) and value.cased


def _flag(letter: str) -> Modify:
    def modify(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
        if not isinstance(value, Pattern):
            raise _wrong(letter, value, "flags stand behind 're': field|re|i")
        return (replace(value, flags="".join(sorted({*value.flags, letter}))),)

    return modify


def _regex(value: Wanted, _setting: Setting, earlier: tuple[str, ...]) -> Sequence[Wanted]:
    if earlier:
        raise _wrong("re", value, "'re' must be the first modifier")
    return (value if isinstance(value, Pattern) else Pattern(value.plain if isinstance(value, Words) else ""),)


def _cidr(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    if not isinstance(value, Words) or not value.is_plain:
        raise _wrong("cidr", value)
    try:
        return (Network(ipaddress.ip_network(value.plain)),)
    except ValueError:
        hint = "an address block such as 10.0.0.0/8, without host bits"
        with contextlib.suppress(ValueError):
            hint = f"did you mean '{ipaddress.ip_network(value.plain, strict=False)}'?"
        raise ValueRefused("R029", f"'{value.plain}' is no address block", hint) from None


def _compare(operator: Operator) -> Modify:
    def modify(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
        if isinstance(value, TimePart):
            return (replace(value, operator=operator),)
        number = to_number(value.plain) if isinstance(value, Words) and value.is_plain else None
        if number is None:
            raise _no_number(operator)
        return (Compare(operator, number),)

    return modify


def _time_part(unit: Unit) -> Modify:
    def modify(value: Wanted, _setting: Setting, earlier: tuple[str, ...]) -> Sequence[Wanted]:
        number = to_number(value.plain) if isinstance(value, Words) and value.is_plain else None
        if number is None or earlier:
            raise _no_number(unit)
        return (TimePart(unit, "eq", number),)

    return modify


def _fieldref(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    if not isinstance(value, Words) or not value.is_plain:
        raise _wrong("fieldref", value, "the value is the name of a field, without wildcards")
    return (FieldReference(value.plain, start=True, end=True, cased=value.cased),)


def _expand(value: Wanted, setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    if isinstance(value, Pattern):
        return [replace(value, text=text) for text in placeholders.in_pattern(value.text, setting.lists)]
    if not isinstance(value, Words) or value.encoded is not None:
        raise _wrong("expand", value)
    return [replace(value, parts=each) for each in placeholders.in_words(value.parts, setting.lists)]


def _keep(value: Wanted, _setting: Setting, _earlier: tuple[str, ...]) -> Sequence[Wanted]:
    return (value,)


MODIFIERS: dict[str, Modify] = {
    "contains": _affix("contains", start=True, end=True),
    "startswith": _affix("startswith", start=False, end=True),
    "endswith": _affix("endswith", start=True, end=False),
    "cased": _cased,
    "windash": _windash,
    "wide": _encode("wide", "utf-16-le"),
    "utf16le": _encode("utf16le", "utf-16-le"),
    "utf16be": _encode("utf16be", "utf-16-be"),
    "utf16": _encode("utf16", "utf-16-le", b"\xff\xfe"),
    "base64": _base64,
    "base64offset": _base64offset,
    "re": _regex,
    "i": _flag("i"),
    "ignorecase": _flag("i"),
    "m": _flag("m"),
    "multiline": _flag("m"),
    "s": _flag("s"),
    "dotall": _flag("s"),
    "cidr": _cidr,
    "lt": _compare("lt"),
    "lte": _compare("lte"),
    "gt": _compare("gt"),
    "gte": _compare("gte"),
    "minute": _time_part("minute"),
    "hour": _time_part("hour"),
    "day": _time_part("day"),
    "week": _time_part("week"),
    "month": _time_part("month"),
    "year": _time_part("year"),
    "fieldref": _fieldref,
    "expand": _expand,
    "exists": _keep,
    "all": _keep,
    "neq": _keep,
}
"""Every modifier by its name. `all` and `neq` are about the item as a whole and are read in `match`."""

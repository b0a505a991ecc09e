"""Reading a field out of a decoded record without flattening it.

A name is looked up literally first, dots included, then as a path, so that `{"event": {"action": …}}`,
`{"event.action": …}` and mixtures of both are the same field. A list on the way, or at its end, means any of its
members. Names are case-sensitive (Sigma specification, field names).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final


class _Missing:
    def __repr__(self) -> str:
        return "missing"

    def __bool__(self) -> bool:
        return False


MISSING: Final = _Missing()
"""The field is not there. (A field that is there with the value null is None.)"""

Getter = Callable[[Mapping[str, Any]], Any]


def getter(name: str) -> Getter:
    """A function from a record's fields to the field's value, a list of values, or MISSING."""
    if "." not in name:
        return lambda fields: fields.get(name, MISSING)
    splits = _splits(name)

    def get(fields: Mapping[str, Any]) -> Any:
        value = fields.get(name, MISSING)
        return value if value is not MISSING else _walk(fields, splits)

    return get


def getter_of(names: Sequence[str]) -> Getter:
    """The getter of the first of these fields that has a value; the record may call it by any of the names."""
    if len(names) == 1:
        return getter(names[0])
    getters = [getter(name) for name in names]
    return lambda fields: next((value for get in getters if single(value := get(fields)) is not None), MISSING)


def _splits(name: str) -> tuple[tuple[str, str], ...]:
    places = [place for place, letter in enumerate(name) if letter == "."]
    return tuple((name[:place], name[place + 1 :]) for place in places)


def _walk(fields: Mapping[str, Any], splits: tuple[tuple[str, str], ...]) -> Any:
    for head, rest in splits:
        inner = fields.get(head)
        if inner is None:  # nearly always: to ask what it is an instance of costs ten times as much
            continue
        if isinstance(inner, Mapping):
            value = getter(rest)(inner)
        elif isinstance(inner, list):
            value = _members(inner, rest)
        else:
            continue
        if value is not MISSING:
            return value
    return MISSING


def _members(items: list[Any], rest: str) -> Any:
    get = getter(rest)
    found = [value for item in items if isinstance(item, Mapping) and (value := get(item)) is not MISSING]
    return found or MISSING


def text(value: Any) -> str | None:
    """The text Sigma compares: strings as they are, numbers as written without a trailing `.0`, true and false.

    None for what has no text: null, maps, lists.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return None


def members(value: Any) -> Iterator[Any]:
    """The single values of a field: the value itself, or every member of a list, however deep."""
    if isinstance(value, list):
        for each in value:
            yield from members(each)
    else:
        yield value


def texts(fields: Mapping[str, Any]) -> Iterator[str]:
    """Every value of a record that has a text, however deep. (What keywords are searched in.)"""
    for value in fields.values():
        yield from _texts(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from texts(value)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    else:
        words = text(value)
        if words is not None:
            yield words


def single(value: Any) -> str | None:
    """The text of a field that ought to hold one value: a list gives its first member with a text."""
    if type(value) is str:
        return value
    if value is MISSING:
        return None
    return next((words for each in members(value) if (words := text(each)) is not None), None)

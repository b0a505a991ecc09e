"""What of an event is counted: the keyed hash of its values, a number, or which rule it matched."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sentinel.detect.fields import getter, single
from sentinel.detect.measures import NUMERIC, TEMPORAL, bits_of
from sentinel.detect.rules import Correlation

HashText = Callable[[str], int]
SEPARATOR = "\x1f"

Counter = Callable[[Mapping[str, Any]], int | None]
"""The fields of an event -> what stands for it in a window; None where the event has nothing to count."""


def counter(rule: Correlation, matched: str, hash_text: HashText) -> Counter | None:
    """What the correlation counts of an event that matches this rule (its key); None where it counts events."""
    kind = rule.kind
    if kind == "event_count":
        return None
    if kind in TEMPORAL:
        number = rule.order.index(matched)
        return lambda _: number
    names = [rule.aliases.get(name, {}).get(matched, name) for name in rule.fields]
    if kind in NUMERIC:
        get = getter(names[0])
        return lambda fields: bits_of(get(fields))
    return _distinct(names, hash_text)


def _distinct(names: Sequence[str], hash_text: HashText) -> Counter:
    """The keyed hash of the value, of the tuple of values for several fields; None where one is missing."""
    getters = [getter(name) for name in names]
    only = names[0] if len(names) == 1 else None

    def counted(fields: Mapping[str, Any]) -> int | None:
        if only is not None:
            value = fields.get(only)
            if type(value) is str:
                return hash_text(value)
        values = [single(get(fields)) for get in getters]
        known = [value for value in values if value is not None]
        return hash_text(SEPARATOR.join(known)) if len(known) == len(values) else None

    return counted

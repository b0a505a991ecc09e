"""What of an event is counted: its group; the keyed hash of its values, a number, or which rule it matched.

Rule of this file: a correlation names fields as its rules do, and a source may call them otherwise: `names` says how,
for the rule that matched. An alias names a field of that rule too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sentinel.detect.fields import getter_of, single
from sentinel.detect.measures import NUMERIC, TEMPORAL, bits_of
from sentinel.detect.rules import Correlation
from sentinel.detect.unusual.sequence import masked

HashText = Callable[[str], int]
SEPARATOR = "\x1f"

Counter = Callable[[Mapping[str, Any]], int | None]
"""The fields of an event -> what stands for it in a window; None where the event has nothing to count."""


Names = Mapping[str, tuple[str, ...]]
"""What a rule calls a field -> what the source calls it; several where any of them may be meant."""

Fields = tuple[str, ...]
"""What one field may be called in a record."""


def group_fields(rule: Correlation, matched: str, names: Names) -> tuple[Fields, ...]:
    """The fields of the correlation's group in events that match this rule (its key)."""
    return tuple(_field(rule, matched, name, names) for name in rule.group_by)


def counted_fields(rule: Correlation, matched: str, names: Names) -> tuple[Fields, ...]:
    """The fields whose values the correlation counts in events that match this rule (its key)."""
    return tuple(_field(rule, matched, name, names) for name in rule.fields)


def _field(rule: Correlation, matched: str, name: str, names: Names) -> Fields:
    of_rule = rule.aliases.get(name, {}).get(matched, name)
    return names.get(of_rule, (of_rule,))


def counter(rule: Correlation, matched: str, names: Names, hash_text: HashText) -> Counter:
    """What the correlation counts of an event that matches this rule (its key): 0 where it counts events."""
    kind = rule.kind
    if kind == "event_count":
        return lambda _: 0
    if kind in TEMPORAL:
        number = rule.order.index(matched)
        return lambda _: number
    fields = counted_fields(rule, matched, names)
    if rule.about.additions.sequence is not None:
        get = getter_of(fields[0])
        return lambda record: None if (words := single(get(record))) is None else masked(words, hash_text)
    if kind in NUMERIC:
        get = getter_of(fields[0])
        return lambda record: bits_of(get(record))
    return keyed(fields, hash_text)


def keyed(names: Sequence[Fields], hash_text: HashText) -> Counter:
    """The keyed hash of the fields' values, joined where they are several; None where one is missing."""
    getters = [getter_of(each) for each in names]

    def hashed(fields: Mapping[str, Any]) -> int | None:
        known = []
        for get in getters:
            value = single(get(fields))
            if value is None:
                return None
            known.append(value)
        return hash_text(SEPARATOR.join(known))

    if len(names) != 1:
        return hashed
    only = names[0][0]

    def hashed_alone(fields: Mapping[str, Any]) -> int | None:
        value = fields.get(only)
        return hash_text(value) if type(value) is str else hashed(fields)

    return hashed_alone


def watcher(names: Sequence[str], hash_text: HashText) -> Counter:
    """The keyed hash of the fields' values, joined where they are several; 0 where one is missing."""
    hashed = keyed([(name,) for name in names], hash_text)
    return lambda fields: hashed(fields) or 0

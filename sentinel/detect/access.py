"""Which events are somebody reading somebody else's personal data: the inventory applied to an event.

Entries are tried in order and the first of each system counts. The event gains the `access.*` fields, in place, and the
named groups of the entry's regular expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sentinel.detect.fields import Getter, getter, members, single, text
from sentinel.detect.match import AllOf, Item, Node, items, test
from sentinel.detect.predicates import Test
from sentinel.detect.regex import compiled
from sentinel.detect.selections import Reader
from sentinel.detect.values import ValueRefused, to_number
from sentinel.inventory import AccessEntry, Inventory, System, normalised
from sentinel.model import Event, LogSource
from sentinel.problems import Problem

SYSTEM, DATA, ACTOR, SUBJECT = "access.system", "access.data", "access.actor", "access.subject"
ACTION, RECORDS, BYTES = "access.action", "access.records", "access.bytes"

SETTABLE = frozenset({"subject", "actor", "records", "bytes"})
"""Groups and entry keys that set an access field; other groups become fields of the event."""

Groups = dict[str, str]
Capture = Callable[[Event], Groups | None]
"""The named groups of an event, or None where the pattern is not found in it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One way to reach one system's data, ready to be tried on an event."""

    system: System
    entry: AccessEntry
    node: Node
    derived: tuple[str, ...]
    match: Capture
    sources: tuple[tuple[str, Getter], ...]

    @property
    def logsource(self) -> LogSource:
        """Which sources it is for."""
        return self.entry.logsource


def entries(inventory: Inventory) -> tuple[tuple[Entry, ...], list[Problem]]:
    """Every entry of the inventory in order, and every problem with what its `when` says."""
    found: list[Entry] = []
    problems: list[Problem] = []
    for system in inventory.systems:
        for entry in system.access:
            node = _node(inventory, entry, problems)
            if node is not None:
                found.append(_entry(system, entry, node))
    return tuple(found), problems


def _node(inventory: Inventory, entry: AccessEntry, problems: list[Problem]) -> Node | None:
    def report(path: tuple[str | int, ...], refused: ValueRefused) -> None:
        span = inventory.document.key_span((*entry.path, *path))
        problems.append(Problem(span, refused.code, refused.message, refused.hint))

    return Reader(report).read(entry.when, ("when",))


def _entry(system: System, entry: AccessEntry, node: Node) -> Entry:
    capturing = [item for item in items(node) if _pattern(item) is not None]
    derived = tuple(name for item in capturing for name in _groups_of(item) if name not in SETTABLE)
    sources = tuple(
        (name, getter(field))
        for name, field in (("subject", entry.subject), ("records", entry.records), ("bytes", entry.bytes))
        if field is not None
    )
    return Entry(system, entry, node, derived, _match(node, capturing), sources)


def _pattern(item: Item) -> str | None:
    """The pattern of an item that has one with named groups."""
    words = item.key.split("|")[1:]
    if "re" not in words or item.field is None or {"neq", "all"} & set(words):
        return None
    return next((value for value in item.values if isinstance(value, str) and "(?P<" in value), None)


def _groups_of(item: Item) -> tuple[str, ...]:
    return compiled(str(_pattern(item)), _flags(item)).groups


def _flags(item: Item) -> str:
    return "".join(word[0] for word in item.key.split("|")[2:] if word[0] in "ims")


def _match(node: Node, capturing: list[Item]) -> Capture:
    """Test and capture in one: what captures need not be tested before, where all items must hold anyway."""
    captures = [_capture(item) for item in capturing]
    flat = node.nodes if isinstance(node, AllOf) else (node,)
    plain: Test | None
    if all(isinstance(each, Item) for each in flat) and all(len(item.values) == 1 for item in capturing):
        rest = tuple(each for each in flat if each not in capturing)
        plain = test(AllOf(rest)) if rest else None
    else:
        plain, captures = test(node), [_optional(each) for each in captures]
    if len(captures) == 1:
        only = captures[0]
        return lambda event: only(event) if plain is None or plain(event) else None

    def match(event: Event) -> Groups | None:
        if plain is not None and not plain(event):
            return None
        groups: Groups = {}
        for capture in captures:
            more = capture(event)
            if more is None:
                return None
            groups |= more
        return groups

    return match


def _capture(item: Item) -> Capture:
    search = compiled(str(_pattern(item)), _flags(item)).search
    get = getter(str(item.field))

    def capture(event: Event) -> Groups | None:
        value = get(event.fields)
        for each in (value,) if type(value) is str else members(value):
            words = text(each)
            found = search(words) if words is not None else None
            if found is not None:
                return {name: group for name, group in found.groupdict().items() if group is not None}
        return None

    return capture


def _optional(capture: Capture) -> Capture:
    return lambda event: capture(event) or {}


# --- the access --------------------------------------------------------------------------------------------


class AccessMap:
    """The entries for one source. `mark` gives an event its access fields."""

    def __init__(self, entries: tuple[Entry, ...], identity: Callable[[str], str]) -> None:
        self._identity = identity
        self._actors = [_actor(entry.entry) for entry in entries]
        self._entries = entries

    def mark(self, event: Event, numbers: tuple[int, ...]) -> tuple[Entry, ...]:
        """Try these entries on the event; those that hold, after the event got their fields."""
        held: list[Entry] = []
        for number in numbers:
            entry = self._entries[number]
            if held and any(entry.system is other.system for other in held):
                continue
            groups = entry.match(event)
            if groups is not None:
                self._set(event, number, groups, first=not held)
                held.append(entry)
        return tuple(held)

    def _set(self, event: Event, number: int, groups: Groups, *, first: bool) -> None:
        entry = self._entries[number]
        values: dict[str, Any] = {SYSTEM: entry.system.name, ACTION: entry.entry.action}
        for name, get in entry.sources:
            value = single(get(event.fields))
            if value:
                values["access." + name] = value
        for name, group in groups.items():
            values["access." + name if name in SETTABLE else name] = group
        actor = values.get(ACTOR) or self._actor_of(event, number)
        if actor:
            values[ACTOR] = self._identity(self._actors[number][1](actor))
        for name in (RECORDS, BYTES):
            if name in values:
                values[name] = to_number(values[name])
        if first:
            event.fields[DATA] = list(entry.entry.data)
            event.fields |= values
        else:
            _join(event.fields, values, entry.entry.data)

    def _actor_of(self, event: Event, number: int) -> str | None:
        get = self._actors[number][0]
        return single(get(event.fields)) if get is not None else None


def _actor(entry: AccessEntry) -> tuple[Getter | None, Callable[[str], str]]:
    if entry.actor is None:
        return None, str
    steps = entry.actor.normalise
    return getter(entry.actor.field), partial(normalised, steps=steps) if steps else str


def _join(fields: dict[str, Any], values: Mapping[str, Any], data: tuple[str, ...]) -> None:
    """A second system in one event: its values stand beside the first one's."""
    fields[DATA] = list(dict.fromkeys([*fields[DATA], *data]))
    for name, value in values.items():
        had = fields.get(name)
        if had is None:
            fields[name] = value
        elif had != value and value not in (had if isinstance(had, list) else ()):
            fields[name] = [*(had if isinstance(had, list) else [had]), value]

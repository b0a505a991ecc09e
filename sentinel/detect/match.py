"""From selections and conditions to one function per rule: event -> does it match.

A selection is a tree of items; a condition is a tree of selections. Both are the same nodes. `test` turns a node into
a function, `need` says what must stand in the raw record for it to hold, `because` shows each item's own verdict, asked
of the same functions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sentinel.detect.fields import MISSING, getter, members
from sentinel.detect.needs import Need, either, every
from sentinel.detect.predicates import Test
from sentinel.detect.values import Alternatives
from sentinel.model import Event

UTC = ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Item:
    """One line of a selection. `key` is as written; `values` as written; `holds` tests an event.

    `modifiers`, `wanted` and `zone` are what it was built from, so that it can be built for another field.
    """

    key: str
    field: str | None
    values: tuple[Any, ...]
    holds: Test
    needs: Need
    fields: tuple[str, ...]
    modifiers: tuple[str, ...] = ()
    wanted: tuple[Alternatives, ...] = ()
    zone: ZoneInfo = UTC


@dataclass(frozen=True, slots=True)
class AllOf:
    """AND. Nothing in it holds for nothing: an empty one is refused when rules are loaded."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """OR."""

    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """NOT."""

    node: Node


@dataclass(frozen=True, slots=True)
class Selection:
    """A named part of a rule."""

    name: str
    node: Node


Node = Item | AllOf | AnyOf | Not | Selection


def test(node: Node) -> Test:
    """The function that says whether the node holds for an event."""
    match node:
        case Item():
            return node.holds
        case Selection():
            return test(node.node)
        case Not():
            inner = test(node.node)
            return lambda event: not inner(event)
        case AllOf():
            return all_tests([test(each) for each in node.nodes])
        case AnyOf():
            return any_tests([test(each) for each in node.nodes])


def all_tests(tests: list[Test]) -> Test:
    """AND of tests."""
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        one, two = tests
        return lambda event: one(event) and two(event)
    if len(tests) == 3:
        first, second, third = tests
        return lambda event: first(event) and second(event) and third(event)

    def holds(event: Event) -> bool:
        for each in tests:  # noqa: SIM110  (a generator costs more than the loop, on the path of every event)
            if not each(event):
                return False
        return True

    return holds


def any_tests(tests: list[Test]) -> Test:
    """OR of tests."""
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        one, two = tests
        return lambda event: one(event) or two(event)

    def holds(event: Event) -> bool:
        for each in tests:  # noqa: SIM110  (as above)
            if each(event):
                return True
        return False

    return holds


def need(node: Node) -> Need:
    """What must stand in the raw record for the node to hold."""
    match node:
        case Item():
            return node.needs
        case Selection():
            return need(node.node)
        case Not():
            return None
        case AllOf():
            return every([need(each) for each in node.nodes])
        case AnyOf():
            return either([need(each) for each in node.nodes])


def items(node: Node) -> Iterator[Item]:
    """Every item below the node."""
    match node:
        case Item():
            yield node
        case Selection() | Not():
            yield from items(node.node)
        case AllOf() | AnyOf():
            for each in node.nodes:
                yield from items(each)


# --- explaining --------------------------------------------------------------------------------------------


def because(node: Node, event: Event) -> list[dict[str, Any]]:
    """Each item below the node: what it wanted, what it found, whether it held."""
    return [_explained(item, event) for item in items(node)]


def _explained(item: Item, event: Event) -> dict[str, Any]:
    value = getter(item.field)(event.fields) if item.field else MISSING
    found: dict[str, Any] = {"item": item.key or "keywords", "wanted": list(item.values), "matched": item.holds(event)}
    if item.field is None:
        return found
    if value is MISSING:
        found["field"] = "absent"
    else:
        found["value"] = list(members(value)) if isinstance(value, list) else value
    return found

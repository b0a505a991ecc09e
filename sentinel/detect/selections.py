"""Reading selections as YAML gives them: maps are AND, lists are OR, plain values are keywords (Sigma)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from sentinel.detect.fields import MISSING, getter, texts
from sentinel.detect.match import UTC, AllOf, AnyOf, Item, Node, all_tests, any_tests
from sentinel.detect.modifiers import MODIFIERS, NO_LISTS, Setting, wanted
from sentinel.detect.needs import Need, Run, either, every
from sentinel.detect.predicates import Test, TextTest, on_field, text_test, value_test
from sentinel.detect.regex import literals
from sentinel.detect.values import ANY, Alternatives, FieldReference, Pattern, ValueRefused, Wanted, Words
from sentinel.model import Event
from sentinel.problems import did_you_mean

Path = tuple[str | int, ...]
Report = Callable[[Path, ValueRefused], None]
"""Told of each thing in a selection that has no meaning, with the path to it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads selections as YAML gives them. `report` is told every problem; reading goes on after it."""

    report: Report
    setting: Setting = NO_LISTS
    zone: ZoneInfo = UTC

    def read(self, definition: Any, path: Path) -> Node | None:
        """The selection as a node; None where nothing of it could be read."""
        if isinstance(definition, Mapping):
            return self._map(definition, path)
        if isinstance(definition, list):
            return self._list(definition, path)
        return self._item("", None, (), [definition], path)

    def _map(self, definition: Mapping[Any, Any], path: Path) -> Node | None:
        if not definition:
            self.report(path, ValueRefused("R033", "the selection is empty", "name at least one field"))
            return None
        nodes = [self._entry(str(key), value, (*path, key)) for key, value in definition.items()]
        known = tuple(node for node in nodes if node is not None)
        return known[0] if len(known) == 1 else AllOf(known) if known else None

    def _list(self, definition: list[Any], path: Path) -> Node | None:
        if not definition:
            self.report(path, ValueRefused("R033", "the selection is empty", "name at least one field or keyword"))
            return None
        words = [(place, each) for place, each in enumerate(definition) if not isinstance(each, Mapping | list)]
        nodes = [
            self.read(each, (*path, place)) for place, each in enumerate(definition) if isinstance(each, Mapping | list)
        ]
        if words:
            nodes.append(self._item("", None, (), [each for _, each in words], path))
        known = tuple(node for node in nodes if node is not None)
        return known[0] if len(known) == 1 else AnyOf(known) if known else None

    def _entry(self, key: str, value: Any, path: Path) -> Node | None:
        field, *modifiers = key.split("|")
        unknown = [name for name in modifiers if name not in MODIFIERS]
        for name in unknown:
            self.report(path, ValueRefused("R012", f"unknown modifier '{name}'", did_you_mean(name, MODIFIERS)))
        if unknown:
            return None
        values = value if isinstance(value, list) else [value]
        if not values:
            self.report(path, ValueRefused("R034", "an empty list matches nothing", "write null for 'missing'"))
            return None
        return self._item(key, field or None, tuple(modifiers), values, path)

    def _item(
        self, key: str, field: str | None, modifiers: tuple[str, ...], values: list[Any], path: Path
    ) -> Node | None:
        found: list[Alternatives] = []
        for place, value in enumerate(values):
            where = (*path, place) if len(values) > 1 else path
            if value is None and len(values) > 1:
                hint = "two selections joined by 'or' can"
                self.report(where, ValueRefused("R035", "null cannot stand in a list", hint))
                continue
            try:
                found.append(wanted(value, modifiers, self.setting))
            except ValueRefused as refused:
                self.report(where, refused)
        if len(found) < len(values):
            return None
        try:
            return build(key, field, modifiers, tuple(values), found, self.zone)
        except ValueRefused as refused:
            self.report(path, refused)
            return None


def build(
    key: str,
    field: str | None,
    modifiers: tuple[str, ...],
    values: tuple[Any, ...],
    found: list[Alternatives],
    zone: ZoneInfo,
) -> Item:
    """The item for what is wanted: OR over the values, AND with `all`, turned round with `neq`.

    `neq` is false when the field, or the field it is compared with, is missing, as a comparison with nothing is in SQL.
    """
    if "all" in modifiers and len(found) < 2:
        raise ValueRefused("R036", "'all' needs a list of at least two values", "leave it out")
    groups = [(each,) for each in found] if "all" in modifiers else [tuple(found)]
    tests = [_group_test(field, group, zone) for group in groups]
    holds = all_tests(tests)
    needs = every([either([_need(field, each) for alternatives in group for each in alternatives]) for group in groups])
    references = [each.name for group in found for each in group if isinstance(each, FieldReference)]
    fields = tuple(name for name in (field, *references) if name)
    if "neq" in modifiers:
        if field is None:
            raise ValueRefused("R037", "'neq' needs a field", "write 'not' in the condition")
        holds, needs = _differs(fields, holds), None
    return Item(key, field, values, holds, needs, fields, modifiers, tuple(found), zone)


def _differs(fields: Sequence[str], same: Test) -> Test:
    getters = [getter(field) for field in fields]

    def holds(event: Event) -> bool:
        return all(get(event.fields) is not MISSING for get in getters) and not same(event)

    return holds


def _group_test(field: str | None, group: Sequence[Alternatives], zone: ZoneInfo) -> Test:
    """OR over everything in the group: the texts together, the rest one by one."""
    flat = [each for alternatives in group for each in alternatives]
    words = [each for each in flat if isinstance(each, Words | Pattern)]
    rest = [each for each in flat if not isinstance(each, Words | Pattern)]
    if field is None:
        if rest:
            raise ValueRefused("R038", "this value needs a field", "keywords are text or regular expressions")
        return _keywords(text_test([_anywhere(each) for each in words]))
    tests = [on_field(field, text_test(words))] if words else []
    return any_tests(tests + [value_test(each, field, zone) for each in rest])


def _anywhere(keyword: Words | Pattern) -> Words | Pattern:
    """A keyword stands anywhere in the text (Sigma specification, keywords: the full message is searched)."""
    if isinstance(keyword, Pattern):
        return keyword
    parts = keyword.parts
    if parts[:1] != (ANY,):
        parts = (ANY, *parts)
    if parts[-1:] != (ANY,):
        parts = (*parts, ANY)
    return Words(parts, cased=keyword.cased)


def _keywords(holds: TextTest) -> Test:
    """The raw record and every text in it."""
    return lambda event: holds(event.raw.decode(errors="replace")) or any(holds(each) for each in texts(event.fields))


def _need(field: str | None, value: Wanted) -> Need:
    match value:
        case Words():
            last = len(value.parts) - 1
            runs = [
                Run(field, part, field is not None and place == 0, field is not None and place == last)
                for place, part in enumerate(value.parts)
                if isinstance(part, str) and part
            ]
            return every(runs)
        case Pattern():
            if "i" in value.flags and not value.text.isascii():
                return None
            found = literals(value.text) or []
            fixed = field is not None and "m" not in value.flags
            return every([Run(field, text, fixed and start, fixed and end) for text, start, end in found])
    return None

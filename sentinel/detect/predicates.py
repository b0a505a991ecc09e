"""From what is wanted of a field to a function that tests it. The one evaluator: explain asks the same functions.

Fold is `str.lower` on both sides, with the two small sigmas as one letter. A list matches if any member does. Values
without a text (null, maps) match no text.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import re2

from sentinel.clock import from_datetime, to_datetime
from sentinel.detect.fields import MISSING, Getter, getter, members, text
from sentinel.detect.values import (
    ANY,
    Compare,
    Exists,
    FieldReference,
    Network,
    Null,
    Operator,
    Pattern,
    TimePart,
    Wanted,
    Words,
    to_number,
)
from sentinel.model import Event

Test = Callable[[Event], bool]
TextTest = Callable[[str], bool]

TIME_FIELD = "@timestamp"
"""The field that means the event's own time, whatever the log calls it."""

FLAGS_FIELD = "log.flags"
"""What is to be said of a record as it was read (`truncated`, `unterminated`); Filebeat calls it so too."""

MOST_KNOWN = 16
"""Values of which a test's verdict is remembered, and their length: statuses, methods, actions, outcomes."""


MOST_FOUND = 1000
"""What is checked of one text: to look at all of a text of millions of digits would take minutes."""


# --- text --------------------------------------------------------------------------------------------------


def folded(words: str) -> str:
    """The text as it is compared without regard to case. (`str.lower` picks one of two sigmas by what follows it, so
    that the same letter would differ between a text and a part of it.)
    """
    return words.lower().replace("ς", "σ")


def text_test(wanted: Iterable[Words | Pattern]) -> TextTest:
    """A test that holds if any of the wanted holds. Equal shapes are tested together: a set, a tuple of prefixes."""
    uncased = [each for each in wanted if isinstance(each, Words) and not each.cased]
    cased = [each for each in wanted if isinstance(each, Words) and each.cased]
    searches: list[TextTest] = [_search(each) for each in wanted if isinstance(each, Pattern)]
    tests = _words_tests(cased, fold=False) + searches
    lowered = _any(_words_tests(uncased, fold=True))
    if lowered is not None:
        has_sigma = any(sign in each.plain for each in uncased for sign in "Σσς")
        tests.append((lambda value: lowered(folded(value))) if has_sigma else (lambda value: lowered(value.lower())))
    return _any(tests) or (lambda _value: False)


def _any(tests: list[TextTest]) -> TextTest | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    if len(tests) == 2:
        one, two = tests
        return lambda value: one(value) or two(value)
    return lambda value: any(test(value) for test in tests)


def _search(pattern: Pattern) -> TextTest:
    assert pattern.regex is not None, "finished by modifiers.wanted"
    search, check = pattern.regex.search, pattern.check
    if check is not None:
        return lambda value: any(check(found) for found in found_by(pattern, value))
    return lambda value: search(value) is not None


def found_by(pattern: Pattern, value: str) -> Iterator[str]:
    """Everything in the text that the pattern finds, overlapping too: the group `value`, where it has one. After
    `MOST_FOUND` of them nothing more is looked for.
    """
    assert pattern.regex is not None, "finished by modifiers.wanted"
    search, group = pattern.regex.search, "value" if "value" in pattern.regex.groups else 0
    place = 0
    for _ in range(MOST_FOUND):
        found = search(value, place)
        if found is None:
            return
        yield found.group(group) or ""
        place = found.start() + 1
        if place > len(value):
            return


def _words_tests(words: list[Words], *, fold: bool) -> list[TextTest]:
    exact: set[str] = set()
    prefixes: list[str] = []
    suffixes: list[str] = []
    inside: list[str] = []
    tests: list[TextTest] = []
    for each in words:
        parts = tuple(folded(part) if fold and isinstance(part, str) else part for part in each.parts)
        match parts:
            case (str(whole),):
                exact.add(whole)
            case (str(start), last) if last is ANY:
                prefixes.append(start)
            case (first, str(end)) if first is ANY:
                suffixes.append(end)
            case (first, str(middle), last) if first is ANY and last is ANY:
                inside.append(middle)
            case _:
                tests.append(_glob(parts))
    if exact:
        tests.append(_equals(exact))
    if prefixes:
        starts = tuple(prefixes)
        tests.append(lambda value: value.startswith(starts))
    if suffixes:
        ends = tuple(suffixes)
        tests.append(lambda value: value.endswith(ends))
    if inside:
        tests.append(_contains(inside))
    return tests


def _equals(exact: set[str]) -> TextTest:
    if len(exact) == 1:
        whole = next(iter(exact))
        return lambda value: value == whole
    known = frozenset(exact)
    return lambda value: value in known


def _contains(inside: list[str]) -> TextTest:
    if len(inside) == 1:
        only = inside[0]
        return lambda value: only in value
    several = tuple(inside)

    def holds(value: str) -> bool:
        for each in several:  # noqa: SIM110  (a generator costs more than the loop, on the path of every event)
            if each in value:
                return True
        return False

    return holds


def _glob(parts: tuple[Any, ...]) -> TextTest:
    """Wildcards between text: a regular expression over the whole value, newlines included."""
    pattern = "".join(re.escape(part) if isinstance(part, str) else ".*" if part is ANY else "." for part in parts)
    search = re2.compile(rf"(?s)\A{pattern}\z").search
    return lambda value: search(value) is not None


def on_field(name: str, test: TextTest) -> Test:
    """The text test on a field of the event. What it said of the first few short values is remembered."""
    get = getter(name)
    known: dict[str | int, bool] = {}

    def holds(event: Event) -> bool:
        value = event.fields.get(name, MISSING)
        kind = type(value)
        if kind is str or kind is int:
            verdict = known.get(value)
            if verdict is None:
                words = str(value)
                verdict = test(words)
                if len(known) < MOST_KNOWN and len(words) < MOST_KNOWN:
                    known[value] = verdict
            return verdict
        if value is MISSING:
            value = get(event.fields)
        return value is not MISSING and _any_text(value, test)

    return holds


def _any_text(value: Any, test: TextTest) -> bool:
    if isinstance(value, list):
        return any(_any_text(each, test) for each in value)
    words = text(value)
    return words is not None and test(words)


# --- everything else ---------------------------------------------------------------------------------------


def value_test(wanted: Wanted, field: str, zone: ZoneInfo) -> Test:
    """The test of one wanted thing that is not text, on a field of the event."""
    get = getter(field)
    match wanted:
        case Null():
            return lambda event: (value := get(event.fields)) is MISSING or value is None or _only_nulls(value)
        case Exists():
            if wanted.wanted:
                return lambda event: field in event.fields or get(event.fields) is not MISSING
            return lambda event: get(event.fields) is MISSING
        case Compare():
            return _numbers(get, wanted.operator, wanted.number)
        case Network():
            inside = _network_test(wanted.network)
            return on_field(field, inside)
        case FieldReference():
            return _reference(get, wanted)
        case TimePart():
            return _time_part(field, get, wanted, zone)
    raise AssertionError(wanted)


def _only_nulls(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(each is None for each in value)


_HOLDS: Mapping[str, Callable[[float, float], bool]] = {
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
    "eq": lambda left, right: left == right,
}


def _numbers(get: Getter, operator: Operator, number: float) -> Test:
    compare = _HOLDS[operator]

    def holds(event: Event) -> bool:
        value = get(event.fields)
        if type(value) is int:
            return compare(value, number)
        return any((found := _number(each)) is not None and compare(found, number) for each in members(value))

    return holds


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    words = text(value)
    return None if words is None else to_number(words)


Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@lru_cache(maxsize=65536)
def address(value: str) -> Address | None:
    """The address a text stands for, IPv4-mapped IPv6 as IPv4; None where it is none."""
    try:
        found = ipaddress.ip_address(value)
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    return mapped if mapped is not None else found


def _network_test(network: ipaddress.IPv4Network | ipaddress.IPv6Network) -> TextTest:
    if isinstance(network, ipaddress.IPv6Network) and network.network_address.ipv4_mapped and network.prefixlen >= 96:
        network = ipaddress.ip_network((network.network_address.ipv4_mapped, network.prefixlen - 96))

    def inside(value: str) -> bool:
        found = address(value)
        return found is not None and found.version == network.version and found in network

    return inside


def _reference(get: Getter, wanted: FieldReference) -> Test:
    other = getter(wanted.name)

    def same(left: str, right: str) -> bool:
        if not wanted.cased:
            left, right = folded(left), folded(right)
        if wanted.start and wanted.end:
            return left == right
        if wanted.start:
            return left.startswith(right)
        return left.endswith(right) if wanted.end else right in left

    def holds(event: Event) -> bool:
        lefts = [words for each in members(get(event.fields)) if (words := text(each)) is not None]
        rights = [words for each in members(other(event.fields)) if (words := text(each)) is not None]
        return any(same(left, right) for left in lefts for right in rights)

    return holds


def _time_part(field: str, get: Getter, wanted: TimePart, zone: ZoneInfo) -> Test:
    compare = _HOLDS[wanted.operator]

    def holds(event: Event) -> bool:
        if field == TIME_FIELD:
            return compare(_part(to_datetime(event.time).astimezone(zone), wanted.unit), wanted.number)
        moments = (moment_of(each, zone) for each in members(get(event.fields)))
        return any(moment is not None and compare(_part(moment, wanted.unit), wanted.number) for moment in moments)

    return holds


def _part(moment: datetime, unit: str) -> int:
    return moment.isocalendar().week if unit == "week" else int(getattr(moment, unit))


def moment_of(value: Any, zone: ZoneInfo) -> datetime | None:
    """The moment a value stands for, in the zone: ISO 8601 text (without offset: read in the zone) or seconds."""
    number = _number(value)
    try:
        if number is not None:
            return to_datetime(round(number * 1_000_000)).astimezone(zone)
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        if found is None:
            return None
        found = found.replace(tzinfo=zone) if found.tzinfo is None else found
        return to_datetime(from_datetime(found)).astimezone(zone)
    except (ValueError, OverflowError):
        return None

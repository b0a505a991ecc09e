"""Which events are somebody reading somebody else's personal data: the inventory applied to an event.

Entries are tried in order and the first of each system counts. The event gains the `access.*` fields, in place, and the
named groups of the entry's regular expressions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sentinel.clock import Micros
from sentinel.detect.fields import getter, members, single, text
from sentinel.detect.match import AllOf, Item, Node, items, test
from sentinel.detect.pipelines import Pipeline
from sentinel.detect.predicates import Test
from sentinel.detect.regex import compiled
from sentinel.detect.rules import Detection
from sentinel.detect.selections import Reader
from sentinel.detect.unusual.judge import Names
from sentinel.detect.unusual.session import SessionPart
from sentinel.detect.values import ValueRefused, to_number
from sentinel.inventory import AccessEntry, Inventory, System, normalised
from sentinel.model import Event, LogSource
from sentinel.problems import Problem

SYSTEM, DATA, ACTOR, SUBJECT = "access.system", "access.data", "access.actor", "access.subject"
ACTION, RECORDS, BYTES = "access.action", "access.records", "access.bytes"
TRUST = "access.actor_trust"
"""How sure the actor is: `verified`, or `claimed` (what the client said of itself)."""

ACCOUNT = "access.account"
"""The actor as `normalise` leaves it, before the names of one person are joined."""

FIELDS = (SYSTEM, DATA, ACTOR, SUBJECT, ACTION, RECORDS, BYTES, TRUST, ACCOUNT)
"""What only the inventory may set."""

SETTABLE = frozenset({"subject", "actor", "records", "bytes"})
"""Groups and entry keys that set an access field; other groups become fields of the event."""

Groups = dict[str, str]
Capture = Callable[[Event], Groups | None]
"""The named groups of an event, or None where the pattern is not found in it."""


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One way to reach one system's data, ready to be tried on an event. `sets`: what of `SETTABLE` it may set;
    `derived`: the other fields that events gain.
    """

    system: System
    entry: AccessEntry
    node: Node
    derived: tuple[str, ...]
    sets: frozenset[str]
    match: Capture
    sources: tuple[tuple[str, str], ...]

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
    groups = [name for item in capturing for name in _groups_of(item)]
    derived = tuple(name for name in groups if name not in SETTABLE)
    sources = tuple(
        (name, field)
        for name, field in (("subject", entry.subject), ("records", entry.records), ("bytes", entry.bytes))
        if field is not None
    )
    sets = SETTABLE.intersection([*groups, *(name for name, _ in sources)])
    return Entry(system, entry, node, derived, sets, _match(node, capturing), sources)


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
        if plain is None:
            return only
        holds = plain
        return lambda event: only(event) if holds(event) else None
    if not captures:
        nothing: Groups = {}
        return lambda event: nothing if plain is None or plain(event) else None

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
    regex = compiled(str(_pattern(item)), _flags(item))
    search, names = regex.search, regex.groups
    field = str(item.field)
    get = getter(field)

    def found_in(event: Event) -> Any:
        value = event.fields.get(field)
        if type(value) is str:
            return search(value)
        return next(
            (found for each in members(get(event.fields)) if (words := text(each)) and (found := search(words))), None
        )

    if len(names) == 1:
        only = names[0]

        def capture(event: Event) -> Groups | None:
            found = found_in(event)
            if found is None:
                return None
            group = found.group(only)
            return {} if group is None else {only: group}

        return capture

    def capture_all(event: Event) -> Groups | None:
        found = found_in(event)
        return {name: group for name in names if (group := found.group(name)) is not None} if found else None

    return capture_all


def _optional(capture: Capture) -> Capture:
    return lambda event: capture(event) or {}


# --- the access --------------------------------------------------------------------------------------------


MOST_NAMES = 65536
"""Actors whose canonical name is remembered."""

Apply = Callable[[dict[str, Any], Groups, Micros], None]
"""Gives a record's fields the access fields of an entry that holds, at that time."""


@dataclass(frozen=True, slots=True)
class People:
    """What is known of names: the main name of a person, whose a session is at a time, and what learns it."""

    identity: Callable[[str], str] = str
    user_of: Callable[[str, Micros], str | None] = lambda _, __: None
    learner: Callable[[SessionPart, Names], Test] | None = None

    def learners(self, rules: Mapping[int, Detection], names: Pipeline) -> dict[int, Test]:
        """What learns sessions from events that match a rule, by the rule's number."""
        if self.learner is None:
            return {}
        sessions = {number: rule.about.additions.session for number, rule in rules.items()}
        return {
            number: self.learner(session, names.names(rules[number].logsource))
            for number, session in sessions.items()
            if session is not None
        }


NOBODY = People()


Mark = Callable[[Event], tuple[Entry, ...]]
"""Tries entries on an event; those that hold, after the event got their fields."""


class AccessMap:
    """The entries for one source. `mark` gives an event its access fields. With `keeps_accounts` the actor is there as
    the log has it, too.
    """

    def __init__(self, entries: tuple[Entry, ...], people: People, *, keeps_accounts: bool = False) -> None:
        self._entries = entries
        self._apply = [_applier(entry, people, keeps_accounts=keeps_accounts) for entry in entries]

    def marker(self, numbers: tuple[int, ...]) -> Mark | None:
        """`mark` for these entries, as one function; None for no entries."""
        if not numbers:
            return None
        if len(numbers) > 1:
            return partial(self.mark, numbers=numbers)
        entry, apply = self._entries[numbers[0]], self._apply[numbers[0]]
        match, held = entry.match, (entry,)

        def mark(event: Event) -> tuple[Entry, ...]:
            groups = match(event)
            if groups is None:
                return ()
            apply(event.fields, groups, event.time)
            return held

        return mark

    def apart(self, event: Event, held: tuple[Entry, ...]) -> Iterator[dict[str, Any]]:
        """The fields of an event with those of one access alone, for each of the entries that held."""
        others = {name: value for name, value in event.fields.items() if name not in FIELDS}
        for entry in held:
            fields = dict(others)
            self._apply[self._entries.index(entry)](fields, entry.match(event) or {}, event.time)
            yield fields

    def mark(self, event: Event, numbers: tuple[int, ...]) -> tuple[Entry, ...]:
        """Try these entries on the event; those that hold, after the event got their fields."""
        held: tuple[Entry, ...] = ()
        for number in numbers:
            entry = self._entries[number]
            if held and any(entry.system is other.system for other in held):
                continue
            groups = entry.match(event)
            if groups is None:
                continue
            if held:
                values: dict[str, Any] = {}
                self._apply[number](_Overlay(values, event.fields), groups, event.time)
                _join(event.fields, values)
            else:
                self._apply[number](event.fields, groups, event.time)
            held = (*held, entry)
        return held


class _Overlay(dict[str, Any]):
    """Reads what is beneath, writes on top: the fields of a second access before they are joined to the first's."""

    def __init__(self, top: dict[str, Any], beneath: Mapping[str, Any]) -> None:
        super().__init__(beneath)
        self._top = top

    def __setitem__(self, name: str, value: Any) -> None:
        self._top[name] = value
        super().__setitem__(name, value)


class _Names(dict[str, str]):
    """The canonical name of each actor, found out once."""

    def __init__(self, name_of: Callable[[str], str]) -> None:
        super().__init__()
        self._name_of = name_of

    def __missing__(self, actor: str) -> str:
        if len(self) >= MOST_NAMES:
            self.clear()
        known = self[actor] = self._name_of(actor)
        return known


def _namer(
    entry: Entry,
    people: People,
    canonical: Mapping[str, str],
    accounts: Mapping[str, str],
    *,
    keeps_accounts: bool,
) -> Callable[[str, Micros, dict[str, Any]], str] | None:
    """The actor's name where more is to be done than to look it up; None where not."""
    is_session = entry.entry.actor is not None and entry.entry.actor.session
    if not is_session and not keeps_accounts:
        return None

    def named(actor: str, time: Micros, fields: dict[str, Any]) -> str:
        if is_session:
            actor = people.user_of(actor, time) or actor
        if keeps_accounts:
            fields[ACCOUNT] = accounts[actor]
        return canonical[actor]

    return named


def _applier(entry: Entry, people: People, *, keeps_accounts: bool) -> Apply:
    system, action, data = entry.system.name, entry.entry.action, list(entry.entry.data)
    actor_field, normalise = _actor(entry.entry)
    actor_of, canonical = getter(actor_field or ACTOR), _Names(lambda actor: people.identity(normalise(actor)))
    named = _namer(entry, people, canonical, _Names(normalise), keeps_accounts=keeps_accounts)
    sources = tuple(("access." + name, field, getter(field)) for name, field in entry.sources)
    numeric = _numeric(entry)
    trust = entry.entry.actor.trust if entry.entry.actor is not None else "claimed"

    def apply(fields: dict[str, Any], groups: Groups, time: Micros) -> None:
        fields[SYSTEM] = system
        fields[ACTION] = action
        fields[DATA] = data
        for name, field, get in sources:
            value = fields.get(field)
            if type(value) is not str:
                value = single(get(fields))
            if value:
                fields[name] = value
        actor = None
        for name, group in groups.items():
            if name == "actor":
                actor = group
            else:
                fields[_SET.get(name, name)] = group
        if not actor and actor_field is not None:
            actor = fields.get(actor_field)
            if type(actor) is not str:
                actor = single(actor_of(fields))
        if actor:
            fields[ACTOR] = canonical[actor] if named is None else named(actor, time, fields)
            fields[TRUST] = trust
        for name in numeric:
            if name in fields:
                fields[name] = to_number(str(fields[name]))

    return apply


_SET = {"subject": SUBJECT, "records": RECORDS, "bytes": BYTES}


def _numeric(entry: Entry) -> tuple[str, ...]:
    """Which of the access fields that are numbers the entry can set."""
    return tuple(field for name, field in (("records", RECORDS), ("bytes", BYTES)) if name in entry.sets)


def _actor(entry: AccessEntry) -> tuple[str | None, Callable[[str], str]]:
    if entry.actor is None:
        return None, str
    steps = entry.actor.normalise
    return entry.actor.field, partial(normalised, steps=steps) if steps else str


def _join(fields: dict[str, Any], values: Mapping[str, Any]) -> None:
    """A second system in one event: its values stand beside the first one's."""
    for name, value in values.items():
        had = fields.get(name)
        if had is None:
            fields[name] = value
        elif had != value:
            both = [*(had if isinstance(had, list) else [had]), *(value if isinstance(value, list) else [value])]
            fields[name] = list(dict.fromkeys(both))

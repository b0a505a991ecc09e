r"""What the records around a case are known by: the names, addresses and sessions of whoever it is about.

Rules of this file: pure; a trace is personal data and leaves memory only sealed. A trace is found as a word: `kim` is
in `user=kim`, `/srv/kim/` and `CORP\kim`, not in `kimberley`, `kim.smith` or `kim-adm`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

from sentinel import ecs
from sentinel.detect import access
from sentinel.detect.fields import getter, members, text
from sentinel.identities import Identities
from sentinel.inventory import AccessEntry, normalised

Kind = Literal["actor", "address", "session"]

ACTORS: Final = (access.ACTOR, access.ACCOUNT, ecs.USER_NAME, ecs.USER_ID, ecs.USER_EFFECTIVE_NAME, "user.email")
ADDRESSES: Final = (ecs.SOURCE_IP, ecs.SOURCE_ADDRESS, "client.ip", "client.address")
SESSIONS: Final = ("session.id", "user.session.id", "http.session.id", "session_id", "sessionid")
"""Fields whose value is a trace, whichever log they are in."""

MOST: Final = 20
"""Traces of one kind at most; the first that were seen count."""

SHORTEST: Final = 2
"""Letters of a trace that is looked for; a single one stands everywhere."""

_NOBODY: Final = frozenset({"-", "unknown", "anonymous", "null", "none"})


@dataclass(frozen=True, slots=True)
class Trace:
    """One text by which records are found, as the log or the inventory has it."""

    kind: Kind
    text: str


def traces(
    groups: Iterable[tuple[tuple[str, str], ...]],
    actors: Iterable[str],
    records: Iterable[tuple[Mapping[str, Any], Iterable[AccessEntry]]],
    people: Identities,
) -> tuple[Trace, ...]:
    """The traces of a case: its findings' groups and actors, and what its records say of the same actors.

    `records` are the fields of each record that the case rests on, and the inventory entries of its log.
    """
    known = list(actors)
    pairs = [pair for group in groups for pair in group]
    known += [value for name, value in pairs if name in ACTORS]
    found = [Trace("address", value) for name, value in pairs if name in ADDRESSES]
    found += [Trace("session", value) for name, value in pairs if name in SESSIONS]
    whose = {people.resolve(value).lower() for value in known}
    for fields, entries in records:
        found += [Trace("address", value) for name in ADDRESSES for value in _texts(fields, name)]
        found += [Trace("session", value) for name in SESSIONS for value in _texts(fields, name)]
        for entry in entries:
            found += _written(fields, entry, whose, people)
    found += [Trace("actor", value) for value in known]
    found += [Trace("actor", name) for name, person in people.names.items() if person.lower() in whose]
    return _bounded(found)


def _written(fields: Mapping[str, Any], entry: AccessEntry, whose: set[str], people: Identities) -> list[Trace]:
    """The actor as this record writes it, where it is one of those the case is about."""
    if entry.actor is None:
        return []
    values = _texts(fields, entry.actor.field)
    if entry.actor.session:
        return [Trace("session", value) for value in values]
    steps = entry.actor.normalise
    return [
        Trace("actor", value) for value in values if people.resolve(normalised(value, steps=steps)).lower() in whose
    ]


def _texts(fields: Mapping[str, Any], name: str) -> list[str]:
    return [words for each in members(getter(name)(fields)) if (words := text(each))]


def _bounded(found: Iterable[Trace]) -> tuple[Trace, ...]:
    kept: dict[str, dict[str, Trace]] = {}
    for each in found:
        if len(each.text) >= SHORTEST and each.text.lower() not in _NOBODY and not _is_this_machine(each.text):
            kept.setdefault(each.kind, {}).setdefault(each.text.lower(), each)
    return tuple(each for of_kind in kept.values() for each in [*of_kind.values()][:MOST])


def _is_this_machine(value: str) -> bool:
    try:
        address = ip_address(value)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


class Hit(NamedTuple):
    """Where a trace stands in a block."""

    offset: int
    kind: Kind


class Search:
    """Looks for traces in blocks, in whichever of the usual ways they are written there."""

    def __init__(self, wanted: Iterable[Trace]) -> None:
        self._words = [
            (word, each.kind, re.compile(_bounds(each)[0] + re.escape(word) + _bounds(each)[1]))
            for each in wanted
            for word in sorted(_ways(each.text))
        ]

    def hits(self, lowered: bytes) -> list[Hit]:
        """Every place of every trace in a block whose ASCII letters are lower case."""
        found = []
        for word, kind, whole in self._words:
            place = lowered.find(word)
            while place >= 0:
                if whole.match(lowered, place):
                    found.append(Hit(place, kind))
                place = lowered.find(word, place + 1)
        return found


def _bounds(trace: Trace) -> tuple[bytes, bytes]:
    if trace.kind == "address" and ":" in trace.text:
        return rb"(?<![0-9a-f:])", rb"(?![0-9a-f:])"
    return rb"(?<![\w-])(?<!\w\.)", rb"(?![\w-])(?!\.\w)"


def _ways(value: str) -> set[bytes]:
    """The text in UTF-8, with the escapes of JSON and with those of URLs."""
    shapes = {
        shape for text in (value, value.lower()) for shape in (text, json.dumps(text)[1:-1], quote(text, safe=""))
    }
    return {shape.encode("utf-8", "surrogatepass").lower() for shape in shapes}

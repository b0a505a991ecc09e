"""What a log shows, counted record by record in bounded memory: endpoints, fields, who did it, how much was sent.

Rules of this file: values are counted by their hashes and a few are kept as samples, in memory only; a log cannot make
it grow without end, whatever an attacker asks for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sentinel import ecs
from sentinel.clock import Micros
from sentinel.discovery import words
from sentinel.discovery.shapes import Shape, shaper
from sentinel.formats.base import value_text

MOST_ENDPOINTS: Final = 20_000
MOST_FIELDS: Final = 400
MOST_VALUES: Final = 10_000
MOST_SUBJECTS: Final = 20
SAMPLES: Final = 200
DEEPEST: Final = 4


_NESTED: Final = frozenset({dict, list})
_ACTORS: Final = frozenset(words.ACTORS)
_COUNTS: Final = frozenset(words.COUNTS)
_TYPES: Final = frozenset(
    {"content_type", "http.response.mime_type", "res.headers.content-type", "sent_http_content_type", "content-type o"}
)
"""Fields that hold the answer's content type."""


@dataclass(slots=True)
class Values:
    """Different values: how many, up to MOST_VALUES, and some of them."""

    hashes: set[int] = field(default_factory=set)
    samples: dict[str, None] = field(default_factory=dict)

    def add(self, value: str) -> None:
        if len(self.hashes) < MOST_VALUES:
            self.hashes.add(hash(value))
        if len(self.samples) < SAMPLES and len(value) <= 100:
            self.samples[value] = None

    def __len__(self) -> int:
        return len(self.hashes)


@dataclass(slots=True)
class Endpoint:
    """One method and template, or one action, and what its records that went well showed."""

    count: int = 0
    good: int = 0
    covered: int = 0
    bytes: int = 0
    most_bytes: int = 0
    sized: int = 0
    types: set[str] = field(default_factory=set)
    ids: dict[int, Values] = field(default_factory=dict)
    queries: set[str] = field(default_factory=set)
    actors: dict[str, int] = field(default_factory=dict)
    subjects: dict[str, Values] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Field:
    """One field, or one parameter of a query."""

    count: int = 0
    values: Values = field(default_factory=Values)


class Census:
    """The counts of one log. `add` takes its records one by one."""

    def __init__(self) -> None:
        self.records = 0
        self.unparsed = 0
        self.first: Micros | None = None
        self.last: Micros | None = None
        self.endpoints: dict[tuple[str, tuple[str, ...]], Endpoint] = {}
        self.actions: dict[tuple[str, str], Endpoint] = {}
        self.fields: dict[str, Field] = {}
        self.covered = 0
        self.crowded = 0
        self._shape_of = shaper()
        self._noted: dict[str, bool] = {}

    def add(self, fields: dict[str, Any] | None, time: Micros | None, is_covered: bool) -> None:
        """Count a record: its fields, None where no format could read it; whether the inventory has it already."""
        self.records += 1
        if fields is None:
            self.unparsed += 1
            return
        if time is not None:
            self.first = time if self.first is None or time < self.first else self.first
            self.last = time if self.last is None or time > self.last else self.last
        self.covered += is_covered
        is_flat = _NESTED.isdisjoint(map(type, fields.values()))
        flat = fields if is_flat else dict(_flat(fields, 0))
        shape = self._shape(flat)
        endpoint = self._endpoint(flat, shape)
        if endpoint is None:
            return
        endpoint.count += 1
        endpoint.covered += is_covered
        if went_well(flat):
            self._count(endpoint, flat, shape)
            self._note_fields(flat)

    def _shape(self, flat: dict[str, Any]) -> Shape | None:
        path = flat.get(ecs.URL_PATH)
        return self._shape_of(path) if isinstance(path, str) else None

    def _endpoint(self, flat: dict[str, Any], shape: Shape | None) -> Endpoint | None:
        if shape is not None:
            method = str(flat.get(ecs.HTTP_REQUEST_METHOD, "GET")).upper()
            return self._known(self.endpoints, (method if method.isalpha() else "?", shape.segments))
        if ecs.URL_PATH in flat:
            return None
        table = flat.get("db.collection.name")
        if isinstance(table, str):
            return self._known(self.actions, ("db.collection.name", table))
        statement = flat.get("db.query.text")
        if isinstance(statement, str):
            return self._of_statement(statement[:2000], flat)
        for name in words.ACTIONS:
            action = flat.get(name)
            if isinstance(action, str) and 0 < len(action) <= 60:
                return self._known(self.actions, (name, action))
        return self._known(self.actions, ("", ""))

    def _of_statement(self, statement: str, flat: dict[str, Any]) -> Endpoint | None:
        """The table that is read; a database's audit names the class of the statement too."""
        table = words.TABLE_READ.search(statement)
        if table is None or flat.get(ecs.EVENT_CODE, "READ") != "READ":
            return None
        kind = "audited" if ecs.EVENT_CODE in flat else "logged"
        return self._known(self.actions, (f"db.query.text {kind}", table[1].lower()))

    def _known(self, table: dict[Any, Endpoint], key: Any) -> Endpoint | None:
        found = table.get(key)
        if found is None:
            if len(table) >= MOST_ENDPOINTS:
                self.crowded += 1
                return None
            found = table[key] = Endpoint()
        return found

    def _count(self, endpoint: Endpoint, flat: dict[str, Any], shape: Shape | None) -> None:
        endpoint.good += 1
        size = flat.get(ecs.HTTP_RESPONSE_BODY_BYTES, flat.get(ecs.HTTP_RESPONSE_BYTES))
        if isinstance(size, int):
            endpoint.sized += 1
            endpoint.bytes += size
            endpoint.most_bytes = max(size, endpoint.most_bytes)
        for place, value in shape.ids if shape is not None else ():
            endpoint.ids.setdefault(place, Values()).add(value)
        names = flat.keys()
        for name in _ACTORS & names:
            if flat[name] not in (None, "", "-"):
                endpoint.actors[name] = endpoint.actors.get(name, 0) + 1
        for name in _TYPES & names:
            if len(endpoint.types) < SAMPLES:
                endpoint.types.add(str(flat[name])[:80])
        for name in _COUNTS & names:
            if str(flat[name]).isdigit():
                endpoint.counts[name] = endpoint.counts.get(name, 0) + 1
        query = flat.get(ecs.URL_QUERY)
        if isinstance(query, str) and len(endpoint.queries) < 50:
            endpoint.queries.update(each.partition("=")[0] for each in query.split("&")[:20] if len(each) < 200)
        if shape is None:
            self._note_subjects(endpoint, flat)

    def _note_subjects(self, endpoint: Endpoint, flat: dict[str, Any]) -> None:
        for name, value in flat.items():
            text = value_text(value)
            if not text or name in _ACTORS:
                continue
            if name in endpoint.subjects or (len(endpoint.subjects) < MOST_SUBJECTS and words.person_of_name(name)):
                endpoint.subjects.setdefault(name, Values()).add(text)

    def _note_fields(self, flat: dict[str, Any]) -> None:
        noted = self._noted
        for name, value in flat.items():
            if name not in noted and len(noted) < 4 * MOST_FIELDS:
                noted[name] = not name.startswith(words.TRIVIAL)
            if noted.get(name):
                self._note(name, value)
        query = flat.get(ecs.URL_QUERY)
        if isinstance(query, str):
            for each in query.split("&")[:20]:
                name, equals, value = each.partition("=")
                if equals and name.isidentifier():
                    self._note(f"?{name}", value.replace("%40", "@").replace("+", " ").replace("%2B", "+"))

    def _note(self, name: str, value: Any) -> None:
        text = value_text(value)
        if not text or text == "-" or len(name) > 80:
            return
        found = self.fields.get(name)
        if found is None:
            if len(self.fields) >= MOST_FIELDS:
                return
            found = self.fields[name] = Field()
        found.count += 1
        found.values.add(text)


def went_well(flat: dict[str, Any]) -> bool:
    """Data were shown: a status of success, or none and no failure."""
    status = flat.get(ecs.HTTP_RESPONSE_STATUS_CODE)
    if isinstance(status, int):
        return 200 <= status < 300
    return flat.get(ecs.EVENT_OUTCOME, "success") in ("success", "unknown")


def _flat(fields: dict[str, Any], depth: int, above: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        path = above + name
        if isinstance(value, dict):
            if depth < DEEPEST:
                yield from _flat(value, depth + 1, path + ".")
        elif not isinstance(value, list):
            yield path, value

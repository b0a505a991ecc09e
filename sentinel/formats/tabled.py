"""A format made of two halves: how a record is split into named values, and a table of what these mean in ECS.

Nearly every format is this one class with a table of its own. The fields of the table go before those that the record
itself may call so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from sentinel import ecs
from sentinel.clock import Micros
from sentinel.formats.base import FormatError, FormatOptions, Parsed, Parser
from sentinel.formats.meanings import Place, Table, any_of
from sentinel.formats.moments import ReadMoment, moment_reader
from sentinel.formats.times import Moment

Split = Callable[[bytes], dict[str, Any] | None]
"""The values of a record by the names its program writes; None where the record is not of this kind."""

TimeNames = tuple[str | tuple[str, ...], ...]
"""Names that may hold the time, the first that does counts; a tuple is a time written in parts."""


class Splitter(Protocol):
    """How records are written: `inert`, `signs`, `opaque`, `signs_for` and `decode` as a format has them."""

    @property
    def inert(self) -> frozenset[int]: ...

    @property
    def signs(self) -> tuple[bytes, ...]: ...

    @property
    def opaque(self) -> tuple[bytes, ...]: ...

    @property
    def names(self) -> frozenset[str] | None:
        """Every name that a record can have; None where records have names of their own."""

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]: ...

    def decode(self, records: bytes) -> bytes: ...

    def place(self, name: str) -> Place:
        """Where the value of that name stands in the raw record."""

    def reader(self, wanted: frozenset[str] | None) -> Split:
        """Reads at least the values under these names and paths; None means all."""


Get = Callable[[Mapping[str, Any]], Any]
Look = Callable[[str], Get]
"""A function to the value under a name or a path; it gives None where there is none."""


def _under(name: str) -> Get:
    return lambda values: values.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tabled:
    """Records split by `splitter`, in the words of `table`. With `keeps`, what the table does not name stays as it is
    called in the record.
    """

    name: str
    options: FormatOptions
    splitter: Splitter
    table: Table
    time: TimeNames = ()
    keeps: bool = True
    look: Look = _under

    @property
    def inert(self) -> frozenset[int]:
        return self.splitter.inert

    @property
    def signs(self) -> tuple[bytes, ...]:
        return self.splitter.signs

    @property
    def opaque(self) -> tuple[bytes, ...]:
        return self.splitter.opaque

    @property
    def fields(self) -> frozenset[str] | None:
        names = self.splitter.names if self.keeps else frozenset()
        if names is None:
            return None
        return names.union({ecs.MESSAGE}, *(meaning.fields for _, meaning in self.table))

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        return self.splitter.signs_for(patterns)

    def decode(self, records: bytes) -> bytes:
        return self.splitter.decode(records)

    def witness(self, field: str, literal: bytes, at_start: bool, at_end: bool) -> bytes | None:
        found: list[bytes | None] = []
        if field == ecs.MESSAGE:
            # A record that is not of this format has its whole text as message.
            at_start = at_end = False
            found.append(literal)
        for name, meaning in self.table:
            if field in meaning.fields:
                place = self.splitter.place(name)
                found.append(meaning.witness(field, place, literal, at_start=at_start, at_end=at_end))
        names = self.splitter.names
        if self.keeps and (names is None or field in names):
            found.append(self.splitter.place(field).witness(literal, at_start=at_start, at_end=at_end))
        known = [each for each in found if each is not None]
        return any_of(known) if known and len(known) == len(found) else None

    def parser(self, used: frozenset[str] | None) -> Parser:
        # The last row is read first, so that the first one counts.
        rows = [
            (name, self.look(name), meaning.read)
            for name, meaning in reversed(self.table)
            if used is None or not used.isdisjoint(meaning.fields)
        ]
        # Where names are the format's own, what the table has read needs to be there once only.
        dropped = self.splitter.names or frozenset()
        dropped &= {name for name, _ in self.table} | {name for name in self.time if isinstance(name, str)}
        named = self.options.time_field
        times = self.time if named is None else (named,)
        wanted = None if used is None else used.union((name for name, _, _ in rows), _flat(times))
        split, keeps = self.splitter.reader(wanted), self.keeps
        time_of = _time_reader(times, self.look, moment_reader(self.options.timezone))

        def parse(raw: bytes, reference: Micros) -> Parsed | None:
            written = split(raw)
            if written is None:
                return None
            found: dict[str, Any] = {}
            for _, get, read in rows:
                value = get(written)
                if value is not None:
                    read(value, found)
            moment = time_of(written, reference)
            if keeps:
                for name in dropped:
                    written.pop(name, None)
                written.update(found)
                found = written
            return (found, None, 0) if moment is None else (found, *moment)

        return parse


def _flat(names: TimeNames) -> Iterator[str]:
    for name in names:
        yield from (name,) if isinstance(name, str) else name


def _time_reader(
    names: TimeNames, look: Look, read: ReadMoment
) -> Callable[[Mapping[str, Any], Micros], Moment | None]:
    getters = [look(name) if isinstance(name, str) else _joined([look(part) for part in name]) for name in names]

    def time_of(written: Mapping[str, Any], reference: Micros) -> Moment | None:
        for get in getters:
            value = get(written)
            if value is not None and (moment := read(value, reference)) is not None:
                return moment
        return None

    return time_of


def _joined(getters: Sequence[Get]) -> Get:
    def get(values: Mapping[str, Any]) -> str | None:
        parts = [each(values) for each in getters]
        return " ".join(parts) if all(isinstance(part, str) for part in parts) else None

    return get


NO_SETTINGS: Final[frozenset[str]] = frozenset()


def settings_of(name: str, settings: Mapping[str, Any], known: frozenset[str] = NO_SETTINGS) -> Any:
    """What is written under the format's own name. Raises FormatError for a setting that it does not know."""
    for setting in settings.keys() - {name} - known:
        raise FormatError(f"format '{name}' has no setting '{setting}'", f"write `format: {name}`")
    return settings.get(name)

"""Every access of a watch, gathered for the ledger. On the path of every access: it appends, and decides nothing."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from sentinel.accesses import Accesses, Kind
from sentinel.clock import Micros
from sentinel.detect.access import ACTOR, BYTES, RECORDS, SUBJECT, Entry
from sentinel.detect.fields import single
from sentinel.model import Event

MOST_NAMES: Final = 65_536
"""Actors of whom it is remembered that their name was given out."""

LARGEST: Final = (1 << 62) - 1

Held = tuple[Entry, ...]
Apart = Callable[[Event, Held], Iterable[dict[str, Any]]]
"""The fields of each access of an event that is several, in the order of the entries."""

_ODD: Final = -1
"""In place of a kind: accesses to several systems at once."""


class _Actors(dict[str, int]):
    """The keyed hash of each actor; those asked for the first time are in `new`, by hash."""

    def __init__(self, hash_text: Callable[[str], int]) -> None:
        super().__init__()
        self._hash_text = hash_text
        self.new: dict[int, str] = {}

    def __missing__(self, name: str) -> int:
        if len(self) >= MOST_NAMES:
            self.clear()
        known = self[name] = self._hash_text(name)
        self.new[known] = name
        return known


class _Places(dict[Held, int]):
    """The place of the kind of each access among the kinds seen, or _ODD."""

    def __init__(self, place_of: Callable[[Entry], int]) -> None:
        super().__init__()
        self._place_of = place_of

    def __missing__(self, held: Held) -> int:
        place = self[held] = self._place_of(held[0]) if len(held) == 1 else _ODD
        return place


class Gatherer:
    """Accesses since they were last taken."""

    def __init__(self, hash_text: Callable[[str], int]) -> None:
        self.hash_text = hash_text
        self._actors = _Actors(hash_text)
        self._begin()

    def _begin(self) -> None:
        self._kinds: dict[Kind, int] = {}
        self._sized_places: set[int] = set()
        self._places = _Places(self._place_of)
        self._times, self._who, self._whose = array("q"), array("q"), array("q")
        self._what = array("H")
        self._sized, self._sizes, self._records = array("I"), array("q"), array("q")

    def note(self, events: Sequence[Event], held: Sequence[Held], apart: Apart) -> None:
        """These events are accesses, each through the entries that held."""
        # Column by column, each as a list first: that is several times as fast as access by access.
        places = list(map(self._places.__getitem__, held))
        if _ODD in places:
            for event, entries in zip(events, held, strict=True):
                for entry, fields in zip(entries, self._each(event, entries, apart), strict=True):
                    self._note([event.time], [self._place_of(entry)], [fields])
        else:
            self._note([event.time for event in events], places, [event.fields for event in events])

    @staticmethod
    def _each(event: Event, held: Held, apart: Apart) -> Iterable[dict[str, Any]]:
        return (event.fields,) if len(held) == 1 else apart(event, held)

    def _note(self, times: list[Micros], places: list[int], fields: list[dict[str, Any]]) -> None:
        hash_text, actors = self.hash_text, self._actors
        who = [
            actors[name] if type(name) is str else self._actor(name) for name in [each.get(ACTOR) for each in fields]
        ]
        whose = [
            hash_text(name) if type(name) is str else self._subject(name)
            for name in [each.get(SUBJECT) for each in fields]
        ]
        if not self._sized_places.isdisjoint(places):
            self._note_sizes(fields)
        self._times.fromlist(times)
        self._what.fromlist(places)
        self._who.fromlist(who)
        self._whose.fromlist(whose)

    def _note_sizes(self, fields: list[dict[str, Any]]) -> None:
        for number, each in enumerate(fields, len(self._times)):
            size, records = _count(each.get(BYTES)), _count(each.get(RECORDS))
            if size or records:
                self._sized.append(number)
                self._sizes.append(size)
                self._records.append(records)

    def _actor(self, value: Any) -> int:
        name = single(value)
        return self._actors[name] if name else 0

    def _subject(self, value: Any) -> int:
        name = single(value)
        return self.hash_text(name) if name else 0

    def _place_of(self, entry: Entry) -> int:
        kind = Kind(entry.system.name, entry.entry.action, tuple(entry.entry.data))
        place = self._kinds.setdefault(kind, len(self._kinds))
        if {"records", "bytes"} & entry.sets:
            self._sized_places.add(place)
        return place

    def take(self, latest: Micros) -> Accesses | None:
        """What was gathered; None for nothing. A time later than `latest` is taken for that one: a record that is
        dated into the future must not be kept until then.
        """
        if not self._times:
            return None
        if max(self._times) > latest:
            self._times = array("q", [min(time, latest) for time in self._times])
        taken = Accesses(
            times=self._times,
            actors=self._who,
            subjects=self._whose,
            places=self._what,
            sized=self._sized,
            sizes=self._sizes,
            records=self._records,
            kinds=tuple(self._kinds),
            names=self._actors.new,
        )
        self._actors.new = {}
        self._begin()
        return taken


def _count(value: Any) -> int:
    return min(max(int(value), 0), LARGEST) if isinstance(value, int | float) and value == value else 0  # noqa: PLR0124  (not a number is no count)

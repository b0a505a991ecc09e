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
"""In place of a kind: accesses to several systems at once, or with sizes."""


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
    """The place of the kind of each access among the kinds seen, or _ODD where more is to be done than to look."""

    def __init__(self, place_of: Callable[[Entry], int]) -> None:
        super().__init__()
        self._place_of = place_of

    def __missing__(self, held: Held) -> int:
        is_plain = len(held) == 1 and not {"records", "bytes"} & held[0].sets
        place = self[held] = self._place_of(held[0]) if is_plain else _ODD
        return place


class Gatherer:
    """Accesses since they were last taken."""

    def __init__(self, hash_text: Callable[[str], int]) -> None:
        self.hash_text = hash_text
        self._actors = _Actors(hash_text)
        self._begin()

    def _begin(self) -> None:
        self._kinds: dict[Kind, int] = {}
        self._places = _Places(self._place_of)
        self._times, self._who, self._whose = array("q"), array("q"), array("q")
        self._what = array("H")
        self._sized, self._sizes, self._records = array("I"), array("q"), array("q")

    def note(self, events: Sequence[Event], held: Sequence[Held], apart: Apart) -> None:
        """These events are accesses, each through the entries that held."""
        hash_text, actors, places = self.hash_text, self._actors, self._places
        add_time, add_place = self._times.append, self._what.append
        add_actor, add_subject = self._who.append, self._whose.append
        for event, entries in zip(events, held, strict=True):
            place = places[entries]
            if place < 0:
                self._note_odd(event, entries, apart)
                continue
            fields = event.fields
            actor, subject = fields.get(ACTOR), fields.get(SUBJECT)
            add_time(event.time)
            add_place(place)
            add_actor(actors[actor] if type(actor) is str else self._hash(actor))
            add_subject(hash_text(subject) if type(subject) is str else self._hash(subject))

    def _note_odd(self, event: Event, held: Held, apart: Apart) -> None:
        several = (event.fields,) if len(held) == 1 else apart(event, held)
        for entry, fields in zip(held, several, strict=True):
            size, records = _count(fields.get(BYTES)), _count(fields.get(RECORDS))
            if size or records:
                self._sized.append(len(self._times))
                self._sizes.append(size)
                self._records.append(records)
            actor = single(fields.get(ACTOR))
            self._times.append(event.time)
            self._what.append(self._place_of(entry))
            self._who.append(self._actors[actor] if actor else 0)
            self._whose.append(self._hash(fields.get(SUBJECT)))

    def _hash(self, value: Any) -> int:
        words = single(value)
        return self.hash_text(words) if words else 0

    def _place_of(self, entry: Entry) -> int:
        kind = Kind(entry.system.name, entry.entry.action, tuple(entry.entry.data))
        return self._kinds.setdefault(kind, len(self._kinds))

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

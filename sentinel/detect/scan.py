"""Scan first: one Hyperscan call over a block finds the records that some rule could match; only these are parsed.

Rules of this file: patterns are hex-escaped and compiled through the regex interface, without regard to case; hits are
sorted before they are grouped, because their order is not promised; SINGLEMATCH is never used, because it means once a
block; one scratch a thread, which here is one scanner, used by the main loop alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import hyperscan

from sentinel.detect.witness import Choice, cheapest, guess, patterns
from sentinel.formats.base import Format

Key = int | frozenset[int]
"""Which patterns a record was hit by: one number, or several."""

NOTHING: Key = frozenset()
_SHIFT = 24
_MASK = (1 << _SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Share:
    """What scanning a sample told of one target: records hit of those scanned, and whether it can be scanned for."""

    hits: int
    records: int
    has_witness: bool


class Scanner:
    """The records of one source that may match. Targets are numbered as the choices given."""

    def __init__(self, log: Format, choices: Sequence[Choice]) -> None:
        self._log = log
        self._choices = choices
        self._shares: list[Share] = []
        self._compile([cheapest(each, guess) for each in choices])

    @property
    def always(self) -> tuple[int, ...]:
        """Targets without a witness: every record is tried for them."""
        return self._always

    def tune(self, sample: bytes) -> list[Share]:
        """Choose the witnesses by their frequency in a sample of whole records; say what each target costs there."""
        known = sorted({pattern for each in self._choices for pattern in patterns(each)})
        counts = dict.fromkeys(known, 0)
        database = _database(known)
        if database is not None:
            for end_and_id in _hits(database, sample):
                counts[known[end_and_id & _MASK]] += 1
        best = [cheapest(each, lambda pattern: counts[pattern] + guess(pattern) / 1e6) for each in self._choices]
        self._compile(best)
        records = sample.count(b"\n")
        return [
            Share(records, records, has_witness=False)
            if each is None
            else Share(sum(counts[pattern] for pattern in each[1]), records, has_witness=True)
            for each in best
        ]

    def _compile(self, best: Sequence[tuple[float, frozenset[bytes]] | None]) -> None:
        watched: dict[bytes, list[int]] = {}
        for target, found in enumerate(best):
            for pattern in found[1] if found is not None else ():
                watched.setdefault(pattern, []).append(target)
        everything = tuple(range(len(best)))
        self._always = tuple(target for target, found in enumerate(best) if found is None)
        names = sorted(watched)
        self._targets: list[tuple[int, ...]] = [tuple(watched[name]) for name in names]
        self._opaque = len(names)
        names += self._log.opaque
        self._targets += [everything] * len(self._log.opaque)
        self._signs = len(names)
        names += self._log.signs
        self._database = _database(names if self._opaque or self._always else [])

    def targets(self, key: Key) -> tuple[int, ...]:
        """The targets that a record with these hits may match, in order."""
        ids = (key,) if isinstance(key, int) else key
        return tuple(sorted({*self._always, *(target for each in ids for target in self._targets[each])}))

    def candidates(self, data: bytes, starts: Sequence[int] | None = None) -> Iterator[tuple[int, int, Key]]:
        """The records that may match: start, end (without newline) and hits, in the order they stand in the block."""
        found = _grouped(self._scan(data), data) if starts is None else _grouped_by(self._scan(data), data, starts)
        signs = self._signs
        plain = {place: ids for place, ids in found.items() if max(ids) < signs}
        marked = [place for place, ids in found.items() if max(ids) >= signs]
        if marked:
            plain |= self._decoded(data, marked, found)
        if self._always:
            for place in records(data, starts):
                plain.setdefault(place, [])
        for place in sorted(plain):
            ids = plain[place]
            yield *place, ids[0] if len(ids) == 1 else frozenset(ids)

    def _scan(self, data: bytes) -> list[int]:
        return _hits(self._database, data) if self._database is not None else []

    def _decoded(
        self, data: bytes, marked: list[tuple[int, int]], found: dict[tuple[int, int], list[int]]
    ) -> dict[tuple[int, int], list[int]]:
        """The marked records as they look decoded, all scanned in one call."""
        text = self._log.decode(b"".join(data[start:end].replace(b"\n", b" ") + b"\n" for start, end in marked))
        again = _grouped(self._scan(text), text)
        lines = {place: number for number, place in enumerate(records(text, None))}
        more = {marked[lines[place]]: ids for place, ids in again.items()}
        hits = {
            place: [each for each in {*found[place], *more.get(place, ())} if each < self._signs] for place in marked
        }
        return {place: ids for place, ids in hits.items() if ids}


def _database(names: Sequence[bytes]) -> hyperscan.Database | None:
    if not names:
        return None
    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_CASELESS
    database.compile(expressions=list(names), ids=list(range(len(names))), elements=len(names), flags=flags)
    return database


def _hits(database: hyperscan.Database, data: bytes) -> list[int]:
    """The ends of all hits and their patterns, one number each, sorted."""
    found: list[int] = []
    add = found.append

    def hit(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        add(end << _SHIFT | number)

    database.scan(data, match_event_handler=hit)
    found.sort()
    return found


def _grouped(hits: list[int], data: bytes) -> dict[tuple[int, int], list[int]]:
    """Hits by the line they are in. No pattern matches a newline, so a hit is in one line."""
    groups: dict[tuple[int, int], list[int]] = {}
    line_end = -1
    ids: list[int] = []
    for each in hits:
        end = each >> _SHIFT
        number = each & _MASK
        if end <= line_end:
            if number not in ids:
                ids.append(number)
            continue
        start = data.rfind(b"\n", 0, end) + 1
        line_end = data.find(b"\n", end)
        if line_end < 0:
            line_end = len(data)
        ids = [number]
        groups[start, line_end] = ids
    return groups


def _grouped_by(hits: list[int], data: bytes, starts: Sequence[int]) -> dict[tuple[int, int], list[int]]:
    """Hits by the record they are in, where records may have several lines."""
    groups: dict[tuple[int, int], list[int]] = {}
    places = records(data, starts)
    place = next(places, (0, 0))
    for each in hits:
        while place[1] < each >> _SHIFT:
            place = next(places)
        ids = groups.setdefault(place, [])
        if each & _MASK not in ids:
            ids.append(each & _MASK)
    return groups


def records(data: bytes, starts: Sequence[int] | None) -> Iterator[tuple[int, int]]:
    """Start and end (without newline) of every record."""
    if starts is not None:
        for place, start in enumerate(starts):
            following = starts[place + 1] if place + 1 < len(starts) else len(data)
            yield start, following - 1 if data[following - 1 : following] == b"\n" else following
        return
    start = 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        yield start, end
        start = end + 1

"""Scan first: one Hyperscan call over a block finds the records that some rule could match; only these are parsed.

Rules of this file: patterns are hex-escaped and compiled through the regex interface, without regard to case; hits are
sorted before they are grouped, because their order is not promised; SINGLEMATCH is never used, because it means once a
block; one scratch a thread, which here is one scanner, used by the main loop alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate

import hyperscan

from sentinel.detect.witness import Choice, cheapest, guess, patterns
from sentinel.formats.base import Format

Key = int | frozenset[int]
"""Which patterns a record was hit by: one number, or several."""

NOTHING: Key = frozenset()
MOSTLY = 4
"""One record in so many with a sign (of records of 256 bytes) makes decoding whole blocks the cheaper way."""

BLOCKS = 64
"""For so many blocks, before the records with a sign are counted again."""

Hits = dict[tuple[int, int], list[int]]
"""The patterns that hit each record, by its start and end."""

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
        self._decode_whole = 0
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
        names = names if self._opaque or self._always else []
        self._database = _database(names)
        self._unsigned = _database(names[: self._signs])

    def targets(self, key: Key) -> tuple[int, ...]:
        """The targets that a record with these hits may match, in order."""
        ids = (key,) if isinstance(key, int) else key
        return tuple(sorted({*self._always, *(target for each in ids for target in self._targets[each])}))

    def candidates(self, data: bytes, starts: Sequence[int] | None = None) -> Iterator[tuple[int, int, Key]]:
        """The records that may match: start, end (without newline) and hits, in the order they stand in the block."""
        if starts is None and self._decode_whole > 0:
            self._decode_whole -= 1
            plain = self._both(data)
        else:
            plain = self._each(data, starts)
        if self._always:
            for place in records(data, starts):
                plain.setdefault(place, [])
        for place in sorted(plain):
            ids = plain[place]
            yield *place, ids[0] if len(ids) == 1 else frozenset(ids)

    def _each(self, data: bytes, starts: Sequence[int] | None) -> Hits:
        """The block scanned, and the records in it that carry a sign scanned again as they look decoded."""
        hits = _hits(self._database, data)
        found = _grouped(hits, data) if starts is None else _grouped_by(hits, data, starts)
        signs = self._signs
        plain = {place: ids for place, ids in found.items() if max(ids) < signs}
        marked = [place for place, ids in found.items() if max(ids) >= signs]
        if marked:
            text = self._log.decode(b"".join(data[start:end].replace(b"\n", b" ") + b"\n" for start, end in marked))
            again = self._by_line(text, marked)
            for place in marked:
                ids = {each for each in found[place] if each < signs}.union(again.get(place, ()))
                if ids:
                    plain[place] = list(ids)
            if len(marked) * MOSTLY > len(data) // 256:
                self._decode_whole = BLOCKS
        return plain

    def _both(self, data: bytes) -> Hits:
        """The block scanned as it is and decoded as a whole: cheaper where most records carry a sign."""
        plain = _grouped(_hits(self._unsigned, data), data)
        text = self._log.decode(data)
        for place, ids in self._by_line(text, _Lines(data)).items():
            plain[place] = list({*plain.get(place, ()), *ids})
        return plain

    def _by_line(self, text: bytes, places: Sequence[tuple[int, int]] | _Lines) -> Hits:
        """Hits in decoded records, by the places of the same records as they were."""
        found = _grouped(_hits(self._unsigned, text), text)
        lines = _Lines(text) if found else None
        return {places[lines.number(start)]: ids for (start, _), ids in found.items()} if lines else {}


class _Lines:
    """The lines of a block by their number."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._starts = list(accumulate(map(len, BytesIO(data).readlines()), initial=0))

    def number(self, start: int) -> int:
        """The number of the line that begins there."""
        return bisect_left(self._starts, start)

    def __getitem__(self, number: int) -> tuple[int, int]:
        """Start and end, without its newline, of a line."""
        end = self._starts[number + 1]
        return self._starts[number], end - 1 if self._data[end - 1] == 10 else end


def _database(names: Sequence[bytes]) -> hyperscan.Database | None:
    if not names:
        return None
    database = hyperscan.Database()
    flags = hyperscan.HS_FLAG_CASELESS
    database.compile(expressions=list(names), ids=list(range(len(names))), elements=len(names), flags=flags)
    return database


def _hits(database: hyperscan.Database | None, data: bytes) -> list[int]:
    """The ends of all hits and their patterns, one number each, sorted."""
    found: list[int] = []
    if database is None:
        return found
    add = found.append

    def hit(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        add(end << _SHIFT | number)

    database.scan(data, match_event_handler=hit)
    found.sort()
    return found


def _grouped(hits: list[int], data: bytes) -> Hits:
    """Hits by the line they are in. No pattern matches a newline, so a hit is in one line."""
    groups: Hits = {}
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


def _grouped_by(hits: list[int], data: bytes, starts: Sequence[int]) -> Hits:
    """Hits by the record they are in, where records may have several lines."""
    groups: Hits = {}
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
    for line in BytesIO(data):
        end = start + len(line)
        yield start, end - 1 if line.endswith(b"\n") else end
        start = end

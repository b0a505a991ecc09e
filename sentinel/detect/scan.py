"""Scan first: one Hyperscan call over a block finds the records that some rule could match; only these are parsed.

Rules of this file: patterns are hex-escaped and compiled through the regex interface, without regard to case; hits are
sorted before they are grouped, because their order is not promised; SINGLEMATCH is never used, because it means once a
block; one scratch a thread, which here is one scanner, used by the main loop alone.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate

import hyperscan

from sentinel.detect.witness import Choice, cheapest, ends, guess, is_plain, patterns, shortened
from sentinel.formats.base import Format

Key = int
"""Which patterns a record was hit by: a bit for each."""

Candidate = tuple[int, int, Key]
"""Start and end (without newline) of a record in its block, and what it was hit by."""

MOSTLY = 4
"""One record in so many with a sign (of records of 256 bytes) makes decoding whole blocks the cheaper way."""

BLOCKS = 64
"""For so many blocks, before the records with a sign are counted again, or witnesses are chosen again."""

ENGINE_COST = 0.01
"""What a pattern that is no plain text costs: as much as so many candidates a record scanned."""

RISEN = 4
"""So many times the candidates that the sample promised, and the witnesses are chosen again."""

MANY = 64
"""From so many patterns on it matters with which bytes they end."""

LEAST = 1000
"""So few records say nothing of a log."""

Watched = tuple[float, frozenset[bytes]]
"""What watching for some patterns costs, and these."""

_AS_IT_IS: Mapping[bytes, bytes] = {}
_SHIFT = 24
_MASK = (1 << _SHIFT) - 1


@dataclass(frozen=True, slots=True)
class Share:
    """What scanning a sample told of one target: records hit of those scanned, and whether it can be scanned for."""

    hits: int
    records: int
    has_witness: bool


@dataclass(slots=True)
class _Recent:
    """What the last blocks came to."""

    blocks: int = 0
    records: int = 0
    candidates: int = 0


Compiled = dict[tuple[bytes, ...], hyperscan.Database]
"""Databases by their patterns, for scanners of one thread that share them: one cannot be searched in by two at once."""


class Scanner:
    """The records of one source that may match. Targets are numbered as the choices given."""

    def __init__(self, log: Format, choices: Sequence[Choice], compiled: Compiled | None = None) -> None:
        self._log = log
        self._compiled = compiled
        self._choices = choices
        self._decode_whole = 0
        self._promised = 1.0
        self._recent = _Recent()
        self._compile([cheapest(each, guess) for each in choices])

    @property
    def always(self) -> tuple[int, ...]:
        """Targets without a witness: every record is tried for them."""
        return self._always

    def tune(self, sample: bytes) -> list[Share]:
        """Choose the witnesses by their frequency in a sample of whole records; say what each target costs there."""
        known = sorted({pattern for each in self._choices for pattern in patterns(each)})
        counts = dict.fromkeys(known, 0)
        for end_and_id in _Database(known, self._compiled).hits(sample):
            counts[known[end_and_id & _MASK]] += 1
        records = sample.count(b"\n")
        engine = records * ENGINE_COST

        def cost(pattern: bytes) -> float:
            return counts[pattern] + (0 if is_plain(pattern) else engine) + guess(pattern) / 1e6

        best = [cheapest(each, cost) for each in self._choices]
        self._compile(best, _shortening(best, sample))
        self._decode_whole = 0
        self._recent = _Recent()
        watched = {pattern for each in best if each is not None for pattern in each[1]}
        self._promised = 1.0 if self._always else sum(counts[each] for each in watched) / max(1, records)
        return [
            Share(records, records, has_witness=False)
            if each is None
            else Share(sum(counts[pattern] for pattern in each[1]), records, has_witness=True)
            for each in best
        ]

    def _compile(self, best: Sequence[Watched | None], shorter: Mapping[bytes, bytes] = _AS_IT_IS) -> None:
        watched: dict[bytes, list[int]] = {}
        for target, found in enumerate(best):
            for pattern in found[1] if found is not None else ():
                watched.setdefault(shorter.get(pattern, pattern), []).append(target)
        everything = tuple(range(len(best)))
        self._always = tuple(target for target, found in enumerate(best) if found is None)
        names = sorted(watched)
        self._targets: list[tuple[int, ...]] = [tuple(watched[name]) for name in names]
        self._targets += [everything] * len(self._log.opaque)
        plain, hidden = self._log.signs_for(names)
        watches = bool(names) or bool(self._always)
        names += self._log.opaque
        self._first_sign = 1 << len(names)
        names = [*names, *plain, *hidden] if watches else []
        self._database = _Database(names, self._compiled)
        self._ordinary = _Database(names[: len(names) - len(hidden)], self._compiled) if hidden else self._database
        self._unsigned = _Database(names[: len(self._targets)], self._compiled)
        self._bits = [1 << number for number in range(len(names))]

    def targets(self, key: Key) -> tuple[int, ...]:
        """The targets that a record with these hits may match, in order."""
        hit = (target for number, each in enumerate(self._targets) if key >> number & 1 for target in each)
        return tuple(sorted({*self._always, *hit}))

    def candidates(self, data: bytes, starts: Sequence[int] | None = None) -> list[Candidate]:
        """The records that may match, in the order they stand in the block. None is empty."""
        if starts is None and self._decode_whole > 0:
            self._decode_whole -= 1
            found = self._both(data)
        else:
            found = self._each(data, starts)
        if self._always:
            keys = {start: key for start, _, key in found}
            return [(start, end, keys.get(start, 0)) for start, end in records(data, starts) if end > start]
        return found

    def note(self, scanned: int, candidates: int) -> bool:
        """Count a block's records; say whether far more are candidates now than the sample promised.

        Asked of the last BLOCKS blocks at least, so that witnesses are not chosen again more often than that.
        """
        recent = self._recent
        recent.blocks += 1
        recent.records += scanned
        recent.candidates += candidates
        if recent.blocks < BLOCKS or recent.records < LEAST:
            return False
        self._recent = _Recent()
        return recent.candidates > recent.records * (RISEN * self._promised + ENGINE_COST)

    def _each(self, data: bytes, starts: Sequence[int] | None) -> list[Candidate]:
        """The block scanned, and the records in it that carry a sign scanned again as they look decoded."""
        # In a block of plain ASCII without a backslash most signs cannot be: two looks at all bytes cost less.
        is_ordinary = data.isascii() and b"\\" not in data
        hits = (self._ordinary if is_ordinary else self._database).hits(data)
        bits = self._bits
        found = _grouped(hits, data, bits) if starts is None else _grouped_by(hits, data, starts, bits)
        first_sign = self._first_sign
        marked = [each for each in found if each[2] >= first_sign]
        if not marked:
            return found
        if len(marked) * MOSTLY > len(data) // 256:
            self._decode_whole = BLOCKS
        again = self._decoded(
            b"".join(data[start:end].replace(b"\n", b" ") + b"\n" for start, end, _ in marked),
            [start for start, _, _ in marked],
        )
        low = first_sign - 1
        found = [(start, end, key & low | again.get(start, 0)) for start, end, key in found]
        return [each for each in found if each[2]]

    def _both(self, data: bytes) -> list[Candidate]:
        """The block scanned as it is and decoded as a whole: cheaper where most records carry a sign."""
        found = {each[0]: each for each in _grouped(self._unsigned.hits(data), data, self._bits)}
        lines = _line_starts(data)
        for start, key in self._decoded(data, lines).items():
            if start in found:
                found[start] = (*found[start][:2], found[start][2] | key)
            else:
                end = data.find(b"\n", start)
                found[start] = (start, end if end >= 0 else len(data), key)
        return [found[start] for start in sorted(found)]

    def _decoded(self, lines: bytes, places: Sequence[int]) -> dict[int, Key]:
        """Hits in the lines decoded, by the places where the records begin in their block."""
        text = self._log.decode(lines)
        found = _grouped(self._unsigned.hits(text), text, self._bits)
        starts = _line_starts(text) if found else []
        return {places[bisect_left(starts, start)]: key for start, _, key in found}


def _line_starts(data: bytes) -> list[int]:
    return list(accumulate(map(len, BytesIO(data).readlines()), initial=0))


def _shortening(best: Sequence[Watched | None], sample: bytes) -> Mapping[bytes, bytes]:
    """What to search for instead of each pattern, where they are many."""
    watched = {pattern for each in best if each is not None for pattern in each[1]}
    if len(watched) < MANY:
        return _AS_IT_IS
    folded = sample.lower()
    known = ends(folded)
    return {pattern: shortened(pattern, folded, known) for pattern in watched}


class _Database:
    """Patterns, compiled when they are first searched for: thousands take half a second."""

    def __init__(self, names: Sequence[bytes], shared: Compiled | None = None) -> None:
        self._names = tuple(names)
        self._shared = {} if shared is None else shared

    def hits(self, data: bytes) -> list[int]:
        """The ends of all hits and their patterns, one number each, sorted."""
        found: list[int] = []
        if not self._names:
            return found
        compiled = self._shared.get(self._names)
        if compiled is None:
            compiled = self._shared[self._names] = _compiled(self._names)
        add = found.append

        def hit(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            add(end << _SHIFT | number)

        compiled.scan(data, match_event_handler=hit)
        found.sort()
        return found


def _compiled(names: Sequence[bytes]) -> hyperscan.Database:
    made = hyperscan.Database()
    ids = list(range(len(names)))
    made.compile(expressions=list(names), ids=ids, elements=len(ids), flags=hyperscan.HS_FLAG_CASELESS)
    return made


def _grouped(hits: list[int], data: bytes, bits: list[Key]) -> list[Candidate]:
    """Hits by the line they are in. No pattern matches a newline, so a hit is in one line."""
    found: list[Candidate] = []
    start, line_end, key = 0, -1, 0
    for each in hits:
        end = each >> _SHIFT
        if end <= line_end:
            key |= bits[each & _MASK]
            continue
        if key:
            found.append((start, line_end, key))
        start = data.rfind(b"\n", 0, end) + 1
        line_end = data.find(b"\n", end)
        if line_end < 0:
            line_end = len(data)
        key = bits[each & _MASK]
    if key:
        found.append((start, line_end, key))
    return found


def _grouped_by(hits: list[int], data: bytes, starts: Sequence[int], bits: list[Key]) -> list[Candidate]:
    """Hits by the record they are in, where records may have several lines."""
    keys: dict[tuple[int, int], Key] = {}
    places = records(data, starts)
    place = next(places, (0, 0))
    for each in hits:
        while place[1] < each >> _SHIFT:
            place = next(places)
        keys[place] = keys.get(place, 0) | bits[each & _MASK]
    return [(*place, key) for place, key in keys.items()]


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

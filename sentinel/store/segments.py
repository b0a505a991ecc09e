"""Files of many accesses, made to be asked: by a few actors, or by thousands of data subjects, in milliseconds.

Rules of this file: a segment never changes once it is written; it is mapped into memory, and only what is asked for is
touched. Accesses are in the order of their subjects, with an index by actor. Numbers are in the byte order of the
machine. It holds keyed hashes, times, and numbers of kinds, nothing else.
"""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from sentinel.clock import Micros
from sentinel.store.connection import sync
from sentinel.store.errors import StoreDamaged

Column = NDArray[Any]

_MAGIC: Final = int.from_bytes(b"ledger-1", "little")
_HEADER: Final = 64
"""Bytes of the header: eight numbers of 64 bits."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Accesses as columns of equal length, in no promised order. `kinds` are numbers of kinds in the database; `sizes`
    (bytes) and `records` are 0 where the log does not say.
    """

    actors: Column
    subjects: Column
    times: Column
    kinds: Column
    sizes: Column
    records: Column

    def __len__(self) -> int:
        return len(self.times)

    def where(self, chosen: Column) -> Rows:
        """Those that a mask, or their places, choose."""
        return Rows(*(getattr(self, each.name)[chosen] for each in fields(self)))

    def between(self, since: Micros, until: Micros) -> Rows:
        """Those from `since` until before `until`."""
        return self.where((self.times >= since) & (self.times < until))


def joined(parts: Iterable[Rows]) -> Rows:
    """All of them one after the other."""
    known = [NOTHING, *parts]
    return Rows(*(np.concatenate([getattr(part, each.name) for part in known]) for each in fields(Rows)))


NOTHING: Final = Rows(*(np.zeros(0, kind) for kind in (np.int64, np.int64, np.int64, np.uint16, np.int64, np.int64)))


def is_among(values: Column, chosen: Column) -> Column:
    """Which of the values are among the chosen ones, which are in order and each there once."""
    if not len(chosen):
        return np.zeros(len(values), bool)
    places = np.minimum(np.searchsorted(chosen, values), len(chosen) - 1)
    found: Column = chosen[places] == values
    return found


@dataclass(frozen=True, slots=True)
class _Shape:
    """The header of a file: what there is of everything, and how times are written: `base` + n * `unit`."""

    magic: int
    accesses: int
    actors: int
    subjects: int
    sized: int
    base: Micros
    unit: Micros
    wide: int

    def columns(self) -> list[tuple[str, np.dtype[Any], int]]:
        """Name, type and length of each column of the file, in order: the widest first, so that each is aligned."""
        found = [
            ("actors", np.int64, self.actors),
            ("actor_ends", np.uint32, self.actors),
            ("subjects", np.int64, self.subjects),
            ("subject_ends", np.uint32, self.subjects),
            ("sized", np.uint32, self.sized),
            ("sizes", np.int64, self.sized),
            ("records", np.int64, self.sized),
            ("times", np.int64 if self.wide else np.uint32, self.accesses),
            ("by_actor", np.uint32, self.accesses),
            ("codes", np.uint16 if self.actors <= 1 << 16 else np.uint32, self.accesses),
            ("kinds", np.uint16, self.accesses),
        ]
        return sorted(((name, np.dtype(kind), count) for name, kind, count in found), key=lambda it: -it[1].itemsize)

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return _HEADER + sum(kind.itemsize * count for _, kind, count in self.columns())


# --- writing ---------------------------------------------------------------------------------------------------


def packed(rows: Rows) -> bytes:
    """The accesses, of which there is at least one, as the content of a file."""
    rows = rows.where(np.argsort(rows.subjects, kind="stable"))
    begins = np.flatnonzero(np.append(True, rows.subjects[1:] != rows.subjects[:-1]))
    actors, codes = np.unique(rows.actors, return_inverse=True)
    sized = np.flatnonzero(rows.sizes | rows.records)
    base = int(rows.times.min())
    times = rows.times - base
    unit = int(np.gcd.reduce(times)) or 1
    times //= unit
    wide = int(times.max()) >= 1 << 32
    shape = _Shape(_MAGIC, len(rows), len(actors), len(begins), len(sized), base, unit, int(wide))
    values = {
        "actors": actors,
        "actor_ends": np.cumsum(np.bincount(codes)),
        "subjects": rows.subjects[begins],
        "subject_ends": np.append(begins[1:], len(rows)),
        "sized": sized,
        "sizes": rows.sizes[sized],
        "records": rows.records[sized],
        "times": times,
        "by_actor": np.argsort(codes, kind="stable"),
        "codes": codes,
        "kinds": rows.kinds,
    }
    header = np.array([getattr(shape, each.name) for each in fields(shape)], np.int64)
    return b"".join([header.tobytes(), *(values[name].astype(kind).tobytes() for name, kind, _ in shape.columns())])


def write(path: Path, content: bytes) -> None:
    """The content is on disk under that new name, mode 0600, when this returns."""
    draft = path.with_suffix(".part")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync(path.parent)


# --- reading ---------------------------------------------------------------------------------------------------


class Segment:
    """One file, mapped. Raises FileNotFoundError, and StoreDamaged for one that is not whole."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if size >= _HEADER else None
        shape = None if mapped is None else _Shape(*np.frombuffer(mapped, np.int64, len(fields(_Shape))).tolist())
        if mapped is None or shape is None or shape.magic != _MAGIC or shape.size != size:
            raise StoreDamaged(f"the segment '{path.name}' of the ledger is damaged")
        columns, place = {}, _HEADER
        for name, kind, count in shape.columns():
            columns[name] = np.frombuffer(mapped, kind, count, place)
            place += kind.itemsize * count
        self._base, self._unit = shape.base, shape.unit
        self.actors, self.subjects = columns["actors"], columns["subjects"]
        self._columns = columns

    def __len__(self) -> int:
        return len(self._columns["times"])

    def all(self) -> Rows:
        """Every access."""
        return self._rows(np.arange(len(self)))

    def of_actors(self, actors: Column) -> Rows:
        """The accesses of these actors, which are in order and each there once."""
        return self._rows(self._columns["by_actor"][_ranges(self.actors, self._columns["actor_ends"], actors)])

    def of_subjects(self, subjects: Column) -> Rows:
        """The accesses to data of these subjects, which are in order and each there once."""
        return self._rows(_ranges(self.subjects, self._columns["subject_ends"], subjects))

    def holds(self, actors: Column, subjects: Column) -> bool:
        """Whether one of these actors or subjects is in it."""
        return bool(is_among(actors, self.actors).any() or is_among(subjects, self.subjects).any())

    def _rows(self, places: Column) -> Rows:
        columns = self._columns
        sizes, records = np.zeros(len(places), np.int64), np.zeros(len(places), np.int64)
        sized = columns["sized"]
        if len(sized):
            at = np.minimum(np.searchsorted(sized, places), len(sized) - 1)
            is_sized = sized[at] == places
            sizes[is_sized], records[is_sized] = columns["sizes"][at[is_sized]], columns["records"][at[is_sized]]
        return Rows(
            self.actors[columns["codes"][places]],
            self.subjects[np.searchsorted(columns["subject_ends"], places, side="right")],
            columns["times"][places].astype(np.int64) * self._unit + self._base,
            columns["kinds"][places],
            sizes,
            records,
        )


def _ranges(known: Column, ends: Column, wanted: Column) -> Column:
    """Every place between the end before and the end of those that are wanted and known."""
    if not len(known):
        return np.zeros(0, np.int64)
    at = np.minimum(np.searchsorted(known, wanted), len(known) - 1)
    at = at[known[at] == wanted]
    stops = ends[at].astype(np.int64)
    starts = np.where(at > 0, ends[at - 1], 0).astype(np.int64)
    lengths = stops - starts
    offsets = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    places: Column = offsets + np.arange(len(offsets))
    return places

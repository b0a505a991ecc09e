"""Accesses to personal data as columns: what passes from the engine to the ledger, many at a time."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Kind:
    """What an access was: to which system, what was done, and the categories of data. Nothing of a person."""

    system: str
    action: str
    data: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accesses:
    """Accesses in the order they were read, a column for each thing known of them.

    `times` are event times. `actors` and `subjects` are keyed hashes, 0 where nobody is named. `places` are the places
    of their kinds in `kinds`. What few accesses have is sparse: the access numbered `sized[n]` sent `sizes[n]` bytes
    and showed `records[n]` records, 0 where the log does not say. `names` has the names of actors in clear, by hash:
    each at least once in the life of a process.
    """

    times: array[int]
    actors: array[int]
    subjects: array[int]
    places: array[int]
    sized: array[int]
    sizes: array[int]
    records: array[int]
    kinds: tuple[Kind, ...]
    names: Mapping[int, str]

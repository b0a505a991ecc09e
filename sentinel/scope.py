"""Whose data exactly: what the ledger says of a case's actors, what was outside their habit, who else was there.

Rules of this file:
1. Nobody is named: actors and people are shown by pseudonyms, those of actors being the ones that cases show.
2. What counts is event time, from `since` until before `until`. The *habit* of the actors is what they touched in the
   HABIT before `since`; somebody whom they did not touch then is outside it, and so are a system, a category and an
   action that are new to them. Where the ledger begins later than that, it says so.
3. The other actors are those who touched the same people in the habit's time or in the period.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final, TypedDict

import numpy as np

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, rfc3339
from sentinel.store.asking import Ledger
from sentinel.store.segments import Column, Rows, is_among, joined

HABIT: Final[Micros] = 90 * DAY
NEARBY: Final[Micros] = DAY
"""How far on either side of the period it is looked whether there was more."""

MOST_STEPS: Final = 60
"""Bars of the chart at most."""

_STEPS: Final = (SECOND, 10 * SECOND, MINUTE, 5 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY, 365 * DAY)


@dataclass(frozen=True, slots=True)
class Asked:
    """The actors of a case by their keyed hash, with their pseudonyms; where it has none, the people it is about."""

    case: str
    actors: Mapping[int, str]
    people: frozenset[int] = frozenset()


class Person(TypedDict):
    """One data subject. `first` and `last` are within the period; `new`: outside the habit of the actors."""

    person: str
    accesses: int
    first: str
    last: str
    systems: list[str]
    categories: list[str]
    actions: list[str]
    bytes: int
    records: int
    new: bool


class Other(TypedDict):
    """Another actor who touched some of the same people, from the beginning of the habit's time on."""

    actor: str
    people: int
    accesses: int
    first: str
    last: str
    categories: list[str]


class Step(TypedDict):
    """One bar of the chart: accesses from `at` on, those to people outside the habit apart."""

    at: str
    usual: int
    outside: int


Scope = TypedDict(
    "Scope",
    {
        "case": str,
        "actors": list[str],
        "from": str,
        "to": str,
        "accesses": int,
        "bytes": int,
        "records": int,
        "unnamed_accesses": int,
        "unnamed_records": int,
        "people_count": int,
        "new_people": int,
        "new_systems": list[str],
        "new_categories": list[str],
        "new_actions": list[str],
        "habit_from": str,
        "habit_days": int,
        "habit_accesses": int,
        "habit_people": int,
        "nearby_accesses": int,
        "nearby_people": int,
        "ledger_from": str | None,
        "ledger_accesses": int,
        "lost_accesses": int,
        "people": list[Person],
        "others": list[Other],
        "steps": list[Step],
    },
)
"""The whole answer. `unnamed_…`: accesses whose record names no person, and the records they say they showed.
`habit_days`: so many days before the period the ledger knows. `nearby_…`: more by the same actors within a day on
either side, and people among them who are not in the period. `lost_accesses` were in files that cannot be read.
"""


def scope(ledger: Ledger, asked: Asked, since: Micros, until: Micros) -> Scope:
    """The answer for one case and period."""
    who = np.array(sorted(asked.actors), np.int64)
    around = ledger.of_actors(asked.actors, since - HABIT, until + NEARBY)
    if not asked.actors:
        around = ledger.of_subjects(asked.people, since - HABIT, until + NEARBY)
    before, within = around.between(since - HABIT, since), around.between(since, until)
    named = within.where(within.subjects != 0)
    people = np.unique(named.subjects)
    # Without an actor there is nobody whose habit it could be.
    usual = np.unique(before.subjects) if asked.actors else people
    others = ledger.of_subjects(people.tolist(), since - HABIT, until)
    others = others.where(~is_among(others.actors, who) & (others.actors != 0))
    nearby = joined([around.between(since - NEARBY, since), around.between(until, until + NEARBY)])
    unnamed = within.where(within.subjects == 0)
    new = _new(ledger, before, within) if asked.actors else {}
    begins = ledger.since
    return {
        "case": asked.case,
        "actors": sorted(asked.actors.values()),
        "from": rfc3339(since),
        "to": rfc3339(until),
        "accesses": len(within),
        "bytes": int(within.sizes.sum()),
        "records": int(within.records.sum()),
        "unnamed_accesses": len(unnamed),
        "unnamed_records": int(unnamed.records.sum()),
        "people_count": len(people),
        "new_people": int((~is_among(people, usual)).sum()),
        "new_systems": new.get("systems", []),
        "new_categories": new.get("categories", []),
        "new_actions": new.get("actions", []),
        "habit_from": rfc3339(since - HABIT),
        "habit_days": 0 if begins is None else int(min(max(since - begins, 0), HABIT) // DAY),
        "habit_accesses": len(before),
        "habit_people": len(np.unique(before.subjects[before.subjects != 0])),
        "nearby_accesses": len(nearby),
        "nearby_people": len(np.setdiff1d(nearby.subjects[nearby.subjects != 0], people)),
        "ledger_from": None if begins is None else rfc3339(begins),
        "ledger_accesses": len(ledger),
        "lost_accesses": sum(each.accesses for each in ledger.lost),
        "people": _people(ledger, named, usual),
        "others": _others(ledger, others, people),
        "steps": _steps(named, usual, since, until),
    }


def shown(subject: int) -> str:
    """By which name a data subject of the ledger is shown: 40 bits of the keyed hash."""
    return f"person-{subject & (1 << 64) - 1:016x}"[:17]


class _Groups:
    """Accesses by a column: each value once, in order, and what there is of each."""

    def __init__(self, rows: Rows, column: Column) -> None:
        self.rows = rows
        self.values, self._codes = np.unique(column, return_inverse=True)
        self.counts = np.bincount(self._codes)
        first = np.full(len(self.values), np.iinfo(np.int64).max)
        last = np.zeros(len(self.values), np.int64)
        np.minimum.at(first, self._codes, rows.times)
        np.maximum.at(last, self._codes, rows.times)
        self.first, self.last = first, last

    def sums(self, column: Column) -> Column:
        """The sum of a column of the accesses."""
        found = np.zeros(len(self.values), np.int64)
        np.add.at(found, self._codes, column)
        return found

    def distinct(self, column: Column, known: Column) -> Column:
        """How many different values of a column, which are all known and in order."""
        pairs = np.unique(self._codes * len(known) + np.searchsorted(known, column))
        return np.bincount(pairs // len(known), minlength=len(self.values))

    def kinds(self) -> list[tuple[int, ...]]:
        """The kinds of access."""
        found: list[tuple[int, ...]] = [()] * len(self.values)
        pairs = np.unique(self._codes << 16 | self.rows.kinds)
        for code, kind in zip((pairs >> 16).tolist(), (pairs & 0xFFFF).tolist(), strict=True):
            found[code] = (*found[code], kind)
        return found


def _texts(times: Column) -> list[str]:
    """As `rfc3339` writes them."""
    found: list[str] = np.datetime_as_string(times.astype("datetime64[us]"), unit="s", timezone="UTC").tolist()
    return found


def _words(ledger: Ledger, kinds: Collection[int]) -> dict[str, list[str]]:
    """What these kinds of access say, each word once."""
    known = [ledger.kinds[kind] for kind in kinds]
    return {
        "systems": sorted({kind.system for kind in known}),
        "categories": sorted({word for kind in known for word in kind.data}),
        "actions": sorted({kind.action for kind in known}),
    }


def _new(ledger: Ledger, before: Rows, within: Rows) -> dict[str, list[str]]:
    """Systems, categories and actions of the period that are not in the habit."""
    then, now = (_words(ledger, np.unique(rows.kinds).tolist()) for rows in (before, within))
    return {name: [word for word in words if word not in then[name]] for name, words in now.items()}


def _people(ledger: Ledger, rows: Rows, usual: Column) -> list[Person]:
    """Everybody touched: those outside the habit first, of them those with the most accesses."""
    if not len(rows):
        return []
    groups = _Groups(rows, rows.subjects)
    kinds = groups.kinds()
    said = {each: _words(ledger, each) for each in set(kinds)}
    is_new = ~is_among(groups.values, usual)
    columns = zip(
        groups.values.tolist(),
        groups.counts.tolist(),
        _texts(groups.first),
        _texts(groups.last),
        [said[each] for each in kinds],
        groups.sums(rows.sizes).tolist(),
        groups.sums(rows.records).tolist(),
        is_new.tolist(),
        strict=True,
    )
    found: list[Person] = [
        {
            "person": shown(subject),
            "accesses": accesses,
            "first": first,
            "last": last,
            "systems": words["systems"],
            "categories": words["categories"],
            "actions": words["actions"],
            "bytes": size,
            "records": records,
            "new": new,
        }
        for subject, accesses, first, last, words, size, records, new in columns
    ]
    order = np.lexsort((groups.values, groups.first, -groups.counts, ~is_new))
    return [found[place] for place in order.tolist()]


def _others(ledger: Ledger, rows: Rows, people: Column) -> list[Other]:
    """Every other actor: those who touched the most of the same people first."""
    if not len(rows):
        return []
    groups = _Groups(rows, rows.actors)
    kinds = groups.kinds()
    said = {each: _words(ledger, each)["categories"] for each in set(kinds)}
    touched = groups.distinct(rows.subjects, people)
    columns = zip(
        groups.values.tolist(),
        touched.tolist(),
        groups.counts.tolist(),
        _texts(groups.first),
        _texts(groups.last),
        kinds,
        strict=True,
    )
    found: list[Other] = [
        {
            "actor": ledger.pseudonyms.get(actor, "actor-?"),
            "people": count,
            "accesses": accesses,
            "first": first,
            "last": last,
            "categories": said[each],
        }
        for actor, count, accesses, first, last, each in columns
    ]
    order = np.lexsort((groups.values, -groups.counts, -touched))
    return [found[place] for place in order.tolist()]


def _steps(rows: Rows, usual: Column, since: Micros, until: Micros) -> list[Step]:
    """Accesses over time, in at most MOST_STEPS steps of equal length."""
    length = max(until - since, 1)
    step = next((each for each in _STEPS if length <= each * MOST_STEPS), _STEPS[-1])
    total = -(-length // step)
    bins = (rows.times - since) // step
    is_usual = is_among(rows.subjects, usual)
    counts = [np.bincount(bins[chosen], minlength=total).tolist() for chosen in (is_usual, ~is_usual)]
    return [
        {"at": rfc3339(since + place * step), "usual": usually, "outside": outside}
        for place, (usually, outside) in enumerate(zip(*counts, strict=True))
    ]

"""What the rules saw of what was planted: findings joined to the truth, cases, and the figures made of them.

Rules of this file:
1. A finding is of a plant if one of its records is the plant's, or if it is grouped by one of the plant's names and a
   line of the plant lies between its first and last event. A finding about the same person at another time is none.
2. Findings join cases as in the daemon, by their case key; a case is decided after three days, so what goes on
   afterwards opens another.
3. A case is false if none of its findings is of an incident. Cases of near misses are false, too.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from sentinel.clock import DAY, Micros
from sentinel.model import Finding
from tests.lab.plants import STRENGTHS
from tests.lab.truth import Entry, Truth

DECIDED: Micros = 3 * DAY
WEEK: Micros = 7 * DAY


@dataclass(slots=True)
class Case:
    """Findings with one key. `plants` are the ids of what they are of."""

    opened: Micros
    rules: list[str] = field(default_factory=list)
    plants: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Score:
    """The figures of one set of rules. `detected` is when each plant was first in a case."""

    truth: Truth
    detected: dict[str, Micros]
    false: list[Case]

    def recall(self, family: str | None, strength: str) -> tuple[int, int]:
        """How many incidents were found, of how many."""
        wanted = [
            entry for entry in self.truth.entries if entry.strength == strength and family in (None, entry.family)
        ]
        return sum(entry.id in self.detected for entry in wanted), len(wanted)

    def delays(self, family: str | None) -> list[Micros]:
        """From the first line of each strong and medium incident that was found to its case, in order."""
        return sorted(
            max(0, self.detected[entry.id] - entry.begin)
            for entry in self.truth.entries
            if entry.strength in STRENGTHS[1:] and entry.id in self.detected and family in (None, entry.family)
        )

    @property
    def false_a_week(self) -> float:
        """False cases a week for 1,000 staff, after the weeks of learning."""
        weeks = (self.truth.ends - self.truth.scored_from) / WEEK
        return len(self.false) / weeks / self.truth.staff * 1000

    @property
    def near_hit(self) -> tuple[int, int]:
        """How many near misses opened a case, of how many."""
        near = [entry for entry in self.truth.entries if not entry.is_incident]
        return sum(entry.id in self.detected for entry in near), len(near)

    def false_by_rule(self) -> Counter[str]:
        """Which rules open the false cases: the first of each."""
        return Counter(case.rules[0] for case in self.false)

    def missed(self) -> Counter[str]:
        """What was not found, by family, kind and strength."""
        return Counter(
            entry.id.rpartition("/")[0]
            for entry in self.truth.entries
            if entry.is_incident and entry.id not in self.detected
        )


def score(findings: Iterable[Finding], truth: Truth, counts: Callable[[Finding], bool] = lambda _: True) -> Score:
    """The figures of those findings that count; they come in the order in which they fired."""
    joined = Join(truth.entries)
    cases: dict[tuple[tuple[str, str], ...], Case] = {}
    everything: list[Case] = []
    detected: dict[str, Micros] = {}
    for finding in findings:
        if not (finding.opens_case and counts(finding)):
            continue
        case = cases.get(finding.case_key)
        if case is None or finding.fired_at - case.opened > DECIDED:
            case = cases[finding.case_key] = Case(finding.fired_at)
            everything.append(case)
        case.rules.append(finding.rule)
        for entry in joined.plants_of(finding):
            case.plants.add(entry.id)
            detected.setdefault(entry.id, finding.fired_at)
    incidents = {entry.id for entry in truth.entries if entry.is_incident}
    false = [case for case in everything if case.opened >= truth.scored_from and not case.plants & incidents]
    return Score(truth, detected, false)


class Join:
    """Finds the plants that a finding is of."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._by_place: dict[tuple[str, int], Entry] = {}
        self._by_key: dict[str, list[Entry]] = {}
        self._silent: list[Entry] = []
        for entry in entries:
            self._by_place.update(dict.fromkeys(entry.places, entry))
            for key in entry.keys:
                self._by_key.setdefault(key, []).append(entry)
            if entry.source is not None:
                self._silent.append(entry)

    def plants_of(self, finding: Finding) -> list[Entry]:
        """By the places of its records, and by the names of its group."""
        places = ((_log(evidence.source), evidence.offset) for evidence in finding.evidence)
        found = {entry.id: entry for place in places if (entry := self._by_place.get(place)) is not None}
        for name in {value for _, value in (*finding.group, *finding.case_key)} | set(finding.actors):
            for entry in self._by_key.get(name, ()):
                if _has_line_between(entry, finding.first_seen, finding.last_seen):
                    found[entry.id] = entry
        for entry in self._silent:
            names = {_log(finding.source), *(value for _, value in finding.group)}
            if entry.source in names and entry.begin <= finding.fired_at <= entry.end + DAY // 24:
                found[entry.id] = entry
        return list(found.values())


def _log(source: str) -> str:
    """The log's own name: replay numbers its inputs, as in `records#1`."""
    return source.partition("#")[0]


def _has_line_between(entry: Entry, begin: Micros, end: Micros) -> bool:
    place = bisect_left(entry.times, begin)
    return place < len(entry.times) and entry.times[place] <= end


# --- as tables -----------------------------------------------------------------------------------------------------


def table(scores: Mapping[str, Score]) -> str:
    """The figures side by side, as Markdown: a row a family, then the totals."""
    names = list(scores)
    first = scores[names[0]]
    families = list(dict.fromkeys(entry.family for entry in first.truth.entries if entry.is_incident))
    head = ["family", *(f"{each}, {name}" for name in names for each in reversed(STRENGTHS)), "median", "worst"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 1)}"]
    for family in [*families, None]:
        cells = [_share(*each.recall(family, strength)) for each in scores.values() for strength in reversed(STRENGTHS)]
        delays = first.delays(family)
        times = [_time(median(delays)), _time(delays[-1])] if delays else ["", ""]
        lines.append(f"| {' | '.join([family or '**all**', *cells, *times])} |")
    lines += ["", f"| | {' | '.join(names)} |", f"|---|{'---:|' * len(names)}"]
    lines.append(
        f"| false cases a week for 1,000 staff | {' | '.join(f'{s.false_a_week:.1f}' for s in scores.values())} |"
    )
    lines.append(f"| near misses that opened a case | {' | '.join(_share(*s.near_hit) for s in scores.values())} |")
    return "\n".join(lines) + "\n"


def _share(found: int, of: int) -> str:
    return f"{found / of:.2f} ({found}/{of})" if of else ""


def _time(length: float) -> str:
    minutes = length / 60_000_000
    return (
        f"{minutes:.0f} min"
        if minutes < 120
        else f"{minutes / 60:.0f} h"
        if minutes < 2880
        else f"{minutes / 1440:.0f} d"
    )

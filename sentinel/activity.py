"""What each rule has done since the daemon began: matches, findings, cases; what `sentinel rules status` shows.

Rules of this file: a day is one of the wall clock, in UTC, and counts what was judged on it; nothing of a log is here
but times and counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

from sentinel.cases.book import Book
from sentinel.clock import DAY, Micros, rfc3339
from sentinel.detect.engine import Engine
from sentinel.detect.rules import Correlation, Detection
from sentinel.model import Finding


class NeverSeen(TypedDict):
    """A field that a rule asks for and that no record looked at had."""

    source: str
    field: str


class RuleRow(TypedDict):
    """One rule. Counts are since the daemon began, those with `_today` since midnight in UTC.

    `matches` are of a detection, and of a building block what others count; None for a correlation. `suppressed`: how
    often it would have fired again within an episode. `excepted`: matches that only a filter left out, since the rules
    were loaded. `candidates` is the largest share of a source's records that are parsed for it; None where it is tried
    on accesses alone, which are parsed anyway. `fires` is False for a rule that only feeds others.
    """

    rule: str
    rule_id: str | None
    file: str
    kind: str
    level: str
    mode: str
    fires: bool
    matches: int | None
    matches_today: int | None
    last_match_at: str | None
    findings: int
    findings_today: int
    last_finding_at: str | None
    cases_today: int
    suppressed: int
    excepted: int
    never_seen: list[NeverSeen]
    candidates: float | None


class ExceptionRow(TypedDict):
    """One filter. `rules` is empty for every rule of its log source; `ends` is the first moment for which it does not
    hold, None where it has no end. `left_out` are matches since the rules were loaded.
    """

    exception: str
    file: str
    rules: list[str]
    ends: str | None
    is_over: bool
    approved_by: str | None
    ticket: str | None
    left_out: int


class RulesAnswer(TypedDict):
    """Every rule at work. `refused` are the problems for which the newest files are not; empty where they are. `soon`
    are exceptions that end within a week or are over, as sentences.
    """

    since: str
    refused: list[str]
    rules: list[RuleRow]
    exceptions: list[ExceptionRow]
    soon: list[str]


@dataclass(slots=True)
class _Count:
    total: int = 0
    today: int = 0
    last: Micros | None = None

    def add(self, count: int, last: Micros) -> None:
        self.total += count
        self.today += count
        self.last = last if self.last is None else max(last, self.last)


class Activity:
    """Counts by the name of the rule, so that a reload of the rules changes nothing of them."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self._matches: defaultdict[str, _Count] = defaultdict(_Count)
        self._findings: defaultdict[str, _Count] = defaultdict(_Count)
        self._suppressed: dict[str, dict[str, int]] = {}
        self._held: defaultdict[str, int] = defaultdict(int)
        self._day = 0

    def note_engine(self, engine: Engine, now: Micros) -> None:
        """Take what the engine has counted since it was last asked."""
        self._turn(now)
        names = [rule.about.key for rule in engine.rules.detections]
        for lane in engine.lanes.values():
            for number, count, last in lane.matched.take():
                self._matches[names[number]].add(count, last)

    def note_findings(self, findings: Iterable[Finding], now: Micros) -> None:
        """Count these findings; those that were there before only for what was held back."""
        self._turn(now)
        for finding in findings:
            if not finding.update:
                self._findings[finding.rule].add(1, finding.fired_at)
            elif finding.suppressed:
                self._hold(finding)

    def _hold(self, finding: Finding) -> None:
        """What was held back of an episode; how much of it is known already is remembered for the newest of a rule."""
        known = self._suppressed.setdefault(finding.rule, {})
        self._held[finding.rule] += max(0, finding.suppressed - known.pop(finding.id, 0))
        known[finding.id] = finding.suppressed
        if len(known) > MOST_EPISODES:
            del known[next(iter(known))]

    def _turn(self, now: Micros) -> None:
        """Another day begins, if one does."""
        if now // DAY != self._day:
            self._day = now // DAY
            for count in (*self._matches.values(), *self._findings.values()):
                count.today = 0

    # --- telling -------------------------------------------------------------------------------------------

    def rows(self, engine: Engine, book: Book) -> list[RuleRow]:
        """Every rule, in the order of their names."""
        cases: defaultdict[str, int] = defaultdict(int)
        for case in book:
            if case.detected_at // DAY == self._day:
                for rule in case.rules:
                    cases[rule] += 1
        unseen = _never_seen(engine)
        shares = _shares(engine)
        excepted = _excepted(engine)
        rules: Sequence[Detection | Correlation] = (*engine.rules.detections, *engine.rules.correlations)
        return [
            self._row(rule, engine, cases[rule.about.key], unseen, shares, excepted[rule.about.key])
            for rule in sorted(rules, key=lambda rule: rule.about.key)
        ]

    def _row(
        self,
        rule: Detection | Correlation,
        engine: Engine,
        cases: int,
        unseen: dict[str, list[NeverSeen]],
        shares: dict[str, float],
        excepted: int,
    ) -> RuleRow:
        key = rule.about.key
        matches = self._matches.get(key, _Count()) if isinstance(rule, Detection) else None
        found = self._findings.get(key, _Count())
        return RuleRow(
            rule=key,
            rule_id=rule.about.id,
            file=rule.about.file,
            kind="detection" if isinstance(rule, Detection) else rule.kind,
            level=rule.about.level.word,
            mode=rule.about.mode.value,
            fires=key not in engine.rules.silent,
            matches=None if matches is None else matches.total,
            matches_today=None if matches is None else matches.today,
            last_match_at=None if matches is None or matches.last is None else rfc3339(matches.last),
            findings=found.total,
            findings_today=found.today,
            last_finding_at=None if found.last is None else rfc3339(found.last),
            cases_today=cases,
            suppressed=self._held.get(key, 0),
            excepted=excepted,
            never_seen=unseen.get(key, []),
            candidates=shares.get(key),
        )


MOST_EPISODES = 1000
"""Episodes of a rule of which it is remembered how much was held back."""


def _never_seen(engine: Engine) -> dict[str, list[NeverSeen]]:
    found: defaultdict[str, list[NeverSeen]] = defaultdict(list)
    for source, lane in engine.lanes.items():
        for rule, name in lane.unseen.never_seen():
            found[rule].append(NeverSeen(source=source, field=name))
    return found


def _shares(engine: Engine) -> dict[str, float]:
    found: dict[str, float] = {}
    for rule, share in _of_lanes(engine):
        found[rule] = max(share, found.get(rule, 0.0))
    return found


def _of_lanes(engine: Engine) -> Iterator[tuple[str, float]]:
    for lane in engine.lanes.values():
        targets = lane.targets(engine.rules.detections)
        for target, share in zip(targets, lane.shares, strict=False):  # no shares before the first block
            if isinstance(target, Detection):
                yield target.about.key, share.hits / share.records if share.records else 0.0


def _excepted(engine: Engine) -> defaultdict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for lane in engine.lanes.values():
        for (number, _), count in lane.filtered.items():
            found[engine.rules.detections[number].about.key] += count
    return found


def exceptions(engine: Engine, now: Micros) -> list[ExceptionRow]:
    """Every filter, in the order of their names."""
    left_out: defaultdict[str, int] = defaultdict(int)
    for lane in engine.lanes.values():
        for (_, name), count in lane.filtered.items():
            left_out[name] += count
    return [
        ExceptionRow(
            exception=each.about.key,
            file=each.about.file,
            rules=list(each.rules),
            ends=None if each.ends is None else rfc3339(each.ends),
            is_over=each.ends is not None and each.ends <= now,
            approved_by=each.about.additions.approved_by,
            ticket=each.about.additions.ticket,
            left_out=left_out[each.about.key],
        )
        for each in sorted(engine.rules.filters, key=lambda each: each.about.key)
    ]

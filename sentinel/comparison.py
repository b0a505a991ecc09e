"""What a change of rules wins, loses and moves: the findings of two runs over the same logs, side by side.

Rule of this file: a finding is the same where its id is, for that is what a case goes by. Else two findings of one rule
and group are one that moved, where their episodes touch or are nearer to each other than the rule stays quiet.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sentinel.clock import Micros
from sentinel.model import Finding

Group = tuple[tuple[str, str], ...]


class Seen(NamedTuple):
    """What is compared of a finding. `until` is the last moment at which the condition held, `value` the most that was
    counted; `place` is the last record that is shown of it.
    """

    id: str
    rule: str
    rule_id: str | None
    group: Group
    level: str
    mode: str
    opens_case: bool
    fired_at: Micros
    until: Micros
    digits: int
    value: float
    place: tuple[str, int] | None

    @property
    def identity(self) -> str:
        """What the rule is known by when its name is changed."""
        return self.rule_id or self.rule


def seen(finding: Finding) -> Seen:
    """The finding as it is compared, as it is when it fires."""
    last = finding.evidence[-1] if finding.evidence else None
    return Seen(
        finding.id,
        finding.rule,
        finding.rule_id,
        finding.group,
        finding.level.word,
        finding.mode.value,
        finding.opens_case,
        finding.fired_at,
        finding.fired_at,
        finding.digits,
        finding.value,
        None if last is None else (last.path, last.offset),
    )


class Pair(NamedTuple):
    """One finding before and after the change."""

    before: Seen
    after: Seen

    @property
    def shift(self) -> Micros:
        """How much later it fires after the change."""
        return self.after.fired_at - self.before.fired_at

    @property
    def changes(self) -> dict[str, tuple[str, str]]:
        """What is said of the finding otherwise than before, whenever it fires."""
        told = {
            "level": (self.before.level, self.after.level),
            "mode": (self.before.mode, self.after.mode),
            "opens case": ("yes" if self.before.opens_case else "no", "yes" if self.after.opens_case else "no"),
            "grouped by": (_names(self.before.group), _names(self.after.group)),
        }
        return {name: both for name, both in told.items() if both[0] != both[1]}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every finding of both runs, once; each part in the order of time. `changed` fire as before and say otherwise."""

    won: tuple[Seen, ...]
    lost: tuple[Seen, ...]
    moved: tuple[Pair, ...]
    changed: tuple[Pair, ...]
    same: tuple[Pair, ...]

    @property
    def is_empty(self) -> bool:
        """The change makes no difference on these logs."""
        return not (self.won or self.lost or self.moved or self.changed)


@dataclass(slots=True)
class _Parts:
    """A comparison that is being made."""

    won: list[Seen] = field(default_factory=list)
    lost: list[Seen] = field(default_factory=list)
    moved: list[Pair] = field(default_factory=list)
    kept: list[Pair] = field(default_factory=list)


def compare(before: Sequence[Seen], after: Sequence[Seen], quiet: Mapping[str, Micros]) -> Comparison:
    """The findings of two runs, sorted. `quiet` is how long a correlation stays quiet, by identity: the longer of both.

    A rule that was given another id is known by its name.
    """
    known = {each.identity for each in before}
    by_name = {each.rule: each.identity for each in before}

    def identity(each: Seen) -> str:
        return each.identity if each.identity in known else by_name.get(each.rule, each.identity)

    parts = _Parts()
    first, second = _same(before, after, lambda each: each.id, parts)
    first, second = _same(first, second, lambda each: (identity(each), each.group, each.fired_at, each.place), parts)
    losses, wins = _by_group(first, identity), _by_group(second, identity)
    for key in dict.fromkeys([*losses, *wins]):
        _sweep(losses.get(key, []), wins.get(key, []), quiet.get(key[0], 0), parts)
    return Comparison(
        won=tuple(sorted(parts.won, key=_order)),
        lost=tuple(sorted(parts.lost, key=_order)),
        moved=tuple(sorted(parts.moved, key=lambda pair: _order(pair.before))),
        changed=tuple(pair for pair in sorted(parts.kept, key=lambda pair: _order(pair.before)) if pair.changes),
        same=tuple(pair for pair in sorted(parts.kept, key=lambda pair: _order(pair.before)) if not pair.changes),
    )


def _same(
    before: Iterable[Seen], after: Iterable[Seen], key: Callable[[Seen], Hashable], parts: _Parts
) -> tuple[list[Seen], list[Seen]]:
    """Those that have the same key in both are one finding; the others of each."""
    waiting: dict[Hashable, list[Seen]] = defaultdict(list)
    for each in before:
        waiting[key(each)].append(each)
    rest = []
    for each in after:
        found = waiting.get(key(each))
        if found:
            parts.kept.append(Pair(found.pop(0), each))
        else:
            rest.append(each)
    return [each for left in waiting.values() for each in left], rest


def _by_group(found: Iterable[Seen], identity: Callable[[Seen], str]) -> dict[tuple[str, Group], list[Seen]]:
    groups: dict[tuple[str, Group], list[Seen]] = defaultdict(list)
    for each in found:
        groups[identity(each), each.group].append(each)
    return {key: sorted(each, key=_order) for key, each in groups.items()}


def _sweep(losses: Sequence[Seen], wins: Sequence[Seen], quiet: Micros, parts: _Parts) -> None:
    """The findings of one rule and group, along time: the next of each side are one where their episodes touch."""
    here = there = 0
    while here < len(losses) and there < len(wins):
        before, after = losses[here], wins[there]
        if quiet and before.fired_at - quiet < after.until and after.fired_at - quiet < before.until:
            parts.moved.append(Pair(before, after))
            here, there = here + 1, there + 1
        elif _order(before) < _order(after):
            parts.lost.append(before)
            here += 1
        else:
            parts.won.append(after)
            there += 1
    parts.lost += losses[here:]
    parts.won += wins[there:]


def _order(each: Seen) -> tuple[Micros, str, str]:
    return each.fired_at, each.rule, each.id


def _names(group: Group) -> str:
    return ", ".join(name for name, _ in group) or "nothing"

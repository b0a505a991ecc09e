"""So many groups that a rule gives some up: a finding, one an episode, so that nobody hides in a flood unseen.

It is of level low, so by the ordinary rule it opens no case: it shows that the watch was under strain, not that
somebody read what they should not have. It names the rule and how many groups were given up, and nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from sentinel.clock import HOUR, Micros
from sentinel.detect.additions import Additions
from sentinel.detect.correlate import Tally
from sentinel.detect.findings import Ordinals, finding_id
from sentinel.detect.rules import About
from sentinel.model import Event, Finding, Level, Mode

RULE = "sentinel.key_flood"
TITLE = "More groups than may be kept: the least suspicious are given up"
QUIET: Micros = HOUR
"""A flood ends when nothing was given up for so long, or for the rule's quiet time where that is longer."""

ABOUT = About(
    key=RULE,
    name=RULE,
    id=None,
    title=TITLE,
    level=Level.LOW,
    level_is_given=True,
    file="",
    number=0,
    additions=Additions(),
    source={},
)


@dataclass(slots=True)
class Flood:
    """One episode of giving up groups of one rule. `groups` is how many so far."""

    finding: str
    source: str
    digits: int
    first_seen: Micros
    last_seen: Micros
    groups: int
    has_news: bool = False


class Floods:
    """The newest flood of each rule, by the place of its tally. `new` is what was given up and is not told of yet."""

    def __init__(self) -> None:
        self.known: dict[int, Flood] = {}
        self.new: dict[int, int] = {}

    def note(self, index: int, groups: int) -> None:
        """So many groups were given up."""
        self.new[index] = self.new.get(index, 0) + groups

    def begun(self, tallies: Sequence[Tally], event: Event, ordinals: Ordinals) -> list[Finding]:
        """The findings of floods that begin with this event; those that go on are told of by `updates`."""
        found = []
        for index, groups in self.new.items():
            flood, rule = self.known.get(index), tallies[index].rule
            if flood is not None and event.time < flood.last_seen + max(QUIET, rule.quiet):
                flood.last_seen = max(flood.last_seen, event.time)
                flood.groups += groups
                flood.has_news = True
            else:
                about = replace(ABOUT, key=f"{RULE}:{rule.about.key}")
                identity = finding_id(about, event, ordinals)
                source = event.block.source
                self.known[index] = Flood(identity, source, event.digits, event.time, event.time, groups)
                found.append(_finding(self.known[index], rule.about))
        self.new = {}
        return found

    def updates(self, tallies: Sequence[Tally]) -> list[Finding]:
        """How floods that went on since this was last asked stand now."""
        found = []
        for index, flood in self.known.items():
            if flood.has_news:
                flood.has_news = False
                found.append(replace(_finding(flood, tallies[index].rule.about), update=True))
        return found

    def saved(self, tallies: Sequence[Tally]) -> list[Any]:
        """Every flood with the rule's fingerprint, as it is kept."""
        return [
            [tallies[index].rule.fingerprint, *(getattr(flood, each.name) for each in fields(Flood))]
            for index, flood in self.known.items()
        ]

    def restore(self, rows: Iterable[Sequence[Any]], tallies: Sequence[Tally]) -> None:
        """Take over what was saved, as far as its rules are still there."""
        places = {tally.rule.fingerprint: index for index, tally in enumerate(tallies)}
        self.known = {places[row[0]]: Flood(*row[1:]) for row in rows if row[0] in places}
        for flood in self.known.values():
            flood.has_news = False


def make_room(tallies: Sequence[Tally], room: int, floor: Micros) -> None:
    """Where all groups of all rules take more bytes than they may, the rule with most gives some up, and again."""
    weights = {index: tally.weight() for index, tally in enumerate(tallies)}
    while sum(weights.values()) > room:
        index = max(weights, key=weights.__getitem__)
        tallies[index].evict(floor)
        weights[index] = tallies[index].weight()


def _finding(flood: Flood, flooded: About) -> Finding:
    mode = flooded.mode
    return Finding(
        id=flood.finding,
        rule=RULE,
        rule_id=None,
        title=TITLE,
        level=ABOUT.level,
        mode=mode,
        group=(("rule", flooded.key),),
        first_seen=flood.first_seen,
        last_seen=flood.last_seen,
        fired_at=flood.first_seen,
        digits=flood.digits,
        value=flood.groups,
        subjects=None,
        source=flood.source,
        evidence=(),
        evidence_total=0,
        opens_case=ABOUT.opens_case and mode is Mode.ENFORCE,
        case_key=(("rule", RULE),),
    )

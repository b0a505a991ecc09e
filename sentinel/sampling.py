"""What a sample of a log says about the rules for it: how many records each makes us parse, and who is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sentinel import files
from sentinel.detect.engine import Engine
from sentinel.detect.lane import Lane
from sentinel.detect.unseen import ENOUGH
from sentinel.problems import Problem, Span, did_you_mean
from sentinel.scenarios import Log, Replay

BUDGET = 0.05
"""The share of a log's records that one rule should make us parse at most, unless they are accesses."""

MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Cost:
    """One rule or inventory entry on one log. `share` is of all records; without a witness it is 1."""

    name: str
    share: float
    has_witness: bool

    @property
    def is_within_budget(self) -> bool:
        """It makes us parse no more records than a rule should."""
        return self.share <= BUDGET


@dataclass(frozen=True, slots=True)
class Sample:
    """One log: what was read of it and what the rules cost there. `actorless` is a share of the accesses."""

    log: Log
    records: int
    unparsed: int
    accesses: int
    actorless: float
    costs: tuple[Cost, ...]
    problems: tuple[Problem, ...] = ()


def sample(engine: Engine, log: Log) -> Sample:
    """Read the first 16 MiB of a log through the engine."""
    run = Replay(engine, [log])
    read = 0
    for block in run.blocks(log):
        engine.judge(block, None)
        engine.lanes[log.name].unseen.look(block, each=ENOUGH)
        read += len(block.data)
        if read >= MOST_BYTES:
            break
    lane = engine.lanes.get(log.name)
    if lane is None:
        return Sample(log, 0, 0, 0, 0.0, ())
    counts = lane.counts
    accesses = sum(counts.accesses.values())
    actorless = counts.actorless / accesses if accesses else 0.0
    costs, problems = tuple(_costs(lane, engine)), tuple(_never_seen(lane, engine))
    return Sample(log, counts.lines, counts.unparsed, accesses, actorless, costs, problems)


def _never_seen(lane: Lane, engine: Engine) -> Iterator[Problem]:
    places = {rule.about.key: rule.about.file for rule in engine.rules.detections}
    shipped = str(files.shipped("rules"))
    for rule, field in lane.unseen.never_seen(min(ENOUGH, lane.counts.lines)):
        if places[rule].startswith(shipped):
            continue  # the shipped rules are for logs of many kinds
        message = f"'{rule}' asks for the field '{field}', which no record looked at has"
        yield Problem(Span(places[rule]), "R046", message, did_you_mean(field, sorted(lane.unseen.names)), "warning")


def _costs(lane: Lane, engine: Engine) -> Sequence[Cost]:
    names = lane.target_names(engine.rules.detections)
    found = [
        Cost(name, share.hits / share.records if share.records else 0.0, share.has_witness)
        for name, share in zip(names, lane.shares, strict=True)
    ]
    return sorted(found, key=lambda cost: (-cost.share, cost.name))

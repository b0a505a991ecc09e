"""What a sample of a log says about the rules for it: how many records each makes us parse, and who is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice

from sentinel import files
from sentinel.clock import SECOND, Clock, SystemClock
from sentinel.detect.access import Entry
from sentinel.detect.engine import Engine
from sentinel.detect.lane import Lane
from sentinel.detect.rules import Detection
from sentinel.detect.unseen import ENOUGH
from sentinel.inventory import Inventory
from sentinel.model import Block
from sentinel.problems import Problem, Span, did_you_mean
from sentinel.scenarios import Log, Replay

BUDGET = 0.05
"""The share of a log's records that one rule should make candidates at most, where the configuration does not say."""

MOST_BYTES = 16 * 1024 * 1024
TIMED = 1000
"""So many records are parsed to tell how long one takes."""


@dataclass(frozen=True, slots=True)
class Cost:
    """One rule or inventory entry on one log. `share` is of all records; without a witness it is 1. `seconds` is how
    long this machine takes to parse its candidates among a million records.

    The accesses of an entry are what it is for: only what it makes candidates beside them is held against the budget.
    """

    name: str
    share: float
    seconds: float
    has_witness: bool
    is_within_budget: bool


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


@dataclass(frozen=True, slots=True)
class Terms:
    """What costs are held against and measured by. `inventory` is where the places of entries are read."""

    budget: float = BUDGET
    inventory: Inventory | None = None
    clock: Clock = field(default_factory=SystemClock)


def sample(engine: Engine, log: Log, terms: Terms = Terms()) -> Sample:
    """Read the first 16 MiB of a log through the engine."""
    run = Replay(engine, [log])
    read = 0
    each = 0.0
    for block in run.blocks(log):
        each = each or _seconds(engine.lanes[log.name], block, terms.clock)
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
    costs = sorted(_costs(lane, engine, terms, each), key=lambda one: (-one[0].share, one[0].name))
    problems = [*_never_seen(lane, engine), *_over(costs, terms)]
    return Sample(
        log, counts.lines, counts.unparsed, accesses, actorless, tuple(cost for cost, _ in costs), tuple(problems)
    )


def _never_seen(lane: Lane, engine: Engine) -> Iterator[Problem]:
    places = {rule.about.key: rule.about.file for rule in engine.rules.detections}
    shipped = str(files.shipped("rules"))
    for rule, name in lane.unseen.never_seen(min(ENOUGH, lane.counts.lines)):
        if places[rule].startswith(shipped):
            continue  # the shipped rules are for logs of many kinds
        message = f"'{rule}' asks for the field '{name}', which no record looked at has"
        yield Problem(Span(places[rule]), "R046", message, did_you_mean(name, sorted(lane.unseen.names)), "warning")


Costs = Sequence[tuple[Cost, Entry | Detection]]


def _costs(lane: Lane, engine: Engine, terms: Terms, each: float) -> Iterator[tuple[Cost, Entry | Detection]]:
    """What each rule and entry costs, where parsing a record takes so many seconds."""
    for target, found in zip(lane.targets(engine.rules.detections), lane.shares, strict=True):
        share = found.hits / found.records if found.records else 0.0
        wanted = 0.0
        if isinstance(target, Entry):
            name = f"inventory: {target.system.name}, {target.entry.action}"
            wanted = lane.counts.accesses.get(target.system.name, 0) / max(1, lane.counts.lines)
        else:
            name = target.about.key
        is_within = share - wanted <= terms.budget
        yield Cost(name, share, share * each * 1_000_000, found.has_witness, is_within), target


def _seconds(lane: Lane, block: Block, clock: Clock) -> float:
    """How long parsing one of the block's first records takes, on average."""
    parse = lane.view.format.parser(None)
    records = list(islice(lane.records(block), TIMED))
    before = clock.passed().awake
    for start, end in records:
        parse(block.data[start:end], block.reference)
    return (clock.passed().awake - before) / SECOND / max(1, len(records))


def _over(costs: Costs, terms: Terms) -> Iterator[Problem]:
    """Rules and entries that somebody wrote and that make too many records candidates."""
    shipped = str(files.shipped("rules"))
    for cost, target in costs:
        span = _place(target, terms.inventory)
        if cost.is_within_budget or span is None or span.file.startswith(shipped):
            continue  # the shipped rules are for logs of many kinds
        what = f"makes {cost.share:.3%} of the records candidates; the budget of a rule is {terms.budget * 100:g}%"
        hint = "ask also for a text that few records have: docs/rules.md, 'What a rule costs'"
        yield Problem(span, "R066", f"'{cost.name}' {what}", hint, "warning")


def _place(target: Entry | Detection, inventory: Inventory | None) -> Span | None:
    if isinstance(target, Detection):
        return Span(target.about.file)
    return inventory.document.span(target.entry.path) if inventory is not None else None

"""The tests inside a rule: events written in short, sent through the real engine, and what must come of them.

Events are given as fields; they become JSON records of a log that every rule is for, so a test exercises parsing,
scanning, matching and counting as the daemon does. Fields named `access.*` stand for what the inventory would have set.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import Any

from sentinel.clock import DAY, Micros, rfc3339
from sentinel.detect.additions import RuleTest, Series
from sentinel.detect.engine import Engine
from sentinel.detect.explain import Explainer
from sentinel.detect.lane import Purpose, SourceView
from sentinel.detect.match import test
from sentinel.detect.rules import About, Correlation, Detection, RuleSet
from sentinel.detect.scan import Compiled
from sentinel.detect.unusual.judge import fingerprint
from sentinel.formats.base import Format
from sentinel.model import Block, Finding, LogSource, Position

BEGIN: Micros = 20_454 * DAY
"""The time of the first event where a test gives none: 2026-01-01T00:00:00Z."""

_PLACE = re.compile(r"\{i(?::0?(\d+))?\}|\{rand:(\d+):(\d+)\}")
TIME = "@timestamp"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test went. `why` is empty where it passed; else `trace` explains the record that decided: where the rule
    fired and must not, or the last where it could have.
    """

    rule: str
    name: str
    file: str
    expected: str
    seen: str
    why: str
    trace: Mapping[str, Any] | None = None

    @property
    def passed(self) -> bool:
        """What must happen happened, and nothing else."""
        return not self.why


def run(about: About, rules: RuleSet, log: Format) -> Iterator[Outcome]:
    """The tests of one rule, each with a fresh engine that has this rule and those it counts, and its filters."""
    only, compiled = _only(about, rules), Compiled()
    for number, case in enumerate(about.additions.tests):
        found = _findings(only, case, log, compiled)
        fired = [finding for finding in found if finding.rule == about.key and not finding.update]
        why = _judge(case, fired)
        trace = _trace(about, only, case, log) if why else None
        name = case.name or f"test {number + 1}"
        yield Outcome(about.key, name, about.file, _expected(case), _seen(fired), why, trace)


def _trace(about: About, only: RuleSet, case: RuleTest, log: Format) -> Mapping[str, Any] | None:
    engine = Engine(only, (), [VIEW(log)], key=b"test", purpose=_purpose(shows_all=True))
    last = None
    for record in Explainer(engine, [about.key]).records(_block(_written(case))):
        told = record["rules"]
        if case.expect == "no-match" and any(each["fired"] for each in told):
            return record
        if last is None or any(each["matched"] for each in told):
            last = record
    return last


def exercised(about: About, rules: RuleSet, log: Format) -> set[tuple[str, str]]:
    """The selections that hold for an event of the rule's tests, of the rule itself and those it counts: rule, name."""
    only = _only(about, rules)
    parts = [((rule.about.key, name), test(part)) for rule in only.detections for name, part in rule.selections.items()]
    found: set[tuple[str, str]] = set()
    for case in about.additions.tests:
        engine = Engine(only, (), [VIEW(log)], key=b"test", purpose=_purpose(shows_all=True))
        lane, block = engine.lanes["test"], _block(_written(case))
        for start, end in lane.records(block):
            match = lane.judge_alone(block, start, end)
            if match is not None:
                found |= {named for named, holds in parts if named not in found and holds(match.event)}
    return found


def digest(about: About, rules: RuleSet, lists: str) -> str:
    """Of everything that the outcome of the rule's tests hangs on; `lists` is a digest of the lists in files."""
    only = _only(about, rules)
    abouts = [*only.abouts, *(each.about for rule in only.detections for each in rule.filters)]
    has_lists = any(each.additions.lists for each in abouts)
    return fingerprint([each.source for each in abouts], about.key, lists if has_lists else "")


def _only(about: About, rules: RuleSet) -> RuleSet:
    counts = _counted(about.key, rules)
    keys = {about.key} | {rule.about.key for each in counts for rule in each.rules}
    kept = {rule.about.key: _open(rule) for rule in rules.detections if rule.about.key in keys}
    joined = tuple(replace(each, rules=tuple(kept[rule.about.key] for rule in each.rules)) for each in counts)
    return RuleSet(tuple(kept.values()), joined, (), frozenset(key for each in joined for key in each.order))


def _counted(key: str, rules: RuleSet) -> tuple[Correlation, ...]:
    """The correlation of that name, and before it those it counts."""
    found = [each for each in rules.correlations if each.about.key == key]
    return (*(below for each in found for name in each.chained for below in _counted(name, rules)), *found)


def _open(rule: Detection) -> Detection:
    """The rule for whatever log: routing is not what its tests are about."""
    return replace(rule, logsource=LogSource())


FAR: Micros = 1 << 62
"""Long after any event: in a test all windows come to their end."""


def _purpose(compiled: Compiled | None = None, *, shows_all: bool = False) -> Purpose:
    return Purpose(keeps_state=False, accesses_are_given=True, shows_all=shows_all, compiled=compiled)


VIEW = partial(SourceView, "test", logsource=LogSource())


def _findings(rules: RuleSet, case: RuleTest, log: Format, compiled: Compiled) -> list[Finding]:
    engine = Engine(rules, (), [VIEW(log)], key=b"test", purpose=_purpose(compiled))
    if any(rule.about.additions.absence is not None for rule in rules.detections):
        events = sorted(records(case), key=lambda each: each[0])
        return [
            finding for moment, record in events for finding in (*engine.tick(moment), *_live(engine, record, moment))
        ]
    return engine.judge(_block(_written(case)), None) + engine.close(FAR)


def _written(case: RuleTest) -> bytes:
    """The records of a test, in the order of time."""
    return b"".join(record for _, record in sorted(records(case), key=lambda each: each[0]))


def _live(engine: Engine, record: bytes, now: Micros) -> list[Finding]:
    """A record judged at its own time: the silence of a source is told by the clock, not by its records."""
    return engine.judge(_block(record), now)


def _block(data: bytes) -> Block:
    position = Position(source="test", stream=1, state="")
    return Block(source="test", stream=1, path="test", offset=0, data=data, position=position, reference=BEGIN)


def records(case: RuleTest, begin: Micros = BEGIN) -> Iterator[tuple[Micros, bytes]]:
    """The events of a test as lines of JSON, each with its time."""
    series = case.events or ((Series(event=case.event),) if case.event is not None else ())
    for number, each in enumerate(series):
        random = Random(number)  # noqa: S311  (the same events every time)
        for index in range(each.repeat):
            moment = begin + each.offset + index * each.every
            fields = {name: _filled(value, index, random) for name, value in each.event.items()}
            fields.setdefault(TIME, rfc3339(moment, 6))
            yield moment, json.dumps(fields).encode() + b"\n"


def _filled(value: Any, index: int, random: Random) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda found: _place(found, index, random), value)
    if isinstance(value, Mapping):
        return {name: _filled(each, index, random) for name, each in value.items()}
    return [_filled(each, index, random) for each in value] if isinstance(value, list) else value


def _place(found: re.Match[str], index: int, random: Random) -> str:
    width, low, high = found.groups()
    if low is not None:
        return str(random.randint(int(low), int(high)))
    return f"{index + 1:0{int(width or 1)}d}"


def _judge(case: RuleTest, fired: Sequence[Finding]) -> str:
    if case.expect == "no-match":
        return f"it fired {len(fired)} times and must not" if fired else ""
    if not fired:
        return "it did not fire and must"
    if case.fires is not None and len(fired) != case.fires:
        return f"it fired {len(fired)} times and must fire {case.fires} times"
    if case.group is not None:
        wanted = {name: str(value) for name, value in case.group.items()}
        if not any(dict(finding.group) == wanted for finding in fired):
            return f"no finding is for the group {wanted}"
    return ""


def _expected(case: RuleTest) -> str:
    if case.expect == "no-match":
        return "no finding"
    times = "at least one finding" if case.fires is None else f"{case.fires} findings"
    return times if case.group is None else f"{times}, one of them for {_pairs(case.group)}"


def _seen(fired: Sequence[Finding]) -> str:
    if not fired:
        return "no finding"
    groups = [
        f"{rfc3339(each.fired_at)} {_pairs(dict(each.group))} value {each.value:g}" for each in fired[:MOST_SHOWN]
    ]
    more = f" and {len(fired) - MOST_SHOWN} more" if len(fired) > MOST_SHOWN else ""
    return f"{len(fired)} finding{'' if len(fired) == 1 else 's'}: {'; '.join(groups)}{more}"


def _pairs(group: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in group.items())


MOST_SHOWN = 3
"""Findings of a test that failed that are shown."""

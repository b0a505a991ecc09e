"""Which fields are asked for of a source, and whether its records ever have them.

Rule of this file: a few records of some blocks are looked at, decoded in full, beside what the scan is for: whoever
misspells a field is told without any record costing more.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sentinel.detect.access import Entry
from sentinel.detect.counters import counted_fields, group_fields
from sentinel.detect.fields import MISSING, Getter, getter
from sentinel.detect.match import items
from sentinel.detect.pipelines import Pipeline
from sentinel.detect.placing import named_fields
from sentinel.detect.predicates import FLAGS_FIELD, TIME_FIELD
from sentinel.detect.rules import Correlation, Detection
from sentinel.detect.witness import DERIVED
from sentinel.formats.base import Parser
from sentinel.model import Block, Event

ENOUGH: Final = 1000
"""Records looked at before it is said that a field is never there."""

EACH: Final = 16
"""Records looked at in a block; and of so many blocks one is looked at, once enough records were."""

CANDIDATES: Final = 8
"""Candidates of a block looked at beside them: what a rule asks for may be rare."""

MOST_NAMES: Final = 2000


class Unseen:
    """The fields of rules that were not yet in any record looked at. `asked` are the fields by the rule's name."""

    def __init__(self, asked: Mapping[str, Iterable[str]], parse: Parser) -> None:
        self._asked = {rule: tuple(fields) for rule, fields in asked.items()}
        self._parse = parse
        self._missing: dict[str, Getter] = {name: getter(name) for fields in asked.values() for name in fields}
        self._blocks = 0
        self.records = 0
        self.names: set[str] = set()

    def look(self, block: Block, events: Sequence[Event] = (), each: int = EACH) -> None:
        """Look at some records of the block and some of its candidates, if it is this block's turn."""
        self._blocks += 1
        if not self._missing or (self.records >= ENOUGH and self._blocks % EACH):
            return
        for event in events[:CANDIDATES]:
            self._note(event.fields)
        for start, end in _some(block, each):
            parsed = self._parse(block.data[start:end].removesuffix(b"\r"), block.reference)
            self._note({"message": ""} if parsed is None else parsed[0])

    def never_seen(self, enough: int = ENOUGH) -> list[tuple[str, str]]:
        """Rule and field for each field that no record had, once enough were looked at."""
        if self.records < enough:
            return []
        missing = self._missing
        return [(rule, name) for rule, fields in self._asked.items() for name in fields if name in missing]

    def _note(self, fields: dict[str, Any]) -> None:
        self.records += 1
        found = [name for name, get in self._missing.items() if get(fields) is not MISSING]
        for name in found:
            del self._missing[name]
        if len(self.names) < MOST_NAMES:
            self.names.update(_names(fields))


def _some(block: Block, each: int) -> Iterator[tuple[int, int]]:
    """Places of so many records, spread over the block."""
    data, starts = block.data, block.starts
    if starts is not None:
        for number in range(0, len(starts), max(1, len(starts) // each)):
            yield starts[number], starts[number + 1] - 1 if number + 1 < len(starts) else len(data)
        return
    last = -1
    for part in range(each):
        start = data.rfind(b"\n", 0, len(data) * part // each) + 1
        end = data.find(b"\n", start)
        if last < start < end:
            yield start, end
            last = start


def _names(fields: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _names(value, f"{path}{name}.")
        elif not name.startswith(DERIVED):
            yield path + name


def asked(rules: Iterable[Detection], entries: Iterable[Entry]) -> dict[str, list[str]]:
    """By rule, the fields that a record must have for it: not what the inventory gives, nor what may be missing."""
    given = {TIME_FIELD, FLAGS_FIELD, *(name for entry in entries for name in entry.derived)}
    found = {}
    for rule in rules:
        names = [
            item.field
            for item in items(rule.condition)
            if item.field is not None and "exists" not in item.key.split("|") and None not in item.values
        ]
        wanted = [name for name in dict.fromkeys(names) if name not in given and not name.startswith(DERIVED)]
        if wanted:
            found[rule.about.key] = wanted
    return found


def used(
    detections: Sequence[Detection],
    correlations: Sequence[Correlation],
    entries: Sequence[Entry],
    pipeline: Pipeline,
) -> frozenset[str] | None:
    """Every field that anything routed here asks for, as the source calls it; None (all fields) where a keyword
    searches them all.
    """
    nodes = [rule.condition for rule in detections] + [each.condition for rule in detections for each in rule.filters]
    nodes += [entry.node for entry in entries]
    found: set[str] = set()
    for item in (item for node in nodes for item in items(node)):
        if item.field is None:
            return None
        found.update(item.fields)
    for entry in entries:
        said = (entry.entry.subject, entry.entry.records, entry.entry.bytes)
        found.update(name for name in said if name is not None)
        if entry.entry.actor is not None:
            found.add(entry.entry.actor.field)
    for rule in detections:
        additions = rule.about.additions
        found.update(name for name in (additions.data.subject, additions.data.actor) if name is not None)
        names = pipeline.names(rule.logsource)
        renamed = (*additions.suppress.per, *named_fields(additions))
        found.update((*additions.case.key, *(new for old in renamed for new in names.get(old, (old,)))))
        for correlation in correlations:
            if any(each.about.key == rule.about.key for each in correlation.rules):
                key = rule.about.key
                groups = (*group_fields(correlation, key, names), *counted_fields(correlation, key, names))
                found.update(name for each in groups for name in each)
                found.update((*correlation.about.additions.case.key, *named_fields(correlation.about.additions)))
    return frozenset(found)

"""Rules, engines and blocks for tests of detection, built as the daemon builds them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sentinel import formats, inventory, yamlfile
from sentinel.clock import Micros
from sentinel.detect import access, load
from sentinel.detect.engine import Engine
from sentinel.detect.lane import WATCH, Match, Purpose, SourceView
from sentinel.detect.rules import RuleSet
from sentinel.formats.base import FormatOptions
from sentinel.model import Block, Event, LogSource, Position
from sentinel.problems import Problem

NOON: Micros = 1_772_625_600_000_000
"""2026-03-04T12:00:00Z."""

Rule = Mapping[str, Any]


def read(text: str, file: str = "rules.yml") -> tuple[RuleSet, list[Problem]]:
    """The rules of a file, and every problem with it."""
    documents, problems = yamlfile.parse(text, file)
    rules, more = load.load(documents)
    return rules, [*problems, *more]


def rules_of(*documents: Rule | str) -> RuleSet:
    """The rules, which have no errors."""
    texts = [each if isinstance(each, str) else json.dumps(each) for each in documents]
    rules, problems = read("\n---\n".join(texts))
    errors = [problem for problem in problems if problem.is_error]
    assert not errors, "\n".join(map(str, errors))
    return rules


def detection(name: str, selections: Mapping[str, Any], condition: str = "selection", **more: Any) -> dict[str, Any]:
    """A rule over one event, for any web server's log unless said otherwise."""
    return {
        "title": name,
        "name": name,
        "logsource": {"category": "webserver"},
        "detection": {**selections, "condition": condition},
        **more,
    }


def correlation(name: str, rules: Sequence[str], condition: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A rule over many events; a condition with a field counts its values."""
    known: dict[str, Any] = {key: more.pop(key) for key in ("group-by", "timespan", "generate") if key in more}
    section: dict[str, Any] = {
        "type": more.pop("type", "value_count" if "field" in condition else "event_count"),
        "rules": list(rules),
        "group-by": ["who"],
        "timespan": "10s",
        **({"condition": dict(condition)} if condition else {}),
        **known,
    }
    return {"title": name, "name": name, "level": "high", "correlation": section, **more}


def entries_of(text: str | Mapping[str, Any]) -> tuple[access.Entry, ...]:
    """The access entries of an inventory that has no errors."""
    read_inventory, problems = inventory.parse(text if isinstance(text, str) else json.dumps(text))
    assert read_inventory is not None, problems
    found, more = access.entries(read_inventory)
    assert not more, "\n".join(map(str, more))
    return found


def a_view(spec: formats.Spec = "json", name: str = "app", **logsource: str) -> SourceView:
    return SourceView(name, formats.make(spec, FormatOptions()), LogSource(**(logsource or {"category": "webserver"})))


def an_engine(
    rules: RuleSet,
    views: Iterable[SourceView] | None = None,
    entries: Sequence[access.Entry] = (),
    purpose: Purpose = WATCH,
    **more: Any,
) -> Engine:
    return Engine(rules, entries, [a_view()] if views is None else list(views), key=b"k" * 32, purpose=purpose, **more)


def a_block(
    data: bytes, offset: int = 0, source: str = "app", stream: int = 1, reference: Micros = NOON, **more: Any
) -> Block:
    position = Position(source=source, stream=stream, state="")
    return Block(
        source=source,
        stream=stream,
        path=f"{source}.log",
        offset=offset,
        data=data,
        position=position,
        reference=reference,
        **more,
    )


def json_lines(records: Iterable[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(record).encode() + b"\n" for record in records)


def a_match(
    fields: Mapping[str, Any], time: Micros, rules: tuple[int, ...] = (0,), source: str = "app", offset: int = 0
) -> Match:
    """An event that was found to match rules; its record is its fields as JSON, at the offset."""
    data = json_lines([fields])
    return Match(Event(dict(fields), time, 6, a_block(data, offset, source), 0, len(data) - 1), (), rules)

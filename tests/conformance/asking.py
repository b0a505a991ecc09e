"""A rule in, a verdict out: through the real loader, scanner, parser and matcher."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from sentinel.clock import SECOND, rfc3339
from sentinel.detect.modifiers import Setting
from sentinel.detect.rules import RuleSet
from sentinel.model import Finding
from tests.detecting import NOON, a_block, an_engine, json_lines, read, rules_of

__all__ = ["Setting", "findings", "holds", "matched", "problems_of", "rule", "stamped"]

HEAD = "title: t\nname: t\nlogsource: {category: webserver}\n"


def rule(detection: str, more: str = "") -> str:
    """A document around a `detection:` map in YAML; without a condition it is `selection`."""
    lines = [f"    {line}" for line in detection.strip("\n").splitlines()]
    if not any(line.startswith("    condition:") for line in lines):
        lines.append("    condition: selection")
    return HEAD + more + "detection:\n" + "\n".join(lines) + "\n"


def matched(document: str, *events: Mapping[str, Any] | bytes) -> list[bool]:
    """Whether the rule matches each event (its fields, or its record as written)."""
    return _verdicts(rules_of(document), events)


def _verdicts(rules: RuleSet, events: Iterable[Mapping[str, Any] | bytes]) -> list[bool]:
    found = []
    for each in events:
        data = each + b"\n" if isinstance(each, bytes) else json_lines([each])
        found.append(bool(an_engine(rules).matches(a_block(data))))
    return found


def holds(
    items: Mapping[str, Any] | list[Any] | str, *events: Mapping[str, Any] | bytes, **sentinel: Any
) -> list[bool]:
    """Whether a selection holds for each event."""
    return matched(document(items, **sentinel), *events)


def document(items: Mapping[str, Any] | list[Any] | str, **sentinel: Any) -> str:
    """A rule of one selection, as YAML."""
    body = {"selection": items, "condition": "selection"}
    more = {"sentinel": sentinel} if sentinel else {}
    head = {"title": "t", "name": "t", "logsource": {"category": "webserver"}}
    return yaml.safe_dump({**head, "detection": body, **more}, allow_unicode=True, sort_keys=False)


def problems_of(text: str | Mapping[str, Any] | list[Any]) -> list[str]:
    """The problems with a rule file, or with a rule of that selection, as `line:column CODE`, errors and warnings."""
    found = read(text if isinstance(text, str) else document(text))[1]
    return [f"{each.span.line}:{each.span.column} {each.code}" for each in found]


def stamped(*events: tuple[float, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Events with their times, given in seconds after noon."""
    return [{"@timestamp": rfc3339(NOON + round(at * SECOND), 6), **fields} for at, fields in events]


def findings(rules: RuleSet, events: Iterable[Mapping[str, Any]]) -> list[Finding]:
    """What comes of events in the order given, each written as a line of its own."""
    data = b"".join(json.dumps(each).encode() + b"\n" for each in events)
    return [each for each in an_engine(rules).judge(a_block(data), None) if not each.update]

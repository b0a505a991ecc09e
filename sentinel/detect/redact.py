"""What must not be kept or shown: texts that selections under `sentinel.redact` find are masked.

Every mask is for everything that leaves the engine, whichever rule it comes from: values in findings, records kept as
evidence, explanations. A mask names the text by a few digits of its keyed hash, so that equal texts can be told.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sentinel.detect.counters import HashText
from sentinel.detect.fields import texts
from sentinel.detect.match import items
from sentinel.detect.predicates import MOST_FOUND
from sentinel.detect.rules import RuleSet
from sentinel.detect.values import Pattern
from sentinel.formats.base import Parser
from sentinel.model import Finding

WHOLE = b"[redacted: the record could not be masked in part]"


class Redaction:
    """The masks of a set of rules."""

    def __init__(self, rules: RuleSet, hash_text: HashText) -> None:
        self._hash = hash_text
        self._patterns: list[Pattern] = []
        for rule in rules.detections:
            for name in rule.about.additions.redact:
                wanted = (each for item in items(rule.selections[name].node) for group in item.wanted for each in group)
                self._patterns += [each for each in wanted if isinstance(each, Pattern)]

    def __bool__(self) -> bool:
        return bool(self._patterns)

    def text(self, value: str) -> str:
        """The text with everything masked."""
        for begin, end in reversed(_joined(span for each in self._patterns for span in _spans(each, value))):
            value = f"{value[:begin]}[redacted {self._hash(value[begin:end]) & 0xFFFF:04x}]{value[end:]}"
        return value

    def value(self, value: Any) -> Any:
        """The same of whatever has texts in it: maps and lists too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {name: self.value(each) for name, each in value.items()}
        return [self.value(each) for each in value] if isinstance(value, list) else value

    def record(self, raw: bytes, parse: Parser, reference: int) -> bytes:
        """The record with everything masked, as it stands there and as its format reads it. Where an escape keeps the
        two apart nothing of it is kept.
        """
        if not self._patterns:
            return raw
        masked = self.text(raw.decode(errors="replace")).encode()
        parsed = parse(masked, reference)
        values = [*texts(parsed[0])] if parsed is not None else []
        return WHOLE if any(self.text(each) != each for each in values) else masked

    def findings(self, found: list[Finding]) -> list[Finding]:
        """The findings with their values masked."""
        return [self._finding(each) for each in found] if self._patterns else found

    def _finding(self, finding: Finding) -> Finding:
        return replace(
            finding,
            group=tuple((name, self.text(value)) for name, value in finding.group),
            case_key=tuple((name, self.text(value)) for name, value in finding.case_key),
            actors=tuple(map(self.text, finding.actors)),
        )


def _spans(pattern: Pattern, value: str) -> Iterable[tuple[int, int]]:
    """Where what the pattern finds stands, without the signs around it; with a check, what passes it."""
    assert pattern.regex is not None, "finished by modifiers.wanted"
    group = "value" if "value" in pattern.regex.groups else 0
    place = 0
    for _ in range(MOST_FOUND):
        found = pattern.regex.search(value, place) if place <= len(value) else None
        if found is None:
            return
        begin, end = found.span(group)
        text = value[begin:end]
        if text and (pattern.check is None or pattern.check(text)):
            inner = text.strip(" \t\"'(),;:<>[]{}|&?")
            begin += text.find(inner)
            if inner:
                yield begin, begin + len(inner)
        place = found.start() + 1


def _joined(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The spans in order, those that overlap as one."""
    found: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if found and begin < found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found

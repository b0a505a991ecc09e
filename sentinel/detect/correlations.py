"""Reading the `correlation:` map: which rules, which group, which window, which condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, cast, get_args

from sentinel.clock import Micros
from sentinel.detect.draft import Draft
from sentinel.detect.rules import About, Correlation, Detection, Kind
from sentinel.durations import parse as parse_duration
from sentinel.problems import did_you_mean

KINDS: tuple[str, ...] = get_args(Kind)
KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
OPERATORS = ("gte", "gt")

Fingerprint = Callable[[About, Iterable[Detection]], str]


def nearest(word: str, known: Iterable[str | None]) -> str:
    """A hint with the nearest name of a rule."""
    return did_you_mean(word, (each for each in known if each))


def with_rules(correlation: Correlation, by_key: Mapping[str, Detection]) -> Correlation:
    """The correlation over the same rules as they are now (with their filters)."""
    return replace(correlation, rules=tuple(by_key[rule.about.key] for rule in correlation.rules))


def read(draft: Draft, about: About, detections: list[Detection], fingerprint: Fingerprint) -> Correlation | None:
    """The correlation, or None when it has an error; every problem is added to the draft."""
    value: Mapping[str, Any] = draft.value["correlation"]
    for key in value:
        if key not in KEYS:
            draft.error(("correlation", key), "R020", f"unknown key '{key}'", did_you_mean(str(key), KEYS))
    kind = value.get("type")
    if kind not in KINDS:
        draft.error(
            ("correlation", "type"), "R019", f"unknown correlation type '{kind}'", did_you_mean(str(kind), KINDS)
        )
    rules = _rules(draft, value.get("rules"), detections)
    group_by = _texts(value.get("group-by"))
    timespan = _timespan(draft, value.get("timespan"))
    threshold, fields = _condition(draft, value, str(kind))
    if not draft.is_sound:
        return None
    return Correlation(
        about=about,
        kind=cast("Kind", kind),
        rules=rules,
        group_by=group_by,
        timespan=timespan,
        threshold=threshold,
        fields=fields,
        generate=bool(value.get("generate", False)),
        fingerprint=fingerprint(about, rules),
    )


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None else (value,) if isinstance(value, str) else tuple(str(each) for each in value)


def _rules(draft: Draft, value: Any, detections: list[Detection]) -> tuple[Detection, ...]:
    by_reference = {ref: rule for rule in detections for ref in (rule.about.id, rule.about.name) if ref}
    found: list[Detection] = []
    for place, reference in enumerate(_texts(value)):
        rule = by_reference.get(reference)
        if rule is None:
            path = ("correlation", "rules", place) if isinstance(value, list) else ("correlation", "rules")
            hint = nearest(reference, by_reference) if by_reference else "no other rule could be read"
            draft.error(path, "R004", f"there is no rule '{reference}'", hint)
        elif rule not in found:
            found.append(rule)
    return tuple(found)


def _timespan(draft: Draft, value: Any) -> Micros:
    try:
        timespan = parse_duration(str(value))
    except ValueError:
        timespan = 0
    if timespan <= 0:
        hint = "a number above 0 and s, m (minutes), h, d or w, such as 10m; a month or a year has no fixed length"
        draft.error(("correlation", "timespan"), "R040", f"'{value}' is no timespan", hint)
    return timespan


def _condition(draft: Draft, value: Mapping[str, Any], kind: str) -> tuple[int, tuple[str, ...]]:
    condition = value.get("condition")
    path = ("correlation", "condition")
    if not isinstance(condition, Mapping):
        draft.error(path, "R020", "the condition must be a map", "condition: {gte: 50}")
        return 1, ()
    operators = [key for key in condition if key in OPERATORS]
    unknown = [key for key in condition if key not in (*OPERATORS, "field")]
    for key in unknown:
        draft.error(
            (*path, key), "R020", f"'{key}' cannot stand in a {kind} condition", "gte or gt, and a whole number"
        )
    if len(operators) != 1:
        draft.error(path, "R020", "the condition needs exactly one of gte and gt", "condition: {gte: 50}")
        return 1, ()
    number = condition[operators[0]]
    if isinstance(number, bool) or not isinstance(number, int) or number < 0:
        draft.error((*path, operators[0]), "R020", f"'{number}' is no whole number", "counts are whole numbers")
        return 1, ()
    fields = _texts(condition.get("field"))
    if kind == "value_count" and not fields:
        draft.error(path, "R020", "value_count needs a field to count", "condition: {field: access.subject, gte: 50}")
    if kind == "event_count" and fields:
        draft.error((*path, "field"), "R020", "event_count counts events, not a field", "type: value_count")
    threshold = number + 1 if operators[0] == "gt" else number
    if threshold < 1:
        draft.error((*path, operators[0]), "R020", "this condition always holds", "a threshold of at least 1")
    return threshold, fields

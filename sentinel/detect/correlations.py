"""Reading `correlation:` maps: which rules, which group, which window, which condition."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast, get_args

from sentinel.clock import Micros
from sentinel.detect import placing
from sentinel.detect.draft import Draft
from sentinel.detect.lint import ask_pysigma
from sentinel.detect.lists import Texts, resolved
from sentinel.detect.measures import NUMERIC, TEMPORAL
from sentinel.detect.presence import read as read_presence
from sentinel.detect.rules import About, Bounds, Correlation, Detection, Kind, Presence
from sentinel.detect.unusual.judge import fingerprint
from sentinel.detect.values import ValueRefused
from sentinel.durations import parse as parse_duration
from sentinel.problems import did_you_mean

KINDS: tuple[str, ...] = get_args(Kind)
KEYS = ("type", "rules", "group-by", "timespan", "condition", "aliases", "generate")
BOUNDS = {"gte": "least", "gt": "above", "lte": "most", "lt": "below", "eq": "equal", "neq": "unequal"}
"""Operators of a condition, and the bound that each is."""

NONE_AT_ALL = (Bounds(below=1), Bounds(most=0), Bounds(equal=0))
"""Conditions that hold where nothing was counted, and nowhere else."""

_BEGUN = ("event_count", "value_count", "temporal")
"""Kinds whose windows come to 1 with the event that they begin with."""

CONDITION = ("correlation", "condition")


def nearest(word: str, known: Iterable[str | None]) -> str:
    """A hint with the nearest name of a rule."""
    return did_you_mean(word, (each for each in known if each))


def with_rules(correlation: Correlation, by_key: Mapping[str, Detection]) -> Correlation:
    """The correlation over the same rules as they are now (with their filters)."""
    return replace(correlation, rules=tuple(by_key[rule.about.key] for rule in correlation.rules))


def read_all(drafts: Sequence[tuple[Draft, About]], detections: Sequence[Detection], lists: Texts) -> list[Correlation]:
    """The correlations that could be read, those that others refer to first; problems are added to the drafts."""
    readers = {about.key: _Reader(draft, about, lists) for draft, about in drafts}
    by_reference = {ref: about.key for _, about in drafts for ref in (about.id, about.name) if ref}
    known: dict[str, Detection | Correlation] = {
        ref: rule for rule in detections for ref in (rule.about.id, rule.about.name) if ref
    }
    found: list[Correlation] = []
    waiting = dict(readers)
    while waiting:
        ready = [key for key, reader in waiting.items() if not _open_references(reader, by_reference, waiting)]
        for key in ready or list(waiting):
            reader = waiting.pop(key)
            if not ready:
                message = "these rules refer to each other in a circle"
                reader.draft.error(
                    ("correlation", "rules"), "R005", message, "a correlation counts what came before it"
                )
            correlation = reader.read(known)
            if correlation is not None:
                found.append(correlation)
                known |= {ref: correlation for ref in (correlation.about.id, correlation.about.name) if ref}
    return found


def _open_references(reader: _Reader, by_reference: Mapping[str, str], waiting: Mapping[str, _Reader]) -> bool:
    return any(by_reference.get(reference) in waiting for reference in reader.references)


class _Reader:
    """One correlation document while it is being read."""

    def __init__(self, draft: Draft, about: About, lists: Texts) -> None:
        self.draft = draft
        self.lists = lists
        self.about = about
        self.value: Mapping[str, Any] = draft.value["correlation"]
        self.references = _texts(self.value.get("rules"))
        if not self.references and isinstance(self.value.get("condition"), str):
            self.references = _names_in(self.value["condition"])

    def read(self, known: Mapping[str, Detection | Correlation]) -> Correlation | None:
        """The correlation, or None when it has an error."""
        draft, value = self.draft, self.value
        for key in value:
            if key not in KEYS:
                draft.error(("correlation", key), "R020", f"unknown key '{key}'", did_you_mean(str(key), KEYS))
        kind = value.get("type")
        if kind not in KINDS:
            hint = did_you_mean(str(kind), KINDS)
            draft.error(("correlation", "type"), "R019", f"unknown correlation type '{kind}'", hint)
        rules = self._rules(known)
        timespan = _timespan(draft, value.get("timespan"))
        aliases = self._aliases(known)
        condition = _Condition(draft, value, str(kind), [rule.about.key for rule in rules])
        self._check_groups(rules, aliases)
        group_by = _texts(value.get("group-by"))
        placing.check(draft, self.about.additions, str(kind))
        placing.check_correlation(
            draft,
            self.about.additions,
            group_by,
            condition.fields,
            [rule.about.key for rule in rules],
            is_judged_at_end=condition.bounds is not None or condition.expression is not None,
        )
        if self.about.additions.absence is not None and condition.bounds not in NONE_AT_ALL:
            message = "an absence is that there was nothing at all"
            draft.error(CONDITION, "R064", message, "condition: {lt: 1}")
        if self.about.additions.absence is None and condition.is_of_nothing and kind in _BEGUN:
            message = "a window begins with an event, so this never holds"
            draft.error(CONDITION, "R020", message, "'sentinel: {absence: …}' tells what was not there")
        lists = resolved(draft, self.about.additions.lists, self.lists)
        if draft.is_sound:
            ask_pysigma(draft)
        if not draft.is_sound:
            return None
        chained = [rule for rule in rules if isinstance(rule, Correlation)]
        return Correlation(
            about=self.about,
            kind=cast("Kind", kind),
            rules=tuple(rule for rule in rules if isinstance(rule, Detection)),
            group_by=group_by,
            timespan=timespan,
            threshold=condition.threshold,
            fields=condition.fields,
            generate=bool(value.get("generate", False)),
            fingerprint=_fingerprint(self.about, rules),
            counted=_counted(self.about, value, condition.fields, rules),
            lists=lists,
            order=tuple(rule.about.key for rule in rules),
            chained=tuple(rule.about.key for rule in chained),
            aliases=aliases,
            percentile=condition.percentile,
            bounds=None if self.about.additions.absence is not None else condition.bounds,
            expression=condition.expression,
        )

    def _rules(self, known: Mapping[str, Detection | Correlation]) -> list[Detection | Correlation]:
        found: list[Detection | Correlation] = []
        for place, reference in enumerate(self.references):
            rule = known.get(reference)
            if rule is not None:
                found += [] if any(rule is each for each in found) else [rule]
                continue
            listed = isinstance(self.value.get("rules"), list)
            path = ("correlation", "rules", place) if listed else ("correlation", "rules")
            hint = nearest(reference, known) if known else "no other rule could be read"
            self.draft.error(path, "R004", f"there is no rule '{reference}'", hint)
        return found

    def _aliases(self, known: Mapping[str, Detection | Correlation]) -> dict[str, dict[str, str]]:
        """The field of each alias by the key of the rule it is for."""
        given = self.value.get("aliases")
        if given is None:
            return {}
        if not isinstance(given, Mapping) or not all(isinstance(each, Mapping) for each in given.values()):
            hint = "aliases: {person: {login: user.name, read: actor}}"
            self.draft.error(("correlation", "aliases"), "R020", "aliases are maps from rule to field", hint)
            return {}
        found: dict[str, dict[str, str]] = {}
        for alias, mapping in given.items():
            for reference, field in mapping.items():
                rule = known.get(str(reference))
                if rule is None or reference not in self.references:
                    hint = did_you_mean(str(reference), self.references)
                    where = ("correlation", "aliases", alias, reference)
                    self.draft.error(where, "R004", f"the alias names a rule that is not counted: '{reference}'", hint)
                else:
                    found.setdefault(str(alias), {})[rule.about.key] = str(field)
            for reference in self.references:
                if reference not in mapping:
                    path, hint = ("correlation", "aliases", alias), f"add '{reference}: FIELD'"
                    self.draft.error(path, "R020", f"the alias has no field for the rule '{reference}'", hint)
        return found

    def _check_groups(self, rules: Sequence[Detection | Correlation], aliases: Mapping[str, Mapping[str, str]]) -> None:
        """A correlation is an event with its group's fields alone: what the outer one groups by must be among them."""
        for inner in rules:
            if not isinstance(inner, Correlation):
                continue
            for name in _texts(self.value.get("group-by")):
                field = aliases.get(name, {}).get(inner.about.key, name)
                if field not in inner.group_by:
                    message = f"'{inner.about.key}' has no '{field}' to group by: it is grouped by {_listed(inner)}"
                    hint = f"group '{inner.about.key}' by it too, or use an alias"
                    self.draft.error(("correlation", "group-by"), "R047", message, hint)


def _listed(rule: Correlation) -> str:
    return ", ".join(rule.group_by) or "nothing"


def _texts(value: Any) -> tuple[str, ...]:
    return () if value is None else tuple(str(each) for each in value) if isinstance(value, list) else (str(value),)


def _names_in(condition: str) -> tuple[str, ...]:
    try:
        return read_presence(condition)[1]
    except ValueRefused:
        return ()


def _timespan(draft: Draft, value: Any) -> Micros:
    try:
        timespan = parse_duration(str(value))
    except ValueError:
        timespan = 0
    if timespan <= 0:
        hint = "a number above 0 and s, m (minutes), h, d or w, such as 10m; a month or a year has no fixed length"
        draft.error(("correlation", "timespan"), "R040", f"'{value}' is no timespan", hint)
    return timespan


def _fingerprint(about: About, rules: Iterable[Detection | Correlation]) -> str:
    """A digest of all that decides what stands in the windows of a correlation. When it changes they start empty."""
    parts: list[Any] = [about.key, about.source["correlation"], about.additions.lists, about.additions.timezone]
    parts += [kind for kind in ("sequence", "score") if getattr(about.additions, kind) is not None]
    for rule in rules:
        if isinstance(rule, Correlation):
            parts.append(rule.fingerprint)
        else:
            source = rule.logsource
            additions = rule.about.additions
            parts += [rule.about.source["detection"], [source.category, source.product, source.service]]
            parts += [additions.lists, additions.timezone]
            parts += [additions.extract] if additions.extract else []
    return fingerprint(parts)


def _counted(
    about: About, section: Mapping[str, Any], fields: Sequence[str], rules: Iterable[Detection | Correlation]
) -> str:
    """A digest of what is counted and how, but for the threshold and the values of lists: what has been learned of it
    is still true when those change.
    """
    how = {key: section.get(key) for key in ("type", "group-by", "timespan", "aliases")}
    parts: list[Any] = [about.key, how, fields, about.additions.timezone]
    for rule in rules:
        if isinstance(rule, Correlation):
            parts.append(rule.counted)
        else:
            source = rule.logsource
            parts += [rule.about.source["detection"], [source.category, source.product, source.service]]
            parts.append(rule.about.additions.extract)
    return fingerprint(parts)


# --- conditions --------------------------------------------------------------------------------------------


class _Condition:
    """What a `condition:` says: a threshold that is reached, bounds that are judged at the end, or an expression."""

    def __init__(self, draft: Draft, value: Mapping[str, Any], kind: str, rules: Sequence[str]) -> None:
        self.threshold: float = 1
        self.fields: tuple[str, ...] = ()
        self.percentile = 50
        self.bounds: Bounds | None = None
        self.expression: Presence | None = None
        self.is_of_nothing = False
        self._draft = draft
        self._kind = kind
        condition = value.get("condition")
        if condition is None and kind in TEMPORAL:
            self.threshold = len(rules)
        elif isinstance(condition, str) and kind in TEMPORAL:
            self._read_expression(condition, value, rules)
        elif isinstance(condition, Mapping):
            self._read_map(condition)
        else:
            draft.error(CONDITION, "R020", "the condition must be a map", "condition: {gte: 50}")

    def _read_expression(self, text: str, value: Mapping[str, Any], rules: Sequence[str]) -> None:
        try:
            expression, names, says_not = read_presence(text)
        except ValueRefused as refused:
            self._draft.error(CONDITION, refused.code, refused.message, refused.hint)
            return
        listed = _texts(value.get("rules")) or names
        for name in [*(each for each in listed if each not in names), *(each for each in names if each not in listed)]:
            message = f"the rule '{name}' stands in only one of 'rules' and 'condition'"
            self._draft.error(CONDITION, "R011", message, "name the same rules in both, or leave 'rules' out")
        by_name = dict(zip(listed, rules, strict=False))
        self.expression = lambda present: expression({name for name, key in by_name.items() if key in present})
        if self._kind == "temporal_ordered":
            message = "an expression says nothing of order"
            self._draft.error(CONDITION, "R020", message, "type: temporal, or no condition")
        if says_not:
            self.bounds = Bounds(least=1)  # what is absent is known when the window closes

    def _read_map(self, condition: Mapping[str, Any]) -> None:
        operators = [key for key in condition if key in BOUNDS]
        allowed = (*BOUNDS, "field", *(("percentile",) if self._kind == "value_percentile" else ()))
        for key in condition:
            if key not in allowed:
                message = f"'{key}' cannot stand in a {self._kind} condition"
                self._draft.error((*CONDITION, key), "R020", message, did_you_mean(str(key), allowed))
        numbers = {key: self._number(key, condition[key]) for key in operators}
        self._read_fields(condition)
        if self._kind == "value_percentile":
            self._read_percentile(condition.get("percentile"))
        if not operators:
            self._draft.error(CONDITION, "R020", "the condition has no number to compare with", "condition: {gte: 50}")
        elif not self._draft.is_sound:
            return
        elif len(operators) == 1 and operators[0] in ("gte", "gt"):
            self._read_threshold(operators[0], numbers[operators[0]])
        else:
            self.bounds = Bounds(**{BOUNDS[key]: number for key, number in numbers.items()})
            self._check_bounds(self.bounds)

    def _read_threshold(self, operator: str, number: float) -> None:
        if self._kind in NUMERIC:
            self.threshold = number if operator == "gte" else _next_above(number)
            return
        self.threshold = number + 1 if operator == "gt" else number
        if self.threshold < 1:
            path = (*CONDITION, operator)
            self._draft.error(path, "R020", "this condition always holds", "a threshold of at least 1")

    def _check_bounds(self, bounds: Bounds) -> None:
        least = max((each for each in (bounds.least, bounds.above) if each is not None), default=None)
        most = min((each for each in (bounds.most, bounds.below) if each is not None), default=None)
        self.is_of_nothing = bounds.equal == 0 or (most is not None and most <= 1 and not bounds.hold(1))
        is_empty = (
            least is not None and most is not None and (least > most or (least == most and not bounds.hold(least)))
        )
        if is_empty:
            self._draft.error(CONDITION, "R020", "no number is within these bounds", "the lower one must be lower")

    def _number(self, key: str, number: Any) -> float:
        is_number = isinstance(number, int | float) and not isinstance(number, bool)
        whole = self._kind not in NUMERIC
        if not is_number or math.isnan(number) or math.isinf(number) or (whole and not isinstance(number, int)):
            what = "a whole number" if whole else "a number"
            self._draft.error((*CONDITION, key), "R020", f"'{number}' is not {what}", f"{key}: 50")
            return 0
        if whole and number < 0:
            self._draft.error((*CONDITION, key), "R020", f"'{number}' is below 0, and a count is not", f"{key}: 50")
        return cast("float", number)

    def _read_fields(self, condition: Mapping[str, Any]) -> None:
        self.fields = _texts(condition.get("field"))
        counts_field = self._kind in NUMERIC or self._kind == "value_count"
        if counts_field and not self.fields:
            hint = f"condition: {{field: access.subject, gte: 50}} for {self._kind}"
            self._draft.error(CONDITION, "R020", f"{self._kind} needs a field", hint)
        if not counts_field and self.fields:
            hint = "type: value_count" if self._kind == "event_count" else "leave it out"
            self._draft.error((*CONDITION, "field"), "R020", f"{self._kind} looks at no field", hint)
        if self._kind in NUMERIC and len(self.fields) > 1:
            message = f"{self._kind} is of one field"
            self._draft.error((*CONDITION, "field"), "R020", message, "one name")

    def _read_percentile(self, percent: Any) -> None:
        if percent is None:
            message = "value_percentile does not say which percentile of the numbers is compared"
            hint = "percentile: 95; that a value is among the rarest is no condition here"
            self._draft.error(CONDITION, "R020", message, hint)
        elif isinstance(percent, bool) or not isinstance(percent, int) or not 0 < percent <= 100:
            message = f"'{percent}' is no percentile"
            self._draft.error((*CONDITION, "percentile"), "R020", message, "a whole number from 1 to 100")
        else:
            self.percentile = percent


def _next_above(number: float) -> float:
    """The smallest double above the number: what is at least that is more than the number."""
    return math.nextafter(float(number), math.inf)

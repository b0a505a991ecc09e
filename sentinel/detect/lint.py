"""What is wrong with a rule document as a whole, before its selections are read.

Most of it is what pySigma, the JSON schemas and other tools let through and then never match.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from typing import Any

from sigma.correlations import SigmaCorrelationRule
from sigma.exceptions import SigmaError
from sigma.filters import SigmaFilter
from sigma.rule import SigmaRule

from sentinel.detect.draft import Draft

SWALLOWED = ("rules", "type", "generate", "timespan", "group-by", "aliases", "condition")
"""Keys that belong inside `correlation:`; beside it they are read by nobody."""

METADATA = ("title", "id", "status", "description", "date", "modified", "author", "level", "tags", "references")
"""Keys that belong to the document; inside `detection:` or `filter:` they would be selections."""

COLLECTION = ("global", "repeat", "reset")
"""What `action:` joined documents by, before correlations; read alone, such a document would be another rule."""

AFFIXES = frozenset({"contains", "startswith", "endswith"})

LEVELS = ("informational", "low", "medium", "high", "critical")


def lint(draft: Draft) -> None:
    """Add what is wrong with the document to its problems."""
    value = draft.value
    if not isinstance(value, Mapping):
        draft.error((), "R001", "a rule is a map", "it begins with 'title:'")
        return
    if value.get("action") in COLLECTION:
        hint = "write every rule as a whole document; what they share, in each of them"
        draft.error(
            ("action",), "R065", f"'action: {value['action']}' joins documents, which Sigma no longer does", hint
        )
        return
    if draft.kind == "unknown":
        hint = "a rule has one of 'detection:', 'correlation:' and 'filter:'"
        draft.error((), "R001", "this document is no rule", hint)
        return
    _common(draft, value)
    for kind in ("detection", "correlation", "filter"):
        if kind != draft.kind and kind in value:
            draft.error((kind,), "R001", f"a {draft.kind} rule cannot have '{kind}:' too", "write two documents")
    section = value[draft.kind]
    if not isinstance(section, Mapping):
        draft.error((draft.kind,), "R001", f"'{draft.kind}:' must be a map")
        return
    if draft.kind == "correlation":
        _correlation(draft, value)
    else:
        _logsource(draft, value)
        _section(draft, draft.kind, section)


def _common(draft: Draft, value: Mapping[str, Any]) -> None:
    if not value.get("title"):
        draft.error((), "R008", "the rule has no title", "people read the title in messages and in the register")
    if "custom_attributes" in value:
        hint = "pySigma drops this key; use 'sentinel:' or a key of your own"
        draft.warn(("custom_attributes",), "R007", "'custom_attributes:' is lost in other tools", hint)
    level = value.get("level")
    if level is not None and level not in LEVELS:
        draft.error(("level",), "R009", f"'{level}' is no level", f"one of {', '.join(LEVELS)}")
    if level is None and draft.kind == "correlation":
        draft.warn((), "R043", "the correlation has no level and counts as medium", "write level: high, or what fits")


def _logsource(draft: Draft, value: Mapping[str, Any]) -> None:
    source = value.get("logsource")
    if not isinstance(source, Mapping) or not any(source.get(key) for key in ("category", "product", "service")):
        hint = "logsource: {category: webserver}"
        draft.error(("logsource",), "R044", "the rule does not say which logs it is for", hint)


def _section(draft: Draft, name: str, section: Mapping[str, Any]) -> None:
    if "condition" not in section:
        draft.error((name,), "R010", "there is no condition", "condition: selection")
    for key in section:
        if key in METADATA:
            hint = f"move it out of '{name}:'"
            draft.error((name, key), "R017", f"'{key}' inside '{name}:' would be a selection", hint)
        if str(key).startswith("not") and key != "not":
            hint = "Sigma tools read it as 'not' and the rest; give the selection another name"
            draft.error((name, key), "R015", f"the name '{key}' begins with 'not'", hint)
        if key not in ("condition", "rules", "timeframe"):
            _wildcards(draft, (name, key), section[key])
    if "timeframe" in section:
        hint = "count with a correlation: docs/rules.md"
        draft.error((name, "timeframe"), "R010", "'timeframe' belongs to the old '| count()'", hint)
    condition = str(section.get("condition", ""))
    if name == "filter" and not re.search(r"\bnot\b", condition):
        hint = "the condition says which matches remain; an exception reads 'not selection'"
        draft.warn((name, "condition"), "R016", "this filter keeps only what it names", hint)
    if name == "filter" and "rules" not in section:
        hint = "rules: any, or a list of names or ids"
        draft.error((name,), "R004", "the filter does not say which rules it is for", hint)


def _wildcards(draft: Draft, path: tuple[str | int, ...], definition: Any, key: str = "") -> None:
    """A value that matches everything that is there: as an exclusion it kills the rule. `key` is the field, with its
    modifiers, that the value is for; there is none for a keyword.
    """
    if isinstance(definition, Mapping):
        for name, value in definition.items():
            if "|re" not in str(name):
                _wildcards(draft, (*path, name), value, str(name))
    elif isinstance(definition, list):
        for place, value in enumerate(definition):
            _wildcards(draft, (*path, place), value, key)
    elif isinstance(definition, str) and len(definition) > 1 and set(definition) == {"*"}:
        hint = r"write \* for a star; 'field|exists: true' for a field that is there"
        draft.error(path, "R018", f"'{definition}' is {len(definition)} wildcards and matches everything", hint)
    elif definition == "" and (not key.partition("|")[0] or AFFIXES.intersection(key.split("|"))):
        hint = "'field|exists: true' for a field that is there"
        draft.error(path, "R018", "an empty text is a part of every text", hint)


def _correlation(draft: Draft, value: Mapping[str, Any]) -> None:
    for key in SWALLOWED:
        if key in value:
            hint = "move it into 'correlation:'"
            draft.error((key,), "R006", f"'{key}:' beside 'correlation:' is read by nobody", hint)


_READERS: dict[str, Any] = {"detection": SigmaRule, "correlation": SigmaCorrelationRule, "filter": SigmaFilter}


def _without_range(correlation: Mapping[str, Any]) -> dict[str, Any]:
    """The correlation with one bound of its condition: the specification allows a range, pySigma does not."""
    condition = correlation.get("condition")
    if not isinstance(condition, Mapping):
        return dict(correlation)
    bounds = [key for key in condition if key in ("gte", "gt", "lte", "lt", "eq", "neq")]
    return {**correlation, "condition": {key: value for key, value in condition.items() if key not in bounds[1:]}}


_OURS = (
    "Unknown modifier",
    "RuleWithoutFieldsError",
    "Wide modifier only allowed for ascii",
    "UTF-16 modifier only allowed for valid Unicode",
    "UTF-16BE modifier only allowed for valid Unicode",
)
"""Beginnings of pySigma errors about what the specification allows and we read ourselves."""


def ask_pysigma(draft: Draft) -> None:
    """What the reference implementation refuses, in its own words, unless we know better. It is asked last, for it has
    no places.
    """
    plain = {key: _bounded(value) for key, value in draft.value.items() if key != "sentinel"}
    if draft.kind == "correlation":
        plain["correlation"] = _without_range(plain["correlation"])
    try:
        with warnings.catch_warnings():
            # It compiles patterns with `re`, which has doubts about what RE2 has none about.
            warnings.simplefilter("ignore", FutureWarning)
            errors = list(_READERS[draft.kind].from_dict(plain, collect_errors=True).errors)
    except SigmaError as refused:
        errors = [refused]
    except (TypeError, AttributeError, LookupError, NameError, ValueError, RecursionError) as broken:
        draft.error((draft.kind,), "R002", f"pySigma cannot read this document ({type(broken).__name__})")
        return
    for error in errors:
        text = str(error.args[0]) if error.args else type(error).__name__
        if not text.startswith(_OURS):
            draft.error((), "R002", f"not Sigma: {text}", "see the Sigma specification")


def _bounded(value: Any) -> Any:
    """The value without `windash`, of which pySigma writes out every variant, however many billions there are."""
    if isinstance(value, Mapping):
        return {
            key.replace("|windash", "") if isinstance(key, str) else key: _bounded(each) for key, each in value.items()
        }
    return [_bounded(each) for each in value] if isinstance(value, list) else value

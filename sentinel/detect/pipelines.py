"""Field names of rules, and what they are called in a source.

Public rules speak of `cs-method` or `c-uri`; our formats give ECS names. A pipeline says which is which, and a rule is
renamed when it is routed to a source (by its lane), so that its tests, what is scanned for and what is explained are of
one piece.

Rules of this file: where a name stands for several, any of them may hold; where the rule asks that a field be missing,
all of them must be, and none of them may be the same where it asks for another value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sentinel import ecs
from sentinel.detect.match import AllOf, AnyOf, Item, Node, Not, Selection, items
from sentinel.detect.rules import Detection, Filter
from sentinel.detect.selections import build
from sentinel.detect.values import Alternatives, Exists, FieldReference, Null
from sentinel.model import LogSource
from sentinel.problems import Problem, did_you_mean
from sentinel.yamlfile import Document, Path

Names = Mapping[str, tuple[str, ...]]
"""What a rule calls a field -> what the source calls it."""

WEB: Names = {
    "c-ip": (ecs.SOURCE_IP,),
    "c-uri": (ecs.URL_ORIGINAL,),
    "c-uri-path": (ecs.URL_PATH,),
    "c-uri-query": (ecs.URL_QUERY,),
    "c-uri-stem": (ecs.URL_PATH,),
    "c-useragent": (ecs.USER_AGENT_ORIGINAL,),
    "cs-host": (ecs.URL_DOMAIN,),
    "cs-method": (ecs.HTTP_REQUEST_METHOD,),
    "cs-referer": (ecs.HTTP_REQUEST_REFERRER,),
    "cs-referrer": (ecs.HTTP_REQUEST_REFERRER,),
    "cs-uri": (ecs.URL_ORIGINAL,),
    "cs-uri-query": (ecs.URL_QUERY,),
    "cs-uri-stem": (ecs.URL_PATH,),
    "cs-user-agent": (ecs.USER_AGENT_ORIGINAL,),
    "cs-useragent": (ecs.USER_AGENT_ORIGINAL,),
    "cs-username": (ecs.USER_NAME,),
    "sc-bytes": (ecs.HTTP_RESPONSE_BODY_BYTES,),
    "sc-status": (ecs.HTTP_RESPONSE_STATUS_CODE,),
}
"""The names of the W3C extended log format that public rules use for web servers and proxies, in ECS."""

SHIPPED: Mapping[str, Names] = {"web": WEB, "none": {}}
"""Pipelines by the name that the configuration gives them."""

_WEB_CATEGORIES = frozenset({"webserver", "proxy"})
_WITH_OWN_NAMES = frozenset({"json", "syslog", "regex", "logfmt", "csv"})
"""Formats whose records may call their fields what they like, and so what a rule calls them too."""


ALL_LOGS = LogSource()


@dataclass(frozen=True, slots=True)
class _Step:
    """Names for rules of a log source; for every rule where that is empty."""

    names: Names
    logsource: LogSource = ALL_LOGS


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Renamings, one after the other."""

    steps: tuple[_Step, ...]

    def names(self, rule: LogSource) -> Names:
        """The names for a rule of that log source."""
        found: dict[str, tuple[str, ...]] = {}
        for step in self.steps:
            wanted = ((step.logsource.category, rule.category), (step.logsource.product, rule.product),
                      (step.logsource.service, rule.service))  # fmt: skip
            if all(mine is None or mine == its for mine, its in wanted):
                found = {old: _through(new, step.names) for old, new in found.items()} | {
                    old: new for old, new in step.names.items() if old not in found
                }
        return found


def _through(names: tuple[str, ...], step: Names) -> tuple[str, ...]:
    return tuple(new for name in names for new in step.get(name, (name,)))


def default(source: LogSource, log: str) -> Pipeline:
    """The pipeline of a source that names none: that of the web for web servers and proxies.

    `log` is the source's format. Where records may hold fields under the rule's own names, these stay good.
    """
    if (source.category or "").lower() not in _WEB_CATEGORIES:
        return Pipeline(())
    names = {old: (*new, old) for old, new in WEB.items()} if _WITH_OWN_NAMES.intersection(log.split("+")) else WEB
    return Pipeline((_Step(names),))


def shipped(name: str) -> Pipeline:
    """The pipeline of that name. Raises KeyError."""
    return Pipeline((_Step(SHIPPED[name]),))


# --- renaming ------------------------------------------------------------------------------------------------


def renamed(rules: Sequence[Detection], pipeline: Pipeline) -> list[Detection]:
    """The rules with the fields named as the pipeline says; a rule without such a field is the same as before."""
    return [_rule(rule, pipeline.names(rule.logsource)) for rule in rules] if pipeline.steps else list(rules)


def _rule(rule: Detection, names: Names) -> Detection:
    conditions = (rule.condition, *(each.condition for each in rule.filters))
    if not any(field in names for node in conditions for item in items(node) for field in item.fields):
        return rule
    return replace(
        rule,
        selections=_selections(rule.selections, names),
        condition=_node(rule.condition, names),
        filters=tuple(_filter(each, names) for each in rule.filters),
    )


def _filter(exception: Filter, names: Names) -> Filter:
    selections = _selections(exception.selections, names)
    return replace(exception, selections=selections, condition=_node(exception.condition, names))


def _selections(selections: Mapping[str, Selection], names: Names) -> dict[str, Selection]:
    return {name: Selection(name, _node(each.node, names)) for name, each in selections.items()}


def _node(node: Node, names: Names) -> Node:
    match node:
        case Item():
            return _item(node, names) if any(field in names for field in node.fields) else node
        case Selection():
            return Selection(node.name, _node(node.node, names))
        case Not():
            return Not(_node(node.node, names))
        case AllOf():
            return AllOf(tuple(_node(each, names) for each in node.nodes))
        case AnyOf():
            return AnyOf(tuple(_node(each, names) for each in node.nodes))


def _item(item: Item, names: Names) -> Node:
    fields = names.get(item.field, (item.field,)) if item.field is not None else (None,)
    wanted = [_references(each, names) for each in item.wanted]

    def under(field: str | None, modifiers: tuple[str, ...]) -> Item:
        return build(item.key, field, modifiers, item.values, wanted, item.zone)

    found = tuple(under(field, item.modifiers) for field in fields)
    if len(found) == 1:
        return found[0]
    if "neq" in item.modifiers:
        same = tuple(each for each in item.modifiers if each != "neq")
        return AllOf((AnyOf(found), *(Not(under(field, same)) for field in fields)))
    is_absence = any(isinstance(each, Null) or each == Exists(wanted=False) for group in wanted for each in group)
    return AllOf(found) if is_absence else AnyOf(found)


def _references(wanted: Alternatives, names: Names) -> Alternatives:
    return tuple(
        replace(each, name=name) if isinstance(each, FieldReference) else each
        for each in wanted
        for name in (names.get(each.name, (each.name,)) if isinstance(each, FieldReference) else ("",))
    )


# --- pipelines of pySigma --------------------------------------------------------------------------------------


def read(document: Document) -> tuple[Pipeline | None, list[Problem]]:
    """A pySigma processing pipeline that renames fields, from YAML; or every problem with it.

    Of pySigma's transformations it may have `field_name_mapping`, and of its conditions `logsource`: anything else
    would change what rules mean, and is refused.
    """
    problems: list[Problem] = []

    def wrong(path: Path, message: str, hint: str = "") -> None:
        problems.append(Problem(document.key_span(path) if path else document.span(()), "R056", message, hint))

    value = document.value
    steps = value.get("transformations") if isinstance(value, dict) else None
    if not isinstance(steps, list):
        wrong((), "this is no pipeline", "it has 'transformations:', a list")
        return None, problems
    for key in value:
        if key not in ("name", "priority", "transformations", "allowed_backends"):
            wrong((key,), f"'{key}' of a pipeline is not supported", "a pipeline here renames fields and nothing else")
    found = [_step(each, ("transformations", place), wrong) for place, each in enumerate(steps)]
    return (None if problems else Pipeline(tuple(each for each in found if each is not None))), problems


_STEP_KEYS = ("id", "type", "mapping", "rule_conditions")


def _step(value: Any, path: Path, wrong: Any) -> _Step | None:
    if not isinstance(value, dict) or value.get("type") != "field_name_mapping":
        wrong(
            path, "a transformation must be a 'field_name_mapping'", "a pipeline here renames fields and nothing else"
        )
        return None
    for key in value:
        if key not in _STEP_KEYS:
            wrong((*path, key), f"unknown key '{key}'", did_you_mean(str(key), _STEP_KEYS))
    mapping = value.get("mapping")
    names: dict[str, tuple[str, ...]] = {}
    for old, new in mapping.items() if isinstance(mapping, dict) else ():
        several = new if isinstance(new, list) else [new]
        if not several or not all(isinstance(each, str) and each for each in several):
            wrong((*path, "mapping", old), f"'{old}' must stand for a name or a list of names")
        else:
            names[old] = tuple(several)
    if not isinstance(mapping, dict):
        wrong(path, "the transformation has no 'mapping'", "mapping: {cs-method: http.request.method}")
    return _Step(names, _conditions(value.get("rule_conditions") or [], (*path, "rule_conditions"), wrong))


def _conditions(value: Any, path: Path, wrong: Any) -> LogSource:
    if isinstance(value, list) and len(value) < 2 and all(isinstance(each, dict) for each in value):
        only = value[0] if value else {"type": "logsource"}
        named = {key: each for key, each in only.items() if key in ("category", "product", "service")}
        if only.get("type") == "logsource" and len(named) == len(only) - 1:
            return LogSource(**{key: str(each) for key, each in named.items()})
    wrong(path, "only one condition of type 'logsource' is supported", "- {type: logsource, category: webserver}")
    return ALL_LOGS

"""What of a rule a cluster can be asked: a query that every event of the rule matches, and others may.

Rules of this file:
1. More general or left out, never changed. It is made of the same needs that are scanned for (`detect.needs`), of which
   a property test holds that no match is without them; what they do not say (comparisons, negations, the rest of a
   regular expression) is left to our own rules.
2. A field is asked for only where every index has it in a way in which nothing of it can be missed; values that an
   index ignored (too long, malformed) are asked for besides.
3. The query itself is written by pySigma's backend for Elasticsearch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sigma.backends.elasticsearch.elasticsearch_lucene import LuceneBackend
from sigma.collection import SigmaCollection

from sentinel.detect import access, pipelines, route
from sentinel.detect.access import Entry
from sentinel.detect.lane import SourceView
from sentinel.detect.match import need
from sentinel.detect.needs import Either, Every, Need, Run, either, every
from sentinel.detect.rules import PERSONAL_DATA, Correlation, Detection
from sentinel.detect.values import to_number

Type = Literal["keyword", "whole", "number", "ip"]

_TYPES: Mapping[str, Type] = {
    **dict.fromkeys(("keyword", "constant_keyword", "wildcard"), "keyword"),
    **dict.fromkeys(("long", "integer", "short", "byte", "unsigned_long"), "whole"),
    **dict.fromkeys(("double", "float", "half_float", "scaled_float"), "number"),
    "ip": "ip",
}
_NOT_FROM_THE_DOCUMENT = frozenset({"@timestamp", "log.flags"})
_LONGEST = 80
"""Characters of a run that are asked for: a pattern of Lucene has at most a thousand."""

_TWINS = {"i": "İ", "k": "\u212a"}
"""What `str.lower` makes the same letter of, besides the other case."""


@dataclass(frozen=True, slots=True)
class Field:
    """How every index has a field: under which name it is asked for, and whether groups can be counted by it."""

    name: str
    type: Type
    has_doc_values: bool = True


Fields = Mapping[str, Field]


def fields_of(mappings: Iterable[Mapping[str, Any]]) -> Fields:
    """The fields that all these indices have in the same way, by name; each is a mapping as an index has it."""
    found: Fields | None = None
    for mapping in mappings:
        mine: dict[str, Field] = {}
        if mapping.get("enabled", True) is not False:
            _gather(mapping.get("properties", {}), "", mine)
        found = mine if found is None else {name: each for name, each in found.items() if mine.get(name) == each}
    return found or {}


def _gather(properties: Mapping[str, Any], path: str, found: dict[str, Field]) -> None:
    for name, each in properties.items():
        kind = each.get("type", "object")
        if kind == "object" and each.get("enabled", True) is not False:
            _gather(each.get("properties", {}), f"{path}{name}.", found)
        elif (field := _field(f"{path}{name}", each)) is not None:
            found[path + name] = field


def _field(name: str, mapping: Mapping[str, Any]) -> Field | None:
    if mapping.get("type") in ("text", "match_only_text"):
        for below, each in mapping.get("fields", {}).items():
            if each.get("type") == "keyword":
                return _field(f"{name}.{below}", each)
        return None
    kind = _TYPES.get(str(mapping.get("type")))
    if kind is None or mapping.get("index") is False or mapping.get("normalizer") is not None:
        return None
    return Field(name, kind, mapping.get("doc_values") is not False)


# --- needs of rules ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about one source. `derived` are fields that events have and documents have not."""

    view: SourceView
    entries: tuple[Entry, ...]
    fields: Fields

    @property
    def derived(self) -> frozenset[str]:
        """What the inventory sets."""
        return frozenset((*access.FIELDS, *(name for entry in self.entries for name in entry.derived)))

    def need(self, rule: Detection) -> Need | Literal[False]:
        """What documents must have for the rule to match one; False where it is for other logs."""
        (mine,) = pipelines.renamed([rule], self.view.names)
        if rule.logsource.category != PERSONAL_DATA:
            return need(mine.condition) if route.fits(rule.logsource, self.view.logsource) else False
        if not self.entries:
            return False
        return every([either([need(entry.node) for entry in self.entries]), need(mine.condition)])

    def query(self, rules: Sequence[Detection]) -> str | None:
        """A query for the documents of all these rules in Lucene's words; None where all are to be looked at.

        Empty where none can be one.
        """
        needs = [found for rule in rules if (found := self.need(rule)) is not False]
        if not needs:
            return ""
        told = self._told(either(needs))
        return None if told is None else _lucene(told, self)

    def _told(self, wanted: Need) -> Need:
        """The need without what cannot be asked."""
        match wanted:
            case Run():
                return wanted if self._pattern(wanted) else None
            case Every(needs):
                return every([self._told(each) for each in needs])
            case Either(needs):
                return either([self._told(each) for each in needs])
        return None

    def _pattern(self, run: Run) -> bool:
        field = self.field(run.field)
        if field is None:
            return False
        if field.type == "keyword":
            # What is a number may be written in ways that are one to our rules, and several to a keyword.
            return to_number(run.text) is None
        return run.at_start and run.at_end and _is_number(run.text, field)

    def field(self, name: str | None) -> Field | None:
        """The field as the cluster has it, where a document's own value is what events have."""
        if name is None or name in self.derived or name in _NOT_FROM_THE_DOCUMENT:
            return None
        return self.fields.get(name)

    def group_field(self, correlation: Correlation, name: str) -> Field | None:
        """By which field the cluster can tell the groups of a correlation apart: none where values are joined."""
        if correlation.aliases:
            return None
        if any(name in self.view.names.names(rule.logsource) for rule in correlation.rules):
            return None
        if name == access.ACTOR and all(rule.logsource.category == PERSONAL_DATA for rule in correlation.rules):
            actors = {(each.entry.actor.field, bool(each.entry.actor.normalise), each.entry.actor.session)
                      for each in self.entries if each.entry.actor is not None}  # fmt: skip
            if len(actors) != 1 or any(each.entry.actor is None for each in self.entries):
                return None
            ((name, is_normalised, session),) = actors
            if is_normalised or session or any("actor" in entry.sets for entry in self.entries):
                return None
        field = self.field(name)
        return field if field is not None and field.has_doc_values else None


def _is_number(text: str, field: Field) -> bool:
    number = to_number(text)
    return number is not None and (field.type == "number" or (field.type == "whole" and isinstance(number, int)))


# --- in Lucene's words -----------------------------------------------------------------------------------------


class _Writer:
    """The rule that pySigma is given: a selection for each run, and a condition over them."""

    def __init__(self, asked: Asked) -> None:
        self.detection: dict[str, Any] = {}
        self._asked = asked

    def write(self, wanted: Need) -> str:
        match wanted:
            case Run():
                return self._run(wanted)
            case Every(needs):
                return "(" + " and ".join(self.write(each) for each in needs) + ")"
            case Either(needs):
                return "(" + " or ".join(self.write(each) for each in needs) + ")"
        raise AssertionError("what says nothing was left out")

    def _run(self, run: Run) -> str:
        field = self._asked.field(run.field)
        assert field is not None
        name, ignored = f"s{len(self.detection)}", f"s{len(self.detection) + 1}"
        if field.type == "keyword":
            self.detection[name] = {f"{field.name}|re": regex(run)}
        else:
            self.detection[name] = {field.name: to_number(run.text)}
        self.detection[ignored] = {"_ignored": [field.name, str(run.field)]}
        return f"({name} or {ignored})"


def _lucene(wanted: Need, asked: Asked) -> str:
    """The query as pySigma's backend writes it."""
    writer = _Writer(asked)
    condition = writer.write(wanted)
    rule: dict[str, Any] = {
        "title": "hunt",
        "logsource": {"category": "any"},
        "detection": {**writer.detection, "condition": condition},
    }
    (query,) = LuceneBackend().convert(SigmaCollection.from_dicts([rule]))
    return str(query)


def regex(run: Run) -> str:
    """The run as a pattern of Lucene, which is anchored at both ends and knows no flag for case.

    A letter outside ASCII stands for anything, as folding it may change its length.
    """
    text = run.text[:_LONGEST]
    is_whole = len(text) == len(run.text)
    written = "".join(_letter(each) for each in text)
    return ("" if run.at_start else ".*") + written + ("" if run.at_end and is_whole else ".*")


def _letter(letter: str) -> str:
    if not letter.isascii():
        return ".*"
    if letter.isalpha():
        return f"[{letter.lower()}{letter.upper()}{_TWINS.get(letter.lower(), '')}]"
    return letter if letter.isalnum() or letter in "_ /" else "\\" + letter

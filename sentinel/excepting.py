"""Exceptions proposed for those for whom a rule fires too often, and what each would silence.

Rule of this file: an exception is proposed only after all rules have run over the logs with it, and not where it takes
away a case that somebody marked as true.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from sentinel import yamlfile
from sentinel.detect import load
from sentinel.detect.lane import Purpose
from sentinel.detect.rules import Correlation, Detection, Filter, RuleSet
from sentinel.model import Finding, LogSource
from sentinel.rulebook import Rulebook
from sentinel.scenarios import Log, Replay

Group = tuple[tuple[str, str], ...]
Pair = tuple[str, str]

MOST = 20
"""Exceptions that are proposed at once."""


@dataclass(frozen=True, slots=True)
class Exempt:
    """An exception of one group, as the text of a rule file; and how many findings it takes away, by rule."""

    group: Group
    text: str
    silenced: Counter[str]


@dataclass(frozen=True, slots=True)
class Proposed:
    """Those that stand; `refused` are groups whose exception would silence a true case."""

    exempt: tuple[Exempt, ...]
    refused: tuple[Group, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """What marks a true case, and the last day of the exceptions."""

    kept: Sequence[Pair]
    expires: str


Found = dict[str, tuple[str, set[Pair]]]
"""Every finding by its id: its rule, and what may mark it as a true case."""


def propose(
    book: Rulebook,
    rule: Correlation | Detection,
    groups: Sequence[Group],
    terms: Terms,
    run: Callable[[Rulebook], Found],
) -> Proposed:
    """An exception for each of these groups, as far as it does not silence a true case.

    `run` reads the logs: once as the rules are, and once for each group. It runs every rule, for others count the same.
    """
    before = run(book)
    exempt, refused = [], []
    for number, group in enumerate(groups[:MOST]):
        text = _text(rule, book.rules, group, number + 1, terms.expires)
        after = run(replace(book, rules=load.with_filters(book.rules, _filters(text))))
        lost = [before[each] for each in before.keys() - after.keys()]
        if any(pair in marks for _, marks in lost for pair in terms.kept):
            refused.append(group)
        elif any(name == rule.about.key for name, _ in lost):
            exempt.append(Exempt(group, text, Counter(name for name, _ in lost)))
    return Proposed(tuple(exempt), tuple(refused))


def findings(
    book: Rulebook, logs: Sequence[Log], key: bytes, progress: Callable[[int], None] = lambda _: None
) -> Found:
    """What all rules of the book find in the logs."""
    run = Replay(book.engine([], key, Purpose(keeps_state=False)), logs, progress=progress)
    return {finding.id: (finding.rule, _marks(finding)) for finding in run}


def _marks(finding: Finding) -> set[Pair]:
    return {*finding.group, *(("access.actor", name) for name in finding.actors)}


def _filters(text: str) -> Sequence[Filter]:
    documents, _ = yamlfile.parse(text, "proposed")
    return load.load(documents)[0].filters


# --- as text -----------------------------------------------------------------------------------------------


def _text(rule: Correlation | Detection, rules: RuleSet, group: Group, number: int, expires: str) -> str:
    """The exception as Sigma filters, one for each log source that the rule has events of."""
    bases = [rule] if isinstance(rule, Detection) else list(_bases(rule, rules))
    sources = dict.fromkeys(each.logsource for each in bases)
    texts = []
    for count, source in enumerate(sources):
        name = f"except_{rule.about.key}_{number}{'' if len(sources) == 1 else f'_{count + 1}'}"
        document = {
            "title": f"Left out of {rule.about.key}",
            "name": name,
            "logsource": _named(source),
            "filter": {
                "rules": [each.about.key for each in bases if each.logsource == source],
                "selection": dict(_wanted(field, value) for field, value in group),
                "condition": "not selection",
            },
            "sentinel": {"expires": expires},
        }
        texts.append(yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=10_000))
    return "---\n".join(texts)


def _bases(rule: Correlation, rules: RuleSet) -> Iterator[Detection]:
    """Every detection that the rule counts, directly or through another."""
    yield from rule.rules
    for below in (each for each in rules.correlations if each.about.key in rule.chained):
        yield from _bases(below, rules)


def _named(source: LogSource) -> dict[str, Any]:
    parts = {"category": source.category, "product": source.product, "service": source.service}
    return {name: value for name, value in parts.items() if value is not None}


def _wanted(field: str, value: str) -> tuple[str, str]:
    """The value and no other, whatever signs are in it."""
    if re.search(r"[*?\\]", value):
        return f"{field}|re", f"^{re.escape(value)}$"
    return field, value


def document(proposed: Iterable[Exempt]) -> str:
    """All of them as one rule file, each with what it takes away."""
    return "---\n".join(
        f"# takes away {_said(each)} in the logs it was proposed from\n{each.text}" for each in proposed
    )


def _said(each: Exempt) -> str:
    return ", ".join(f"{count} of {name}" for name, count in each.silenced.most_common())

"""The public rules of SigmaHQ: all of them load, and a sample of them matches what it should and nothing else.

They stand beside the project, not in it (Detection Rule License 1.1); without them these tests are skipped.
"""

from __future__ import annotations

import json
import tarfile
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest

from sentinel import yamlfile
from sentinel.clock import to_datetime
from sentinel.detect import load
from sentinel.detect.rules import Detection, RuleSet
from sentinel.model import LogSource
from sentinel.problems import Problem
from sentinel.yamlfile import Document
from tests.conformance import oracle
from tests.detecting import NOON, a_block, a_view, an_engine, json_lines

ARCHIVE = Path(__file__).parents[2].parent / "shared" / "data" / "sigmahq-rules.tar.xz"
SAMPLE = 300

pytestmark = pytest.mark.skipif(
    not ARCHIVE.is_file(), reason="the public rules are not there: ../shared/data/sigmahq-rules.tar.xz"
)


@cache
def documents() -> tuple[list[Document], list[Problem]]:
    found: list[Document] = []
    problems: list[Problem] = []
    with tarfile.open(ARCHIVE) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.name.endswith(".yml") else None
            if file is not None:
                more, wrong = yamlfile.parse(file.read(), member.name)
                found += more
                problems += wrong
    return found, problems


def test_every_public_rule_loads_but_those_whose_placeholders_nobody_gave() -> None:
    found, problems = documents()
    assert len(found) > 3000
    assert not [each for each in problems if each.is_error]
    rules, problems = load.load(found)
    errors = [each for each in problems if each.is_error]
    assert [str(each) for each in errors if each.code != "R032"] == []
    assert len(rules.detections) == len(found) - len({each.span.file for each in errors})


# --- an event for a rule, from what the rule asks for ----------------------------------------------------------


def event_for(detection: Mapping[str, Any], random: Random) -> dict[str, Any]:
    """Fields that have what the selections ask for, as far as a simple look at them tells."""
    fields: dict[str, Any] = {}
    for name, definition in detection.items():
        if name != "condition" and not name.startswith("filter"):
            _add(fields, definition, random)
    return fields


def _add(fields: dict[str, Any], definition: Any, random: Random) -> None:
    if isinstance(definition, list):
        maps = [each for each in definition if isinstance(each, Mapping)]
        if maps:
            _add(fields, random.choice(maps), random)
        else:
            fields["message"] = f"{fields.get('message', '')} {plain(random.choice(definition))}"
    elif isinstance(definition, Mapping):
        for key, value in definition.items():
            field, *modifiers = str(key).split("|")
            values = value if isinstance(value, list) else [value]
            chosen = values if "all" in modifiers else [random.choice(values)]
            words = "".join(example(each, modifiers) for each in chosen)
            before = fields.get(field or "message", "") if "contains" in modifiers or not field else ""
            fields[field or "message"] = f"{before}{words}"


def example(value: Any, modifiers: list[str]) -> str:
    """A text that the value may match."""
    if "re" in modifiers:
        return "".join(letter for letter in str(value) if letter.isalnum() or letter in "/ -_.=")
    if "cidr" in modifiers:
        return str(value).partition("/")[0]
    affix = {"startswith": ("", "x"), "endswith": ("x", ""), "contains": ("x", " ")}
    words = plain(value)
    for name, (before, after) in affix.items():
        if name in modifiers:
            words = f"{before}{words}{after}"
    return words


def plain(value: Any) -> str:
    return "".join("x" if not isinstance(each, str) else each for each in oracle.read(oracle.text(value) or ""))


def test_a_sample_of_the_public_rules_says_what_the_specification_says() -> None:
    found, _ = documents()
    random = Random(72)
    rules, _ = load.load(random.sample(found, SAMPLE))
    by_source: dict[LogSource, list[Detection]] = {}
    for rule in rules.detections:
        by_source.setdefault(rule.logsource, []).append(rule)
    seen: Counter[bool] = Counter()
    for source, several in by_source.items():
        logs = [logs_for(rule, random) for rule in several]
        for number, (rule, log, matched) in enumerate(zip(several, logs, verdicts(source, several, logs), strict=True)):
            for each, verdict in zip(log, matched, strict=True):
                detection = rule.about.source["detection"]
                wanted = oracle.matches(detection, oracle.Log(each, json.dumps(each), to_datetime(NOON)))
                assert verdict is wanted, (number, rule.about.file, each)
                seen[wanted] += 1
    assert seen[True] > SAMPLE
    assert seen[False] > SAMPLE


def logs_for(rule: Detection, random: Random) -> list[dict[str, Any]]:
    """Some events that may match the rule, and one that has something else in one of the fields."""
    log = [event_for(rule.about.source["detection"], random) for _ in range(4)]
    return [*log, {**log[0], **dict.fromkeys(list(log[0])[:1], "something else")}]


def verdicts(source: LogSource, rules: list[Detection], logs: list[list[dict[str, Any]]]) -> list[list[bool]]:
    """What one engine with all the rules says of the events of each rule."""
    named = {key: value for key in ("category", "product", "service") if (value := getattr(source, key))}
    engine = an_engine(RuleSet(tuple(rules)), [a_view("json", **named)])
    matched = {
        match.event.start: match.rules
        for match in engine.matches(a_block(json_lines(each for log in logs for each in log)))
    }
    start = 0
    found: list[list[bool]] = []
    for number, log in enumerate(logs):
        found.append([])
        for each in log:
            found[-1].append(number in matched.get(start, ()))
            start += len(json.dumps(each)) + 1
    return found

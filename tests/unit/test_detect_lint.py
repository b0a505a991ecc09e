"""Every mistake in a rule is told at its line and column. `»` marks the place in the texts below and is taken out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentinel.detect.rules import RuleSet
from sentinel.problems import Problem
from tests.detecting import read

ROOT = Path(__file__).parents[2]
HEAD = "title: t\nlogsource: {category: webserver}\n"
BASE = "title: base\nname: base\nlogsource: {category: webserver}\ndetection: {a: {x: 1}, condition: a}\n---\n"


def selection(text: str) -> str:
    """A detection with that selection, indented under its name."""
    return HEAD + "detection:\n  a:\n" + "".join(f"    {line}\n" for line in text.splitlines()) + "  condition: a\n"


def correlation(text: str) -> str:
    """A correlation with these lines changed or added."""
    lines = {
        "type": "type: event_count",
        "rules": "rules: [base]",
        "group-by": "group-by: [who]",
        "timespan": "timespan: 10m",
        "condition": "condition: {gte: 5}",
    }
    for line in text.splitlines():
        lines[line.replace("»", "").partition(":")[0]] = line
    body = "".join(f"  {line}\n" for line in lines.values() if line)
    return f"{BASE}title: t\nlevel: high\ncorrelation:\n{body}"


ERRORS: list[tuple[str, str, str]] = [
    ("R001", "»- 1\n", "a rule is a map"),
    ("R001", "»title: t\n", "this document is no rule"),
    ("R001", "title: t\nlogsource: {category: a}\n»detection: 1\n", "'detection:' must be a map"),
    (
        "R001",
        HEAD + "»detection: {a: {x: 1}, condition: a}\nfilter: {a: {x: 1}, condition: not a, rules: any}\n",
        "a filter rule cannot have 'detection:' too",
    ),
    ("R002", selection("x: 1").replace("title", "»title") + "date: soon\n", "not Sigma: Rule date 'soon' is invalid"),
    ("R003", BASE + "»" + BASE.removesuffix("---\n"), "'base' is the name or id of another rule too"),
    ("R004", correlation("rules: [»bas]"), "there is no rule 'bas'"),
    ("R004", correlation("»rules: bas"), "there is no rule 'bas'"),
    ("R004", HEAD + "»filter: {a: {x: 1}, condition: not a}\n", "the filter does not say which rules it is for"),
    ("R006", correlation("") + "»timespan: 5m\n", "'timespan:' beside 'correlation:' is read by nobody"),
    ("R008", "»" + selection("x: 1").removeprefix("title: t\n"), "the rule has no title"),
    ("R009", selection("x: 1") + "»level: severe\n", "'severe' is no level"),
    ("R010", HEAD + "»detection: {a: {x: 1}}\n", "there is no condition"),
    ("R010", HEAD + "detection: {a: {x: 1}, »condition: a and}\n", "the condition cannot be read"),
    ("R010", HEAD + "detection: {a: {x: 1}, »condition: a | count() > 5}\n", "'| count()' in a condition is not Sigma"),
    ("R010", HEAD + "detection: {a: {x: 1}, »condition: a AND a}\n", "'AND' in the condition"),
    ("R010", HEAD + "detection: {a: {x: 1}, »condition: 5}\n", "a condition is a text, or a list of texts"),
    ("R010", HEAD + "detection: {a: {x: 1}, »timeframe: 5m, condition: a}\n", "'timeframe' belongs to the old"),
    ("R011", HEAD + "detection: {a: {x: 1}, »condition: b}\n", "there is no selection 'b'"),
    ("R012", selection("»x|containz: a"), "unknown modifier 'containz'"),
    ("R013", HEAD + "detection: {a: {x: 1}, »condition: 1 of b_*}\n", "no selection fits 'b_*'"),
    ("R015", HEAD + "detection: {»notes: {x: 1}, condition: notes}\n", "the name 'notes' begins with 'not'"),
    ("R017", HEAD + "detection: {a: {x: 1}, »level: high, condition: a}\n", "'level' inside 'detection:'"),
    ("R018", selection("»x: '**'"), "'**' is 2 wildcards and matches everything"),
    ("R018", selection("»x|contains: ''"), "an empty text is a part of every text"),
    ("R019", correlation("»type: event_cont"), "unknown correlation type 'event_cont'"),
    ("R020", correlation("»group_by: [who]"), "unknown key 'group_by'"),
    ("R020", correlation("»condition: 5"), "the condition must be a map"),
    ("R020", correlation("condition: {gte: 5, »about: 5}"), "'about' cannot stand in a event_count condition"),
    ("R020", correlation("»condition: {}"), "the condition has no number to compare with"),
    ("R020", correlation("condition: {»gte: many}"), "'many' is not a whole number"),
    ("R020", correlation("condition: {»gte: 0}"), "this condition always holds"),
    ("R020", correlation("»condition: {gt: 5, lt: 5}"), "no number is within these bounds"),
    ("R020", correlation("type: value_count\n»condition: {gte: 5}"), "value_count needs a field"),
    ("R020", correlation("condition: {»field: who, gte: 5}"), "event_count looks at no field"),
    ("R021", selection("»x|contains: null"), "null cannot take the modifier 'contains'"),
    ("R022", selection("»x|exists: 'true'"), "'exists' wants true or false"),
    ("R023", selection("»x: {y: 1}"), "a value must be text, a number, true, false or null"),
    ("R024", selection("»x|re: '(?=a)'"), "the regular expression is refused"),
    ("R025", selection("»x|utf16: abc"), "text in this encoding never stands in a log as it is"),
    ("R026", selection("»x|contains|re: a"), "the modifier 're' does not fit here"),
    ("R026", selection("»x|i: a"), "the modifier 'i' does not fit here"),
    ("R027", selection("»x|windash: -a -b -c -d -e -f"), "'windash' stands for any of 6 dashes"),
    ("R028", selection("»x|base64: a*"), "'base64' cannot encode a wildcard"),
    ("R029", selection("»x|cidr: 10.0.0.1/8"), "'10.0.0.1/8' is no address block"),
    ("R030", selection("»x|gt: many"), "'gt' wants a number"),
    ("R031", selection("»x|hour: noon"), "'hour' wants a number"),
    ("R032", selection("»x|expand: '%staff%'"), "the placeholder '%staff%' has no values"),
    ("R033", HEAD + "detection: {»a: {}, condition: a}\n", "the selection is empty"),
    ("R034", selection("»x: []"), "an empty list matches nothing"),
    ("R035", selection("x:\n  - 1\n  - »null"), "null cannot stand in a list"),
    ("R036", selection("»x|contains|all: a"), "'all' needs a list of at least two values"),
    ("R037", selection("»'|neq': a"), "'neq' needs a field"),
    ("R038", selection("»'|gt': 5"), "this value needs a field"),
    ("R040", correlation("»timespan: 1M"), "'1M' is no timespan"),
    ("R041", selection("x: 1") + "sentinel: {»cases: {open: true}}\n", "unknown key 'cases'"),
    ("R042", selection("x: 1") + "sentinel: {»timezone: Europe/Berlim}\n", "there is no time zone 'Europe/Berlim'"),
    ("R044", "title: t\n»logsource: {definition: all}\ndetection: {a: {x: 1}, condition: a}\n", "which logs it is for"),
    ("R050", selection("»x|base64offset|contains: a"), "'base64offset' needs at least two bytes"),
    ("R052", selection("»x|hour: 24"), "no hour is 24"),
    ("R053", selection("»x|base64offset: abc"), "'base64offset' makes parts of a text"),
]
WARNINGS: list[tuple[str, str, str]] = [
    ("R004", BASE + HEAD + "filter: {a: {x: 1}, condition: not a, »rules: bas}\n", "there is no rule 'bas' to filter"),
    ("R007", selection("x: 1") + "»custom_attributes: {a: 1}\n", "'custom_attributes:' is lost in other tools"),
    ("R014", HEAD + "detection: {a: {x: 1}, »b: {x: 2}, condition: a}\n", "the selection 'b' is never used"),
    ("R016", BASE + HEAD + "filter: {a: {x: 1}, »condition: a, rules: base}\n", "this filter keeps only what it names"),
    ("R043", BASE + "»" + correlation("").removeprefix(BASE).replace("level: high\n", ""), "counts as medium"),
]


def told(marked: str) -> tuple[str, list[Problem]]:
    """The marked place as `line:column`, and the problems of the text without the mark."""
    before = marked[: marked.index("»")]
    place = f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
    return place, read(marked.replace("»", ""))[1]


def titles(rules: RuleSet) -> list[str]:
    abouts = [each.about for each in rules.detections] + [each.about for each in rules.correlations]
    return [about.title for about in abouts + [each.about for each in rules.filters]]


@pytest.mark.parametrize(("code", "marked", "message"), ERRORS)
def test_an_error_is_told_at_its_place_and_keeps_the_rule_out(code: str, marked: str, message: str) -> None:
    place, problems = told(marked)
    rules, _ = read(marked.replace("»", ""))
    errors = [problem for problem in problems if problem.is_error]
    assert [(each.code, f"{each.span.line}:{each.span.column}") for each in errors] == [(code, place)], problems
    assert message in errors[0].message
    assert "t" not in titles(rules)


@pytest.mark.parametrize(("code", "marked", "message"), WARNINGS)
def test_a_warning_is_told_at_its_place_and_the_rule_is_used(code: str, marked: str, message: str) -> None:
    place, problems = told(marked)
    rules, _ = read(marked.replace("»", ""))
    found = [(each.code, f"{each.span.line}:{each.span.column}", each.severity) for each in problems]
    assert found == [(code, place, "warning")]
    assert message in problems[0].message
    assert "t" in titles(rules)


def test_every_code_of_rules_is_tested_somewhere() -> None:
    in_use = codes_in("sentinel")
    assert in_use
    assert in_use <= codes_in("tests")


def codes_in(folder: str) -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py"))
    return {code for text in texts for code in re.findall(r"\bR\d{3}\b", text)}


def test_all_problems_are_told_at_once_and_the_other_rules_are_used() -> None:
    text = selection("x|containz: a\ny|re: '('\nz: []") + "---\n" + BASE.removesuffix("---\n")
    rules, problems = read(text)
    assert [problem.code for problem in problems] == ["R012", "R024", "R034"]
    assert [rule.about.key for rule in rules.detections] == ["base"]


def test_messages_begin_small_end_without_a_stop_and_hints_say_what_to_do() -> None:
    for _, marked, _ in (*ERRORS, *WARNINGS):
        for problem in told(marked)[1]:
            assert not problem.message[0].isupper()
            assert not problem.message.endswith(".")
            assert problem.hint or problem.code in ("R001", "R002", "R023", "R041")


def test_a_rule_with_every_addition_has_no_problem() -> None:
    more = "sentinel: {mode: shadow, case: {open: false}, suppress: {for: 1h}, timezone: Europe/Berlin}\nlevel: low\n"
    assert read(selection("x|contains: a") + more)[1] == []

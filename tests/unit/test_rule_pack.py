"""The shipped rules as a whole: families, silence where nothing is wrong, and what each owes to its readers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from random import Random

import pytest

from sentinel import config, files, formats, rulebook
from sentinel.clock import DAY, SECOND, Micros, to_datetime
from sentinel.detect import ruletests
from sentinel.detect.engine import Engine
from sentinel.detect.lane import Purpose, SourceView
from sentinel.detect.rules import About, RuleSet
from sentinel.formats.base import FormatOptions
from sentinel.model import Block, Finding, LogSource, Position
from sentinel.rulebook import Rulebook

RULES = files.shipped("rules")
DAY_ONE: Micros = 1_772_000_000 * SECOND
"""2026-02-25T06:13:20Z."""


@cache
def pack() -> Rulebook:
    book, problems = rulebook.read(files.rule_files([RULES]), None)
    assert problems == []
    return book


def abouts(book: Rulebook) -> list[About]:
    return [rule.about for rule in book.rules.detections] + [rule.about for rule in book.rules.correlations]


def family(about: About) -> str:
    return Path(about.file).parent.name


def speaking() -> list[About]:
    """Rules that tell somebody something: not the building blocks."""
    return [about for about in abouts(pack()) if about.level.word != "informational"]


def opening(findings: list[Finding]) -> set[str]:
    return {finding.rule for finding in findings if finding.opens_case}


@pytest.mark.parametrize("about", speaking(), ids=lambda about: about.key)
def test_every_rule_says_what_its_reader_needs(about: About) -> None:
    source = about.source
    assert source.get("falsepositives"), "when it is wrong"
    assert about.additions.response, "what to do first"
    assert any(str(tag).startswith("gdpr.") for tag in source.get("tags", ())), "which article or control it serves"
    assert source.get("level") in {"low", "medium", "high", "critical"}
    assert family(about) in files.families()


def test_building_blocks_are_used_and_tell_nobody() -> None:
    counted = {key for rule in pack().rules.correlations for key in rule.order}
    blocks = {about.key for about in abouts(pack()) if about.level.word == "informational"}
    assert blocks <= counted
    assert not any(about.opens_case for about in abouts(pack()) if about.key in blocks)


def everywhere(rules: RuleSet) -> RuleSet:
    """The rules for whatever log, as in their own tests."""
    opened = tuple(replace(rule, logsource=LogSource()) for rule in rules.detections)
    return RuleSet(opened, rules.correlations, (), rules.silent)


def judged(data: bytes, log: str, rules: RuleSet, logsource: LogSource) -> tuple[Engine, list[Finding]]:
    view = SourceView("test", formats.make(log, FormatOptions()), logsource)
    purpose = Purpose(keeps_state=False, accesses_are_given=True)
    engine = Engine(rules, (), [view], key=b"test", purpose=purpose)
    position = Position(source="test", stream=1, state="")
    block = Block(source="test", stream=1, path="test", offset=0, data=data, position=position, reference=DAY_ONE)
    return engine, engine.judge(block, None)


@pytest.mark.parametrize("path", sorted(RULES.rglob("*.yml")), ids=lambda path: path.stem)
def test_what_is_harmless_to_one_rule_opens_no_case_by_another(path: Path) -> None:
    cases = [case for about in abouts(pack()) if about.file == str(path) for case in about.additions.tests]
    harmless = [case for case in cases if case.expect == "no-match"]
    assert harmless
    records: list[tuple[Micros, bytes]] = []
    for number, case in enumerate(harmless):
        # Far apart, so that no window sees two of them.
        records += sorted(ruletests.records(case, ruletests.BEGIN + number * 100 * DAY), key=lambda each: each[0])
    data = b"".join(record for _, record in records)
    _, found = judged(data, "json", everywhere(pack().rules.in_use()), LogSource())
    assert opening(found) == set()


def test_a_family_can_be_switched_off_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "sentinel.yaml").write_text(
        "shipped_rules: {without: [curiosity, messaging]}\nsources: [{name: a, type: stdin, format: json}]\n"
    )
    found, problems = config.load(tmp_path / "sentinel.yaml", {})
    assert found is not None, problems
    book, problems = rulebook.read(found.rule_files(), None)
    assert problems == []
    left = {family(about) for about in abouts(book)}
    assert left == {files.BASE, *files.families()} - {"curiosity", "messaging"}


@pytest.mark.parametrize("name", sorted(files.families()))
def test_any_family_can_be_left_out_and_any_can_stand_alone(name: str) -> None:
    folders = files.families()
    without = [path for each, path in folders.items() if each != name]
    for chosen in ([*without], [folders[name]]):
        book, problems = rulebook.read(files.rule_files([RULES / files.BASE, *chosen]), None)
        assert [str(problem) for problem in problems] == []
        assert book.rules.in_use().detections


def test_a_family_that_is_not_there_is_a_mistake_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "sentinel.yaml").write_text(
        "shipped_rules: {without: [curiosty]}\nsources: [{name: a, type: stdin, format: json}]\n"
    )
    found, problems = config.load(tmp_path / "sentinel.yaml", {})
    assert found is None
    mistake = next(problem for problem in problems if problem.code == "C024")
    assert (mistake.span.line, mistake.hint) == (1, "did you mean 'curiosity'?")


def test_blocks_that_nothing_counts_are_not_looked_for() -> None:
    book, _ = rulebook.read(files.rule_files([RULES / files.BASE]), None)
    assert book.rules.detections
    assert book.engine([], b"test").rules.detections == ()


# --- an ordinary public web log ------------------------------------------------------------------------------------

READERS = ("/", "/about", "/contact", "/static/site.css", "/static/{n}.woff2", "/blog/2026/post-{n}", "/img/{n}.webp")
ODD = (
    "/blog/2026/03/union-square-select-committee", "/blog?page={n}", "/search?q=a%25",
    "/search?q=union+of+workers", "/static/site.{n}.css", "/download/viewer-{n}.zip", "/users/{n}", "/members/list",
    "/docs/sql/select", "/feed.xml", "/wp-login.php", "/.env", "/backup.sql.gz",
    "/index.php?id=1%27%20or%20%271%27=%271", "/cgi-bin/..%2f..%2fetc/passwd",
    "/news?page={n}&sort=date", "/unsubscribe", "/?s=user+manual&start={n}",
)  # fmt: skip
AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0) Firefox/141.0",
    "curl/8.5.0",
    "Googlebot/2.1",
    "python-requests/2.32",
    "sqlmap/1.8",
)


def public_log(lines: int) -> bytes:
    """A web site as the open internet treats it: readers, bots, scanners; nobody's data behind it."""
    random = Random(4)
    written = []
    for number in range(lines):
        when = to_datetime(DAY_ONE + number * 2 * SECOND).strftime("%d/%b/%Y:%H:%M:%S +0000")
        page = random.choice(READERS if random.random() < 0.85 else ODD).format(n=random.randint(1, 400))
        is_probe = any(part in page for part in (".env", "wp-login", "backup", "..%2f", "%27"))
        status = random.choice((404, 403, 400)) if is_probe else random.choice((200, 200, 200, 304, 404))
        address = f"198.51.{random.randint(1, 40)}.{random.randint(1, 250)}"
        size = random.randint(150, 90_000)
        written.append(f'{address} - - [{when}] "GET {page} HTTP/1.1" {status} {size} "-" "{random.choice(AGENTS)}"\n')
    return "".join(written).encode()


@pytest.mark.parametrize("logsource", [LogSource(), LogSource("webserver", "nginx")], ids=["unsaid", "webserver"])
def test_an_ordinary_public_web_log_opens_no_case(logsource: LogSource) -> None:
    data = public_log(40_000)
    engine, found = judged(data, "nginx", pack().rules.in_use(), logsource)
    assert opening(found) == set()
    assert engine.lanes["test"].counts.lines == 40_000
    assert engine.lanes["test"].counts.candidates < 0.15 * 40_000


def test_a_finding_brings_along_what_is_to_be_done_first() -> None:
    about = next(about for about in speaking() if about.key == "bulk_access")
    data = b"".join(record for _, record in ruletests.records(about.additions.tests[0]))
    _, found = judged(data, "json", everywhere(pack().rules), LogSource())
    told = next(finding for finding in found if finding.rule == "bulk_access")
    assert told.response == about.additions.response.strip() != ""


# --- lists of the configuration --------------------------------------------------------------------------------------


def test_a_list_of_the_configuration_takes_the_place_of_a_rules_own(tmp_path: Path) -> None:
    (tmp_path / "vips.txt").write_text("# who\nP7\nP8\n")
    (tmp_path / "sentinel.yaml").write_text(
        "lists: {vips: vips.txt}\nsources: [{name: a, type: stdin, format: json}]\n"
    )
    found, problems = config.load(tmp_path / "sentinel.yaml", {})
    assert found is not None, problems
    book, problems = rulebook.read(found.rule_files(), None, found.lists)
    assert problems == []
    line = b'{"@timestamp":"2026-03-04T10:00:00Z","access.system":"p","access.actor":"kim","access.subject":"%s"}\n'
    data = line % b"P7" + line % b"P8" + line % b"example-of-a-vip"
    _, said = judged(data, "json", everywhere(book.rules.in_use()), LogSource())
    assert [finding.rule for finding in said].count("vip_record_opened") == 2


def test_an_empty_list_leaves_the_rule_as_it_is_and_a_missing_one_is_a_mistake(tmp_path: Path) -> None:
    (tmp_path / "vips.txt").write_text("# nobody\n")
    (tmp_path / "sentinel.yaml").write_text(
        "lists: {vips: vips.txt}\nsources: [{name: a, type: stdin, format: json}]\n"
    )
    found, _ = config.load(tmp_path / "sentinel.yaml", {})
    assert found is not None
    assert rulebook.read(found.rule_files(), None, found.lists)[1] == []
    (tmp_path / "vips.txt").unlink()
    found, problems = config.load(tmp_path / "sentinel.yaml", {})
    assert found is None
    assert [(problem.code, problem.span.line) for problem in problems if problem.is_error] == [("C005", 1)]

"""The documents are true: what they name exists, what exists is named, their links and examples work.

Keys of the configuration and codes of problems have tests of their own, in tests/unit/test_docs_*.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import UnionType
from typing import Any, get_args

import pytest

from sentinel import channels, config, formats, rulebook, schema, sources, yamlfile
from sentinel.__main__ import COMMANDS, load
from sentinel.acts import MOVES
from sentinel.cases.moves import DISMISSALS
from sentinel.detect import ruletests
from sentinel.detect.additions import Additions
from sentinel.detect.correlations import KINDS
from sentinel.detect.modifiers import MODIFIERS
from sentinel.detect.part import Part
from sentinel.files import rule_files
from sentinel.formats.base import FormatOptions
from sentinel.metrics import Metrics
from sentinel.rehearsal import Scenario

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
HISTORY = ("CHANGELOG.md", "docs/adr/")
"""What these tell was true when it was written."""


@cache
def text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def page(name: str) -> str:
    return text(DOCS / name)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, *languages: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```", text(path), re.MULTILINE | re.DOTALL)
    return [block for language, block in found if language in languages]


def unfenced(path: Path) -> str:
    return re.sub(r"^```.*?^```", "", text(path), flags=re.MULTILINE | re.DOTALL)


# --- links -----------------------------------------------------------------------------------------------------


def anchors(path: Path) -> set[str]:
    """The anchors of a page's headings, as the usual renderers make them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", unfenced(path), re.MULTILINE):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    broken = []
    for target in re.findall(r"\]\(([^)\s]+)\)", unfenced(path)):
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        where = (path.parent / file).resolve() if file else path
        if not where.exists() or (anchor and anchor not in anchors(where)):
            broken.append(target)
    assert broken == []


def test_the_index_leads_to_every_page() -> None:
    assert [
        path.name for path in DOCS.glob("*.md") if path.name != "index.md" and f"({path.name}" not in page("index.md")
    ] == []
    decisions = sorted(path.name for path in (DOCS / "adr").glob("0*.md"))
    assert [each for each in decisions if f"({each})" not in page("adr/README.md")] == []


# --- commands --------------------------------------------------------------------------------------------------


@cache
def options() -> dict[str, frozenset[str]]:
    """Every command, `case list` among them, with its options."""
    found: dict[str, frozenset[str]] = {}
    for command in COMMANDS:
        loaded: Any = load(command)
        for below, each in getattr(loaded, "commands", {"": loaded}).items():
            opts = {opt for parameter in each.params for opt in parameter.opts if opt.startswith("-")}
            found[f"{command} {below}".strip()] = frozenset(opts)
    return found


def shown(path: Path) -> Iterator[str]:
    """Every piece of code in a page that is a sentinel command."""
    pieces = re.findall(r"`([^`\n]+)`", unfenced(path))
    pieces += [line for block in blocks(path, "", "sh") for line in block.split("\n")]
    for piece in pieces:
        for found in re.findall(r"(?:^|[ /|$(])sentinel (?!sentinel)([a-z][^#|;&]*)", piece):
            yield found.strip()


def test_every_command_and_option_is_documented() -> None:
    written = page("commands.md")
    assert [command for command in options() if f"`sentinel {command}" not in written] == []
    every = {option for each in options().values() for option in each}
    assert [option for option in every if not re.search(rf"`{re.escape(option)}[` ]", written)] == []


@pytest.mark.parametrize("path", [each for each in PAGES if not name(each).startswith(HISTORY)], ids=name)
def test_every_command_that_is_shown_exists_with_its_options(path: Path) -> None:
    wrong = []
    for written in shown(path):
        words = written.split()
        command = next((each for each in (" ".join(words[:2]), words[0]) if each in options()), None)
        if command is None:
            is_family = words[0] == "case" and not "".join(words[1:2]).isalpha()
            wrong += [] if is_family else [written]
            continue
        wrong += [f"{command} {word}" for word in words if re.match(r"--?[a-z]", word) and word not in known(command)]
    assert wrong == []


def known(command: str) -> frozenset[str]:
    return options()[command] | {"--help", "-h"}


def test_the_readme_names_the_targets_that_make_has() -> None:
    targets = set(re.findall(r"^([a-z]+):.*##", text(ROOT / "Makefile"), re.MULTILINE))
    named = {target for path in PAGES for target in re.findall(r"(?<![\w-])make ([a-z]+)(?=[`\s]|$)", code_of(path))}
    assert {"run", "test", "check"} <= named <= targets


def code_of(path: Path) -> str:
    return "\n".join(re.findall(r"`([^`\n]+)`", text(path)) + re.findall(r"^make [a-z].*$", text(path), re.MULTILINE))


# --- names -----------------------------------------------------------------------------------------------------


def test_every_metric_is_explained_and_no_other() -> None:
    declared = set()
    for metric in Metrics().registry.collect():
        declared.add(metric.name + ("_total" if metric.type == "counter" else ""))
    explained = set(re.findall(r"`(sentinel_[a-z_]+?)(?:\{[^`]*\})?`", page("metrics.md")))
    assert {each for each in declared if not each.startswith("sentinel_process_")} <= explained
    said = {found for path in PAGES for found in re.findall(r"\bsentinel_[a-z_]+", text(path))}
    endings = ("_bucket", "_sum", "_count")
    assert {each for each in said if not each.removesuffix("_").endswith(endings)} - declared - {
        "sentinel_",
        "sentinel_master",
    } == set()


def test_every_metric_is_measured_somewhere() -> None:
    code = "\n".join(text(path) for path in (ROOT / "sentinel").rglob("*.py") if path.name != "metrics.py")
    names = re.findall(r"self\.(\w+) = self\._(?:counter|gauge|histogram)", text(ROOT / "sentinel" / "metrics.py"))
    assert [each for each in names if not re.search(rf"metrics\.{each}\b", code)] == []


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("formats.md", formats.FORMATS),
        ("sources.md", sources.TYPES),
        ("channels.md", channels.TYPES),
        ("rules.md", MODIFIERS),
        ("cases.md", MOVES),
        ("cases.md", DISMISSALS),
    ],
    ids=["formats", "sources", "channels", "modifiers", "moves", "dismissals"],
)
def test_every_name_of_a_table_is_explained(where: str, names: Any) -> None:
    if not (DOCS / where).exists():
        pytest.fail(f"there is no page {where}")
    assert [each for each in names if not re.search(rf"`[^`]*\b{re.escape(each)}\b[^`]*`", page(where))] == []


def test_every_kind_of_correlation_is_explained() -> None:
    assert [each for each in KINDS if each not in page("rules.md")] == []


def additions(part: type[Part], above: str = "") -> Iterator[str]:
    """Every key of the `sentinel:` map that is one or holds one, as `suppress.for`."""
    for field, about in part.model_fields.items():
        key = above + str(about.serialization_alias or field)
        kind: Any = about.annotation
        parts = [each for each in (get_args(kind) if isinstance(kind, UnionType) else (kind,)) if is_part(each)]
        if parts:
            yield from additions(parts[0], f"{key}.")
        else:
            yield key


def is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Part)


def test_every_key_of_the_sentinel_map_is_explained() -> None:
    written = page("rules.md") + page("unusual.md")
    assert [key for key in additions(Additions) if f"`{key}`" not in written] == []


def test_every_room_and_every_part_of_the_engine_is_on_the_map() -> None:
    found = page("architecture.md")
    rooms = [
        path.stem for path in (ROOT / "sentinel").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    ]
    rooms += [path.stem for path in (ROOT / "sentinel" / "detect").rglob("*.py")]
    assert [room for room in rooms if room != "__init__" and not re.search(rf"`{room}[`/]", found)] == []


# --- examples --------------------------------------------------------------------------------------------------


def test_the_rules_that_are_shown_work_and_pass_their_tests(tmp_path: Path) -> None:
    first, counting, _aliases, exception, tests, _pipeline, scenario = blocks(DOCS / "rules.md", "yaml")
    documents, _ = yamlfile.parse(scenario, "scenario.yml")
    assert schema.validate(documents[0], Scenario, "S001")[1] == []
    shipped = text(ROOT / "rules" / "base" / "blocks.yml").split("\n---\n")[0]
    counted = counting + "\n".join(tests.split("\n")[1:])
    (tmp_path / "shown.yml").write_text(f"{first}\n---\n{shipped}\n---\n{counted}\n---\n{exception}", encoding="utf-8")
    book, problems = rulebook.read(rule_files([tmp_path]), None)
    assert [str(problem) for problem in problems] == []
    log = formats.make("json", FormatOptions())
    abouts = [rule.about for rule in book.rules.detections] + [rule.about for rule in book.rules.correlations]
    outcomes = [outcome for about in abouts for outcome in ruletests.run(about, book.rules, log)]
    assert len(outcomes) >= 6
    assert [outcome for outcome in outcomes if not outcome.passed] == []


@pytest.mark.parametrize("number", range(len(blocks(DOCS / "unusual.md", "yaml"))))
def test_each_condition_on_what_is_unusual_is_shown_by_a_rule_that_passes_its_tests(
    number: int, tmp_path: Path
) -> None:
    shown = blocks(DOCS / "unusual.md", "yaml")[number]
    (tmp_path / "shown.yml").write_text(shown, encoding="utf-8")
    book, problems = rulebook.read(rule_files([tmp_path]), None)
    assert [str(problem) for problem in problems] == []
    log = formats.make("json", FormatOptions())
    abouts = [*(rule.about for rule in book.rules.detections), *(rule.about for rule in book.rules.correlations)]
    found = [outcome for about in abouts for outcome in ruletests.run(about, book.rules, log)]
    assert len(found) >= 2
    assert [outcome for outcome in found if not outcome.passed] == []


def test_each_way_not_to_be_seen_names_a_test_and_each_test_a_way() -> None:
    there = set(re.findall(r"^def (test_\w+)", text(ROOT / "tests" / "unit" / "test_evasion.py"), re.MULTILINE))
    assert set(re.findall(r"`(test_\w+)`", page("evasion.md"))) == there


def test_the_first_case_of_the_readme_has_a_configuration_without_errors(tmp_path: Path) -> None:
    files = re.findall(r"^cat > (\S+) <<'END'\n(.*?)^END$", text(ROOT / "README.md"), re.MULTILINE | re.DOTALL)
    assert [file for file, _ in files] == ["sentinel.yaml", "inventory.yaml"]
    for file, content in files:
        (tmp_path / file).write_text(content, encoding="utf-8")
    found, problems = config.load(tmp_path / "sentinel.yaml", {})
    assert found is not None
    assert {problem.code for problem in problems} == {"C011", "C016"}

"""The shape of the code: sizes, names, and what may stand where. What a linter does not know."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from sentinel import formats, rulebook
from sentinel.detect import ruletests
from sentinel.files import rule_files
from sentinel.formats.base import FormatOptions

ROOT = Path(__file__).parent.parent
MODULES = sorted((ROOT / "sentinel").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST = 400
VAGUE = {"utils", "util", "helpers", "helper", "manager", "data", "info", "common", "misc", "core", "base_utils"}

PURE = ("accesses", "acts", "cases", "clockwatch", "comparison", "detect", "discovery", "durations", "ecs", "formats",
        "identities", "inventory", "link", "losses", "model", "ownfindings", "problems", "routing", "schema", "traces",
        "yamledit", "yamlfile", "yamlscalar", "yamltree", "zones")  # fmt: skip
"""What decides: no I/O, no time but what is given. The same list as the import contract `pure` in pyproject.toml."""

BROAD = {"sentinel/__main__.py": 1, "sentinel/detect/lane.py": 2}
"""Where an `except Exception` may stand: around the judging of one record, and where a bug of ours ends."""

SQL = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|PRAGMA|BEGIN|VACUUM|ATTACH)\s+[A-Z\"*(a-z]")


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def tracked() -> tuple[Path, ...]:
    """Files that belong to the project: what git knows, else everything that is not made here."""
    found = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 0 and found.stdout:
        return tuple(path for each in found.stdout.split("\0") if each and (path := ROOT / each).is_file())
    made = {".venv", ".git", "__pycache__", ".hypothesis", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    return tuple(path for path in ROOT.rglob("*") if path.is_file() and not made & set(path.parts))


def texts() -> Iterator[tuple[str, str]]:
    """Every text file of the project with its name."""
    for path in tracked():
        try:
            yield name(path), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def dotted(node: ast.expr) -> str:
    """`time.time` of an expression that reads so, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return ""


# --- size and names --------------------------------------------------------------------------------------------


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {module: length for module, length in lengths.items() if length > LONGEST} == {}


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [name(path) for path in MODULES if {path.stem, path.parent.name} & VAGUE] == []


def test_no_function_has_a_name_that_says_nothing() -> None:
    # do_POST is the standard library's own name.
    found = [
        f"{name(path)}: {node.name}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and re.match(r"_*(do|handle|process)_[a-z]", node.name)
    ]
    assert found == []


def test_every_module_opens_with_what_it_is_for() -> None:
    empty = [name(path) for path in MODULES if path.read_text().strip() and not ast.get_docstring(tree(path))]
    assert empty == []


def test_a_finding_is_no_alert_and_a_case_no_incident() -> None:
    # Names of HTTP things and of Prometheus' own alerting are not ours to choose; so only names of code are looked at.
    found = [
        f"{name(path)}: {node.name}"
        for path in MODULES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and re.search(r"alert(?!manager)|incident", node.name, re.IGNORECASE)
    ]
    assert found == []


def test_every_exception_to_the_linter_says_why() -> None:
    bare = re.compile(r"# noqa(:\s*[A-Z0-9, ]+)?\s*$|# type: ignore(\[[^]]*\])?\s*$")
    found = [
        f"{name(path)}:{number}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line) and not line.rstrip().endswith("type: ignore[attr-defined]")
    ]
    assert found == []


# --- what may stand where --------------------------------------------------------------------------------------


def test_only_a_record_and_a_bug_are_excepted_broadly() -> None:
    found: dict[str, int] = {}
    for path in MODULES:
        for node in ast.walk(tree(path)):
            is_bare = isinstance(node, ast.ExceptHandler) and node.type is None
            if is_bare or (isinstance(node, ast.ExceptHandler) and _is_broad(node.type)):
                found[name(path)] = found.get(name(path), 0) + 1
    assert found == BROAD


def _is_broad(kind: ast.expr | None) -> bool:
    kinds = kind.elts if isinstance(kind, ast.Tuple) else [kind] if kind is not None else []
    return any(dotted(each) in ("Exception", "BaseException") for each in kinds)


def test_only_the_clock_reads_the_time_or_waits() -> None:
    # A stopwatch (time.monotonic) says how long something took, never when it is.
    forbidden = re.compile(
        r"time\.(time|time_ns|sleep|localtime|gmtime)|(datetime\.)?(datetime|date)\.(now|utcnow|today)"
    )
    found = [
        f"{name(path)}:{node.lineno} {dotted(node.func)}"
        for path in MODULES
        if path.name != "clock.py"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and forbidden.fullmatch(dotted(node.func))
    ]
    assert found == []


def test_only_the_store_speaks_sql() -> None:
    found = [
        f"{name(path)}:{node.lineno}"
        for path in MODULES
        if path.parent.name != "store"
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.match(node.value)
    ]
    assert found == []


def test_what_decides_prints_nothing_opens_nothing_and_asks_no_environment() -> None:
    found = [
        f"{name(path)}:{node.lineno} {dotted(node.func)}"
        for path in MODULES
        if path.relative_to(ROOT / "sentinel").parts[0].removesuffix(".py") in PURE
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and dotted(node.func) in ("print", "open", "input", "__import__", "eval", "exec")
    ]
    assert found == []


def test_the_list_of_what_decides_is_that_of_the_import_contract() -> None:
    import tomllib

    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    pure = next(each for each in contracts if each["id"] == "pure")
    assert sorted(pure["source_modules"]) == [f"sentinel.{each}" for each in PURE]


def test_no_test_replaces_our_own_code_or_sleeps() -> None:
    found = [
        f"{name(path)}:{node.lineno} {dotted(node.func)}"
        for path in TESTS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call)
        and (dotted(node.func) in ("time.sleep", "sleep") or re.match(r"(unittest\.)?mock\.", dotted(node.func)))
    ]
    assert found == []


def test_every_test_is_named_by_a_sentence() -> None:
    short = [
        f"{name(path)}: {node.name}"
        for path in TESTS
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and node.name.count("_") < 3
    ]
    assert short == []


# --- files -----------------------------------------------------------------------------------------------------


def test_no_file_names_a_place_of_one_machine() -> None:
    # Put together here, so that this file does not find itself.
    parts = ((r"(?<![\w.~-])", "work", ""), ("", "home", "[a-z]+", ""), ("", "root", r"[\w.]"))
    places = re.compile("|".join(map("/".join, parts)))
    assert {file: found[0] for file, text in texts() if (found := places.search(text))} == {}


def test_no_lock_file_has_the_address_of_a_registry() -> None:
    locks = [path for path in tracked() if path.suffix == ".lock"]
    assert locks
    address = re.compile(r"https?://|--(extra-)?index-url|--find-links|--trusted-host")
    assert {name(path): found[0] for path in locks if (found := address.search(path.read_text()))} == {}


def test_every_pinned_package_has_its_hashes() -> None:
    for path in (path for path in tracked() if path.suffix == ".lock"):
        pins = re.split(r"\n(?=[A-Za-z0-9])", path.read_text(encoding="utf-8"))
        pinned = [pin for pin in pins if re.match(r"[A-Za-z0-9._-]+(\[.*\])?==", pin)]
        assert pinned
        assert [pin.split()[0] for pin in pinned if "--hash=sha256:" not in pin] == []


def test_the_build_of_a_machine_can_be_run() -> None:
    build = ROOT / ".ci" / "run"
    assert build.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(build)], check=True)


# --- the shipped rules -----------------------------------------------------------------------------------------


def test_the_shipped_rules_have_no_problem() -> None:
    _, problems = rulebook.read(rule_files([ROOT / "rules"]), None)
    assert [str(problem) for problem in problems] == []


def test_every_shipped_rule_has_tests_of_both_kinds_and_passes_them() -> None:
    book, _ = rulebook.read(rule_files([ROOT / "rules"]), None)
    abouts = [rule.about for rule in book.rules.detections] + [rule.about for rule in book.rules.correlations]
    assert abouts
    log = formats.make("json", FormatOptions())
    for about in abouts:
        assert {test.expect for test in about.additions.tests} == {"match", "no-match"}, about.key
        failed = [outcome for outcome in ruletests.run(about, book.rules, log) if not outcome.passed]
        assert failed == []


@pytest.mark.parametrize("key", ["title", "id", "name", "description", "level", "status"])
def test_every_shipped_rule_says_what_people_ask(key: str) -> None:
    book, _ = rulebook.read(rule_files([ROOT / "rules"]), None)
    rules = book.rules
    abouts = [each.about for kind in (rules.detections, rules.correlations, rules.filters) for each in kind]
    assert [about.key for about in abouts if not about.source.get(key)] == []

"""Figures that are no rate: memory and the time that loading takes, each measured in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench import crowd

ROOT = Path(__file__).parents[2]

_MEMORY = "import resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
_LOAD = """
import sys, time
from pathlib import Path
from sentinel import files, rulebook
begun = time.process_time()
book, problems = rulebook.read(files.rule_files([Path(sys.argv[1])]), None)
seconds = time.process_time() - begun
print(len(book.rules.detections) + len(book.rules.correlations), seconds)
"""
_IDLE = f"""
import sys
from pathlib import Path
from sentinel import app, files, rulebook
book, _ = rulebook.read(files.rule_files([Path(sys.argv[1])]), None)
engine = book.engine([], b"k" * 32)
{_MEMORY}
"""
_GROUPS = f"""
from tests.detecting import NOON, a_match, an_engine, correlation, detection, rules_of
many = correlation("many", ["base"], {{"gte": 10}}, timespan="1h")
engine = an_engine(rules_of(detection("base", {{"selection": {{"x": "y"}}}}), many))
engine.streams.note("app", 1, "app.log")
for number in range(500_000):
    engine.correlate((a_match({{"who": f"kim{{number % 100_000}}"}}, NOON + number, offset=number * 100),), None)
    engine.counting.journal.__init__()
assert sum(len(tally.groups) for tally in engine.tallies) == 100_000
{_MEMORY}
"""
_MANY = f"""
from tests.detecting import NOON, a_match, an_engine, correlation, detection, rules_of
many = correlation("many", ["base"], {{"gte": 10}}, timespan="1h")
engine = an_engine(rules_of(detection("base", {{"selection": {{"x": "y"}}}}), many))
engine.streams.note("app", 1, "app.log")
for number in range(1_000_000):
    engine.correlate((a_match({{"who": f"kim{{number}}"}}, NOON + number, offset=number * 100),), None)
    engine.counting.journal.__init__()
[tally] = engine.tallies
assert len(tally.groups) + tally.evicted == 1_000_000
print(len(tally.groups))
{_MEMORY}
"""


def crowded(rules: Sequence[Path], few: Sequence[Path], inventory: Path, log: Path) -> tuple[str, str]:
    """The share of records that the crowd's rules make candidates besides the accesses."""
    with_all, alone = (_stats(each, inventory, log) for each in (rules, few))
    share = (with_all["candidates"] - alone["candidates"]) / with_all["lines"]
    return "candidates of the crowded log besides the accesses", f"{share:.2%}"


def _stats(rules: Sequence[Path], inventory: Path, log: Path) -> dict[str, float]:
    options = [option for each in rules for option in ("--rules", str(each))]
    command = [sys.executable, "-m", "sentinel", "replay", *options, "--inventory", str(inventory), "--stats"]
    command += ["--logsource", "category=webserver", "--output", "json", str(log)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    said: dict[str, float] = json.loads(ran.stderr.splitlines()[-1])
    return said


def rows(folder: Path) -> list[tuple[str, str]]:
    """What was measured, and the figure with its unit."""
    found = [
        ("memory of an idle daemon's parts with the shipped rules", f"{float(_said(_IDLE, ROOT / 'rules')):.0f} MiB"),
        ("memory with 100,000 live groups of five entries", f"{float(_said(_GROUPS)):.0f} MiB"),
        _bounded(),
        _load("the shipped rules", ROOT / "rules"),
    ]
    public = crowd.public(folder)
    return [*found, _load("the public rules", public)] if public is not None else found


def _bounded() -> tuple[str, str]:
    groups, memory = _said(_MANY).split()
    return f"memory after 1,000,000 groups, of which {int(groups):,} are kept", f"{float(memory):.0f} MiB"


def _load(what: str, path: Path) -> tuple[str, str]:
    rules, seconds = _said(_LOAD, path).split()
    return f"loading {what} ({rules})", f"{float(seconds):.2f} s"


def _said(program: str, *arguments: Path) -> str:
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout

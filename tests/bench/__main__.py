"""Runs the benchmarks, prints their table and writes docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import baselines, crowd, figures, logs, page, profile
from tests.bench.measure import FIXTURES, Figure, grep, in_turn, python_loop, replay

ROOT = Path(__file__).parents[2]
ACCESS = r'"(GET|HEAD) /api/patients/[0-9]+ [^"]*" 200 '
VIEW = r'"event.action":"view","event.outcome":"success"'
INVENTORY = FIXTURES / "inventory.yaml"
TWO_WINDOWS = [FIXTURES / "two_windows.yml"]
LINES = int(os.environ.get("BENCH_LINES", "1000000"))

Ways = dict[str, Callable[[], float]]


def sparse_nginx(folder: Path) -> tuple[int, Ways]:
    """An access log of which 5 % are accesses, each counted in two windows."""
    path = logs.nginx(folder / "nginx.log", LINES)
    return LINES, {
        "grep -c of the accesses": grep(ACCESS, path),
        "grep -c of a plain text": grep("/api/patients/", path),
        "for line in file": python_loop(path),
        "replay, two windows": replay(path, TWO_WINDOWS, INVENTORY, "category=webserver"),
        "replay, the shipped rules": replay(path, [ROOT / "rules"], INVENTORY, "category=webserver"),
    }


def crowded_nginx(folder: Path) -> tuple[int, Ways]:
    """The same with the public web and proxy rules, where they are at hand, and 3,000 made of the log's own words."""
    path = logs.nginx(folder / "nginx.log", LINES)
    rules = crowded_rules(folder)
    return LINES, {
        "grep -c of the accesses": grep(ACCESS, path),
        "replay, two windows": replay(path, TWO_WINDOWS, INVENTORY, "category=webserver"),
        "replay, with all of them": replay(path, rules, INVENTORY, "category=webserver"),
    }


def crowded_rules(folder: Path) -> list[Path]:
    """Those of the crowded log."""
    public = crowd.public(folder, "/rules/web/")
    rules = [*TWO_WINDOWS, crowd.generated(folder, logs.nginx(folder / "nginx.log", LINES))]
    return rules if public is None else [*rules, public]


def sparse_json(folder: Path) -> tuple[int, Ways]:
    """JSON lines of 400 bytes of which 1 % are accesses."""
    path = logs.json_lines(folder / "sparse.json", LINES, 0.01)
    return LINES, _json(path)


def escaped_json(folder: Path) -> tuple[int, Ways]:
    """The same with an escaped ampersand in every record."""
    path = logs.json_lines(folder / "escaped.json", LINES, 0.01, escaped=True)
    return LINES, _json(path)


def dense_json(folder: Path) -> tuple[int, Ways]:
    """JSON lines of 400 bytes, every one of them an access."""
    lines = LINES // 4
    path = logs.json_lines(folder / "dense.json", lines, 1.0)
    three = replay(path, [FIXTURES / "three_windows.yml"], INVENTORY, "category=application")
    return lines, {**_json(path), "replay, three windows": three}


def many_values(folder: Path) -> tuple[int, Ways]:
    """The dense log by ten people, who each read about so many different records in the ten minutes of a window."""
    lines = LINES // 4
    ways = {}
    for count in (10, 1800):
        path = logs.json_lines(folder / f"values-{count}.json", lines, 1.0, people=10, patients=count)
        ways[f"{count:,} values"] = replay(path, [FIXTURES / "many_values.yml"], INVENTORY, "category=application")
    return lines, ways


def _json(path: Path) -> Ways:
    return {
        "grep -c of the accesses": grep(VIEW, path),
        "for line in file": python_loop(path),
        "replay, two windows": replay(path, TWO_WINDOWS, INVENTORY, "category=application"),
    }


SUITES = {
    "sparse nginx": sparse_nginx,
    "crowded nginx": crowded_nginx,
    "sparse JSON": sparse_json,
    "escaped JSON": escaped_json,
    "dense JSON": dense_json,
    "many values": many_values,
}


def main() -> int:
    """Every suite, or those named on the command line."""
    wanted = sys.argv[1:] or list(SUITES)
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted:
            records, ways = SUITES[name](Path(folder))
            measured = [Figure(way, records, seconds) for way, seconds in in_turn(ways).items()]
            parts.append(_table(name, str(SUITES[name].__doc__), measured))
            print(parts[-1])
        if not sys.argv[1:]:
            crowded = figures.crowded(crowded_rules(Path(folder)), TWO_WINDOWS, INVENTORY, Path(folder) / "nginx.log")
            facts = [crowded, *figures.rows(Path(folder)), *baselines.rows()]
            parts += [_facts(facts), profile.page(Path(folder))]
            print("\n".join(parts[-2:]))
    if not sys.argv[1:]:
        page.write(ROOT / "docs" / "benchmarks.md", _page(parts))
    return 0


def _facts(rows: list[tuple[str, str]]) -> str:
    lines = ["## Candidates, memory, loading and baselines", "", "| what | figure |", "|---|---:|"]
    return "\n".join([*lines, *(f"| {what} | {figure} |" for what, figure in rows)]) + "\n"


def _table(name: str, what: str, measured: list[Figure]) -> str:
    first = measured[0]
    rows = [f"## {name}", "", what, "", f"| way | records/s | beside `{first.name}` |", "|---|---:|---:|"]
    rows += [f"| {each.name} | {each.rate:,.0f} | {each.rate / first.rate:.2f} |" for each in measured]
    return "\n".join(rows) + "\n"


def _page(parts: list[str]) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    head = f"""# Benchmarks

Written by `make bench`. CPU seconds of whole processes, one core, median of three rounds run in turn; replay without
the start of the program. Compare the ratios: the machine is shared and its speed drifts.

Machine: {machine}, Python {platform.python_version()}, commit {commit.stdout.strip()}.

What the figures do not show: logs are in the page cache; the daemon also commits (about 0.4 ms every half second); a
log whose every record is an access runs at the dense figure; a rule that has nothing to search for makes every record
of its log a candidate (`sentinel check --sample` says which). Where the processor's caches are shared with other work,
counting suffers most: each event touches the window of its group, and there are as many as there are people.
"""
    return "\n".join([head, *parts])


if __name__ == "__main__":
    sys.exit(main())

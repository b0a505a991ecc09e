"""Where the time of a record goes: each stage of the hot path timed as it runs, in this process."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentinel import formats, inventory, rulebook
from sentinel.detect.engine import Engine
from sentinel.detect.lane import Purpose, SourceView
from sentinel.formats.base import FormatOptions
from sentinel.model import LogSource
from sentinel.sources.history import read_history
from tests.bench.measure import FIXTURES

STAGES = ("reading", "scanning", "parsing", "judging", "counting", "the rest")


def page(folder: Path) -> str:
    """The section of the page, from the logs that the suites have left in the folder."""
    measured = {
        "sparse nginx": _stages(folder / "nginx.log", "nginx", "webserver"),
        "sparse JSON": _stages(folder / "sparse.json", "json", "application"),
        "dense JSON": _stages(folder / "dense.json", "json", "application"),
    }
    lines = ["## Where the time goes", ""]
    lines += ["Microseconds of processor time a record, with two windows.", ""]
    lines += [f"| stage | {' | '.join(measured)} |", f"|---|{'---:|' * len(measured)}"]
    for stage in STAGES:
        lines.append(f"| {stage} | {' | '.join(f'{each[stage]:.3f}' for each in measured.values())} |")
    return "\n".join(lines) + "\n"


def _stages(log: Path, spec: str, category: str) -> dict[str, float]:
    found, _ = inventory.parse((FIXTURES / "inventory.yaml").read_bytes(), "inventory.yaml")
    book, _ = rulebook.read([FIXTURES / "two_windows.yml"], found)
    view = SourceView("bench", formats.make(spec, FormatOptions()), LogSource(category=category))
    engine = book.engine([view], b"k" * 32, Purpose(keeps_state=False))
    lane = engine.lanes["bench"]
    spent = dict.fromkeys(STAGES, 0.0)
    for owner, name, stage in (
        (lane._scanner, "candidates", "scanning"),
        (lane, "_events", "parsing"),
        (lane, "_judge", "judging"),
        (engine, "correlate", "counting"),
    ):
        setattr(owner, name, _timed(getattr(owner, name), spent, stage))
    begun = time.process_time()
    _run(engine, log, spent)
    spent["the rest"] = time.process_time() - begun - sum(spent.values())
    return {stage: seconds / lane.counts.lines * 1e6 for stage, seconds in spent.items()}


def _run(engine: Engine, log: Path, spent: dict[str, float]) -> None:
    blocks = read_history(str(log), "bench", 1)
    read = _timed(lambda: next(blocks, None), spent, "reading")
    while (block := read()) is not None:
        engine.judge(block, None)


def _timed(run: Callable[..., Any], spent: dict[str, float], stage: str) -> Callable[..., Any]:
    def timed(*given: Any) -> Any:
        begun = time.process_time()
        try:
            return run(*given)
        finally:
            spent[stage] += time.process_time() - begun

    return timed

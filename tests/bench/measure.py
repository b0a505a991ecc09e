"""Measuring: whole processes, several times in turn, so that a slow moment of the machine meets them all."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FIXTURES = Path(__file__).parent / "fixtures"
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Figure:
    """Records a second of one way to go through a log: the median of the rounds. `note` is what it did."""

    name: str
    records: int
    seconds: float
    note: str = ""

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.seconds


def in_turn(ways: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """The median seconds of each, every round running all of them once."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, run in ways.items():
            taken[name].append(run())
    return {name: median(seconds) for name, seconds in taken.items()}


def grep(pattern: str, path: Path) -> Callable[[], float]:
    """CPU seconds of `grep -c -E`."""
    return lambda: _cpu(["grep", "-c", "-E", pattern, str(path)])


def python_loop(path: Path) -> Callable[[], float]:
    """CPU seconds of a Python loop over the lines."""
    return lambda: _cpu([sys.executable, "-c", f"for line in open({str(path)!r}, 'rb'): pass"])


def replay(path: Path, rules: Sequence[Path], inventory: Path, logsource: str) -> Callable[[], float]:
    """CPU seconds of a replay of the log, less those of a replay of nothing: the start of the program."""
    options = [option for rule in rules for option in ("--rules", str(rule))]
    command = [sys.executable, "-m", "sentinel", "replay", *options, "--inventory", str(inventory)]
    command += ["--logsource", logsource, "--output", "json"]
    return lambda: _cpu([*command, str(path)]) - _cpu([*command, "/dev/null"])


def process(command: Sequence[str], nothing: Sequence[str]) -> Callable[[], float]:
    """CPU seconds of a program that goes through a log, less those of the same with nothing to do."""
    return lambda: _cpu(list(command)) - _cpu(list(nothing))


def _cpu(command: list[str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = time.perf_counter()
    # Into a pipe: grep stops at the first match when its output is /dev/null.
    subprocess.run(command, stdout=subprocess.PIPE, check=False, env=_one_core())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used or time.perf_counter() - begun


def _one_core() -> dict[str, str]:
    return {**os.environ, "LC_ALL": "C.UTF-8", "OMP_NUM_THREADS": "1"}

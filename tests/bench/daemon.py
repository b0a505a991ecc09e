"""The daemon as it runs: how soon a line is a case and a message, how fast it reads, restarts and rests.

Each figure is of a real process with real files on this machine's disk. Writes docs/benchmarks-daemon.md.
"""

from __future__ import annotations

import json
import os
import platform
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from threading import Event

from sentinel.store import Store
from tests.bench import logs
from tests.bench.measure import FIXTURES, replay
from tests.crash.watched import Receiver, Watched, receiving, until, watched

ROOT = Path(__file__).parents[2]
LINES = int(os.environ.get("BENCH_LINES", "1000000"))
PAUSE = Event()
"""Never set: what waits for it waits as long as it says."""

GROUPS = 100_000
FILES = 1_000
SAMPLES = 200
POLLED = 40
IDLE_SECONDS = 30.0
PATIENCE = 600.0

ONE = """
title: Taken
name: taken
logsource: {category: personal_data_access}
detection: {selection: {access.action: export}, condition: selection}
level: high
"""
EXPORT = """
systems:
  - name: portal
    data: [health]
    access: [{when: {url.path: /export}, actor: user.name, action: export}]
"""
NOTHING = "systems: [{name: portal, data: [health], access: [{when: {url.path: /never}, actor: user.name}]}]"
MANY = """
title: Read
name: read
logsource: {category: webserver}
detection: {selection: {url.path|startswith: /patients/}, condition: selection}
level: informational
---
title: Many
name: many
correlation:
  type: value_count
  rules: [read]
  group-by: [user.name]
  timespan: 24h
  condition: {field: url.path, gte: 50}
level: high
"""

LIMITS = """
What the figures do not show:

- The machine is shared with other work. Whatever is measured on the clock, latency and restart, waits for a processor
  too, and seconds of processor time themselves grow by half and more: of two runs of one commit within ten minutes,
  one restarted in 1.4 s and 1.5 s, the other, beside more other work, in 3.8 s and 4.8 s.
- Without inotify a file is looked at ten times a second while it was written to in the last five, as it was here, and
  once a second else: the first line after a pause waits for up to a second longer than these did.
- One run is one run: a p99 of few lines rests on the two or three slowest of them.
- The disk is that of this machine, and a commit is as slow as its `fdatasync`. Network file systems are only stood in
  for, by doing without inotify.
- The 1,000 files are small, in one folder and of one source; more folders cost more at rest, and files of many
  gigabytes cost no more.
"""

Row = tuple[str, str, str]
"""What was measured, the figure, the target."""


def source(folder: Path, *, polls: bool = False) -> str:
    return (
        f'  - {{name: portal, type: file, paths: ["{folder}/*.log"], format: nginx, '
        f"logsource: {{category: webserver}}, poll: {str(polls).lower()}}}"
    )


def line(who: str, path: str, at: datetime) -> bytes:
    return f'10.0.0.1 - {who} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" 200 1 "-" "-"\n'.encode()


@contextmanager
def running(folder: Path, sources: str, rules: str, inventory: str) -> Iterator[tuple[Watched, Receiver]]:
    with receiving() as receiver, watched(folder, receiver.port, sources, rules, inventory) as daemon:
        daemon.start()
        until(daemon.is_at_work, "it answers", PATIENCE)
        yield daemon, receiver


# --- how soon --------------------------------------------------------------------------------------------------


def soon(folder: Path, *, polls: bool, samples: int) -> tuple[list[float], list[float]]:
    """Seconds from a written line to its case committed, and to its message received, sorted."""
    log_folder = folder / f"logs-{polls}"
    log_folder.mkdir()
    log = log_folder / "portal.log"
    log.touch()
    committed, received = [], []
    chance = random.Random(1)
    with running(folder / f"soon-{polls}", source(log_folder, polls=polls), ONE, EXPORT) as (daemon, receiver):
        PAUSE.wait(2)
        with daemon.store() as store, log.open("ab", buffering=0) as file:
            for number in range(samples):
                PAUSE.wait(chance.uniform(0.05, 0.5))
                text = line(f"who{number}", "/export", datetime.now(UTC))
                begun = time.perf_counter()
                file.write(text)
                # Of one transaction with the case, and quicker to ask for than all cases so far.
                while reached(store) < log.stat().st_size:
                    PAUSE.wait(0.0005)
                committed.append(time.perf_counter() - begun)
                while sum(b'"case.opened"' in message.body for message in receiver.messages) <= number:
                    PAUSE.wait(0.0005)
                received.append(time.perf_counter() - begun)
            assert len(store.cases()) == samples
        daemon.stop()
    return sorted(committed), sorted(received)


def reached(store: Store) -> int:
    """Bytes of the one log that are judged and committed."""
    return sum(json.loads(position.state).get("at", 0) for position in store.positions())


def _spread(seconds: list[float]) -> str:
    late = seconds[len(seconds) * 99 // 100]
    return f"{1000 * median(seconds):.0f} ms, {1000 * late:.0f} ms, {1000 * seconds[-1]:.0f} ms"


def latency(folder: Path) -> Iterator[Row]:
    committed, received = soon(folder, polls=False, samples=SAMPLES)
    yield "line to case committed: p50, p99, slowest", _spread(committed), "p50 25 ms, p99 200 ms"
    yield "line to message received: p50, p99, slowest", _spread(received), ""
    committed, received = soon(folder, polls=True, samples=POLLED)
    yield "the same without inotify, case committed", _spread(committed), "p99 2.5 s"
    yield "the same without inotify, message received", _spread(received), ""


# --- how fast --------------------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def throughput(folder: Path) -> Iterator[Row]:
    """CPU seconds for a log of which 5 % are accesses: by the daemon, committing, beside those of replay."""
    log_folder = folder / "logs-fast"
    log_folder.mkdir()
    log = logs.nginx(folder / "fast.log", LINES)
    rules, inventory = FIXTURES / "two_windows.yml", FIXTURES / "inventory.yaml"
    shares = []
    for number in range(3):
        replayed = replay(log, [rules], inventory, "category=webserver")()
        for each in log_folder.iterdir():
            each.unlink()
        (log_folder / "portal.log").touch()
        sources = source(log_folder).replace("poll: false", "history: all")
        with running(folder / f"fast{number}", sources, rules.read_text(), inventory.read_text()) as (daemon, _):
            assert daemon.process is not None
            before = cpu_seconds(daemon.process.pid)
            with log.open("rb") as whole, (log_folder / "portal.log").open("ab") as file:
                shutil.copyfileobj(whole, file, 1 << 24)
            size = log.stat().st_size
            end = time.monotonic() + PATIENCE
            while daemon.committed() < size:
                assert time.monotonic() < end
                PAUSE.wait(0.25)
            shares.append(replayed / (cpu_seconds(daemon.process.pid) - before))
            daemon.stop()
    yield "throughput with commits, beside replay", f"{median(shares):.2f}", "0.90"


# --- restart and rest ------------------------------------------------------------------------------------------


def rest(folder: Path) -> Iterator[Row]:
    """100,000 live groups and 1,000 files: how soon it is at work again, and what it costs to do nothing."""
    log_folder = folder / "logs-many"
    log_folder.mkdir()
    begun = datetime.now(UTC) - timedelta(hours=1)
    for number in range(FILES):
        with (log_folder / f"portal{number:04}.log").open("wb") as file:
            for reader in range(GROUPS // FILES):
                who = f"kim{number * (GROUPS // FILES) + reader}"
                file.writelines(line(who, f"/patients/{each}", begun + timedelta(seconds=number)) for each in range(3))
    size = sum(each.stat().st_size for each in log_folder.iterdir())
    with running(folder / "many", source(log_folder), MANY, NOTHING) as (daemon, _):
        until(lambda: daemon.committed() == size, "everything is judged", PATIENCE)
        PAUSE.wait(5)
        assert daemon.process is not None
        before = cpu_seconds(daemon.process.pid)
        PAUSE.wait(IDLE_SECONDS)
        idle = (cpu_seconds(daemon.process.pid) - before) / IDLE_SECONDS
        daemon.stop()
        yield f"restart with {GROUPS:,} groups and {FILES:,} files", f"{_restart(daemon):.2f} s", "2 s"
        daemon.kill()
        yield "the same after kill -9", f"{_restart(daemon):.2f} s", "2 s"
        daemon.stop()
        yield f"processor time at rest with {FILES:,} files", f"{idle:.1%}", "1 %"


def _restart(daemon: Watched) -> float:
    begun = time.perf_counter()
    daemon.start()
    until(daemon.is_at_work, "it answers", PATIENCE)
    return time.perf_counter() - begun


# --- the page --------------------------------------------------------------------------------------------------

SUITES = {"latency": latency, "throughput": throughput, "rest": rest}


def main() -> int:
    """Every suite, or those named on the command line, which write no page."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        # An installed package has its bytecode beside it; the first start of all makes it here, and is not measured.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        for name in sys.argv[1:] or list(SUITES):
            for row in SUITES[name](Path(folder)):
                print("| " + " | ".join(row) + " |", flush=True)
                rows.append(row)
    if not sys.argv[1:]:
        (ROOT / "docs" / "benchmarks-daemon.md").write_text(_page(rows), encoding="utf-8")
    return 0


def _page(rows: list[Row]) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    name = commit.stdout.strip()
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    head = f"""# Benchmarks of the daemon

Written by `make bench-daemon` (`python -m tests.bench.daemon`): a real process, real files, a real service on loopback.

Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, commit {name}.
Load average at the end (1, 5 and 15 minutes): {load}.

Latency is of {SAMPLES} lines ({POLLED} without inotify) that each open a case, written one at a time between 50 and
500 ms apart; the channel takes each message by itself. Committed is when another process can read it from the store.
Throughput is CPU seconds of replay over those of the daemon, the median of three: {LINES:,} lines, 5 % of them
accesses. A restart is from the start of the process until it answers on its socket, with bytecode made before, as an
installed package has it. At rest is over {IDLE_SECONDS:.0f} seconds in which nothing is written, from 5
seconds after the last record.

| what | figure | target |
|---|---:|---:|
"""
    return head + "".join("| " + " | ".join(row) + " |\n" for row in rows) + LIMITS


if __name__ == "__main__":
    sys.exit(main())

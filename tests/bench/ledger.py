"""The ledger of accesses: what an access costs, how large it is, and how long a question takes.

Accesses are invented with NumPy and go through the store as the daemon's do. Writes docs/benchmarks-ledger.md.
`LEDGER_ACCESSES` says how many (100 million), `LEDGER_FOLDER` where (a temporary folder).
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from sentinel import rulebook
from sentinel.accesses import Accesses, Kind
from sentinel.clock import DAY, SECOND, Micros
from sentinel.detect.gatherer import Apart, Gatherer, Held
from sentinel.detect.hashes import Hashes
from sentinel.detect.lane import Purpose
from sentinel.inventory import parse
from sentinel.model import Block, Event
from sentinel.scope import HABIT, NEARBY, Asked, scope
from sentinel.store import Batch, Store
from sentinel.store.asking import open_ledger
from sentinel.store.segments import Column
from sentinel.vault import Vault
from tests.bench import logs
from tests.bench.measure import FIXTURES
from tests.detecting import a_block, a_view

ROOT = Path(__file__).parents[2]
ACCESSES = int(os.environ.get("LEDGER_ACCESSES", "100000000"))
ACTORS, PEOPLE, DAYS = 20_000, 5_000_000, 400
COMMIT = 1 << 16
"""Accesses that one commit brings: as many as a second's reading of a busy log."""

BEGIN: Micros = 1_740_000_000 * SECOND
END = BEGIN + DAYS * DAY
KINDS = tuple(
    Kind(system, action, data)
    for system in ("portal", "ehr", "billing")
    for action in ("read", "update", "export")
    for data in (("health",), ("health", "contact"))
)
SIZED = 0.02
"""Of so many accesses the log says how much was sent."""

ROUNDS = 3
DENSE = 200_000


# --- the accesses ----------------------------------------------------------------------------------------------


def mixed(numbers: Column) -> Column:
    """Numbers as the keyed hashes that they stand for: every bit of each is as good as random (splitmix64)."""
    mix = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
    mix = (mix ^ (mix >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mix = (mix ^ (mix >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    found: Column = (mix ^ (mix >> np.uint64(31))).view(np.int64)
    return found


def actor(number: int) -> int:
    return int(mixed(np.array([number + (1 << 40)]))[0])


def invented(first: int, count: int) -> Accesses:
    """Some of the accesses, by number. A few actors make most; four of five are of people that are the actor's own, of
    whom some come and go; the others are of anybody.
    """
    chance = np.random.default_rng(first)
    who = (ACTORS * chance.random(count) ** 2).astype(np.int64)
    own = (who * 251 + chance.integers(0, 600, count) + first // 200_000) % PEOPLE
    whose = np.where(chance.random(count) < 0.8, own, chance.integers(0, PEOPLE, count))
    step = (END - BEGIN) // ACCESSES
    times = BEGIN + (np.arange(first, first + count) * step + chance.integers(0, step + 1, count)) // 1000 * 1000
    sized = np.flatnonzero(chance.random(count) < SIZED)
    return Accesses(
        times=columns("q", times),
        actors=columns("q", mixed(who + (1 << 40))),
        subjects=columns("q", mixed(whose)),
        places=columns("H", chance.integers(0, len(KINDS), count).astype(np.uint16)),
        sized=columns("I", sized.astype(np.uint32)),
        sizes=columns("q", chance.integers(1, 1 << 24, len(sized))),
        records=columns("q", chance.integers(0, 500, len(sized))),
        kinds=KINDS,
        names={actor(number): f"staff{number}" for number in range(ACTORS)} if first == 0 else {},
    )


def columns(kind: str, values: Column) -> array[int]:
    found = array(kind)
    found.frombytes(values.tobytes())
    return found


# --- what is measured ------------------------------------------------------------------------------------------


def gathering(folder: Path) -> float:
    """Microseconds of the processor that the ledger adds to the judging of an access."""
    data = logs.json_lines(folder / "dense.json", DENSE, 1.0).read_bytes()
    found, _ = parse((FIXTURES / "inventory.yaml").read_text(encoding="utf-8"))
    book, problems = rulebook.read([FIXTURES / "two_windows.yml"], found)
    assert not problems
    gatherer = Timed(Hashes(b"k").__getitem__)
    engine = book.engine([a_view("json", category="application")], b"k", Purpose(gatherer=gatherer))
    costs = []
    for block in blocks(data):
        engine.judge(block, None)
        begun = time.process_time()
        taken = gatherer.take(END)
        assert taken is not None
        costs.append((gatherer.seconds + time.process_time() - begun) / len(taken.times) * 1e6)
        gatherer.seconds = 0.0
    return min(costs[1:])  # the first one meets every name for the first time


class Timed(Gatherer):
    """Counts the seconds of the processor that it takes."""

    seconds = 0.0

    def note(self, events: Sequence[Event], held: Sequence[Held], apart: Apart) -> None:
        begun = time.process_time()
        super().note(events, held, apart)
        self.seconds += time.process_time() - begun


def blocks(data: bytes) -> Iterator[Block]:
    """The log as a source hands it out: about 1 MiB at a time."""
    start = 0
    while start < len(data):
        end = data.find(b"\n", min(start + (1 << 20), len(data) - 1)) + 1
        yield a_block(data[start:end], offset=start)
        start = end


def turn() -> float:
    """Nanoseconds of a turn of an empty loop: how fast the machine is now."""
    begun = time.process_time()
    for _ in range(5_000_000):
        pass
    return (time.process_time() - begun) / 5e6 * 1e9


@dataclass(frozen=True)
class Written:
    """Seconds of the processor and by the clock that committing and compacting took, and bytes on disk."""

    cpu: float
    wall: float
    size: int


def write(folder: Path) -> Written:
    """Everything through the store: commits as the daemon's, files as it makes them."""
    cpu = wall = 0.0
    with Store.open(folder, Vault.open(folder, bytes(32))) as store:
        for first in range(0, ACCESSES, COMMIT):
            batch = Batch()
            batch.access(invented(first, min(COMMIT, ACCESSES - first)))
            cpu, wall = cpu - time.process_time(), wall - time.perf_counter()
            store.commit(batch)
            store.tend_ledger(END, 2 * DAYS * DAY)
            cpu, wall = cpu + time.process_time(), wall + time.perf_counter()
    return Written(cpu, wall, sum(path.stat().st_size for path in files(folder)))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def questions() -> Iterator[tuple[str, int, Micros, Micros]]:
    """What is asked: in words, about which actor, from when, until when."""
    late = END - 20 * DAY
    for name, number in (("the busiest actor", 0), ("a busy one", ACTORS // 20), ("one in the middle", ACTORS // 2)):
        yield f"{name}, one day", number, late, late + DAY
        yield f"{name}, thirty days", number, late - 10 * DAY, END
        yield f"{name}, all {DAYS} days", number, BEGIN, END + 1


def answered(folder: Path, number: int, since: Micros, until: Micros, *, is_cold: bool) -> tuple[float, float, str]:
    """Seconds from opening the ledger to the answer, by the clock and of the processor, and what it was about."""
    if is_cold:
        for path in files(folder):
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    begun, cpu = time.perf_counter(), time.process_time()
    ledger = open_ledger(folder, since - HABIT, until + NEARBY)
    found = scope(ledger, Asked("C-1", {actor(number): "actor"}), since, until)
    seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    return seconds, cpu, f"{found['accesses']:,} | {found['people_count']:,} | {len(found['others']):,}"


# --- the page --------------------------------------------------------------------------------------------------


def main() -> int:
    """Everything, as a table on standard output and in the docs."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("LEDGER_FOLDER")) as name:
        folder = Path(name)
        gathered = gathering(folder)
        written = write(folder / "state")
        rows = []
        for what, number, since, until in questions():
            cold, _, about = answered(folder / "state", number, since, until, is_cold=True)
            warm = [answered(folder / "state", number, since, until, is_cold=False) for _ in range(ROUNDS)]
            seconds, cpu = median(each[0] for each in warm), median(each[1] for each in warm)
            rows.append(f"| {what} | {about} | {seconds:.2f} s | {cpu:.2f} s | {cold:.2f} s |")
            print(rows[-1], flush=True)
    page = _page(gathered, written, rows)
    print(page)
    (ROOT / "docs" / "benchmarks-ledger.md").write_text(page, encoding="utf-8")
    return 0


def _page(gathered: float, written: Written, rows: list[str]) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    )
    stored = written.cpu / ACCESSES * 1e6
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    return f"""# Benchmarks of the ledger

Written by `make bench-ledger` (`python -m tests.bench.ledger`): {ACCESSES:,} invented accesses of {DAYS} days, by
{ACTORS:,} actors to data of {PEOPLE:,} people, put through the store as the daemon does it, {COMMIT:,} a commit.

Machine: {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, NumPy {np.__version__}, \
commit {commit.stdout.strip()}.
Load average at the end (1, 5 and 15 minutes): {loads}.

| what | figure | target |
|---|---:|---:|
| gathering, processor time an access | {gathered:.2f} us | |
| committing and putting into files, processor time an access | {stored:.2f} us | |
| both | {gathered + stored:.2f} us | 2 us |
| the same by the clock, disk included, without gathering | {written.wall / ACCESSES * 1e6:.2f} us | |
| on disk, bytes an access | {written.size / ACCESSES:.1f} | 40 |
| on disk, a million accesses | {written.size / ACCESSES:.1f} MB | |

## Questions

`scope` from opening the ledger to the whole answer: people, what was outside the habit of the 90 days before, and who
else touched the same people. Target: below 3 s. Warm: the median of {ROUNDS}, files in the page cache. Cold: the first
time, files dropped from it. The command itself takes half a second more to start.

| about | accesses | people | other actors | warm | the same, processor | cold |
|---|---:|---:|---:|---:|---:|---:|
{chr(10).join(rows)}

What the figures do not show: the machine is shared with other work, and its speed drifts; a turn of an empty loop in
Python took {turn():.0f} ns meanwhile, and takes 15 to 20 where nobody else works. Gathering is the least of several
takes over blocks of a log in which every record is an access. The log says how much was sent for {SIZED:.0%} of the
accesses; each such access takes 20 bytes more. Where the log's times have microseconds, each takes 4 bytes more.
"""


if __name__ == "__main__":
    sys.exit(main())

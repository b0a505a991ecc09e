"""The daemon is killed at every k-th system call, and its disk fails at every k-th: nothing is lost, nothing doubled.

strace does it (`inject=pwrite64:signal=KILL:when=7`), counting for each thread. What is left is held against a watch
over the same bytes that nobody disturbed. CRASH_KILLS says how many, CRASH_SEED with what; SENTINEL_LONG=1: 10,000.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from sentinel import keyless
from sentinel.clock import SystemClock, to_datetime
from tests.crash.nursery import Nursed
from tests.crash.test_kill_daemon import INVENTORY, RULES, SOURCES, differences, finish, register
from tests.crash.watched import Receiver, receiving, until, watched

IS_LONG = bool(os.environ.get("SENTINEL_LONG"))
KILLS = int(os.environ.get("CRASH_KILLS", "10000" if IS_LONG else "200"))
SEED = int(os.environ.get("CRASH_SEED", "1"))
SEASON = 50
"""So many lives of one state folder; then another begins, so that a life stays short."""

LIFE = 24
"""Lines that are written before and while a daemon lives; every other life they are one more bulk reader's."""

STRIDES = {"fdatasync": 1, "pwrite64": 1, "sendto": 1, "fsync": 1, "pread64": 11, "read": 13}
"""At every which call of a kind a daemon is killed. Of one life there are hundreds of reads and a few syncs."""

FAULTS = {
    "pwrite64:error=ENOSPC": (3, 30),
    "pwrite64:error=EIO": (3, 0),
    "fdatasync:error=EIO": (1, 0),
    "fsync:error=EIO": (1, 0),
    "pread64:error=EIO": (13, 0),
    "sendto:error=ECONNRESET": (1, 0),
}
"""Which call fails how; at every which it begins, and how many more of that thread's fail after it."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (Debian: apt-get install strace)"),
]


class Plan:
    """At which call of which kind each next life ends: every kind in turn, each from its first call to its last."""

    def __init__(self, strides: dict[str, int], chance: random.Random) -> None:
        self._strides = strides
        self._chance = chance
        self._next = {kind: 1 + chance.randrange(stride) for kind, stride in strides.items()}
        self._turn = 0
        self.hits: Counter[str] = Counter()

    def next(self) -> tuple[str, int]:
        kinds = list(self._strides)
        self._turn += 1
        kind = kinds[self._turn % len(kinds)]
        return kind, self._next[kind]

    def was(self, kind: str, *, hit: bool) -> None:
        self.hits[kind] += hit
        stride = self._strides[kind]
        self._next[kind] = self._next[kind] + stride if hit else 1 + self._chance.randrange(stride)


class World:
    """One state folder, its log, and the service that takes its messages."""

    def __init__(self, daemon: Nursed, receiver: Receiver, seed: int) -> None:
        self.daemon = daemon
        self.receiver = receiver
        self.path = daemon.folder / "portal.log"
        self.path.touch()
        self.written = 0
        self._chance = random.Random(seed)
        self._line = 0
        self._begun = to_datetime(SystemClock().now()).astimezone(UTC) - timedelta(hours=1)

    def write(self, life: int, count: int) -> None:
        """So many lines; of a reader's 24 in a life, the 20th completes a finding."""
        lines = []
        for _ in range(count):
            at = self._begun + self._line * timedelta(milliseconds=100)
            self._line += 1
            lines.append(
                f'10.0.0.7 - bulk{life // 2} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /patients/{self._line} HTTP/1.1" '
                f'200 {self._chance.randrange(10_000)} "-" "Mozilla/5.0"\n'
            )
        text = "".join(lines).encode()
        with self.path.open("ab") as log:
            log.write(text)
        self.written += len(text)

    def is_settled(self) -> bool:
        """Everything is judged and sent, or the daemon is dead."""
        daemon = self.daemon
        return daemon.is_dead() or (daemon.committed_so_far() == self.written and daemon.has_paid())

    def live(self, life: int, *inject: str) -> int:
        """One daemon's life: it finds half of the lines, the rest comes while it watches. How it ended."""
        self.write(life, LIFE // 2)
        self.daemon.start(*inject)
        self.write(life, LIFE // 2)
        until(self.is_settled, "everything is judged and sent")
        if not self.daemon.is_dead():
            self.daemon.terminate()
        return self.daemon.end()

    def must_be_as_undisturbed(self, folder: Path, *, may_miss_key: bool = False) -> None:
        """Cases, findings, people, evidence, audit trail and messages are those of a watch that nobody disturbed.

        A disk that fails where the master key is read makes the watch go on without it, and tell of that in a case.
        """
        finish(self.daemon, self.written)
        with (
            receiving() as other,
            watched(folder, other.port, SOURCES, RULES, INVENTORY) as undisturbed,
        ):
            (undisturbed.folder / "portal.log").write_bytes(self.path.read_bytes())
            finish(undisturbed, self.written)
            found, expected = register(self.daemon), register(undisturbed)
            missed = [name for name, case in found.items() if case["case"][3] == (keyless.RULE,)]
            assert may_miss_key or not missed
            told = {message_id for name in missed for _, message_id, _ in found.pop(name)["owed"]}
            assert not (different := differences(found, expected)), "\n".join(different)
            owed = {message_id for case in found.values() for _, message_id, _ in case["owed"]}
            assert owed
            assert self.receiver.ids() - told == other.ids() == owed
            assert all(len(set(self.receiver.bodies(message_id))) == 1 for message_id in owed | told)


@contextmanager
def world(folder: Path, seed: int) -> Iterator[World]:
    with receiving() as receiver:
        daemon = Nursed(folder, receiver.port, SOURCES, RULES, INVENTORY)
        config = daemon.folder / "sentinel.yaml"
        text = config.read_text().replace('http: {listen: "127.0.0.1:0"}', "http: {listen: null}")
        # Copies are made all the time, so that their writing is met as well.
        config.write_text(f"{text}backup: {{every: 5s, keep: 2}}\n")
        try:
            yield World(daemon, receiver, seed)
        finally:
            daemon.let_go()


def test_no_kill_at_any_system_call_loses_or_doubles_anything(tmp_path: Path) -> None:
    plan = Plan(STRIDES, random.Random(SEED))
    season = 0
    while plan.hits.total() < KILLS:
        goal = min(KILLS, plan.hits.total() + SEASON)
        with world(tmp_path / f"season{season}", SEED + season) as state:
            life = 0
            while plan.hits.total() < goal:
                kind, number = plan.next()
                code = state.live(life, f"{kind}:signal=KILL:when={number}")
                assert code in (0, -9), state.daemon.last_words()
                plan.was(kind, hit=code == -9)
                life += 1
            state.must_be_as_undisturbed(tmp_path / f"undisturbed{season}")
        shutil.rmtree(tmp_path / f"season{season}")
        shutil.rmtree(tmp_path / f"undisturbed{season}")
        season += 1
        print(f"{plan.hits.total()} kills with seed {SEED}: {dict(plan.hits)}", flush=True)
    assert min(plan.hits[kind] for kind in STRIDES) > 0


def test_no_failure_of_the_disk_or_the_network_loses_or_doubles_anything(tmp_path: Path) -> None:
    plan = Plan({fault: stride for fault, (stride, _) in FAULTS.items()}, random.Random(SEED))
    with world(tmp_path / "failing", SEED) as state:
        for life in range(KILLS // 4):
            fault, number = plan.next()
            last = number + FAULTS[fault][1]
            code = state.live(life, f"{fault}:when={number}..{last}")
            # Where the disk fails while it starts, it ends and the service manager starts the next.
            assert code in (0, 1), state.daemon.last_words()
            plan.was(fault, hit=True)
            if life % 20 == 19:
                plan = Plan({each: stride for each, (stride, _) in FAULTS.items()}, random.Random(SEED + life))
        state.must_be_as_undisturbed(tmp_path / "undisturbed", may_miss_key=True)

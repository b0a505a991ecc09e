"""Whatever happens in whatever order, every line that was written is judged exactly once and every case told once.

A hypothesis state machine over the daemon's real parts in this process, on a set clock: real files, real store, a real
service on loopback. The oracle is plain: each line is one finding and one piece of evidence in the case of its actor.
CRASH_EXAMPLES says how many runs, CRASH_SEED from where; SENTINEL_LONG=1: 2,000 longer ones.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections import Counter
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sentinel.app import Daemon
from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros, to_datetime
from sentinel.inspection import prepare
from tests.crash.watched import TurnedClock, Watched, receiving, until
from tests.killing import kill

IS_LONG = bool(os.environ.get("SENTINEL_LONG"))
EXAMPLES = int(os.environ.get("CRASH_EXAMPLES", "2000" if IS_LONG else "25"))
SEED = os.environ.get("CRASH_SEED")
STEPS = 60 if IS_LONG else 30
NOON: Micros = 1_772_625_600 * SECOND
SOURCES = (
    "  - {name: portal, type: file, paths: [portal.log], format: nginx, logsource: {category: webserver}, poll: true}"
)
INVENTORY = """
systems:
  - name: portal
    data: [health]
    access: [{when: {'url.path|re': '^/patients/(?P<subject>[0-9]+)$'}, actor: user.name}]
"""
RULES = """
title: Read
name: read
logsource: {category: personal_data_access}
detection: {selection: {access.system: portal}, condition: selection}
level: high
---
title: Many people's data
name: many
correlation:
  type: value_count
  rules: [read]
  group-by: [access.actor]
  timespan: 10m
  condition: {field: access.subject, gte: 5}
  generate: true
level: critical
"""
ACTORS = 3
SETTLED_SECONDS = 60.0
JUMPS = (-5 * 365 * DAY, -3 * HOUR, -10 * MINUTE, 90 * SECOND, 2 * HOUR, 5 * 365 * DAY)


class Watch(RuleBasedStateMachine):
    """One daemon, its log, its disk, its clock and the service it tells."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.top = Path(tempfile.mkdtemp(prefix="machine-"))
        self.stack.callback(shutil.rmtree, self.top)
        self.receiver = self.stack.enter_context(receiving())
        self.watched = Watched(self.top / "watch", self.receiver.port, SOURCES, RULES, INVENTORY)
        config = self.watched.folder / "sentinel.yaml"
        text = config.read_text().replace('listen: "127.0.0.1:0"', "listen: null")
        config.write_text(text + "backup: {every: 1m, keep: 2}\n")
        self.log = self.watched.folder / "portal.log"
        self.log.touch()
        self.clock = TurnedClock(NOON)
        self.daemon: Daemon | None = None
        self.is_full = False
        self.written: list[bytes] = []
        self.begun = b""
        self.generation = 0

    # --- the daemon ----------------------------------------------------------------------------------------

    @initialize()
    def first_start(self) -> None:
        """The log has been seen once: of what was rotated away before that, nobody could know."""
        self.start()
        self.turn(8)

    @precondition(lambda self: self.daemon is None)
    @rule()
    def start(self) -> None:
        loaded, book = prepare(self.watched.folder / "sentinel.yaml")
        daemon = Daemon(loaded, book, self.clock, {})
        daemon.open()
        self.daemon = daemon
        self._apply_disk()

    @precondition(lambda self: self.daemon is not None)
    @rule(turns=st.integers(1, 6))
    def turn(self, turns: int) -> None:
        for _ in range(turns):
            self._daemon.turn()

    @precondition(lambda self: self.daemon is not None)
    @rule()
    def kill(self) -> None:
        """As `kill -9`: nothing is saved, nothing is said."""
        kill(self._daemon)
        self.daemon = None

    @precondition(lambda self: self.daemon is not None)
    @rule()
    def stop(self) -> None:
        self._daemon.close()
        self.daemon = None

    # --- the log -------------------------------------------------------------------------------------------

    @rule(count=st.integers(1, 12), whole=st.booleans())
    def append(self, count: int, whole: bool) -> None:
        """Lines; the last one perhaps not to its end."""
        lines: list[bytes] = []
        for _ in range(count):
            number = len(self.written) + len(lines)
            at = to_datetime(NOON + number * SECOND)
            lines.append(
                f'10.0.0.7 - actor{number % ACTORS} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET /patients/{number} HTTP/1.1" '
                f'200 {number} "-" "-"\n'.encode()
            )
        text = b"".join(lines)
        cut = len(text) if whole else len(text) - 20
        self._write(self.begun + text[:cut])
        self.begun = text[cut:]
        self.written += lines

    @precondition(lambda self: not self.begun)
    @rule()
    def rename(self) -> None:
        self.generation += 1
        self.log.rename(f"{self.log}.{self.generation}")
        self.log.touch()

    @precondition(lambda self: self.daemon is not None and not self.begun and not self.is_full)
    @rule(count=st.integers(1, 12))
    def copytruncate(self, count: int) -> None:
        """Of a log of which something was read, once between two looks: nobody could know of other copies."""
        self.append(1, whole=True)
        self.turn(8)
        self.append(count, whole=True)
        self.generation += 1
        shutil.copyfile(self.log, f"{self.log}.{self.generation}")
        os.truncate(self.log, 0)

    def _write(self, text: bytes) -> None:
        with self.log.open("ab") as log:
            log.write(text)

    # --- the surroundings ----------------------------------------------------------------------------------

    @rule(full=st.booleans())
    def disk(self, full: bool) -> None:
        self.is_full = full
        self._apply_disk()

    def _apply_disk(self) -> None:
        if self.daemon is not None:
            database = self._daemon.store._db
            pages = database.pragma("page_count")
            database.pragma("max_page_count", pages if self.is_full else 1 << 30)

    @rule(up=st.booleans())
    def webhook(self, up: bool) -> None:
        self.receiver.is_up = up

    @rule(by=st.sampled_from(JUMPS))
    def set_clock(self, by: Micros) -> None:
        self.clock.set_to(max(NOON - 6 * 365 * DAY, self.clock.now() + by))

    @rule(length=st.integers(1, 6))
    def sleep(self, length: int) -> None:
        self.clock.suspend(length * HOUR)

    # --- what always holds, and what holds in the end ------------------------------------------------------

    @property
    def _daemon(self) -> Daemon:
        assert self.daemon is not None
        return self.daemon

    @invariant()
    def the_chain_is_whole(self) -> None:
        if self.daemon is not None and not self.daemon._is_broken:
            assert self._daemon.store.verify_audit() == []

    def teardown(self) -> None:
        try:
            self._settle()
            self._check()
        finally:
            if self.daemon is not None:
                self.daemon.close()
            self.stack.close()

    def _settle(self) -> None:
        """Everything is made good, and turned until nothing is left to do."""
        self.is_full, self.receiver.is_up = False, True
        self._write(self.begun)
        self.begun = b""
        if self.daemon is None:
            self.start()
        self._apply_disk()
        with suppress(AssertionError):  # what is not there in time is named by the checks
            until(self._is_settled, "everything is judged and sent", SETTLED_SECONDS)

    def _is_settled(self) -> bool:
        for _ in range(4):
            self._daemon.turn()
        store = self._daemon.store
        with_all = sum(len(store.evidence_places(case.id)) for case in store.cases()) >= len(self.written)
        return with_all and {state for _, state in store.outbox_counts()} <= {"sent"}

    def _check(self) -> None:
        for _ in range(8):
            self._daemon.turn()
        store = self._daemon.store
        # What fell due in those turns is on its way.
        until(lambda: {state for _, state in store.outbox_counts()} <= {"sent"}, "everything is sent", SETTLED_SECONDS)
        cases = {case.id: case for case in store.cases() if "sentinel" not in dict(case.key).get("rule", "")}
        raw = Counter(row.raw or b"" for case in cases for row in store.read_evidence(case))
        written = Counter(line.rstrip(b"\n") for line in self.written)
        assert (written - raw, raw - written, store.gaps()) == (Counter(), Counter(), [])
        singles = [found for case in cases for found in store.findings(case) if found.rule == "read"]
        assert len(singles) == len(self.written)
        assert len(cases) == min(ACTORS, len(self.written))
        people = sum(store.subject_count(case) for case in cases)
        assert people == len(self.written)
        for case in cases.values():
            assert case.clocks[0].deadline_at == case.detected_at + 72 * HOUR
        owed = [each for case in cases for each in store.deliveries(case)]
        assert Counter(each.key for each in owed)["opened"] == len(cases)
        assert self.receiver.ids() == {each.message_id for each in owed}
        assert all(len(set(self.receiver.bodies(each.message_id))) == 1 for each in owed)
        assert store.verify_audit() == []


if SEED:
    seed(int(SEED))(Watch)
Machine = Watch.TestCase
Machine.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    print_blob=True,
    # A failing run is shown as it was: making it shorter would take as long as a thousand more.
    phases=(Phase.explicit, Phase.generate),
    derandomize=not (IS_LONG or SEED),
    suppress_health_check=list(HealthCheck),
)
Machine.pytestmark = [pytest.mark.slow]  # type: ignore[attr-defined]  # pytest reads it

"""The real daemon is killed again and again while its log grows and is rotated: nothing is lost, nothing is doubled.

What twenty crashes leave behind is held against a watch over the same bytes that nobody disturbed.
"""

from __future__ import annotations

import dataclasses
import json
import random
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BufferedWriter
from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import SystemClock, to_datetime
from sentinel.store.asking import open_ledger
from tests.crash.watched import Receiver, Watched, receiving, until, watched
from tests.ledgers import Access, listed

LINES = 100_000
KILLS = 20
LIFE = LINES // KILLS
STEP = timedelta(milliseconds=36)
"""Between two lines: the log is one hour long and ends now."""

SOURCES = "  - {name: portal, type: file, paths: [portal.log], format: nginx, logsource: {category: webserver}}"
INVENTORY = """
systems:
  - name: portal
    data: [health]
    access:
      - when: {'url.path|re': '^/patients/(?P<subject>[0-9]+)$'}
        actor: user.name
      - when: {url.path: /patients/export}
        actor: user.name
        action: export
"""
RULES = """
title: Personal data read
name: read
logsource: {category: personal_data_access}
detection: {selection: {access.action: read}, condition: selection}
level: informational
---
title: Many people's data
name: many
correlation:
  type: value_count
  rules: [read]
  group-by: [access.actor]
  timespan: 10m
  condition: {field: access.subject, gte: 20}
level: high
sentinel: {suppress: {for: 1h, escalate: [2x, 5x]}}
---
title: Everything taken away
name: export
logsource: {category: personal_data_access}
detection: {selection: {access.action: export}, condition: selection}
level: critical
---
title: Refused
name: refused
logsource: {category: webserver}
detection: {selection: {http.response.status_code: 403}, condition: selection}
level: low
---
title: Somebody tries doors
name: doors
correlation: {type: event_count, rules: [refused], group-by: [user.name], timespan: 1m, condition: {gte: 5, lt: 8}}
level: medium
---
title: Refused, then everything taken away
name: detour
correlation:
  type: temporal_ordered
  rules: [refused, export]
  group-by: [user.name]
  timespan: 5m
  generate: true
level: high
"""

TWINS = [3300 * number + 1700 for number in range(30)]
"""Where an export is written whose very same line comes once more, `APART` lines later."""

APART = 15
BULK, DOORS, DETOURS = 40, 10, 5
CASES = BULK + 1 + len(TWINS) + DOORS + 2 * DETOURS
"""Bulk readers and the insider, the twins, who tries doors, and a detour's export beside the detour itself."""

KINDS = ("midway", "settled", "early", "delivery")
"""When a daemon is killed: while it reads, with everything committed, while it starts, while a message is under way."""

Planted = tuple[str, str, int]
"""Who, which path, which status."""


# --- the log ---------------------------------------------------------------------------------------------------


def planted() -> dict[int, Planted]:
    """What stands in which line instead of ordinary traffic."""
    found: dict[int, Planted] = {}

    def put(line: int, who: str, path: str, status: int = 200) -> None:
        while line in found:
            line += 1
        found[line] = (who, path, status)

    for line in TWINS:
        put(line, f"clerk{line}", "/patients/export")
        put(line + APART, f"clerk{line}", "/patients/export")
    for reader in range(BULK):
        count = 20 + 3 * (reader % 13)
        for place in range(count):
            put(2200 * reader + 150 + 11_000 * place // count, f"bulk{reader}", f"/patients/{1000 * reader + place}")
    for reader in range(10):
        for place in range(60):
            put(9000 * reader + 130 * place, f"near{reader}", f"/patients/{700_000 + place % 19}")
    for place in range(300):
        put(300 + 330 * place, "insider", f"/patients/{800_000 + place}")
    for door in range(DOORS):
        for place in range(6):
            put(8000 * door + 2000 + 200 * place, f"door{door}", f"/closed/{place}", 403)
        for place in range(4):
            put(8000 * door + 5000 + 200 * place, f"lost{door}", f"/closed/{place}", 403)
    for number in range(DETOURS):
        put(17_000 * number + 4000, f"detour{number}", "/closed/door", 403)
        put(17_000 * number + 9000, f"detour{number}", "/patients/export")
    return found


def lines(ends: datetime) -> Iterator[bytes]:
    """The log: ordinary traffic, a twentieth of it accesses by people who see few patients, and what is planted."""
    chance = random.Random(20260304)
    special = planted()
    for number in range(LINES):
        # Both of a pair of twins are written in one second.
        at = ends - (LINES - number + (APART if number - APART in TWINS else 0)) * STEP
        who, path, status = special.get(number) or _ordinary(chance)
        size = 900 if "export" in path else number
        yield (
            f'10.0.{len(who)}.7 - {who} [{at:%d/%b/%Y:%H:%M:%S} +0000] "GET {path} HTTP/1.1" {status} {size} '
            f'"https://portal.example/" "Mozilla/5.0 (X11; Linux x86_64)"\n'
        ).encode()


def _ordinary(chance: random.Random) -> Planted:
    if chance.random() < 0.05:
        person = chance.randrange(60)
        return f"staff{person}", f"/patients/{600_000 + 10 * person + chance.randrange(10)}", 200
    return "-", f"/static/{chance.randrange(500)}.js", 200


class Log:
    """The log as it is being written: any number of its bytes, into a file that may be renamed meanwhile."""

    def __init__(self, path: Path, records: list[bytes]) -> None:
        self.path = path
        self.text = b"".join(records)
        self.starts = [0]
        for record in records:
            self.starts.append(self.starts[-1] + len(record))
        self.written = 0
        self._file: BufferedWriter = path.open("ab")

    def write_to(self, place: int) -> None:
        """Everything up to this byte is in the file."""
        self._file.write(self.text[self.written : place])
        self._file.flush()
        self.written = max(self.written, place)

    def rotate(self, whole: int) -> None:
        """Rename it; the writer goes on in the old file as far as `whole`, the beginning of a record."""
        self.path.rename(f"{self.path}.1")
        self.write_to(whole)
        self.close()
        self._file = self.path.open("ab")

    def close(self) -> None:
        self._file.close()


# --- the crashes -----------------------------------------------------------------------------------------------


class Crashes:
    """Twenty lives of one daemon, each ended by SIGKILL."""

    def __init__(self, daemon: Watched, receiver: Receiver, log: Log) -> None:
        self.daemon = daemon
        self.receiver = receiver
        self.log = log
        self.chance = random.Random(19950624)

    def live(self, number: int) -> None:
        """Part of the log is written while nobody watches, part while it is watched, to the middle of a record."""
        log, chance = self.log, self.chance
        first = number * LIFE
        log.write_to(log.starts[first + LIFE // 3] + chance.randrange(100))
        if number == KILLS // 2:
            log.rotate(log.starts[first + LIFE // 2])
            log.write_to(log.starts[first + LIFE // 2 + 200] + 50)
        self.daemon.start()
        getattr(self, KINDS[number % len(KINDS)])(first)
        if self.daemon.process is not None:
            self.daemon.kill()

    def midway(self, first: int) -> None:
        """Some time after a commit, while more is written."""
        self._wait_for_a_commit()
        place = first + LIFE // 3
        for _ in range(self.chance.randrange(5, 80)):
            place = min(place + 50, first + LIFE)
            self.log.write_to(self.log.starts[place] - self.chance.randrange(100))
            self._wait_briefly()

    def settled(self, first: int) -> None:
        """Everything is committed, and the next line is the twin of one that was read."""
        twin = next(line for line in TWINS if line > first + LIFE // 3)
        place = self.log.starts[twin + APART // 2]
        self.log.write_to(place)
        until(lambda: self.daemon.committed() == place, "everything is committed")

    def early(self, first: int) -> None:
        """While it starts: at any moment from the opening of its store on."""
        until(self.daemon.has_opened_its_store, "the store is open")
        for _ in range(self.chance.randrange(40)):
            self._wait_briefly()

    def delivery(self, first: int) -> None:
        """A message arrives, and before that is known the sender is gone."""
        assert self.daemon.process is not None
        self.receiver.at_next = self.daemon.process.kill
        self.log.write_to(self.log.starts[first + LIFE])
        until(self.daemon.is_dead, "a message comes")

    def _wait_for_a_commit(self) -> None:
        before = self.daemon.committed()
        until(lambda: self.daemon.committed() > before, "something is committed")

    def _wait_briefly(self) -> None:
        # As long as another process takes to look at the store, which is some milliseconds.
        self.daemon.committed()


def finish(daemon: Watched, written: int) -> None:
    """Nothing is left to be read and nothing to be sent; then it is stopped."""
    daemon.start()
    until(lambda: daemon.committed() == written, "everything is judged")
    until(daemon.has_paid, "everything owed is sent")
    daemon.stop()


# --- what is left ----------------------------------------------------------------------------------------------


def register(daemon: Watched) -> dict[str, Any]:
    """Everything that must not depend on when a daemon was stopped: cases, findings, subjects, evidence.

    Not how far the collecting of what surrounds a case has come: it looks through the logs as they are at its moment.
    """
    with daemon.store() as store:
        assert store.gaps() == []
        assert store.verify_audit() == []
        return {
            case.id: {
                "case": (case.title, case.key, case.level, case.rules, case.findings, case.subjects),
                "occurred": (case.occurred_from, case.occurred_to),
                "findings": {found.id: _numbers(found) for found in store.findings(case.id)},
                "subjects": store.subjects(case.id),
                "evidence": Counter((row.finding_id, row.raw) for row in store.read_evidence(case.id)),
                "audit": Counter(
                    (row.act, json.dumps(row.detail)) for row in store.audit(case.id) if row.act != "case.collected"
                ),
                "owed": {(row.key, row.message_id, row.state) for row in store.deliveries(case.id)},
            }
            for case in store.cases()
        }


def accesses(daemon: Watched) -> list[Access]:
    """Everything in the ledger, in order."""
    ledger = open_ledger(daemon.state)
    found = listed(ledger, ledger.of_actors(ledger.actors(), 0, 1 << 62))
    assert len(found) == len(ledger) > LINES // 50
    return found


def _numbers(found: Any) -> dict[str, Any]:
    # How often an episode was told of follows the commits, which a restart moves.
    return {name: value for name, value in dataclasses.asdict(found).items() if name != "updates"}


def differences(found: Any, expected: Any, path: str = "") -> list[str]:
    """Where two registers differ, each place with both values."""
    if isinstance(found, dict) and isinstance(expected, dict) and not isinstance(found, Counter):
        alone = [f"{path}/{key}: only in one" for key in found.keys() ^ expected.keys()]
        both = found.keys() & expected.keys()
        return alone + [each for key in both for each in differences(found[key], expected[key], f"{path}/{key}")]
    return [] if found == expected else [f"{path}: {found} instead of {expected}"]


@pytest.fixture(scope="module")
def records() -> list[bytes]:
    return list(lines(to_datetime(SystemClock().now()).astimezone(UTC)))


@pytest.mark.slow
def test_twenty_crashes_change_no_case_and_lose_no_message(tmp_path: Path, records: list[bytes]) -> None:
    with (
        receiving() as receiver,
        watched(tmp_path / "crashed", receiver.port, SOURCES, RULES, INVENTORY) as daemon,
        receiving() as other,
        watched(tmp_path / "undisturbed", other.port, SOURCES, RULES, INVENTORY) as undisturbed,
    ):
        log = Log(daemon.folder / "portal.log", records)
        crashes = Crashes(daemon, receiver, log)
        for number in range(KILLS):
            crashes.live(number)
        log.write_to(len(log.text))
        log.close()
        finish(daemon, len(log.text))

        (undisturbed.folder / "portal.log").write_bytes(log.text)
        finish(undisturbed, len(log.text))

        found, expected = register(daemon), register(undisturbed)
        assert len(expected) == CASES
        assert not (different := differences(found, expected)), "\n".join(different)
        assert accesses(daemon) == accesses(undisturbed)
        owed = {message_id for case in found.values() for _, message_id, _ in case["owed"]}
        assert receiver.ids() == other.ids() == owed
        assert receiver.refused == other.refused == 0
        assert all(len(set(receiver.bodies(message_id))) == 1 for message_id in owed)
        # The crashes in mid-delivery: what had arrived came again.
        assert len(receiver.messages) > len(owed) == len(other.messages)

"""A process that commits is killed at random moments: what it said is committed is there, and nothing half is."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

from sentinel.model import Verdict
from sentinel.store import Batch, Store
from sentinel.store.asking import open_ledger
from sentinel.store.connection import check_whole
from sentinel.store.windows import N_SHARDS
from tests.ledgers import Access, columns_of, listed
from tests.unit.store_samples import (
    NOON,
    a_case,
    a_finding,
    a_notification,
    a_place,
    a_position,
    a_store,
    an_entry,
)

KILLS = 20
CASES = 5


def numbered(number: int) -> Batch:
    """A batch with one of everything, each carrying the number."""
    case = a_case(f"C-{number % CASES}", revision=number)
    batch = Batch()
    batch.read(a_position(number))
    batch.window_delta(b"%d " % number * 500)
    batch.window_base(number % N_SHARDS, b"%d" % number)
    batch.verdict(Verdict(case=case, finding=a_finding(f"f_{number}", subject_hashes=(number,))))
    batch.evidence(case.id, f"f_{number}", a_place(number), b"record %d" % number)
    batch.owe(a_notification(f"occasion-{number}", case.id), "soc", b"%d" % number)
    batch.audit(an_entry(f"act {number}", case.id))
    batch.access(columns_of([Access(NOON + number, 1, number)]))
    return batch


def commit_for_ever(folder: Path) -> None:
    with a_store(folder) as store:
        number = reached(store)
        while True:
            number += 1
            store.commit(numbered(number))
            print(number, flush=True)
            if number % 7 == 0:
                store.checkpoint()
            if number % 3 == 0:
                store.compact_ledger()


def reached(store: Store) -> int:
    """The number of the last batch in the store; -1 before the first."""
    positions = store.positions()
    return int(positions[0].state.removeprefix('{"offset":').removesuffix("}")) if positions else -1


def check(folder: Path, store: Store, said: int) -> int:
    """Everything up to the last batch is there, whole, and that is at least what was said. Gives its number."""
    last = reached(store)
    assert last >= said
    numbers = set(range(last + 1))
    assert max(case.revision for case in store.cases()) == last
    assert {f"f_{number}" for number in numbers} == {
        finding.id for case in store.cases() for finding in store.findings(case.id)
    }
    evidence = {row.place.offset: row.raw for case in store.cases() for row in store.read_evidence(case.id)}
    assert evidence == {number: b"record %d" % number for number in numbers}
    assert set().union(*(store.subjects(case.id) for case in store.cases())) == numbers
    assert store.outbox_counts() == {("soc", "pending"): last + 1}
    assert [row.act for row in store.audit()] == [f"act {number}" for number in sorted(numbers)]
    windows = store.load_windows()
    assert max(seq for seq, _ in windows.deltas) == last + 1
    assert max(int(blob) for _, _, blob in windows.bases) == last
    assert store.verify_audit() == []
    check_whole(store._db)
    found = listed(ledger := open_ledger(folder), ledger.of_actors([1], 0, 2 * NOON))
    assert [each.subject for each in found] == sorted(numbers)
    return last


@pytest.mark.slow
def test_a_killed_process_loses_nothing_it_said_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    chance = random.Random(20260304)
    last = -1
    for _ in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.test_store_kill", str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        with child:
            assert child.stdout is not None
            for _ in range(chance.randint(1, 15)):
                assert child.stdout.readline()
            # Between one commit and the next but one, so that the kill falls into every part of a commit.
            for _ in range(chance.randint(0, 60_000)):
                pass
            child.kill()
            said = [int(line) for line in child.stdout.read().split()]
        with a_store(tmp_path) as store:
            last = check(tmp_path, store, max([last, *said]))
    assert last >= KILLS
    with a_store(tmp_path) as store:
        assert [row.body for row in store.outbox_due("soc", NOON, 10)] == [b"%d" % number for number in range(CASES)]


if __name__ == "__main__":
    commit_for_ever(Path(sys.argv[1]))

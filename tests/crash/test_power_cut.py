"""The power goes between two syncs: whatever of the last writes reached the disk, all that was said to be committed is
there, and nothing half.

A commit is synchronised to the disk before it is said. What SQLite wrote after that may be there whole, in part, as
nulls or as rubbish; so the state is copied with its write-ahead log cut, or spoiled, at places behind the last sync.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentinel.store.folder import DATABASE
from tests.crash.test_store_kill import check, numbered
from tests.unit.store_samples import a_store

COMMITS = 8
CUTS = 4
"""So many places of the write-ahead log between two syncs."""

SPOIL: dict[str, Callable[[bytes], bytes]] = {
    "is not there": lambda _: b"",
    "is there": lambda rest: rest,
    "is nulls": lambda rest: bytes(len(rest)),
    "is rubbish": lambda rest: random.Random(len(rest)).randbytes(len(rest)),
}


def states(folder: Path, checkpoint_each: int) -> Iterator[tuple[int, bytes, int]]:
    """Number of the last commit that was synchronised, the log as the next commit leaves it, and the synced length."""
    log = folder / f"{DATABASE}-wal"
    with a_store(folder) as store:
        for number in range(COMMITS):
            synced = log.stat().st_size
            store.commit(numbered(number))
            yield number - 1, log.read_bytes(), synced
            if number % checkpoint_each == checkpoint_each - 1:
                store.checkpoint()


@pytest.mark.parametrize("rest", SPOIL)
@pytest.mark.parametrize("checkpoint_each", [5, 100])
def test_what_was_committed_survives_and_nothing_is_half_there(tmp_path: Path, rest: str, checkpoint_each: int) -> None:
    chance = random.Random(20261124)
    reached = []
    for said, log, synced in states(tmp_path / "running", checkpoint_each):
        if synced >= len(log):
            continue  # the log began anew: what was in it is in the database, and synchronised
        for cut in {synced, len(log), *(chance.randrange(synced, len(log)) for _ in range(CUTS))}:
            after = tmp_path / "after"
            shutil.copytree(tmp_path / "running", after, ignore=shutil.ignore_patterns("*-shm", "*-wal", "lock"))
            (after / f"{DATABASE}-wal").write_bytes(log[:cut] + SPOIL[rest](log[cut:]))
            with a_store(after) as store:
                reached.append(check(after, store, said) - said if store.positions() else -1 - said)
            shutil.rmtree(after)
    assert set(reached) == ({1} if rest == "is there" else {0, 1}), "the last commit is there whole, or not at all"

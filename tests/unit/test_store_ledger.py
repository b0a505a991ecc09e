"""The ledger beside the rest of the state: copied with it, brought back with it, and never the reason that it stops."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel.clock import DAY
from sentinel.store import Store, backups, compaction
from sentinel.store.asking import open_ledger
from tests.ledgers import Access, a_batch_of, listed
from tests.unit.store_samples import NOON, a_store

FIRST, SECOND, THIRD = (Access(NOON + number, 1, number) for number in (1, 2, 3))


def in_ledger(folder: Path) -> list[Access]:
    ledger = open_ledger(folder)
    return listed(ledger, ledger.of_actors([1], 0, 2 * NOON))


def test_enough_accesses_become_a_file_and_too_many_commits_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "ACCESSES", 3)
    with a_store(tmp_path) as store:
        for accesses, files in (([FIRST, SECOND], 0), ([THIRD], 1), ([FIRST, SECOND, THIRD], 2), ([FIRST], 2)):
            store.commit(a_batch_of(accesses))
            store.tend_ledger(NOON, DAY)
            assert len(store.ledger_files()) == files
        monkeypatch.setattr(compaction, "COMMITS", 1)
        store.tend_ledger(NOON, DAY)
        assert len(store.ledger_files()) == 3
    assert in_ledger(tmp_path) == [FIRST] * 3 + [SECOND] * 2 + [THIRD] * 2


def test_a_ledger_that_is_switched_off_is_emptied(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch_of([FIRST]))
        store.compact_ledger()
        store.commit(a_batch_of([SECOND]))
        pseudonym = open_ledger(tmp_path).pseudonyms[FIRST.actor]
        store.tend_ledger(NOON, 0)
        assert store.ledger_files() == []
        assert store.actor_names(pseudonym) == []
    assert in_ledger(tmp_path) == []
    assert list((tmp_path / "ledger").iterdir()) == []


def test_who_an_actor_is_can_be_told_until_the_last_access_is_gone(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch_of([FIRST, Access(NOON + 5 * DAY, 2, 1)]))
        store.compact_ledger()
        shown = {who: open_ledger(tmp_path).pseudonyms[who] for who in (1, 2)}
        assert store.actor_names(shown[1]) == ["actor number 1"]
        store.tend_ledger(NOON + 4 * DAY, DAY)
        assert [store.actor_names(shown[who]) for who in (1, 2)] == [[], ["actor number 2"]]
        store.erase_accesses([2], [])
        assert store.actor_names(shown[2]) == []


def test_a_copy_has_the_accesses_of_its_moment_and_shares_the_files(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    with a_store(tmp_path / "state") as store:
        store.commit(a_batch_of([FIRST]))
        store.compact_ledger()
        store.commit(a_batch_of([SECOND]))
        store.backup(copies, NOON)
        [file] = store.ledger_files()
        assert (copies / "ledger" / file.name).samefile(file)
        erase(store, FIRST)
        store.commit(a_batch_of([THIRD]))
    damage(tmp_path / "state")
    Store.rescue(tmp_path / "state", copies, NOON + 1)
    a_store(tmp_path / "state").close()
    assert in_ledger(tmp_path / "state") == [FIRST, SECOND]


def erase(store: Store, access: Access) -> None:
    store.erase_accesses([], [access.subject])
    while store.is_erasing:
        store.tend_ledger(NOON, 9 * DAY)


def damage(state: Path) -> None:
    (state / "sentinel.db").write_bytes(b"not a database" * 100)


def test_a_file_that_no_copy_needs_any_more_is_gone_with_the_last_copy_that_did(tmp_path: Path) -> None:
    copies = tmp_path / "copies"
    with a_store(tmp_path / "state") as store:
        names = []
        for day, access in enumerate((FIRST, SECOND, THIRD)):
            store.commit(a_batch_of([access]))
            store.compact_ledger()
            names.append(store.ledger_files()[-1].name)
            store.backup(copies, NOON + day * DAY)
            erase(store, access)
    beside = copies / "ledger"
    backups.prune(copies, 2, NOON + 2 * DAY)
    assert {path.name for path in beside.iterdir()} == set(names[1:])
    backups.prune(copies, 0, NOON + 2 * DAY)
    backups.prune(copies, 0, NOON + 3 * DAY)
    assert list(beside.iterdir()) == []


@pytest.mark.parametrize("content", [None, b"", b"damaged", b"\0" * 64])
def test_a_file_that_is_gone_or_damaged_is_said_and_the_rest_is_there(tmp_path: Path, content: bytes | None) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch_of([FIRST]))
        store.compact_ledger()
        [file] = store.ledger_files()
        store.commit(a_batch_of([SECOND]))
        file.unlink()
        if content is not None:
            file.write_bytes(content)
        assert [each.accesses for each in open_ledger(tmp_path).lost] == [1]
        assert in_ledger(tmp_path) == [SECOND]
        store.erase_accesses([], [SECOND.subject])
        for _ in range(3):
            store.tend_ledger(NOON + 9 * DAY, DAY)
    assert not open_ledger(tmp_path).lost


def test_an_erasure_counts_at_once_and_goes_on_after_a_crash(tmp_path: Path) -> None:
    store = a_store(tmp_path)
    for access in (FIRST, SECOND, THIRD):
        store.commit(a_batch_of([access, Access(access.time, 1, 99)]))
        store.compact_ledger()
    files = store.ledger_files()
    store.erase_accesses([], [99])
    assert in_ledger(tmp_path) == [FIRST, SECOND, THIRD]
    assert store.ledger_files() == files
    store.tend_ledger(NOON, 9 * DAY)
    assert len({*store.ledger_files()} - {*files}) == 1
    store.let_go()
    with a_store(tmp_path) as store:
        later = Access(NOON + 9, 1, 99)
        store.commit(a_batch_of([later]))
        while store.is_erasing:
            store.tend_ledger(NOON, 9 * DAY)
        assert {*store.ledger_files()}.isdisjoint(files)
        assert in_ledger(tmp_path) == [FIRST, SECOND, THIRD, later]
        assert len(open_ledger(tmp_path)) == 4

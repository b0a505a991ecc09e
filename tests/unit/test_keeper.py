"""A damaged state is set aside and the newest whole copy takes its place; copies are made by themselves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sentinel import keeper as keeping
from sentinel.clock import DAY, HOUR, MINUTE, Micros
from sentinel.keeper import Keeper
from sentinel.metrics import Metrics
from sentinel.store import Store, StoreDamaged, StoreError, backups
from sentinel.store.backups import BackupOptions
from sentinel.store.folder import DATABASE
from sentinel.vault import Vault
from tests.unit.store_samples import MASTER, NOON, a_batch, a_case, a_finding, a_store


def a_keeper(state: Path, every: Micros = DAY, keep: int = 3) -> Keeper:
    options = BackupOptions(folder=state / "backups", every=every, keep=keep)
    return Keeper(state, Vault.open(state, MASTER), options, Metrics())


def fill(state: Path, case: str, at: Micros | None = None) -> None:
    """One more case, and a copy of the state with it if a moment is given."""
    with a_store(state) as store:
        store.commit(a_batch(a_case(case), a_finding(f"f_{case}")))
        if at is not None:
            store.backup(state / "backups", at)


def ids(store: Store) -> list[str]:
    return [case.id for case in store.cases()]


def damage(path: Path, offset: int = 0, length: int = 4096) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xa5" * length)


def damage_every_page(path: Path) -> None:
    for offset in range(0, path.stat().st_size, 4096):
        damage(path, offset + 100, 512)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    fill(tmp_path, "C-1", NOON - 2 * DAY)
    fill(tmp_path, "C-2", NOON - DAY)
    fill(tmp_path, "C-3")
    return tmp_path


@pytest.mark.parametrize("harm", [damage, damage_every_page, lambda path: path.write_bytes(b"")])
def test_a_damaged_state_is_set_aside_and_the_newest_copy_brought_back(state: Path, harm: object) -> None:
    harm(state / DATABASE)  # type: ignore[operator]
    harmed = (state / DATABASE).read_bytes()
    keeper = a_keeper(state)
    with keeper.open(NOON) as store:
        assert ids(store) == ["C-1", "C-2"]
        assert store.verify_audit() == []
        (finding,) = keeper.news(store)
        assert (finding.rule, finding.level.word, finding.opens_case) == ("sentinel_state_restored", "high", True)
    (aside,) = state.glob("damaged-*")
    assert (aside / DATABASE).read_bytes() == harmed


def test_a_state_that_is_gone_is_brought_back_too(state: Path) -> None:
    (state / DATABASE).unlink()
    with a_keeper(state).open(NOON) as store:
        assert ids(store) == ["C-1", "C-2"]


def test_a_damaged_copy_is_passed_over(state: Path) -> None:
    damage_every_page(backups.listed(state / "backups", NOON)[0].path)
    damage(state / DATABASE)
    with a_keeper(state).open(NOON) as store:
        assert ids(store) == ["C-1"]


def test_without_any_copy_the_watch_goes_on_with_an_empty_state_and_says_so(state: Path) -> None:
    shutil.rmtree(state / "backups")
    damage(state / DATABASE)
    keeper = a_keeper(state)
    with keeper.open(NOON) as store:
        assert ids(store) == []
        assert len(keeper.news(store)) == 1


def test_what_the_register_knows_of_is_not_told_again(state: Path) -> None:
    damage(state / DATABASE)
    keeper = a_keeper(state)
    with keeper.open(NOON) as store:
        (finding,) = keeper.news(store)
        store.commit(a_batch(a_case("C-4"), finding))
        assert keeper.news(store) == []


def test_a_crash_before_the_copy_took_its_place_is_made_good_by_the_next_start(state: Path) -> None:
    copy = backups.listed(state / "backups", NOON)[0].path
    shutil.copyfile(copy, state / f"{DATABASE}.restored")
    (state / f"{DATABASE}-wal").write_bytes(b"the log of another file")
    damage(state / DATABASE)
    with a_keeper(state).open(NOON) as store:
        assert ids(store) == ["C-1", "C-2"]


def test_a_state_of_another_key_is_no_damage(state: Path) -> None:
    (state / "keys.db").unlink()
    other = Keeper(
        state,
        Vault.open(state, b"x" * 32),
        BackupOptions(folder=state / "backups", every=DAY, keep=3),
        Metrics(),
    )
    with pytest.raises(StoreError, match="another master key"):
        other.open(NOON)
    assert list(state.glob("damaged-*")) == []


def test_a_copy_is_made_when_it_is_time_and_the_oldest_go(state: Path) -> None:
    keeper = a_keeper(state, keep=2)
    with keeper.open(NOON) as store:
        for minute in range(3):
            keeper.tend(store, NOON + minute * MINUTE)
            keeper.wait(60)
    made = [each.made_at for each in backups.listed(state / "backups", NOON + HOUR)]
    assert made == [NOON, NOON - DAY]


def test_no_copy_is_made_where_none_is_wanted(state: Path) -> None:
    keeper = a_keeper(state, keep=0)
    with keeper.open(NOON) as store:
        keeper.tend(store, NOON)
        keeper.wait(60)
    assert len(backups.listed(state / "backups", NOON)) == 2


def test_a_copy_that_would_fill_the_disk_is_not_made(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "ROOM", 1 << 60)
    keeper = a_keeper(state)
    with keeper.open(NOON) as store:
        keeper.tend(store, NOON)
        keeper.wait(60)
        keeper.tend(store, NOON + HOUR)
    assert len(backups.listed(state / "backups", NOON)) == 2


def test_damage_found_while_copying_is_told_to_the_main_loop(state: Path) -> None:
    keeper = a_keeper(state)
    with a_store(state) as store:
        store.checkpoint()
    with keeper.open(NOON) as store:
        damage_every_page(state / DATABASE)
        keeper.tend(store, NOON)
        keeper.wait(60)
        with pytest.raises(StoreDamaged):
            keeper.tend(store, NOON + HOUR)
        store.let_go()


def test_a_copy_that_a_wrong_clock_dated_ahead_is_the_last_choice(state: Path) -> None:
    with a_store(state) as store:
        store.backup(state / "backups", NOON + 5 * 365 * DAY)
    assert [each.made_at for each in backups.listed(state / "backups", NOON)] == [
        NOON - DAY,
        NOON - 2 * DAY,
        NOON + 5 * 365 * DAY,
    ]
    backups.prune(state / "backups", 2, NOON)
    assert [each.made_at for each in backups.listed(state / "backups", NOON)] == [NOON - DAY, NOON - 2 * DAY]

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sentinel.store import Store
from sentinel.vault import (
    KEYS_FILE,
    MASTER_FILE,
    NEXT_FILE,
    PUBLIC_FILE,
    ROOT_FILE,
    KeyUnavailable,
    Vault,
    VaultError,
    rotate_own,
)
from tests.unit.store_samples import MASTER, NOON, a_batch, a_case, a_finding, a_store, an_entry

OTHER = bytes(range(1, 33))
THIRD = bytes(range(2, 34))


def test_with_another_master_key_everything_opens_and_nothing_that_was_sealed_is_written_again(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        before = store._db.execute("SELECT sealed FROM evidence").fetchall()
    vault = Vault.open(tmp_path, MASTER)
    named = (vault.hash64("kim"), vault.pseudonym("actor", "kim"), vault.fingerprint, vault.public_key)
    boxed = Vault.box(tmp_path, "x", b"kept")
    for master in (OTHER, THIRD):
        vault.rotate(master)
        vault = Vault.open(tmp_path, master)
        assert (vault.hash64("kim"), vault.pseudonym("actor", "kim"), vault.fingerprint, vault.public_key) == named
    assert vault.unbox("x", boxed) == b"kept"
    with Store.open(tmp_path, vault) as store:
        assert store.read_evidence("C-1")[0].raw == b"GET /api/"
        assert store.audit()[0].who == "dpo@example.org"
        assert store.load_windows().deltas == [(1, b"delta")]
        assert store._db.execute("SELECT sealed FROM evidence").fetchall() == before
        assert store.verify_audit() == []


@pytest.mark.parametrize("old", [MASTER, OTHER])
def test_an_old_master_key_opens_nothing_any_more(tmp_path: Path, old: bytes) -> None:
    vault = Vault.open(tmp_path, MASTER)
    vault.seal("C-1", "evidence", b"line")
    vault.rotate(OTHER)
    vault.rotate(THIRD)
    with pytest.raises(KeyUnavailable, match="not the one"):
        Vault.open(tmp_path, old)


def test_nothing_wrapped_by_the_old_key_is_left_in_the_files(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    vault.seal("C-1", "evidence", b"line")
    old = (tmp_path / KEYS_FILE).open("rb")
    wrapped = old.read()[128 + 64 : 128 + 124]
    vault.rotate(OTHER)
    assert wrapped[:8] not in (tmp_path / KEYS_FILE).read_bytes()
    old.seek(0)
    assert not any(old.read()), "the replaced file is overwritten, not only unlinked"
    old.close()


def test_a_destroyed_key_stays_destroyed(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    sealed = vault.seal("C-1", "evidence", b"line")
    vault.shred("C-1")
    vault.rotate(OTHER)
    for each in (vault, Vault.open(tmp_path, OTHER)):
        with pytest.raises(KeyUnavailable, match="destroyed"):
            each.unseal("C-1", "evidence", sealed)
        with pytest.raises(KeyUnavailable, match="destroyed"):
            each.seal("C-1", "evidence", b"line")


def test_a_short_key_changes_nothing(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    with pytest.raises(VaultError, match="has 31 bytes"):
        vault.rotate(OTHER[:31])
    assert Vault.open(tmp_path, MASTER).fingerprint == vault.fingerprint


def test_the_folders_own_key_is_replaced_by_itself(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, None)
    sealed, old = vault.seal("C-1", "evidence", b"line"), (tmp_path / MASTER_FILE).read_bytes()
    rotate_own(tmp_path, vault)
    assert (tmp_path / MASTER_FILE).read_bytes() != old
    assert (tmp_path / MASTER_FILE).stat().st_mode & 0o777 == 0o600
    assert Vault.open(tmp_path, None).unseal("C-1", "evidence", sealed) == b"line"
    assert {each.name for each in tmp_path.iterdir()} == {MASTER_FILE, KEYS_FILE, PUBLIC_FILE, ROOT_FILE}


@pytest.mark.parametrize("stage", ["before the keys", "after the keys", "after the master"])
def test_a_crash_in_the_middle_leaves_one_key_at_work(tmp_path: Path, stage: str) -> None:
    vault = Vault.open(tmp_path, None)
    sealed = vault.seal("C-1", "evidence", b"line")
    coming = tmp_path / NEXT_FILE
    coming.write_bytes(OTHER)
    coming.chmod(0o600)
    if stage != "before the keys":
        vault.rotate(OTHER)
    if stage == "after the master":
        shutil.copyfile(coming, tmp_path / MASTER_FILE)
    for readonly in (True, False, False):
        assert Vault.open(tmp_path, None, readonly=readonly).unseal("C-1", "evidence", sealed) == b"line"
    assert not coming.exists()
    assert ((tmp_path / MASTER_FILE).read_bytes() == OTHER) is (stage != "before the keys")


def test_a_copy_of_the_state_made_after_a_rotation_is_brought_back_with_the_new_key_and_without_keys(
    tmp_path: Path,
) -> None:
    state, copies, restored = tmp_path / "state", tmp_path / "copies", tmp_path / "restored"
    with a_store(state) as store:
        store.commit(a_batch())
    Vault.open(state, MASTER).rotate(OTHER)
    with Store.open(state, Vault.open(state, OTHER)) as store:
        copy = store.backup(copies, NOON)
    restored.mkdir(mode=0o700)
    shutil.copyfile(copy, restored / "sentinel.db")
    shutil.copyfile(copies / ROOT_FILE, restored / ROOT_FILE)
    with Store.open(restored, Vault.open(restored, OTHER)) as store:
        assert store.load_windows().deltas == [(1, b"delta")]
        assert store.audit()[0].who == "dpo@example.org"
        assert store.read_evidence("C-1")[0].raw is None, "the keys of cases are in no copy"
        store.commit(a_batch(a_case("C-2"), a_finding("f_2")))
    with pytest.raises(KeyUnavailable):
        Vault.open(restored, MASTER)
    with Store.open(restored, Vault.open(restored, OTHER)) as store:
        assert store.read_evidence("C-2")[0].raw == b"GET /api/"


def test_a_copy_from_before_the_shredding_cannot_be_read_after_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with a_store(state) as store:
        store.commit(a_batch())
        copy = store.backup(tmp_path / "copies", NOON)
        assert store.read_evidence("C-1")[0].raw is not None
        store.shred("C-1", an_entry("destroy"), ("records", "names"))
    shutil.copyfile(copy, state / "sentinel.db")
    for each in ("sentinel.db-wal", "sentinel.db-shm"):
        (state / each).unlink(missing_ok=True)
    with a_store(state) as store:
        assert store.read_evidence("C-1")[0].raw is None
        with pytest.raises(KeyUnavailable):
            store.finding_values("f_1")
        assert store.audit("C-1")[0].detail == {}, "why people acted is under a key of its own"


def test_each_category_has_a_key_of_its_own(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    purposes = {"records": "evidence 1 portal", "names": "finding f_1", "trail": "audit detail"}
    sealed = {category: vault.seal("C-1", purpose, b"x") for category, purpose in purposes.items()}
    assert [(key.category, key.is_live) for key in vault.case_keys()] == [
        ("records", True),
        ("names", True),
        ("trail", True),
    ]
    vault.shred("C-1", ["names"])
    with pytest.raises(KeyUnavailable):
        vault.unseal("C-1", purposes["names"], sealed["names"])
    for category in ("records", "trail"):
        assert vault.unseal("C-1", purposes[category], sealed[category]) == b"x"


def test_a_probe_finds_a_damaged_key_and_a_lost_file(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path, MASTER)
    vault.seal("C-1", "evidence", b"line")
    assert vault.probe() > 0
    content = bytearray((tmp_path / KEYS_FILE).read_bytes())
    content[128 + 80] ^= 1
    (tmp_path / KEYS_FILE).write_bytes(content)
    with pytest.raises(KeyUnavailable, match="damaged"):
        vault.probe()
    (tmp_path / KEYS_FILE).unlink()
    with pytest.raises(KeyUnavailable, match="missing"):
        vault.probe()

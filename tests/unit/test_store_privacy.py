from __future__ import annotations

import base64
import dataclasses
from pathlib import Path

import pytest

from sentinel.accesses import Accesses
from sentinel.detect.hashes import Hashes
from sentinel.model import Verdict
from sentinel.store import Batch, Store
from sentinel.store.collected import Record, SourceCollected
from sentinel.vault import Vault
from tests.ledgers import Access, columns_of
from tests.unit.store_samples import (
    MASTER,
    NOON,
    a_batch,
    a_case,
    a_finding,
    a_notification,
    a_place,
    a_position,
    a_store,
    an_entry,
)

ACTOR = "kim.larsen@hospital.example"
PATIENT = "P0004711-astrid"
ADDRESS = "203.0.113.77"
PLANTED = (ACTOR, PATIENT, ADDRESS)


def written(word: str) -> set[bytes]:
    """The ways in which a word could stand in a file without being sealed."""
    shapes = {word, word.lower(), word.upper(), word[::-1]}
    ways = {shape.encode(encoding) for shape in shapes for encoding in ("utf-8", "utf-16-le", "utf-16-be")}
    ways |= {way.hex().encode() for way in set(ways)}
    for lead in range(3):
        # The whole groups of three bytes inside the word, at each of the three places a group can begin.
        body = word.encode()[lead:]
        ways.add(base64.b64encode(body[: len(body) // 3 * 3]))
    return ways


def found_in(folder: Path, words: tuple[str, ...] = PLANTED) -> list[tuple[str, str]]:
    files = [each for each in folder.rglob("*") if each.is_file()]
    assert files
    return [
        (each.name, word) for each in files for word in words if any(way in each.read_bytes() for way in written(word))
    ]


def plant(store: Store, vault: Vault) -> None:
    group = (("access.actor", ACTOR), ("source.ip", ADDRESS))
    case = a_case(key=(("access.actor", vault.pseudonym("actor", ACTOR)),), key_hash=vault.hash64(ACTOR), owner=ACTOR)
    finding = a_finding(
        group=group, case_key=group, actors=(ACTOR,), subject_hashes=tuple(vault.hash64(each) for each in PLANTED)
    )
    everything = " ".join(PLANTED)
    batch = Batch()
    batch.window_delta(everything.encode())
    batch.window_base(3, everything.encode())
    batch.verdict(Verdict(case=case, finding=finding, audit=(an_entry("opened", reason=everything),)))
    batch.evidence("C-1", "f_1", a_place(), f"{ADDRESS} - {ACTOR} GET /api/patients/{PATIENT}".encode())
    batch.owe(a_notification(), "soc", everything.encode())
    batch.audit(an_entry("revealed", None, **{PATIENT: everything}))
    batch.access(read_by_the_actor(vault))
    store.commit(batch)
    store.commit(a_batch(case, finding))
    record = Record(NOON, "/var/log/portal.log", 0, 9, ["actor"], everything.encode())
    store.collect("C-1", [record], SourceCollected("portal", vault.hash64(ACTOR), NOON, 1, 9, "", ()), an_entry())


def read_by_the_actor(vault: Vault) -> Accesses:
    """Two accesses as the engine gathers them from a log, the one by the actor to the patient's data."""
    who, whose = (Hashes(vault.hash_key)[word] for word in (ACTOR, PATIENT))
    found = columns_of([Access(NOON, who, whose), Access(NOON + 1, who, 7)])
    return dataclasses.replace(found, names={who: ACTOR})


def test_nothing_personal_stands_in_clear_in_any_file(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "state", None)
    store = Store.open(tmp_path / "state", vault)
    plant(store, vault)
    assert found_in(tmp_path) == []
    store.backup(tmp_path / "copies", NOON)
    store.compact_ledger()
    assert len(store.ledger_files()) == 1
    store.checkpoint()
    assert found_in(tmp_path) == []
    store.let_go()
    with Store.open(tmp_path / "state", vault) as store:
        # It is all there for those who hold the keys.
        assert store.case("C-1").owner == ACTOR  # type: ignore[union-attr]  # it was just stored
        assert PATIENT.encode() in (store.read_evidence("C-1")[0].raw or b"")
        assert PATIENT.encode() in store.read_collected("C-1")[0][1].raw
        assert store.actor_names(vault.pseudonym("actor", ACTOR)) == [ACTOR]
    assert found_in(tmp_path) == []


@pytest.mark.parametrize("word", PLANTED)
def test_the_search_would_find_what_is_in_clear(tmp_path: Path, word: str) -> None:
    with a_store(tmp_path) as store:
        for text in (word, word.upper(), base64.b64encode(f"x{word}".encode()).decode()):
            batch = Batch()
            batch.read(a_position(source=text))
            store.commit(batch)
            assert {each for _, each in found_in(tmp_path)} == {word}
            batch = Batch()
            batch.forget(text, 1)
            store.commit(batch)
            store.checkpoint()


def test_no_key_stands_in_the_database(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch())
        content = (tmp_path / "sentinel.db").read_bytes() + (tmp_path / "sentinel.db-wal").read_bytes()
        keys = (tmp_path / "keys.db").read_bytes()
        assert MASTER not in content
        for slot in range(128, len(keys), 128):
            assert keys[slot + 76 : slot + 124] not in content


def test_overwritten_values_are_not_left_in_the_file(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        batch = Batch()
        batch.read(a_position(source=ACTOR))
        store.commit(batch)
        batch = Batch()
        batch.forget(ACTOR, 1)
        store.commit(batch)
    assert found_in(tmp_path) == []


def test_a_backup_holds_no_keys_and_is_closed_to_others(tmp_path: Path) -> None:
    with a_store(tmp_path / "state") as store:
        store.commit(a_batch())
        copy = store.backup(tmp_path / "copies", NOON)
        assert [each.name for each in (tmp_path / "copies").iterdir()] == ["sentinel-20260304T120000000000Z.db"]
        assert copy.stat().st_mode & 0o777 == 0o600


def test_a_backup_restored_with_the_master_key_goes_on_watching(tmp_path: Path) -> None:
    with a_store(tmp_path / "state") as store:
        store.commit(a_batch())
        store.mark_inflight("msg_C-1_opened", "soc")
        copy = store.backup(tmp_path / "copies", NOON)
        store.mark_sent("msg_C-1_opened", "soc", NOON)
    restored = tmp_path / "restored"
    restored.mkdir(mode=0o700)
    (restored / "sentinel.db").write_bytes(copy.read_bytes())
    (restored / "sentinel.db").chmod(0o600)
    with a_store(restored) as store:
        assert store.cases() == [a_case()]
        assert store.load_windows().deltas == [(1, b"delta")]
        assert [(row.body, row.interrupted) for row in store.outbox_due("soc", NOON, 10)] == [(b"{}", True)]
        assert store.read_evidence("C-1")[0].raw is None
        assert [(row.who, row.detail) for row in store.audit()] == [("dpo@example.org", None)]
        assert store.verify_audit() == []


def test_commits_go_on_while_a_copy_is_made(tmp_path: Path) -> None:
    with a_store(tmp_path / "state") as store:
        store.commit(a_batch())
        # A reader in the middle of a long read stands for the copy: the writer must not wait for it.
        reader = a_store(tmp_path / "state", readonly=True)
        rows = reader._db.execute("SELECT * FROM chain")
        assert next(rows) is not None
        store.commit(a_batch(a_case("C-2"), a_finding("f_2")))
        assert not store.shred("C-2", an_entry("shredded", "C-2"))
        assert len(rows.fetchall()) == 2
        reader.close()
        assert store.shred("C-2", an_entry("shredded", "C-2"))

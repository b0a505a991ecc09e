"""Given the last signed head, no change of a small store goes unnoticed; and without its key it tells nobody's name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from sentinel.cases.heads import signed_text
from sentinel.model import Verdict
from sentinel.sealing import is_signed
from sentinel.store import Batch, Store, StoreError, audit
from sentinel.store.audit import Head
from sentinel.store.collected import Record, SourceCollected
from sentinel.store.errors import StoreDamaged
from sentinel.store.reveals import Reveal
from sentinel.vault import KeyUnavailable, Vault
from tests.unit.store_samples import MASTER, NOON, a_batch, a_case, a_finding, a_store, an_entry
from tests.unit.test_store_privacy import ACTOR, PATIENT, found_in, plant

CHAINED = {
    "audit": ("number", "at", "case_id", "act", "who", "detail", "key"),
    "evidence": (
        *("number", "case_id", "finding_id", "source", "stream", "path", "offset", "length", "sealed_digest", "sealed"),
    ),
    "collected": ("number", "case_id", "sequence", "source", "records", "sealed_digest", "sealed"),
    "cases": ("id", "state", "key_hash", "detected_at", "historical", "owner"),
    "chain": ("seq", "item", "number", "digest", "link"),
}


def a_small_store(folder: Path) -> Head:
    with a_store(folder) as store:
        store.commit(a_batch(a_case(owner="ada")))
        store.commit(a_batch(a_case("C-2"), a_finding("f_2")))
        record = Record(NOON, "/var/log/portal.log", 0, 9, ["actor"], b"GET /api/")
        store.collect("C-1", [record], SourceCollected("portal", 1, NOON, 1, 9, "", ()), an_entry("case.collected"))
        batch = Batch()
        batch.verdict(Verdict(case=a_case(owner="bob"), audit=(an_entry("case.own"),)))
        store.commit(batch)
        assert store.verify_audit() == []
        return store.audit_head()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, Head]:
    folder = tmp_path_factory.mktemp("small")
    head = a_small_store(folder)
    return (folder / "sentinel.db").read_bytes(), head


def opened(content: bytes) -> apsw.Connection:
    db = apsw.Connection(":memory:")
    db.deserialize("main", content[:18] + b"\x01\x01" + content[20:])  # without a log, which memory has none of
    db.pragma("foreign_keys", "off")
    db.pragma("ignore_check_constraints", "on")
    return db


def edits(value: object) -> Iterator[object]:
    """The value with each of its bytes changed, one at a time."""
    if isinstance(value, int):
        yield from (value ^ (1 << 8 * place) for place in range(6))
    elif isinstance(value, str):
        yield from (value[:at] + chr(ord(value[at]) ^ 1) + value[at + 1 :] for at in range(len(value)))
    elif isinstance(value, bytes):
        yield from (value[:at] + bytes([value[at] ^ 0x80]) + value[at + 1 :] for at in range(len(value)))
    else:
        yield from ("x", 1)


@pytest.mark.parametrize(("table", "column"), [(table, column) for table, names in CHAINED.items() for column in names])
def test_every_single_byte_edit_is_found(small: tuple[bytes, Head], table: str, column: str) -> None:
    content, head = small
    db = opened(content)
    tried = 0
    for rowid, value in db.execute(f'SELECT rowid, "{column}" FROM {table}').fetchall():
        for edit in edits(value):
            db.execute("SAVEPOINT before")
            try:
                db.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (edit, rowid))
            except apsw.ConstraintError:
                pass  # SQLite itself refuses it, as it would refuse to open such a file whole
            else:
                assert audit.verify(db, head), (table, column, rowid, edit)
                tried += 1
            db.execute("ROLLBACK TO before")
            db.execute("RELEASE before")
    assert tried


def test_every_byte_of_what_was_decided_about_a_case_is_held(small: tuple[bytes, Head]) -> None:
    content, head = small
    db = opened(content)
    for name in ("deadline_at", "starts_at", "detected_at", "met_at", "provisional", "risk", "title"):
        word = f'"{name}":'
        body = str(db.execute("SELECT body FROM cases WHERE id = 'C-1'").fetchall()[0][0])
        at = body.index(word) + len(word)
        for place in range(at, body.index(",", at)):
            changed = body[:place] + chr(ord(body[place]) ^ 1) + body[place + 1 :]
            db.execute("UPDATE cases SET body = ? WHERE id = 'C-1'", (changed,))
            assert audit.verify(db, head), (word, place)
            db.execute("UPDATE cases SET body = ? WHERE id = 'C-1'", (body,))
    assert audit.verify(db, head) == []


@pytest.mark.parametrize("table", CHAINED)
def test_every_removed_row_is_found(small: tuple[bytes, Head], table: str) -> None:
    content, head = small
    rows = opened(content).execute(f"SELECT rowid FROM {table}").fetchall()
    assert rows
    for (rowid,) in rows:
        db = opened(content)
        db.execute(f"DELETE FROM {table} WHERE rowid = ?", (rowid,))
        assert audit.verify(db, head), rowid


def test_every_truncation_of_the_tail_is_found(small: tuple[bytes, Head]) -> None:
    content, head = small
    for kept in range(head.seq):
        db = opened(content)
        for table in ("audit", "evidence", "collected", "cases"):
            item = table.removesuffix("s")
            db.execute(
                f"DELETE FROM {table} WHERE number IN (SELECT number FROM chain WHERE seq > ? AND item = ?) "
                "AND number NOT IN (SELECT number FROM chain WHERE seq <= ? AND item = ?)",
                (kept, item, kept, item),
            )
        db.execute("DELETE FROM chain WHERE seq > ?", (kept,))
        assert audit.verify(db, head), kept


def test_bytes_changed_in_the_file_are_found_or_change_nothing_that_is_chained(
    small: tuple[bytes, Head],
) -> None:
    content, head = small

    def chained(db: apsw.Connection) -> list[object]:
        columns = {table: ", ".join(f'"{name}"' for name in names) for table, names in CHAINED.items()}
        return [db.execute(f"SELECT {columns[table]} FROM {table}").fetchall() for table in CHAINED]

    true = chained(opened(content))
    for place in range(0, len(content), 199):
        changed = content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :]
        try:
            db = opened(changed)
            found = audit.verify(db, head)
            now = chained(db)
        except (apsw.Error, StoreDamaged, StoreError, UnicodeDecodeError):
            continue  # the file cannot be read, and says so
        assert found or now == true, place


def test_a_head_is_signed_by_this_state_and_by_nobody_else(tmp_path: Path) -> None:
    vault, other = Vault.open(tmp_path / "a", MASTER), Vault.open(tmp_path / "b", bytes(range(1, 33)))
    text = signed_text("7:" + "ab" * 32)
    assert is_signed(vault.public_key, text, vault.sign(text))
    assert not is_signed(vault.public_key, signed_text("8:" + "ab" * 32), vault.sign(text))
    assert not is_signed(other.public_key, text, vault.sign(text))


def test_a_copied_state_without_its_master_key_tells_nobodys_name(tmp_path: Path) -> None:
    vault = Vault.open(tmp_path / "state", MASTER)
    with Store.open(tmp_path / "state", vault) as store:
        plant(store, vault)
        store.ask_reveal(Reveal("R-1", "C-1", NOON, ACTOR), an_entry("case.reveal-asked", reason=PATIENT))
    Vault.open(tmp_path / "state", MASTER).rotate(bytes(range(1, 33)))
    copy = tmp_path / "stolen"
    shutil.copytree(tmp_path / "state", copy)
    assert found_in(copy) == []
    with pytest.raises(KeyUnavailable):
        Vault.open(copy, bytes(range(2, 34)), readonly=True)

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from sentinel.store import StoreBroken, StoreError
from sentinel.store.connection import migrate, open_writer, rows, schema_version, shipped_migrations
from sentinel.store.folder import make_database
from tests.unit.store_samples import a_batch, a_store

FIRST = (1, "CREATE TABLE one (a INTEGER) STRICT; INSERT INTO one VALUES (1);")
SECOND = (2, "ALTER TABLE one ADD COLUMN b INTEGER; UPDATE one SET b = a + 1;")
FAULTY = (3, "UPDATE one SET b = 9; INSERT INTO two VALUES (1);")


@pytest.fixture
def db(tmp_path: Path) -> apsw.Connection:
    return open_writer(make_database(tmp_path))


def tables(db: apsw.Connection) -> list[tuple[str, str]]:
    return [(name, sql) for name, sql in rows(db, "SELECT name, sql FROM sqlite_schema ORDER BY name")]


def test_the_shipped_migrations_count_from_one_without_a_hole() -> None:
    assert [version for version, _ in shipped_migrations()] == list(range(1, len(shipped_migrations()) + 1))


def test_the_shipped_migrations_apply_to_an_empty_file_and_then_change_nothing(db: apsw.Connection) -> None:
    migrate(db, shipped_migrations())
    first = tables(db)
    migrate(db, shipped_migrations())
    assert tables(db) == first
    assert schema_version(db) == shipped_migrations()[-1][0]


def test_every_table_is_strict(db: apsw.Connection) -> None:
    migrate(db, shipped_migrations())
    found = rows(db, "SELECT name FROM pragma_table_list WHERE type = 'table' AND NOT strict AND schema = 'main'")
    assert [name for (name,) in found if not name.startswith("sqlite_")] == []


def test_only_the_missing_migrations_are_applied(db: apsw.Connection) -> None:
    migrate(db, [FIRST])
    migrate(db, [FIRST, SECOND])
    assert rows(db, "SELECT a, b FROM one") == [(1, 2)]


def test_a_migration_that_fails_changes_nothing(db: apsw.Connection) -> None:
    migrate(db, [FIRST, SECOND])
    with pytest.raises(StoreError):
        migrate(db, [FIRST, SECOND, FAULTY])
    assert rows(db, "SELECT a, b FROM one") == [(1, 2)]
    assert schema_version(db) == 2


def test_a_newer_state_is_refused_and_left_alone(tmp_path: Path) -> None:
    a_store(tmp_path).close()
    db = open_writer(make_database(tmp_path))
    db.execute("PRAGMA user_version = 99")
    db.close()
    for readonly in (False, True):
        with pytest.raises(StoreError, match="newer version \\(schema 99, this version knows"):
            a_store(tmp_path, readonly=readonly)


def test_an_older_state_is_not_read_before_it_was_brought_up(tmp_path: Path) -> None:
    a_store(tmp_path).close()
    db = open_writer(make_database(tmp_path))
    db.execute("PRAGMA user_version = 0")
    db.close()
    with pytest.raises(StoreError, match="start the daemon once"):
        a_store(tmp_path, readonly=True)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    make_database(tmp_path).write_bytes(b"no database " * 1000)
    with pytest.raises(StoreBroken):
        a_store(tmp_path)


def a_state_with_damage(folder: Path, *, stopped_cleanly: bool) -> None:
    store = a_store(folder)
    batch = a_batch()
    batch.delta = b"x" * 40_000
    store.commit(batch)
    store.checkpoint()
    if stopped_cleanly:
        store.close()
    else:
        store.let_go()
    # The chain of pages that hold the blob is broken at its last: nothing that is read at a start.
    path = make_database(folder)
    content = bytearray(path.read_bytes())
    content[-4096:-4092] = b"\xff" * 4
    path.write_bytes(content)


def test_damage_is_noticed_after_a_stop_that_was_not_clean(tmp_path: Path) -> None:
    a_state_with_damage(tmp_path, stopped_cleanly=False)
    with pytest.raises(StoreBroken, match="restore a backup"):
        a_store(tmp_path)


def test_after_a_clean_stop_nobody_waits_for_the_whole_file_to_be_read(tmp_path: Path) -> None:
    a_state_with_damage(tmp_path, stopped_cleanly=True)
    a_store(tmp_path).let_go()

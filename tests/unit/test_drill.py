"""The restore drill beside a running daemon: the same cases, no other message, the chain holds; and what it shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel import drill
from sentinel.__main__ import main
from sentinel.clock import MINUTE
from sentinel.commands.reading import master
from sentinel.inspection import prepare
from sentinel.store import Batch, StoreError
from sentinel.store.backups import listed
from tests.scenarios.test_daemon import CONFIG, INVENTORY, NOON, Watch, write_rules
from tests.unit.store_samples import an_entry

CHANNEL = """
channels: {soc: {type: webhook, url: "http://127.0.0.1:9/hook", secret: {file: hook}, allow_private: true}}
"""


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "sentinel.yaml").write_text(CONFIG + CHANNEL, encoding="utf-8")
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "hook").write_text("whsec_" + "A" * 43 + "=")
    write_rules(tmp_path, 5)
    (tmp_path / "portal.log").touch()
    started = Watch(tmp_path)
    started.daemon.courier.stop()  # what is owed stays owed, and the clock stands still
    started.turn()
    started.daemon.keeper.wait(60)
    yield started
    started.daemon.close()


def a_day(watch: Watch) -> None:
    """A case, a copy of the state, then another case and a file that goes on."""
    watch.read("kim", range(5))
    watch.turn()
    watch.clock.move_to(watch.clock.now() + MINUTE)
    watch.daemon.store.backup(watch.daemon.config.backup.folder, watch.clock.now())
    watch.read("ada", range(7))
    watch.read("kim", range(5, 9))
    watch.turn()


def rehearsed(watch: Watch) -> drill.Drill:
    loaded, book = prepare(watch.folder / "sentinel.yaml")
    return drill.rehearse(loaded, book, master(loaded), watch.clock, lambda: None)


def test_the_copy_comes_to_the_same_cases_and_owes_nothing_new(watch: Watch) -> None:
    a_day(watch)
    done = rehearsed(watch)
    assert done.is_good
    assert (done.cases, done.lost, done.strangers, done.breaks) == (2, (), (), ())
    assert done.read > 0


def test_messages_sent_since_the_copy_are_said_to_come_again(watch: Watch) -> None:
    a_day(watch)
    store = watch.daemon.store
    for case in store.cases():
        for row in store.deliveries(case.id):
            store.mark_sent(row.message_id, row.channel, watch.clock.now())
    # Of the two cases one was told of before the copy, but its message was sent after it.
    assert rehearsed(watch).again == 2


def test_nothing_is_left_of_a_drill_and_the_running_state_is_not_touched(watch: Watch) -> None:
    a_day(watch)
    watch.daemon.collector.stop()  # it writes too, by itself: what a drill writes is asked here
    state = watch.daemon.config.state
    head = watch.daemon.store.audit_head()
    before = sorted(path for path in state.rglob("*"))
    rehearsed(watch)
    assert sorted(path for path in state.rglob("*")) == before
    assert watch.daemon.store.audit_head() == head


def test_a_copy_that_is_not_of_this_state_is_found_out(watch: Watch) -> None:
    a_day(watch)
    store = watch.daemon.store
    # The running state is another one from here on: its history was made anew.
    store._db.execute("DELETE FROM chain")
    store._db.execute("DELETE FROM audit")
    store._db.execute("DELETE FROM evidence")
    batch = Batch()
    batch.audit(an_entry())
    store.commit(batch)
    done = rehearsed(watch)
    assert not done.is_good
    assert "it is not the link that was known here" in done.breaks


def test_cases_whose_log_is_gone_are_named_as_lost(watch: Watch) -> None:
    a_day(watch)
    known = {case.id for case in watch.daemon.store.cases()}
    (watch.folder / "portal.log").unlink()
    done = rehearsed(watch)
    assert done.is_good
    assert len(done.lost) == 1
    assert set(done.lost) < known


def test_without_a_copy_there_is_no_drill(watch: Watch) -> None:
    for each in listed(watch.daemon.config.backup.folder, NOON):
        each.path.unlink()
    with pytest.raises(StoreError, match="no whole copy"):
        rehearsed(watch)


def ran(capsys: pytest.CaptureFixture[str], watch: Watch, *arguments: str) -> tuple[int, str]:
    """The exit code of a command and what it printed."""
    with pytest.raises(SystemExit) as ended:
        main([*arguments, "-c", str(watch.folder / "sentinel.yaml")])
    return int(ended.value.code or 0), capsys.readouterr().out


def test_the_command_says_how_it_went(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    a_day(watch)
    code, said = ran(capsys, watch, "doctor", "--restore-drill", "--output", "json")
    assert (code, json.loads(said)["good"]) == (0, True)
    code, said = ran(capsys, watch, "doctor", "--restore-drill")
    assert "the same cases under the same ids, no other message, the chain holds" in said


def test_the_chain_can_be_verified_against_its_end_as_it_was_noted(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    a_day(watch)
    code, said = ran(capsys, watch, "audit", "verify", "--output", "json")
    assert (code, json.loads(said)["breaks"]) == (0, [])
    watch.read("tom", range(9))
    watch.turn()
    code, _ = ran(capsys, watch, "audit", "verify", "--head", json.loads(said)["head"])
    assert code == 0
    watch.daemon.store._db.execute("UPDATE audit SET at = at + 1 WHERE number = 1")
    code, said = ran(capsys, watch, "audit", "verify")
    assert code == 1
    assert "its audit entry was changed" in said

"""The end of the audit chain leaves the machine, signed; what was sent shows later that nothing was changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sentinel.clock import DAY, HOUR
from sentinel.commands.audit import app
from sentinel.store import Store
from sentinel.vault import Vault
from tests.scenarios.test_daemon import CONFIG, Watch, folder

__all__ = ["folder"]

HEADS = """
channels: {out: {type: command, command: [/bin/cat]}}
routes: [{to: []}]
audit: {heads: {every: 1h, channel: out}}
http:"""


def sent(watch: Watch) -> list[str]:
    """The heads in messages, as whoever gets them reads them."""
    rows = watch.daemon.store.outbox_due("out", watch.clock.now() + DAY, 100)
    texts = [row.body.decode() for row in rows]
    return re.findall(r"\b\d+:[0-9a-f]{64}:[0-9a-f]{128}", " ".join(texts))


@pytest.fixture
def watch(folder: Path) -> Watch:
    (folder / "sentinel.yaml").write_text(CONFIG.replace("http:", HEADS.strip("\n") + " "), encoding="utf-8")
    watch = Watch(folder)
    watch.daemon.courier.stop()
    watch.read("kim", range(1, 7))
    watch.turn()
    return watch


def verify(folder: Path, *options: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["verify", "-c", str(folder / "sentinel.yaml"), *options])
    return done.exit_code, done.output + str(done.exception or "")


def test_a_head_is_sent_each_time_it_is_due_and_no_more_often(watch: Watch) -> None:
    watch.turn(20)
    assert len(sent(watch)) == 1
    watch.clock.move_to(watch.clock.now() + HOUR)
    watch.turn()
    assert len(sent(watch)) == 2
    acts = [row.act for row in watch.daemon.store.audit()]
    assert acts.count("audit.head") == 2
    watch.daemon.close()


def test_what_was_sent_finds_a_trail_that_was_cut(watch: Watch, folder: Path) -> None:
    watch.clock.move_to(watch.clock.now() + HOUR)
    watch.turn()
    head = sent(watch)[-1]
    watch.daemon.close()
    assert verify(folder, "--head", head)[0] == 0
    with Store.open(folder / "state", Vault.open(folder / "state", None)) as store:
        store._db.execute("DELETE FROM chain WHERE seq >= (SELECT max(seq) - 1 FROM chain)")
        store._db.execute("DELETE FROM audit WHERE number NOT IN (SELECT number FROM chain WHERE item = 'audit')")
        store._db.execute(
            "DELETE FROM collected WHERE number NOT IN (SELECT number FROM chain WHERE item = 'collected')"
        )
    assert verify(folder)[0] == 0, "by itself the chain cannot know"
    assert verify(folder, "--head", head)[0] == 1


def test_a_head_that_nobody_signed_is_refused(watch: Watch, folder: Path) -> None:
    head = sent(watch)[0]
    watch.daemon.close()
    forged = re.sub(r":([0-9a-f])", lambda digit: ":" + ("0" if digit[1] != "0" else "1"), head, count=1)
    assert "was not signed with this key" in verify(folder, "--head", forged)[1]
    assert "was not signed with this key" in verify(folder, "--head", head, "--key", "ab" * 32)[1]

"""What the doctor says of an installation, each with how to mend it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sentinel import doctor
from sentinel.clock import DAY, HOUR, Micros
from sentinel.doctor import Installation, Verdict
from sentinel.inspection import inspect
from sentinel.store import Store
from sentinel.store.folder import DATABASE
from sentinel.vault import Vault
from tests.unit.store_samples import MASTER, NOON, a_batch, a_case

CONFIG = """
state: state
sources:
  - {name: portal, type: file, paths: [portal.log], format: nginx, logsource: {category: webserver}}
channels: {soc: {type: webhook, url: "https://hooks.example.org/soc", secret: {env: HOOK}}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sentinel.yaml").write_text(CONFIG)
    (tmp_path / "portal.log").touch()
    with Store.open(tmp_path / "state", Vault.open(tmp_path / "state", MASTER)) as store:
        store.commit(a_batch())
        store.backup(tmp_path / "state" / "backups", NOON)
    return tmp_path


def said(folder: Path, now: Micros = NOON + HOUR, master: bytes = MASTER) -> dict[str, tuple[Verdict, str, str]]:
    loaded, book, problems = inspect(folder / "sentinel.yaml")
    installation = Installation(
        loaded=loaded, book=book, problems=tuple(problems), master=lambda: master, now=now, system=folder / "root"
    )
    found: dict[str, tuple[Verdict, str, str]] = {}
    for each in doctor.examine(installation):
        assert bool(each.mend) is (each.verdict is not Verdict.WELL), each
        worst = found.get(each.about, (Verdict.WELL, "", ""))
        if each.about not in found or worst[0] is Verdict.WELL:
            found[each.about] = (each.verdict, each.says, each.mend)
    return found


def test_a_sound_installation_has_nothing_to_mend_but_a_daemon_that_does_not_run(folder: Path) -> None:
    found = said(folder)
    assert {about for about, (verdict, _, _) in found.items() if verdict is Verdict.WRONG} == {"daemon"}
    assert found["state"][1] == "1 cases, the audit chain holds"
    assert found["backups"][0] is Verdict.WELL


def damage(folder: Path) -> None:
    path = folder / "state" / DATABASE
    path.write_bytes(b"\xa5" * path.stat().st_size)


def damage_copy(folder: Path) -> None:
    (copy,) = (folder / "state" / "backups").iterdir()
    copy.write_bytes(b"\xa5" * copy.stat().st_size)


def open_state(folder: Path) -> None:
    (folder / "state" / DATABASE).chmod(0o644)


def change_entry(folder: Path) -> None:
    with Store.open(folder / "state", Vault.open(folder / "state", MASTER)) as store:
        store._db.execute("UPDATE audit SET at = at + 1")


def open_in_the_future(folder: Path) -> None:
    with Store.open(folder / "state", Vault.open(folder / "state", MASTER)) as store:
        store.commit(a_batch(a_case("C-2", detected_at=NOON + DAY)))


def configure(text: str, instead: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / "sentinel.yaml"
        path.write_text(path.read_text().replace(text, instead))

    return change


@pytest.mark.parametrize(
    ("harm", "about", "verdict", "says"),
    [
        (damage, "state", Verdict.WRONG, "damaged"),
        (damage_copy, "backups", Verdict.WRONG, "damaged"),
        (open_state, "permissions", Verdict.WRONG, "is open to others"),
        (change_entry, "state", Verdict.WRONG, "the audit chain does not hold in 1 places"),
        (open_in_the_future, "state", Verdict.WRONG, "detected in the future: C-2"),
        (lambda folder: (folder / "portal.log").unlink(), "source portal", Verdict.DOUBTFUL, "no file matches"),
        (configure("type: file", "type: fiel"), "configuration", Verdict.WRONG, "1 errors"),
        (configure("channels:", "cases: {clocks: [gdpr]}\n#"), "channels", Verdict.WRONG, "nobody is told"),
        (configure("state: state", "state: state\nshipped_rules: false"), "rules", Verdict.WRONG, "there are no rules"),
        (configure("state: state", "state: state\nbackup: {keep: 0}"), "backups", Verdict.DOUBTFUL, "none are made"),
    ],
)
def test_what_is_wrong_is_named(
    folder: Path, harm: Callable[[Path], None], about: str, verdict: Verdict, says: str
) -> None:
    assert said(folder)[about][0] is not verdict
    harm(folder)
    found = said(folder)[about]
    assert found[0] is verdict
    assert says in found[1]


def test_a_copy_that_is_too_old_is_named(folder: Path) -> None:
    assert said(folder, NOON + 3 * DAY)["backups"][0] is Verdict.DOUBTFUL


def test_what_the_machine_allows_is_looked_at(folder: Path) -> None:
    limits = folder / "root" / "proc/sys/fs/inotify"
    limits.mkdir(parents=True)
    (limits / "max_user_watches").write_text("3\n")
    assert said(folder)["inotify"][1] == "max_user_watches is 3"
    assert said(folder)["clock"][0] is Verdict.DOUBTFUL
    (folder / "root" / "run/chrony").mkdir(parents=True)
    assert said(folder)["clock"][0] is Verdict.WELL


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_log_that_may_not_be_read_is_named(folder: Path) -> None:
    (folder / "portal.log").chmod(0)
    assert said(folder)["source portal"][0] is Verdict.WRONG


def test_a_daemon_that_watches_without_the_master_key_is_named(folder: Path) -> None:
    standing = folder / "state" / "standin" / f"{NOON:020d}"
    standing.mkdir(parents=True)
    (standing / DATABASE).touch()
    assert "master key" not in said(folder)
    assert said(folder, master=MASTER[::-1])["master key"][:2] == (
        Verdict.WRONG,
        "a daemon has watched without it since 2026-03-04T12:00:00Z",
    )

"""Whose data exactly, asked on the command line while the daemon watches, and what it then says in the papers."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import pytest

from sentinel.__main__ import main
from sentinel.clock import DAY, HOUR, SECOND
from tests.scenarios.test_daemon import NOON, Watch, folder

__all__ = ["folder"]


@dataclass(frozen=True)
class Done:
    """What a command said, and how it ended."""

    exit_code: int
    stdout: str
    stderr: str


Sentinel = Callable[..., Done]


@pytest.fixture
def watch(folder: Path) -> Iterator[Watch]:
    """Kim read patients 1 to 3 a month ago and 1 to 8 now; lee read 2 to 5 meanwhile, and somebody unknown 6."""
    started = Watch(folder, NOON - 30 * DAY)
    started.read("kim", range(1, 4))
    started.turn()
    started.clock.move_to(NOON - HOUR)
    started.read("lee", range(2, 6))
    started.read("-", range(6, 7))
    started.turn()
    started.clock.move_to(NOON)
    started.read("kim", range(1, 9))
    started.turn()
    started.clock.move_to(NOON + HOUR)
    started.read("kim", range(8, 11))
    started.turn()
    yield started
    started.daemon.close()


@pytest.fixture
def sentinel(watch: Watch, capsys: pytest.CaptureFixture[str]) -> Sentinel:
    """The command line, used by another thread while the daemon turns."""

    def call(arguments: list[str]) -> int:
        try:
            main(arguments)
        except SystemExit as ended:
            return int(ended.code or 0)

    def run(*words: str) -> Done:
        capsys.readouterr()
        with ThreadPoolExecutor(1) as asking:
            answer = asking.submit(call, [*words, "-c", str(watch.folder / "sentinel.yaml")])
            while not answer.done():
                watch.daemon.turn()
                wait([answer], 0.01)
        return Done(answer.result(), *capsys.readouterr())

    return run


def test_it_says_whom_the_actor_touched_what_was_unusual_and_who_else_was_there(
    watch: Watch, sentinel: Sentinel
) -> None:
    [case] = watch.cases()
    done = sentinel("case", "scope", case["id"], "--output", "json")
    assert done.exit_code == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["actors"] == [case["key"]["access.actor"]]
    assert (found["accesses"], found["people_count"], found["new_people"]) == (8, 8, 5)
    assert (found["habit_accesses"], found["habit_people"], found["habit_days"]) == (3, 3, 30)
    assert (found["nearby_accesses"], found["nearby_people"]) == (3, 2)
    [other] = found["others"]
    assert (other["people"], other["accesses"], other["first"][:16]) == (4, 4, "2026-03-04T11:00")
    assert other["actor"] == watch.daemon.vault.pseudonym("actor", "lee")
    assert {person["person"] for person in found["people"]}.isdisjoint("12345678")


def test_another_period_gives_another_answer(watch: Watch, sentinel: Sentinel) -> None:
    [case] = watch.cases()
    done = sentinel("case", "scope", case["id"], "--from", "2026-03-04T12:30:00Z", "--to", "2026-03-05", "-o", "json")
    found = json.loads(done.stdout)
    assert (found["accesses"], found["people_count"], found["new_people"]) == (3, 3, 2)
    wrong = sentinel("case", "scope", case["id"], "--from", "2026-03-05", "--to", "2026-03-04")
    assert wrong.exit_code == 1
    assert "the period ends before it begins" in wrong.stderr


def test_the_table_fits_a_terminal_and_the_spreadsheet_has_every_row(watch: Watch, sentinel: Sentinel) -> None:
    [case] = watch.cases()
    text = sentinel("case", "scope", case["id"]).stdout
    assert "8, of whom 5 outside habit" in text
    rows = [line for line in text.splitlines() if line.startswith(("person", "actor"))]
    assert len(rows) == 11
    assert max(len(line.rstrip()) for line in rows) <= 80
    table = list(csv.DictReader(io.StringIO(sentinel("case", "scope", case["id"], "-o", "csv").stdout)))
    assert [row["new"] for row in table] == ["yes"] * 5 + ["no"] * 3
    others = list(
        csv.DictReader(io.StringIO(sentinel("case", "scope", case["id"], "-o", "csv", "--table", "others").stdout))
    )
    assert [row["people"] for row in others] == ["4"]


def test_the_page_has_a_chart_and_asks_for_nothing_from_outside(watch: Watch, sentinel: Sentinel) -> None:
    [case] = watch.cases()
    page = watch.folder / "scope.html"
    assert sentinel("case", "scope", case["id"], "-o", "html", "--file", str(page)).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert "<svg" in text
    assert text.count("<code>person-") == 8
    assert "http" not in text
    assert page.stat().st_mode & 0o777 == 0o600


def test_the_draft_and_the_archive_have_the_numbers_of_the_ledger(watch: Watch, sentinel: Sentinel) -> None:
    [case] = watch.cases()
    draft = sentinel("case", "draft", case["id"]).stdout
    assert "8 accesses to records" in draft
    archive = watch.folder / "case.zip"
    assert sentinel("case", "export", case["id"], "--file", str(archive), "-r", "for counsel").exit_code == 0
    with zipfile.ZipFile(archive) as packed:
        assert json.loads(packed.read("scope.json"))["people_count"] == 8
        assert packed.read("scope.csv").count(b"\r\n") == 9


def test_numbers_that_are_adopted_are_a_persons_words_and_audited(watch: Watch, sentinel: Sentinel) -> None:
    [case] = watch.cases()
    done = sentinel("case", "scope", case["id"], "--to", "2026-03-05", "--adopt", "-r", "the whole day")
    assert done.exit_code == 0, done.stderr
    draft = sentinel("case", "draft", case["id"]).stdout
    assert "10 from 2026" in draft
    told = [row for row in watch.ask("case.show", case=case["id"])["timeline"] if row["act"] == "case.describe"]
    assert [row["detail"]["field"] for row in told] == ["people_count", "records_count"]
    assert {row["reason"] for row in told} == {"the whole day"}


def test_without_a_ledger_it_says_so_and_the_papers_are_made(watch: Watch, sentinel: Sentinel) -> None:
    [case] = watch.cases()
    file = watch.folder / "sentinel.yaml"
    file.write_text(f"ledger: false\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    watch.ask("reload")
    watch.clock.move_to(watch.clock.now() + 2 * HOUR)
    watch.read("kim", range(20, 30))
    watch.turn()
    assert "the ledger is empty" in sentinel("case", "scope", case["id"]).stdout
    assert sentinel("case", "draft", case["id"]).exit_code == 0


def test_a_case_that_names_nobody_is_asked_about_by_its_people(folder: Path) -> None:
    text = (folder / "rules" / "many.yml").read_text(encoding="utf-8")
    (folder / "rules" / "many.yml").write_text(text.replace("access.actor", "access.system"), encoding="utf-8")
    (folder / "inventory.yaml").write_text(
        (folder / "inventory.yaml").read_text(encoding="utf-8").replace("        actor: user.name\n", ""),
        encoding="utf-8",
    )
    watch = Watch(folder)
    watch.read("kim", range(1, 9))
    watch.turn()
    found = watch.ask("case.parties", case=watch.cases()[0]["id"])
    assert found["actors"] == {}
    assert len(found["people"]) == 8
    watch.clock.move_to(NOON + SECOND)
    watch.daemon.close()

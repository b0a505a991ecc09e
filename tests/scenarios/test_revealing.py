"""Being shown what a case holds of people: asked why, written down first, by two people where that is wanted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinel import control
from sentinel.clock import DAY, HOUR, SECOND
from sentinel.control import Refused, Who
from tests.scenarios.test_case_life import by_people, move
from tests.scenarios.test_daemon import CONFIG, NOON, Watch, folder

__all__ = ["folder"]


def configured(folder: Path, cases: str) -> Path:
    (folder / "sentinel.yaml").write_text(CONFIG.replace("http:", f"cases: {{{cases}}}\nhttp:"), encoding="utf-8")
    return folder


def opened(folder: Path) -> tuple[Watch, str]:
    watch = Watch(folder)
    watch.read("kim", range(1, 7))
    watch.turn()
    return watch, by_people(watch)[6]


def trail(watch: Watch, case: str) -> list[tuple[str, str | None]]:
    return [(row.act, (row.detail or {}).get("reason")) for row in watch.daemon.store.audit(case)]


def reveal(watch: Watch, of: str, **given: Any) -> dict[str, Any]:
    return watch.ask("case.reveal", **({"case": of, "reason": "to ask her"} | given))


def test_who_a_case_is_about_is_shown_once_that_is_written_down(folder: Path) -> None:
    watch, case = opened(folder)
    answer = reveal(watch, case, records=2)
    (tag,) = answer["names"]
    assert (tag, answer["names"][tag]) == (watch.cases()[0]["key"]["access.actor"], "kim")
    assert [(row["actors"], row["group"]) for row in answer["findings"]] == [(["kim"], {"access.actor": "kim"})]
    assert [row["text"].split()[2] for row in answer["records"]] == ["kim", "kim"]
    assert answer["records_total"] == 5
    assert trail(watch, case)[-1] == ("case.reveal", "to ask her")
    assert watch.daemon.store.verify_audit() == []
    watch.daemon.close()


@pytest.mark.parametrize(
    ("given", "said"),
    [({"reason": " "}, "a reason is needed"), ({"case": "C-0"}, "C-0"), ({"records": "x"}, "whole number")],
)
def test_what_is_refused_shows_nothing(folder: Path, given: dict[str, Any], said: str) -> None:
    watch, case = opened(folder)
    with pytest.raises(Refused, match=said):
        reveal(watch, case, **given)
    assert "case.reveal" not in dict(trail(watch, case))
    watch.daemon.close()


def test_nothing_is_shown_that_could_not_be_written_down(folder: Path) -> None:
    watch, case = opened(folder)
    watch.daemon.store._db.execute("PRAGMA query_only = on")
    with pytest.raises(Refused, match="cannot be written"):
        reveal(watch, case)
    watch.daemon.store._db.execute("PRAGMA query_only = off")
    watch.daemon.close()


def test_records_are_shown_page_by_page_with_those_collected_around(folder: Path) -> None:
    watch, case = opened(folder)
    while not watch.daemon.store.read_collected(case):
        watch.daemon.collector.wake()
        watch.turn(1)
    answer = reveal(watch, case, records=100, skip=3, around=True)
    assert answer["records_total"] == 5 + 6
    assert [row["kinds"] for row in answer["records"]] == ["", ""] + ["actor, address"] * 6
    watch.daemon.close()


class People:
    """Who the kernel says is at the other end of the socket."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = "ada"
        monkeypatch.setattr(control, "_peer", lambda _: Who(self.now, 1000, 1))


@pytest.fixture
def people(monkeypatch: pytest.MonkeyPatch) -> People:
    return People(monkeypatch)


def test_with_two_people_the_second_agrees_before_the_first_is_shown_anything(folder: Path, people: People) -> None:
    watch, case = opened(configured(folder, "reveal: two_people"))
    first = reveal(watch, case)
    assert (first["names"], first["findings"], first["records"]) == ({}, [], [])
    assert reveal(watch, case)["waits"] == first["waits"], "asking again is the same wish"
    for who in ("ada", "ada (as root)"):
        people.now = who
        with pytest.raises(Refused, match="a second person is needed"):
            watch.ask("case.approve", reveal=first["waits"], reason="me")
    people.now = "bob"
    answer = watch.ask("case.approve", reveal=first["waits"].lower(), reason="spoke to ada")
    assert (answer["case"], answer["who"]) == (case, "ada")
    assert reveal(watch, case)["waits"] not in {None, first["waits"]}, "bob agreed for ada, not for himself"
    people.now = "ada"
    assert reveal(watch, case)["waits"] is None
    assert reveal(watch, case)["names"] != {}
    acts = [act for act, _ in trail(watch, case) if "reveal" in act]
    asked, agreed, shown = "case.reveal-asked", "case.reveal-approved", "case.reveal"
    assert acts == [asked, agreed, asked, shown, shown]
    watch.clock.move_to(watch.clock.now() + HOUR)
    assert reveal(watch, case)["waits"] is not None, "after an hour it is asked anew"
    watch.daemon.close()


def test_a_wish_that_nobody_agreed_to_for_a_day_is_over(folder: Path, people: People) -> None:
    watch, case = opened(configured(folder, "reveal: two_people"))
    wish = reveal(watch, case)["waits"]
    watch.clock.move_to(watch.clock.now() + DAY)
    people.now = "bob"
    with pytest.raises(Refused, match="nobody waits under that id"):
        watch.ask("case.approve", reveal=wish, reason="yes")
    watch.daemon.close()


def test_what_is_held_is_not_destroyed_and_what_is_open_neither(folder: Path) -> None:
    watch, case = opened(folder)
    with pytest.raises(Refused, match="is open"):
        watch.ask("case.destroy", case=case, reason="why not")
    move(watch, case, "dismiss")
    move(watch, case, "hold")
    with pytest.raises(Refused, match="is held"):
        watch.ask("case.destroy", case=case, reason="why not")
    watch.clock.move_to(watch.clock.now() + 91 * DAY)
    watch.turn()
    assert reveal(watch, case)["names"] != {}, "no retention ends what is held"
    move(watch, case, "release")
    watch.daemon.close()
    again = Watch(folder, NOON + 92 * DAY)
    again.turn()
    row = next(each for each in again.cases() if each["id"] == case)
    assert row["destroyed_at"] is not None
    shown = reveal(again, case, records=9)
    assert shown["names"] == {}
    assert {record["text"] for record in shown["records"]} == {None}
    assert ("case.dismiss", "because") in trail(again, case), "why it was dismissed stays in the register"
    assert trail(again, case)[-2] == ("case.destroy", "kept for 90d after it was dismissed")
    assert again.daemon.store.verify_audit() == []
    again.daemon.close()


def test_destroying_by_hand_keeps_the_reasons_unless_everything_is_to_go(folder: Path) -> None:
    watch, case = opened(folder)
    move(watch, case, "dismiss")
    answer = watch.ask("case.destroy", case=case, reason="erasure was asked for", everything=True)
    assert answer["case"]["destroyed_at"] is not None
    assert trail(watch, case)[-1] == ("case.destroy", "erasure was asked for")
    assert trail(watch, case)[0][1] is None
    with pytest.raises(Refused, match="was destroyed"):
        watch.ask("case.destroy", case=case, reason="again")
    with pytest.raises(Refused, match="is destroyed since"):
        move(watch, case, "hold")
    watch.daemon.close()


def test_a_key_that_opens_no_more_is_a_finding_and_a_metric(folder: Path) -> None:
    watch, _case = opened(folder)
    watch.turn()
    metrics = watch.daemon.metrics.registry
    assert metrics.get_sample_value("sentinel_encryption_check_timestamp_seconds") == pytest.approx(
        NOON / SECOND, abs=9
    )
    keys = folder / "state" / "keys.db"
    content = keys.read_bytes()
    keys.write_bytes(content[:200] + bytes([content[200] ^ 1]) + content[201:])
    watch.clock.move_to(watch.clock.now() + HOUR)
    watch.turn()
    assert metrics.get_sample_value("sentinel_encryption_check_failures_total") == 1
    assert "sentinel_encryption_fails" in {rule for each in watch.cases() for rule in each["rules"]}
    watch.daemon.close()


def test_a_master_key_in_use_for_more_than_a_year_is_a_finding(folder: Path) -> None:
    watch, _ = opened(folder)
    watch.turn()
    watch.daemon.close()
    later = Watch(folder, NOON + 366 * DAY)
    found: list[str] = []
    pipeline = later.daemon.pipeline
    later.daemon.lookout.look(later.clock.now())
    found += [each.rule for each in pipeline.findings]
    assert found.count("sentinel_key_old") == 1
    later.daemon.close()

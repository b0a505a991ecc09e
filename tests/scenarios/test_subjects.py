"""What is held about one person, through the real daemon; erased, unless a hold or a duty keeps it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sentinel.control import Refused
from tests.scenarios.test_case_life import by_people, move, watched
from tests.scenarios.test_daemon import folder

__all__ = ["folder"]


def test_a_person_is_found_as_actor_as_data_subject_and_in_records(folder: Path) -> None:
    watch = watched(folder)
    kim, lee = (by_people(watch)[count] for count in (6, 8))
    answer = watch.ask("subject.export", name="kim", reason="request DS-1")
    assert [row["case"] for row in answer["cases"] if "in a finding" in row["found_as"]] == [kim]
    shared = watch.ask("subject.export", name="5", reason="request DS-2")
    assert {row["case"] for row in shared["cases"]} == {kim, lee}
    assert all("data subject" in row["found_as"] for row in shared["cases"])
    assert watch.ask("subject.export", name="nobody", reason="request DS-3")["cases"] == []
    acts = [(row.act, row.detail) for row in watch.daemon.store.audit() if row.act == "subject.export"]
    assert acts[0][1] == {"reason": "request DS-1", "subject": answer["pseudonyms"]["subject"]}
    with pytest.raises(Refused, match="a reason is needed"):
        watch.ask("subject.export", name="kim", reason="")
    watch.daemon.close()


def test_erasing_spares_what_is_held_and_what_is_being_decided(folder: Path) -> None:
    watch = watched(folder)
    kim, lee = (by_people(watch)[count] for count in (6, 8))
    move(watch, kim, "dismiss")
    first = watch.ask("subject.erase", name="5", reason="request DS-4")
    assert (first["erased"], first["is_ledger_erased"]) == ([kim], False), (
        "the other case is open, and needs the ledger"
    )
    assert {row["case"]: row["kept_because"][:10] for row in first["cases"]} == {kim: "", lee: "it is open"}
    move(watch, lee, "dismiss")
    move(watch, lee, "hold")
    held = watch.ask("subject.erase", name="5", reason="request DS-4")
    assert held["erased"] == []
    assert "legal hold" in next(row["kept_because"] for row in held["cases"] if row["case"] == lee)
    move(watch, lee, "release")
    last = watch.ask("subject.erase", name="5", reason="request DS-4")
    assert (last["erased"], last["is_ledger_erased"]) == ([lee], True)
    assert watch.ask("case.reveal", case=lee, reason="is it gone?", records=9)["names"] == {}
    assert watch.daemon.store.verify_audit() == []
    watch.daemon.close()


def test_the_works_council_is_shown_rules_purposes_and_looks_and_nobody(folder: Path) -> None:
    watch = watched(folder)
    kim = by_people(watch)[6]
    watch.ask("case.reveal", case=kim, reason="kim must be asked")
    answer = watch.ask("subject.council")
    assert {row["rule"] for row in answer["rules"]} == {"read", "many"}
    assert "portal" in answer["purposes"]
    assert [(row["case"], row["act"]) for row in answer["reveals"]] == [(kim, "case.reveal")]
    assert "kim" not in json.dumps(answer)
    assert "ask" not in json.dumps(answer["reveals"])
    watch.daemon.close()

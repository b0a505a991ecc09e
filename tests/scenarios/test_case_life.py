"""Cases through the real daemon: opened by hand, merged, taken apart, split; and after a restart as they were."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import HOUR, SECOND
from sentinel.control import Refused
from tests.scenarios.test_daemon import NOON, Watch, folder

__all__ = ["folder"]


def watched(folder: Path) -> Watch:
    """Two people, each with a case: kim read 6 patients, lee 8, and 3 of them are the same."""
    watch = Watch(folder)
    watch.read("kim", range(1, 7))
    watch.read("lee", range(4, 12))
    watch.turn()
    return watch


def move(watch: Watch, case: str, name: str, **given: Any) -> dict[str, Any]:
    return watch.ask("case.move", case=case, move=name, reason="because", **given)


def by_people(watch: Watch) -> dict[int, str]:
    return {case["subjects"]: case["id"] for case in watch.cases() if case["subjects"]}


def test_people_of_merged_cases_are_counted_once_and_given_back(folder: Path) -> None:
    watch = watched(folder)
    kim, lee = (by_people(watch)[count] for count in (6, 8))
    move(watch, kim, "merge", into=lee)
    states = {case["id"]: (case["state"], case["subjects"], case["findings"]) for case in watch.cases()}
    assert states == {kim: ("merged", 6, 1), lee: ("open", 11, 2)}

    watch.read("kim", range(1, 7), at=NOON + HOUR)
    watch.clock.move_to(NOON + HOUR)
    watch.read("kim", range(20, 30))
    watch.turn()
    assert {case["id"] for case in watch.cases()} == {kim, lee}, "what would join the merged case joins the other"
    joined = next(case for case in watch.cases() if case["id"] == lee)
    assert (joined["subjects"], joined["absorbed"]) == (21, [kim])

    watch.daemon.close()
    again = Watch(folder, NOON + 2 * HOUR)
    move(again, kim, "unmerge")
    parted = {case["id"]: (case["state"], case["absorbed"]) for case in again.cases()}
    assert parted == {kim: ("open", []), lee: ("open", [])}
    again.daemon.close()


def test_findings_that_are_split_off_go_with_their_evidence_and_the_chain_holds(folder: Path) -> None:
    watch = watched(folder)
    kim, lee = (by_people(watch)[count] for count in (6, 8))
    move(watch, kim, "merge", into=lee)
    move(watch, kim, "unmerge")
    watch.clock.move_to(NOON + 2 * HOUR)
    watch.read("lee", range(40, 50))
    watch.turn()
    detail = watch.ask("case.show", case=lee)
    assert len(detail["findings"]) == 2
    second = detail["findings"][1]["finding"]
    with pytest.raises(Refused, match="has not one finding 'f_'"):
        move(watch, lee, "split", findings="f_")
    move(watch, lee, "split", findings=second[:14])
    child = next(case for case in watch.cases() if case["split_from"] == lee)
    shown = watch.ask("case.show", case=child["id"])
    assert [row["finding"] for row in shown["findings"]] == [second]
    assert shown["evidence_total"] == 5
    assert [row["finding"] for row in watch.ask("case.show", case=lee)["findings"]] == [
        detail["findings"][0]["finding"]
    ]
    values = watch.daemon.store.finding_values(second)
    assert values is not None
    assert values.actors == ("lee",)
    assert [row.raw is not None for row in watch.daemon.store.read_evidence(child["id"])] == [True] * 5
    assert watch.daemon.store.verify_audit() == []
    watch.read("lee", range(50, 55))
    watch.clock.move_to(NOON + 2 * HOUR + SECOND)
    watch.turn()
    grown = next(case for case in watch.cases() if case["id"] == child["id"])
    assert grown["findings"] == 1, "an update of a finding goes where the finding is"
    watch.daemon.close()


def test_a_request_is_in_the_same_list_and_survives_a_restart(folder: Path) -> None:
    watch = Watch(folder)
    answer = watch.ask("case.open", kind="sar", received="2026-03-02", reference="DS-1", reason="by mail")
    assert (answer["case"]["received_on"], answer["case"]["clocks"][0]["due_on"]) == ("2026-03-02", "2026-04-02")
    with pytest.raises(Refused, match="a day on which it came in"):
        watch.ask("case.open", kind="sar", reason="by mail")
    before = watch.daemon.store.cases()
    watch.daemon.close()
    again = Watch(folder)
    assert list(again.daemon.pipeline.book) == before
    register = again.ask("case.register")["cases"]
    assert [detail["timeline"][0]["act"] for detail in register] == ["case.opened"]
    again.daemon.close()

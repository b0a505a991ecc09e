from __future__ import annotations

from typing import Any

import pytest

from sentinel.cases.clocks import clock_state, opening_clocks, running
from sentinel.cases.duties import FIELDS, assess, describe, done, own, role, task, unwaive, waive
from sentinel.cases.moves import confirm, notify
from sentinel.cases.moving import CaseError
from sentinel.cases.options import CaseOptions
from sentinel.cases.reminders import due_at, remind
from sentinel.clock import DAY, HOUR, MINUTE
from sentinel.model import Case, State
from tests.unit.cases_fixtures import NOW, a_case, keys

WHO: dict[str, Any] = {"who": "ada", "reason": "as the ward says", "now": NOW + HOUR}
LATER: dict[str, Any] = {**WHO, "now": NOW + 2 * HOUR}


def test_a_high_risk_begins_the_clock_for_the_people_concerned_and_another_decision_ends_it() -> None:
    case = confirm(a_case(), **WHO).case
    high = assess(case, **LATER, risk="high")
    assert [(clock.step, clock.starts_at) for clock in high.case.clocks] == [
        ("authority", NOW + HOUR),
        ("people", NOW + HOUR),
    ]
    assert not high.case.clocks[1].is_legal
    assert high.audit[0].detail["risk"] == "high"
    lower = assess(high.case, **LATER, risk="likely").case
    assert [clock.step for clock in lower.clocks] == ["authority"]
    with pytest.raises(CaseError, match="no risk 'awful'"):
        assess(case, **LATER, risk="awful")


def test_telling_the_people_meets_their_clock_and_leaves_the_state() -> None:
    case = assess(confirm(a_case(), **WHO).case, **LATER, risk="high").case
    told = notify(case, **LATER, clock="gdpr/people").case
    assert (told.state, told.notified_at) == (State.CONFIRMED, None)
    assert [(clock.step, clock_state(told, clock, NOW)) for clock in told.clocks] == [
        ("authority", "running"),
        ("people", "met"),
    ]


def test_notices_come_in_phases_and_the_first_one_meets_the_clock() -> None:
    case = notify(confirm(a_case(), **WHO).case, **LATER, reference="2026/0412").case
    with pytest.raises(CaseError, match="notified already") as error:
        notify(case, **LATER)
    assert error.value.hint == "say --phase supplement, final, withdrawal"
    with pytest.raises(CaseError, match="sent already"):
        notify(case, **LATER, phase="initial")
    more = notify(case, **{**LATER, "now": NOW + DAY}, phase="supplement")
    last = notify(more.case, **{**LATER, "now": NOW + 2 * DAY}, phase="final")
    assert [(sent.phase, sent.at, sent.reference) for sent in last.case.notices] == [
        ("initial", NOW + 2 * HOUR, "2026/0412"),
        ("supplement", NOW + DAY, None),
        ("final", NOW + 2 * DAY, None),
    ]
    assert last.case.clocks[0].met_at == last.case.notified_at == NOW + 2 * HOUR
    assert keys(more) + keys(last) == ["notified-n2", "notified-n3"]
    with pytest.raises(CaseError, match="'postcard' is no phase"):
        notify(case, **LATER, phase="postcard")
    with pytest.raises(CaseError, match="the first notice is the initial one"):
        notify(confirm(a_case(), **WHO).case, **LATER, phase="final")


def test_a_duty_that_does_not_exist_stops_and_can_go_on_from_the_start_it_had() -> None:
    case = confirm(a_case(), **WHO).case
    off = waive(case, **LATER, clock="gdpr/authority")
    assert (clock_state(off.case, off.case.clocks[0], NOW), running(off.case)) == ("waived", ())
    with pytest.raises(CaseError, match="stands so already"):
        waive(off.case, **LATER, clock="gdpr/authority")
    assert unwaive(off.case, **LATER, clock="authority").case.clocks == case.clocks
    with pytest.raises(CaseError, match="no clock 'nis2'") as error:
        waive(case, **LATER, clock="nis2")
    assert error.value.hint == "its clocks: gdpr/authority"


def test_a_role_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(CaseError, match="no role 'bystander'") as error:
        role(a_case(), **WHO, role="bystander")
    assert error.value.hint == "one of controller, processor, joint"


def test_owning_is_not_acknowledging() -> None:
    case = own(a_case(), **WHO, owner="bob").case
    assert (case.owner, case.acknowledged_at) == ("bob", None)


def test_a_task_is_numbered_told_of_once_when_it_is_due_and_done() -> None:
    first = task(a_case(), **WHO, due_at=NOW + 3 * HOUR)
    case = task(first.case, **WHO).case
    assert [each.number for each in case.tasks] == [1, 2]
    assert "ward" not in repr(case)
    told = remind(case, NOW + 4 * HOUR)
    assert told is not None
    assert keys(told) == ["task-1-due"]
    assert "task 1 is due" in told.owed[0].headline
    assert remind(told.case, NOW + 5 * HOUR) is None
    finished = done(told.case, **LATER, number="1").case
    assert finished.tasks[0].done_at == NOW + 2 * HOUR
    with pytest.raises(CaseError, match="no task '1' to be done") as error:
        done(finished, **LATER, number="1")
    assert error.value.hint == "open tasks: 2"


def test_what_a_person_describes_is_in_the_audit_trail_alone() -> None:
    verdict = describe(a_case(), **WHO, field="consequences", text=" Kim may learn of it. ")
    assert verdict.audit[0].detail["text"] == "Kim may learn of it."
    assert "Kim" not in repr((verdict.case, verdict.owed))
    with pytest.raises(CaseError, match="no field 'weather'") as error:
        describe(a_case(), **WHO, field="weather", text="fine")
    assert all(field in error.value.hint for field in FIELDS)
    with pytest.raises(CaseError, match="needs a text"):
        describe(a_case(), **WHO, field="nature", text=" ")


# --- when nobody reacts --------------------------------------------------------------------------------------

LADDER = CaseOptions.model_validate(
    {
        "escalation": [
            {"after": "15m", "to": ["second"]},
            {"after": "30m", "to": ["lead", "dpo"]},
            {"after": "4h", "unless": "decided", "to": ["dpo"]},
        ]
    }
)


def told(case: Case, minutes: int) -> tuple[Case, list[tuple[str, tuple[str, ...]]]]:
    verdict = remind(case, NOW + minutes * MINUTE, LADDER)
    if verdict is None:
        return case, []
    return verdict.case, [(owed.key, owed.to) for owed in verdict.owed]


def test_further_people_are_told_while_nobody_acknowledges_each_rung_once() -> None:
    case = a_case()
    assert due_at(case, LADDER) == NOW + 15 * MINUTE
    case, first = told(case, 15)
    assert first == [("unacknowledged-15m", ("second",))]
    assert told(case, 16)[1] == []
    case, second = told(case, 31)
    assert second == [("unacknowledged-30m", ("lead", "dpo"))]
    case, third = told(case, 241)
    assert third == [("undecided-4h", ("dpo",))]
    assert due_at(case, LADDER) == case.clocks[0].deadline_at - 48 * HOUR


def test_after_a_long_stop_one_message_goes_to_everybody_who_was_to_be_told() -> None:
    case, owed = told(a_case(), 45)
    assert owed == [("unacknowledged-30m", ("second", "lead", "dpo"))]
    assert told(case, 46)[1] == []


def test_acknowledging_ends_the_ladder_but_not_the_question_what_it_is() -> None:
    case = own(a_case(), **WHO).case
    assert told(case, 15)[1] != []
    case = a_case(acknowledged_at=NOW + MINUTE)
    assert told(case, 45)[1] == []
    assert told(case, 241)[1] == [("undecided-4h", ("dpo",))]
    assert told(confirm(case, **WHO).case, 241)[1] == []


def test_no_ladder_is_climbed_for_what_happened_before_the_watch_began() -> None:
    assert told(a_case(historical=True), 600)[1] == []


def test_the_moments_of_reminders_can_be_chosen() -> None:
    options = CaseOptions.model_validate({"reminders": ["2d", "90m"]})
    verdict = remind(a_case(), NOW + 24 * HOUR, options)
    assert keys(verdict) == ["48h-left"]
    assert verdict is not None
    assert keys(remind(verdict.case, NOW + 71 * HOUR, options)) == ["90m-left"]


def test_a_clock_of_a_month_is_reminded_of_days_before_and_one_of_six_hours_not_at_once() -> None:
    month = CaseOptions(clocks=("hipaa",))
    case = a_case(clocks=())
    long = a_case(clocks=opening_clocks(month, NOW)[:1])
    assert keys(remind(long, NOW + 47 * DAY, month)) == ["hipaa/people/14d-left"]
    short = a_case(clocks=opening_clocks(CaseOptions(clocks=("india_certin",)), NOW))
    assert remind(short, NOW, month) is None
    assert keys(remind(short, NOW + 3 * HOUR, month)) == ["india_certin/authority/3h-left"]
    assert remind(case, NOW + 400 * DAY) is None

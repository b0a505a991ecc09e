from __future__ import annotations

from dataclasses import replace

from sentinel.cases.moves import close, confirm, dismiss, notify, reopen
from sentinel.cases.reminders import MILESTONES, due_at, remind
from sentinel.clock import HOUR, MINUTE, Micros
from sentinel.model import Case, State
from tests.unit.cases_fixtures import NOW, a_case, keys

DEADLINE = NOW + 72 * HOUR


def run_down(case: Case, until: Micros, since: Micros = NOW) -> tuple[list[str], Case]:
    """The keys owed when the loop asks every minute."""
    owed: list[str] = []
    for now in range(since, until + 1, MINUTE):
        verdict = remind(case, now)
        if verdict is not None:
            owed += keys(verdict)
            case = verdict.case
    return owed, case


def test_reminders_are_owed_once_per_milestone() -> None:
    owed, case = run_down(a_case(), DEADLINE + 3 * HOUR)
    assert owed == ["48h-left", "24h-left", "12h-left", "6h-left", "3h-left", "1h-left", "overdue"]
    assert due_at(case) is None


def test_a_milestone_is_due_from_its_very_moment() -> None:
    assert remind(a_case(), DEADLINE - 48 * HOUR - 1) is None
    assert keys(remind(a_case(), DEADLINE - 48 * HOUR)) == ["48h-left"]


def test_only_the_most_urgent_reminder_is_owed_after_a_long_stop() -> None:
    verdict = remind(a_case(), DEADLINE - 5 * HOUR)
    assert keys(verdict) == ["6h-left"]
    assert verdict is not None
    assert run_down(verdict.case, DEADLINE, DEADLINE - 5 * HOUR)[0] == ["3h-left", "1h-left", "overdue"]


def test_the_next_moment_is_known_before_it_comes() -> None:
    case = a_case()
    moments = []
    while (moment := due_at(case)) is not None:
        moments.append(moment)
        verdict = remind(case, moment)
        assert verdict is not None
        case = verdict.case
    assert moments == [DEADLINE - before for _, before in MILESTONES]


def test_a_case_that_is_decided_owes_no_reminder() -> None:
    confirmed = confirm(a_case(), who="ada", reason="seen", now=NOW).case
    notified = notify(confirmed, who="ada", reason="form sent", now=NOW).case
    for case in (
        dismiss(a_case(), who="ada", reason="a drill", now=NOW).case,
        close(confirmed, who="ada", reason="no risk", now=NOW).case,
        notified,
        replace(a_case(), state=State.MERGED, merged_into="C-2"),
    ):
        assert remind(case, DEADLINE + HOUR) is None
        assert due_at(case) is None


def test_what_happened_before_the_watch_began_reminds_nobody_until_it_is_confirmed() -> None:
    case = a_case(historical=True)
    assert remind(case, DEADLINE + HOUR) is None
    assert due_at(case) is None
    confirmed = confirm(case, who="ada", reason="seen", now=NOW).case
    assert keys(remind(confirmed, DEADLINE)) == ["overdue"]


def test_a_reopened_case_owes_the_most_urgent_reminder_it_missed() -> None:
    away = dismiss(a_case(), who="ada", reason="a drill", now=NOW).case
    back = reopen(away, who="ada", reason="it was not", now=DEADLINE - 2 * HOUR).case
    assert keys(remind(back, DEADLINE - 2 * HOUR)) == ["3h-left"]


def test_a_milestone_already_owed_is_not_owed_again_when_awareness_moves_earlier() -> None:
    owed, case = run_down(a_case(), DEADLINE - 24 * HOUR)
    assert owed == ["48h-left", "24h-left"]
    now = DEADLINE - 24 * HOUR + MINUTE
    moved = confirm(case, who="ada", reason="seen", now=now, aware_at=NOW - 5 * MINUTE).case
    assert run_down(moved, DEADLINE, now)[0] == ["12h-left", "6h-left", "3h-left", "1h-left", "overdue"]


def test_a_small_move_later_repeats_no_milestone_that_stays_behind() -> None:
    _, case = run_down(a_case(), DEADLINE - 23 * HOUR)
    moved = confirm(case, who="ada", reason="seen", now=DEADLINE - 23 * HOUR, aware_at=NOW + 30 * MINUTE).case
    assert run_down(moved, DEADLINE - 20 * HOUR, DEADLINE - 23 * HOUR)[0] == []


def test_a_final_deadline_has_reminders_although_the_provisional_one_ran_down_before() -> None:
    _, case = run_down(a_case(), DEADLINE + HOUR)
    moved = confirm(case, who="ada", reason="seen", now=DEADLINE + HOUR).case
    owed, _ = run_down(moved, DEADLINE + 75 * HOUR, DEADLINE + HOUR)
    assert owed == [
        "again/48h-left",
        "again/24h-left",
        "again/12h-left",
        "again/6h-left",
        "again/3h-left",
        "again/1h-left",
        "again/overdue",
    ]

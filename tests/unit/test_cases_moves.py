from __future__ import annotations

from dataclasses import replace

import pytest

from sentinel.cases.duties import acknowledge, note
from sentinel.cases.moves import DISMISSALS, MOVES, close, confirm, dismiss, notify, reopen
from sentinel.cases.moving import NEXT, CaseError
from sentinel.clock import HOUR, MINUTE
from sentinel.model import Case, State
from tests.unit.cases_fixtures import NOW, a_case, keys

LATER = NOW + 2 * HOUR


def confirmed() -> Case:
    return confirm(a_case(), who="ada", reason="seen the log", now=LATER).case


def test_confirming_sets_when_we_were_aware_and_makes_the_deadline_final() -> None:
    verdict = confirm(a_case(), who="ada", reason="seen the log", now=LATER)
    case = verdict.case
    assert (case.state, case.aware_at, case.acknowledged_at, case.owner) == (State.CONFIRMED, LATER, LATER, "ada")
    assert [(clock.deadline_at, clock.provisional) for clock in case.clocks] == [(LATER + 72 * HOUR, False)]
    assert keys(verdict) == ["confirmed"]


def test_every_move_leaves_who_and_why_in_the_audit_trail_and_not_in_the_message() -> None:
    verdict = confirm(a_case(), who="ada", reason=" Kim told me herself ", now=LATER)
    (entry,) = verdict.audit
    assert (entry.at, entry.who, entry.act, entry.case_id) == (LATER, "ada", "case.confirm", verdict.case.id)
    assert entry.detail["reason"] == "Kim told me herself"
    assert (entry.detail["from"], entry.detail["to"]) == ("open", "confirmed")
    assert "Kim" not in repr(verdict.owed)


@pytest.mark.parametrize("name", sorted(MOVES))
def test_no_move_is_made_without_a_reason_or_by_nobody(name: str) -> None:
    with pytest.raises(CaseError, match="a reason is needed"):
        MOVES[name](a_case(), who="ada", reason="  ", now=LATER)
    with pytest.raises(CaseError, match="nobody"):
        MOVES[name](a_case(), who="", reason="seen", now=LATER)


def test_awareness_may_be_before_the_detection() -> None:
    case = confirm(a_case(), who="ada", reason="told on the phone", now=LATER, aware_at=NOW - 5 * MINUTE).case
    assert case.clocks[0].deadline_at == NOW - 5 * MINUTE + 72 * HOUR


def test_awareness_is_neither_in_the_future_nor_before_anything_had_happened() -> None:
    with pytest.raises(CaseError, match="still to come"):
        confirm(a_case(), who="ada", reason="seen", now=LATER, aware_at=LATER + 1)
    with pytest.raises(CaseError, match="nothing had happened yet"):
        confirm(a_case(), who="ada", reason="seen", now=LATER, aware_at=NOW - HOUR)


def test_awareness_moves_earlier_by_one_person_and_never_later() -> None:
    case = confirmed()
    with pytest.raises(CaseError, match="cannot be moved later by one person"):
        confirm(case, who="ada", reason="mistyped", now=LATER + HOUR, aware_at=LATER + 1)
    verdict = confirm(case, who="ada", reason="mistyped", now=LATER + HOUR, aware_at=NOW)
    assert verdict.case.state is State.CONFIRMED
    assert verdict.case.clocks[0].deadline_at == NOW + 72 * HOUR
    assert [key.partition("-")[0] for key in keys(verdict)] == ["aware"]
    assert verdict.audit[0].detail["aware_before"] == LATER


def test_confirming_again_without_a_time_or_with_the_same_one_is_refused() -> None:
    with pytest.raises(CaseError, match="confirmed already"):
        confirm(confirmed(), who="ada", reason="seen", now=LATER + HOUR)
    with pytest.raises(CaseError, match="already says"):
        confirm(confirmed(), who="ada", reason="seen", now=LATER + HOUR, aware_at=LATER)


def test_where_detection_is_awareness_confirming_does_not_move_the_deadline() -> None:
    case = a_case()
    case = replace(case, clocks=tuple(replace(clock, provisional=False) for clock in case.clocks))
    assert confirm(case, who="ada", reason="seen", now=LATER).case.aware_at == NOW
    with pytest.raises(CaseError, match="cannot be moved later"):
        confirm(case, who="ada", reason="seen", now=LATER, aware_at=LATER)


def test_an_earlier_awareness_can_show_that_a_notice_was_late() -> None:
    told = notify(confirmed(), who="ada", reason="form sent", now=LATER + 71 * HOUR).case
    case = confirm(told, who="ada", reason="mail found", now=LATER + 80 * HOUR, aware_at=NOW - 5 * MINUTE).case
    assert case.state is State.NOTIFIED
    assert case.clocks[0].met_at is not None
    assert case.clocks[0].met_at > case.clocks[0].deadline_at


def test_dismissing_keeps_the_case_with_its_reason_code() -> None:
    verdict = dismiss(a_case(), who="ada", reason="a drill", now=LATER, code="authorised-test")
    assert (verdict.case.state, verdict.case.closed_at) == (State.DISMISSED, LATER)
    assert verdict.audit[0].detail["code"] == "authorised-test"
    assert keys(verdict) == ["dismissed"]


def test_an_unknown_reason_code_names_the_known_ones() -> None:
    with pytest.raises(CaseError, match="legitimate") as error:
        dismiss(a_case(), who="ada", reason="a drill", now=LATER, code="drill")
    assert all(code in error.value.hint for code in DISMISSALS)


def test_notifying_meets_the_authority_clock() -> None:
    verdict = notify(confirmed(), who="ada", reason="form sent", now=LATER + HOUR)
    assert (verdict.case.state, verdict.case.notified_at) == (State.NOTIFIED, LATER + HOUR)
    assert [clock.met_at for clock in verdict.case.clocks] == [LATER + HOUR]
    assert keys(verdict) == ["notified"]


def test_a_late_notice_needs_the_reason_for_the_delay() -> None:
    late = LATER + 72 * HOUR + 1
    with pytest.raises(CaseError, match="a reason for the delay is needed"):
        notify(confirmed(), who="ada", reason="form sent", now=late)
    verdict = notify(confirmed(), who="ada", reason="form sent", now=late, delay_reason="the form was down")
    assert verdict.audit[0].detail["delay_reason"] == "the form was down"
    assert "form was down" not in repr(verdict.owed)


def test_what_counts_is_when_the_authority_was_told_not_when_somebody_wrote_it_down() -> None:
    late = LATER + 72 * HOUR + 1
    case = notify(confirmed(), who="ada", reason="by phone", now=late, notified_at=LATER + HOUR).case
    assert case.notified_at == LATER + HOUR
    with pytest.raises(CaseError, match="still to come"):
        notify(confirmed(), who="ada", reason="by phone", now=LATER, notified_at=LATER + 1)
    with pytest.raises(CaseError, match="nothing had happened"):
        notify(confirmed(), who="ada", reason="by phone", now=LATER, notified_at=0)


def test_notifying_an_open_case_confirms_it_with_the_moment_the_authority_was_told() -> None:
    verdict = notify(a_case(), who="ada", reason="form sent", now=LATER)
    assert verdict.case.state is State.NOTIFIED
    assert verdict.case.aware_at == verdict.case.notified_at == LATER
    assert not verdict.case.clocks[0].provisional
    assert verdict.case.clocks[0].met_at == LATER
    assert [entry.act for entry in verdict.audit] == ["case.confirm", "case.notify"]
    assert len(verdict.owed) == 1


def test_a_closed_case_is_not_notified_and_the_hint_says_what_is_possible() -> None:
    done = close(confirmed(), who="ada", reason="no risk to anybody", now=LATER).case
    with pytest.raises(CaseError) as error:
        notify(done, who="ada", reason="form sent", now=LATER)
    assert str(error.value) == f"cannot notify case {done.id}: it is closed\n    hint: possible now: reopen"


def test_an_open_case_cannot_be_closed_undecided() -> None:
    with pytest.raises(CaseError, match="cannot close"):
        close(a_case(), who="ada", reason="tired", now=LATER)


def test_reopening_goes_back_to_the_state_before_and_resets_no_clock() -> None:
    for case in (a_case(), confirmed()):
        away = dismiss(case, who="ada", reason="a drill", now=LATER + HOUR).case
        back = reopen(away, who="bob", reason="it was not", now=LATER + 90 * HOUR)
        assert (back.case.state, back.case.clocks, back.case.aware_at) == (case.state, case.clocks, case.aware_at)
        assert (back.case.closed_at, back.case.state_before) == (None, None)
        assert keys(back) == ["reopened-2"]


def test_a_decision_made_again_after_reopening_is_an_occasion_of_its_own() -> None:
    case = a_case()
    owed = []
    for _ in range(3):
        gone = dismiss(case, who="ada", reason="a drill", now=LATER)
        back = reopen(gone.case, who="bob", reason="it was not", now=LATER)
        owed += keys(gone) + keys(back)
        case = back.case
    assert len(set(owed)) == len(owed) == 6
    assert owed[0] == "dismissed"


def test_acknowledging_says_who_looks_after_it_and_owes_no_message() -> None:
    verdict = acknowledge(a_case(), who="ada", reason="on it", now=LATER)
    assert (verdict.case.owner, verdict.case.acknowledged_at) == ("ada", LATER)
    given = acknowledge(verdict.case, who="ada", reason="end of shift", now=LATER + HOUR, owner="bob")
    assert (given.case.owner, given.case.acknowledged_at) == ("bob", LATER)
    assert keys(verdict) == keys(given) == []
    assert given.case.clocks == a_case().clocks


def test_a_note_is_written_in_the_audit_trail_alone() -> None:
    before = dismiss(a_case(), who="ada", reason="a drill", now=LATER).case
    verdict = note(before, who="ada", reason="asked the ward", now=LATER)
    assert replace(verdict.case, revision=before.revision) == before
    assert verdict.audit[0].detail["reason"] == "asked the ward"
    assert keys(verdict) == []


def test_every_state_has_its_row_in_the_table() -> None:
    assert set(NEXT) == set(State)

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sentinel.cases.book import Book
from sentinel.cases.joining import Part, merge, split, unmerge
from sentinel.cases.moves import close, confirm, notify
from sentinel.cases.moving import CaseError
from sentinel.cases.reminders import due_at
from sentinel.clock import DAY, HOUR
from sentinel.model import Case, Level, State, Verdict
from tests.unit.cases_fixtures import NOW, a_case

WHO: dict[str, Any] = {"who": "ada", "reason": "the same break-in", "now": NOW + 3 * HOUR}


def older(**changes: Any) -> Case:
    case = a_case(now=NOW - 5 * HOUR)
    return replace(
        case, **{"id": "C-OLDER000", "key_hash": 12, "rules": ("odd_hours",), "categories": ("health",), **changes}
    )


def test_a_merged_case_keeps_the_earliest_clock_of_both() -> None:
    gone, whole = merge(older(), a_case(), **WHO, subjects=70)
    assert (gone.case.state, gone.case.merged_into, whole.case.state) == (State.MERGED, a_case().id, State.OPEN)
    assert whole.case.clocks[0].starts_at == whole.case.detected_at == NOW - 5 * HOUR
    assert whole.case.clocks[0].deadline_at == NOW + 67 * HOUR
    assert (whole.case.findings, whole.case.subjects) == (2, 70)
    assert (whole.case.rules, whole.case.categories) == (("bulk_access", "odd_hours"), ("contact", "health"))
    assert [entry.act for verdict in (gone, whole) for entry in verdict.audit] == ["case.merge", "case.absorb"]


def test_the_earlier_awareness_of_a_merged_case_is_that_of_both() -> None:
    early = confirm(older(), who="bob", reason="seen", now=NOW - 4 * HOUR).case
    late = confirm(a_case(), who="ada", reason="seen", now=NOW + HOUR).case
    whole = merge(early, late, **WHO)[1].case
    assert whole.aware_at == whole.clocks[0].starts_at == NOW - 4 * HOUR
    other = merge(late, early, **WHO)[1].case
    assert other.aware_at == other.clocks[0].starts_at == NOW - 4 * HOUR


def test_a_case_does_not_go_into_one_that_is_less_far_or_of_another_kind_or_itself() -> None:
    sure = confirm(older(), who="bob", reason="seen", now=NOW).case
    with pytest.raises(CaseError, match=r"is confirmed and .* only open") as error:
        merge(sure, a_case(), **WHO)
    assert error.value.hint == f"merge {a_case().id} into C-OLDER000 instead"
    with pytest.raises(CaseError, match="different kinds or roles"):
        merge(older(kind="sar"), a_case(), **WHO)
    with pytest.raises(CaseError, match="into itself"):
        merge(a_case(), a_case(), **WHO)
    told = notify(a_case(), who="ada", reason="sent", now=NOW).case
    with pytest.raises(CaseError, match=r"cannot merge case .* it is notified"):
        merge(told, older(), **WHO)


def unmerged(whole: Case, gone: Case, **changes: Any) -> tuple[Verdict, Verdict]:
    return unmerge(gone, whole, **{**WHO, "subjects": 50, **changes})


def test_undoing_a_merge_gives_both_back_what_they_were() -> None:
    first, second = older(level=Level.CRITICAL), a_case()
    gone, whole = merge(first, second, **WHO, subjects=70)
    back, rest = unmerged(whole.case, gone.case)
    assert replace(back.case, revision=first.revision) == first
    assert replace(rest.case, revision=second.revision) == second


def test_undoing_gives_the_own_awareness_back_but_not_one_decided_since() -> None:
    early = confirm(older(), who="bob", reason="seen", now=NOW - 4 * HOUR).case
    late = confirm(a_case(), who="ada", reason="seen", now=NOW + HOUR).case
    gone, whole = merge(early, late, **WHO)
    assert unmerged(whole.case, gone.case)[1].case.aware_at == NOW + HOUR
    corrected = confirm(whole.case, who="ada", reason="mail", now=NOW + 4 * HOUR, aware_at=NOW - 5 * HOUR).case
    rest = unmerged(corrected, gone.case)[1].case
    assert rest.aware_at == rest.clocks[0].starts_at == NOW - 5 * HOUR


def test_merges_are_undone_from_the_last_and_not_in_a_decided_case() -> None:
    gone, whole = merge(older(), a_case(), **WHO)
    also_gone, both = merge(older(id="C-THIRD000"), whole.case, **WHO)
    with pytest.raises(CaseError, match="first undo what was merged later: C-THIRD000"):
        unmerged(both.case, gone.case)
    with pytest.raises(CaseError, match="cannot unmerge"):
        unmerged(both.case, a_case())
    sure = confirm(both.case, who="ada", reason="seen", now=NOW + DAY).case
    ended = close(sure, who="ada", reason="no risk", now=NOW + DAY).case
    with pytest.raises(CaseError, match="it is closed"):
        unmerged(ended, also_gone.case)


def test_what_would_join_a_merged_case_joins_the_one_it_went_into_and_it_reminds_nobody() -> None:
    gone, whole = merge(older(), a_case(), **WHO)
    book = Book([older(), a_case()])
    for verdict in (gone, whole):
        book.apply(verdict)
    assert book.open_for(12) == whole.case
    assert book.current("C-OLDER000") == whole.case
    assert due_at(gone.case) is None


def a_part(name: str, **changes: Any) -> Part:
    part = Part(
        ids=(name,),
        rules=("bulk_access",),
        systems=("patient-portal",),
        categories=("contact",),
        level=Level.HIGH,
        subjects=50,
        first_seen=NOW - HOUR,
        last_seen=NOW,
    )
    return replace(part, **changes)


def test_what_is_split_off_has_the_clock_and_the_awareness_of_the_case_it_comes_from() -> None:
    case = confirm(a_case(findings=2), who="ada", reason="seen", now=NOW + HOUR).case
    other = a_part("f_2", rules=("odd_hours",), level=Level.LOW, subjects=3)
    parent, child = split(case, [other], [a_part("f_1")], **WHO)
    assert (parent.case.findings, child.case.findings, child.case.subjects) == (1, 1, 3)
    assert (child.case.clocks, child.case.aware_at, child.case.state) == (case.clocks, case.aware_at, State.CONFIRMED)
    assert (child.case.rules, child.case.level, child.case.split_from) == (("odd_hours",), Level.LOW, case.id)
    assert (parent.case.rules, parent.case.subjects, parent.case.id) == (("bulk_access",), 50, case.id)
    assert child.case.id != case.id
    assert child.case.key_hash != case.key_hash


def test_a_case_keeps_at_least_one_finding_and_a_told_one_is_not_split() -> None:
    with pytest.raises(CaseError, match="keeps at least one finding"):
        split(a_case(), [a_part("f_1")], [], **WHO)
    told = notify(a_case(), who="ada", reason="sent", now=NOW).case
    with pytest.raises(CaseError, match="cannot split"):
        split(told, [a_part("f_1")], [a_part("f_2")], **WHO)

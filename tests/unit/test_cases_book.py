from __future__ import annotations

import pytest

from sentinel.cases.book import Book
from sentinel.cases.moves import dismiss, reopen
from sentinel.cases.moving import CaseError
from sentinel.cases.reminders import remind
from sentinel.clock import HOUR
from tests.unit.cases_fixtures import KEY_HASH, NOW, a_case, a_finding, judged


def test_a_finding_joins_the_undecided_case_with_its_key() -> None:
    verdict = judged(a_finding())
    book = Book()
    assert book.open_for(KEY_HASH) is None
    book.apply(verdict)
    assert book.open_for(KEY_HASH) == verdict.case
    assert book.get(verdict.case.id) == verdict.case
    assert len(book) == 1
    assert list(book) == [verdict.case]


def test_a_decided_case_is_not_joined_until_it_is_reopened() -> None:
    book = Book([a_case()])
    away = dismiss(a_case(), who="ada", reason="a drill", now=NOW)
    book.apply(away)
    assert book.open_for(KEY_HASH) is None
    book.apply(reopen(away.case, who="ada", reason="it was not", now=NOW))
    assert book.open_for(KEY_HASH) is not None


def test_the_newest_of_two_undecided_cases_is_joined() -> None:
    old, new = a_case(), a_case(id="C-NEW", detected_at=NOW + HOUR)
    assert Book([new, old]).open_for(KEY_HASH) == new


def test_the_cases_that_are_due_are_found_and_found_once() -> None:
    early, late = a_case(), a_case(NOW + HOUR, id="C-LATE0001")
    book = Book([late, early])
    moment = NOW + 24 * HOUR
    assert book.next_due() == moment
    assert book.due(moment - 1) == []
    assert book.due(moment) == [early]
    assert book.due(moment + HOUR) == sorted([early, late], key=lambda case: case.id)
    verdict = remind(early, moment)
    assert verdict is not None
    book.apply(verdict)
    assert book.due(moment) == []
    assert book.next_due() == moment + HOUR
    book.apply(dismiss(late, who="ada", reason="a drill", now=moment))
    assert book.next_due() == moment + 24 * HOUR


def test_a_book_without_running_clocks_is_never_due() -> None:
    book = Book([dismiss(a_case(), who="ada", reason="a drill", now=NOW).case])
    assert book.next_due() is None
    assert book.due(NOW + 1000 * HOUR) == []


def test_a_case_is_found_by_the_beginning_of_its_id_however_it_is_typed() -> None:
    case, other = a_case(id="C-01AB2345"), a_case(id="C-01AC2345")
    book = Book([case, other])
    assert book.find("C-01AB2345") == case
    assert book.find(" c-oiab ") == case
    assert book.find("01ac") == other
    with pytest.raises(CaseError, match="beginning of 2 cases"):
        book.find("C-01")
    for nothing in ("C-9", "", "C-"):
        with pytest.raises(CaseError, match="no case"):
            book.find(nothing)


def test_the_most_urgent_case_comes_first_and_the_decided_ones_last() -> None:
    urgent, calm = a_case(), a_case(NOW + HOUR, id="C-CALM0001")
    decided = dismiss(a_case(id="C-DONE0001"), who="ada", reason="a drill", now=NOW).case
    book = Book([decided, calm, urgent])
    assert book.by_urgency(NOW) == [urgent, calm, decided]

from __future__ import annotations

from dataclasses import replace

import pytest

from sentinel.cases.moves import confirm, dismiss, notify, reopen
from sentinel.cases.register import case_row
from sentinel.cases.wording import duration, message_type, notice, occasion
from sentinel.clock import DAY, HOUR, MINUTE, SECOND
from sentinel.model import State
from tests.unit.cases_fixtures import NOW, a_case


def test_a_message_says_what_whose_when_by_when_and_what_to_do() -> None:
    case = a_case(categories=("contact", "health"))
    notification = notice(case, "opened", NOW + HOUR)
    assert notification.headline == (f"[high] {case.id}: a breach case is open: Bulk access to records: patient-portal")
    assert notification.lines == (
        "What: 1 finding of bulk_access in patient-portal",
        "Who or what joins it: access.actor actor-7f3a9c2e",
        "Whose data: 50 people, data: contact, health (special category, Art. 9 GDPR: health)",
        "When: 2026-03-04T01:50:00Z to 2026-03-04T01:59:00Z, detected 2026-03-04T02:00:00Z",
        (
            "Deadline: 2026-03-07T02:00:00Z, 2 d 23 h left "
            "(gdpr authority, 72 h, provisional: it counts from detection until somebody confirms)"
        ),
        "State: open, owner: nobody yet",
    )
    assert f"`sentinel case show {case.id}`" in notification.next_action
    assert f"`sentinel case confirm {case.id} --reason …`" in notification.next_action


def test_the_deadline_says_final_late_and_met() -> None:
    confirmed = confirm(a_case(), who="ada", reason="seen", now=NOW).case
    late = notice(confirmed, "overdue", NOW + 74 * HOUR + 5 * MINUTE)
    assert "late by 2 h 5 min (gdpr authority, 72 h, final)" in late.lines[4]
    assert "THE DEADLINE HAS PASSED" in late.headline
    met = notify(confirmed, who="ada", reason="form sent", now=NOW + HOUR).case
    assert "met at 2026-03-04T03:00:00Z" in notice(met, "notified", NOW + HOUR).lines[4]
    dismissed = dismiss(a_case(), who="ada", reason="a drill", now=NOW).case
    assert notice(dismissed, "dismissed", NOW).lines[4] == "Deadline: none runs"


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_a_next_action(state: State) -> None:
    assert notice(replace(a_case(), state=state), "opened", NOW).next_action


def test_unknown_numbers_and_long_lists_are_said_in_few_words() -> None:
    case = a_case(subjects=None, categories=(), systems=tuple("abcdefgh"), key=())
    lines = notice(case, "opened", NOW).lines
    assert lines[0] == "What: 1 finding of bulk_access in a, b, c, d, e and 3 more"
    assert lines[1] == "Whose data: an unknown number of people, categories of data unknown"


KEYS = {
    "opened": "case.opened",
    "digest": "case.digest",
    "escalated-critical": "case.escalated",
    "grew-500": "case.grew",
    "48h-left": "case.reminder",
    "again/1h-left": "case.reminder",
    "nis2/early/6h-left": "case.reminder",
    "overdue": "case.overdue",
    "again/overdue": "case.overdue",
    "confirmed": "case.confirmed",
    "dismissed-2": "case.dismissed",
    "reopened-2": "case.reopened",
    "aware-2026-03-04T02:00:00.000000Z": "case.aware_moved",
}


@pytest.mark.parametrize("key", KEYS)
def test_every_key_has_a_type_for_machines_and_words_for_people(key: str) -> None:
    assert message_type(key) == KEYS[key]
    assert " " in occasion(a_case(), key)


def test_a_length_of_time_is_cut_never_rounded_up() -> None:
    assert duration(3 * DAY) == "3 d"
    assert duration(HOUR - 1) == "59 min"
    assert duration(119 * SECOND) == "119 s"


def test_a_row_of_the_register_has_the_keys_of_the_public_contract() -> None:
    case = reopen(dismiss(a_case(), who="a", reason="b", now=NOW).case, who="a", reason="b", now=NOW).case
    row = case_row(case, NOW)
    assert row["key"] == {"access.actor": "actor-7f3a9c2e"}
    assert (row["detected_at"], row["aware_at"], row["level"]) == ("2026-03-04T02:00:00Z", None, "high")
    assert {"id", "title", "state", "level", "key", "rules", "subjects", "detected_at", "aware_at"} <= set(row)
    assert {"historical", "clocks", "owner", "findings"} <= set(row)

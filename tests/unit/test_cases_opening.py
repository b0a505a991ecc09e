from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from sentinel.cases.clocks import clock_rows, running
from sentinel.cases.duties import extend
from sentinel.cases.moments import read_day, read_moment
from sentinel.cases.moves import close, confirm, notify
from sentinel.cases.moving import CaseError
from sentinel.cases.opening import opened_by_hand
from sentinel.cases.options import CaseOptions
from sentinel.clock import DAY, HOUR, Micros, from_datetime, rfc3339
from sentinel.model import Case, State, Verdict
from tests.unit.cases_fixtures import NOW, keys

LONDON = ZoneInfo("Europe/London")
UK = CaseOptions(clocks=("uk_gdpr", "uk_sar", "uk_complaint"), timezone="Europe/London", calendar="GB-ENG")


def at(text: str) -> Micros:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=LONDON))


def opened(kind: str, received: str | None = None, **given: Any) -> Verdict:
    day = None if received is None else read_day("--received", received, LONDON)
    now = (day or at("2026-12-01")) + 10 * HOUR
    return opened_by_hand(
        **{"kind": kind, "who": "ada", "reason": "by mail", "now": now, "options": UK, "received_at": day, **given}
    )


def due(case: Case) -> list[tuple[str, str]]:
    return [(row["step"], row["due_on"]) for row in clock_rows(case, 0, LONDON)]


def test_a_request_counts_a_month_from_receipt_and_moves_off_holidays() -> None:
    verdict = opened("sar", "2026-11-25", reference="DS-118")
    case = verdict.case
    assert (case.title, case.kind, case.owner, case.state) == (
        "Request of a data subject: DS-118",
        "sar",
        "ada",
        State.OPEN,
    )
    assert due(case) == [("answer", "2026-12-29")]
    assert not case.clocks[0].provisional
    assert keys(verdict) == ["opened"]
    assert verdict.owed[0].headline.endswith("a person asks for their data: Request of a data subject: DS-118")
    assert verdict.audit[0].detail["reason"] == "by mail"


def test_without_a_regime_of_its_kind_a_request_is_one_of_the_gdpr() -> None:
    verdict = opened("sar", "2026-11-30", options=CaseOptions())
    assert [(each.regime, each.step) for each in verdict.case.clocks] == [("gdpr_sar", "answer")]


@pytest.mark.parametrize(
    ("received", "extended"),
    [
        ("2026-09-03", "2026-12-03"),
        ("2027-01-31", "2027-04-30"),
        ("2028-01-31", "2028-05-02"),
        ("2026-11-30", "2027-03-01"),
    ],
)
def test_an_extension_is_three_months_from_receipt_and_never_chained(received: str, extended: str) -> None:
    case = opened("sar", received).case
    longer = extend(case, who="ada", reason="three archives", now=case.detected_at + DAY)
    assert due(longer.case) == [("answer", extended)]
    assert longer.case.clocks[0].starts_at == case.clocks[0].starts_at
    with pytest.raises(CaseError, match="cannot be extended"):
        extend(longer.case, who="ada", reason="more", now=case.detected_at + 2 * DAY)


def test_an_extension_comes_within_the_first_period() -> None:
    case = opened("sar", "2026-11-30").case
    with pytest.raises(CaseError, match="cannot be extended any more"):
        extend(case, who="ada", reason="late", now=case.clocks[0].deadline_at + 1)


def test_a_request_is_answered_and_closed_but_not_confirmed() -> None:
    case = opened("sar", "2026-11-25").case
    with pytest.raises(CaseError, match="nothing to confirm"):
        confirm(case, who="ada", reason="seen", now=case.detected_at)
    answered = notify(case, who="ada", reason="sent", now=case.detected_at + DAY).case
    assert (answered.state, answered.aware_at, running(answered)) == (State.NOTIFIED, None, ())
    assert close(answered, who="ada", reason="done", now=case.detected_at + DAY).case.state is State.CLOSED


def test_a_complaint_is_acknowledged_in_30_days_and_stays_open_until_the_outcome() -> None:
    case = opened("complaint", "2026-11-25").case
    rows = clock_rows(case, 0, LONDON)
    assert (rows[0]["due_on"], rows[0]["outer_limit_at"]) == ("2026-12-24", "2026-12-29T23:59:59Z")
    case = notify(case, who="ada", reason="card", now=case.detected_at + DAY, clock="acknowledgement").case
    assert case.state is State.OPEN
    case = notify(case, who="ada", reason="letter", now=case.detected_at + 9 * DAY).case
    assert (case.state, running(case)) == (State.NOTIFIED, ())


def test_a_breach_that_a_person_reports_counts_from_now_and_is_provisional() -> None:
    verdict = opened("breach", None, occurred_at=at("2026-11-30T09:00"), level="high")
    (clock,) = verdict.case.clocks
    assert (clock.starts_at, clock.provisional) == (verdict.case.detected_at, True)
    assert "reported by a person" in verdict.owed[0].lines[0]
    earlier = confirm(
        verdict.case, who="ada", reason="seen", now=verdict.case.detected_at, aware_at=at("2026-11-30T12:00")
    )
    assert rfc3339(earlier.case.clocks[0].deadline_at) == "2026-12-03T12:00:00Z"


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"kind": "fire"}, "no kind of case 'fire'"),
        ({"kind": "sar"}, "a day on which it came in"),
        ({"kind": "breach", "level": "awful"}, "no level 'awful'"),
        ({"kind": "breach", "reference": "Kim <kim@example.org>"}, "a reference is letters"),
        ({"kind": "breach", "occurred_at": NOW + 10**15}, "still to come"),
        ({"kind": "breach", "reason": " "}, "a reason is needed"),
    ],
)
def test_what_is_missing_or_impossible_is_said(given: dict[str, Any], says: str) -> None:
    with pytest.raises(CaseError, match=says):
        opened(**given)


# --- moments as people type them -----------------------------------------------------------------------------

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_moment_has_its_offset_or_the_hint_says_what_it_would_be() -> None:
    assert rfc3339(read_moment("--at", "2026-03-04T01:58:00+01:00", BERLIN)) == "2026-03-04T00:58:00Z"
    with pytest.raises(CaseError, match="--at has no offset") as error:
        read_moment("--at", "2026-03-04T01:58", BERLIN)
    assert error.value.hint == "in Europe/Berlin that is 2026-03-04T01:58:00+01:00"
    with pytest.raises(CaseError, match="is not a moment"):
        read_moment("--at", "yesterday", BERLIN)


def test_in_the_hour_that_comes_twice_both_readings_are_named() -> None:
    with pytest.raises(CaseError) as error:
        read_moment("--aware-at", "2026-10-25T02:30", BERLIN)
    assert error.value.hint == (
        "in Europe/Berlin that hour comes twice: 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"
    )


def test_in_the_hour_that_is_left_out_there_is_no_such_time() -> None:
    with pytest.raises(CaseError) as error:
        read_moment("--aware-at", "2027-03-28T02:30", BERLIN)
    assert error.value.hint == "in Europe/Berlin there is no such time: the clocks are put forward over it"


def test_a_day_begins_where_the_controller_is() -> None:
    assert rfc3339(read_day("--received", "2026-09-03", BERLIN)) == "2026-09-02T22:00:00Z"

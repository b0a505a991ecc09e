from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from sentinel.cases.clocks import all_clocks, clock_rows, clock_state, running
from sentinel.cases.duties import classify, role
from sentinel.cases.moves import confirm, notify
from sentinel.cases.moving import CaseError
from sentinel.cases.options import CaseOptions
from sentinel.cases.regimes import parse_regimes, shipped_regimes
from sentinel.clock import DAY, HOUR, MINUTE, Micros, from_datetime, rfc3339
from sentinel.model import Case, Clock
from tests.unit.cases_fixtures import NOW, a_finding, judged

BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str) -> Micros:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=BERLIN))


def a_case_of(*names: str, at: Micros = NOW, **options: Any) -> Case:
    found = CaseOptions(clocks=names, timezone="Europe/Berlin", calendar="DE-BE", **options)
    finding = a_finding(first_seen=at - HOUR, last_seen=at - MINUTE, fired_at=at - MINUTE)
    return judged(finding, now=at, options=found).case


def clock(case: Case, step: str) -> Clock:
    return next(each for each in case.clocks if each.step == step)


def due(case: Case, step: str) -> str:
    return rfc3339(clock(case, step).deadline_at)


def test_every_shipped_regime_says_what_starts_it_where_it_was_read_and_who_is_told() -> None:
    for name, regime in shipped_regimes().items():
        assert regime.trigger, name
        assert regime.source, name
        assert all(step.basis and step.recipient for step in regime.steps), name


def test_what_was_not_verified_is_shipped_switched_off_with_what_to_check() -> None:
    off = {name for name, regime in shipped_regimes().items() if not regime.enabled}
    assert off == {"gdpr_omnibus", "eprivacy", "pipeda", "us_sec"}
    assert all(shipped_regimes()[name].check for name in off)


def test_a_regime_that_is_switched_off_is_named_with_what_to_check_and_runs_once_accepted() -> None:
    with pytest.raises(ValidationError, match="clock 'us_sec' is not verified: check the period of four business days"):
        CaseOptions(clocks=("us_sec",))
    options = CaseOptions(clocks=("us_sec",), accept_unverified=("us_sec",))
    assert [each.regime for each in all_clocks(options, NOW)] == ["us_sec"]


def test_a_configuration_can_bring_a_regime_and_replace_a_shipped_one() -> None:
    step = {"step": "authority", "duty": "tell", "recipient": "us", "anchor": "aware", "hours": 12, "basis": "contract"}
    regime = {"name": "Contract", "trigger": "aware", "source": "contract of 2026", "steps": [step]}
    options = CaseOptions.model_validate(
        {"regimes": {"contract": regime, "gdpr": regime}, "clocks": ["contract", "gdpr"]}
    )
    assert [each.deadline_at - NOW for each in all_clocks(options, NOW)] == [12 * HOUR, 12 * HOUR]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("hours: 1, days: 1", "exactly one of"),
        ("", "exactly one of"),
        ("hours: 1, after: b", "belong together"),
        ("hours: 0", "greater than 0"),
    ],
)
def test_a_step_that_says_too_much_or_too_little_is_refused(change: str, says: str) -> None:
    step = f"{{step: a, duty: d, recipient: r, anchor: aware, basis: b, {change}}}"
    with pytest.raises(ValidationError, match=says):
        parse_regimes(f"x: {{name: X, trigger: t, source: s, steps: [{step}]}}")


def test_steps_come_in_their_order_and_a_switched_off_regime_says_what_to_check() -> None:
    step = "{step: a, duty: d, recipient: r, anchor: step, after: b, hours: 1, basis: b}"
    with pytest.raises(ValidationError, match="not a step before it"):
        parse_regimes(f"x: {{name: X, trigger: t, source: s, steps: [{step}]}}")
    step = "{step: a, duty: d, recipient: r, anchor: aware, hours: 1, basis: b}"
    with pytest.raises(ValidationError, match="what is to be checked"):
        parse_regimes(f"x: {{name: X, trigger: t, source: s, enabled: false, steps: [{step}]}}")


def test_a_regime_counts_only_while_it_is_in_force() -> None:
    before, after = moment("2027-04-30T12:00"), moment("2027-05-02T12:00")
    options = CaseOptions(clocks=("india_dpdp",))
    assert (len(all_clocks(options, before)), len(all_clocks(options, after))) == (0, 2)


def test_a_case_keeps_the_version_and_the_place_it_was_computed_with() -> None:
    made = clock(a_case_of("gdpr"), "authority")
    assert (made.version, made.counting.zone, made.counting.calendar) == (2, "Europe/Berlin", "DE-BE")
    assert made.basis == shipped_regimes()["gdpr"].steps[0].basis


# --- several clocks, and steps that hang on others -----------------------------------------------------------


def test_a_case_has_the_clocks_of_every_regime_side_by_side() -> None:
    case = a_case_of("gdpr", "nis2", "india_certin")
    assert [(each.regime, each.step, each.deadline_at - NOW) for each in running(case)] == [
        ("gdpr", "authority", 72 * HOUR),
        ("nis2", "early_warning", 24 * HOUR),
        ("nis2", "authority", 72 * HOUR),
        ("india_certin", "authority", 6 * HOUR),
    ]


def test_the_final_report_of_nis2_counts_a_month_from_the_notification() -> None:
    case = a_case_of("nis2", at=moment("2026-11-24T09:17"))
    assert clock_state(case, clock(case, "final"), NOW) == "waiting"
    case = confirm(case, who="ada", reason="seen", now=moment("2026-11-24T10:00")).case
    told = moment("2026-11-26T15:00")
    case = notify(case, who="ada", reason="sent", now=told, clock="nis2/authority").case
    final = clock(case, "final")
    assert (final.starts_at, final.provisional) == (told, False)
    assert due(case, "final") == "2026-12-26T22:59:59Z"


def test_a_step_cannot_be_met_before_the_one_it_hangs_on() -> None:
    with pytest.raises(CaseError, match="comes after 'authority', which is not done yet"):
        notify(a_case_of("nis2"), who="ada", reason="sent", now=NOW, clock="nis2/final")


def test_dora_has_four_hours_from_classification_and_24_from_awareness() -> None:
    detected = moment("2026-11-24T08:00")
    case = confirm(a_case_of("dora", at=detected), who="ada", reason="seen", now=detected).case
    assert (due(case, "authority"), clock(case, "authority").provisional) == ("2026-11-25T07:00:00Z", True)

    soon = classify(case, who="ada", reason="clients", now=detected + 2 * HOUR, regime="dora").case
    assert (due(soon, "authority"), clock(soon, "authority").provisional) == ("2026-11-24T13:00:00Z", False)

    near_the_limit = classify(case, who="ada", reason="clients", now=detected + 22 * HOUR, regime="dora").case
    assert due(near_the_limit, "authority") == "2026-11-25T07:00:00Z"

    later = classify(case, who="ada", reason="clients", now=detected + 30 * HOUR, regime="dora").case
    assert due(later, "authority") == "2026-11-25T17:00:00Z"


def test_dora_counts_the_intermediate_report_from_the_initial_notice() -> None:
    detected = moment("2026-11-23T08:00")
    case = confirm(a_case_of("dora", at=detected), who="ada", reason="seen", now=detected).case
    case = classify(case, who="ada", reason="clients", now=detected, regime="dora").case
    told = moment("2026-11-23T11:00")
    case = notify(case, who="ada", reason="sent", now=told).case
    assert due(case, "intermediate") == "2026-11-26T10:00:00Z"
    case = notify(case, who="ada", reason="sent", now=told + 2 * DAY, clock="dora/intermediate").case
    assert due(case, "final") == "2026-12-28T11:00:00Z"  # 25 December, a holiday: noon of Monday the 28th in Berlin


def test_a_weekend_moves_a_deadline_of_dora_to_noon_but_not_for_banks() -> None:
    friday = moment("2026-11-27T22:00")
    for name, ends in (("dora", "2026-11-30T11:00:00Z"), ("dora_no_roll", "2026-11-28T01:00:00Z")):
        case = confirm(a_case_of(name, at=friday), who="ada", reason="seen", now=friday).case
        case = classify(case, who="ada", reason="clients", now=friday, regime=name).case
        assert due(case, "authority") == ends


def test_a_classification_moves_earlier_and_never_later() -> None:
    case = classify(a_case_of("nydfs"), who="ada", reason="determined", now=NOW + 2 * HOUR, regime="nydfs").case
    with pytest.raises(CaseError, match="only an earlier moment"):
        classify(case, who="ada", reason="again", now=NOW + 3 * HOUR, regime="nydfs")
    earlier = classify(case, who="ada", reason="mail", now=NOW + 3 * HOUR, regime="nydfs", classified_at=NOW).case
    assert clock(earlier, "authority").deadline_at == NOW + 72 * HOUR
    with pytest.raises(CaseError, match="no clock of 'gdpr' that counts from a classification"):
        classify(a_case_of("gdpr"), who="ada", reason="x", now=NOW, regime="gdpr")


def test_two_authorities_are_not_told_by_one_word() -> None:
    with pytest.raises(CaseError, match="2 authorities to tell") as error:
        notify(a_case_of("gdpr", "nis2"), who="ada", reason="sent", now=NOW)
    assert error.value.hint == "one of --clock gdpr/authority, --clock nis2/authority"
    case = notify(a_case_of("gdpr", "nis2"), who="ada", reason="sent", now=NOW, clock="gdpr/authority").case
    assert [(each.regime, each.step) for each in running(case)] == [("nis2", "early_warning"), ("nis2", "authority")]


def test_brazil_counts_three_working_days() -> None:
    options = CaseOptions(clocks=("lgpd",), timezone="America/Sao_Paulo", calendar="BR")
    detected = from_datetime(datetime(2026, 9, 3, 12, tzinfo=ZoneInfo("America/Sao_Paulo")))
    made = all_clocks(options, detected)[0]
    assert rfc3339(made.deadline_at) == "2026-09-10T02:59:59Z"


def test_california_counts_thirty_days_and_the_sample_fifteen_after_the_letters() -> None:
    case = a_case_of("california", at=moment("2026-03-04T12:00"))
    assert due(case, "people") == "2026-04-03T21:59:59Z"
    told = moment("2026-03-20T12:00")
    case = notify(case, who="ada", reason="posted", now=told, clock="people").case
    assert due(case, "authority") == "2026-04-04T21:59:59Z"


def test_a_processor_tells_the_controller_and_not_the_authority() -> None:
    case = a_case_of("gdpr", "hipaa")
    assert [each.step for each in case.clocks] == ["authority", "people", "authority"]
    other = role(case, who="ada", reason="their patients", now=NOW + HOUR, role="processor", lead="Clinic East").case
    assert [(each.regime, each.step) for each in other.clocks] == [("gdpr", "controller"), ("hipaa", "controller")]
    assert not clock(other, "controller").is_legal
    back = role(other, who="ada", reason="our patients", now=NOW + 2 * HOUR, role="controller").case
    assert (back.clocks, set(back.dormant)) == (case.clocks, set(case.dormant))


def test_a_row_says_what_a_clock_rests_on() -> None:
    (row,) = clock_rows(a_case_of("gdpr"), NOW, BERLIN, contested=True)
    assert (row["length"], row["anchor"], row["legal"], row["version"]) == ("72 h", "aware", True, 2)
    assert row["basis"] == "Art. 33(1) GDPR, read as 72 elapsed hours"
    assert (row["outer_limit_at"], row["contested_limit_at"]) == ("2026-03-07T03:00:00Z", "2026-03-07T03:00:00Z")
    (row,) = clock_rows(a_case_of("uk_gdpr"), NOW, BERLIN)
    assert "outer_limit_at" not in row

from __future__ import annotations

from dataclasses import replace

from sentinel.cases.identity import case_id, key_of, key_text, notification_id, tags_of
from sentinel.cases.judging import concerns_a_case, digest
from sentinel.clock import HOUR, MINUTE
from sentinel.model import Level, Mode, State
from tests.unit.cases_fixtures import KEY_HASH, KEY_TAGS, NOW, a_case, a_finding, judged, keys


def test_the_first_finding_opens_a_case_whose_clock_runs_and_owes_one_message() -> None:
    verdict = judged(a_finding())
    case = verdict.case
    assert (case.state, case.level, case.findings, case.subjects) == (State.OPEN, Level.HIGH, 1, 50)
    assert case.title == "Bulk access to records: patient-portal"
    assert (case.key, case.key_hash) == (KEY_TAGS, KEY_HASH)
    assert (case.detected_at, case.occurred_from, case.aware_at) == (NOW, NOW - 10 * MINUTE, None)
    assert [clock.deadline_at for clock in case.clocks] == [NOW + 72 * HOUR]
    assert keys(verdict) == ["opened"]
    assert [(entry.act, entry.who, entry.case_id) for entry in verdict.audit] == [("case.opened", "sentinel", case.id)]
    assert verdict.finding == a_finding()


def test_the_same_finding_always_gives_the_same_ids() -> None:
    first, again = judged(a_finding()), judged(a_finding(), now=NOW + HOUR)
    assert first.case.id == again.case.id == case_id(a_finding())
    assert first.owed[0].id == again.owed[0].id == notification_id(first.case.id, "opened")
    assert len(first.case.id) == 2 + 8
    assert len(first.owed[0].id) == 4 + 26


def test_no_personal_value_of_the_finding_is_in_the_case_or_in_its_message() -> None:
    verdict = judged(a_finding(actors=("kim.larsen",), group=(("access.actor", "kim.larsen"),)))
    assert "kim" not in repr(verdict.case)
    assert "kim" not in repr(verdict.owed)
    assert "kim" not in repr(verdict.audit)


def test_another_rule_about_the_same_actor_joins_the_case() -> None:
    case = a_case()
    other = a_finding(
        id="f_2",
        rule="after_hours",
        systems=("ehr", "patient-portal"),
        categories=("health",),
        first_seen=NOW - HOUR,
        last_seen=NOW + MINUTE,
    )
    verdict = judged(other, case, NOW + MINUTE, subjects=60)
    joined = verdict.case
    assert joined.id == case.id
    assert joined.rules == ("bulk_access", "after_hours")
    assert joined.systems == ("patient-portal", "ehr")
    assert joined.categories == ("contact", "health")
    assert (joined.findings, joined.subjects) == (2, 60)
    assert (joined.occurred_from, joined.occurred_to) == (NOW - HOUR, NOW + MINUTE)
    assert joined.clocks == case.clocks
    assert joined.revision > case.revision
    assert keys(verdict) == []


def test_an_update_of_a_known_finding_does_not_count_again() -> None:
    case = judged(a_finding(update=True), a_case(), subjects=80).case
    assert (case.findings, case.subjects) == (1, 80)


def test_a_rise_of_the_level_is_told_and_a_lower_level_changes_nothing() -> None:
    case = a_case(level=Level.MEDIUM)
    risen = judged(a_finding(id="f_2", level=Level.CRITICAL), case)
    assert keys(risen) == ["escalated-critical"]
    assert [entry.act for entry in risen.audit] == ["case.escalated"]
    lower = judged(a_finding(id="f_3", level=Level.LOW), risen.case)
    assert lower.case.level is Level.CRITICAL
    assert keys(lower) == []


def test_growth_is_told_at_ten_times_what_was_last_told() -> None:
    case = a_case()
    told = []
    for subjects in (51, 499, 500, 501, 4999, 700_000, 700_001):
        verdict = judged(a_finding(id=f"f_{subjects}"), case, subjects=subjects)
        case = verdict.case
        told += keys(verdict)
    assert told == ["grew-500", "grew-500000"]
    assert case.told_subjects == 700_000


def test_growth_from_one_person_is_told_at_ten_and_a_hundred() -> None:
    case = a_case(subjects=1, told_subjects=1)
    told = []
    for subjects in range(2, 120):
        verdict = judged(a_finding(update=True), case, subjects=subjects)
        case = verdict.case
        told += keys(verdict)
    assert told == ["grew-10", "grew-100"]


def test_a_rise_of_the_level_tells_the_number_too_so_that_growth_is_not_told_beside_it() -> None:
    verdict = judged(a_finding(id="f_2", level=Level.CRITICAL), a_case(), subjects=900)
    assert keys(verdict) == ["escalated-critical"]
    assert verdict.case.told_subjects == 900


def test_the_number_of_people_never_falls_and_may_be_unknown() -> None:
    assert judged(a_finding(id="f_2"), a_case(), subjects=3).case.subjects == 50
    assert judged(a_finding(id="f_2"), a_case(), subjects=None).case.subjects == 50
    unknown = judged(a_finding(), subjects=None).case
    assert unknown.subjects is None
    assert judged(a_finding(id="f_2"), unknown, subjects=None).case.subjects is None


def test_a_hundred_findings_of_one_actor_owe_one_message() -> None:
    verdict = judged(a_finding())
    owed = keys(verdict)
    for number in range(100):
        verdict = judged(a_finding(id=f"f_{number}"), verdict.case, subjects=50 + number)
        owed += keys(verdict)
    assert owed == ["opened"]
    assert verdict.case.findings == 101


def test_what_happened_before_the_watch_began_owes_nothing_but_one_digest() -> None:
    verdict = judged(a_finding(historical=True), key_tags=(("historical", "bulk_access"),))
    assert verdict.case.historical
    assert keys(verdict) == []
    more = judged(a_finding(id="f_2", historical=True, level=Level.CRITICAL), verdict.case, subjects=90_000)
    assert keys(more) == []
    assert keys(digest(more.case, NOW)) == ["digest"]
    assert digest(a_case(), NOW) is None


def test_findings_of_history_join_one_case_a_rule_and_others_join_by_their_key() -> None:
    assert key_of(a_finding(historical=True)) == (("historical", "bulk_access"),)
    assert key_of(a_finding()) == (("access.actor", "kim"),)
    assert key_of(a_finding(case_key=())) == (("access.actor", "kim"),)
    assert key_of(a_finding(case_key=(), group=())) == (("rule", "bulk_access"),)


def test_the_text_of_a_key_does_not_depend_on_the_order_and_cannot_be_forged_by_a_value() -> None:
    assert key_text((("a", "1"), ("b", "2"))) == key_text((("b", "2"), ("a", "1")))
    assert key_text((("a", '1"],["b","2'),)) != key_text((("a", "1"), ("b", "2")))


def test_values_of_a_key_become_pseudonyms_but_the_name_of_a_rule_stays() -> None:
    assert tags_of((("access.actor", "kim"),), lambda field, value: f"{field[-5:]}-{len(value)}") == (
        ("access.actor", "actor-3"),
    )
    assert tags_of((("historical", "bulk_access"),), lambda field, value: "hidden") == (("historical", "bulk_access"),)


def test_an_episode_that_goes_on_after_its_case_was_decided_opens_another_case() -> None:
    first = judged(a_finding()).case
    update = a_finding(update=True, last_seen=NOW + HOUR)
    assert judged(update, None).case.id != first.id
    assert judged(update, None).case.id == judged(replace(update, value=51), None).case.id


def test_a_rule_in_shadow_and_a_finding_that_opens_no_case_do_not_concern_the_cases() -> None:
    assert concerns_a_case(a_finding())
    assert not concerns_a_case(a_finding(mode=Mode.SHADOW))
    assert not concerns_a_case(a_finding(opens_case=False))


def test_the_message_says_what_the_rule_wants_done_first() -> None:
    verdict = judged(a_finding(response="Ask the person.\nNobody can say: lock the account."))
    assert verdict.owed[0].lines[-1] == "First: Ask the person. Nobody can say: lock the account."
    assert not any(line.startswith("First:") for line in judged(a_finding()).owed[0].lines)


def test_the_message_says_in_what_it_is_unusual_before_what_is_to_be_done() -> None:
    because = ("85, where 12 was the most for any hour of its own and 33.6 the most", "new access.system")
    verdict = judged(a_finding(because=because, response="Ask the person."))
    assert verdict.owed[0].lines[-2:] == (f"Why: {'; '.join(because)}", "First: Ask the person.")
    assert not any(line.startswith("Why:") for line in judged(a_finding()).owed[0].lines)

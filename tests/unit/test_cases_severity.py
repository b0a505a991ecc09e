from __future__ import annotations

import pytest

from sentinel.cases.moving import CaseError
from sentinel.cases.severity import BANDS, SUGGESTIONS, VALUES, band, check_rating, severity

# The worked examples: what a person rated; score, band, whether more than 100 people are flagged.
EXAMPLES = [
    ("one named file, an insider", "health", 1, "maximum", "known_recipients", "malicious", 4.75, "very high"),
    ("names and mail taken away", "contact", 40_000, "maximum", "unknown_recipients", "malicious", 2.0, "medium"),
    ("the same under pseudonyms", "contact", 40_000, "negligible", "unknown_recipients", "malicious", 1.25, "low"),
    ("a colleague's address", "contact", 1, "maximum", "known_recipients", "malicious", 1.75, "low"),
    ("balances of 300 customers", "financial", 300, "maximum", "unknown_recipients", "none", 3.5, "high"),
]


@pytest.mark.parametrize(
    ("what", "category", "people", "ei", "confidentiality", "intent", "score", "in_band"), EXAMPLES
)
def test_the_worked_examples_come_out(
    what: str, category: str, people: int, ei: str, confidentiality: str, intent: str, score: float, in_band: str
) -> None:
    rated = {"identification": ei, "confidentiality": confidentiality, "intent": intent}
    rated |= {"integrity": "kept", "availability": "kept"}
    found = severity([category], people, 1, rated)
    assert (found.low, found.high, found.bands) == (score, score, (in_band,)), what
    assert ("more than 100 people" in found.flags) is (people > 100)


def test_what_no_record_shows_is_blank_and_the_score_is_a_range_with_its_arithmetic() -> None:
    found = severity(["health", "contact"], 50, 3, {})
    assert {factor.name: factor.value for factor in found.factors} == {
        "context": 4,
        "identification": 1,
        "confidentiality": None,
        "integrity": None,
        "availability": None,
        "intent": None,
    }
    assert found.arithmetic == "4 x 1 + [0.25 to 0.5] + [0 to 0.5] + [0 to 0.5] + [0 to 0.5] = 4.25 to 6"
    assert found.bands == ("very high",)


def test_one_record_can_be_very_high_and_thousands_low() -> None:
    assert severity(["genetic"], 1, 1, {"identification": "maximum"}).bands == ("very high",)
    assert severity(["contact"], 90_000, 1, {"identification": "negligible"}).bands[0] == "low"


def test_unknown_categories_and_credentials_leave_the_context_blank() -> None:
    unknown, opened = (severity(names, None, 1, {}) for names in ((), ("credentials", "financial")))
    assert [(found.factors[0].value, found.factors[0].low, found.factors[0].high) for found in (unknown, opened)] == [
        (None, 1, 4),
        (None, 3, 4),
    ]
    assert "the number of people is unknown" in unknown.flags
    assert unknown.bands == ("low", "medium", "high", "very high")


def test_a_rating_of_a_person_goes_first_and_is_shown_as_theirs() -> None:
    found = severity(["health"], 1, 1, {"context": "2"})
    assert found.factors[0].value == 2
    assert "by a person" in found.factors[0].why


def test_the_bands_meet_at_two_three_and_four() -> None:
    assert [band(score) for score in (0, 1.99, 2, 2.99, 3, 3.99, 4, 6)] == [
        "low", "low", "medium", "medium", "high", "high", "very high", "very high",
    ]  # fmt: skip
    assert {name for _, name in BANDS} == set(SUGGESTIONS)
    assert not any("no notice" in text or "not notifiable" in text for text in SUGGESTIONS.values())


def test_a_rating_is_a_factor_and_one_of_its_words() -> None:
    assert check_rating("intent=malicious") == ("intent", "malicious")
    with pytest.raises(CaseError, match="no factor 'mood'"):
        check_rating("mood=bad")
    with pytest.raises(CaseError, match="'intent' cannot be 'bad'") as error:
        check_rating("intent=bad")
    assert all(word in error.value.hint for word in VALUES["intent"])

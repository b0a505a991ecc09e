"""How severe a breach is, by the method of ENISA (2013): SE = DPC x EI + CB, with its arithmetic shown.

Rules of this file:
1. It is a suggestion. The method has no force of law, its bands are not mapped to Art. 33 and 34 GDPR, and a person
   decides the risk. It never says that nobody needs to be told.
2. What no record shows is left blank, and the score is a range: from the least to the most that the blanks could be.
3. What a person has rated goes before what is read from the records, and is shown as theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sentinel.cases.moving import CaseError
from sentinel.inventory import SPECIAL

BASES: Mapping[str, float] = {
    "contact": 1,
    "identification": 1,
    "children": 1,
    "employment": 2,
    "behaviour": 2,
    "communication": 2,
    "location": 2,
    "financial": 3,
    "criminal": 4,
    **dict.fromkeys(SPECIAL, 4),
}
"""The base score of data processing context: simple 1, behavioural 2, financial 3, sensitive 4. Credentials take the
score of what they open, which is not known here."""

VALUES: Mapping[str, Mapping[str, float]] = {
    "context": {"1": 1, "2": 2, "3": 3, "4": 4},
    "identification": {"negligible": 0.25, "limited": 0.5, "significant": 0.75, "maximum": 1},
    "confidentiality": {"exposed": 0, "known_recipients": 0.25, "unknown_recipients": 0.5},
    "integrity": {"kept": 0, "recoverable": 0.25, "lost": 0.5},
    "availability": {"kept": 0, "temporary": 0.25, "permanent": 0.5},
    "intent": {"none": 0, "malicious": 0.5},
}
"""Every factor with its words and their numbers."""

BANDS: tuple[tuple[float, str], ...] = ((4, "very high"), (3, "high"), (2, "medium"), (0, "low"))

SUGGESTIONS: Mapping[str, str] = {
    "low": "document it; whether a risk is unlikely is for a person to decide",
    "medium": "notify the authority",
    "high": "notify the authority, and consider telling the people concerned",
    "very high": "notify the authority and tell the people concerned",
}
"""A common convention, not law."""

MANY_PEOPLE = 100


@dataclass(frozen=True, slots=True)
class Factor:
    """One factor: its value, or None where it is blank and lies between `low` and `high`; `why` says from what."""

    name: str
    value: float | None
    low: float
    high: float
    why: str


@dataclass(frozen=True, slots=True)
class Severity:
    """The score as a range, the bands of its ends, its factors in the order of the formula, and what is flagged."""

    factors: tuple[Factor, ...]
    low: float
    high: float
    flags: tuple[str, ...]

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands that the score may lie in, the lowest first."""
        names = [name for _, name in reversed(BANDS)]
        return tuple(names[names.index(band(self.low)) : names.index(band(self.high)) + 1])

    @property
    def arithmetic(self) -> str:
        """The formula with its numbers: `4 x [0.25 to 1] + 0.25 + …`."""
        context, identification, *breach = (_shown(factor) for factor in self.factors)
        result = _number(self.low) if self.low == self.high else f"{_number(self.low)} to {_number(self.high)}"
        return f"{context} x {identification} + {' + '.join(breach)} = {result}"


def severity(categories: Iterable[str], subjects: int | None, findings: int, rated: Mapping[str, str]) -> Severity:
    """The suggestion for what is known: categories of data, number of people, findings, and what a person has rated."""
    names = tuple(categories)
    factors = tuple(_rated(name, rated[name]) if name in rated else _read(name, names, findings) for name in VALUES)
    context, identification, *breach = factors
    low = context.low * identification.low + sum(factor.low for factor in breach)
    high = context.high * identification.high + sum(factor.high for factor in breach)
    flags = []
    if subjects is None:
        flags.append("the number of people is unknown")
    elif subjects > MANY_PEOPLE:
        flags.append(f"more than {MANY_PEOPLE} people")
    flags.append("whether the data were unintelligible (encrypted) is for a person to say")
    return Severity(factors, low, high, tuple(flags))


def band(score: float) -> str:
    """The band of a score: below 2 low, below 3 medium, below 4 high, else very high."""
    return next(name for least, name in BANDS if score >= least)


def check_rating(text: str) -> tuple[str, str]:
    """Factor and word of text such as `intent=malicious`. Raises CaseError."""
    name, _, word = text.partition("=")
    if name not in VALUES:
        raise CaseError(f"there is no factor '{name[:40]}'", f"one of {', '.join(VALUES)}, as intent=malicious")
    if word not in VALUES[name]:
        raise CaseError(f"'{name}' cannot be '{word[:40]}'", f"one of {', '.join(VALUES[name])}")
    return name, word


def _rated(name: str, word: str) -> Factor:
    value = VALUES[name][word]
    return Factor(name, value, value, value, f"rated by a person: {word.replace('_', ' ')}")


def _read(name: str, categories: tuple[str, ...], findings: int) -> Factor:
    if name == "context":
        known = {category: BASES[category] for category in categories if category in BASES}
        if known and "credentials" not in categories:
            top = max(known, key=lambda category: known[category])
            return Factor(name, known[top], known[top], known[top], f"the highest base of the categories: {top}")
        least = max(known.values(), default=1)
        why = "credentials take the score of what they open" if known else "the categories of data are unknown"
        return Factor(name, None, least, 4, why)
    values = VALUES[name].values()
    if name == "identification" and {"contact", "identification"} & set(categories):
        return Factor(name, 1, 1, 1, "the data name people: contact or identification is among the categories")
    if name == "confidentiality" and findings:
        return Factor(name, None, 0.25, 0.5, "records were read by somebody the log knows; who else, it does not say")
    return Factor(name, None, min(values), max(values), "no record says so")


def _shown(factor: Factor) -> str:
    return f"[{_number(factor.low)} to {_number(factor.high)}]" if factor.value is None else _number(factor.value)


def _number(value: float) -> str:
    return f"{value:g}"

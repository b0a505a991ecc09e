"""What is known of a case, question by question, and what is not: the stuff of every document.

Rules of this file:
1. A fact is what the records show, what a person wrote, or what the configuration says, and it says which. What
   nobody knows is a gap with the way to fill it. Nothing is made up to fill one.
2. Nobody of a log is named. Pseudonyms stay inside: what leaves the house has counts, categories and systems.
3. What is read off the records is said as such: "at least" where events can be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from sentinel.acts import CaseDetail, TimelineRow
from sentinel.cases.options import Organisation
from sentinel.inventory import System, is_special

By = Literal["records", "person", "configuration"]


@dataclass(frozen=True, slots=True)
class Fact:
    """The answer to one question; `answer` is None where nobody knows, and `hint` says how to fill the gap."""

    key: str
    question: str
    answer: str | None
    by: By | None
    hint: str = ""

    @property
    def is_gap(self) -> bool:
        """Nobody has answered it."""
        return self.answer is None


@dataclass(frozen=True, slots=True)
class Counted:
    """What the ledger of accesses says of the actors of a case in the time in which it occurred."""

    people: int
    accesses: int
    records: int


@dataclass(frozen=True, slots=True)
class Known:
    """All that a document is made of: the case, who notifies, and the systems of the inventory in the case; and what
    the ledger counted, where it can be read.
    """

    detail: CaseDetail
    organisation: Organisation
    systems: tuple[System, ...]
    counted: Counted | None = None

    def described(self, field: str) -> str | None:
        """The newest words of a person for that field."""
        for entry in reversed(self.detail["timeline"]):
            if entry["act"] == "case.describe" and entry["detail"] and entry["detail"].get("field") == field:
                return str(entry["detail"]["text"])
        return None

    def last(self, *acts: str) -> TimelineRow | None:
        """The newest entry of the audit trail with one of these acts."""
        return next((entry for entry in reversed(self.detail["timeline"]) if entry["act"] in acts), None)


def fact(known: Known, key: str, question: str) -> Fact:
    """The answer to the question of that key: a person's words first, then what is read off the records."""
    words = known.described(key)
    if words is not None:
        return Fact(key, question, words, "person")
    if key in _READ:
        found = _READ[key](known)
        if found is not None:
            return Fact(key, question, found, "person" if key in _DECIDED else "records")
    if key in _CONFIGURED:
        configured = getattr(known.organisation, _CONFIGURED[key])
        hint = f"set cases.organisation.{_CONFIGURED[key]}"
        return Fact(key, question, configured or None, "configuration" if configured else None, hint)
    hint = _HINTS.get(key, "").replace("CASE", known.detail["case"]["id"])
    return Fact(key, question, None, None, hint or _hint(known, key))


_DECIDED = frozenset({"risk", "aware"})
"""What stands in the records because a person decided it."""

_CONFIGURED = {
    "organisation": "name",
    "address": "address",
    "contact": "contact",
    "registration": "registration",
    "sector": "sector",
    "authority": "authority",
}

_HINTS = {
    "risk": "sentinel case assess CASE unlikely|likely|high --reason '…'",
    "aware": "sentinel case confirm CASE --aware-at … --reason '…'",
    "delay_reasons": "sentinel case notify CASE --delay-reason '…'",
}


def plain_fact(known: Known, key: str, question: str) -> Fact:
    """The same for readers who know nothing of rules and records: in plain words, or a gap for a person to fill."""
    if key == "data_categories" and known.described(key) is None:
        words = [_PLAIN.get(name, name.replace("_", " ")) for name in known.detail["case"]["categories"]]
        return Fact(key, question, ", ".join(words) or None, "records" if words else None, _hint(known, key))
    if key == "occurred" and known.described(key) is None and known.detail["case"]["findings"]:
        first, last = (known.detail["case"][name][:10] for name in ("occurred_from", "occurred_to"))
        return Fact(key, question, f"on {first}" if first == last else f"from {first} to {last}", "records")
    if key == "nature" and known.described(key) is None:
        return Fact(key, question, None, None, _hint(known, key))
    return fact(known, key, question)


def _hint(known: Known, key: str) -> str:
    return f"sentinel case describe {known.detail['case']['id']} {key} '…'"


_PLAIN = {
    "health": "information about your health",
    "contact": "your contact details",
    "identification": "details that identify you",
    "financial": "information about your money",
    "location": "where you were",
    "behaviour": "what you did",
    "communication": "your messages and calls",
    "credentials": "your passwords or keys",
    "criminal": "information about offences",
    "employment": "information about your work",
    "children": "information about children",
    "religion": "your religion or belief",
    "trade_union": "your membership of a trade union",
    "political_opinion": "your political opinion",
    "ethnic_origin": "your ethnic origin",
    "biometric": "features of your body that identify you",
    "genetic": "information about your genes",
    "sex_life": "information about your sex life",
    "sexual_orientation": "your sexual orientation",
}
"""Categories of data as people say them."""


def _nature(known: Known) -> str | None:
    case = known.detail["case"]
    if not case["findings"]:
        return None
    systems = f" in {', '.join(case['systems'])}" if case["systems"] else ""
    findings = "1 finding" if case["findings"] == 1 else f"{case['findings']} findings"
    return f"{case['title']}. Rests on {findings} of the rules {', '.join(case['rules'])}{systems}."


def _how_found(known: Known) -> str | None:
    case = known.detail["case"]
    return f"by automatic monitoring of logs (rules {', '.join(case['rules'])})" if case["rules"] else None


def _occurred(known: Known) -> str | None:
    case = known.detail["case"]
    if not case["findings"]:
        return None
    return f"from {_time(case['occurred_from'])} to {_time(case['occurred_to'])}, as far as the records show"


def _aware(known: Known) -> str | None:
    case = known.detail["case"]
    return None if case["aware_at"] is None else _time(case["aware_at"])


def _people_count(known: Known) -> str | None:
    subjects, counted = known.detail["case"]["subjects"], known.counted
    held = sum(system.people or 0 for system in known.systems)
    most = f"; the systems concerned hold about {held:,} people" if held else ""
    # The ledger knows every access; a rule, those that it counts.
    if counted is not None and counted.people > (subjects or 0):
        return f"at least {counted.people:,}, as named in every access by the same actors in that time{most}"
    return None if subjects is None else f"at least {subjects:,}, as named in the log{most}"


def _records_count(known: Known) -> str | None:
    counted = known.counted
    if counted is None or not counted.accesses:
        return None
    shown = f", which showed {counted.records:,} records by the log's own count" if counted.records else ""
    return f"{counted.accesses:,} accesses to records{shown}, as far as the log shows"


def _people_categories(known: Known) -> str | None:
    names = dict.fromkeys(system.subjects for system in known.systems if system.subjects)
    return ", ".join(names) or None


def _data_categories(known: Known) -> str | None:
    names = [name.replace("_", " ") for name in known.detail["case"]["categories"]]
    special = [name.replace("_", " ") for name in known.detail["case"]["categories"] if is_special(name)]
    text = ", ".join(names)
    return (f"{text} (special categories, Art. 9 GDPR: {', '.join(special)})" if special else text) or None


def _systems(known: Known) -> str | None:
    named = {system.name: system.purpose for system in known.systems}
    words = [f"{name} ({named[name]})" if named.get(name) else name for name in known.detail["case"]["systems"]]
    return ", ".join(words) or None


def _risk(known: Known) -> str | None:
    case, entry = known.detail["case"], known.last("case.assess")
    if case["risk"] is None or entry is None:
        return None
    return f"{case['risk']}, decided {_time(entry['at'])}: {entry['reason']}"


def _delay(known: Known) -> str | None:
    reasons = [
        str(entry["detail"]["delay_reason"])
        for entry in known.detail["timeline"]
        if entry["act"] == "case.notify" and entry["detail"] and entry["detail"].get("delay_reason")
    ]
    if reasons:
        return "; ".join(reasons)
    late = any(clock["state"] in {"overdue", "met_late"} for clock in known.detail["case"]["clocks"])
    return None if late else "not late"


def _phase(known: Known) -> str:
    sent = [notice for notice in known.detail["case"]["notices"] if not notice["clock"].endswith("/people")]
    if not sent:
        return "initial"
    words = [f"{notice['phase']} of {_time(notice['at'])}{_reference(notice['reference'])}" for notice in sent]
    return f"follow-up; sent so far: {', '.join(words)}"


def _reference(text: str | None) -> str:
    return f" (reference {text})" if text else ""


def _told_people(known: Known) -> str:
    sent = [notice for notice in known.detail["case"]["notices"] if notice["clock"].endswith("/people")]
    return f"yes, on {_time(sent[0]['at'])}" if sent else "no notice to them is recorded so far"


_READ: Mapping[str, Callable[[Known], str | None]] = {
    "nature": _nature,
    "how_found": _how_found,
    "occurred": _occurred,
    "detected": lambda known: _time(known.detail["case"]["detected_at"]),
    "aware": _aware,
    "people_count": _people_count,
    "records_count": _records_count,
    "people_categories": _people_categories,
    "data_categories": _data_categories,
    "systems": _systems,
    "risk": _risk,
    "delay_reasons": _delay,
    "phase": _phase,
    "people_told": _told_people,
    "reference": lambda known: known.detail["case"]["id"],
}
"""What can be read off the case, the audit trail and the inventory."""


def _time(text: str) -> str:
    """`2026-03-04 02:00 UTC` of an answer's time."""
    return f"{text[:10]} {text[11:16]} UTC"

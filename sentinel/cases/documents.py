"""The documents of a case: which questions each asks, in which order, and under which article.

Rule of this file: they are drafts. Each says so, lists its gaps, and is sent by nobody but a person.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sentinel.cases.facts import Fact, Known, fact, plain_fact

Questions = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """Some questions under one heading; `basis` is the article that asks them."""

    heading: str
    basis: str
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A draft. `kind` is the name of its template, `remarks` what its reader has to know."""

    kind: str
    title: str
    case: str
    remarks: tuple[str, ...]
    sections: tuple[Section, ...]

    @property
    def gaps(self) -> tuple[Fact, ...]:
        """What nobody has answered yet, each once."""
        found = {each.key: each for section in self.sections for each in section.facts if each.is_gap}
        return tuple(found.values())

    def fact(self, key: str) -> Fact:
        """The fact of that key, for templates that tell instead of listing."""
        return next(each for section in self.sections for each in section.facts if each.key == key)


@dataclass(frozen=True, slots=True)
class _Plan:
    title: str
    remarks: tuple[str, ...]
    sections: tuple[tuple[str, str, Questions], ...]


_WHO: Questions = (
    ("organisation", "Organisation"),
    ("address", "Address"),
    ("registration", "Registration number"),
    ("sector", "Sector"),
    ("contact", "Data protection officer or other contact point"),
)

_WHEN: Questions = (
    ("occurred", "When did the breach happen?"),
    ("detected", "When was it detected?"),
    ("aware", "Since when has the controller been aware of it?"),
    ("delay_reasons", "If later than 72 hours: reasons for the delay"),
)

_EXTENT: Questions = (
    ("data_categories", "Categories of personal data"),
    ("records_count", "Approximate number of records"),
    ("people_categories", "Categories of people"),
    ("people_count", "Approximate number of people"),
)

_MEASURES: Questions = (
    ("measures_taken", "Measures taken, also against adverse effects"),
    ("measures_planned", "Measures proposed"),
)

_DRAFT = "A draft made from the records of the case. It is checked, completed and sent by a person."

PLANS: Mapping[str, _Plan] = {
    "notification": _Plan(
        "Notification of a personal data breach to the supervisory authority",
        (
            _DRAFT,
            "Information may be given in phases (Art. 33(4) GDPR): send what is known in time, and the gaps later.",
            "Put in none of the personal data involved.",
        ),
        (
            ("Notification", "Art. 33(1) and (4)", (("authority", "To"), ("phase", "Initial or follow-up"),
                                                   ("reference", "Our reference"), *_WHEN)),
            ("Nature of the breach", "Art. 33(3)(a)", (("nature", "What happened"), ("systems", "Systems"),
                                                      ("affected", "Confidentiality, integrity or availability"),
                                                      *_EXTENT)),
            ("Contact", "Art. 33(3)(b)", _WHO),
            ("Likely consequences", "Art. 33(3)(c)", (("consequences", "Likely consequences"), ("risk", "Risk"))),
            ("Measures", "Art. 33(3)(d)", _MEASURES),
            ("Other", "", (("cross_border", "People in other member states, lead authority"),
                           ("people_told", "Have the people concerned been told? (Art. 34)"),
                           ("other_authorities", "Other authorities told"))),
        ),
    ),
    "ico": _Plan(
        "Answers in the order of the ICO's breach report form",
        (
            _DRAFT,
            "The form cannot be saved: copy from here. Questions marked with * were not read in a copy of the form.",
            "Put in none of the personal data involved.",
        ),
        (
            ("Report", "", (("phase", "Initial report or follow-up (with case reference)"),
                            ("nature", "What has happened?"),
                            ("cyber", "Was it a cyber incident? (yes / no / don't know)"),
                            ("how_found", "How did you find out about the breach?"),
                            ("detected", "When did you discover the breach?"),
                            ("occurred", "When did the breach happen?"))),
            ("Data and people", "", (("data_categories", "Categories of personal data included"),
                                     ("records_count", "How many personal data records are concerned?"),
                                     ("people_count", "How many data subjects could be affected?"),
                                     ("people_categories", "Categories of data subjects affected"),
                                     ("consequences", "Potential consequences for them"),
                                     ("likelihood", "Likelihood that they will experience significant consequences"))),
            ("Effects", "", (("affected", "Confidentiality, integrity, availability: which is affected?"),
                             ("impact", "Impact on the organisation (high / medium / low / not yet known)"),
                             ("recovery", "Recovery time (regular / supplemented / extended / not recoverable)"))),
            ("Action", "", (("training", "* Had the staff involved had data protection training lately?"),
                            ("prevention", "* Measures in place to prevent it"),
                            ("measures_taken", "* Action taken"),
                            ("measures_planned", "* Steps to prevent a recurrence, and by when"),
                            ("people_told", "* Have you told data subjects?"),
                            ("other_authorities", "* Other regulators told"),
                            ("delay_reasons", "* If later than 72 hours: reasons for the delay"))),
            ("Organisation", "", _WHO),
        ),
    ),
    "letter": _Plan(
        "Letter to the people concerned",
        (
            _DRAFT,
            "In clear and plain language, by itself and with no other matter in it (Art. 34(2) GDPR).",
            "It needs the approval of a named person, and the language of its readers.",
        ),
        (
            ("Letter", "Art. 34(2)", (("organisation", "Organisation"), ("contact", "Contact"),
                                      ("nature", "What happened"), ("occurred", "When"),
                                      ("data_categories", "Which of your data"),
                                      ("consequences", "Likely consequences"),
                                      ("measures_taken", "What we have done"),
                                      ("measures_planned", "What we will do"),
                                      ("advice", "What you can do"))),
        ),
    ),
    "controller": _Plan(
        "Notification of a personal data breach to the controller",
        (_DRAFT, "A processor tells the controller without undue delay; there is no test of risk (Art. 33(2) GDPR)."),
        (
            ("Notification", "Art. 33(2)", (("lead", "To"), ("organisation", "From"), ("contact", "Contact"),
                                            ("reference", "Our reference"), ("occurred", "When did it happen?"),
                                            ("detected", "When was it detected?"), ("aware", "Aware since"))),
            ("Nature of the breach", "Art. 33(3)(a)", (("nature", "What happened"), ("systems", "Systems"), *_EXTENT)),
            ("Consequences and measures", "Art. 33(3)(c), (d)", (("consequences", "Likely consequences"), *_MEASURES)),
        ),
    ),
}  # fmt: skip
"""Every document, question by question."""


def draft(kind: str, known: Known) -> Document:
    """The document of that kind, with what is known now."""
    plan = PLANS[kind]
    sections = tuple(
        Section(heading, basis, tuple(_fact(kind, known, key, question) for key, question in questions))
        for heading, basis, questions in plan.sections
    )
    return Document(kind, plan.title, known.detail["case"]["id"], (*plan.remarks, *_doubts(known)), sections)


def _fact(kind: str, known: Known, key: str, question: str) -> Fact:
    if kind == "letter":
        return plain_fact(known, key, question)
    if key != "lead":
        return fact(known, key, question)
    entry = known.last("case.role")
    lead = entry["detail"].get("lead") if entry is not None and entry["detail"] else None
    hint = f"sentinel case role {known.detail['case']['id']} processor --lead '…'"
    return Fact(key, question, lead, "person" if lead else None, hint)


def _doubts(known: Known) -> list[str]:
    """What makes every document of the case less sure."""
    case = known.detail["case"]
    found = []
    if case["kind"] == "breach" and case["aware_at"] is None:
        found.append("Nobody has confirmed the case: the deadline is provisional.")
    if any(entry["detail"] is None for entry in known.detail["timeline"]):
        found.append("The key of the case was destroyed or is missing: reasons and descriptions cannot be read.")
    return found

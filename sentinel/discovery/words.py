"""Words by which applications speak of people, in paths, in names of fields and of tables; tables and no more.

Rule of this file: singular and plural stand side by side, in lower case; languages as they are met in the field.
"""

from __future__ import annotations

import re
from typing import Final

HEALTH: Final = ("health", "contact", "identification")
CONTACT: Final = ("contact", "identification")
STAFF: Final = ("employment", "contact")
MONEY: Final = ("financial", "contact")

_PEOPLE: Final[dict[tuple[str, ...], str]] = {
    HEALTH: "patient patients paciente pacientes patienten patientin potilas resident residents donor donors borger",
    STAFF: "employee employees staff medarbejder medarbejdere mitarbeiter anstalld anstallda candidate candidates "
    "applicant applicants payslip payslips",
    MONEY: "policyholder policyholders insured debtor debtors taxpayer taxpayers tenant tenants beneficiary "
    "beneficiaries borrower borrowers cardholder cardholders",
    ("children", "contact"): "child children pupil pupils student students elev elever kind kinder",
    CONTACT: "person persons people user users customer customers client clients member members citizen citizens "
    "contact contacts profile profiles subscriber subscribers guest guests passenger passengers voter voters driver "
    "drivers owner owners kunde kunden kunder klient klienter bruger brugere benutzer nutzer medlem medlemmer "
    "utilisateur utilisateurs usuario usuarios cliente clientes klant klanten person personer borgere individual "
    "individuals subject subjects account accounts",
}
PEOPLE: Final = {word: data for data, words in _PEOPLE.items() for word in words.split()}
"""What is a person in a path or a table's name, and the categories of data held of such a person."""

_RECORDS: Final[dict[tuple[str, ...], str]] = {
    HEALTH: "prescription prescriptions appointment appointments diagnosis diagnoses referral referrals admission "
    "admissions encounter encounters observation observations journal journals labresult labresults vaccination "
    "vaccinations medication medications",
    MONEY: "invoice invoices order orders payment payments claim claims loan loans transaction transactions policy "
    "policies contract contracts subscription subscriptions",
    CONTACT: "booking bookings reservation reservations ticket tickets message messages letter letters document "
    "documents file files record records case cases sag sager form forms application applications registration "
    "registrations",
}
RECORDS: Final = {word: data for data, words in _RECORDS.items() for word in words.split()}
"""What is about a person, though the number is not the person's."""

EXPORTS: Final = frozenset(
    {
        "export", "exports", "download", "downloads", "dump", "backup", "extract", "csv", "xlsx", "xls", "excel",
        "report", "reports", "print", "bulk",
    }
)  # fmt: skip
FILES: Final = re.compile(r"\.(csv|tsv|xlsx?|ods|zip|gz|7z|pdf|sql|parquet|jsonl|vcf)$")
"""Ends of a path that is a file to take away."""

SEARCHES: Final = frozenset({"search", "find", "lookup", "query", "suggest", "autocomplete"})
NOT_A_NAME: Final = EXPORTS | SEARCHES | {
    "list", "new", "edit", "create", "update", "delete", "me", "self", "count", "stats", "import", "login", "logout",
    "settings",
}  # fmt: skip
"""What follows a person's word and is no person."""

ACTORS: Final = (
    "user.name", "user.id", "user", "username", "user_name", "login", "actor", "principal", "account.name", "account",
    "sub", "upn", "preferred_username", "uid", "user_id", "userId", "userName", "req.user.name", "session.user",
    "employee", "operator", "performed_by", "created_by", "viewer",
)  # fmt: skip
"""Fields that commonly say who did it, the surest first."""

COUNTS: Final = (
    "record.count", "records", "record_count", "count", "rows", "row_count", "total", "results", "hits",
    "db.response.returned_rows",
)  # fmt: skip
"""Fields that commonly say how many records came back."""

ACTIONS: Final = ("event.action", "action", "operation", "event", "activity", "verb")
"""Fields that commonly say what was done."""

TRIVIAL: Final = ("url.", "http.", "source.", "user_agent", "log.", "process.", "host.", "event.", "destination.",
                  "network.", "observer.", "trace.", "span.", "service.", "ecs.", "agent.", "db.", "orchestrator.",
                  "cloud.", "container", "kubernetes")  # fmt: skip
"""Beginnings of names of which the person in question is not a value."""

_NATIONAL: Final = (
    r"ssn|cpr(?:_?(?:nr|number))?|personnummer|personnr|bsn|nino|nhs_?(?:number|no)|fodselsnummer|hetu|pesel|dni|nie|nir|"
    r"codice_?fiscale|national_?(?:id|number)|citizen_?id|tax_?id|steuer_?id|egn|cnp|oib"
)
_NAMES: Final = r"(?:first|last|full|given|family|sur|middle)_?name|fornavn|efternavn|vorname|nachname|surname"
_KINDS: Final = (
    ("e-mail address", "contact", r"e?mail|mail_?address|epost"),
    ("phone number", "contact", r"phone|mobile|telephone|tel|msisdn|telefon|handy|mobil"),
    ("bank account", "financial", r"iban|bank_?account|account_?number|konto_?nr|kontonummer"),
    ("card number", "financial", r"card_?(?:number|no)|pan"),
    ("national number", "identification", _NATIONAL),
    ("date of birth", "identification", r"dob|birth_?(?:date|day)|date_?of_?birth|fodselsdato|geburtsdatum"),
    ("name", "identification", _NAMES),
    ("address", "location", r"(?:street|postal|home)_?address|street|zip_?code|post_?code|postal_?code|adresse"),
    ("health", "health", r"diagnos\w*|icd(?:_?10)?|medication|allerg\w*|blood_?type"),
)
KINDS: Final = tuple((kind, data, re.compile(rf"(?:.*[._-])?(?:{names})")) for kind, data, names in _KINDS)
"""Names of fields that say what their values are: kind, category, pattern of the whole name in snake case."""

TABLE_READ: Final = re.compile(r'(?i)\b(?:from|join)\s+(?:"?\w+"?\.)?"?(\w+)"?')
"""The table that a statement reads."""

_CAMEL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_ID: Final = re.compile(r"(?:.*[._-])?([a-z]+?)[._-]?(?:id|no|nr|num|number|uuid|key|ref|code)")


def snake(name: str) -> str:
    """The name in lower case with its words apart: `patient_id` for `patientId`."""
    return _CAMEL.sub("_", name).lower().replace("-", "_").replace(" ", "_")


def kind_of_name(name: str) -> tuple[str, str] | None:
    """What a field of that name holds, and the category; None where the name does not say."""
    words = snake(name)
    return next(((kind, data) for kind, data, pattern in KINDS if pattern.fullmatch(words)), None)


def person_of_name(name: str) -> str | None:
    """The person's word in a name such as `patient.id`, `customerNumber` or `member`; None where there is none."""
    words = snake(name)
    found = _ID.fullmatch(words)
    word = found[1] if found else words.rpartition(".")[2]
    return word if word in PEOPLE else None

"""What values look like: an e-mail address, a phone number, an account, a national number.

Judged by all that were seen, never by one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from importlib import import_module
from typing import Final

from stdnum import iban, luhn

EMAIL: Final = re.compile(r"[^@\s/]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
PHONE: Final = re.compile(r"\+[1-9][0-9 ().-]{6,18}[0-9]")
_DIGITS: Final = re.compile(r"[0-9][0-9 .-]*[0-9]")

ENOUGH: Final = 8
"""Of fewer different values a checksum says nothing: one in eleven numbers has a right one by chance."""

SHARE: Final = 0.9

_NATIONAL: Final = (
    ("Danish CPR number", "dk.cpr"),
    ("Swedish personnummer", "se.personnummer"),
    ("Norwegian fødselsnummer", "no.fodselsnummer"),
    ("Finnish henkilötunnus", "fi.hetu"),
    ("Dutch BSN", "nl.bsn"),
    ("Belgian national number", "be.nn"),
    ("German tax id", "de.idnr"),
    ("French NIR", "fr.nir"),
    ("Spanish DNI", "es.dni"),
    ("Spanish NIE", "es.nie"),
    ("Italian codice fiscale", "it.codicefiscale"),
    ("Polish PESEL", "pl.pesel"),
    ("British NHS number", "gb.nhs"),
    ("Estonian isikukood", "ee.ik"),
    ("Lithuanian asmens kodas", "lt.asmens"),
    ("Czech rodné číslo", "cz.rc"),
    ("Irish PPS number", "ie.pps"),
    ("Romanian CNP", "ro.cnp"),
    ("Bulgarian EGN", "bg.egn"),
    ("Croatian OIB", "hr.oib"),
    ("Greek AMKA", "gr.amka"),
    ("Austrian VNR", "at.vnr"),
    ("Swiss AHV number", "ch.ssn"),
    ("Portuguese NIF", "pt.nif"),
    ("Brazilian CPF", "br.cpf"),
    ("Icelandic kennitala", "is_.kennitala"),
)
"""National numbers with a checksum or a date in them, by their modules in python-stdnum."""

Check = Callable[[str], bool]


def kind_of_values(values: Collection[str]) -> tuple[str, str] | None:
    """What nearly all of these different values are, and the category of data; None where nothing fits."""
    for kind, data, check in (
        ("e-mail address", "contact", lambda value: EMAIL.fullmatch(value) is not None),
        ("phone number", "contact", lambda value: PHONE.fullmatch(value) is not None),
        ("bank account (IBAN)", "financial", iban.is_valid),
    ):
        if values and _share(values, check) >= SHARE:
            return kind, data
    if len(values) < ENOUGH:
        return None
    if _share(values, _is_card) >= SHARE:
        return "card number", "financial"
    for kind, module in _NATIONAL:
        if _share(values, _check(module)) >= SHARE:
            return kind, "identification"
    return None


def _share(values: Collection[str], check: Check) -> float:
    # The first few values decide for nearly every kind that it is another.
    few = list(values)[:ENOUGH]
    if sum(map(check, few)) < len(few) * SHARE / 2:
        return 0.0
    return sum(map(check, values)) / len(values)


def _is_card(value: str) -> bool:
    return (
        13 <= sum(map(str.isdigit, value)) <= 19
        and _DIGITS.fullmatch(value) is not None
        and luhn.is_valid(re.sub("[ .-]", "", value))
    )


def _check(module: str) -> Check:
    found: Check = import_module(f"stdnum.{module}").is_valid
    return lambda value: 9 <= len(value) <= 20 and found(value)


def masked(value: str) -> str:
    """The value's shape and nothing of what it says: digits as 9, letters as x."""
    shape = "".join(
        "9" if each.isdigit() else "x" if each.isalpha() else each if each in " .@+-_/:" else "?" for each in value
    )
    return shape if len(shape) <= 40 else shape[:39] + "…"

"""One reader for the times that programs write, whatever their form: brought into the form of RFC 3339, then read.

A zone written as letters (`CET`) says too little to be read: such a time is local in the source's `timezone`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final
from zoneinfo import ZoneInfo

from sentinel.clock import Micros
from sentinel.formats.times import Moment, iso_reader, read_count, yearless_reader

ReadMoment = Callable[[Any, Micros], Moment | None]
"""The value that holds the time and the block's reference -> the time; None for what is none."""

_REMEMBERED: Final = 4096  # thousands of records share one second
_MONTHS: Final = {name: f"{number:02d}" for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1)}  # fmt: skip
_CLOCK = r"(\d\d:\d\d:\d\d(?:[.,]\d{1,9})?)"
_OFFSET = r"(?: ?(Z|UTC|GMT|[+-]\d\d:?\d\d)| [A-Z]{2,5})?"
_FORMS: Final = tuple(
    (re.compile(pattern, re.ASCII), places)
    for pattern, places in (
        # 04/Mar/2026:02:11:09.123 +0100, with or without fraction and offset; 04-Mar-2026 02:11:09
        (r"(\d\d)[/-]([A-Z][a-z]{2})[/-](\d{4})[: ]" + _CLOCK + _OFFSET, (3, 2, 1, 4, 5)),
        # 2026/03/04 02:11:09; 2026-03-04 02:11:09.123 CET
        (r"(\d{4})[/-](\d\d)[/-](\d\d)[ T]" + _CLOCK + _OFFSET, (1, 2, 3, 4, 5)),
        # 20260304 02:11:09
        (r"(\d{4})(\d\d)(\d\d) " + _CLOCK + _OFFSET, (1, 2, 3, 4, 5)),
        # Mar 04 2026 02:11:09.123 CET, as ArcSight writes it
        (r"()([A-Z][a-z]{2}) (\d\d) (\d{4}) " + _CLOCK + _OFFSET, (4, 2, 3, 5, 6)),
    )
)
# Wed Mar 04 02:11:09.123456 2026
_CTIME: Final = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) ([ \d]\d) " + _CLOCK + r" (\d{4})", re.ASCII)
_AUDIT: Final = re.compile(r"audit\((\d+\.\d+):\d+\)", re.ASCII)


def moment_reader(zone: ZoneInfo) -> ReadMoment:
    """Reads every form that a format here knows. It never raises."""
    iso, yearless = iso_reader(zone), yearless_reader(zone)
    known: dict[str, Moment | None] = {}

    def in_any_form(text: str) -> Moment | None:
        if text not in known:
            if len(known) >= _REMEMBERED:
                known.clear()
            known[text] = iso(text) or _in_any_form(text, iso)
        return known[text]

    def read(value: Any, reference: Micros) -> Moment | None:
        if isinstance(value, dict):
            # As MongoDB writes it: {"$date": "…"} or {"$date": {"$numberLong": "…"}}.
            value = value.get("$date", value.get("$numberLong"))
            return read(value, reference) if not isinstance(value, dict) else read_count(value.get("$numberLong"))
        if not isinstance(value, str):
            return read_count(value)
        return in_any_form(value) or yearless(value, reference) or read_count(value)

    return read


def _in_any_form(text: str, iso: Callable[[str], Moment | None]) -> Moment | None:
    for pattern, places in _FORMS:
        match = pattern.fullmatch(text)
        if match is not None:
            year, month, day, clock, offset = (match[place] or "" for place in places)
            number = month if month.isdecimal() else _MONTHS.get(month.lower())
            return iso(f"{year}-{number}-{day}T{clock}{offset}") if number else None
    match = _CTIME.fullmatch(text)
    if match is not None:
        number = _MONTHS.get(match[1].lower())
        return iso(f"{match[4]}-{number}-{match[2].replace(' ', '0')}T{match[3]}") if number else None
    match = _AUDIT.fullmatch(text)
    return read_count(match[1]) if match else None

"""Moments and days as people type them, read without guessing.

Rule of this file: a moment without an offset from UTC is refused, for a guessed zone would move a deadline; the hint
names what it would be in the controller's zone: one reading, both of the hour that comes twice, or that there is none.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sentinel.cases.counting import start_of_day
from sentinel.cases.moving import CaseError
from sentinel.clock import Micros, from_datetime


def read_moment(option: str, text: str, zone: ZoneInfo | None = None) -> Micros:
    """The moment of RFC 3339 text. Raises CaseError without an offset."""
    parsed = _parsed(option, text)
    if parsed.tzinfo is None:
        raise CaseError(f"{option} has no offset from UTC", _readings(parsed, zone))
    return from_datetime(parsed)


def read_day(option: str, text: str, zone: ZoneInfo) -> Micros:
    """The first moment of a day written as 2026-09-03, or a moment with its offset. Raises CaseError."""
    try:
        return start_of_day(date.fromisoformat(text), zone)
    except ValueError:
        return read_moment(option, text, zone)


def _parsed(option: str, text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{option} is not a moment", "write it as 2026-03-04T01:58:00+01:00") from None


def _readings(local: datetime, zone: ZoneInfo | None) -> str:
    if zone is None or zone.key == "UTC":
        return f"write it as {local.isoformat()}+01:00, or with Z for UTC"
    both = dict.fromkeys(local.replace(tzinfo=zone, fold=fold).isoformat() for fold in (0, 1))
    if len(both) == 1:
        return f"in {zone.key} that is {next(iter(both))}"
    # In the hour that is left out, going to UTC and back leads elsewhere (PEP 495).
    there = local.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)
    if there != local:
        return f"in {zone.key} there is no such time: the clocks are put forward over it"
    return f"in {zone.key} that hour comes twice: {' or '.join(both)}"

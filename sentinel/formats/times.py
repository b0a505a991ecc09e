"""The times logs write, as microseconds in UTC: with an offset, without one, without a year, as a count since 1970.

Rules of this file: a reader never raises; it answers None for what is no time, and for a time before 1970 or after
9999 (year 1 is what Go writes for "no time"). A fraction is cut to microseconds, never rounded. Each reader remembers
the seconds it has seen, because thousands of records share one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo

from sentinel.clock import DAY, MINUTE, SECOND, Micros, from_datetime, to_datetime
from sentinel.formats.base import UTC, value_text

Moment = tuple[Micros, int]
"""A time and the number of fractional digits it was written with (0 to 6)."""

END: Final[Micros] = 253_402_300_800 * SECOND
"""The year 10000: no datetime can say it."""

Key = TypeVar("Key")
Value = TypeVar("Value")

_REMEMBERED = 4096
_UNITS = ((10**11, 0), (10**14, 3), (10**17, 6), (10**19, 9))  # below the limit: seconds, ms, us, ns
_EARLIEST_COUNT = 100_000_000  # 1973-03-03 in seconds: below it, a number called `time` is a duration
_MONTHS = {
    name: number
    for number, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), start=1)  # noqa: SIM905  (a list of quoted months is harder to read)
}
_SCALE: Final = (SECOND, 100_000, 10_000, 1_000, 100, 10, 1)
_SECONDS: Final = {b":%02d" % second: second * SECOND for second in range(60)}
_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)?", re.ASCII)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d)(?:[.,](\d{1,18}))? ?([Zz]|UTC|GMT|[+-]\d\d:?(?:\d\d)?)?", re.ASCII
)
_CLF = re.compile(r"(\d\d)/([A-Z][a-z]{2})/(\d{4})[: ](\d\d):(\d\d):(\d\d)(?: ([+-]\d{4}))?", re.ASCII)
_YEARLESS = re.compile(r"([A-Z][a-z]{2}) ([ \d]\d) (\d\d):(\d\d):(\d\d)(?:[.,](\d{1,18}))?", re.ASCII)
_COUNT = re.compile(r"(\d{9,19})(?:[.,](\d{1,18}))?", re.ASCII)
_FRACTION = re.compile(r"[.,](\d+)", re.ASCII)
_NAMES_A_YEAR = re.compile(r"%(?:Y|y|G|c|x|D|F)")


def iso_reader(zone: ZoneInfo) -> Callable[[str], Moment | None]:
    """Reads RFC 3339 and its common loosenings: a space for the T, a comma for the point, no colon in the offset.

    Text without an offset is local time in `zone`; in the hour that a clock change repeats it is the first.
    """
    known: dict[str, Micros] = {}
    in_utc: dict[str, Micros] = {}
    tails: dict[str, Moment] = {}

    def read(text: str) -> Moment | None:
        # The form nearly every log writes: two look-ups, or one and the fraction added.
        second = in_utc.get(text[:19])
        if second is not None:
            tail = tails.get(text[19:])
            if tail is not None:
                return second + tail[0], tail[1]
            digits = len(text) - 21
            if text[-1] == "Z" and text[19:20] == "." and 0 < digits <= 6:
                fraction = text[20:-1]
                if fraction.isdecimal() and text.isascii():
                    return second + int(fraction) * _SCALE[digits], digits
        match = _ISO.fullmatch(text)
        if match is None:
            return None
        written, fraction, offset = match.groups("")
        key = written + offset
        base = known.get(key)
        if base is None:
            base = _from_parts(re.split(r"\D", written), offset, zone)
            if base is None:
                return None
            _remember(known, key, base)
        if offset == "Z":
            _remember(in_utc, written, base)
            if len(fraction) <= 3:  # so there are a few thousand at most
                tails[text[19:]] = _add(0, fraction)
        return _add(base, fraction)

    return read


def access_reader(zone: ZoneInfo) -> Callable[[bytes], Moment | None]:
    """Reads what stands between the brackets of an access log: `04/Mar/2026:02:11:09 +0000`, or RFC 3339 text."""
    known: dict[bytes, Moment | None] = {}
    minutes: dict[bytes, Micros] = {}
    iso = iso_reader(zone)

    def read(written: bytes) -> Moment | None:
        if written in known:
            return known[written]
        # Everything but the second decides the minute; offsets and clock changes are of whole minutes.
        minute, second = written[:17] + written[20:], written[17:20]
        begin = minutes.get(minute)
        if begin is not None and second in _SECONDS:
            moment: Moment | None = (begin + _SECONDS[second], 0)
        else:
            text = written.decode("ascii", "replace")
            moment = _clf(text, zone)
            if moment is not None and second in _SECONDS:
                _remember(minutes, minute, moment[0] - _SECONDS[second])
            moment = moment or iso(text)
        _remember(known, written, moment)
        return moment

    return read


def yearless_reader(zone: ZoneInfo) -> Callable[[str, Micros], Moment | None]:
    """Reads `Mar  4 02:11:09`: the latest year for which the time is no later than one day after `reference`."""
    known: dict[tuple[str, Micros], Moment | None] = {}

    def read(text: str, reference: Micros) -> Moment | None:
        key = (text, reference)
        if key not in known:
            _remember(known, key, _yearless(text, reference, zone))
        return known[key]

    return read


def pattern_reader(pattern: str, zone: ZoneInfo) -> Callable[[str, Micros], Moment | None]:
    """Reads times written in a strptime pattern. Raises ValueError for a pattern that strptime does not know.

    Without an offset the time is local in `zone`; without a year it is the latest one up to a day after `reference`.
    """
    has_year = _NAMES_A_YEAR.search(pattern) is not None
    whole = pattern if has_year else f"%Y {pattern}"
    datetime.strptime(datetime(2024, 3, 4, tzinfo=UTC).strftime(whole), whole)  # noqa: DTZ007  (only tried, not used)
    known: dict[tuple[str, Micros], Moment | None] = {}

    def parse(text: str) -> Micros | None:
        try:
            moment = datetime.strptime(text, whole)  # noqa: DTZ007  (the zone is added in the next line)
        except ValueError:
            return None
        return _in_range(from_datetime(moment if moment.tzinfo else moment.replace(tzinfo=zone)))

    def read(text: str, reference: Micros) -> Moment | None:
        key = (text, 0 if has_year else reference)
        if key not in known:
            micros = parse(text) if has_year else _latest(lambda year: parse(f"{year} {text}"), reference)
            _remember(known, key, None if micros is None else (micros, _fraction_digits(text, pattern)))
        return known[key]

    return read


def read_count(value: Any) -> Moment | None:
    """A count since 1970 in s, ms, us or ns, number or text, told apart by its size.

    None for a count before 1973-03-03 in seconds: a small number in a field called `time` is a span, not a date.
    """
    if isinstance(value, float):
        value = (value_text(value) if value < 1e16 else str(int(value))) if 0 < value < 1e19 else None
    elif isinstance(value, int):
        value = str(value) if value < 10**19 else None
    match = _COUNT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    count, fraction = int(match[1]), match[2] or ""
    digits = next(digits for limit, digits in _UNITS if count < limit)
    # The fraction is cut out of the text: a float has no microsecond to spare.
    written = match[1][len(match[1]) - digits :] + fraction
    moment = _add(count // 10**digits * SECOND, written)
    return moment if _EARLIEST_COUNT * SECOND <= moment[0] < END else None


def _add(second: Micros, fraction: str) -> Moment:
    if not fraction:
        return second, 0
    return second + int(fraction[:6].ljust(6, "0")), min(len(fraction), 6)


def _remember(known: dict[Key, Value], key: Key, value: Value) -> None:
    if len(known) >= _REMEMBERED:
        known.clear()
    known[key] = value


def _in_range(moment: Micros) -> Micros | None:
    return moment if 0 <= moment < END else None


def _from_parts(parts: Sequence[str], offset: str, zone: ZoneInfo) -> Micros | None:
    """Year, month, day, hour, minute, second; a leap second is the second after :59, as POSIX counts."""
    year, month, day, hour, minute, second = map(int, parts)
    leap = second == 60
    shift = _OFFSET.fullmatch(offset)
    if shift is not None and int(shift[2]) > 23:
        return None
    try:
        moment = datetime(year, month, day, hour, minute, 59 if leap else second, tzinfo=UTC if offset else zone)
    except ValueError:
        return None
    micros = from_datetime(moment) + (SECOND if leap else 0)
    if shift is not None:
        ahead = (int(shift[2]) * 60 + int(shift[3] or 0)) * MINUTE
        micros += ahead if shift[1] == "-" else -ahead
    return _in_range(micros)


def _clf(text: str, zone: ZoneInfo) -> Moment | None:
    match = _CLF.fullmatch(text)
    if match is None or match[2].lower() not in _MONTHS:
        return None
    day, month, year, hour, minute, second, offset = match.groups("")
    micros = _from_parts((year, str(_MONTHS[month.lower()]), day, hour, minute, second), offset, zone)
    return None if micros is None else (micros, 0)


def _yearless(text: str, reference: Micros, zone: ZoneInfo) -> Moment | None:
    match = _YEARLESS.fullmatch(text)
    if match is None or match[1].lower() not in _MONTHS:
        return None
    month, day, hour, minute, second, fraction = match.groups("")
    parts = (str(_MONTHS[month.lower()]), day, hour, minute, second)
    micros = _latest(lambda year: _from_parts((str(year), *parts), "", zone), reference)
    return None if micros is None else _add(micros, fraction)


def _latest(in_year: Callable[[int], Micros | None], reference: Micros) -> Micros | None:
    """29 February may be eight years back (1896 to 1904, 2096 to 2104)."""
    last = to_datetime(min(reference, END - 2 * DAY)).year + 1
    for year in range(last, last - 10, -1):
        moment = in_year(year) if 1 <= year <= 9999 else None
        if moment is not None and moment <= reference + DAY:
            return moment
    return None


def _fraction_digits(text: str, pattern: str) -> int:
    if "%f" not in pattern:
        return 0
    written = _FRACTION.findall(text)
    return min(len(written[-1]), 6) if written else 6

"""From a start to a deadline: elapsed hours, days, working days and months, with the holidays of a place.

Rules of this file:
1. Hours are elapsed hours in UTC. "The same time of day three days later" is never computed: it is an hour late when
   summer time ends.
2. Days, working days and months follow Regulation (EEC, Euratom) 1182/71: the day of the event is not counted
   (Art. 3(1)), a month ends on the same date or, where there is none, on the last of the month (Art. 3(2)(c)).
3. Where holidays are not known, a deadline is not moved because of them: it errs early, and `doubt` says so.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any, Final
from zoneinfo import ZoneInfo

from sentinel.clock import HOUR, SECOND, Micros, from_datetime, to_datetime
from sentinel.model import Counting

_DAY = timedelta(days=1)
_WEEKEND: Final = frozenset({5, 6})
_NOON = time(12)


def deadline(starts_at: Micros, hours: int) -> Micros:
    """The moment so many elapsed hours after its start."""
    return starts_at + hours * HOUR


def outer_limit(aware_at: Micros, zone: ZoneInfo, hours: int = 72) -> Micros:
    """The latest moment that Regulation 1182/71 Art. 3(1) can be read to give: the hour of the event is not counted.

    So the hours begin with the next full hour of the local clock. Always after `deadline`, by an hour at most.
    """
    offset = to_datetime(aware_at).astimezone(zone).utcoffset()
    shift = 0 if offset is None else round(offset.total_seconds()) * SECOND
    hour_began = (aware_at + shift) // HOUR * HOUR - shift
    return deadline(hour_began + HOUR, hours)


def contested_limit(aware_at: Micros, zone: ZoneInfo, calendar: str, hours: int = 72) -> Micros:
    """`outer_limit`, or the end (24:00) of the second full working day after the day of awareness if that is later.

    Regulation 1182/71 Art. 3(5) says that a period of two days or more holds at least two working days. Whether that
    is meant for periods in hours is contested: authors and authorities disagree. For showing, never to plan with.
    """
    day = _working_days_after(local_day(aware_at, zone), 2, calendar)
    return max(outer_limit(aware_at, zone, hours), _midnight(day + _DAY, zone))


def ends_at(counting: Counting, starts_at: Micros) -> Micros:
    """The deadline of a period that starts then."""
    zone = ZoneInfo(counting.zone)
    if counting.unit == "hours":
        end = deadline(starts_at, counting.amount)
        day = local_day(end, zone)
    else:
        day = last_day(counting, local_day(starts_at, zone))
        end = _midnight(day + _DAY, zone) - SECOND
    if counting.roll == "none" or is_working_day(day, counting.calendar):
        return end
    rolled = _working_days_after(day, 1, counting.calendar)
    if counting.roll == "noon":
        return from_datetime(datetime.combine(rolled, _NOON, zone))
    return _midnight(rolled + _DAY, zone) - SECOND


def last_day(counting: Counting, started: date) -> date:
    """The last day of a period of days, working days or months, before it is moved off a holiday."""
    match counting.unit:
        case "months":
            return _months_after(started, counting.amount)
        case "working_days":
            return _working_days_after(started, counting.amount, counting.calendar)
        case _:
            return started + (counting.amount - counting.first_day) * _DAY


def local_day(moment: Micros, zone: ZoneInfo) -> date:
    """The day on the calendar of the zone."""
    return to_datetime(moment).astimezone(zone).date()


def start_of_day(day: date, zone: ZoneInfo) -> Micros:
    """The first moment of the day in the zone."""
    return _midnight(day, zone)


def doubt(counting: Counting, starts_at: Micros) -> str:
    """Why a deadline may be earlier than the calendar gives it, for people; "" where there is no reason."""
    if counting.roll == "none" and counting.unit != "working_days":
        return ""
    if not counting.calendar:
        return "no calendar of holidays is set, so only weekends are left out"
    year = to_datetime(ends_at(counting, starts_at)).year
    known = _holidays(counting.calendar)
    if known.start_year <= year <= known.end_year:
        return ""
    return f"the holidays of {counting.calendar} in {year} are not known, so only weekends are left out"


def is_working_day(day: date, calendar: str) -> bool:
    """Neither weekend nor public holiday of the place; without a calendar, any day but Saturday and Sunday."""
    if not calendar:
        return day.weekday() not in _WEEKEND
    known = _holidays(calendar)
    return day.weekday() not in known.weekend and day not in known


def check_calendar(name: str) -> str:
    """The name as it is. Raises ValueError where no holidays are known under it."""
    if name:
        try:
            _holidays(name)
        except (NotImplementedError, KeyError, ValueError):
            raise ValueError(
                f"there is no calendar '{name[:20]}': write a country and, after '-', a region, such as 'DE-BE' or 'IE'"
            ) from None
    return name


def limit_text(counting: Counting) -> str:
    """The length of a period for people: `72 h`, `1 month`, `3 working days`."""
    if counting.unit == "hours":
        return f"{counting.amount} h"
    unit = counting.unit.replace("_", " ")
    return f"{counting.amount} {unit.removesuffix('s') if counting.amount == 1 else unit}"


def _months_after(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 + months, 12)
    year = day.year + years
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _working_days_after(day: date, count: int, calendar: str) -> date:
    while count:
        day += _DAY
        count -= is_working_day(day, calendar)
    return day


def _midnight(day: date, zone: ZoneInfo) -> Micros:
    return from_datetime(datetime.combine(day, time(), zone))


@cache
def _holidays(name: str) -> Any:
    import holidays  # noqa: PLC0415  (most clocks count hours; half a second of imports is for those that do not)

    country, _, region = name.partition("-")
    return holidays.country_holidays(country, subdiv=region or None)

"""Working hours and days off: whether a moment is within them. A condition of an event's time alone; nothing is kept.

Holidays come from the `holidays` package, by country and, after a dash, its part: `DE`, `DE-BE`, `GB-SCT`. A rule that
is for everywhere names a list instead, in which those who run it say which holidays are theirs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field

from sentinel.clock import MINUTE, Micros, to_datetime
from sentinel.detect.part import Part, Words
from sentinel.model import Event

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]|24):([0-5]\d)")


def _is_span(words: Words) -> Words:
    for each in words:
        if _SPAN.fullmatch(each) is None:
            raise ValueError(f"'{each}' are no hours: write 08:00-18:00")
    return words


def _is_known(words: Words) -> Words:
    for each in words:
        if _holidays_of(each) is None:
            raise ValueError(f"no holidays are known for '{each}': write a country and its part, such as DE or DE-BE")
    return words


def _is_date(words: Words) -> Words:
    for each in words:
        try:
            date.fromisoformat(each)
        except ValueError:
            raise ValueError(f"'{each}' is no day: write 2026-12-24") from None
    return words


class CalendarPart(Part):
    """When people work. `when` says at which times an event counts."""

    when: Literal["outside", "inside"] = "outside"
    workdays: tuple[Day, ...] = Field(("mon", "tue", "wed", "thu", "fri"), min_length=1)
    hours: Annotated[Words, AfterValidator(_is_span)] = ()
    holidays: Annotated[Words, AfterValidator(_is_known)] = ()
    days_off: Annotated[Words, AfterValidator(_is_date)] = ()
    lists: Words = ()

    def among(self, lines: Iterable[str]) -> CalendarPart:
        """With the holidays and days off of a list, a country or a day a line. Raises ValueError for another line."""
        days = [each for each in lines if _DATE.fullmatch(each)]
        places = _is_known(tuple(each for each in lines if not _DATE.fullmatch(each)))
        more = {"holidays": (*self.holidays, *places), "days_off": (*self.days_off, *_is_date(tuple(days)))}
        return self.model_copy(update=more)


def condition(part: CalendarPart, zone: ZoneInfo) -> Callable[[Event], bool]:
    """The test of an event's time. Verdicts are remembered by the minute, so that one costs next to nothing."""
    is_working = working(part, zone)
    wanted = part.when == "inside"
    known: dict[int, bool] = {}

    def holds(event: Event) -> bool:
        moment = event.time // MINUTE
        found = known.get(moment)
        if found is None:
            if len(known) > 10_000:
                known.clear()
            found = known[moment] = is_working(event.time) is wanted
        return found

    return holds


def working(part: CalendarPart, zone: ZoneInfo) -> Callable[[Micros], bool]:
    """Whether people work at a moment. A span over midnight belongs to the day on which it begins."""
    spans = [_minutes(each) for each in part.hours] or [(0, 24 * 60)]
    workdays = frozenset(DAYS.index(day) for day in part.workdays)
    off = {date.fromisoformat(each) for each in part.days_off}
    free = [found for each in part.holidays if (found := _holidays_of(each)) is not None]

    def is_workday(day: date) -> bool:
        return day.weekday() in workdays and day not in off and not any(day in each for each in free)

    def is_working(time: Micros) -> bool:
        local = to_datetime(time).astimezone(zone)
        minute, today = local.hour * 60 + local.minute, local.date()
        for begin, end in spans:
            if begin < end:
                if begin <= minute < end and is_workday(today):
                    return True
            elif (minute >= begin and is_workday(today)) or (minute < end and is_workday(today - timedelta(1))):
                return True
        return False

    return is_working


def _minutes(span: str) -> tuple[int, int]:
    found = _SPAN.fullmatch(span)
    assert found is not None, "checked when the rule was read"
    first, second, third, fourth = map(int, found.groups())
    return first * 60 + second, third * 60 + fourth


def _holidays_of(name: str) -> Any:
    import holidays  # noqa: PLC0415  (large: only who names some waits for it)

    country, _, part = name.partition("-")
    try:
        return holidays.country_holidays(country, subdiv=part or None)
    except NotImplementedError:  # what the package says of a country or part that it does not know
        return None

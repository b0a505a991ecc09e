"""When people work: days of work and rest, shifts, and how a day's work lies over its hours."""

from __future__ import annotations

from calendar import monthrange
from datetime import timedelta
from itertools import accumulate
from random import Random

from sentinel.clock import HOUR, MINUTE, Micros
from tests.lab.shape import Shape

Span = tuple[Micros, Micros]
"""From and to, in microseconds since the day's midnight; a night shift ends after the next one."""

_COURSE = (0.5, 0.9, 1.2, 1.25, 0.7, 0.8, 1.15, 1.1, 0.8, 0.4)
"""How busy each tenth of a shift is: a slow start, a peak, a dip at noon, a second peak."""
_SUMS = tuple(accumulate(_COURSE))


def is_rest(shape: Shape, day: int) -> bool:
    """A Saturday, a Sunday or a holiday."""
    return day % 7 >= 5 or day in shape.holidays


def is_month_end(shape: Shape, day: int) -> bool:
    """One of the last two working days of a month."""
    date = shape.begin + timedelta(days=day)
    last = monthrange(date.year, date.month)[1]
    left = [day + ahead for ahead in range(1, last - date.day + 1)]
    return not is_rest(shape, day) and sum(not is_rest(shape, each) for each in left) < 2


def is_month_begin(shape: Shape, day: int) -> bool:
    """The first working day of a month."""
    date = shape.begin + timedelta(days=day)
    return not is_rest(shape, day) and all(is_rest(shape, day - back) for back in range(1, date.day))


def shift_of(shape: Shape, kind: str, number: int, day: int, random: Random) -> Span | None:
    """When somebody works on a day; None for a day off. `number` spreads people over the roster."""
    if kind == "rotation":
        if (number * 3 + day * 2) % 7 < 2:
            return None
        begin = (6, 14, 22)[(number + day // 7) % 3 if number % 5 else 0]
        return begin * HOUR + int(random.uniform(0, 12) * MINUTE), (begin + 8) * HOUR
    if kind == "counter":
        if day % 7 == 6 or day in shape.holidays or (day % 7 == 5 and number % 3):
            return None
        begin = 7 if (number + day // 7) % 2 else 12
        return begin * HOUR + int(random.uniform(0, 20) * MINUTE), (begin + 8) * HOUR
    if is_rest(shape, day):
        return None
    begin_at = 7 * HOUR + int(random.triangular(0, 150, 50)) * MINUTE
    return begin_at, begin_at + int((8.4 if kind == "office" else 9.5) * HOUR)


def moments(span: Span, number: int, random: Random) -> list[Micros]:
    """That many moments within a shift, in order, lying as a day's work lies."""
    begin, end = span
    step = (end - begin) / len(_COURSE)
    tenths = random.choices(range(len(_COURSE)), cum_weights=_SUMS, k=number)
    return sorted(begin + int((tenth + random.random()) * step) for tenth in tenths)

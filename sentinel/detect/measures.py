"""What a correlation reads off a window besides a count: sums, averages, medians, percentiles, which rules are there.

A measure is a function of the window's values, as they stand in its entries; numbers stand there as the bits of a
double. Sums are exact in the last digit (`math.fsum`), whatever order the events came in. A percentile is the nearest
rank: the smallest value that at least so many per cent of the values do not exceed.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from struct import Struct
from typing import TypeAlias

from sentinel.detect.fields import single
from sentinel.detect.rules import Correlation
from sentinel.detect.values import to_number

Measure: TypeAlias = "Callable[[array[int], array[int]], float]"
"""The values and the times of a window's entries, in order of time -> what the condition compares."""

_double = Struct("=d")
_bits = Struct("=q")

NUMERIC = frozenset({"value_sum", "value_avg", "value_median", "value_percentile"})
TEMPORAL = frozenset({"temporal", "temporal_ordered"})


def bits_of(value: object) -> int | None:
    """A field's number as it stands in an entry; None where it is no finite number."""
    words = single(value)
    number = None if words is None else to_number(words)
    return None if number is None else int(_bits.unpack(_double.pack(number))[0])


def measure_of(rule: Correlation) -> Measure | None:
    """How the rule reads a window; None for plain counts, which windows keep by themselves."""
    if rule.kind in NUMERIC:
        return _NUMBERS[rule.kind](rule.percentile)
    if rule.kind == "temporal" and rule.expression is not None:
        return _expressed(rule)
    if rule.kind == "temporal":
        return lambda values, _: len(set(values))
    if rule.kind == "temporal_ordered":
        return _ordered(len(rule.order))
    return None


def _numbers(values: array[int]) -> array[float]:
    numbers: array[float] = array("d")
    numbers.frombytes(values.tobytes())
    return numbers


def _median(values: Sequence[float]) -> float:
    ranked, half = sorted(values), len(values) // 2
    return ranked[half] if len(ranked) % 2 else (ranked[half - 1] + ranked[half]) / 2


def _percentile(percent: int) -> Measure:
    def measure(values: array[int], _: array[int]) -> float:
        ranked = sorted(_numbers(values))
        return ranked[max(0, math.ceil(percent / 100 * len(ranked)) - 1)]

    return measure


_NUMBERS: Mapping[str, Callable[[int], Measure]] = {
    "value_sum": lambda _: lambda values, _: math.fsum(_numbers(values)),
    "value_avg": lambda _: lambda values, _: math.fsum(_numbers(values)) / len(values),
    "value_median": lambda _: lambda values, _: _median(_numbers(values)),
    "value_percentile": _percentile,
}


def _expressed(rule: Correlation) -> Measure:
    """1 where the expression over the rules' presence holds, else 0."""
    expression, order = rule.expression, rule.order
    assert expression is not None

    def measure(values: array[int], _: array[int]) -> float:
        present = set(values)
        return float(expression({key for number, key in enumerate(order) if number in present}))

    return measure


def _ordered(rules: int) -> Measure:
    """How many of the rules, from the first on, matched one not before the other. Those of one moment may come in any
    order (the specification asks for an order that does not decrease).
    """

    def measure(values: array[int], times: array[int]) -> float:
        reached = 0
        for _, moment in groupby(zip(times, values, strict=True), key=itemgetter(0)):
            present = {value for _, value in moment}
            while reached in present:
                reached += 1
        return min(reached, rules)

    return measure

"""Weak evidence of several kinds about one group, added up: each rule counts once, with its weight.

The sum is compared with `least`; what it is made of is said with the finding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import Field

from sentinel.detect.part import Part
from sentinel.detect.unusual.judge import Judge


class ScorePart(Part):
    """How much each rule's finding weighs (1 where nothing is said), and what the sum must reach. With `again`, a rule
    that matched several times in the window weighs so much more for each time, up to twice its weight.
    """

    least: float = Field(gt=0, le=1_000_000)
    weights: dict[str, float] = Field(default_factory=dict)
    again: float = Field(0, ge=0, le=1)


class Scores(Judge[None]):
    """Adds up what stands in a window. It knows nothing but the window."""

    kind = "score"

    def __init__(self, part: ScorePart, rules: Sequence[str]) -> None:
        super().__init__("", 0)
        self.part = part
        self._rules = rules
        self._words = ""

    def is_enough(self, counts: Mapping[int, int]) -> bool:
        """Whether the rules that matched, and how often, come to enough."""
        found, self._words = total(self.part, self._rules, counts)
        if self.explains:
            self.reason = {"holds": found >= self.part.least, "sum": found, "terms": self._words}
        return found >= self.part.least

    def why(self) -> str:
        return self._words


def total(part: ScorePart, rules: Sequence[str], counts: Mapping[int, int]) -> tuple[float, str]:
    """The sum over the rules in a window, by their number, and how it comes about."""
    found = 0.0
    words = []
    for number in sorted(counts):
        weight = part.weights.get(rules[number], 1.0)
        times = counts[number]
        each = weight * min(2.0, 1 + part.again * (times - 1))
        found += each
        words.append(f"{rules[number]} {each:g}" + (f" ({times} times)" if times > 1 else ""))
    return round(found, 9), f"{' + '.join(words)} = {found:g}, and {part.least:g} is enough"

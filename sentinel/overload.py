"""What is done when the daemon falls behind: logs with personal data are read first, rules in shadow are left out.

Rule of this file: no rule that may open a case is ever left out, and what is left out is said.
"""

from __future__ import annotations

import logging

from sentinel.detect.engine import Engine
from sentinel.detect.rules import RuleSet
from sentinel.metrics import Metrics
from sentinel.model import Mode
from sentinel.sources import Sources
from sentinel.web.readiness import Readiness

_log = logging.getLogger(__name__)

BEHIND = 256 * 1024 * 1024
"""Unread bytes at which the daemon says that it is behind."""

CAUGHT_UP = BEHIND // 4
"""Unread bytes at which it is no longer."""


class Overload:
    """Looks, once in a while, at how much is unread, and eases the load of one engine while it is too much."""

    def __init__(self, engine: Engine, sources: Sources, metrics: Metrics, readiness: Readiness) -> None:
        self._engine = engine
        self._sources = sources
        self._metrics = metrics
        self._readiness = readiness
        self._shadow = shadow_rules(engine.rules)
        self._paused = 0
        self.is_behind = False

    def look(self, unread: int) -> None:
        """So many bytes are unread now. Each time that it is still too much, twice as many rules are left out."""
        was_behind = self.is_behind
        self.is_behind = unread > (CAUGHT_UP if was_behind else BEHIND)
        paused = min(len(self._shadow), 2 * self._paused or 1) if self.is_behind else 0
        if paused != self._paused:
            self._pause(paused)
        if self.is_behind != was_behind:
            self._sources.prefer(self._personal() if self.is_behind else frozenset())
            _log.warning("reading is behind" if self.is_behind else "reading has caught up", extra={"unread": unread})
        self._metrics.behind.set(self.is_behind)
        if self.is_behind:
            what = f"; {paused} rules in shadow are left out" if paused else ""
            self._readiness.not_ready("behind", f"{unread} bytes are written and not yet judged{what}")
        else:
            self._readiness.ready("behind")

    def _personal(self) -> frozenset[str]:
        return frozenset(name for name, lane in self._engine.lanes.items() if lane.has_entries)

    def _pause(self, count: int) -> None:
        self._paused = count
        numbers = frozenset(self._shadow[len(self._shadow) - count :])
        for lane in self._engine.lanes.values():
            lane.pause(numbers)
        if count:
            _log.warning("rules in shadow are left out until reading has caught up", extra={"rules": count})


def shadow_rules(rules: RuleSet) -> tuple[int, ...]:
    """Numbers of the detections without which no case is missed: in shadow, or counted by rules in shadow alone."""
    by_key = {each.about.key: each for each in rules.correlations}
    waiting = [each for each in rules.correlations if each.about.mode is Mode.ENFORCE]
    counted: set[str] = set()
    seen: set[str] = set()
    while waiting:
        each = waiting.pop()
        if each.about.key not in seen:
            seen.add(each.about.key)
            counted.update(rule.about.key for rule in each.rules)
            waiting += [by_key[key] for key in each.chained if key in by_key]
    return tuple(
        number
        for number, rule in enumerate(rules.detections)
        if rule.about.key not in counted and (rule.about.mode is Mode.SHADOW or rule.about.key in rules.silent)
    )

"""Why a rule did or did not fire on a record: the matcher itself, asked about each of its parts.

Every verdict here is given by the very functions that judge in the daemon; nothing is decided a second time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sentinel.clock import rfc3339
from sentinel.detect import route
from sentinel.detect.correlate import Tally
from sentinel.detect.engine import Engine
from sentinel.detect.lane import Match
from sentinel.detect.match import because, test
from sentinel.detect.rules import Detection
from sentinel.durations import show
from sentinel.model import Block, Event, LogSource

ACCESS = "access."


class Explainer:
    """Explains records one after the other; windows fill as they would in a run over the same records."""

    def __init__(self, engine: Engine, rules: Sequence[str]) -> None:
        self._engine = engine
        self._wanted = frozenset(rules)
        for judge in engine.judges.all:
            judge.explains = True
        self._suppressed: dict[str, str] = {}

    def records(self, block: Block) -> Iterator[dict[str, Any]]:
        """One explanation for each record of the block."""
        self._engine.streams.note(block.source, block.stream, block.path)
        lane = self._engine.lanes[block.source]
        for start, end in lane.records(block):
            match = lane.judge_alone(block, start, end)
            if match is not None:
                yield self._engine.redaction.value(self._record(match, block.offset + start))

    def _record(self, match: Match, offset: int) -> dict[str, Any]:
        event = match.event
        lane = self._engine.lanes[event.block.source]
        for judge in self._engine.judges.all:
            judge.reason = {}
        fired = {finding.rule: finding for finding in self._engine.correlate((match,), None) if not finding.update}
        self._engine.settle()
        fields = {name: value for name, value in event.fields.items() if not name.startswith(ACCESS)}
        access = {name: value for name, value in event.fields.items() if name.startswith(ACCESS)}
        return {
            "offset": offset,
            "format": lane.view.format.name if event.parsed else None,
            "time": rfc3339(event.time, event.digits),
            "fields": fields,
            "logsource": _dimensions(lane.view.logsource),
            "access": access or None,
            "rules": list(self._rules(match, frozenset(fired))),
        }

    def _rules(self, match: Match, fired: frozenset[str]) -> Iterator[dict[str, Any]]:
        rules = self._engine.rules
        for number, rule in enumerate(self._engine.lanes[match.event.block.source].detections):
            if self._is_wanted(rule.about.key, rule.about.id):
                yield self._detection(number, rule, match, fired)
        for tally in self._engine.tallies:
            about = tally.rule.about
            if self._is_wanted(about.key, about.id) and tally.rule in rules.correlations:
                yield self._correlation(tally, match, fired)

    def _is_wanted(self, key: str, identity: str | None) -> bool:
        return not self._wanted or key in self._wanted or identity in self._wanted

    def _detection(self, number: int, rule: Detection, match: Match, fired: frozenset[str]) -> dict[str, Any]:
        event = match.event
        source = self._engine.lanes[event.block.source].view.logsource
        is_routed = route.fits(rule.logsource, source)
        matched = number in match.rules
        filters = [
            {
                "filter": each.about.key,
                "excepts": not test(each.condition)(event),
                "selections": {name: _selection(part, event) for name, part in each.selections.items()},
            }
            for each in rule.filters
        ]
        return {
            "rule": rule.about.key,
            "matched": matched,
            "routed": is_routed,
            "selections": {name: _selection(part, event) for name, part in rule.selections.items()},
            "filters": filters,
            "window": None,
            "unusual": self._unusual(rule.about.key),
            "fired": rule.about.key in fired,
            "suppressed_by": self._usual(rule.about.key)
            or _why_silent(
                rule.about.key in fired, matched, silent=rule.about.key in self._engine.rules.silent, filters=filters
            ),
        }

    def _correlation(self, tally: Tally, match: Match, fired: frozenset[str]) -> dict[str, Any]:
        rule = tally.rule
        counted = {self._engine.rules.detections[number].about.key for number in match.rules}
        feeds = sorted(counted & {each.about.key for each in rule.rules})
        window = self._window(tally, match) if feeds else None
        has_fired = rule.about.key in fired
        why = None
        if rule.bounds is not None and window is not None:
            why = "it is judged when the window is over"
        elif window is not None and window["value"] >= rule.threshold and not has_fired:
            why = "the episode is going on"
        return {
            "rule": rule.about.key,
            "matched": bool(feeds),
            "routed": True,
            "selections": {each.about.key: {"matched": each.about.key in feeds, "because": []} for each in rule.rules},
            "filters": [],
            "window": window,
            "unusual": self._unusual(rule.about.key),
            "fired": has_fired,
            "suppressed_by": self._usual(rule.about.key) or why,
        }

    def _unusual(self, rule: str) -> dict[str, Any] | None:
        """What each judge of the rule went by; None where none was asked."""
        return {each.kind: each.reason for each in self._engine.judges.of_rule.get(rule, ()) if each.reason} or None

    def _usual(self, rule: str) -> str | None:
        found = self._unusual(rule) or {}
        return "it is not unusual" if any(not reason.get("holds", True) for reason in found.values()) else None

    def _window(self, tally: Tally, match: Match) -> dict[str, Any] | None:
        values, key = self._engine.group(match, tally)
        if values is None:
            return None
        group = tally.groups.get(key)
        is_estimate = group is not None and group.window.is_estimate(match.event.time - tally.rule.timespan)
        return {
            "group": dict(zip(tally.rule.group_by, values, strict=True)),
            "value": group.window.size if group is not None else 0,
            **({"value_is_estimate": True} if is_estimate else {}),
            "threshold": tally.rule.threshold if tally.rule.bounds is None else str(tally.rule.bounds),
            "spans": show(tally.rule.timespan),
        }


def _selection(part: Any, event: Event) -> dict[str, Any]:
    return {"matched": test(part)(event), "because": because(part, event)}


def _dimensions(source: LogSource) -> dict[str, str]:
    named = (("category", source.category), ("product", source.product), ("service", source.service))
    return {name: value for name, value in named if value is not None}


def _why_silent(fired: bool, matched: bool, *, silent: bool, filters: list[dict[str, Any]]) -> str | None:
    if fired:
        return None
    excepted = next((each["filter"] for each in filters if each["excepts"]), None)
    if excepted is not None and not matched:
        return f"the filter {excepted}"
    if matched and silent:
        return "it only feeds correlations"
    return "an earlier finding, for a while" if matched else None

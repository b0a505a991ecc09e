"""What a lost stretch of a log is to people: once an episode, a finding of the watch itself.

Rules of this file: every gap is written down and counted; people hear of an episode once. A source is one that holds
personal data where the inventory says so: there a loss may hide a breach, and opens a case; elsewhere it is noted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from sentinel.clock import HOUR, MINUTE, Micros
from sentinel.detect.lane import Lane
from sentinel.model import Finding, Gap, Level
from sentinel.ownfindings import own_finding

RULE = "sentinel_log_lost"
QUIET: Micros = HOUR
"""A loss so long after the one before is another episode."""

STOPPED: Micros = 5 * MINUTE
"""A source that cannot be read for so long has stopped."""

SILENT, UNREADABLE = "silent", "unreadable"
REASONS = ("generation_lost", "truncated", "shortened", "damaged", "cursor_lost", UNREADABLE, SILENT)
"""Of what gaps there are."""

_TITLES: Mapping[str, str] = {
    SILENT: "A source has been silent for longer than it ever should",
    UNREADABLE: "A source cannot be read",
}
_LOST = "Part of a log was gone before it could be read"


def may_be_personal(lanes: Mapping[str, Lane]) -> Callable[[str], bool]:
    """Whether a source holds personal data; one whose format is not known yet may hold some."""
    return lambda source: source not in lanes or lanes[source].has_entries


class Losses:
    """Which gaps begin an episode. `is_personal` says whether a source holds personal data, or may hold some."""

    def __init__(self, is_personal: Callable[[str], bool]) -> None:
        self._is_personal = is_personal
        self._last: dict[tuple[str, str], Micros] = {}

    def findings(self, gap: Gap, now: Micros) -> list[Finding]:
        """The finding that the gap begins; none within an episode of its source and reason."""
        key = (gap.source, gap.reason)
        last = self._last.get(key)
        self._last[key] = now
        if last is not None and 0 <= now - last < QUIET:
            return []
        is_personal = self._is_personal(gap.source)
        found = own_finding(
            RULE,
            _TITLES.get(gap.reason, _LOST),
            Level.MEDIUM if is_personal else Level.LOW,
            now,
            f"{gap.reason} {gap.stream} {gap.start}",
            source=gap.source,
            opens_case=is_personal,
        )
        # All losses of one source are one case, as long as nobody has decided on it.
        return [replace(found, case_key=(("rule", RULE), ("source", gap.source))) if is_personal else found]


class Stops:
    """Which sources have stopped: they cannot be read, or nothing comes from them for longer than was said."""

    def __init__(self, silences: Mapping[str, Micros], now: Micros) -> None:
        self._silences = dict(silences)
        self._began = now
        self._since: dict[str, Micros] = {}
        self._told: dict[str, str] = {}

    def look(self, troubles: Mapping[str, str], heard: Mapping[str, Micros | None], now: Micros) -> list[Gap]:
        """What has stopped since it was last asked, each once until it goes on."""
        found = []
        for name in {*heard, *troubles}:
            reason = self._reason(name, troubles, heard, now)
            if reason and self._told.get(name) != reason:
                found.append(Gap(source=name, stream=0, path="", reason=reason, start=0, end=None))
            self._told[name] = reason
        return sorted(found, key=lambda gap: gap.source)

    def _reason(self, name: str, troubles: Mapping[str, str], heard: Mapping[str, Micros | None], now: Micros) -> str:
        if name not in troubles:
            self._since.pop(name, None)
            longest = self._silences.get(name)
            last = heard.get(name) or self._began
            return SILENT if longest is not None and now - last >= longest else ""
        since = self._since.setdefault(name, now)
        if now < since:
            self._since[name] = now
        return UNREADABLE if now - since >= STOPPED else ""

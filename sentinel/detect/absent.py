"""Correlations that fire for groups of which nothing came, and rules for whole sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from sentinel.clock import Micros
from sentinel.detect import findings, route
from sentinel.detect.correlate import Tally
from sentinel.detect.counters import SEPARATOR, HashText
from sentinel.detect.course import clear
from sentinel.detect.entries import Entry
from sentinel.detect.episodes import Episode, Fired
from sentinel.detect.fields import Getter
from sentinel.detect.lane import Lane
from sentinel.detect.rules import Correlation, Detection
from sentinel.detect.unusual.absence import Absence
from sentinel.model import Event, Finding


class AbsentTally(Tally):
    """Hears of events and keeps no window of them: what is missing is told as time passes."""

    def __init__(self, rule: Correlation, absence: Absence) -> None:
        super().__init__(rule)
        self.looks = True
        self._absence = absence

    def look(self, key: int, names: Sequence[tuple[str, Getter]], event: Event) -> None:
        block, values = event.block, clear(event.fields, names)
        is_historical = event.time < block.historical_before
        self._absence.hear(key, values, event.time, block.source, is_historical=is_historical)

    def insert(self, key: int, entry: Entry, floor: Micros) -> Fired | Episode | None:  # noqa: ARG002  (nothing is counted)
        return None


class Absences:
    """Everything of a set of rules that may fall silent."""

    def __init__(self, hash_text: HashText) -> None:
        self._of_groups: list[tuple[Correlation, Absence]] = []
        self._of_sources: list[tuple[Detection, Absence]] = []
        self._hash = hash_text

    def __bool__(self) -> bool:
        return bool(self._of_groups or self._of_sources)

    def note(self, rule: Correlation | Detection, absence: Absence) -> None:
        """The rule is to be asked."""
        if isinstance(rule, Correlation):
            self._of_groups.append((rule, absence))
        else:
            self._of_sources.append((rule, absence))

    def findings(self, until: Micros, lanes: Mapping[str, Lane]) -> Iterator[Finding]:
        """What has been silent for long enough by that time and was not told of."""
        for rule, absence in self._of_groups:
            for heard in absence.missed(until - absence.late):
                group = tuple(zip(rule.group_by, heard.values, strict=False))
                yield findings.of_absence(rule.about, group, heard, absence.silence)
        for each, absence in self._of_sources:
            self._hear(each, absence, lanes.values(), until)
            for heard in absence.missed(until):
                yield findings.of_absence(each.about, (("source", heard.values[0]),), heard, absence.silence)

    def _hear(self, rule: Detection, absence: Absence, lanes: Iterable[Lane], until: Micros) -> None:
        """How far each source of the rule's kind of log has come."""
        for lane in lanes:
            name = lane.view.name
            wanted = name in absence.part.expect if absence.part.expect else True
            if wanted and route.fits(rule.logsource, lane.view.logsource):
                if lane.last_event is not None:
                    absence.hear(self._hash(SEPARATOR.join((name,))), (name,), lane.last_event, name)
                else:
                    absence.expect((name,), until)

"""Scenarios: a log, and what must come of it, told in a file and run through the real pipeline on a set clock.

The clock stands at each record's own time while the log is read, so that cases are detected when their records were
written; after the log it moves on to every moment at which a case is due. Nothing is stored and nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sentinel import files, formats, inventory, rulebook, schema
from sentinel.cases.book import Book
from sentinel.cases.clocks import earliest
from sentinel.cases.options import CaseOptions
from sentinel.channels.base import Attempt, Outcome, Sent
from sentinel.clock import Micros, from_datetime, rfc3339
from sentinel.detect.engine import Engine
from sentinel.detect.lane import SourceView
from sentinel.durations import Duration
from sentinel.formats.base import FormatError, FormatOptions
from sentinel.model import Block, Case, Finding, Gap, LogSource, Notification, Position
from sentinel.pipeline import Pipeline
from sentinel.problems import Problem, Span, Unusable
from sentinel.settings import LogSourcePart
from sentinel.sources.history import read_history
from sentinel.store.batch import Batch
from sentinel.telling import Telling
from sentinel.zones import ZoneName
from sentinel.zones import read as read_zone

FILE = "scenario.yml"
"""What a scenario's file is called, in a folder of its own beside its log."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class CaseExpected(_Part):
    """What one case must be; only what is written is compared. `group` is the finding's group, in clear."""

    rule: str
    group: dict[str, str] | None = None
    subjects: int | None = None
    findings: int | None = None
    level: str | None = None
    deadline: str | None = None


class Expectation(_Part):
    """What must hold when the log has been read up to `at` (RFC 3339), or `after` so long since the first case."""

    at: str | None = None
    after: Duration | None = None
    case: CaseExpected | None = None
    cases: int | None = Field(None, ge=0)
    owed: tuple[str, ...] | None = None


class Scenario(_Part):
    """A scenario's file. Paths are relative to it; without `rules` the shipped ones are used."""

    name: str
    log: str
    rules: tuple[str, ...] = ()
    inventory: str | None = None
    format: str | dict[str, Any] = formats.AUTO
    logsource: LogSourcePart = LogSourcePart()
    timezone: ZoneName = "UTC"
    expect: tuple[Expectation, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """How a scenario went: `why` is empty where everything was as expected."""

    name: str
    why: str


def run(path: Path) -> Rehearsed:
    """Run the scenario in that file. Raises Unusable where it, its rules or its inventory have an error."""
    documents, problems = files.documents(path)
    part = None
    if documents:
        part, more = schema.validate(documents[0], Scenario, "S001")
        problems = [*problems, *more]
    if part is None or any(problem.is_error for problem in problems):
        raise Unusable(problems)
    stage = _Stage(part, path.parent)
    for expectation in part.expect:
        why = stage.check(expectation)
        if why:
            return Rehearsed(part.name, why)
    return Rehearsed(part.name, "")


MANY = 1_000_000
"""News a minute that is told case by case: a scenario asks for each."""


class _Stage:
    """The pipeline of one scenario, and how far it has come."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        self._queue: list[Block] = []
        self._findings: list[Finding] = []
        self._owed: list[str] = []
        self._now: Micros = 0
        engine = _engine(scenario, folder)
        self._lines = _lines(engine, folder / scenario.log, scenario)
        self._ahead: tuple[Micros, Block] | None = None
        self._pipeline = Pipeline(
            engine=engine,
            blocks=self,
            book=Book(),
            records=self,
            names=self,
            options=CaseOptions(),
            telling=Telling({"scenario": self}, lambda _: ("scenario",), MANY),
        )

    # --- what the pipeline is given: blocks, a store that forgets, names as they are, a channel that notes ---------

    name = "scenario"

    def read(self, now: Micros) -> Block | None:  # noqa: ARG002  (one of the pipeline's parts)
        return self._queue.pop(0) if self._queue else None

    def reread(self, source: str, stream: int, offset: int, length: int) -> bytes | None:  # noqa: ARG002  (as above)
        return None

    def gaps(self) -> list[Gap]:
        return []

    def forgotten(self) -> list[tuple[str, int]]:
        return []

    def commit(self, batch: Batch) -> None: ...

    def subjects(self, case_id: str) -> set[int]:  # noqa: ARG002  (as above)
        return set()

    def case_of_finding(self, finding_id: str) -> str | None:  # noqa: ARG002  (as above)
        return None

    def hash64(self, text: str) -> int:
        return hash(text)

    def pseudonym(self, kind: str, value: str) -> str:  # noqa: ARG002  (as above)
        return value

    def render(self, notification: Notification) -> bytes:
        self._owed.append(notification.key.rpartition("/")[2])
        return b""

    def send(self, attempt: Attempt) -> Outcome:  # noqa: ARG002  (as above)
        return Sent()

    # --- going on ------------------------------------------------------------------------------------------------

    def check(self, expectation: Expectation) -> str:
        """Go on to where the expectation is, and say what is not as expected."""
        if expectation.at is not None:
            moment = _moment(expectation.at)
            self._read_until(moment)
            self._wait_until(moment)
        else:
            self._read_until(None)
            if expectation.after is not None and len(self._pipeline.book):
                first = min(case.detected_at for case in self._pipeline.book)
                self._wait_until(first + expectation.after)
        return "; ".join(self._differences(expectation))

    def _read_until(self, moment: Micros | None) -> None:
        while True:
            self._ahead = self._ahead or next(self._lines, None)
            if self._ahead is None or (moment is not None and self._ahead[0] > moment):
                return
            time, block = self._ahead
            self._ahead = None
            self._wait_until(time)
            self._queue.append(block)
            self._step()

    def _wait_until(self, moment: Micros) -> None:
        """Let the clock stop wherever something is due."""
        while (due := self._pipeline.book.next_due()) is not None and self._now < due <= moment:
            self._now = due
            self._step()
        if moment > self._now:
            self._now = moment
            self._step()

    def _step(self) -> None:
        self._pipeline.step(self._now)
        self._pipeline.commit(self._now)
        self._findings += [each for each in self._pipeline.findings if not each.update]
        self._pipeline.findings.clear()

    def _differences(self, wanted: Expectation) -> Iterator[str]:
        cases = list(self._pipeline.book)
        at = rfc3339(self._now)
        if wanted.cases is not None and len(cases) != wanted.cases:
            yield f"at {at} there are {len(cases)} cases and must be {wanted.cases}"
        if wanted.owed is not None and tuple(self._owed) != wanted.owed:
            yield f"at {at} owed are {', '.join(self._owed) or 'nothing'} and must be {', '.join(wanted.owed)}"
        if wanted.case is not None:
            near = [self._unlike(case, wanted.case) for case in cases]
            if not near:
                yield f"at {at} there is no case"
            elif all(near):
                yield f"at {at} {min(near, key=len)}"

    def _unlike(self, case: Case, wanted: CaseExpected) -> str:
        """In what the case is not as wanted; empty where it is."""
        groups = [dict(each.group) for each in self._findings if each.rule == wanted.rule]
        deadline = earliest(case)
        facts = (
            ("rule", wanted.rule, wanted.rule if wanted.rule in case.rules else ", ".join(case.rules)),
            ("group", wanted.group, wanted.group if wanted.group in groups else groups),
            ("subjects", wanted.subjects, case.subjects),
            ("findings", wanted.findings, case.findings),
            ("level", wanted.level, case.level.word),
            ("deadline", wanted.deadline, None if deadline is None else rfc3339(deadline.deadline_at)),
        )
        unlike = [
            f"{name} is {found} and must be {value}" for name, value, found in facts if value not in (None, found)
        ]
        return f"case {case.id}: {', '.join(unlike)}" if unlike else ""


def _moment(text: str) -> Micros:
    """Microseconds of RFC 3339 text. Raises Unusable for any other."""
    try:
        return from_datetime(datetime.fromisoformat(text))
    except (ValueError, TypeError):
        hint = "RFC 3339 with an offset: 2026-03-04T02:11:09Z"
        raise Unusable([Problem(Span(FILE), "S001", f"'{text}' is no moment", hint)]) from None


def _engine(scenario: Scenario, folder: Path) -> Engine:
    paths = [folder / each for each in scenario.rules] or [files.shipped("rules")]
    found: inventory.Inventory | None = None
    problems: list[Problem] = []
    if scenario.inventory is not None:
        content, problems = files.read(folder / scenario.inventory)
        if not problems:
            found, problems = inventory.parse(content, str(folder / scenario.inventory))
    book, more = rulebook.read(files.rule_files(paths), found)
    if any(problem.is_error for problem in (*problems, *more)):
        raise Unusable([*problems, *more])
    return book.engine([], b"scenario")


def _lines(engine: Engine, path: Path, scenario: Scenario) -> Iterator[tuple[Micros, Block]]:
    """Each record as a block of its own, with its time."""
    source = scenario.logsource
    for whole in read_history(str(path), "scenario", 1):
        if "scenario" not in engine.lanes:
            spec = scenario.format if scenario.format != formats.AUTO else formats.sniff(whole.data[:65536])[0]
            options = FormatOptions(timezone=read_zone(scenario.timezone))
            try:
                log = formats.make(spec, options)
            except FormatError as error:
                raise Unusable([Problem(Span(str(path)), "C020", error.message, error.hint)]) from None
            named = LogSource(source.category, source.product, source.service)
            engine.open_lane(SourceView("scenario", log, named))
        offset = whole.offset
        for line in whole.data.splitlines(keepends=True):
            position = Position(source="scenario", stream=1, state="")
            block = replace(whole, data=line, offset=offset, position=position)
            offset += len(line)
            yield engine.lanes["scenario"].first_time(block), block


def find(paths: Sequence[Path]) -> list[Path]:
    """Every scenario's file below the paths."""
    return sorted({found for path in paths for found in ([path] if path.name == FILE else path.rglob(FILE))})

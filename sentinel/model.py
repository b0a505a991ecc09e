"""The nouns, each once: block, event, finding, case, clock, notification. Values only: no I/O, no time, no behaviour.

Rules of this file: everything but `Event`, filled in place, is frozen; times are microseconds in UTC; only `clock` and
`link` of ours are imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, Literal

import msgspec

from sentinel.clock import Micros
from sentinel.link import Link

# --- from a source -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far one stream of one source has been read and judged.

    A stream is one generation of one file (or one journal, or one index): a number the source gives it, unique
    within the source's stored positions. `state` is the source's own JSON text; the store does not look inside.
    """

    source: str
    stream: int
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Whole records of one stream, in the order they were written.

    `data` ends with a newline unless it is empty. Each line is a record, unless `starts` gives the offsets in `data`
    at which records begin. `offset` is the uncompressed byte offset of `data[0]` in the stream. `path` is the name to
    show. `position` is to be stored once the block is judged. Events older than `historical_before` happened before
    Sentinel was first started here. `reference` is a moment none of the records can be later than by more than a
    day (the time of reading, or the file's own last change): it gives the year to formats that do not write one.
    `flags` is what is to be said of the last record: `truncated`, `unterminated`.
    """

    source: str
    stream: int
    path: str
    offset: int
    data: bytes
    position: Position
    reference: Micros
    starts: tuple[int, ...] | None = None
    historical_before: Micros = 0
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Bytes that were written but could not be read any more, and why (`generation_lost`, `truncated`, …)."""

    source: str
    stream: int
    path: str
    reason: str
    start: int
    end: int | None


@dataclass(frozen=True, slots=True)
class LogSource:
    """What Sigma calls the log source: which kind of log a rule is for, and which kind a source is."""

    category: str | None = None
    product: str | None = None
    service: str | None = None


# --- from a record -----------------------------------------------------------------------------------------


class Event(msgspec.Struct, eq=False, gc=False):
    """A parsed record. `fields` is as the format decoded it, in ECS names, never flattened.

    `time` is the event time; `digits` is how many fractional digits of a second the log wrote (0 to 6). `start` and
    `end` delimit the record inside `block.data`, without its newline. `parsed` is false when no format could read the
    record; such an event has the field `message` alone. (A struct is made in half the time of an object with slots.)
    """

    fields: dict[str, Any]
    time: Micros
    digits: int
    block: Block
    start: int
    end: int
    parsed: bool = True

    @property
    def raw(self) -> bytes:
        """The record's own bytes, without its newline."""
        return self.block.data[self.start : self.end]


# --- from the engine ---------------------------------------------------------------------------------------


class Level(IntEnum):
    """Sigma's levels, in order."""

    INFORMATIONAL = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4

    @property
    def word(self) -> str:
        """As written in rules and shown to people."""
        return self.name.lower()


class Mode(StrEnum):
    """A rule in shadow is judged and counted but opens no case."""

    ENFORCE = "enforce"
    SHADOW = "shadow"


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where one record stands: uncompressed bytes of a stream. `path` is the name to show."""

    source: str
    stream: int
    path: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One event of a detection, or one episode of a correlation for one group.

    The same `id` may come again with `update` set: the episode goes on, and the numbers are its newest. `group` and
    `case_key` hold clear values (they leave memory only encrypted or as keyed hashes). `subject_hashes` are the keyed
    hashes of the data subjects seen since the finding was last given out; `subjects` is their distinct number in the
    window at that moment, None where the events name none. `because`: in what it is unusual, in words without anything
    personal. `value_is_estimate`: the window held more than is kept, and `value` is about right (as are `subjects` of
    its updates). `evidence` has at most 100 places; `evidence_total` says how many there are. `response` is what the
    rule's author says is to be done first.
    """

    id: str
    rule: str
    rule_id: str | None
    title: str
    level: Level
    mode: Mode
    group: tuple[tuple[str, str], ...]
    first_seen: Micros
    last_seen: Micros
    fired_at: Micros
    digits: int
    value: int | float
    subjects: int | None
    source: str
    evidence: tuple[Evidence, ...]
    evidence_total: int
    update: bool = False
    historical: bool = False
    opens_case: bool = True
    case_key: tuple[tuple[str, str], ...] = ()
    actors: tuple[str, ...] = ()
    actor_verified: bool = False
    systems: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    subject_hashes: tuple[int, ...] = ()
    suppressed: int = 0
    value_is_estimate: bool = False
    because: tuple[str, ...] = ()
    response: str = ""


# --- the case ----------------------------------------------------------------------------------------------


class State(StrEnum):
    """The life of a case. Which state may follow which is one table in `cases.moves`."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    NOTIFIED = "notified"
    CLOSED = "closed"
    DISMISSED = "dismissed"
    MERGED = "merged"


CaseKind = Literal["breach", "sar", "complaint"]
Role = Literal["controller", "processor", "joint"]
Risk = Literal["unlikely", "likely", "high"]
Unit = Literal["hours", "days", "working_days", "months"]
Roll = Literal["none", "working_day", "noon"]
Phase = Literal["initial", "supplement", "final", "withdrawal"]
Anchor = Literal["detected", "aware", "classified", "received", "step"]
When = Literal["always", "controller", "processor", "high_risk"]


@dataclass(frozen=True, slots=True)
class Counting:
    """How a deadline follows from its start, as the case was opened with it: `amount` of a `unit`.

    Hours are elapsed hours in UTC. Days, working days and months are days of the calendar in `zone` and end with the
    last second of the last day; the day of the start is not counted unless `first_day` says so. An end that is no
    working day of `calendar` (such as "DE-BE"; "" knows weekends alone) moves as `roll` says: to the end of the next
    working day, or to its noon. `cap_hours` is the other limit of a step that has two: hours after awareness.
    """

    amount: int
    unit: Unit = "hours"
    roll: Roll = "none"
    first_day: bool = False
    cap_hours: int | None = None
    zone: str = "UTC"
    calendar: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One step of one regime, counting down for one case, as that regime stood (`version`) when the case opened.

    `anchor` names the moment from which it counts, and `after` the step of the same regime that comes before it. The
    deadline is `provisional` until that moment is known for good; a step that waits for an earlier one has the latest
    deadline it can get. `is_legal` is False where the law names no number and the deadline is an inner target.
    `met_at` is when the duty was done, `waived_at` when somebody decided that it is not owed here. `extension` is the
    amount the period may still be extended to. `reminded` are the milestones already owed, each once, ever.
    """

    regime: str
    step: str
    starts_at: Micros
    counting: Counting
    deadline_at: Micros
    provisional: bool
    version: int = 1
    anchor: Anchor = "aware"
    after: str = ""
    when: When = "always"
    recipient: str = ""
    basis: str = ""
    is_legal: bool = True
    reads_1182: bool = True
    extension: int | None = None
    met_at: Micros | None = None
    waived_at: Micros | None = None
    reminded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Notice:
    """That somebody outside was told, in one phase (Art. 33(4) GDPR). `reference` is the recipient's own."""

    regime: str
    step: str
    phase: Phase
    at: Micros
    recorded_at: Micros
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """Something to be done in a case; its text is in the audit trail, for it may name somebody."""

    number: int
    due_at: Micros | None = None
    done_at: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorbed:
    """A case merged into another one, what it brought, and what the other one was before: enough to undo it."""

    case_id: str
    findings: int
    rules: tuple[str, ...]
    systems: tuple[str, ...]
    categories: tuple[str, ...]
    level: Level
    level_before: Level
    aware_before: Micros | None
    aware_after: Micros | None
    detected_before: Micros
    occurred_before: tuple[Micros, Micros]
    occurred_after: tuple[Micros, Micros]
    clocks_before: tuple[Clock, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A breach, or what may be one. Holds nothing personal: pseudonyms, counts, names of rules and systems.

    `told_subjects`: the people in the last message that was owed because the case opened, rose or grew. `reopened`:
    how often a decision was taken back. `dormant`: clocks of duties that do not exist as the case stands (no high risk
    decided, another role). `received_at` is when a request came in, `classified` when a person decided, by regime,
    that its law means the case, `rated` what they said of severity. `held_at`: since when nothing may be destroyed;
    `destroyed_at`: when it was. `absorbed` are cases merged into this one, `escalated` what nobody reacted to.
    """

    id: str
    title: str
    state: State
    level: Level
    key: tuple[tuple[str, str], ...]
    key_hash: int
    rules: tuple[str, ...]
    systems: tuple[str, ...]
    categories: tuple[str, ...]
    findings: int
    subjects: int | None
    occurred_from: Micros
    occurred_to: Micros
    detected_at: Micros
    acknowledged_at: Micros | None = None
    aware_at: Micros | None = None
    notified_at: Micros | None = None
    closed_at: Micros | None = None
    historical: bool = False
    clocks: tuple[Clock, ...] = ()
    owner: str | None = None
    state_before: State | None = None
    merged_into: str | None = None
    revision: int = 0
    told_subjects: int = 0
    reopened: int = 0
    kind: CaseKind = "breach"
    received_at: Micros | None = None
    role: Role = "controller"
    risk: Risk | None = None
    rated: tuple[tuple[str, str], ...] = ()
    classified: tuple[tuple[str, Micros], ...] = ()
    dormant: tuple[Clock, ...] = ()
    dismissal: str | None = None
    notices: tuple[Notice, ...] = ()
    tasks: tuple[Task, ...] = ()
    escalated: tuple[str, ...] = ()
    absorbed: tuple[Absorbed, ...] = ()
    split_from: str | None = None
    held_at: Micros | None = None
    destroyed_at: Micros | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """What a case owes its people. `id` is stable: the same in every retry, in replay of a crash, for every channel.

    `key` names the occasion (`opened`, `24h-left`), owed once, ever. `case` is as it was then; `lines` hold no log text
    and no names. `to` are its channels, else the routes decide; `links` are those of one channel's copy.
    """

    id: str
    case: Case
    key: str
    owed_at: Micros
    headline: str
    lines: tuple[str, ...] = ()
    next_action: str = ""
    to: tuple[str, ...] = ()
    links: tuple[Link, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What a register outside is to hold of a finding, or a case (`case_id`). `id` follows from what it tells of."""

    id: str
    case_id: str
    owed_at: Micros
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """What was done, by whom, why. `detail` may hold personal data and is stored encrypted."""

    at: Micros
    who: str
    act: str
    case_id: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a decision changes: the case as it is now, what it owes, and what the audit trail says of it."""

    case: Case
    owed: tuple[Notification, ...] = ()
    audit: tuple[AuditEntry, ...] = ()
    finding: Finding | None = None

"""What is asked and answered about cases. `CaseRow` is public, see acts."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class ClockRow(TypedDict):
    """One duty of the case, as cases.clocks shows it. `remaining_seconds` is below 0 when late and None where the clock
    does not run; `state` is `running`, `overdue`, `met`, `met_late`, `waiting` (for an earlier step), `waived` or
    `stopped`. `legal` is False where the law names no number and the deadline is an inner target. `due_on` is there
    for clocks that count days, `note` where holidays were not known.
    """

    regime: str
    step: str
    deadline_at: str
    provisional: bool
    remaining_seconds: int | None
    state: str
    starts_at: NotRequired[str]
    length: NotRequired[str]
    anchor: NotRequired[str]
    legal: NotRequired[bool]
    recipient: NotRequired[str]
    basis: NotRequired[str]
    version: NotRequired[int]
    met_at: NotRequired[str]
    due_on: NotRequired[str]
    outer_limit_at: NotRequired[str]
    contested_limit_at: NotRequired[str]
    note: NotRequired[str]


class NoticeRow(TypedDict):
    """That somebody outside was told; `clock` is regime/step, "" where the case had none."""

    clock: str
    phase: str
    at: str
    reference: str | None


class TaskRow(TypedDict):
    """Something to be done; what it is stands in the timeline, with the same number."""

    number: int
    due_at: str | None
    done_at: str | None


class CaseRow(TypedDict):
    """One case, as cases.register shows it. `key` holds pseudonyms; `subjects` is None where the events name none."""

    id: str
    title: str
    state: str
    level: str
    key: dict[str, str]
    rules: list[str]
    systems: list[str]
    categories: list[str]
    subjects: int | None
    findings: int
    occurred_from: str
    occurred_to: str
    detected_at: str
    acknowledged_at: str | None
    aware_at: str | None
    notified_at: str | None
    closed_at: str | None
    historical: bool
    clocks: list[ClockRow]
    owner: str | None
    merged_into: str | None
    revision: int
    kind: str
    received_at: str | None
    received_on: str | None
    role: str
    risk: str | None
    dismissal: str | None
    split_from: str | None
    absorbed: list[str]
    notices: list[NoticeRow]
    held_at: str | None
    destroyed_at: str | None
    tasks: list[TaskRow]


class FindingRow(TypedDict):
    """One finding of a case; whom it is about is not shown. `because` says in what it is unusual."""

    finding: str
    rule: str
    level: str
    fired_at: str
    value: float
    subjects: int | None
    because: list[str]


class EvidenceRow(TypedDict):
    """Where one record stands that a finding rests on: bytes of a log, never their text."""

    finding: str
    source: str
    path: str
    offset: int
    length: int


class TimelineRow(TypedDict):
    """One entry of the audit trail. `detail` is what was decided beside the reason (clock, phase, risk, field, text);
    None where the key it was sealed with is gone.
    """

    at: str
    who: str
    act: str
    reason: str
    detail: dict[str, Any] | None


class FactorRow(TypedDict):
    """One factor of the severity; `value` is None where it is blank and lies between `low` and `high`."""

    name: str
    value: float | None
    low: float
    high: float
    why: str


class SeverityRow(TypedDict):
    """The suggestion by the method of ENISA; see cases.severity."""

    low: float
    high: float
    bands: list[str]
    arithmetic: str
    factors: list[FactorRow]
    flags: list[str]


class MessageRow(TypedDict):
    """One message the case owes or owed; `state` is `pending`, `inflight`, `sent` or `never`."""

    key: str
    channel: str
    state: str
    attempts: int
    sent_at: str | None


class CollectedRow(TypedDict):
    """What was collected around the case from one source. `cut` is what kept it from being all (`records`, `bytes`,
    `time`), "" for nothing; `unread` are files that could not be read, each with the reason.
    """

    source: str
    records: int
    bytes: int
    reached: str | None
    cut: str
    unread: list[str]


class CollectionRow(TypedDict):
    """The time (of events) around the case from which records are collected, and when that is done next, if again."""

    since: str
    until: str
    due_at: str | None
    sources: list[CollectedRow]


class CaseDetail(TypedDict):
    """All that is known of a case without revealing a person. `evidence` has the first places, `evidence_total` counts
    all. `next_action` says what to do now, with the command.
    """

    case: CaseRow
    findings: list[FindingRow]
    evidence: list[EvidenceRow]
    evidence_total: int
    collection: CollectionRow | None
    timeline: list[TimelineRow]
    messages: list[MessageRow]
    next_action: str
    severity: SeverityRow


class PartiesAnswer(TypedDict):
    """Whom the ledger of accesses is to be asked about: keyed hashes as text, those of actors with their pseudonyms;
    `people` only where no finding of the case names an actor.
    """

    case: str
    occurred_from: str
    occurred_to: str
    actors: dict[str, str]
    people: list[str]


class RegisterAnswer(TypedDict):
    """Every case whole, the oldest first, without the places of evidence and without messages."""

    cases: list[CaseDetail]


class ShowArguments(TypedDict):
    """`case` is the id, or a beginning of it that only one case has."""

    case: str


class ReasonArguments(TypedDict):
    """`case` as for ShowArguments."""

    case: str
    reason: str


class CollectAnswer(TypedDict):
    """The case whose surroundings are being collected, and what is known of that so far."""

    case: str
    collection: CollectionRow | None


class RevealArguments(TypedDict):
    """`records`: how many log records at most, from number `skip` on; with `around`, those collected around too."""

    case: str
    reason: str
    records: int
    skip: int
    around: bool


class NamedRow(TypedDict):
    """Whom a finding is about. Where the key is gone or was destroyed, nobody."""

    finding: str
    rule: str
    actors: list[str]
    group: dict[str, str]


class RecordRow(TypedDict):
    """One log record; `text` is None where its bytes are gone or destroyed. `kinds`: for one that was collected around
    the case, of what it has a trace; "" for evidence. Bytes that are no UTF-8 are shown as U+FFFD.
    """

    source: str
    path: str
    offset: int
    kinds: str
    text: str | None


class RevealAnswer(TypedDict):
    """What the case holds of people. `waits` is not None where a second person has to approve first: then it is the id
    by which they do, and nothing is shown.
    """

    case: str
    waits: str | None
    names: dict[str, str]
    findings: list[NamedRow]
    records: list[RecordRow]
    records_total: int


class ApproveArguments(TypedDict):
    """`reveal` is the id that RevealAnswer says."""

    reveal: str
    reason: str


class ApproveAnswer(TypedDict):
    """What is approved, for whom, and until when."""

    reveal: str
    case: str
    who: str
    until: str


class DestroyArguments(TypedDict):
    """With `everything`, the reasons in the audit trail go too."""

    case: str
    reason: str
    everything: bool


class OpenArguments(TypedDict):
    """A case opened by a person. `kind` is breach, sar or complaint; `received` a day, or a moment with its offset."""

    kind: str
    reason: str
    received: NotRequired[str | None]
    occurred_at: NotRequired[str | None]
    reference: NotRequired[str | None]
    level: NotRequired[str | None]


class MoveArguments(TypedDict):
    """`move` is one of MOVES; what is not required belongs to some of them, as answers.TAKES says, and all of it is
    text. Moments are RFC 3339 with an offset.

    confirm: `aware_at`, since when the controller was aware. notify: `notified_at`, when the authority was told, and
    `delay_reason` where that was late (Art. 33(1) GDPR); `clock`, which one is met, as regime/step; `phase`;
    `reference`, the recipient's own. dismiss: `code`, one of cases.moves.DISMISSALS. acknowledge, own: `owner`, who
    looks after it from now on. merge: `into`, another case. split: `findings`, their ids with spaces between.
    """

    case: str
    move: str
    reason: str
    aware_at: NotRequired[str | None]
    notified_at: NotRequired[str | None]
    delay_reason: NotRequired[str | None]
    clock: NotRequired[str | None]
    phase: NotRequired[str | None]
    reference: NotRequired[str | None]
    code: NotRequired[str | None]
    owner: NotRequired[str | None]
    field: NotRequired[str | None]
    text: NotRequired[str | None]
    due_at: NotRequired[str | None]
    number: NotRequired[str | None]
    role: NotRequired[str | None]
    lead: NotRequired[str | None]
    risk: NotRequired[str | None]
    factors: NotRequired[str | None]
    digest: NotRequired[str | None]
    regime: NotRequired[str | None]
    classified_at: NotRequired[str | None]
    into: NotRequired[str | None]
    findings: NotRequired[str | None]


class MoveAnswer(TypedDict):
    """The case as it is now and one sentence on what was done."""

    case: CaseRow
    did: str


class ListAnswer(TypedDict):
    """Every case in the register, the most urgent first."""

    cases: list[CaseRow]

"""What is answered about cases, by the daemon and by a command that reads the store itself.

Rule of this file: no answer names a person of a log. Those who acted on a case are named; the audit trail is for that.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from sentinel import durations
from sentinel.acts import (
    MOVES,
    CaseDetail,
    CaseRow,
    ChannelRow,
    ChannelsAnswer,
    CollectedRow,
    CollectionRow,
    EvidenceRow,
    FactorRow,
    FindingRow,
    ListAnswer,
    MessageRow,
    MoveAnswer,
    RegisterAnswer,
    SeverityRow,
    SilenceRow,
    TimelineRow,
)
from sentinel.cases import joining, moves
from sentinel.cases.book import Book
from sentinel.cases.identity import silence_id
from sentinel.cases.moments import read_day, read_moment
from sentinel.cases.moving import CaseError
from sentinel.cases.opening import opened_by_hand
from sentinel.cases.options import CaseOptions
from sentinel.cases.register import case_row
from sentinel.cases.severity import severity
from sentinel.cases.wording import next_action
from sentinel.channels.base import ChannelOptions
from sentinel.clock import Micros, rfc3339
from sentinel.model import Case, Evidence, Verdict
from sentinel.routing import When, listed
from sentinel.silences import LONGEST, Silence
from sentinel.store.audit import AuditRow
from sentinel.store.cases import FindingRow as StoredFinding
from sentinel.store.collected import Collection, SourceCollected
from sentinel.store.outbox import Delivery, Standing

EVIDENCE_SHOWN = 100

_MOMENTS = {"aware_at": "--aware-at", "notified_at": "--at", "classified_at": "--at", "due_at": "--due"}

TAKES: Mapping[str, tuple[str, ...]] = {
    "confirm": ("aware_at",),
    "dismiss": ("code",),
    "notify": ("notified_at", "delay_reason", "clock", "phase", "reference"),
    "acknowledge": ("owner",),
    "own": ("owner",),
    "describe": ("field", "text"),
    "task": ("due_at",),
    "done": ("number",),
    "role": ("role", "lead"),
    "assess": ("risk",),
    "rate": ("factors",),
    "export": ("digest",),
    "classify": ("regime", "classified_at"),
    "waive": ("clock",),
    "unwaive": ("clock",),
    "extend": ("clock",),
    "merge": ("into",),
    "split": ("findings",),
}
"""What each move takes besides who, why and when."""

_DID = {
    "confirm": "confirmed",
    "dismiss": "dismissed",
    "notify": "recorded as notified to the authority",
    "close": "closed",
    "reopen": "open again",
    "acknowledge": "acknowledged",
    "own": "in other hands",
    "note": "noted",
    "describe": "described",
    "task": "given a task",
    "done": "rid of a task",
    "role": "in another role",
    "assess": "assessed",
    "rate": "rated",
    "export": "exported",
    "classify": "classified",
    "waive": "without that duty",
    "unwaive": "with that duty again",
    "extend": "extended",
    "merge": "merged",
    "unmerge": "on its own again",
    "split": "split",
    "hold": "held: nothing of it is destroyed",
    "release": "not held any more",
    "destroy": "without its records and names",
}


class Register(Protocol):
    """What is read from the store."""

    def findings(self, case_id: str) -> list[StoredFinding]:
        """The findings of a case."""

    def evidence_places(self, case_id: str) -> list[tuple[str, Evidence]]:
        """(finding id, place) of each record of a case."""

    def collection(self, case_id: str) -> Collection | None:
        """What is collected around a case."""

    def collected_sources(self, case_id: str) -> list[SourceCollected]:
        """How far each source was looked through for it."""

    def evidence_counts(self) -> dict[str, int]:
        """How many records each case rests on."""

    def audit(self, case_id: str | None = None) -> list[AuditRow]:
        """The audit trail of one case."""

    def deliveries(self, case_id: str) -> list[Delivery]:
        """How each message of a case stands."""


def list_answer(book: Book, now: Micros, zone: ZoneInfo | None = None) -> ListAnswer:
    """Every case, the most urgent first."""
    return ListAnswer(cases=[_row(case, now, zone) for case in book.by_urgency(now)])


def show_answer(store: Register, case: Case, now: Micros, zone: ZoneInfo | None = None) -> CaseDetail:
    """All that is known of the case without revealing a person."""
    places = store.evidence_places(case.id)
    return CaseDetail(
        case=_row(case, now, zone),
        findings=[_finding(each) for each in store.findings(case.id)],
        evidence=[_evidence(finding, place) for finding, place in places[:EVIDENCE_SHOWN]],
        evidence_total=len(places),
        collection=collection_row(store, case.id),
        timeline=[_entry(each) for each in store.audit(case.id)],
        messages=[_message(each) for each in store.deliveries(case.id)],
        next_action=next_action(case),
        severity=_severity(case),
    )


def collection_row(store: Register, case_id: str) -> CollectionRow | None:
    """What is and was collected around the case."""
    wanted = store.collection(case_id)
    if wanted is None:
        return None
    return CollectionRow(
        since=rfc3339(wanted.since),
        until=rfc3339(wanted.until),
        due_at=None if wanted.due_at is None else rfc3339(wanted.due_at),
        sources=[_collected(each) for each in store.collected_sources(case_id)],
    )


def _collected(each: SourceCollected) -> CollectedRow:
    return CollectedRow(
        source=each.source,
        records=each.records,
        bytes=each.bytes,
        reached=rfc3339(each.reached) if each.reached else None,
        cut=each.cut,
        unread=[f"{path}: {reason}" if path else reason for path, reason in each.unread],
    )


def register_answer(store: Register, book: Book, now: Micros, zone: ZoneInfo | None = None) -> RegisterAnswer:
    """Every case whole, with one reading of the audit trail for all of them."""
    trail: dict[str | None, list[TimelineRow]] = {}
    for entry in store.audit():
        trail.setdefault(entry.case_id, []).append(_entry(entry))
    counts = store.evidence_counts()
    return RegisterAnswer(
        cases=[
            CaseDetail(
                case=_row(case, now, zone),
                findings=[_finding(each) for each in store.findings(case.id)],
                evidence=[],
                evidence_total=counts.get(case.id, 0),
                collection=None,
                timeline=trail.get(case.id, []),
                messages=[],
                next_action=next_action(case),
                severity=_severity(case),
            )
            for case in sorted(book, key=lambda case: (case.detected_at, case.id))
        ]
    )


def _severity(case: Case) -> SeverityRow:
    found = severity(case.categories, case.subjects, case.findings, dict(case.rated))
    return SeverityRow(
        low=found.low,
        high=found.high,
        bands=list(found.bands),
        arithmetic=found.arithmetic,
        factors=[
            FactorRow(name=each.name, value=each.value, low=each.low, high=each.high, why=each.why)
            for each in found.factors
        ],
        flags=list(found.flags),
    )


def channels_answer(channels: Mapping[str, ChannelOptions], standings: Mapping[str, Standing]) -> ChannelsAnswer:
    """Every channel of the configuration and how it stands."""
    return ChannelsAnswer(
        channels=[_channel(name, each.type, standings.get(name, Standing())) for name, each in channels.items()]
    )


def _channel(name: str, kind: str, standing: Standing) -> ChannelRow:
    return ChannelRow(
        name=name,
        type=kind,
        waiting=standing.waiting,
        never=standing.never,
        oldest_owed_at=None if standing.oldest_owed_at is None else rfc3339(standing.oldest_owed_at),
        last_sent_at=None if standing.last_sent_at is None else rfc3339(standing.last_sent_at),
        last_reason=standing.last_reason,
    )


def open_case(arguments: Mapping[str, Any], who: str, now: Micros, options: CaseOptions) -> Verdict:
    """The case that a person opens (acts.OpenArguments). Raises CaseError."""
    given = _texts(arguments, ("kind", "reason", "received", "occurred_at", "reference", "level"))
    values: dict[str, Any] = {key: given[key] for key in ("reference", "level") if key in given}
    if "received" in given:
        values["received_at"] = read_day("--received", given["received"], options.zone)
    if "occurred_at" in given:
        values["occurred_at"] = read_moment("--occurred-at", given["occurred_at"], options.zone)
    return opened_by_hand(
        kind=given.get("kind", ""), who=who, reason=given.get("reason", ""), now=now, options=options, **values
    )


def silence(arguments: Mapping[str, Any], who: str, now: Micros) -> Silence:
    """The silence that is asked for (acts.SilenceArguments). Raises CaseError where it cannot be meant."""
    try:
        lasts = durations.parse(str(arguments.get("for")))
    except ValueError as error:
        raise CaseError(str(error)) from None
    if not 0 < lasts <= LONGEST:
        raise CaseError("a silence lasts at most 7 days", "what should be quiet for longer is a filter of the rule")
    try:
        when = When.model_validate_json(json.dumps(arguments.get("when")))
    except ValidationError as error:
        said = "; ".join(f"'{'.'.join(map(str, each['loc']))}' cannot be that" for each in error.errors())
        raise CaseError(f"the conditions of the silence cannot be read: {said}") from None
    reason = str(arguments.get("reason") or "").strip()
    if not reason:
        raise CaseError("a silence needs a reason")
    if when.is_always or when.kind is not None:
        raise CaseError("a silence says of which cases", "by rule, system, category or level")
    return Silence(id=silence_id(who, now), at=now, until=now + lasts, who=who, reason=reason[:2000], when=when)


def silence_row(silence: Silence) -> SilenceRow:
    """The silence as it is shown."""
    when = silence.when.model_dump(exclude_none=True)
    return SilenceRow(
        id=silence.id,
        at=rfc3339(silence.at),
        until=rfc3339(silence.until),
        who=silence.who,
        reason=silence.reason,
        when={name: list(listed(words)) for name, words in when.items()},
    )


def move(case: Case, arguments: Mapping[str, Any], who: str, now: Micros, zone: ZoneInfo | None = None) -> Verdict:
    """What the move that was asked for (acts.MoveArguments) changes in one case. Raises CaseError where it is not
    possible or the arguments are not of that shape.
    """
    name = str(arguments.get("move"))
    if name not in moves.MOVES:
        raise CaseError("no such move", f"one of {', '.join(MOVES)}")
    given = _texts(arguments, ("reason", *TAKES.get(name, ())))
    values: dict[str, Any] = {
        key: read_moment(_MOMENTS[key], text, zone) if key in _MOMENTS else text for key, text in given.items()
    }
    act: Callable[..., Verdict] = moves.MOVES[name]
    return act(case, who=who, now=now, **{"reason": "", **values})


def split(store: Register, case: Case, arguments: Mapping[str, Any], who: str, now: Micros) -> tuple[Verdict, Verdict]:
    """The findings that are named by a beginning of their ids become a case of their own. Raises CaseError."""
    given = _texts(arguments, ("reason", "findings"))
    wanted = given.get("findings", "").split()
    parts = [_part(found) for found in store.findings(case.id)]
    for name in wanted:
        if sum(part.ids[0].startswith(name) for part in parts) != 1:
            raise CaseError(f"case {case.id} has not one finding '{name[:40]}'", "sentinel case show names them")
    chosen = [part for part in parts if any(part.ids[0].startswith(name) for name in wanted)]
    rest = [part for part in parts if part not in chosen]
    return joining.split(case, chosen, rest, who=who, reason=given.get("reason", ""), now=now)


def _part(found: StoredFinding) -> joining.Part:
    return joining.Part(
        ids=(found.id,),
        rules=(found.rule,),
        systems=found.systems,
        categories=found.categories,
        level=found.level,
        subjects=found.subjects,
        first_seen=found.first_seen,
        last_seen=found.last_seen,
    )


def _texts(arguments: Mapping[str, Any], names: Iterable[str]) -> dict[str, str]:
    given = {key: arguments[key] for key in names if arguments.get(key) is not None}
    if not all(isinstance(value, str) for value in given.values()):
        raise CaseError("what a move is asked with is text")
    return given


def move_answer(case: Case, name: str, now: Micros, zone: ZoneInfo | None = None) -> MoveAnswer:
    """The case after the move, and one sentence."""
    return MoveAnswer(case=_row(case, now, zone), did=f"case {case.id} is {_DID.get(name, 'open')}")


def _row(case: Case, now: Micros, zone: ZoneInfo | None) -> CaseRow:
    return cast("CaseRow", case_row(case, now, zone))


def _finding(found: StoredFinding) -> FindingRow:
    return FindingRow(
        finding=found.id,
        rule=found.rule,
        level=found.level.word,
        fired_at=rfc3339(found.fired_at, found.digits),
        value=found.value,
        subjects=found.subjects,
        because=list(found.because),
    )


def _evidence(finding: str, place: Evidence) -> EvidenceRow:
    return EvidenceRow(finding=finding, source=place.source, path=place.path, offset=place.offset, length=place.length)


def _message(delivery: Delivery) -> MessageRow:
    return MessageRow(
        key=delivery.key,
        channel=delivery.channel,
        state=delivery.state,
        attempts=delivery.attempts,
        sent_at=None if delivery.sent_at is None else rfc3339(delivery.sent_at),
    )


def _entry(entry: AuditRow) -> TimelineRow:
    detail = dict(entry.detail) if entry.detail is not None else None
    reason = "" if detail is None else str(detail.pop("reason", ""))
    return TimelineRow(at=rfc3339(entry.at), who=entry.who or "", act=entry.act, reason=reason, detail=detail)

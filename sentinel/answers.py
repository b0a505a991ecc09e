"""What is answered about cases, by the daemon and by a command that reads the store itself.

Rule of this file: no answer names a person of a log. Those who acted on a case are named; the audit trail is for that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol, cast
from zoneinfo import ZoneInfo

from sentinel.acts import (
    MOVES,
    CaseDetail,
    CaseRow,
    ChannelRow,
    ChannelsAnswer,
    EvidenceRow,
    FindingRow,
    ListAnswer,
    MessageRow,
    MoveAnswer,
    TimelineRow,
)
from sentinel.cases import moves
from sentinel.cases.book import Book
from sentinel.cases.moves import CaseError
from sentinel.cases.register import case_row
from sentinel.cases.wording import next_action
from sentinel.channels.base import ChannelOptions
from sentinel.clock import Micros, from_datetime, rfc3339
from sentinel.model import Case, Evidence, Verdict
from sentinel.store.audit import AuditRow
from sentinel.store.cases import FindingRow as StoredFinding
from sentinel.store.outbox import Delivery, Standing

EVIDENCE_SHOWN = 100

_MOMENTS = ("aware_at", "notified_at")

_TAKES: Mapping[str, tuple[str, ...]] = {
    "confirm": ("aware_at",),
    "dismiss": ("code",),
    "notify": ("notified_at", "delay_reason"),
    "acknowledge": ("owner",),
}
"""What each move takes besides who, why and when."""

_DID = {
    "confirm": "confirmed",
    "dismiss": "dismissed",
    "notify": "recorded as notified to the authority",
    "close": "closed",
    "reopen": "open again",
    "acknowledge": "acknowledged",
    "note": "noted",
}


class Register(Protocol):
    """What is read from the store."""

    def findings(self, case_id: str) -> list[StoredFinding]:
        """The findings of a case."""

    def evidence_places(self, case_id: str) -> list[tuple[str, Evidence]]:
        """(finding id, place) of each record of a case."""

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
        timeline=[_entry(each) for each in store.audit(case.id)],
        messages=[_message(each) for each in store.deliveries(case.id)],
        next_action=next_action(case),
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


def move(case: Case, arguments: Mapping[str, Any], who: str, now: Micros) -> Verdict:
    """What the move that was asked for (acts.MoveArguments) changes. Raises CaseError where it is not possible or the
    arguments are not of that shape.
    """
    name = arguments.get("move")
    if name not in MOVES:
        raise CaseError("no such move", f"one of {', '.join(MOVES)}")
    given = {key: arguments[key] for key in _TAKES.get(name, ()) if arguments.get(key) is not None}
    reason = arguments.get("reason", "")
    if not all(isinstance(value, str) for value in (reason, *given.values())):
        raise CaseError("what a move is asked with is text")
    values: dict[str, Any] = {key: moment(key, text) if key in _MOMENTS else text for key, text in given.items()}
    act: Callable[..., Verdict] = moves.MOVES[name]
    return act(case, who=who, reason=reason, now=now, **values)


def move_answer(case: Case, name: str, now: Micros, zone: ZoneInfo | None = None) -> MoveAnswer:
    """The case after the move, and one sentence."""
    return MoveAnswer(case=_row(case, now, zone), did=f"case {case.id} is {_DID[name]}")


def moment(name: str, text: str) -> Micros:
    """The moment of RFC 3339 text. Raises CaseError without an offset: a guessed zone would move a deadline."""
    option = "--" + name.replace("_", "-")
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise CaseError(f"{option} is not a moment", "write it as 2026-03-04T01:58:00+01:00") from None
    if parsed.tzinfo is None:
        raise CaseError(
            f"{option} has no offset from UTC", f"write it as {parsed.isoformat()}+01:00, or with Z for UTC"
        )
    return from_datetime(parsed)


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
    reason = str((entry.detail or {}).get("reason", ""))
    return TimelineRow(at=rfc3339(entry.at), who=entry.who or "", act=entry.act, reason=reason)

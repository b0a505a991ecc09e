"""A case as one row of the register: the form in which lists, webhooks and the board show it.

Rules of this file: the names of the keys are the public contract; only what a `Case` holds, so nothing personal.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sentinel.cases.clocks import clock_rows
from sentinel.cases.counting import local_day
from sentinel.clock import Micros, rfc3339
from sentinel.model import Case, Notice, Task


def case_row(case: Case, now: Micros, zone: ZoneInfo | None = None, *, contested: bool = False) -> dict[str, Any]:
    """The case as `case list --output json` shows it. Times are RFC 3339 UTC; `key` holds pseudonyms."""
    return {
        "id": case.id,
        "title": case.title,
        "state": case.state.value,
        "level": case.level.word,
        "key": dict(case.key),
        "rules": list(case.rules),
        "systems": list(case.systems),
        "categories": list(case.categories),
        "subjects": case.subjects,
        "findings": case.findings,
        "occurred_from": rfc3339(case.occurred_from),
        "occurred_to": rfc3339(case.occurred_to),
        "detected_at": rfc3339(case.detected_at),
        "acknowledged_at": _moment(case.acknowledged_at),
        "aware_at": _moment(case.aware_at),
        "notified_at": _moment(case.notified_at),
        "closed_at": _moment(case.closed_at),
        "historical": case.historical,
        "clocks": clock_rows(case, now, zone, contested=contested),
        "owner": case.owner,
        "merged_into": case.merged_into,
        "revision": case.revision,
        "kind": case.kind,
        "received_at": _moment(case.received_at),
        "received_on": _day(case),
        "role": case.role,
        "risk": case.risk,
        "dismissal": case.dismissal,
        "split_from": case.split_from,
        "absorbed": [each.case_id for each in case.absorbed],
        "notices": [_notice(each) for each in case.notices],
        "held_at": _moment(case.held_at),
        "destroyed_at": _moment(case.destroyed_at),
        "tasks": [_task(each) for each in case.tasks],
    }


def _notice(sent: Notice) -> dict[str, Any]:
    clock = f"{sent.regime}/{sent.step}" if sent.regime else ""
    return {"clock": clock, "phase": sent.phase, "at": rfc3339(sent.at), "reference": sent.reference}


def _task(task: Task) -> dict[str, Any]:
    return {"number": task.number, "due_at": _moment(task.due_at), "done_at": _moment(task.done_at)}


def _day(case: Case) -> str | None:
    """The day on which a request came in, on the calendar that its clocks count by."""
    if case.received_at is None:
        return None
    zone = next((clock.counting.zone for clock in case.clocks), "UTC")
    return local_day(case.received_at, ZoneInfo(zone)).isoformat()


def _moment(moment: Micros | None) -> str | None:
    return None if moment is None else rfc3339(moment)

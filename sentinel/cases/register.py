"""A case as one row of the register: the form in which lists, webhooks and the board show it.

Rules of this file: the names of the keys are the public contract; only what a `Case` holds, so nothing personal.
"""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from sentinel.cases.clocks import clock_rows
from sentinel.clock import Micros, rfc3339
from sentinel.model import Case


def case_row(case: Case, now: Micros, zone: ZoneInfo | None = None) -> dict[str, Any]:
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
        "clocks": clock_rows(case, now, zone),
        "owner": case.owner,
        "merged_into": case.merged_into,
        "revision": case.revision,
    }


def _moment(moment: Micros | None) -> str | None:
    return None if moment is None else rfc3339(moment)

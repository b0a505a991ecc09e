"""The register of breaches (Art. 33(5) GDPR): one row a case, dismissed ones too, with the reasons that were given.

Rules of this file: the columns are the public contract, in this order; no name of a person of a log. Reasons are the
words of those who decided; who reads the register reads them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sentinel.acts import ClockRow, TimelineRow
from sentinel.cases.facts import Known, fact
from sentinel.inventory import is_special

COLUMNS = (
    "id", "kind", "state", "role", "title", "level", "occurred_from", "occurred_to", "received_on", "detected_at",
    "acknowledged_at", "aware_at", "aware_by", "aware_reason", "nature", "affected", "systems", "people_categories",
    "people_at_least", "records", "data_categories", "special_categories", "consequences", "severity_suggested", "risk",
    "risk_reason", "authority_told_at", "authority_reference", "authority_late_reason", "not_notified_reason",
    "people_told_at", "measures_taken", "measures_planned", "prevention", "lead", "cross_border", "dpo_advice",
    "dismissal", "decision_reason", "closed_at", "deadlines", "findings", "evidence", "merged_into", "split_from",
)  # fmt: skip


def register_row(known: Known) -> dict[str, Any]:
    """The case under COLUMNS. Times are RFC 3339 in UTC, lists are lists, and what is not known is None."""
    case, detail = known.detail["case"], known.detail
    decided = known.last("case.dismiss", "case.close")
    row = {name: case.get(name) for name in COLUMNS}
    row |= {name: fact(known, name, "").answer for name in _WORDS}
    row |= {
        "systems": list(case["systems"]),
        "people_categories": fact(known, "people_categories", "").answer,
        "people_at_least": case["subjects"],
        "records": known.described("records_count"),
        "data_categories": list(case["categories"]),
        "special_categories": [name for name in case["categories"] if is_special(name)],
        "severity_suggested": " to ".join(
            dict.fromkeys((detail["severity"]["bands"][0], detail["severity"]["bands"][-1]))
        ),
        "risk": case["risk"],
        "risk_reason": _reason(known.last("case.assess")),
        "aware_by": _who(known.last("case.confirm")),
        "aware_reason": _reason(known.last("case.confirm")),
        "dpo_advice": known.described("dpo_advice"),
        "lead": _detail(known.last("case.role"), "lead"),
        "decision_reason": _reason(decided),
        "deadlines": [_deadline(clock) for clock in case["clocks"]],
        "evidence": detail["evidence_total"],
    }
    return {name: row[name] for name in COLUMNS} | _told(known)


_WORDS = ("nature", "affected", "consequences", "measures_taken", "measures_planned", "prevention", "cross_border")


def _deadline(clock: ClockRow) -> str:
    return f"{clock['regime']}/{clock['step']} {clock.get('due_on') or clock['deadline_at']} {clock['state']}"


def _told(known: Known) -> dict[str, Any]:
    notices = known.detail["case"]["notices"]
    people = [sent for sent in notices if sent["clock"].endswith("/people")]
    others = [sent for sent in notices if sent not in people]
    late = fact(known, "delay_reasons", "").answer
    ended = known.last("case.close")
    return {
        "authority_told_at": others[0]["at"] if others else None,
        "authority_reference": next((sent["reference"] for sent in others if sent["reference"]), None),
        "authority_late_reason": None if late == "not late" else late,
        "not_notified_reason": _reason(ended or known.last("case.waive")) if not others else None,
        "people_told_at": people[0]["at"] if people else None,
    }


def flat(row: dict[str, Any]) -> dict[str, str]:
    """The row as text, for CSV. A text that a spreadsheet would run as a formula has a quote before it."""
    return {name: _cell(value) for name, value in row.items()}


def _cell(value: Any) -> str:
    text = "" if value is None else "; ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f"'{text}" if text[:1] in {"=", "+", "-", "@", "\t", "\r"} else text


def within(rows: Iterable[dict[str, Any]], start: str | None, end: str | None) -> list[dict[str, Any]]:
    """The rows of cases detected from `start` until before `end`, both RFC 3339 in UTC; the oldest first."""
    chosen = [row for row in rows if (start or "") <= row["detected_at"] and (end is None or row["detected_at"] < end)]
    return sorted(chosen, key=lambda row: (row["detected_at"], row["id"]))


def _reason(entry: TimelineRow | None) -> str | None:
    return entry["reason"] or None if entry is not None else None


def _who(entry: TimelineRow | None) -> str | None:
    return entry["who"] or None if entry is not None else None


def _detail(entry: TimelineRow | None, key: str) -> Any:
    return (entry["detail"] or {}).get(key) if entry is not None else None

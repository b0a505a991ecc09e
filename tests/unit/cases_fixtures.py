"""A finding and a case to begin with; each test says what is different."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from sentinel.cases.judging import judge
from sentinel.cases.options import CaseOptions
from sentinel.clock import MINUTE, Micros, from_datetime
from sentinel.model import Case, Evidence, Finding, Level, Mode, Verdict

NOW: Micros = from_datetime(datetime(2026, 3, 4, 2, tzinfo=UTC))
KEY_HASH = 4711
KEY_TAGS = (("access.actor", "actor-7f3a9c2e"),)

# What a hostile rule title or log value may hold: mentions, links, markup, terminal and direction tricks.
HOSTILE = (
    "user=<!channel> <https://evil.example/x|Reset password> <@U123> @everyone <@456> & done "
    "\x1b[31m\u202e\u200b\x9b\r\n<script>"
)


def a_finding(**changes: Any) -> Finding:
    finding = Finding(
        id="f_6b1c0000000000000000000000000001",
        rule="bulk_access",
        rule_id=None,
        title="Bulk access to records",
        level=Level.HIGH,
        mode=Mode.ENFORCE,
        group=(("access.actor", "kim"),),
        first_seen=NOW - 10 * MINUTE,
        last_seen=NOW - MINUTE,
        fired_at=NOW - MINUTE,
        digits=0,
        value=50,
        subjects=50,
        source="portal",
        evidence=(Evidence("portal", 1, "access.log", 10, 20),),
        evidence_total=50,
        case_key=(("access.actor", "kim"),),
        actors=("kim",),
        systems=("patient-portal",),
        categories=("contact",),
    )
    return replace(finding, **changes)


def judged(finding: Finding, known: Case | None = None, now: Micros = NOW, **changes: Any) -> Verdict:
    named: dict[str, Any] = {"key_hash": KEY_HASH, "key_tags": KEY_TAGS, "subjects": 50, **changes}
    options = named.pop("options", CaseOptions())
    return judge(finding, known, now, options, **named)


def a_case(now: Micros = NOW, **changes: Any) -> Case:
    """The case that a finding opens; `changes` are put into the case afterwards."""
    return replace(judged(a_finding(), now=now).case, **changes)


def keys(verdict: Verdict | None) -> list[str]:
    return [] if verdict is None else [notification.key for notification in verdict.owed]


def texts(value: object) -> list[str]:
    """Every text anywhere in the message."""
    if isinstance(value, dict):
        return [text for member in value.values() for text in texts(member)]
    if isinstance(value, list):
        return [text for member in value for text in texts(member)]
    return [value] if isinstance(value, str) else []

"""A message that is a test: it goes the whole way of a real one, and says that no case is behind it."""

from __future__ import annotations

from sentinel.cases.identity import CROCKFORD, notification_id
from sentinel.clock import Micros, rfc3339
from sentinel.model import Case, Level, Notification, State

KEY = "test"
"""The occasion of a test."""

_DIGITS = 12


def drill(channel: str, now: Micros) -> Notification:
    """The test of that channel begun at `now`; each has an id of its own, and belongs to no case in the register."""
    return of_no_case(
        "TEST-" + "".join(CROCKFORD[(now >> (5 * place)) & 31] for place in reversed(range(_DIGITS))),
        KEY,
        f"Test of channel '{channel}'",
        f"TEST: Sentinel reaches you through channel '{channel}'. No case is open because of this.",
        ("What: a test that somebody asked for", "Whose data: nobody's", f"When: {rfc3339(now)}"),
        "Nothing to do. If this called somebody, tell them it is a test.",
        now,
    )


def of_no_case(
    name: str, key: str, title: str, headline: str, lines: tuple[str, ...], next_action: str, now: Micros
) -> Notification:
    """A message that is about no case, in the shape of those that are."""
    case = Case(
        id=name,
        title=title,
        state=State.OPEN,
        level=Level.INFORMATIONAL,
        key=(),
        key_hash=0,
        rules=(),
        systems=(),
        categories=(),
        findings=0,
        subjects=None,
        occurred_from=now,
        occurred_to=now,
        detected_at=now,
    )
    return Notification(
        id=notification_id(name, key),
        case=case,
        key=key,
        owed_at=now,
        headline=headline,
        lines=lines,
        next_action=next_action,
    )


def is_drill(case_id: str) -> bool:
    """The id is that of a message about no case."""
    return case_id.startswith(("TEST-", "HEAD-", "CHANNEL-"))

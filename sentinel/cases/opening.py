"""A case that a person opens: a breach they were told of, a request of a data subject, a complaint.

Rule of this file: nothing that names anybody gets into the case; the reason, which may, is in the audit trail.
"""

from __future__ import annotations

import re
from typing import get_args

from sentinel.cases.clocks import all_clocks, settled
from sentinel.cases.identity import hand_id, own_hash
from sentinel.cases.moving import CaseError, asked
from sentinel.cases.options import CaseOptions
from sentinel.cases.wording import notice
from sentinel.clock import Micros, rfc3339
from sentinel.model import AuditEntry, Case, CaseKind, Level, State, Verdict

_TITLES: dict[CaseKind, str] = {
    "breach": "Breach reported by a person",
    "sar": "Request of a data subject",
    "complaint": "Complaint about data protection",
}

_REFERENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/#-]{0,39}")


def opened_by_hand(  # noqa: PLR0913  (what a case is, each by its name)
    *,
    kind: str,
    who: str,
    reason: str,
    now: Micros,
    options: CaseOptions,
    received_at: Micros | None = None,
    occurred_at: Micros | None = None,
    reference: str = "",
    level: str = "medium",
) -> Verdict:
    """The case, its clocks running: of a request from `received_at`, of a breach from now, provisional.

    `reference` is a number of your own by which people find it, and no name. Raises CaseError.
    """
    asked(who, reason)
    chosen: CaseKind | None = next((each for each in get_args(CaseKind) if each == kind), None)
    if chosen is None:
        raise CaseError(f"there is no kind of case '{kind[:40]}'", f"one of {', '.join(get_args(CaseKind))}")
    if reference and not _REFERENCE.fullmatch(reference):
        raise CaseError("a reference is letters, digits and . _ / # - at most 40", "a number of yours, nobody's name")
    found_level = next((each for each in Level if each.word == level), None)
    if found_level is None:
        raise CaseError(f"there is no level '{level[:40]}'", f"one of {', '.join(each.word for each in Level)}")
    if chosen != "breach" and received_at is None:
        raise CaseError("a request has a day on which it came in", "say it with --received 2026-09-03")
    for name, moment in (("received", received_at), ("occurred", occurred_at)):
        if moment is not None and moment > now:
            raise CaseError(f"it cannot have {name} at {rfc3339(moment)}: that is still to come")
    began = min(each for each in (received_at, occurred_at, now) if each is not None)
    case_id = hand_id(chosen, who, now, reference)
    case = Case(
        id=case_id,
        title=f"{_TITLES[chosen]}: {reference}" if reference else _TITLES[chosen],
        state=State.OPEN,
        level=found_level,
        key=(),
        key_hash=own_hash(case_id),
        rules=(),
        systems=(),
        categories=(),
        findings=0,
        subjects=None,
        occurred_from=began,
        occurred_to=began if occurred_at is None else occurred_at,
        detected_at=now,
        clocks=all_clocks(options, now, chosen, received_at),
        role=options.role,
        kind=chosen,
        received_at=received_at,
        owner=who,
        revision=1,
    )
    case = settled(case)
    detail = {"reason": reason.strip(), "kind": chosen, "received_at": received_at, "reference": reference or None}
    entry = AuditEntry(at=now, who=who, act="case.opened", case_id=case.id, detail=detail)
    return Verdict(case=case, owed=(notice(case, "opened", now),), audit=(entry,))

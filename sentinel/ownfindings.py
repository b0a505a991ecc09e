"""What Sentinel finds about its own watch, as findings like any other: they are counted, logged, and may open a case.

Rules of this file: nothing of a log is in such a finding; its id follows from rule, time and occasion, so that the same
occasion told again is the same finding.
"""

from __future__ import annotations

import hashlib

from sentinel.clock import Micros
from sentinel.model import Finding, Level, Mode

SOURCE = "sentinel"


def own_finding(
    rule: str, title: str, level: Level, at: Micros, occasion: str, *, source: str = SOURCE, opens_case: bool = False
) -> Finding:
    """The finding that this happened at that moment; `occasion` tells it from another of the same rule and moment.

    One that opens a case has a case of its own.
    """
    digest = hashlib.sha256(f"{rule}\0{at}\0{source}\0{occasion}".encode()).hexdigest()
    return Finding(
        id=f"f_{digest[:32]}",
        rule=rule,
        rule_id=None,
        title=title,
        level=level,
        mode=Mode.ENFORCE,
        group=(),
        first_seen=at,
        last_seen=at,
        fired_at=at,
        digits=6,
        value=1,
        subjects=None,
        source=source,
        evidence=(),
        evidence_total=0,
        opens_case=opens_case,
        case_key=(("rule", f"{rule} {digest[:8]}"),) if opens_case else (),
    )


def is_own(rule: str) -> bool:
    """The rule is none of anybody's: what it found, the watch found of itself."""
    return rule.startswith(("sentinel_", "sentinel."))

"""Small whole values for the tests of the store."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from sentinel.model import (
    AuditEntry,
    Case,
    Clock,
    Counting,
    Evidence,
    Finding,
    Level,
    Mode,
    Notification,
    Position,
    State,
    Verdict,
)
from sentinel.store import Batch, Store
from sentinel.vault import Vault

NOON = 1_772_625_600_000_000
MASTER = bytes(range(32))


def a_store(folder: Path, *, readonly: bool = False) -> Store:
    return Store.open(folder, Vault.open(folder, MASTER, readonly=readonly), readonly=readonly)


def a_position(offset: int = 0, stream: int = 1, source: str = "portal") -> Position:
    return Position(source=source, stream=stream, state=f'{{"offset":{offset}}}')


def a_case(case_id: str = "C-1", **changes: Any) -> Case:
    case = Case(
        id=case_id,
        title="Bulk access in patient-portal",
        state=State.OPEN,
        level=Level.HIGH,
        key=(("access.actor", "actor-7f3a9c2e41"),),
        key_hash=-5,
        rules=("bulk_access",),
        systems=("patient-portal",),
        categories=("health",),
        findings=1,
        subjects=50,
        occurred_from=NOON - 60_000_000,
        occurred_to=NOON,
        detected_at=NOON,
        clocks=(
            Clock(
                regime="gdpr",
                step="authority",
                starts_at=NOON,
                counting=Counting(72),
                deadline_at=NOON + 72 * 3_600_000_000,
                provisional=True,
                reminded=("48h-left",),
            ),
        ),
    )
    return dataclasses.replace(case, **changes)


def a_finding(finding_id: str = "f_1", **changes: Any) -> Finding:
    finding = Finding(
        id=finding_id,
        rule="bulk_access",
        rule_id=None,
        title="Bulk access",
        level=Level.HIGH,
        mode=Mode.ENFORCE,
        group=(("access.actor", "kim.larsen"),),
        first_seen=NOON - 60_000_000,
        last_seen=NOON,
        fired_at=NOON,
        digits=0,
        value=50,
        subjects=50,
        source="portal",
        evidence=(),
        evidence_total=50,
        case_key=(("access.actor", "kim.larsen"),),
        actors=("kim.larsen",),
        systems=("patient-portal",),
        categories=("health",),
        subject_hashes=(1, 2, 3),
    )
    return dataclasses.replace(finding, **changes)


def a_notification(key: str = "opened", case_id: str = "C-1", owed_at: int = NOON) -> Notification:
    return Notification(
        id=f"msg_{case_id}_{key}", case=a_case(case_id), key=key, owed_at=owed_at, headline="A case is open"
    )


def an_entry(act: str = "opened", case_id: str | None = "C-1", **detail: Any) -> AuditEntry:
    return AuditEntry(at=NOON, who="dpo@example.org", act=act, case_id=case_id, detail=detail)


def a_place(offset: int = 0, path: str = "/var/log/nginx/portal.log") -> Evidence:
    return Evidence(source="portal", stream=1, path=path, offset=offset, length=9)


def a_batch(case: Case | None = None, finding: Finding | None = None) -> Batch:
    """A batch with one of everything."""
    case, finding = case or a_case(), finding or a_finding()
    batch = Batch()
    batch.read(a_position(100))
    batch.window_delta(b"delta")
    batch.verdict(Verdict(case=case, finding=finding, audit=(an_entry(case_id=case.id),)))
    batch.evidence(case.id, finding.id, a_place(), b"GET /api/")
    batch.owe(a_notification(case_id=case.id), "soc", b"{}")
    return batch


def a_batch_of_cases(*cases: Case) -> Batch:
    batch = Batch()
    for case in cases:
        batch.verdict(Verdict(case=case))
    return batch

"""What the daemon does with evidence when somebody asks: each act is in the audit trail before anything is shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from sentinel import answers
from sentinel.cases.moving import CaseError, asked
from sentinel.clock import Micros
from sentinel.control import Request
from sentinel.model import AuditEntry, Case
from sentinel.store.collected import Collection

if TYPE_CHECKING:
    from sentinel.app import Daemon


def _case(daemon: Daemon, request: Request) -> tuple[Case, str]:
    """The case that is asked about and the reason. Raises CaseError."""
    case = daemon.pipeline.book.find(str(request.arguments.get("case")))
    reason = str(request.arguments.get("reason") or "").strip()
    asked(request.who.name, reason)
    return case, reason


def collect(daemon: Daemon, request: Request, now: Micros) -> Mapping[str, object]:
    """The records around the case are looked for again, from the beginning."""
    case, reason = _case(daemon, request)
    if daemon.vault.is_shredded(case.id):
        raise CaseError(f"the evidence of case {case.id} was destroyed", "nothing more is kept for it")
    if not case.findings:
        raise CaseError(f"case {case.id} has no findings", "nobody is known around whom records could be collected")
    daemon.pipeline.commit(now)
    around = daemon.config.cases.collect.around
    entry = AuditEntry(at=now, who=request.who.name, act="case.collect", case_id=case.id, detail={"reason": reason})
    wanted = Collection(case.id, case.occurred_from - around, case.occurred_to + around, now)
    daemon.store.collect_anew(wanted, entry)
    daemon.collector.wake()
    return {"case": case.id, "collection": answers.collection_row(daemon.store, case.id)}


ACTS: Mapping[str, Callable[[Daemon, Request, Micros], Mapping[str, object]]] = {"case.collect": collect}
"""Each act by its name on the control socket."""

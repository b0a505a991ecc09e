"""What the daemon does with evidence when somebody asks: each act is in the audit trail before anything is shown."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sentinel import answers, revealing, subjects
from sentinel.acts import ApproveAnswer, RevealAnswer
from sentinel.cases import duties
from sentinel.cases.identity import reveal_id
from sentinel.cases.judging import SENTINEL
from sentinel.cases.moving import CaseError, asked
from sentinel.clock import DAY, HOUR, Micros, rfc3339
from sentinel.control import Request
from sentinel.durations import show
from sentinel.model import AuditEntry, Case, State
from sentinel.store import Store
from sentinel.store.collected import Collection
from sentinel.store.reveals import Reveal
from sentinel.vault import CATEGORIES, Category

if TYPE_CHECKING:
    from sentinel.app import Daemon

_log = logging.getLogger(__name__)

WAITS: Micros = DAY
"""How long somebody's wish to be shown a case waits for a second person."""

APPROVED_FOR: Micros = HOUR
"""How long they may look once it is approved; every look is written down."""

KEPT_FOR_A_TIME: Sequence[Category] = ("records", "names")
"""What is destroyed when its time is over. Why people decided as they did stays: Art. 33(5) GDPR asks for that."""


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


# --- showing ---------------------------------------------------------------------------------------------------


def reveal(daemon: Daemon, request: Request, now: Micros) -> Mapping[str, object]:
    """Who the case is about and what its records say; written down first, and where two people are needed, asked."""
    case, reason = _case(daemon, request)
    daemon.pipeline.commit(now)
    who, asked_for = request.who.name, _wanted(request.arguments)
    detail: dict[str, object] = {"reason": reason, **asked_for}
    if daemon.config.cases.reveal == "two_people":
        agreed = _agreed(daemon.store, case.id, _person(who), now)
        if agreed is None or agreed.approved_at is None:
            return _ask(daemon.store, case, agreed, who, detail, now)
        detail["approved"] = agreed.id
    daemon.store.write_down(AuditEntry(at=now, who=who, act="case.reveal", case_id=case.id, detail=detail))
    return revealing.answer(daemon.store, daemon.vault, case.id, **asked_for)


def _wanted(arguments: Mapping[str, Any]) -> dict[str, Any]:
    records, skip = (arguments.get(name) or 0 for name in ("records", "skip"))
    if not isinstance(records, int) or not isinstance(skip, int) or records < 0 or skip < 0:
        raise CaseError("the number of records is a whole number, and not below 0")
    return {"records": records, "skip": skip, "around": arguments.get("around") is True}


def _person(who: str) -> str:
    """Who it is, whether or not they act through root."""
    return who.removesuffix(" (as root)")


def _agreed(store: Store, case_id: str, person: str, now: Micros) -> Reveal | None:
    """The person's newest wish that still holds: approved within the hour, else waiting for less than a day."""
    mine = [each for each in store.reveals(case_id, now - WAITS) if _person(each.who) == person]
    lasting = [each for each in mine if each.approved_at is None or 0 <= now - each.approved_at < APPROVED_FOR]
    return next((each for each in lasting if each.approved_at is not None), next(iter(lasting), None))


def _ask(
    store: Store, case: Case, waiting: Reveal | None, who: str, detail: Mapping[str, Any], now: Micros
) -> Mapping[str, object]:
    wish = waiting or Reveal(reveal_id(who, case.id, now), case.id, now, who)
    if waiting is None:
        entry = AuditEntry(at=now, who=who, act="case.reveal-asked", case_id=case.id, detail={**detail, "id": wish.id})
        store.ask_reveal(wish, entry)
    return RevealAnswer(case=case.id, waits=wish.id, names={}, findings=[], records=[], records_total=0)


def approve(daemon: Daemon, request: Request, now: Micros) -> Mapping[str, object]:
    """A second person agrees that the first is shown a case."""
    reason, who = str(request.arguments.get("reason") or "").strip(), request.who.name
    asked(who, reason)
    wish = daemon.store.reveal(str(request.arguments.get("reveal")).upper())
    if wish is None or now - wish.at >= WAITS:
        raise CaseError("nobody waits under that id", "`sentinel case reveal` says it; it holds for a day")
    if _person(wish.who) == _person(who):
        raise CaseError("a second person is needed", "whoever asks cannot approve it")
    if wish.approved_at is not None:
        raise CaseError(f"{wish.id} is approved already")
    detail = {"reason": reason, "id": wish.id, "for": wish.who}
    entry = AuditEntry(at=now, who=who, act="case.reveal-approved", case_id=wish.case_id, detail=detail)
    daemon.store.approve_reveal(wish.id, now, entry)
    return ApproveAnswer(reveal=wish.id, case=wish.case_id, who=wish.who, until=rfc3339(now + APPROVED_FOR))


# --- destroying ------------------------------------------------------------------------------------------------


def destroy(daemon: Daemon, request: Request, now: Micros) -> Mapping[str, object]:
    """The records and names of a decided case are gone for good, if it is not held."""
    case, reason = _case(daemon, request)
    categories = CATEGORIES if request.arguments.get("everything") is True else KEPT_FOR_A_TIME
    return _destroy(daemon, case, request.who.name, reason, categories, now)


def _destroy(
    daemon: Daemon, case: Case, who: str, reason: str, categories: Sequence[Category], now: Micros
) -> Mapping[str, object]:
    verdict = duties.destroy(case, who=who, reason=reason, now=now)
    daemon.pipeline.commit(now)
    # Once its key is gone the reason is sealed with the store's own key.
    daemon.store.shred(case.id, verdict.audit[0], categories, verdict.case)
    daemon.pipeline.book.apply(verdict)
    return answers.move_answer(verdict.case, "destroy", now, daemon.config.cases.zone)


def retire(daemon: Daemon, now: Micros) -> None:
    """What has been kept for its time is destroyed, except in cases that are held. Raises StoreError."""
    kept = daemon.config.cases.retention
    for case in list(daemon.pipeline.book):
        lasts = {State.DISMISSED: kept.dismissed, State.CLOSED: kept.closed}.get(case.state)
        is_over = lasts is not None and case.closed_at is not None and now - case.closed_at >= lasts
        if is_over and case.held_at is None and case.destroyed_at is None:
            reason = f"kept for {show(lasts or 0)} after it was {case.state.value}"
            _destroy(daemon, case, SENTINEL, reason, KEPT_FOR_A_TIME, now)
            _log.info("the evidence of a case is destroyed, for its time is over", extra={"case": case.id})


# --- one person -----------------------------------------------------------------------------------------------


def export_subject(daemon: Daemon, request: Request, now: Micros) -> Mapping[str, object]:
    """What is held about a person (Art. 15 GDPR); written down first, by pseudonym."""
    name = _noted(daemon, request, "subject.export", now)
    return subjects.held(daemon.store, daemon.vault, daemon.pipeline.book, name)


def erase_subject(daemon: Daemon, request: Request, now: Micros) -> Mapping[str, object]:
    """Records and names of decided cases with the person in them, and their accesses, are gone; what is held or still
    being decided stays, and so does the ledger as long as such a case may need it (Art. 17(3) GDPR).
    """
    name = _noted(daemon, request, "subject.erase", now)
    found = subjects.held(daemon.store, daemon.vault, daemon.pipeline.book, name)
    reason = str(request.arguments.get("reason"))
    for row in found["cases"]:
        if not row["kept_because"]:
            case = daemon.pipeline.book.find(row["case"])
            _destroy(daemon, case, request.who.name, reason, KEPT_FOR_A_TIME, now)
            found["erased"].append(case.id)
    if all(row["case"] in found["erased"] for row in found["cases"] if not subjects.is_over(row)):
        known = [int(found["hash"])]
        daemon.store.erase_accesses(known, known)
        found["is_ledger_erased"] = True
    return found


def _noted(daemon: Daemon, request: Request, act: str, now: Micros) -> str:
    name, reason = (str(request.arguments.get(key) or "").strip() for key in ("name", "reason"))
    asked(request.who.name, reason)
    if not name:
        raise CaseError("nobody is named", "as the logs write the person: an account, or an id")
    daemon.pipeline.commit(now)
    detail = {"reason": reason, "subject": daemon.vault.pseudonym("subject", name)}
    daemon.store.write_down(AuditEntry(at=now, who=request.who.name, act=act, detail=detail))
    return name


def council(daemon: Daemon, _: Request, now: Micros) -> Mapping[str, object]:
    """Rules, purposes and looks at names, without anybody's."""
    daemon.pipeline.commit(now)
    inventory = daemon.config.inventory
    return subjects.council(daemon.store, daemon.rulebook, inventory.systems if inventory is not None else ())


ACTS: Mapping[str, Callable[[Daemon, Request, Micros], Mapping[str, object]]] = {
    "case.collect": collect,
    "case.reveal": reveal,
    "case.approve": approve,
    "case.destroy": destroy,
    "subject.export": export_subject,
    "subject.erase": erase_subject,
    "subject.council": council,
}
"""Each act by its name on the control socket."""

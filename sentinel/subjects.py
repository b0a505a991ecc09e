"""What Sentinel holds about one person, staff or customer; and what it shows those who watch the watchers.

Rule of this file: whoever calls it has written that down first; the council's answer names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from sentinel.acts import CouncilAnswer, CouncilReveal, CouncilRule, HeldCase, SubjectAnswer
from sentinel.clock import rfc3339
from sentinel.detect.hashes import Hashes
from sentinel.inventory import System
from sentinel.model import Case, State
from sentinel.revealing import finding_values
from sentinel.rulebook import Rulebook
from sentinel.store import Store
from sentinel.traces import Search, Trace
from sentinel.vault import Vault

DESTROYED = "its records and names are destroyed already"


def held(store: Store, vault: Vault, cases: Iterable[Case], name: str) -> SubjectAnswer:
    """In which cases the person is, as what; their own acts; and how the ledger knows them."""
    known = Hashes(vault.hash_key)[name]
    rows = [row for case in cases if (row := _in_case(store, case, name, known)) is not None]
    return SubjectAnswer(
        pseudonyms={kind: vault.pseudonym(kind, name) for kind in ("actor", "subject")},
        cases=rows,
        hash=str(known),
        acts=sum(entry.who == name for entry in store.audit()),
        erased=[],
        is_ledger_erased=False,
    )


def _in_case(store: Store, case: Case, name: str, known: int) -> HeldCase | None:
    search = Search([Trace("actor", name)])
    found: list[str] = []
    values = [finding_values(store, finding.id) for finding in store.findings(case.id)]
    named = {text.lower() for each in values if each for text in (*each.actors, *(value for _, value in each.group))}
    raws = [each.raw for each in store.read_evidence(case.id) if each.raw is not None]
    raws += [each.raw for _, each in store.read_collected(case.id)]
    lines = sum(bool(search.hits(raw.lower())) for raw in raws)
    found += ["in a finding"] if name.lower() in named else []
    found += ["data subject"] if known in store.subjects(case.id) else []
    found += [f"in {lines} records"] if lines else []
    found += ["owner"] if case.owner == name else []
    if not found:
        return None
    return HeldCase(case=case.id, state=case.state.value, found_as=found, kept_because=why_kept(case) or "")


def why_kept(case: Case) -> str | None:
    """Why nothing of the case is erased now; None where it can be."""
    if case.destroyed_at is not None:
        return DESTROYED
    if case.held_at is not None:
        return "legal hold (Art. 17(3)(e) GDPR)"
    if case.state not in {State.CLOSED, State.DISMISSED}:
        return f"it is {case.state.value}: a legal duty is being fulfilled (Art. 17(3)(b) GDPR)"
    return None


def is_over(row: HeldCase) -> bool:
    """Nothing of the case is there any more that could be erased."""
    return row["kept_because"] == DESTROYED


def council(store: Store, book: Rulebook, systems: Iterable[System]) -> CouncilAnswer:
    """Rules, purposes and looks at names, without anybody's name and without reasons, which may hold one."""
    abouts = [each.about for each in book.rules.detections] + [each.about for each in book.rules.correlations]
    return CouncilAnswer(
        rules=[
            CouncilRule(rule=about.key, title=about.title, level=about.level.word, mode=about.mode.value)
            for about in abouts
        ],
        purposes={system.name: system.purpose or "" for system in systems},
        reveals=[
            CouncilReveal(at=rfc3339(entry.at), case=entry.case_id or "", act=entry.act)
            for entry in store.audit()
            if entry.act.startswith(("case.reveal", "subject."))
        ],
    )

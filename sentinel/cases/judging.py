"""A finding meets the cases: it opens one or joins one, and that may owe a message.

Rules of this file:
1. A case owes few messages: one when it opens, one when its level rises, one when the number of people is ten times
   what was last told. Everything else is counted and can be seen with `sentinel case show`.
2. What happened before the watch began joins one case a rule and owes nothing but one digest.
3. The level is the rule's. A special category of data is said in the wording; it does not change the level.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sentinel.cases.clocks import all_clocks, settled
from sentinel.cases.identity import Key, case_id
from sentinel.cases.options import CaseOptions
from sentinel.cases.wording import notice
from sentinel.clock import Micros
from sentinel.model import AuditEntry, Case, Finding, Mode, State, Verdict

SENTINEL = "sentinel"
"""Who acts in the audit trail where no person does."""


def concerns_a_case(finding: Finding) -> bool:
    """Whether the finding opens or joins a case at all; a shadow rule's never does."""
    return finding.opens_case and finding.mode is Mode.ENFORCE


def judge(
    finding: Finding,
    known: Case | None,
    now: Micros,
    options: CaseOptions,
    *,
    key_hash: int,
    key_tags: Key,
    subjects: int | None = None,
) -> Verdict:
    """What the finding does to the cases.

    `known` is the undecided case with the same key, if any. `key_hash` is the keyed hash of the finding's case key and
    `key_tags` its pseudonyms. `subjects` is the number of distinct data subjects of the case with this finding in it;
    None where no event named one.
    """
    if known is None:
        return _opened(finding, now, options, key_hash, key_tags, subjects)
    return _joined(finding, known, now, subjects)


def digest(case: Case, now: Micros) -> Verdict | None:
    """The one message that a case from before the watch began owes; None for any other case."""
    if not case.historical or case.state is not State.OPEN:
        return None
    return Verdict(case=case, owed=(notice(case, "digest", now),))


def _opened(
    finding: Finding, now: Micros, options: CaseOptions, key_hash: int, key_tags: Key, subjects: int | None
) -> Verdict:
    case = settled(
        Case(
            id=case_id(finding),
            title=_title(finding),
            state=State.OPEN,
            level=finding.level,
            key=key_tags,
            key_hash=key_hash,
            rules=(finding.rule,),
            systems=_united((), finding.systems),
            categories=_united((), finding.categories),
            findings=1,
            subjects=subjects,
            occurred_from=finding.first_seen,
            occurred_to=finding.last_seen,
            detected_at=now,
            historical=finding.historical,
            clocks=all_clocks(options, now),
            role=options.role,
            told_subjects=subjects or 0,
            revision=1,
        )
    )
    owed = () if case.historical else (notice(case, "opened", now, finding),)
    audit = AuditEntry(
        at=now,
        who=SENTINEL,
        act="case.opened",
        case_id=case.id,
        detail={"finding": finding.id, "rule": finding.rule, "level": case.level.word},
    )
    return Verdict(case=case, owed=owed, audit=(audit,), finding=finding)


def _title(finding: Finding) -> str:
    return f"{finding.title}: {', '.join(finding.systems)}" if finding.systems else finding.title


def _joined(finding: Finding, known: Case, now: Micros, subjects: int | None) -> Verdict:
    case = replace(
        known,
        level=max(known.level, finding.level),
        rules=_united(known.rules, (finding.rule,)),
        systems=_united(known.systems, finding.systems),
        categories=_united(known.categories, finding.categories),
        findings=known.findings + (0 if finding.update else 1),
        subjects=_more(known.subjects, subjects),
        occurred_from=min(known.occurred_from, finding.first_seen),
        occurred_to=max(known.occurred_to, finding.last_seen),
        revision=known.revision + 1,
    )
    key = None if case.historical else _news(known, case)
    if key is not None:
        case = replace(case, told_subjects=max(case.told_subjects, case.subjects or 0))
    return Verdict(
        case=case,
        owed=() if key is None else (notice(case, key, now, finding),),
        audit=tuple(_risen(known, case, finding, now)),
        finding=finding,
    )


def _united(known: tuple[str, ...], new: Iterable[str]) -> tuple[str, ...]:
    """Both, each once, the older ones first."""
    return tuple(dict.fromkeys((*known, *new)))


def _more(known: int | None, told: int | None) -> int | None:
    return known if told is None else max(known or 0, told)


def _news(before: Case, after: Case) -> str | None:
    """The key of the message that the change is worth; a rise of the level tells the number of people too."""
    if after.level > before.level:
        return f"escalated-{after.level.word}"
    reached = max(before.told_subjects, 1)
    while (after.subjects or 0) >= 10 * reached:
        reached *= 10
    return f"grew-{reached}" if reached > max(before.told_subjects, 1) else None


def _risen(before: Case, after: Case, finding: Finding, now: Micros) -> Iterable[AuditEntry]:
    if after.level > before.level:
        detail = {"finding": finding.id, "rule": finding.rule, "from": before.level.word, "to": after.level.word}
        yield AuditEntry(at=now, who=SENTINEL, act="case.escalated", case_id=after.id, detail=detail)

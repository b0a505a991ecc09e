"""What a case holds of people, in clear. To be called only once that is written down in the audit trail."""

from __future__ import annotations

from contextlib import suppress

from sentinel.acts import NamedRow, RecordRow, RevealAnswer
from sentinel.cases.identity import tags_of
from sentinel.store import Store
from sentinel.store.cases import FindingValues
from sentinel.vault import KeyUnavailable, Vault

MOST_BYTES = 4 * 1024 * 1024
"""Of records in one answer; the rest is asked for with `skip`."""


def answer(store: Store, vault: Vault, case_id: str, *, records: int, skip: int, around: bool) -> RevealAnswer:
    """Names behind the pseudonyms, whom each finding is about, and as many records as asked for, if there is room."""
    rows: list[NamedRow] = []
    names: dict[str, str] = {}
    for finding in store.findings(case_id):
        values = finding_values(store, finding.id)
        if values is not None:
            tags = tags_of(values.case_key or values.group, vault.pseudonym)
            names |= {tag: value for (_, tag), (_, value) in zip(tags, values.case_key or values.group, strict=True)}
        actors, group = (values.actors, values.group) if values else ((), ())
        rows.append(NamedRow(finding=finding.id, rule=finding.rule, actors=list(actors), group=dict(group)))
    every = [*_evidence(store, case_id), *(_collected(store, case_id) if around else ())]
    return RevealAnswer(
        case=case_id,
        waits=None,
        names=names,
        findings=rows,
        records=_within(every[skip : skip + records]),
        records_total=len(every),
    )


def finding_values(store: Store, finding_id: str) -> FindingValues | None:
    """Whom a finding is about; None where its key is gone."""
    with suppress(KeyUnavailable):
        return store.finding_values(finding_id)
    return None


def _evidence(store: Store, case_id: str) -> list[RecordRow]:
    return [
        RecordRow(
            source=each.place.source, path=each.place.path, offset=each.place.offset, kinds="", text=_text(each.raw)
        )
        for each in store.read_evidence(case_id)
    ]


def _collected(store: Store, case_id: str) -> list[RecordRow]:
    found = sorted(store.read_collected(case_id), key=lambda each: each[1].time)
    return [
        RecordRow(source=source, path=each.path, offset=each.offset, kinds=", ".join(each.kinds), text=_text(each.raw))
        for source, each in found
    ]


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode("utf-8", "replace").rstrip("\r\n")


def _within(rows: list[RecordRow]) -> list[RecordRow]:
    kept: list[RecordRow] = []
    size = 0
    for each in rows:
        size += len(each["text"] or "")
        if size > MOST_BYTES and kept:
            break
        kept.append(each)
    return kept

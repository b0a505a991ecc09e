"""Whom a case is about, as the ledger of accesses can be asked: by keyed hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from sentinel.acts import PartiesAnswer
from sentinel.clock import rfc3339
from sentinel.detect.hashes import Hashes
from sentinel.model import Case
from sentinel.store.cases import FindingRow, FindingValues
from sentinel.vault import KeyUnavailable


class Register(Protocol):
    """What is read from the store of those a case is about."""

    def findings(self, case_id: str) -> Sequence[FindingRow]:
        """The findings of a case."""

    def finding_values(self, finding_id: str) -> FindingValues | None:
        """Who a finding is about, in clear."""

    def subjects(self, case_id: str) -> set[int]:
        """The keyed hashes of the data subjects the case touches."""


def parties_answer(store: Register, case: Case, hash_key: bytes, pseudonym: Callable[[str, str], str]) -> PartiesAnswer:
    """Whom the ledger is to be asked about, by keyed hash. Names are unsealed for that, and shown to nobody."""
    hashes, cases = Hashes(hash_key), [case.id, *(each.case_id for each in case.absorbed)]
    names: set[str] = set()
    for found in (each for case_id in cases for each in store.findings(case_id)):
        with suppress(KeyUnavailable):
            values = store.finding_values(found.id)
            names.update(values.actors if values is not None else ())
    return PartiesAnswer(
        case=case.id,
        occurred_from=rfc3339(case.occurred_from),
        occurred_to=rfc3339(case.occurred_to),
        actors={str(hashes[name]): pseudonym("actor", name) for name in sorted(names)},
        people=[] if names else sorted(str(each) for case_id in cases for each in store.subjects(case_id)),
    )

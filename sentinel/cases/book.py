"""The cases in memory: which one a finding joins, and which ones are due.

Rules of this file: no I/O. The book is filled from the store at start and changed by applying verdicts alone, so it
says what the store says as soon as the batch with the verdict is committed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from sentinel.cases.clocks import RUNNING_STATES, remaining
from sentinel.cases.moving import CaseError
from sentinel.cases.options import USUAL, CaseOptions
from sentinel.cases.reminders import due_at
from sentinel.clock import Micros
from sentinel.model import Case, State, Verdict

_MISHEARD = str.maketrans("OIL", "011")
"""Letters that Crockford's base 32 does not have, as people write them."""


class Book:
    """Every case, with an index by key for those undecided and by the next reminder for those that have one."""

    def __init__(self, cases: Iterable[Case] = (), options: CaseOptions = USUAL) -> None:
        self._options = options
        self._cases: dict[str, Case] = {}
        self._by_key: dict[int, list[str]] = {}
        self._due: dict[str, Micros] = {}
        self._reminders: list[tuple[Micros, str]] = []
        for case in cases:
            self._put(case)

    def __len__(self) -> int:
        return len(self._cases)

    def __iter__(self) -> Iterator[Case]:
        return iter(tuple(self._cases.values()))

    def apply(self, verdict: Verdict) -> None:
        """The verdict's case is the case from now on."""
        self._put(verdict.case)

    def get(self, case_id: str) -> Case | None:
        """The case of exactly that id."""
        return self._cases.get(case_id)

    def find(self, text: str) -> Case:
        """The one case whose id is, or begins with, what a person typed. Raises CaseError for none and for several."""
        wanted = text.strip().upper().removeprefix("C-").translate(_MISHEARD)
        found = [case for case in self._cases.values() if case.id.removeprefix("C-").startswith(wanted)]
        if not wanted or not found:
            raise CaseError(f"no case '{text.strip()[:40]}'", "sentinel case list shows every case")
        if len(found) > 1:
            names = ", ".join(sorted(case.id for case in found)[:5])
            raise CaseError(f"'{text.strip()[:40]}' is the beginning of {len(found)} cases", f"such as {names}")
        return found[0]

    def open_for(self, key_hash: int) -> Case | None:
        """The undecided case that a finding with this key joins: the newest, should there be several.

        What would join a merged case joins the one that it was merged into.
        """
        known = [self.current(name) for name in self._by_key.get(key_hash, ())]
        joined = [case for case in known if case is not None and case.state in RUNNING_STATES]
        return max(joined, key=lambda case: (case.detected_at, case.id), default=None)

    def current(self, case_id: str) -> Case | None:
        """The case of that id, or the one in which it goes on since it was merged."""
        case = self._cases.get(case_id)
        while case is not None and case.merged_into is not None:
            case = self._cases.get(case.merged_into)
        return case

    def due(self, now: Micros) -> list[Case]:
        """The cases that owe a reminder at `now`; costs nothing while none does."""
        first = self.next_due()
        if first is None or now < first:
            return []
        return [self._cases[name] for name, moment in sorted(self._due.items()) if moment <= now]

    def next_due(self) -> Micros | None:
        """When the next reminder will be due; None where no clock runs."""
        while self._reminders and self._due.get(self._reminders[0][1]) != self._reminders[0][0]:
            heapq.heappop(self._reminders)  # the case has moved on since
        return self._reminders[0][0] if self._reminders else None

    def by_urgency(self, now: Micros) -> list[Case]:
        """Every case: those whose clock runs by the time that is left, then the others, the newest first."""
        return sorted(self._cases.values(), key=lambda case: _urgency(case, now))

    def _put(self, case: Case) -> None:
        old = self._cases.get(case.id)
        if old is not None and case.id in self._by_key.get(old.key_hash, ()):
            self._by_key[old.key_hash].remove(case.id)
        self._cases[case.id] = case
        if case.state in RUNNING_STATES or case.state is State.MERGED:
            self._by_key.setdefault(case.key_hash, []).append(case.id)
        if not self._by_key.get(case.key_hash, True):
            del self._by_key[case.key_hash]
        moment = due_at(case, self._options)
        if moment is None:
            self._due.pop(case.id, None)
        elif self._due.get(case.id) != moment:
            self._due[case.id] = moment
            heapq.heappush(self._reminders, (moment, case.id))


def _urgency(case: Case, now: Micros) -> tuple[bool, Micros, Micros, str]:
    left = remaining(case, now)
    return (left is None, left or 0, -case.detected_at, case.id)

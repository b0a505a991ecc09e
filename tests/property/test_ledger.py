"""The ledger against a plain list: whatever is committed, put into files, expired and erased, it knows the same."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sentinel.clock import DAY, HOUR, SECOND, Micros
from sentinel.store import Store
from sentinel.store.asking import open_ledger
from tests.ledgers import KINDS, Access, a_batch_of, listed
from tests.unit.store_samples import NOON, a_store

PEOPLE = st.integers(-3, 3)
KEEP: Micros = 10 * DAY
BEGIN, END = NOON - 1000 * DAY, NOON + 1000 * DAY

accesses = st.builds(
    Access,
    time=st.one_of(
        st.integers(0, 60 * DAY // SECOND).map(lambda seconds: NOON + seconds * SECOND),
        st.integers(0, 60 * DAY).map(lambda offset: NOON + offset),
    ),
    actor=PEOPLE,
    subject=PEOPLE,
    kind=st.sampled_from(KINDS),
    size=st.sampled_from([0, 0, 1, 1 << 40]),
    records=st.sampled_from([0, 0, 5000]),
)


class LedgerLife(RuleBasedStateMachine):
    """One state folder and the list of what must be in it."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name)
        self.store: Store = a_store(self.path)
        self.known: list[Access] = []
        self.now = NOON

    def teardown(self) -> None:
        self.store.close()
        self.folder.cleanup()

    @rule(brought=st.lists(accesses, max_size=12))
    def commit(self, brought: list[Access]) -> None:
        self.store.commit(a_batch_of(brought))
        self.known += brought

    @rule()
    def compact(self) -> None:
        self.store.compact_ledger()

    @rule(days=st.integers(1, 20))
    def time_passes(self, days: int) -> None:
        """What is older than is kept is gone within a day, and nothing that is younger."""
        self.now += days * DAY
        self.store.tend_ledger(self.now, KEEP)
        found = listed(ledger := open_ledger(self.path), ledger.of_actors(range(-3, 4), BEGIN, END))
        assert [each for each in found if each.time >= self.now - KEEP] == sorted(
            each for each in self.known if each.time >= self.now - KEEP
        )
        self.known = found

    @rule(actors=st.sets(PEOPLE, max_size=2), subjects=st.sets(PEOPLE, max_size=2))
    def erase(self, actors: set[int], subjects: set[int]) -> None:
        left = [each for each in self.known if each.actor not in actors and each.subject not in subjects]
        self.store.erase_accesses(actors, subjects)
        self.known = left

    @rule()
    def turn(self) -> None:
        """An erasure goes on, a file at a time; nothing expires."""
        self.store.tend_ledger(self.now, 10_000 * DAY)

    @rule()
    def begin_again(self) -> None:
        self.store.close()
        (self.path / "ledger").mkdir(exist_ok=True)
        (self.path / "ledger" / "0000.accesses").write_bytes(b"what a crash left behind")
        self.store = a_store(self.path)

    @invariant()
    def it_answers_as_the_list_does(self) -> None:
        ledger = open_ledger(self.path)
        if not self.store.is_erasing:
            assert len(ledger) == len(self.known)
            assert ledger.since == min((each.time for each in self.known), default=None)
        for since, until in ((BEGIN, END), (NOON + 5 * DAY, NOON + 9 * DAY + HOUR)):
            within = [each for each in self.known if since <= each.time < until]
            for some in ({1}, {-2, 0, 3}, {99}, set[int]()):
                assert listed(ledger, ledger.of_actors(some, since, until)) == sorted(
                    each for each in within if each.actor in some
                )
                assert listed(ledger, ledger.of_subjects(some, since, until)) == sorted(
                    each for each in within if each.subject in some
                )

    @invariant()
    def it_keeps_no_file_that_it_does_not_need(self) -> None:
        assert set((self.path / "ledger").glob("*")) == set(self.store.ledger_files())


TestLedger = LedgerLife.TestCase
TestLedger.settings = settings(max_examples=12, stateful_step_count=12, deadline=None)

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.store import Batch
from sentinel.store.windows import N_SHARDS
from tests.unit.store_samples import a_store


def a_batch(delta: bytes | None = None, **bases: bytes) -> Batch:
    batch = Batch()
    if delta is not None:
        batch.window_delta(delta)
    for shard, blob in bases.items():
        batch.window_base(int(shard.removeprefix("s")), blob)
    return batch


def test_deltas_come_back_in_order_with_rising_numbers(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        for blob in (b"a", b"b", b"c"):
            store.commit(a_batch(blob))
    with a_store(tmp_path) as store:
        assert store.load_windows().deltas == [(1, b"a"), (2, b"b"), (3, b"c")]


def test_a_base_stands_as_of_the_delta_of_its_own_commit(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch(s3=b"before any"))
        store.commit(a_batch(b"a"))
        store.commit(a_batch(b"b", s1=b"base"))
        store.commit(a_batch(s2=b"later"))
        assert store.load_windows().bases == [(1, 2, b"base"), (2, 2, b"later"), (3, 0, b"before any")]


def test_a_delta_is_dropped_only_when_every_shard_has_it(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch(b"a"))
        for shard in range(N_SHARDS - 1):
            store.commit(a_batch(b"b", **{f"s{shard}": b"base"}))
        assert len(store.load_windows().deltas) == N_SHARDS
        store.commit(a_batch(**{f"s{N_SHARDS - 1}": b"base"}))
        # The oldest base was written with the second delta: it and the first are in every base now.
        assert [seq for seq, _ in store.load_windows().deltas] == list(range(3, N_SHARDS + 1))


def test_a_number_of_a_delta_is_never_used_twice(tmp_path: Path) -> None:
    with a_store(tmp_path) as store:
        store.commit(a_batch(b"a", **{f"s{shard}": b"base" for shard in range(N_SHARDS)}))
        assert store.load_windows().deltas == []
        store.windows_reset()
    with a_store(tmp_path) as store:
        store.commit(a_batch(b"b"))
        assert store.load_windows().deltas == [(2, b"b")]
        assert store.load_windows().bases == []


def test_a_batch_holds_one_delta() -> None:
    batch = a_batch(b"a")
    with pytest.raises(ValueError):
        batch.window_delta(b"b")


class Model:
    """The obvious oracle: every shard as the list of the changes made to it."""

    def __init__(self) -> None:
        self.shards: list[list[int]] = [[] for _ in range(N_SHARDS)]


CHANGES = st.lists(st.tuples(st.lists(st.integers(0, N_SHARDS - 1), max_size=3), st.sets(st.integers(0, N_SHARDS - 1))))


@settings(max_examples=40, deadline=None)
@given(commits=CHANGES)
def test_bases_and_later_deltas_always_give_the_whole_state(
    tmp_path_factory: pytest.TempPathFactory, commits: list[tuple[list[int], set[int]]]
) -> None:
    model = Model()
    change = 0
    with a_store(tmp_path_factory.mktemp("windows")) as store:
        for touched, bases in commits:
            batch = Batch()
            delta = []
            for shard in touched:
                change += 1
                model.shards[shard].append(change)
                delta.append((shard, change))
            batch.window_delta(repr(delta).encode())
            for shard in bases:
                batch.window_base(shard, repr(model.shards[shard]).encode())
            store.commit(batch)
        read = store.load_windows()
    loaded: list[list[int]] = [[] for _ in range(N_SHARDS)]
    as_of = [0] * N_SHARDS
    for shard, seq, blob in read.bases:
        loaded[shard], as_of[shard] = eval(blob), seq
    for seq, blob in read.deltas:
        for shard, number in eval(blob):
            if seq > as_of[shard]:
                loaded[shard].append(number)
    assert loaded == model.shards

"""Whether ids form a walk."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinel.detect.unusual.sequence import SequencePart, masked, walk


def hash_text(text: str) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


def walked(ids: Sequence[object], **part: object) -> int:
    return walk(SequencePart.model_validate(part), array("q", [masked(str(each), hash_text) for each in ids]))


def test_one_after_the_other_is_a_walk() -> None:
    assert walked(list(range(1, 31))) == 30
    assert walked(list(range(1, 25))) == 0, "too short"


def test_zeros_before_a_number_and_text_around_it_make_no_difference() -> None:
    assert walked([f"P{number:05}" for number in range(95, 125)]) == 30
    assert walked([f"/users/{number}/profile" for number in range(7, 37)]) == 30
    assert walked([f"{letter}{number}" for letter in "abc" for number in range(10)]) == 0


def test_ids_that_are_anywhere_are_no_walk() -> None:
    random = Random(1)
    for size in (100, 1000, 1_000_000):
        assert walked([random.randint(1, size) for _ in range(200)]) == 0


def test_gaps_and_others_between_do_not_hide_a_walk() -> None:
    assert walked([number * 5 for number in range(30)]) == 30
    assert walked([number * 6 for number in range(30)]) == 0
    mixed = [each for number in range(40) for each in ([number] if number % 6 else [number, 10**6 + number * 999])]
    assert walked(mixed) >= 25


def test_workers_that_share_a_walk_do_not_hide_it() -> None:
    random = Random(2)
    ids = list(range(100, 140))
    shuffled = [ids[place : place + 4] for place in range(0, 40, 4)]
    for each in shuffled:
        random.shuffle(each)
    assert walked([number for each in shuffled for number in each], direction="scattered") >= 25
    assert walked([each + lane * 1 for each in range(0, 120, 4) for lane in range(4)]) >= 25


@pytest.mark.parametrize(
    ("direction", "up", "down", "anyhow"),
    [("up", 30, 0, 0), ("down", 0, 30, 0), ("any", 30, 30, 0), ("scattered", 30, 30, 30)],
)
def test_a_direction_may_be_asked_for(direction: str, up: int, down: int, anyhow: int) -> None:
    ids: list[object] = list(range(1, 31))
    mixed = Random(3).sample(ids, 30)
    assert walked(ids, direction=direction) == up
    assert walked(ids[::-1], direction=direction) == down
    assert walked(mixed, direction=direction) == anyhow


def test_the_same_id_again_and_again_is_no_walk() -> None:
    assert walked([1, 2, 3] * 100) == 0


@given(st.lists(st.integers(0, 10**18 - 1), min_size=1, max_size=40), st.text(max_size=3), st.text(max_size=3))
def test_the_steps_between_ids_are_kept_and_the_ids_are_not(ids: list[int], before: str, after: str) -> None:
    before, after = before.translate(NO_DIGITS), after.translate(NO_DIGITS)
    kept = [masked(f"{before}{each}{after}", hash_text) for each in ids]
    assert [each - kept[0] for each in kept] == [each - ids[0] for each in ids]
    assert all(-(1 << 63) <= each < 1 << 63 for each in kept)


NO_DIGITS = {ord(digit): "x" for digit in "0123456789"}

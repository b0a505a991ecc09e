"""How often rules matched, and when last."""

from __future__ import annotations

from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from sentinel.detect.matched import Matched
from sentinel.model import Block, Event, Position

BLOCK = Block(
    source="s", stream=0, path="p", offset=0, data=b"", position=Position(source="s", stream=0, state=""), reference=0
)


class Found(NamedTuple):
    event: Event
    rules: tuple[int, ...]


def match(time: int, rules: tuple[int, ...]) -> Found:
    return Found(Event({}, time, 0, BLOCK, 0, 0), rules)


RULES = st.sampled_from([(0,), (1,), (0, 1), (0, 2), (2,)])


@given(st.lists(st.lists(st.builds(match, st.integers(0, 99), RULES), max_size=6), max_size=6), st.integers(0, 5))
def test_each_match_is_counted_once_and_the_one_written_last_is_known(blocks: list[list[Found]], taken: int) -> None:
    matched, counts, last = Matched(), dict.fromkeys(range(3), 0), dict[int, int]()
    for number, block in enumerate(blocks):
        matched.note(block)
        if number == taken:
            for rule, count, _ in matched.take():
                counts[rule] += count
    for rule, count, time in matched.take():
        counts[rule] += count
        last[rule] = max(time, last.get(rule, 0))
    every = [each for block in blocks for each in block]
    assert counts == {rule: sum(rule in each.rules for each in every) for rule in range(3)}
    since = [each for block in blocks[taken + 1 if taken < len(blocks) else 0 :] for each in block]
    newest = {each.rules: each.event.time for each in since}
    assert last == {
        rule: max(time for rules, time in newest.items() if rule in rules) for rule in {r for n in newest for r in n}
    }

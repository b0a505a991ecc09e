"""What a change of rules wins, loses and moves, from the findings of two runs."""

from __future__ import annotations

from itertools import count

from hypothesis import given
from hypothesis import strategies as st

from sentinel.clock import MINUTE
from sentinel.comparison import Seen, compare

KIM = (("access.actor", "kim"),)
QUIET = {"r1": 10 * MINUTE}


def found(
    identity: str,
    at: int,
    until: int | None = None,
    *,
    rule: str = "bulk",
    rule_id: str | None = "r1",
    group: tuple[tuple[str, str], ...] = KIM,
    level: str = "high",
    place: tuple[str, int] | None = None,
) -> Seen:
    last = at if until is None else until
    return Seen(
        id=identity,
        rule=rule,
        rule_id=rule_id,
        group=group,
        level=level,
        mode="enforce",
        opens_case=True,
        fired_at=at * MINUTE,
        until=last * MINUTE,
        digits=0,
        value=50,
        place=place or ("log", at),
    )


def test_a_finding_with_the_same_id_is_the_same() -> None:
    both = [found("f_1", 5)]
    result = compare(both, both, QUIET)
    assert result.is_empty
    assert len(result.same) == 1


def test_a_finding_of_one_side_alone_is_won_or_lost() -> None:
    result = compare([found("f_1", 5)], [found("f_2", 500)], QUIET)
    assert [each.id for each in result.lost] == ["f_1"]
    assert [each.id for each in result.won] == ["f_2"]


def test_an_episode_that_is_found_later_has_moved_by_that_time() -> None:
    [pair] = compare([found("f_1", 5)], [found("f_2", 8)], QUIET).moved
    assert pair.shift == 3 * MINUTE


def test_hours_into_a_long_episode_it_is_still_the_same_episode() -> None:
    [pair] = compare([found("f_1", 0, 300)], [found("f_2", 290, 300)], QUIET).moved
    assert (pair.before.id, pair.after.id) == ("f_1", "f_2")


def test_as_long_apart_as_the_rule_stays_quiet_they_are_two_episodes() -> None:
    assert len(compare([found("f_1", 0)], [found("f_2", 9)], QUIET).moved) == 1
    assert compare([found("f_1", 0)], [found("f_2", 10)], QUIET).moved == ()


def test_findings_of_two_people_are_never_one_that_moved() -> None:
    result = compare([found("f_1", 5)], [found("f_2", 6, group=(("access.actor", "ada"),))], QUIET)
    assert (len(result.lost), len(result.won), len(result.moved)) == (1, 1, 0)


def test_single_records_do_not_move() -> None:
    result = compare(
        [found("f_1", 5, rule_id="d1", group=())], [found("f_2", 5, rule_id="d1", group=(), place=("log", 9))], QUIET
    )
    assert (len(result.lost), len(result.won)) == (1, 1)


def test_another_level_is_a_change_and_says_from_what_to_what() -> None:
    [pair] = compare([found("f_1", 5)], [found("f_1", 5, level="low")], QUIET).changed
    assert pair.changes == {"level": ("high", "low")}


def test_a_rule_with_a_new_name_is_known_by_its_id() -> None:
    assert len(compare([found("f_1", 5)], [found("f_2", 6, rule="bulk_access")], QUIET).moved) == 1


def test_a_rule_with_a_new_id_is_known_by_its_name() -> None:
    result = compare([found("f_1", 5)], [found("f_2", 5, rule_id="r2"), found("f_3", 500, rule_id="r2")], QUIET)
    assert (len(result.same), [each.id for each in result.won]) == (1, ["f_3"])


IDS = count()
SIDE = st.lists(
    st.builds(
        lambda at, length, who, name: found(name or f"f_{next(IDS)}", at, at + length, group=(("actor", who),)),
        st.integers(0, 200),
        st.integers(0, 40),
        st.sampled_from("ab"),
        st.sampled_from(["", "", "s1", "s2"]),
    ),
    max_size=12,
    unique_by=lambda each: each.id,
)


@given(SIDE, SIDE)
def test_every_finding_of_both_runs_is_told_of_exactly_once(before: list[Seen], after: list[Seen]) -> None:
    result = compare(before, after, QUIET)
    pairs = [*result.moved, *result.changed, *result.same]
    assert sorted([*result.lost, *(pair.before for pair in pairs)]) == sorted(before)
    assert sorted([*result.won, *(pair.after for pair in pairs)]) == sorted(after)


@given(SIDE, SIDE)
def test_what_is_told_as_moved_are_episodes_that_touch(before: list[Seen], after: list[Seen]) -> None:
    quiet = QUIET["r1"]
    for pair in compare(before, after, QUIET).moved:
        gap = max(pair.before.fired_at, pair.after.fired_at) - min(pair.before.until, pair.after.until)
        assert gap < quiet
        assert pair.before.group == pair.after.group


@given(SIDE, SIDE)
def test_backwards_what_was_won_is_lost(before: list[Seen], after: list[Seen]) -> None:
    there, back = compare(before, after, QUIET), compare(after, before, QUIET)
    assert (len(there.won), len(there.lost), len(there.moved)) == (len(back.lost), len(back.won), len(back.moved))

"""The scope of a case against a plain list of accesses."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.clock import DAY, HOUR, Micros, rfc3339
from sentinel.scope import HABIT, MOST_STEPS, NEARBY, Asked, scope, shown
from sentinel.store.asking import open_ledger
from tests.ledgers import KINDS, Access, a_batch_of
from tests.unit.store_samples import NOON, a_store

SINCE, UNTIL = NOON, NOON + 3 * HOUR
EDGES = (SINCE - HABIT, SINCE - NEARBY, SINCE, UNTIL, UNTIL + NEARBY)

accesses = st.lists(
    st.builds(
        Access,
        time=st.one_of(
            st.sampled_from(EDGES).flatmap(lambda edge: st.integers(edge - 1, edge + 1)),
            st.integers(SINCE, UNTIL),
            st.integers(SINCE - HABIT - DAY, UNTIL + 2 * DAY),
        ),
        actor=st.integers(0, 4),
        subject=st.integers(0, 5),
        kind=st.sampled_from(KINDS),
        size=st.sampled_from([0, 0, 700]),
        records=st.sampled_from([0, 0, 50]),
    ),
    max_size=40,
)


def words(found: list[Access]) -> dict[str, list[str]]:
    return {
        "systems": sorted({each.kind.system for each in found}),
        "categories": sorted({word for each in found for word in each.kind.data}),
        "actions": sorted({each.kind.action for each in found}),
    }


def ends(found: list[Access]) -> dict[str, str]:
    return {"first": rfc3339(min(each.time for each in found)), "last": rfc3339(max(each.time for each in found))}


def between(known: list[Access], since: Micros, until: Micros) -> list[Access]:
    return [each for each in known if since <= each.time < until]


def expected(known: list[Access], actors: set[int]) -> dict[str, Any]:
    ours = [each for each in known if each.actor in actors]
    within, before = between(ours, SINCE, UNTIL), between(ours, SINCE - HABIT, SINCE)
    named = [each for each in within if each.subject]
    usual = {each.subject for each in before}
    people = []
    for subject in {each.subject for each in named}:
        theirs = [each for each in named if each.subject == subject]
        people.append(
            {
                "person": shown(subject),
                "accesses": len(theirs),
                **ends(theirs),
                **words(theirs),
                "bytes": sum(each.size for each in theirs),
                "records": sum(each.records for each in theirs),
                "new": subject not in usual,
            }
        )
    touched = {each.subject for each in named}
    same = [each for each in between(known, SINCE - HABIT, UNTIL) if each.subject in touched]
    others = []
    for actor in {each.actor for each in same} - actors - {0}:
        theirs = [each for each in same if each.actor == actor]
        others.append(
            {
                "people": len({each.subject for each in theirs}),
                "accesses": len(theirs),
                **ends(theirs),
                "categories": words(theirs)["categories"],
            }
        )
    nearby = between(ours, SINCE - NEARBY, SINCE) + between(ours, UNTIL, UNTIL + NEARBY)
    return {
        "accesses": len(within),
        "bytes": sum(each.size for each in within),
        "records": sum(each.records for each in within),
        "unnamed_accesses": len(within) - len(named),
        "unnamed_records": sum(each.records for each in within if not each.subject),
        "people_count": len(touched),
        "new_people": len(touched - usual),
        **{
            f"new_{name}": [word for word in found if word not in words(before)[name]]
            for name, found in words(within).items()
        },
        "habit_accesses": len(before),
        "habit_people": len(usual - {0}),
        "nearby_accesses": len(nearby),
        "nearby_people": len({each.subject for each in nearby} - touched - {0}),
        "people": people,
        "others": others,
    }


def in_any_order(found: list[dict[str, Any]]) -> list[str]:
    return sorted(str(sorted(each.items())) for each in found)


@settings(deadline=None, max_examples=60)
@given(accesses, st.sets(st.integers(1, 4), min_size=1, max_size=2), st.integers(0, 40))
def test_the_scope_says_what_the_list_says(known: list[Access], actors: set[int], in_a_file: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        with a_store(Path(folder)) as store:
            store.commit(a_batch_of(known[:in_a_file]))
            store.compact_ledger()
            store.commit(a_batch_of(known[in_a_file:]))
        found: dict[str, Any] = {
            **scope(open_ledger(Path(folder)), Asked("C-1", dict.fromkeys(actors, "")), SINCE, UNTIL)
        }
    wanted = expected(known, actors)
    assert in_any_order(found["people"]) == in_any_order(wanted["people"])
    assert [(each["new"], each["accesses"]) for each in found["people"]] == sorted(
        ((each["new"], each["accesses"]) for each in found["people"]), reverse=True
    )
    for each in found["others"]:
        assert each.pop("actor").startswith("actor-")
    assert in_any_order(found["others"]) == in_any_order(wanted["others"])
    assert {name: found[name] for name in wanted if name not in {"people", "others"}} == {
        name: value for name, value in wanted.items() if name not in {"people", "others"}
    }
    assert len(found["steps"]) <= MOST_STEPS
    steps = [sum(each[name] for each in found["steps"]) for name in ("usual", "outside")]
    new = sum(each["accesses"] for each in found["people"] if each["new"])
    assert steps == [found["accesses"] - found["unnamed_accesses"] - new, new]

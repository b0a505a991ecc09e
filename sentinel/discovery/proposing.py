"""From what was counted to what the inventory could say: entries with how sure they are, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from sentinel.discovery import words
from sentinel.discovery.actions import of_actions
from sentinel.discovery.census import Census
from sentinel.discovery.paths import of_paths
from sentinel.discovery.proposal import Findings, PersonField
from sentinel.discovery.values import kind_of_values, masked


def propose(census: Census) -> Findings:
    """Everything that the counts say, the surest and most frequent first."""
    fields = tuple(person_fields(census))
    actor = _actor(census)
    asked = frozenset(each.name.removeprefix("?") for each in fields if each.name.startswith("?"))
    found = [*of_paths(census, actor, asked), *of_actions(census, actor, fields)]
    order = {"high": 0, "medium": 1, "low": 2}
    found.sort(key=lambda each: (order[each.sure], -each.count, each.title))
    likely = [each for each in found if each.sure != "low"]
    data = tuple(dict.fromkeys(category for each in likely for category in each.data))
    return Findings(
        tuple(found), fields, actor, sum(each.count for each in likely), sum(each.actorless for each in likely), data
    )


def person_fields(census: Census) -> Iterator[PersonField]:
    """Fields and parameters that look like people's, by their values where these say it, else by their names."""
    for name, found in sorted(census.fields.items(), key=lambda each: -each[1].count):
        bare = name.removeprefix("?")
        by_values = kind_of_values(list(found.values.samples))
        by_name = words.kind_of_name(bare)
        if by_values is None and by_name is None:
            person = words.person_of_name(bare)
            if person is None or bare in words.ACTORS:
                continue
            by_name = (f"number of a {person}", words.PEOPLE[person][-1])
        kind, data = by_values or by_name or ("", "")
        how: Literal["name", "values", "name and values"] = (
            "name and values" if by_values and by_name else "values" if by_values else "name"
        )
        example = masked(next(iter(found.values.samples), ""))
        yield PersonField(name, kind, data, how, found.count, len(found.values), example)


def _actor(census: Census) -> str | None:
    """The field that says who it was in most records that went well."""
    totals: dict[str, int] = {}
    for endpoint in (*census.endpoints.values(), *census.actions.values()):
        for name, count in endpoint.actors.items():
            totals[name] = totals.get(name, 0) + count
    if not totals:
        return None
    best = max(totals.values())
    return next(name for name in words.ACTORS if totals.get(name, 0) >= best / 2)

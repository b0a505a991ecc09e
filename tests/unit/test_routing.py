"""The first route that fits decides who hears of a message."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sentinel.model import Case, Level, Notification, State
from sentinel.routing import Route, destinations, kind_of

CASE = Case(
    id="C-1", title="bulk access", state=State.OPEN, level=Level.HIGH, key=(), key_hash=1, rules=("bulk_access",),
    systems=("portal", "ehr"), categories=(), findings=1, subjects=None, occurred_from=0, occurred_to=0, detected_at=0,
)  # fmt: skip
OPENED = Notification(id="m", case=CASE, key="opened", owed_at=0, headline="")


def routes(*written: dict[str, object]) -> list[Route]:
    return [Route.model_validate(each, strict=False) for each in written]


def test_without_routes_every_channel_hears_of_everything() -> None:
    assert destinations(OPENED, [], ["soc", "dpo"]) == ("soc", "dpo")


def test_the_first_route_that_fits_decides() -> None:
    written = routes(
        {"when": {"level": "critical"}, "to": ["a"]}, {"when": {"level": ["high"]}, "to": ["b", "b"]}, {"to": ["c"]}
    )
    assert destinations(OPENED, written, ["a", "b", "c"]) == ("b",)
    low = replace(OPENED, case=replace(CASE, level=Level.LOW))
    assert destinations(low, written, ["a", "b", "c"]) == ("c",)


def test_a_message_that_no_route_is_for_goes_nowhere() -> None:
    assert destinations(OPENED, routes({"when": {"system": "other"}, "to": ["a"]}), ["a"]) == ()


@pytest.mark.parametrize(
    ("when", "is_for"),
    [
        ({}, True),
        ({"rule": "bulk_access"}, True),
        ({"rule": ["x", "bulk_access"]}, True),
        ({"rule": "x"}, False),
        ({"system": ["ehr"]}, True),
        ({"system": ["ehr"], "level": "low"}, False),
        ({"kind": "opened"}, True),
        ({"kind": ["reminder", "overdue"]}, False),
    ],
)
def test_every_condition_that_is_given_must_hold(when: dict[str, object], is_for: bool) -> None:
    assert destinations(OPENED, routes({"when": when, "to": ["a"]}), ["a"]) == (("a",) if is_for else ())


@pytest.mark.parametrize(
    ("key", "kind"),
    [("opened", "opened"), ("24h-left", "reminder"), ("C-1/6h-left", "reminder"), ("escalated-high", "escalated"),
     ("grew-100", "grew"), ("overdue", "overdue"), ("C-1/confirmed", "confirmed")],
)  # fmt: skip
def test_the_key_of_a_message_says_its_kind(key: str, kind: str) -> None:
    assert kind_of(key) == kind

"""The first route that fits decides who hears of a message."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from sentinel.clock import from_datetime
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


def at(hour: int, minute: int = 0, day: int = 6) -> Notification:
    """A message owed at that hour UTC of a day in March 2026; the sixth is a Friday."""
    return replace(OPENED, owed_at=from_datetime(datetime(2026, 3, day, hour, minute, tzinfo=UTC)))


def test_the_routes_inside_a_route_decide_where_one_of_them_fits() -> None:
    (tree,) = routes(
        {
            "when": {"level": "high"},
            "to": ["soc"],
            "routes": [
                {"when": {"kind": "overdue"}, "to": ["head"]},
                {"when": {"system": "ehr"}, "to": ["ward"], "continue": True},
                {"when": {"rule": "bulk_access"}, "to": ["dpo"]},
            ],
        }
    )
    assert destinations(OPENED, [tree], []) == ("ward", "dpo")
    other = replace(OPENED, case=replace(CASE, systems=("x",), rules=("y",)))
    assert destinations(other, [tree], []) == ("soc",)
    assert destinations(replace(other, key="overdue"), [tree], []) == ("head",)


def test_a_route_that_goes_on_lets_the_next_one_hear_of_it_too() -> None:
    written = routes({"to": ["log"], "continue": True}, {"when": {"level": "high"}, "to": ["soc"]}, {"to": ["dpo"]})
    assert destinations(OPENED, written, []) == ("log", "soc")
    low = replace(OPENED, case=replace(CASE, level=Level.LOW))
    assert destinations(low, written, []) == ("log", "dpo")


def test_a_route_with_an_empty_list_keeps_a_message_from_everybody() -> None:
    written = routes({"to": ["soc"], "routes": [{"when": {"kind": "opened"}, "to": []}]})
    assert destinations(OPENED, written, ["soc"]) == ()


@pytest.mark.parametrize(
    ("message", "is_for"),
    [
        (at(8, 59), False),
        (at(9, 0), True),
        (at(16, 59), True),
        (at(17, 0), False),
        (at(12, day=7), False),
    ],
)
def test_a_route_is_asked_at_its_hours_only(message: Notification, is_for: bool) -> None:
    office = {
        "days": ["mon", "tue", "wed", "thu", "fri"],
        "from": "10:00",
        "until": "18:00",
        "timezone": "Europe/Berlin",
    }
    written = routes({"active": [office], "to": ["desk"]}, {"to": ["on-call"]})
    assert destinations(message, written, []) == (("desk",) if is_for else ("on-call",))


def test_hours_past_midnight_belong_to_the_day_they_began() -> None:
    written = routes({"active": [{"days": ["fri"], "from": "22:00", "until": "06:00"}], "to": ["night"]})
    heard = [(day, hour) for day in range(5, 9) for hour in range(24) if destinations(at(hour, day=day), written, [])]
    assert heard == [(6, 22), (6, 23), *((7, hour) for hour in range(6))]


def test_hours_are_those_of_the_clock_on_the_wall_when_it_is_changed() -> None:
    written = routes({"active": [{"from": "09:00", "until": "10:00", "timezone": "Europe/Berlin"}], "to": ["desk"]})
    assert [day for day in (28, 29) if destinations(at(8, 30, day=day), written, [])] == [28]
    assert [day for day in (28, 29) if destinations(at(7, 30, day=day), written, [])] == [29]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"to": ["a"], "active": [{"from": "9"}]},
        {"to": ["a"], "active": [{"days": ["monday"]}]},
        {"to": ["a"], "active": [{"timezone": "Berlin"}]},
        {"to": ["a"], "routes": [{}]},
    ],
)
def test_a_route_that_cannot_be_meant_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        routes(wrong)

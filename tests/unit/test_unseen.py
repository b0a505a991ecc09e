from __future__ import annotations

from sentinel.detect.lane import Lane
from tests.detecting import a_block, an_engine, detection, json_lines, rules_of


def lane_of(*selections: dict[str, object]) -> Lane:
    rules = [detection(f"rule{number}", {"selection": each}) for number, each in enumerate(selections)]
    return an_engine(rules_of(*rules)).lanes["app"]


def read(lane: Lane, record: dict[str, object], blocks: int = 80) -> None:
    for _ in range(blocks):
        lane.matches(a_block(json_lines([record] * 40)))


def test_a_field_that_no_record_has_is_told_once_enough_were_looked_at() -> None:
    lane = lane_of({"user.nmae": "kim", "a": "x"}, {"a": "y"})
    read(lane, {"user": {"name": "lee"}, "a": "z"}, blocks=3)
    assert lane.unseen.never_seen() == []
    read(lane, {"user": {"name": "lee"}, "a": "z"})
    assert lane.unseen.never_seen() == [("rule0", "user.nmae")]
    assert lane.unseen.names == {"user.name", "a"}


def test_a_rare_field_is_seen_in_the_candidates() -> None:
    lane = lane_of({"rare": "kim"})
    read(lane, {"a": "z"})
    assert lane.unseen.never_seen() == [("rule0", "rare")]
    lane = lane_of({"rare": "kim"})
    lane.matches(a_block(json_lines([{"a": "z"}] * 100 + [{"rare": "kim"}] + [{"a": "z"}] * 100)))
    read(lane, {"a": "z"})
    assert lane.unseen.never_seen() == []


def test_what_may_be_missing_and_what_the_inventory_gives_is_not_missed() -> None:
    lane = lane_of({"gone|exists": False, "access.subject": "x", "@timestamp|hour": 3}, {"none": None})
    read(lane, {"a": "z"})
    assert lane.unseen.never_seen() == []

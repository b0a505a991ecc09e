from __future__ import annotations

from dataclasses import replace
from typing import Any

from sentinel.detect.engine import Engine
from sentinel.detect.lane import Lane
from sentinel.detect.scan import BLOCKS
from tests.detecting import NOON, a_block, a_view, an_engine, detection, entries_of, json_lines, rules_of

PORTAL = {
    "systems": [
        {
            "name": "portal",
            "data": ["health"],
            "access": [
                {
                    "when": {"path|re": "^/patients/(?P<subject>[0-9]+)$", "status": 200},
                    "logsource": {"category": "webserver"},
                    "actor": "user",
                    "records": "rows",
                }
            ],
        }
    ]
}
ACCESSED = detection(
    "accessed", {"selection": {"access.system": "portal"}}, logsource={"category": "personal_data_access"}
)


def portal() -> Engine:
    return an_engine(rules_of(ACCESSED), [a_view()], entries_of(PORTAL))


def lane_of(selection: dict[str, Any]) -> Lane:
    return an_engine(rules_of(detection("rule", {"selection": selection}))).lanes["app"]


def test_an_access_has_the_fields_that_the_inventory_gives_it() -> None:
    lane = portal().lanes["app"]
    [match] = lane.matches(a_block(json_lines([{"path": "/patients/7", "status": 200, "user": "kim", "rows": "12"}])))
    given = {name: value for name, value in match.event.fields.items() if name.startswith("access.")}
    assert given == {
        "access.system": "portal",
        "access.action": "read",
        "access.data": ["health"],
        "access.subject": "7",
        "access.actor": "kim",
        "access.actor_trust": "verified",
        "access.records": 12,
    }
    assert match.rules == (0,)
    assert lane.counts.accesses == {"portal": 1}


def test_what_is_no_access_matches_no_rule_about_accesses() -> None:
    lane = portal().lanes["app"]
    records = [{"path": "/patients/x", "status": 200}, {"path": "/patients/7", "status": 404}]
    assert lane.matches(a_block(json_lines(records))) == []
    assert lane.counts.accesses == {}


def test_a_log_line_cannot_speak_in_the_name_of_the_inventory() -> None:
    lane = portal().lanes["app"]
    forged = b'{"path":"/patients/7","status":200,"\\u0061ccess.actor":"lee","access":{"subject":"9"}}\n'
    [match] = lane.matches(a_block(forged))
    assert "access.actor" not in match.event.fields
    assert "access" not in match.event.fields
    assert lane.counts.actorless == 1


def test_carriage_returns_are_no_part_of_a_record() -> None:
    [match] = lane_of({"a": "kim"}).matches(a_block(b'{"a":"kim"}\r\n{"a":"lee"}\r\n'))
    assert match.event.raw == b'{"a":"kim"}'


def test_a_record_without_a_time_has_that_of_the_nearest_before_it() -> None:
    lane = lane_of({"a": "kim"})
    data = b'{"a":"lee","ts":"2026-03-04T11:00:00Z"}\n{"a":"lee"}\n{"a":"kim"}\n'
    [match] = lane.matches(a_block(data))
    assert match.event.time == NOON - 3600 * 1_000_000
    assert lane.counts.untimed == 1


def test_what_no_format_can_read_is_counted_and_is_a_message() -> None:
    lane = lane_of({"message|contains": "kim"})
    [match] = lane.matches(a_block(b"kim was here\n"))
    assert match.event.fields == {"message": "kim was here"}
    assert not match.event.parsed
    assert lane.counts.unparsed == 1


def test_lines_bytes_and_candidates_are_counted() -> None:
    lane = lane_of({"a": "kim"})
    data = b'{"a":"kim"}\n\n{"a":"lee"}\n'
    lane.matches(a_block(data))
    counts = lane.counts
    assert (counts.lines, counts.bytes, counts.candidates, counts.events) == (3, len(data), 1, 1)


def test_witnesses_are_chosen_again_when_traffic_changes() -> None:
    lane = lane_of({"action": "view", "outcome": "denied"})
    views = json_lines([{"action": "view", "outcome": "success"}] * 2000)
    denials = json_lines([{"action": "list", "outcome": "denied"}] * 2000)
    lane.matches(a_block(denials))
    assert lane.counts.candidates in (0, 2000)
    for _ in range(BLOCKS):
        lane.matches(a_block(views))
    candidates = lane.counts.candidates
    for _ in range(BLOCKS):
        lane.matches(a_block(views))
    assert lane.counts.candidates == candidates
    [match] = lane.matches(a_block(views + json_lines([{"action": "view", "outcome": "denied"}])))
    assert match.rules == (0,)


def test_a_first_block_that_was_short_is_made_up_for_by_a_longer_one() -> None:
    lane = lane_of({"action": "view", "outcome": "denied"})
    lane.matches(a_block(json_lines([{"action": "list", "outcome": "denied"}])))
    views = json_lines([{"action": "view", "outcome": "success"}] * 200)
    lane.matches(a_block(views))
    candidates = lane.counts.candidates
    lane.matches(a_block(views))
    assert lane.counts.candidates == candidates


def test_json_over_several_lines_matches_as_on_one() -> None:
    lane = lane_of({"users": "kim", "n|gte": 5})
    one = b'{"users": [\n  "lee",\n  "kim"\n],\n"n":\n 5\n}\n'
    other = b'{"users": [\n  "lee"\n], "n": 5}\n'
    block = replace(a_block(other + one + other), starts=(0, len(other), len(other) + len(one)))
    [match] = lane.matches(block)
    assert (match.event.start, match.event.end) == (len(other), len(other) + len(one) - 1)
    assert match.event.fields["users"] == ["lee", "kim"]
    assert lane.counts.lines == 3

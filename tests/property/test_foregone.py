"""What is decided beforehand of accesses changes no verdict: rules as tried are rules as written."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.detect.lane import Match
from sentinel.detect.match import test as whole
from sentinel.detect.rules import Detection
from tests.detecting import a_block, a_view, an_engine, detection, entries_of, json_lines, rules_of

ENTRIES = [
    {"when": {"url.path|re": "^/p/(?P<subject>[0-9]*)"}, "actor": "user.name"},
    {"when": {"url.path|re": "^/w/(?P<ward>[a-c])"}, "action": "export", "bytes": "http.response.body.bytes"},
    {"when": {"url.path|contains": "list"}, "action": "search", "records": "rows", "data": ["health", "identity"]},
]
SYSTEMS = {
    "systems": [
        {"name": "portal", "data": ["health"], "access": ENTRIES[:2]},
        {"name": "desk", "data": ["contact"], "access": ENTRIES[2:]},
    ]
}
PATHS = ("/p/7", "/p/", "/w/b", "/p/7?list", "/p/list", "/w/c/list", "/list", "/")
ITEMS: tuple[dict[str, object], ...] = (
    {"access.action": "read"}, {"access.action": ["export", "search"]}, {"access.action|neq": "read"},
    {"access.system": "portal"}, {"access.data": "health"}, {"access.data|contains|all": ["heal", "ident"]},
    {"access.subject|exists": True}, {"access.subject|exists": False}, {"access.subject": None},
    {"access.records|gte": 2}, {"access.records": 3}, {"access.bytes|exists": True}, {"access.bytes|lt": 50},
    {"access.actor": "kim"}, {"access.system|fieldref": "access.action"}, {"access.actor|fieldref": "user.name"},
    {"ward": "b"}, {"tls.version": None}, {"tls.version|startswith": "1.0"}, {"url.path|endswith": "list"},
    {"@timestamp|hour": 12}, {"message|exists": True},
)  # fmt: skip
CONDITIONS = ("a", "not a", "a and b", "a or b", "a and not b", "not (a or b)", "a or (b and not c)", "1 of them")


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(("json", "nginx")))
def test_rules_tried_on_accesses_hold_as_they_are_written(seed: int, log: str) -> None:
    chance = random.Random(seed)
    rules = rules_of(
        detection("all", {"a": {"access.system|exists": True}}, "a", logsource={"category": "personal_data_access"}),
        *(
            detection(
                f"rule{number}",
                {name: chance.choice(ITEMS) | chance.choice(ITEMS) for name in "abc"},
                f"({condition}) or c" if "c" not in condition and "them" not in condition else condition,
                logsource={"category": chance.choice(("personal_data_access", "webserver"))},
            )
            for number, condition in enumerate(chance.choices(CONDITIONS, k=12))
        ),
    )
    engine = an_engine(rules, [a_view(log)], entries_of(SYSTEMS))
    lines = [_line(chance, log) for _ in range(12)]
    for match in engine.matches(a_block(b"".join(lines))):
        wanted = [number for number, rule in enumerate(rules.detections) if _is_tried(match, rule)]
        held = tuple(number for number in wanted if whole(rules.detections[number].condition)(match.event))
        assert sorted(match.rules) == list(held)


def _is_tried(match: Match, rule: Detection) -> bool:
    return bool(match.accesses) or rule.logsource.category != "personal_data_access"


def _line(chance: random.Random, log: str) -> bytes:
    path, size = chance.choice(PATHS), chance.choice((10, 60))
    if log == "nginx":
        return f'10.0.0.1 - kim [04/Mar/2026:12:00:00 +0000] "GET {path} HTTP/1.1" 200 {size} "-" "a"\n'.encode()
    record = {"url.path": path, "http.response.body.bytes": size, "rows": chance.choice((1, 3)), "user.name": "kim"}
    if chance.random() < 0.3:
        record |= {"tls.version": "1.0", "access": {"records": 5}, "access.bytes": 9}
    return json_lines([record])

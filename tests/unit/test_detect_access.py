"""What an event gains when the inventory says that it is an access, and what a log line cannot say of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from sentinel.detect.access import entries
from sentinel.detect.engine import Engine
from sentinel.identities import Identities
from sentinel.inventory import parse
from sentinel.model import LogSource
from tests.detecting import a_block, a_view, detection, entries_of, json_lines, rules_of

ANY_ACCESS = detection(
    "any", {"a": {"access.system|exists": True}}, "a", logsource={"category": "personal_data_access"}
)


def system(name: str, *access: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    return {"name": name, "data": ["health"], "access": list(access), **more}


def judged(
    systems: list[dict[str, Any]],
    record: Mapping[str, Any],
    identity: Callable[[str], str] = str,
    logsource: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The fields that the inventory gives the record; none where it is no access."""
    engine = Engine(
        rules_of(ANY_ACCESS),
        entries_of({"systems": systems}),
        [a_view("json", **(logsource or {"category": "webserver"}))],
        key=b"k",
        identity=identity,
    )
    [*matches] = engine.lanes["app"].matches(a_block(json_lines([record])))
    assert engine.lanes["app"].counts.errors == {}
    fields = matches[0].event.fields if matches else {}
    return {name: value for name, value in fields.items() if name.startswith("access.")}


def test_of_one_system_the_first_entry_that_holds_counts() -> None:
    portal = system(
        "portal",
        {"when": {"path": "/a"}, "actor": "who", "action": "export"},
        {"when": {"path|startswith": "/"}, "actor": "who"},
    )
    assert judged([portal], {"path": "/a", "who": "kim"})["access.action"] == "export"
    assert judged([portal], {"path": "/b", "who": "kim"})["access.action"] == "read"


def test_of_two_systems_both_stand_in_the_event_side_by_side() -> None:
    portal = system("portal", {"when": {"path|re": "/p/(?P<subject>[0-9]+)"}, "actor": "who"})
    ehr = system(
        "ehr", {"when": {"path|contains": "/p/"}, "actor": "who", "subject": "id", "action": "update"}, data=["contact"]
    )
    found = judged([portal, ehr], {"path": "/p/7", "who": "kim", "id": "8"})
    assert found["access.system"] == ["portal", "ehr"]
    assert found["access.subject"] == ["7", "8"]
    assert found["access.data"] == ["health", "contact"]
    assert found["access.actor"] == "kim"


def test_a_group_goes_before_the_field_that_the_entry_names() -> None:
    portal = system(
        "portal", {"when": {"path|re": "/p/(?P<subject>[0-9]+)?(?P<actor>[a-z]+)?"}, "actor": "who", "subject": "id"}
    )
    assert judged([portal], {"path": "/p/7", "id": "8", "who": "kim"})["access.subject"] == "7"
    found = judged([portal], {"path": "/p/lee", "id": "8", "who": "kim"})
    assert (found["access.subject"], found["access.actor"]) == ("8", "lee")


def test_other_groups_become_fields_of_the_event() -> None:
    portal = system("portal", {"when": {"path|re": "/w/(?P<ward>[a-z]+)"}, "actor": "who"})
    rule = detection("ward", {"a": {"ward": "north"}}, "a")
    engine = Engine(rules_of(rule), entries_of({"systems": [portal]}), [a_view()], key=b"k")
    records = json_lines([{"path": "/w/north"}, {"path": "/w/south"}, {"ward": "north"}])
    found = [match.event.raw for match in engine.lanes["app"].matches(a_block(records))]
    assert found == [b'{"path": "/w/north"}', b'{"ward": "north"}']


@pytest.mark.parametrize(
    ("written", "found"), [("12", 12), (12, 12), ("1.5", 1.5), ("many", None), ("-", None), (None, None), ([3, 4], 3)]
)
def test_records_and_bytes_are_numbers_or_not_there(written: Any, found: float | None) -> None:
    portal = system("portal", {"when": {"a": "b"}, "actor": "who", "records": "rows", "bytes": "size"})
    given = judged([portal], {"a": "b", "rows": written, "size": written})
    assert (given.get("access.records"), given.get("access.bytes")) == (found, found)


@pytest.mark.parametrize(
    ("steps", "written", "found"),
    [
        ([], "CORP\\Kim", "CORP\\Kim"),
        (["lower"], "CORP\\Kim", "corp\\kim"),
        (["lower", "strip_domain"], "CORP\\Kim", "kim"),
        (["strip_domain"], "kim@corp.example", "kim"),
        (["strip_domain"], "@corp", "@corp"),
    ],
)
def test_the_name_of_the_actor_is_made_the_same(steps: list[str], written: str, found: str) -> None:
    portal = system("portal", {"when": {"a": "b"}, "actor": {"field": "who", "normalise": steps}})
    assert judged([portal], {"a": "b", "who": written})["access.actor"] == found


def test_the_names_of_one_person_are_one_actor() -> None:
    known = Identities({"kim": "kim", "klarsen": "kim"})
    portal = system("portal", {"when": {"a": "b"}, "actor": {"field": "who", "normalise": ["strip_domain"]}})
    assert judged([portal], {"a": "b", "who": "KLarsen@corp"}, known.resolve)["access.actor"] == "kim"


@pytest.mark.parametrize(("actor", "trust"), [("who", "verified"), ({"field": "who", "trust": "claimed"}, "claimed")])
def test_how_sure_the_actor_is_stands_in_the_event(actor: Any, trust: str) -> None:
    portal = system("portal", {"when": {"a": "b"}, "actor": actor})
    assert judged([portal], {"a": "b", "who": "kim"})["access.actor_trust"] == trust


@pytest.mark.parametrize("who", [None, "", [], {}])
def test_without_a_name_there_is_no_actor(who: Any) -> None:
    portal = system("portal", {"when": {"a": "b"}, "actor": "who"})
    given = judged([portal], {"a": "b", "who": who})
    assert "access.actor" not in given
    assert given["access.system"] == "portal"


def test_an_entry_is_tried_on_the_logs_it_is_for() -> None:
    portal = system("portal", {"when": {"a": "b"}, "actor": "who", "logsource": {"product": "nginx"}})
    assert judged([portal], {"a": "b"}, logsource={"category": "webserver", "product": "apache"}) == {}
    assert judged([portal], {"a": "b"}, logsource={"category": "webserver", "product": "nginx"}) != {}
    assert judged([portal], {"a": "b"}, logsource={"category": "webserver"}) != {}


def test_what_an_access_shows_may_be_less_than_the_system_holds() -> None:
    portal = system("portal", {"when": {"a": "b"}, "actor": "who", "data": ["contact"]})
    assert judged([portal], {"a": "b"})["access.data"] == ["contact"]


@pytest.mark.parametrize(
    "record",
    [
        {"access.system": "portal", "access.subject": "7"},
        {"access": {"system": "portal", "subject": "7"}},
        {"access": [{"system": "portal"}]},
    ],
)
def test_a_record_that_calls_itself_an_access_is_none(record: dict[str, Any]) -> None:
    portal = system("portal", {"when": {"a": "b"}, "actor": "who"})
    assert judged([portal], record) == {}


def test_a_mistake_in_an_entry_is_told_at_its_place_and_the_other_entries_are_used() -> None:
    text = """\
systems:
- name: portal
  data: [health]
  access:
  - when: {a|contain: b}
    actor: w
  - {when: {a: b}, actor: w}
"""
    inventory, _ = parse(text)
    assert inventory is not None
    found, problems = entries(inventory)
    assert [str(problem.span) for problem in problems] == ["inventory.yaml:5:12"]
    assert [problem.code for problem in problems] == ["R012"]
    assert len(found) == 1
    assert found[0].logsource == LogSource()

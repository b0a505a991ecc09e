from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from sentinel.identities import NOBODY, Identities
from sentinel.inventory import AccessEntry, ActorField
from sentinel.traces import MOST, Search, Trace, traces


def kinds(trace: Trace, line: str) -> int:
    return len(Search([trace]).hits(line.lower().encode()))


@pytest.mark.parametrize(
    "line",
    [
        "user=kim ok",
        "Accepted password for KIM from 10.0.0.1",
        "/srv/kim/notes",
        r"CORP\kim",
        "kim@corp.example",
        '{"user":"kim"}',
        "user kim.",
    ],
)
def test_a_name_is_found_as_a_word(line: str) -> None:
    assert kinds(Trace("actor", "kim"), line) == 1


@pytest.mark.parametrize("line", ["kimberley", "kim.smith", "j.kim", "kim-adm", "adm-kim", "akim", "kim_2"])
def test_a_name_within_another_is_not_found(line: str) -> None:
    assert kinds(Trace("actor", "kim"), line) == 0


@pytest.mark.parametrize("line", ['{"user": "m\\u00fcller"}', "/u/m%C3%BCller", "müller"])
def test_a_name_is_found_however_its_letters_are_written(line: str) -> None:
    assert kinds(Trace("actor", "müller"), line) == 1


def test_a_backslash_doubled_by_json_is_the_same_name() -> None:
    assert kinds(Trace("actor", "CORP\\kim"), '{"user": "CORP\\\\kim"}') == 1


@pytest.mark.parametrize(
    ("address", "line", "count"),
    [
        ("10.0.0.1", "from 10.0.0.1:443 to", 1),
        ("10.0.0.1", "from 10.0.0.11", 0),
        ("10.0.0.1", "from 110.0.0.1", 0),
        ("10.0.0.1", "from 10.0.0.1.2", 0),
        ("fe80::1", "from fe80::1 ", 1),
        ("fe80::1", "from fe80::1:2 ", 0),
        ("2001:db8::7", "[2001:DB8::7]:443", 1),
    ],
)
def test_an_address_is_found_whole(address: str, line: str, count: int) -> None:
    assert kinds(Trace("address", address), line) == count


ENTRY = AccessEntry(system=0, path=(), when={}, actor=ActorField("who", normalise=("strip_domain",)))


def test_the_traces_of_a_case_are_its_actors_as_written_their_other_names_and_where_they_came_from() -> None:
    people = Identities(MappingProxyType({"kim": "kim", "klarsen": "kim", "lee": "lee"}))
    records: list[tuple[dict[str, Any], list[AccessEntry]]] = [
        ({"who": "CORP\\klarsen", "source": {"ip": "10.0.0.1"}, "session.id": "s1"}, [ENTRY]),
        ({"who": "lee", "source.ip": "10.0.0.2"}, [ENTRY]),
    ]
    found = traces([(("access.actor", "kim"), ("access.subject", "4711"))], ["kim"], records, people)
    assert {(each.kind, each.text) for each in found} == {
        ("address", "10.0.0.1"),
        ("address", "10.0.0.2"),
        ("session", "s1"),
        ("actor", "CORP\\klarsen"),
        ("actor", "kim"),
        ("actor", "klarsen"),
    }


def test_what_stands_everywhere_is_no_trace() -> None:
    group = (("source.ip", "127.0.0.1"), ("user.name", "-"), ("user.id", "7"), ("source.address", "::"))
    assert traces([group], [], [], NOBODY) == ()


def test_there_are_so_many_traces_of_a_kind_at_most() -> None:
    found = traces([(("source.ip", f"10.0.0.{last}"),) for last in range(100)], ["kim"], [], NOBODY)
    assert len(found) == MOST + 1

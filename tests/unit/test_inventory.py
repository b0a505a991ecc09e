"""The inventory says which events are accesses, or what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinel import identities, inventory, yamlfile
from sentinel.inventory import ActorField, Inventory
from sentinel.model import LogSource

SHIPPED = Path(__file__).parents[2] / "deploy" / "inventory.yaml"

SMALL = """\
systems:
  - name: portal
    data: [health]
    access:
      - when: {url.path|re: '^/p/(?P<subject>[0-9]+)', code: 200}
        logsource: {category: webserver, product: nginx}
        actor: user.name
      - when: {url.path: /export}
        actor: {field: user.id, trust: claimed, normalise: [lower, strip_domain]}
        action: export
        records: count
        bytes: size
        subject: patient.id
        data: [contact]
"""


def read(text: str) -> Inventory:
    found, problems = inventory.parse(text, "inv.yaml")
    assert problems == []
    assert found is not None
    return found


def shown(text: str) -> list[str]:
    return [str(problem) for problem in inventory.parse(text, "inv.yaml")[1]]


def test_a_system_has_its_access_entries_in_the_order_of_the_file() -> None:
    portal = read(SMALL).systems[0]
    first, second = portal.access
    assert (first.system, first.action, first.data) == (0, "read", ("health",))
    assert first.when == {"url.path|re": "^/p/(?P<subject>[0-9]+)", "code": 200}
    assert first.logsource == LogSource("webserver", "nginx")
    assert first.actor == ActorField("user.name", "verified")
    assert second.actor == ActorField("user.id", "claimed", ("lower", "strip_domain"))
    assert second.logsource == LogSource()
    assert (second.action, second.records, second.bytes, second.subject) == ("export", "count", "size", "patient.id")
    assert second.data == ("contact",)
    assert list(read(SMALL).entries()) == [first, second]


def test_an_entry_knows_the_places_of_what_it_selects() -> None:
    found = read(SMALL)
    entry = found.systems[0].access[0]
    assert str(found.document.key_span((*entry.path, "when", "url.path|re"))) == "inv.yaml:5:16"
    assert str(found.document.span((*entry.path, "when", "code"))) == "inv.yaml:5:62"


def test_a_document_that_was_read_before_is_taken_as_it_is() -> None:
    documents, _ = yamlfile.parse(SMALL, "inv.yaml")
    found, problems = inventory.parse(documents[0])
    assert problems == []
    assert found is not None
    assert found.document is documents[0]


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("", "0:0: I004 the inventory is empty", "an inventory is one document that begins with 'systems:'"),
        ("systems: []\n---\na: 1", "3:1: I004 the file has more than one document",
         "an inventory is one document that begins with 'systems:'"),
        ("system: []\nsystems: []", "1:1: I001 unknown key 'system'", "did you mean 'systems'?"),
        ("identities: x", "1:1: I002 'systems' is missing", ""),
        ("systems:\n- {name: a, data: [contact], acces: []}", "2:30: I001 unknown key 'acces'",
         "did you mean 'access'?"),
        ("systems:\n- data: [contact]", "2:3: I002 'name' is missing", ""),
        ("systems:\n- {name: a, people: -1}", "2:21: I003 'people' must be at least 0", ""),
        ("systems:\n- {name: a, people: many}", "2:21: I003 'people' is text, but must be a whole number", ""),
        ("systems:\n- {name: a, data: [contact], access: [{when: {}}]}",
         "2:46: I003 'when' has too few entries: needed: 1", ""),
        ("systems:\n- {name: a, data: [contact], access: [{actor: a}]}", "2:39: I002 'when' is missing", ""),
        ("systems:\n- {name: a, access: [{when: {a: 1}, actor: {field: u, trust: hearsay}}]}",
         "2:62: I003 'trust' cannot be 'hearsay'", "known here: claimed, verified"),
        ("systems:\n- {name: a, access: [{when: {a: 1}, actor: {field: u, normalise: [upper]}}]}",
         "2:67: I003 entry 1 of 'normalise' cannot be 'upper'", "known here: lower, strip_domain"),
        ("systems:\n- {name: a, access: [{when: {a: 1}, actor: 5}]}",
         "2:44: I003 'actor' is a number, but must be text or a mapping", ""),
        ("systems:\n- {name: a, access: [{when: {a: 1}, subject: 'a|re'}]}",
         "2:46: I003 'subject' has a form that is not allowed", "it must match ^[^\\s|]{1,200}$"),
    ],
)  # fmt: skip
def test_an_error_is_shown_where_it_stands(text: str, problem: str, hint: str) -> None:
    found, _ = inventory.parse(text, "inv.yaml")
    assert found is None
    assert shown(text) == [f"inv.yaml:{problem}\n    hint: {hint}" if hint else f"inv.yaml:{problem}"]


def test_two_systems_of_one_name_are_an_error() -> None:
    system = "- {name: a, data: [contact], access: [{when: {x: 1}, actor: u}]}\n"
    (problem,) = shown("systems:\n" + system * 2)
    assert problem.startswith("inv.yaml:3:10: I005 system 'a' is given twice, first in line 2\n    hint: put ")
    assert inventory.parse("systems:\n" + system * 2)[0] is None


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("- {name: a, data: [contact]}",
         "2:3: I006 warning: no access to system 'a' can be seen: it has no access entries",
         "add 'access:' with a 'when:' for the log lines that show its data"),
        ("- {name: a, data: [helth], access: [{when: {x: 1}, actor: u}]}",
         "2:20: I007 warning: unknown category of data 'helth'", "did you mean 'health'?"),
        ("- {name: a, access: [{when: {x: 1}, actor: u, data: [contact, wealth]}]}",
         "2:63: I007 warning: unknown category of data 'wealth'", "did you mean 'health'?"),
        ("- {name: a, access: [{when: {x: 1}, actor: u}]}",
         "2:3: I008 warning: system 'a' names no categories of data", "add 'data: [contact]' or the like"),
        ("- {name: a, data: [contact], lawful_basis: consnt, access: [{when: {x: 1}, actor: u}]}",
         "2:44: I009 warning: 'consnt' is no lawful basis of Art. 6(1) GDPR", "did you mean 'consent'?"),
        ("- {name: a, data: [contact], access: [{when: {x: 1}}]}",
         "2:39: I010 warning: this access names no actor, so no rule can count by person",
         "name the field: 'actor: user.name', or a group '(?P<actor>…)' in a regex of 'when'"),
    ],
)  # fmt: skip
def test_a_doubt_is_a_warning(text: str, problem: str, hint: str) -> None:
    assert inventory.parse("systems:\n" + text)[0] is not None
    assert shown("systems:\n" + text) == [f"inv.yaml:{problem}\n    hint: {hint}"]


def test_a_group_called_actor_names_the_actor() -> None:
    text = "systems: [{name: a, data: [contact], access: [{when: {x|re: 'u=(?P<actor>[a-z]+)'}}]}]"
    assert shown(text) == []


def test_a_syntax_error_gives_no_inventory() -> None:
    found, problems = inventory.parse("systems: [", "inv.yaml")
    assert found is None
    assert [problem.code for problem in problems] == ["Y001"]


def test_the_special_categories_are_those_of_article_9() -> None:
    assert inventory.is_special("health")
    assert not inventory.is_special("contact")
    assert not inventory.is_special("criminal")


@pytest.mark.parametrize("name", ["Kim", "KIM@corp.example", "CORP\\kim", "CORP\\Kim@corp.example"])
def test_an_actor_is_one_whatever_way_the_name_is_written(name: str) -> None:
    assert inventory.normalised(name, ("lower", "strip_domain")) == "kim"
    assert inventory.normalised(name, ()) == name


def test_a_name_that_is_all_domain_is_kept() -> None:
    assert inventory.normalised("@corp", ("strip_domain",)) == "@corp"
    assert inventory.normalised("CORP\\", ("strip_domain",)) == "CORP\\"


def test_the_shipped_inventory_is_without_problems() -> None:
    found, problems = inventory.parse(SHIPPED.read_bytes(), "deploy/inventory.yaml")
    assert problems == []
    assert found is not None
    assert [system.name for system in found.systems] == ["patient-portal", "ehr", "staff-directory"]


def test_the_names_of_one_person_lead_to_the_main_one() -> None:
    found, problems = identities.parse("kim: [kim@corp, 'CORP\\Kim', KIM]\nlee: []\n", "people.yaml")
    assert problems == []
    assert found is not None
    assert [found.resolve(name) for name in ("KIM@corp", "corp\\kim", "kim", "lee", "Sam")] == [
        "kim", "kim", "kim", "lee", "Sam"
    ]  # fmt: skip
    assert "corp" not in repr(found)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("- kim", "1:1: I011 the identities are not a mapping"),
        ("kim: kim@corp", "1:6: I011 the names of this person are not a list"),
        ("kim: [5]", "1:7: I011 this name is not text"),
        ("kim: [a]\nlee: [A]", "2:7: I012 this name is given to two persons, first in line 1"),
        ("kim: [a]\nA: [b]", "2:1: I012 this name is given to two persons, first in line 1"),
        ("kim: [a]\nkim: [b]", "2:1: Y006 key this is given twice, first in line 1"),
        ("kim: []\n---\nlee: []", "3:1: I011 the file has more than one document"),
    ],
)
def test_a_mistake_among_names_of_people_quotes_none(text: str, problem: str) -> None:
    found, problems = identities.parse(text, "people.yaml")
    assert found is None
    assert [str(each).split("\n")[0] for each in problems] == [f"people.yaml:{problem}"]


def test_no_identities_are_no_problem() -> None:
    assert identities.parse("# none yet\n", "people.yaml") == (identities.NOBODY, [])

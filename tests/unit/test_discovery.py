"""What unknown logs show of people: counted, proposed, written; and nothing of them in clear."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from sentinel import inventory
from sentinel.detect import access
from sentinel.discovery.census import MOST_ENDPOINTS, Census
from sentinel.discovery.proposal import Findings, Proposal
from sentinel.discovery.proposing import propose
from sentinel.discovery.shapes import regex_of, shaper
from sentinel.discovery.values import kind_of_values, masked
from sentinel.discovery.words import kind_of_name, person_of_name
from sentinel.discovery.writing import Told, inventory_yaml


def web(path: str, status: int = 200, size: int = 900, more: dict[str, Any] | None = None) -> dict[str, Any]:
    path, _, query = path.partition("?")
    fields = {"url.path": path, "http.response.status_code": status, "http.response.body.bytes": size, **(more or {})}
    return fields | ({"url.query": query} if query else {})


def found(records: Iterable[dict[str, Any] | None], covered: bool = False) -> Findings:
    census = Census()
    for fields in records:
        census.add(fields, 1_772_590_269_000_000, is_covered=covered)
    return propose(census)


def by_title(findings: Findings) -> dict[str, Proposal]:
    return {each.title: each for each in findings.proposals}


# --- paths, names, values -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/api/patients/4711", "/api/patients/{number}"),
        ("/api/v2/patients/4711/notes", "/api/v2/patients/{number}/notes"),
        ("/p/0b1f6a7e-0000-4000-8000-000000000001", "/p/{uuid}"),
        ("/users/kim@example.org", "/users/{email}"),
        ("/invoices/INV-2026", "/invoices/{code}"),
        ("/invoices/4711.pdf", "/invoices/{number}.pdf"),
        ("/days/2026-03-04", "/days/{date}"),
        ("/static/js/app.js", "/static/js/app.js"),
        ("/", "/"),
    ],
)
def test_a_path_becomes_a_template_of_its_ids(path: str, template: str) -> None:
    shape = shaper()(path)
    assert shape is not None
    assert shape.template == template


@pytest.mark.parametrize("path", ["/a\nb", "/<script>", "/" + "a/" * 20, "/é", "/a b", "/" + "a" * 65])
def test_a_path_that_no_application_has_is_no_template(path: str) -> None:
    assert shaper()(path) is None


def test_the_pattern_of_a_template_finds_the_paths_it_was_made_from() -> None:
    assert regex_of(("api", "patients", "{number}"), 2, is_whole=False) == "^/api/patients/(?P<subject>[0-9]+)(?:/|$)"
    assert regex_of(("f", "{code}.pdf"), None, is_whole=True) == r"^/f/[A-Za-z0-9._-]+\.pdf$"


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["kim@example.org", "lee@example.org"], "e-mail address"),
        (["+45 12 34 56 78", "+4687654321"], "phone number"),
        (["DE89370400440532013000", "GB29NWBK60161331926819"], "bank account (IBAN)"),
        ([f"{day:02d}0{month}8{day % 9}{1000 + day}" for day in range(1, 13) for month in (3, 9)], "Danish CPR number"),
        (["4111111111111111", "5500005555555559", "4012888888881881", "4222222222222", "378282246310005",
          "6011111111111117", "3530111333300000", "5105105105105100"], "card number"),
        ([str(4000 + number) for number in range(50)], None),
        ([str(7_000_000_000 + 7 * number) for number in range(50)], None),
        (["kim", "lee"], None),
        ([], None),
    ],
)  # fmt: skip
def test_values_are_judged_together(values: list[str], kind: str | None) -> None:
    judged = kind_of_values(values)
    assert (judged[0] if judged else None) == kind


def test_a_few_numbers_that_pass_a_checksum_by_chance_say_nothing() -> None:
    assert kind_of_values(["4111111111111111", "5500005555555559"]) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [("email", "e-mail address"), ("contactEmail", "e-mail address"), ("patient.cpr", "national number"),
     ("dateOfBirth", "date of birth"), ("iban", "bank account"), ("filename", None), ("hostname", None),
     ("duration", None)],
)  # fmt: skip
def test_names_in_common_use_say_what_a_field_holds(name: str, kind: str | None) -> None:
    judged = kind_of_name(name)
    assert (judged[0] if judged else None) == kind


def test_a_person_s_word_with_a_number_is_whose_data_it_is() -> None:
    assert [person_of_name(name) for name in ("patient.id", "customerNumber", "member_no", "order.id", "id")] == [
        "patient", "customer", "member", None, None,
    ]  # fmt: skip


def test_a_masked_value_says_its_shape_and_nothing_else() -> None:
    assert masked("Kim.Larsen+7@example.org") == "xxx.xxxxxx+9@xxxxxxx.xxx"
    assert masked("\x1b[31m") == "??99x"
    assert len(masked("9" * 500)) == 40


# --- proposals ------------------------------------------------------------------------------------------------------


def test_an_id_after_a_person_s_word_is_proposed_with_its_counts() -> None:
    findings = found(web(f"/api/patients/{number % 40}/notes", more={"user.name": "kim"}) for number in range(100))
    [proposal] = findings.proposals
    assert (proposal.title, proposal.action, proposal.sure) == ("/api/patients/{number}", "read", "high")
    assert (proposal.count, proposal.people, proposal.actorless) == (100, 40, 0)
    assert proposal.when["url.path|re"] == "^/api/patients/(?P<subject>[0-9]+)(?:/|$)"
    assert findings.actor == "user.name"


def test_what_was_refused_or_asked_for_once_is_not_proposed() -> None:
    refused = [web(f"/patients/{number}", status=404) for number in range(50)]
    assert found([*refused, web("/customers/1"), web("/customers/2")]).proposals == ()


def test_names_after_a_person_s_word_are_one_endpoint() -> None:
    names = ["kim", "lee", "noor", "ana", "bo", "eva", "per"]
    proposals = by_title(found(web(f"/users/{name}") for name in names * 3))
    assert list(proposals) == ["/users/{name}"]
    assert proposals["/users/{name}"].people == 7


def test_searches_exports_and_large_answers_are_told_apart() -> None:
    small = [web(f"/api/ping/{number}/x") for number in range(10)] * 300
    records = [
        *[web("/api/patients?q=kim") for _ in range(5)],
        *[web("/api/patients/export.csv") for _ in range(5)],
        *[web("/bulk.zip") for _ in range(5)],
        *[web("/api/summary", size=90_000_000) for _ in range(5)],
        *[web(f"/lookup?email=p{number}%40example.org") for number in range(5)],
    ]
    proposals = by_title(found([*small, *records]))
    actions = {title: (each.action, each.sure) for title, each in proposals.items()}
    assert actions["/api/patients"] == ("search", "high")
    assert actions["/api/patients/export.csv"] == ("export", "high")
    assert actions["/bulk.zip"] == ("export", "low")
    assert actions["/api/summary"] == ("export", "medium")
    assert actions["/lookup"] == ("search", "high")


def test_a_content_type_tells_a_download() -> None:
    records = [web("/api/customers/all", more={"content_type": "text/csv; charset=utf-8"}) for _ in range(4)]
    assert by_title(found(records))["/api/customers/all"].action == "export"


def test_a_log_of_the_application_s_own_is_proposed_by_action_and_subject() -> None:
    records = [
        {"event.action": "view", "user.name": "kim", "patient": {"id": f"P{number:06d}"}, "record.count": 1}
        for number in range(20)
    ]
    [proposal] = found(records).proposals
    assert proposal.when == {"event.action": "view", "patient.id|exists": True}
    assert (proposal.subject, proposal.records, proposal.people) == ("patient.id", "record.count", 20)


def test_a_statement_that_is_audited_is_proposed_once() -> None:
    query = {"db.query.text": "select * from public.patients where id = 1", "user.name": "kim"}
    audit = {**query, "event.code": "READ", "db.response.returned_rows": 3}
    [proposal] = found([query, audit] * 5).proposals
    assert proposal.when["event.code"] == "READ"
    assert (proposal.records, proposal.count) == ("db.response.returned_rows", 5)


def test_fields_that_look_like_people_are_named_with_their_kind() -> None:
    records = [
        web(f"/a?mail=p{number}%40example.org&page=2", more={"note": f"n{number}@corp.example"}) for number in range(9)
    ]
    fields = {each.name: each.kind for each in found(records).fields}
    assert fields == {"?mail": "e-mail address", "note": "e-mail address"}


def test_what_the_inventory_has_is_known() -> None:
    records = [web(f"/patients/{number}") for number in range(9)]
    assert [each.is_known for each in found(records, covered=True).proposals] == [True]
    assert [each.is_known for each in found(records).proposals] == [False]


def test_what_an_attacker_asks_for_does_not_make_the_census_grow_without_end() -> None:
    census = Census()
    for number in range(MOST_ENDPOINTS + 10):
        census.add(
            web(f"/x-{'abcdefghij'[number % 10]}{'y' * (number // 10 % 50)}q/z{'k' * (number // 500)}"),
            None,
            is_covered=False,
        )
    assert len(census.endpoints) <= MOST_ENDPOINTS


# --- YAML -----------------------------------------------------------------------------------------------------------


def everything() -> list[dict[str, Any]]:
    return [
        *[web(f"/api/patients/{number}") for number in range(30)],
        *[web(f"/users/{name}") for name in ("kim", "lee", "noor", "ana", "bo", "eva", "per") * 2],
        *[web("/api/patients/export.csv", size=30_000_000) for _ in range(5)],
        *[web(f"/things/{number}") for number in range(60)],
        *[web(f"/lookup?email=p{number}%40example.org") for number in range(5)],
        *[{"event.action": "it's: {odd} #1", "customer.no": f"C{number}", "user.name": "kim"} for number in range(9)],
        *[{"db.query.text": 'select 1 from "patients"', "event.code": "READ"} for _ in range(5)],
    ]


def test_the_proposals_as_yaml_are_an_inventory_without_a_problem() -> None:
    text = inventory_yaml([Told("portal", {"category": "webserver"}, found(everything()), recipe="docs/logging.md")])
    read, problems = inventory.parse(text)
    assert problems == []
    assert read is not None
    entries, problems = access.entries(read)
    assert problems == []
    assert len(entries) == sum(each.sure != "low" for each in found(everything()).proposals)


def test_yaml_of_nothing_is_an_inventory_too() -> None:
    text = inventory_yaml([Told("portal", {}, found([web("/")] * 9))])
    assert yaml.safe_load(text) == {"systems": []}
    assert inventory.parse(text)[0] is not None


def test_no_value_of_a_log_stands_in_the_yaml() -> None:
    records = [
        web(f"/users/{name}?email={name}%40example.org", more={"user.name": "insider", "cpr": "0101801234"})
        for name in ("kimberly", "leonora", "noor", "anastasia", "bodil", "evander", "perkins")
    ] * 3
    text = inventory_yaml([Told("portal", {}, found(records))])
    assert not [word for word in ("kimberly", "leonora", "insider", "0101801234", "example.org") if word in text]

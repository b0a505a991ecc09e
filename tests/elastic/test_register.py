"""Findings and cases in a real cluster, whatever happens to it: nothing is lost and nothing is there twice."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from random import Random
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from sentinel import files
from sentinel.channels.base import Attempt, Later, Never, Sent
from sentinel.channels.elasticsearch import _NOT_SET_UP, ElasticsearchOptions, Register, make_elasticsearch
from sentinel.clock import MINUTE, SystemClock
from sentinel.commands.elastic import installed
from sentinel.model import Document
from sentinel.shipping import MOST_AT_ONCE, Shipment
from sentinel.store.batch import Batch
from sentinel.store.store import Store
from sentinel.vault import Vault
from tests.elastic.server import ElasticServer
from tests.unit.cases_fixtures import NOW, a_case, a_finding

NEVER_STOPS = threading.Event()


class Counts:
    def __init__(self) -> None:
        self.outcomes: list[object] = []

    def attempted(self, row: object, outcome: object, now: int) -> None:
        self.outcomes.append(outcome)


def a_register(server: ElasticServer, namespace: str = "default") -> Register:
    options = ElasticsearchOptions(urls=(server.url,), namespace=namespace, host="web-1")
    return make_elasticsearch("siem", options, lambda _: "")


@pytest.fixture
def client(elastic: ElasticServer) -> Iterator[Elasticsearch]:
    with Elasticsearch(elastic.url) as client:
        list(installed(client, files.shipped("deploy") / "elasticsearch"))
        yield client


@contextmanager
def a_store(folder: Path) -> Iterator[Store]:
    folder.mkdir(exist_ok=True)
    with Store.open(folder, Vault.open(folder, None)) as store:
        yield store


def owe(store: Store, register: Register, first: int, count: int) -> None:
    batch = Batch()
    for number in range(first, first + count):
        finding = a_finding(id=f"f_{number:032x}", value=number)
        batch.file(register.finding(finding, "", ["access.actor=actor-1"], NOW), "siem")
    store.commit(batch)


def ids_in(client: Elasticsearch, stream: str) -> list[str]:
    client.indices.refresh(index=stream)
    found = client.search(index=stream, size=10_000, source=False)
    return sorted(hit["_id"] for hit in found["hits"]["hits"])


def attempts(*documents: Document, unsure: bool = False) -> list[Attempt]:
    return [Attempt(each.id, each.body, NOW, may_have_arrived=unsure) for each in documents]


def test_findings_and_cases_are_in_their_data_streams_as_ecs(elastic: ElasticServer, client: Elasticsearch) -> None:
    register = a_register(elastic, f"n{uuid4().hex}")
    finding = register.finding(a_finding(), "C-1", ["access.actor=actor-1"], NOW)
    case = register.case(a_case(), NOW)
    assert register.send_all(attempts(finding, case)) == [Sent(), Sent()]
    streams = [each.body.split(b"\n")[0].decode() for each in (finding, case)]
    client.indices.refresh(index=streams)
    found = client.search(
        index=streams[0], query={"term": {"sentinel.finding.group": "access.actor=actor-1"}}, source=True
    )
    source = found["hits"]["hits"][0]["_source"]
    assert source["event"]["kind"] == "alert"
    assert source["rule"]["name"] == "bulk_access"
    assert found["hits"]["hits"][0]["_index"].startswith(".ds-logs-sentinel.finding-")
    running = client.search(index=streams[1], query={"range": {"sentinel.case.deadline_at": {"gt": "2026-03-05"}}})
    assert running["hits"]["total"]["value"] == 1


def test_every_field_that_is_written_is_mapped(elastic: ElasticServer, client: Elasticsearch) -> None:
    register = a_register(elastic, f"n{uuid4().hex}")
    for document in (register.finding(a_finding(), "C-1", ["a=b"], NOW), register.case(a_case(), NOW)):
        assert register.send_all(attempts(document)) == [Sent()]
        stream, _, body = document.body.partition(b"\n")
        mappings = client.indices.get_mapping(index=stream.decode())
        (mapped,) = (each["mappings"]["properties"] for each in mappings.values())
        assert not unmapped(json.loads(body), mapped)


def unmapped(value: object, mapped: dict[str, object], path: str = "") -> list[str]:
    found: list[str] = []
    for name, below in value.items() if isinstance(value, dict) else ():
        field = mapped.get(name)
        if not isinstance(field, dict):
            found.append(path + name)
            continue
        for member in below if isinstance(below, list) else [below]:
            found += unmapped(member, field.get("properties", {}), f"{path}{name}.")
    return found


def test_a_document_sent_twice_is_there_once_even_over_a_rollover(
    elastic: ElasticServer, client: Elasticsearch
) -> None:
    register = a_register(elastic, f"n{uuid4().hex}")
    document = register.finding(a_finding(), "", [], NOW)
    stream = document.body.split(b"\n")[0].decode()
    assert register.send_all(attempts(document)) == [Sent()]
    assert register.send_all(attempts(document)) == [Sent()]
    assert ids_in(client, stream) == [document.id]
    client.indices.rollover(alias=stream)
    assert register.send_all(attempts(document, unsure=True)) == [Sent("stored before")]
    assert ids_in(client, stream) == [document.id]


def test_a_document_that_the_mapping_refuses_stops_no_other(elastic: ElasticServer, client: Elasticsearch) -> None:
    register = a_register(elastic, f"n{uuid4().hex}")
    good = [register.finding(a_finding(id=f"f_{number}"), "", [], NOW) for number in range(3)]
    bad = replace(good[1], body=good[1].body.replace(b'"value":50', b'"value":"many"'))
    outcomes = register.send_all(attempts(good[0], bad, good[2]))
    assert outcomes == [Sent(), Never("the cluster refuses the document: 400 (document_parsing_exception)"), Sent()]
    assert ids_in(client, good[0].body.split(b"\n")[0].decode()) == ["f_0", "f_2"]


def test_a_power_cut_in_the_middle_of_a_run_loses_and_doubles_nothing(own: ElasticServer, tmp_path: Path) -> None:
    own.start()
    with Elasticsearch(own.url) as client:
        list(installed(client, files.shipped("deploy") / "elasticsearch"))
    register = a_register(own)
    with a_store(tmp_path / "state") as store:
        owe(store, register, 0, 2 * MOST_AT_ONCE)
        ends_after(own, Shipment(store, register, SystemClock(), Counts(), Random(1)))
        owe(store, register, 2 * MOST_AT_ONCE, 500)
        away = Shipment(store, register, SystemClock(), Counts(), Random(1))
        assert away.pay(NEVER_STOPS) > 0
        assert store.channel_standings()["siem"].waiting >= 500
    own.start()
    with a_store(tmp_path / "state") as store:
        ship = Shipment(store, register, SystemClock(), Counts(), Random(1))
        ship.pay(NEVER_STOPS)
        assert store.channel_standings()["siem"].waiting == 0
    with Elasticsearch(own.url) as client:
        expected = sorted(f"f_{number:032x}" for number in range(2 * MOST_AT_ONCE + 500))
        assert ids_in(client, "logs-sentinel.finding-default") == expected


def ends_after(server: ElasticServer, shipment: Shipment) -> None:
    """The server is killed while the shipment is under way; whatever it took, it took."""
    killer = threading.Timer(0.15, server.kill)
    killer.start()
    shipment.pay(NEVER_STOPS)
    killer.join()


def test_nothing_is_written_without_templates_and_a_busy_cluster_takes_all_in_smaller_pieces(
    own: ElasticServer, tmp_path: Path
) -> None:
    # A bulk of more than this is refused with 429; documents of Sentinel have about a kilobyte.
    own.settings["indexing_pressure.memory.limit"] = "200kb"
    own.start()
    register, counts = a_register(own), Counts()
    with Elasticsearch(own.url) as client, a_store(tmp_path / "state") as store:
        without = register.send_all(attempts(register.finding(a_finding(), "", [], NOW)))
        assert without == Later(f"{_NOT_SET_UP}; run 'sentinel elastic setup'")
        assert not client.indices.exists(index="logs-sentinel.finding-default")
        list(installed(client, files.shipped("deploy") / "elasticsearch"))
        owe(store, register, 0, 1500)
        shipment = Shipment(store, register, SystemClock(), counts, Random(1))
        while store.channel_standings()["siem"].waiting:
            shipment.pay(NEVER_STOPS)
        assert any(isinstance(outcome, Later) and "429" in outcome.reason for outcome in counts.outcomes)
        assert ids_in(client, "logs-sentinel.finding-default") == sorted(f"f_{number:032x}" for number in range(1500))


def test_what_is_taken_is_forgotten_in_the_outbox_but_for_the_last(elastic: ElasticServer, tmp_path: Path) -> None:
    register = a_register(elastic, f"n{uuid4().hex}")
    with Elasticsearch(elastic.url) as client, a_store(tmp_path / "state") as store:
        list(installed(client, files.shipped("deploy") / "elasticsearch"))
        shipment = Shipment(store, register, SystemClock(), Counts(), Random(1))
        for first in (0, 10, 20):
            owe(store, register, first, 10)
            shipment.pay(NEVER_STOPS)
        assert store.outbox_counts() == {("siem", "sent"): 10}
        assert (store.channel_standings()["siem"].last_sent_at or 0) > NOW - MINUTE

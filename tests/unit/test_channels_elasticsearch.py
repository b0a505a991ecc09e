from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pydantic import ValidationError

from sentinel.channels import make
from sentinel.channels.base import Attempt, Later
from sentinel.channels.elasticsearch import ElasticsearchOptions, Register, make_elasticsearch
from sentinel.cluster import NOT_ELASTICSEARCH, record
from sentinel.model import Case, Document, Level
from tests.unit.cases_fixtures import NOW, a_case, a_finding


def a_register(url: str = "http://127.0.0.1:9") -> Register:
    return make_elasticsearch("siem", ElasticsearchOptions(urls=(url,), host="web-1"), lambda _: "secret")


def body(document: Document) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document.body.split(b"\n", 1)[1])
    return found


def told(case: Case) -> str:
    return a_register().case(case, NOW).body.decode()


def test_nothing_personal_is_in_a_document() -> None:
    finding = a_finding(actors=("kim",), group=(("access.actor", "kim"),), level=Level.CRITICAL)
    document = a_register().finding(finding, "C-1", ["access.actor=actor-1"], NOW)
    assert "kim" not in document.body.decode()
    assert "access.log" not in document.body.decode()
    assert "dana" not in told(a_case(owner="dana"))


def test_the_id_of_a_document_is_that_of_what_it_tells_of() -> None:
    register = a_register()
    first, again = (register.finding(a_finding(), "", [], now) for now in (NOW, NOW + 5))
    grown = register.finding(a_finding(update=True, value=70), "", [], NOW)
    assert first.id == again.id == a_finding().id
    assert grown.id != first.id
    assert body(grown)["event"]["id"] == first.id
    assert register.case(a_case(revision=3), NOW).id != register.case(a_case(revision=4), NOW).id


class Other(BaseHTTPRequestHandler):
    """Says of itself what OpenSearch says, and not the header by which Elasticsearch is known."""

    def do_GET(self) -> None:
        said = b'{"version": {"number": "2.19.0", "distribution": "opensearch"}}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


def test_an_answer_that_is_not_elasticsearchs_is_told_apart() -> None:
    with HTTPServer(("127.0.0.1", 0), Other) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        register = a_register(f"http://127.0.0.1:{other.server_port}")
        outcome = register.send_all([Attempt("f_1", b"logs-sentinel.finding-default\n{}", NOW)])
        other.shutdown()
        thread.join()
    assert isinstance(outcome, Later)
    assert outcome.reason.startswith(NOT_ELASTICSEARCH)


def test_a_cluster_that_is_not_there_is_tried_later_and_no_address_is_told() -> None:
    outcome = a_register().send_all([Attempt("f_1", b"logs-sentinel.finding-default\n{}", NOW)])
    assert outcome == Later("the cluster cannot be reached")


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"urls": ["https://es:9200"], "cloud_id": "name:abc"},
        {"urls": ["ftp://es"]},
        {"urls": ["https://user:pass@es"]},
        {"urls": ["http://es.example.org:9200"]},
        {"urls": ["https://es"], "username": "me"},
        {"urls": ["https://es"], "api_key": {"env": "K"}, "username": "me", "password": {"env": "P"}},
        {"urls": ["https://es"], "api_key": "inline"},
        {"urls": ["https://es"], "namespace": "Not-So"},
    ],
)
def test_options_that_do_not_go_together_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ElasticsearchOptions.model_validate(wrong)


def test_it_is_one_of_the_channels() -> None:
    options = {"type": "elasticsearch", "urls": ["https://es.example.org"], "api_key": {"env": "K"}}
    assert isinstance(make("siem", options, lambda _: "key"), Register)


def test_a_record_is_the_same_bytes_however_its_keys_are_ordered() -> None:
    assert record({"b": 1, "a": {"d": "ü", "c": 2}}) == record({"a": {"c": 2, "d": "ü"}, "b": 1})
    assert json.loads(record({"big": 2**70})) == {"big": 2**70}

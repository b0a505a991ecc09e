"""What a hunt finds in a real cluster is what a replay of the same documents finds."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from sentinel.__main__ import main
from sentinel.clock import SECOND, Micros, rfc3339
from sentinel.cluster import record
from tests.elastic.server import ElasticServer

BEGIN: Micros = 1_772_582_400 * SECOND  # 2026-03-04T00:00:00Z
COUNT = 1_000_000 if os.environ.get("SENTINEL_LONG") else 20_000

READ = {
    "title": "Read",
    "name": "read",
    "logsource": {"category": "webserver"},
    "detection": {
        "s": {"url.path|startswith": "/API/kin/", "http.status": 200},
        "no": {"user.name": "batch"},
        "condition": "s and not no",
    },
}
LOGIN = {
    "title": "Login",
    "name": "login",
    "logsource": {"category": "webserver"},
    "detection": {"s": {"url.path|re": "^/log(in|on)$", "http.status|gte": 400}, "condition": "s"},
}


def correlation(name: str, kind: str, rules: list[str], condition: Any) -> dict[str, Any]:
    section = {"type": kind, "rules": rules, "group-by": ["user.name"], "timespan": "5m"}
    if condition is not None:
        section["condition"] = condition
    return {"title": name, "name": name, "correlation": section}


RULES = {
    "many": correlation("many", "event_count", ["read"], {"gte": 20}),
    "people": correlation("people", "value_count", ["read"], {"gte": 15, "field": "subject"}),
    "both": correlation("both", "temporal", ["login", "read"], None),
    "after": correlation("after", "temporal_ordered", ["login", "read"], None),
    "bytes": correlation("bytes", "value_sum", ["read"], {"gte": 30_000, "field": "bytes"}),
    "average": correlation("average", "value_avg", ["read"], {"gte": 2_900, "field": "bytes"}),
    "median": correlation("median", "value_median", ["read"], {"gte": 2_950, "field": "bytes"}),
    "most": correlation("most", "value_percentile", ["read"], {"gte": 2_990, "field": "bytes", "percentile": 50}),
    "exactly": correlation("exactly", "event_count", ["read"], {"eq": 13}),
}
PRUNED = {"many", "people", "both", "after"}


def documents(count: int) -> Iterator[dict[str, Any]]:
    """Most read now and then; some read much for some minutes; names and paths in any case."""
    random = Random(7)
    for number in range(count):
        moment = BEGIN + number * SECOND // 4 + random.randrange(SECOND // 4) // 1000 * 1000
        is_busy = number % 3 == 0
        user = f"busy{number // 2000 % 5}" if is_busy else f"user{random.randrange(max(400, count // 50))}"
        path = random.choice(["/api/kin/", "/Api/\u212ain/", "/API/KIN/", "/api/other/"])
        logs_in = random.random() < 0.02
        yield {
            "@timestamp": rfc3339(moment, 3),
            "url": {"path": random.choice(["/login", "/logon", "/login/x"]) if logs_in else path + str(number % 700)},
            "http": {"status": 401 if logs_in else random.choice([200, 200, "200", 404])},
            "user": {"name": "batch" if random.random() < 0.05 else user},
            "subject": str(number % 700),
            "bytes": random.randrange(3000),
        }


@pytest.fixture(scope="module")
def hunted(elastic: ElasticServer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a configuration for the cluster, and the same documents as a log."""
    folder, index = tmp_path_factory.mktemp("hunt"), f"logs-{uuid4().hex}"
    every = sorted((each["@timestamp"], record(each), each) for each in documents(COUNT))
    (folder / "exported.json").write_bytes(b"".join(each for _, each, _ in every))
    text = {"type": "keyword", "ignore_above": 64}
    properties = {
        "@timestamp": {"type": "date"},
        "url": {"properties": {"path": text}},
        "user": {"properties": {"name": text}},
        "http": {"properties": {"status": {"type": "long"}}},
        "subject": text,
        "bytes": {"type": "long"},
    }
    with Elasticsearch(elastic.url, request_timeout=120) as client:
        settings = {"number_of_shards": 2, "number_of_replicas": 0}
        client.indices.create(index=index, mappings={"properties": properties}, settings=settings)
        bulk(client, ({"_index": index, "_source": each} for *_, each in every), chunk_size=5000)
        client.indices.refresh(index=index)
    source: dict[str, Any] = {
        "name": "web",
        "type": "elasticsearch",
        "urls": [elastic.url],
        "index": [index],
        "format": "json",
    }
    source["logsource"] = {"category": "webserver"}
    config = {"sources": [source], "rules": ["rules.yml"], "shipped_rules": False}
    (folder / "sentinel.yaml").write_text(json.dumps(config))
    (folder / "rules.yml").write_text("\n---\n".join(json.dumps(each) for each in (READ, LOGIN, *RULES.values())))
    return folder


def findings(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[list[dict[str, Any]], str]:
    with pytest.raises(SystemExit) as ended:
        main(list(words))
    said = capsys.readouterr()
    assert ended.value.code == 0, said.err
    rows = [json.loads(line) for line in said.out.splitlines() if line.startswith("{")]
    for row in rows:
        for place in row["evidence"]:  # where a record stands differs: in a file, and in what was fetched
            del place["path"], place["offset"]
    return rows, said.err


@pytest.fixture(scope="module")
def replayed() -> dict[Path, list[dict[str, Any]]]:
    return {}


@pytest.mark.parametrize("rule", ["read", "login", *RULES])
def test_a_hunt_finds_what_a_replay_of_the_same_documents_finds(
    hunted: Path, replayed: dict[Path, list[dict[str, Any]]], rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = str(hunted / "sentinel.yaml")
    if hunted not in replayed:
        given = ("--rules", str(hunted / "rules-loud.yml"), "--format", "json", "--logsource", "category=webserver")
        loud = [{**each, "correlation": {**each["correlation"], "generate": True}} for each in RULES.values()]
        (hunted / "rules-loud.yml").write_text("\n---\n".join(json.dumps(each) for each in (READ, LOGIN, *loud)))
        replayed[hunted] = findings(capsys, "replay", *given, "--output", "json", str(hunted / "exported.json"))[0]
    period = ("--from", "2026-03-01", "--to", "2026-04-01")
    found, _ = findings(capsys, "hunt", rule, "-c", config, "--output", "json", *period)
    expected = [{**each, "source": "web"} for each in replayed[hunted] if each["rule"] == rule]
    assert expected, "the documents must lead to something"
    assert found == expected


def test_the_cluster_leaves_out_most_of_what_cannot_fire(hunted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config, period = str(hunted / "sentinel.yaml"), ("--from", "2026-03-01", "--to", "2026-04-01")
    for rule in RULES:
        _, said = findings(capsys, "hunt", rule, "-c", config, *period)
        assert ("not pruned" not in said) == (rule in PRUNED), said
    _, said = findings(capsys, "hunt", "many", "-c", config, *period)
    matching, fetched = _numbers(said)
    assert 0 < fetched < matching


def _numbers(said: str) -> tuple[int, int]:
    words = said.splitlines()[-1].split()
    return int(words[0]), int(words[3])

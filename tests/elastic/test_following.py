"""Documents of a real cluster as records: each once, in order, whatever happens between."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from elasticsearch import Elasticsearch

from sentinel.clock import HOUR, SECOND, Clock, Micros, SetClock, SystemClock, rfc3339
from sentinel.model import Block, Position
from sentinel.sources.elasticsearch import PAGE, Documents, ElasticsearchOptions
from sentinel.sources.segments import MOST_IDS
from tests.elastic.server import ElasticServer

MILLISECOND: Micros = 1000
BEGIN: Micros = 1_772_582_400 * SECOND  # 2026-03-04T00:00:00Z


@pytest.fixture
def client(elastic: ElasticServer) -> Iterator[Elasticsearch]:
    with Elasticsearch(elastic.url, request_timeout=60) as client:
        yield client


def an_index(client: Elasticsearch) -> str:
    name = f"logs-{uuid4().hex}"
    mappings = {"properties": {"@timestamp": {"type": "date"}, "n": {"type": "long"}}}
    client.indices.create(index=name, mappings=mappings, settings={"number_of_shards": 2, "number_of_replicas": 0})
    return name


def put(
    client: Elasticsearch, index: str, numbers: Sequence[int], at: Micros | None = None, step: Micros = MILLISECOND
) -> None:
    lines: list[Any] = []
    for number in numbers:
        moment = BEGIN + number * step if at is None else at
        lines += [{"index": {"_id": f"d{number}"}}, {"n": number, "@timestamp": rfc3339(moment, 3)}]
    answer = client.bulk(index=index, operations=lines, refresh=True)
    assert not answer["errors"]


@contextmanager
def a_source(
    server: ElasticServer, index: str, positions: Sequence[Position] = (), clock: Clock | None = None, **options: Any
) -> Iterator[Documents]:
    given = {"name": "web", "urls": (server.url,), "index": (index,), "every": "50ms", **options}
    given = {"start": "beginning", **given}
    source = Documents(
        ElasticsearchOptions(**given),
        lambda: Elasticsearch(server.url),
        threading.Event(),
        clock or SetClock(BEGIN + 3 * HOUR),
    )
    source.open(positions, BEGIN + HOUR)
    yield source
    source.close()


class Reader:
    """Reads as the main loop does, and keeps what was committed."""

    def __init__(self) -> None:
        self.positions: dict[int, Position] = {}
        self.numbers: list[int] = []

    def read(self, source: Documents, count: int) -> list[Block]:
        """Until there are so many more records."""
        clock, blocks = SystemClock(), []
        until = clock.now() + 60 * SECOND
        wanted = len(self.numbers) + count
        while len(self.numbers) < wanted and clock.now() < until:
            block = source.read(clock.now())
            if block is None:
                if source.status().trouble:
                    break
                clock.wait(0.01, threading.Event())
                continue
            blocks.append(block)
            self.numbers += [json.loads(line)["n"] for line in block.data.splitlines()]
            self.commit(source, block)
        return blocks

    def commit(self, source: Documents, block: Block) -> None:
        for stream in source.forgotten():
            self.positions.pop(stream, None)
        self.positions[block.position.stream] = block.position
        source.stored([block.position])

    def reads_nothing(self, source: Documents, seconds: float = 0.5) -> bool:
        clock = SystemClock()
        until = clock.now() + round(seconds * SECOND)
        while clock.now() < until:
            block = source.read(clock.now())
            if block is not None and block.data:
                return False
            clock.wait(0.02, threading.Event())
        return True


def test_every_document_is_handed_out_once_in_the_order_of_time(elastic: ElasticServer, client: Elasticsearch) -> None:
    index, reader, count = an_index(client), Reader(), 3 * PAGE + 7
    put(client, index, range(count))
    with a_source(elastic, index) as source:
        blocks = reader.read(source, count)
        assert reader.reads_nothing(source)
    assert reader.numbers == list(range(count))
    assert blocks[1].data.startswith(b'{"@timestamp":"2026-03-04T00:00:00.000Z","n":0}\n')


def test_after_a_restart_it_goes_on_behind_what_was_committed(elastic: ElasticServer, client: Elasticsearch) -> None:
    index, reader = an_index(client), Reader()
    count = MOST_IDS + PAGE
    put(client, index, range(count))
    with a_source(elastic, index) as source:
        reader.read(source, PAGE + 1)
        committed, numbers = dict(reader.positions), list(reader.numbers)
        # What is read and not committed before a crash comes again.
        reader.read(source, PAGE)
    again = Reader()
    again.positions, again.numbers = committed, numbers
    with a_source(elastic, index, list(committed.values())) as source:
        again.read(source, count - len(numbers))
        assert again.reads_nothing(source)
    assert again.numbers == list(range(count))


def test_a_late_document_comes_once_and_one_later_than_the_overlap_never(
    elastic: ElasticServer, client: Elasticsearch
) -> None:
    index, reader = an_index(client), Reader()
    put(client, index, range(100), step=SECOND)
    with a_source(elastic, index, overlap="1m") as source:
        reader.read(source, 100)
        put(client, index, [1000], at=BEGIN + 50 * SECOND)
        put(client, index, [2000], at=BEGIN + 20 * SECOND)
        reader.read(source, 1)
        assert reader.numbers[-1] == 1000
        assert reader.reads_nothing(source)
    with a_source(elastic, index, list(reader.positions.values()), overlap="1m") as source:
        assert reader.reads_nothing(source)


def test_segments_are_forgotten_and_nothing_comes_again(elastic: ElasticServer, client: Elasticsearch) -> None:
    index, reader, count = an_index(client), Reader(), 3 * MOST_IDS
    put(client, index, range(count), step=SECOND)
    with a_source(elastic, index, overlap="1m") as source:
        reader.read(source, count)
        assert reader.reads_nothing(source)
        put(client, index, [count], step=SECOND)
        reader.read(source, 1)
    assert sorted(reader.positions) == [3, 4]
    with a_source(elastic, index, list(reader.positions.values()), overlap="1m") as source:
        assert reader.reads_nothing(source)
    assert reader.numbers == list(range(count + 1))


def test_a_document_dated_ahead_does_not_hide_those_of_today(elastic: ElasticServer, client: Elasticsearch) -> None:
    index, reader = an_index(client), Reader()
    put(client, index, [1], at=BEGIN + 1000 * HOUR)
    with a_source(elastic, index, overlap="1m") as source:
        reader.read(source, 1)
        put(client, index, [2], at=BEGIN + 3 * HOUR)
        reader.read(source, 1)
        assert reader.numbers == [1, 2]
        assert reader.reads_nothing(source)


def test_an_index_deleted_before_it_was_read_is_a_gap(elastic: ElasticServer, client: Elasticsearch) -> None:
    prefix, reader = f"logs-{uuid4().hex}", Reader()
    for name, numbers in (("a", range(20 * PAGE)), ("b", range(20 * PAGE, 20 * PAGE + 5))):
        put(client, f"{prefix}-{name}", numbers)
    with a_source(elastic, f"{prefix}-*") as source:
        reader.read(source, 1)
        client.indices.delete(index=f"{prefix}-a")
        while not (gaps := source.gaps()):
            reader.read(source, 1)
        assert [gap.reason for gap in gaps] == ["index_deleted"]
        while reader.numbers[-1] != 20 * PAGE + 4:
            reader.read(source, 1)
    assert len(reader.numbers) == len(set(reader.numbers)) < 20 * PAGE


def test_a_cluster_that_goes_and_comes_back_costs_no_document(own: ElasticServer) -> None:
    own.start()
    with Elasticsearch(own.url, request_timeout=60) as client:
        index, reader = an_index(client), Reader()
        put(client, index, range(10 * PAGE))
        with a_source(own, index) as source:
            reader.read(source, PAGE)
            own.kill()
            clock = SystemClock()
            until = clock.now() + 30 * SECOND
            while not source.status().trouble and clock.now() < until:
                reader.read(source, 1)
            assert "cannot be reached" in source.status().trouble
            own.start()
            client.cluster.health(index=index, wait_for_status="green", timeout="60s")
            put(client, index, [10 * PAGE])
            while len(reader.numbers) <= 10 * PAGE:
                reader.read(source, 1)
            assert reader.reads_nothing(source)
        assert sorted(reader.numbers) == list(range(10 * PAGE + 1))
        assert source.gaps() == []


def test_evidence_is_had_again_from_the_cluster(elastic: ElasticServer, client: Elasticsearch) -> None:
    index, reader = an_index(client), Reader()
    put(client, index, range(3))
    with a_source(elastic, index) as source:
        (*_, block) = reader.read(source, 3)
        lines = block.data.splitlines()
        offset = block.offset + len(lines[0]) + 1
        assert source.reread(block.stream, offset, len(lines[1])) == lines[1]
        assert source.reread(block.stream, offset + 1, 5) is None


def test_the_text_of_a_shipped_line_can_be_the_record(elastic: ElasticServer, client: Elasticsearch) -> None:
    index = an_index(client)
    client.index(index=index, document={"@timestamp": rfc3339(BEGIN, 3), "message": "a line\nof two"}, refresh=True)
    with a_source(elastic, index, record="message") as source:
        clock = SystemClock()
        block = None
        while block is None or not block.data:
            block = source.read(clock.now())
    assert (block.data, block.starts) == (b"a line\nof two\n", (0,))

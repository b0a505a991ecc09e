"""One rule over the documents of a cluster: the cluster prunes, our own windows decide.

Rules of this file:
1. What is judged is a part of the documents of the period, in the order of their time, such that the findings are those
   of all of them: a window of `timespan` lies in two neighbouring buckets of that width, so where two neighbours of a
   group together have too few documents, no window in them can reach the threshold.
2. Where that cannot be told for certain (`why_not_pruned`), every document that the query finds is judged.
3. Of one moment documents are judged in the order of their bytes, so that two runs come to the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from elasticsearch import Elasticsearch

from sentinel import cluster
from sentinel.clock import Micros
from sentinel.detect.engine import Engine
from sentinel.detect.rules import Correlation, Detection, RuleSet
from sentinel.model import Block, Position
from sentinel.pushdown import Asked, Field
from sentinel.scenarios import Log, Replay
from sentinel.sources.elasticsearch import KEEP_ALIVE, ElasticsearchOptions

PAGE = 5000
BUCKETS = 10_000
CLAUSES = 500
SLICE = 50_000
"""Documents of candidates that are fetched and sorted at once."""

Found = tuple[Micros, bytes, str]
"""A document: its time, what it is as a record, and which it is."""

_PIECE = 1 << 20
_COUNTED = frozenset({"event_count", "value_count", "temporal", "temporal_ordered"})
_LEARNED = ("first_seen", "baseline", "sequence", "score", "absence", "travel", "session")


def only(rules: RuleSet, key: str) -> tuple[RuleSet, Correlation | Detection, tuple[Detection, ...]]:
    """The rule of that name or id with what it rests on, and the detections below it. Raises KeyError."""
    correlations = {each.about.key: each for each in rules.correlations}
    both: tuple[Correlation | Detection, ...] = (*rules.detections, *rules.correlations)
    every = {each.about.key: each for each in both}
    wanted = next((each for each in every.values() if key in (each.about.key, each.about.id)), None)
    if wanted is None:
        raise KeyError(key)
    if isinstance(wanted, Detection):
        return RuleSet((wanted,), (), rules.filters), wanted, (wanted,)
    below: dict[str, Correlation] = {}
    waiting = [wanted.about.key]
    while waiting:
        each = correlations[waiting.pop()]
        below[each.about.key] = each
        waiting += each.chained
    detections = {rule.about.key: rule for each in below.values() for rule in each.rules}
    kept = tuple(each for each in rules.correlations if each.about.key in below)
    silent = rules.silent | {name for name in (*below, *detections) if name != wanted.about.key}
    return RuleSet(tuple(detections.values()), kept, rules.filters, silent), wanted, tuple(detections.values())


@dataclass(frozen=True, slots=True)
class Hunt:
    """What is hunted where: the rule, the detections below it, the source, and the period [start, end)."""

    options: ElasticsearchOptions
    asked: Asked
    rule: Correlation | Detection
    detections: tuple[Detection, ...]
    start: Micros
    end: Micros
    time_is_known: bool

    def why_not_pruned(self) -> str:
        """Why every document that the query finds must be judged; empty where the cluster can prune by groups."""
        rule = self.rule
        if isinstance(rule, Detection):
            return "a detection is one event"
        if rule.kind not in _COUNTED:
            return f"what a {rule.kind} comes to is not told by how many documents there are"
        if rule.chained or rule.expression is not None or rule.bounds is not None:
            return "the condition is over other correlations, an expression, or judged when a window closes"
        for about in (rule.about, *(each.about for each in self.detections)):
            learned = next((name for name in _LEARNED if getattr(about.additions, name) is not None), "")
            if learned:
                return f"'{learned}' rests on other events too"
        if not self.time_is_known:
            return "the time of an event is not the field that orders the documents"
        lacking = [name for name in rule.group_by if self.asked.group_field(rule, name) is None]
        return f"the cluster cannot tell groups by '{lacking[0]}'" if lacking else ""

    def filters(self, rules: Sequence[Detection], since: Micros, until: Micros) -> list[dict[str, Any]] | None:
        """What a document must be to be looked at; None where there can be none."""
        query = self.asked.query(rules)
        if query == "":
            return None
        bounds = {"gte": since // 1000, "lt": -(-until // 1000), "format": "epoch_millis"}
        found: list[dict[str, Any]] = [{"range": {self.options.time_field: bounds}}]
        if self.options.filter is not None:
            found.append(self.options.filter)
        return found if query is None else [*found, {"query_string": {"query": query}}]


@dataclass(slots=True)
class Numbers:
    """How a hunt went: documents that matched the query, that were fetched, and groups that could fire."""

    matching: int = 0
    fetched: int = 0
    candidates: int = 0
    pruned: bool = False
    why_not: str = ""


@dataclass(slots=True)
class Hunter:
    """Asks the cluster. Everything raises what the client raises."""

    client: Elasticsearch
    hunt: Hunt
    numbers: Numbers = field(default_factory=Numbers)

    def documents(self) -> Iterator[list[Found]]:
        """What is to be judged, in the order of time, in pieces."""
        hunt = self.hunt
        filters = hunt.filters(hunt.detections, hunt.start, hunt.end)
        if filters is None:
            return
        index = list(hunt.options.index)
        self.numbers.matching = self.client.count(index=index, query=_all(filters))["count"]
        self.numbers.why_not = hunt.why_not_pruned() or self._ignored(filters)
        self.numbers.pruned = not self.numbers.why_not
        pieces = self._candidates(filters) if self.numbers.pruned else self._fetched(_all(filters))
        for piece in pieces:
            self.numbers.fetched += len(piece)
            yield piece

    def _ignored(self, filters: list[dict[str, Any]]) -> str:
        """Values that the index ignored are in no group of it, and may be in one of ours."""
        names = [each.name for each in self._groups()]
        if not names:
            return ""
        ignored = [*filters, {"terms": {"_ignored": [*names, *self.rule.group_by]}}]
        found = self.client.search(
            index=list(self.hunt.options.index), query=_all(ignored), size=0, terminate_after=1, track_total_hits=1
        )
        return "some values of the group are too long for the index" if found["hits"]["total"]["value"] else ""

    @property
    def rule(self) -> Correlation:
        """The rule, where it is one that is pruned."""
        assert isinstance(self.hunt.rule, Correlation)
        return self.hunt.rule

    def _groups(self) -> list[Field]:
        found = [self.hunt.asked.group_field(self.rule, name) for name in self.rule.group_by]
        return [each for each in found if each is not None]

    # --- fetching --------------------------------------------------------------------------------------------

    def _fetched(self, query: dict[str, Any]) -> Iterator[list[Found]]:
        """Everything that the query finds; pieces end between two moments."""
        options = self.hunt.options
        point = self.client.open_point_in_time(index=list(options.index), keep_alive=KEEP_ALIVE)["id"]
        after: list[Any] | None = None
        held: list[Found] = []
        try:
            while True:
                answer = self.client.search(
                    pit={"id": point, "keep_alive": KEEP_ALIVE},
                    query=query,
                    sort=[{options.time_field: {"order": "asc", "numeric_type": "date"}}, {"_shard_doc": "asc"}],
                    size=PAGE,
                    track_total_hits=False,
                    allow_partial_search_results=False,
                    search_after=after,
                )
                point, hits = answer["pit_id"], answer["hits"]["hits"]
                held += [
                    (int(hit["sort"][0]) * 1000, cluster.record(hit["_source"]), f"{hit['_index']}/{hit['_id']}")
                    for hit in hits
                ]
                if len(hits) < PAGE:
                    yield sorted(held)
                    return
                after = hits[-1]["sort"]
                last = held[-1][0]
                yield sorted(each for each in held if each[0] < last)
                held = [each for each in held if each[0] == last]
        finally:
            self.client.close_point_in_time(id=point)

    # --- pruning ---------------------------------------------------------------------------------------------

    @property
    def _width(self) -> int:
        """Of a bucket, in milliseconds: no less than the timespan."""
        return max(1000, -(-self.rule.timespan // 1000))

    def _candidates(self, filters: list[dict[str, Any]]) -> Iterator[list[Found]]:
        """The documents of the groups and buckets in which the threshold can be reached, bucket after bucket."""
        waiting: dict[int, dict[tuple[Any, ...], int]] = {}
        before: tuple[int, Mapping[tuple[Any, ...], _Cell]] = (-1, {})
        for bucket, cells in self._buckets(filters):
            neighbours = before[1] if before[0] == bucket - self._width else {}
            for group, cell in cells.items():
                other = neighbours.get(group)
                if self._can_fire(cell, other):
                    waiting.setdefault(bucket, {})[group] = cell.count
                    if other is not None:
                        waiting.setdefault(bucket - self._width, {})[group] = other.count
            before = (bucket, cells)
            done = {at: groups for at, groups in waiting.items() if at < bucket}
            if sum(count for groups in done.values() for count in groups.values()) > SLICE:
                # The newest of them may still be joined by its neighbour's groups; those before it may not.
                done.pop(bucket - self._width, None)
                for at in done:
                    del waiting[at]
                yield self._slice(filters, done)
        yield self._slice(filters, waiting)

    def _can_fire(self, cell: _Cell, other: _Cell | None) -> bool:
        if self.rule.kind in ("event_count", "value_count"):
            return cell.count + (other.count if other else 0) >= self.rule.threshold
        present = cell.present | (other.present if other else frozenset())
        return len(present) >= self.rule.threshold

    def _slice(self, filters: list[dict[str, Any]], wanted: Mapping[int, Mapping[tuple[Any, ...], int]]) -> list[Found]:
        fields = self._groups()
        clauses = [
            {
                "bool": {
                    "filter": [self._bucket(at), *({"term": {f.name: v}} for f, v in zip(fields, group, strict=True))]
                }
            }
            for at, groups in sorted(wanted.items())
            for group in groups
        ]
        self.numbers.candidates += len(clauses)
        found: list[Found] = []
        for first in range(0, len(clauses), CLAUSES):
            part = {"bool": {"should": clauses[first : first + CLAUSES], "minimum_should_match": 1}}
            for piece in self._fetched(_all([*filters, part])):
                found += piece
        # A document with several values of a field is in several groups.
        return sorted(set(found))

    def _bucket(self, at: int) -> dict[str, Any]:
        return {"range": {self.hunt.options.time_field: {"gte": at, "lt": at + self._width, "format": "epoch_millis"}}}

    def _buckets(self, filters: list[dict[str, Any]]) -> Iterator[tuple[int, dict[tuple[Any, ...], _Cell]]]:
        """Every bucket that has a document, in order, with its groups."""
        keys = [f"g{number}" for number in range(len(self._groups()))]
        for at, cells in groupby(self._cells(filters), key=lambda each: each["key"]["t"]):
            yield at, {tuple(each["key"][key] for key in keys): self._cell(each) for each in cells}

    def _cell(self, found: Mapping[str, Any]) -> _Cell:
        names = [each.about.key for each in self.rule.rules]
        present = frozenset(name for number, name in enumerate(names) if found.get(f"r{number}", {}).get("doc_count"))
        return _Cell(found["doc_count"], present)

    def _cells(self, filters: list[dict[str, Any]]) -> Iterator[Mapping[str, Any]]:
        interval = {"field": self.hunt.options.time_field, "fixed_interval": f"{self._width}ms"}
        sources: list[dict[str, Any]] = [{"t": {"date_histogram": interval}}]
        sources += [{f"g{n}": {"terms": {"field": each.name}}} for n, each in enumerate(self._groups())]
        after: dict[str, Any] | None = None
        while True:
            composite = {"size": BUCKETS, "sources": sources, **({"after": after} if after is not None else {})}
            answer = self.client.search(
                index=list(self.hunt.options.index),
                query=_all(filters),
                size=0,
                track_total_hits=False,
                allow_partial_search_results=False,
                aggs={"cells": {"composite": composite, **self._by_rule()}},
            )["aggregations"]["cells"]
            yield from answer["buckets"]
            after = answer.get("after_key")
            if after is None or len(answer["buckets"]) < BUCKETS:
                return

    def _by_rule(self) -> dict[str, Any]:
        """Which rules have documents, where all of them must."""
        if self.rule.kind not in ("temporal", "temporal_ordered"):
            return {}
        found: dict[str, Any] = {}
        for number, rule in enumerate(self.rule.rules):
            query = self.hunt.asked.query([rule])
            if query != "":
                found[f"r{number}"] = {
                    "filter": {"match_all": {}} if query is None else {"query_string": {"query": query}}
                }
        return {"aggs": found} if found else {}


@dataclass(frozen=True, slots=True)
class _Cell:
    """One group in one bucket: documents, and the rules that may match one."""

    count: int
    present: frozenset[str]


def _all(filters: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    return {"bool": {"filter": list(filters)}}


class HuntReplay(Replay):
    """The replay of what the hunter brings."""

    def __init__(self, engine: Engine, hunter: Hunter, log: Log, now: Micros) -> None:
        super().__init__(engine, [log])
        self._hunter = hunter
        self._now = now

    def blocks(self, log: Log) -> Iterator[Block]:
        offset = 0
        for piece in self._hunter.documents():
            at = 0
            while at < len(piece):
                records: list[bytes] = []
                size = 0
                while at < len(piece) and size < _PIECE:
                    records.append(piece[at][1])
                    size += len(records[-1])
                    at += 1
                yield self._block(log, b"".join(records), offset)
                offset += size

    def _block(self, log: Log, data: bytes, offset: int) -> Block:
        return Block(
            source=log.name,
            stream=1,
            path=log.paths[0],
            offset=offset,
            data=data,
            position=Position(source=log.name, stream=1, state=""),
            reference=self._now,
        )

"""Source `elasticsearch`: the documents of indices and data streams, in the order of their time, each once.

Rules of this file:
1. A thread of its own asks the cluster; it is at most `_AHEAD` blocks ahead of the main loop, which never waits for it.
2. Each look is a point in time, paged by search_after, and begins `overlap` before the newest document handed out;
   what was handed out before is known by its id. So a restart, an expired point in time and a late document are one.
3. No shard may be missing from an answer: where one cannot be read, nothing is, and the place is kept.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from sentinel import cluster
from sentinel.clock import MINUTE, SECOND, Clock, Micros, SystemClock
from sentinel.cluster import ClusterError, ClusterOptions
from sentinel.durations import Duration
from sentinel.model import Block, Gap, Position
from sentinel.secrets import SecretError
from sentinel.sources.base import SourceStatus
from sentinel.sources.options import SourceOptions
from sentinel.sources.segments import Segments, key_of

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

PIECE = 1 << 20
PAGE = 1000
KEEP_ALIVE = "2m"
RETRY: Micros = 5 * SECOND
_AHEAD = 4
_PLACES_KNOWN = 200_000

logger = logging.getLogger(__name__)


class ElasticsearchOptions(ClusterOptions, SourceOptions):
    """`index` are names or patterns of indices, data streams and aliases. `filter` is a query, in Elasticsearch's own
    words, that a document must match. `time_field` orders them; `overlap` is how much later than its time a document
    may arrive; `every` is how often it is looked for new ones. `record` is what becomes a record: the document as JSON,
    or the text of its field `message`.
    """

    type: Literal["elasticsearch"] = "elasticsearch"
    index: tuple[str, ...] = Field(min_length=1, strict=False)
    filter: dict[str, Any] | None = None
    time_field: str = "@timestamp"
    overlap: Duration = 5 * MINUTE
    every: Duration = 5 * SECOND
    record: Literal["document", "message"] = "document"
    start: Literal["beginning", "end"] = "end"


@dataclass(frozen=True, slots=True)
class _Place:
    """One document handed out: where it is in its segment, and in the cluster."""

    offset: int
    length: int
    index: str
    identity: str


class Documents:
    """Fulfils `Source`. `is_behind` while there is more than was handed out."""

    def __init__(
        self,
        options: ElasticsearchOptions,
        connect: Callable[[], Elasticsearch],
        wake: threading.Event,
        clock: Clock | None = None,
    ) -> None:
        self.name = options.name
        self._options = options
        self._connect = connect
        self._wake = wake
        self._clock = clock or SystemClock()
        self._client: Elasticsearch | None = None
        self._blocks: queue.Queue[tuple[Block, Micros]] = queue.Queue(_AHEAD)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._segments = Segments(options.name, 0)
        self._places: dict[tuple[int, int], _Place] = {}
        self._gaps: queue.SimpleQueue[Gap] = queue.SimpleQueue()
        self._forgotten: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._indices: frozenset[str] | None = None
        self._trouble = ""
        self._is_behind = False
        self._handed_out: Micros = 0
        self._stored: Micros = 0

    def open(self, positions: Sequence[Position], now: Micros) -> None:
        """Raises ValueError where a stored position is not one that a source of this type wrote."""
        self.close()
        self._segments = Segments.of(self.name, positions, now)
        self._blocks, self._stopping = queue.Queue(_AHEAD), threading.Event()
        self._places.clear()
        self._handed_out = self._stored = self._segments.high
        if not positions:
            self._blocks.put((self._block([], now), 0))
        self._thread = threading.Thread(target=self._follow, args=[self._stopping], name=f"source-{self.name}")
        self._thread.daemon = True
        self._thread.start()

    def read(self, now: Micros) -> Block | None:  # noqa: ARG002  (the thread has a clock of its own)
        try:
            block, self._handed_out = self._blocks.get_nowait()
        except queue.Empty:
            return None
        return block

    def reread(self, stream: int, offset: int, length: int) -> bytes | None:
        place = self._places.get((stream, offset))
        if place is None or self._client is None or place.length != length:
            return None
        try:
            found = self._client.get(index=place.index, id=place.identity)
        except cluster.failures():
            return None
        raw = self._record(found.get("_source"))
        return raw[:length] if len(raw) in {length, length + 1} else None

    def gaps(self) -> list[Gap]:
        return _drained(self._gaps)

    def forgotten(self) -> list[int]:
        return _drained(self._forgotten)

    def stored(self, positions: Sequence[Position]) -> None:  # noqa: ARG002  (all that was handed out is stored)
        """What was handed out is on disk: ids that are older than it by more than `overlap` are needed no more."""
        self._stored = self._handed_out

    def status(self) -> SourceStatus:
        since = self._handed_out or None if self._is_behind else None
        has_ended = self._thread is not None and not self._thread.is_alive() and not self._stopping.is_set()
        trouble = "the thread that asks the cluster has ended" if has_ended else self._trouble
        return SourceStatus(streams=1, unread_bytes=0, trouble=trouble, unread_since=since)

    def wait_seconds(self, now: Micros) -> float:  # noqa: ARG002  (the thread says when there is something)
        return 0.0 if not self._blocks.empty() else 1.0

    def close(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            while self._thread.is_alive():
                _drained(self._blocks)
                self._thread.join(0.05)
            self._thread = None

    # --- the thread ----------------------------------------------------------------------------------------

    def _follow(self, stopping: threading.Event) -> None:
        while not stopping.is_set():
            pause = self._options.every
            try:
                client = self._connected()
                self._look_for_loss(client)
                self._look(client, stopping)
                if self._trouble:
                    logger.info("source '%s': the cluster can be read again", self.name)
                self._trouble = ""
            except ClusterError as wrong:
                self._fail(wrong)
                pause = RETRY
            except cluster.failures() as wrong:
                self._fail(cluster.failure(wrong))
                pause = RETRY
            stopping.wait(pause / SECOND)

    def _connected(self) -> Elasticsearch:
        if self._client is None:
            try:
                client = self._connect()
            except SecretError as wrong:
                raise ClusterError(wrong.message, wrong.hint) from None
            cluster.check(client)
            self._client = client
        return self._client

    def _fail(self, wrong: ClusterError) -> None:
        if not self._trouble:
            logger.warning("source '%s': %s", self.name, wrong.message)
        self._trouble = f"{wrong.message}; {wrong.hint}" if wrong.hint else wrong.message

    def _look_for_loss(self, client: Elasticsearch) -> None:
        """An index that is gone is a loss where it was not read to its end."""
        found = client.indices.resolve_index(name=list(self._options.index))
        names = frozenset(each["name"] for each in found["indices"])
        if not names and not found["data_streams"]:
            raise ClusterError("no index has one of these names", "see 'index'")
        gone = () if self._indices is None else self._indices - names
        if gone and self._is_behind:
            logger.warning("source '%s': an index was deleted before it was read", self.name)
            start, stream = self._segments.offset, self._segments.stream
            path = ",".join(self._options.index)
            reason = "index_deleted"
            self._gaps.put(Gap(source=self.name, stream=stream, path=path, reason=reason, start=start, end=None))
        self._indices = names

    def _look(self, client: Elasticsearch, stopping: threading.Event) -> None:
        """Everything that is there and was not handed out."""
        for stream in self._segments.forget(self._stored - self._options.overlap):
            self._forgotten.put(stream)
        since = self._since()
        point = client.open_point_in_time(index=list(self._options.index), keep_alive=KEEP_ALIVE)["id"]
        after: list[Any] | None = None
        try:
            while not stopping.is_set():
                answer = client.search(**self._query(point, since, after))
                point, hits = answer["pit_id"], answer["hits"]["hits"]
                if not hits:
                    break
                after = hits[-1]["sort"]
                self._is_behind = len(hits) == PAGE
                self._hand_out(hits, stopping)
            self._is_behind = False
        finally:
            _closed(client, point)

    def _since(self) -> Micros:
        """From when on documents may not have been handed out."""
        if self._segments.high == 0:
            return self._segments.first if self._options.start == "end" else 0
        since = self._segments.high - self._options.overlap
        return max(since, self._segments.first) if self._options.start == "end" else since

    def _query(self, point: str, since: Micros, after: list[Any] | None) -> dict[str, Any]:
        field = self._options.time_field
        bounds = {field: {"gte": since // 1000, "format": "epoch_millis"}}
        filters: list[dict[str, Any]] = [{"range": bounds}]
        if self._options.filter is not None:
            filters.append(self._options.filter)
        return {
            "pit": {"id": point, "keep_alive": KEEP_ALIVE},
            "query": {"bool": {"filter": filters}},
            "sort": [{field: {"order": "asc", "numeric_type": "date"}}, {"_shard_doc": "asc"}],
            "size": PAGE,
            "track_total_hits": False,
            "allow_partial_search_results": False,
            **({"search_after": after} if after is not None else {}),
        }

    def _hand_out(self, hits: Sequence[Any], stopping: threading.Event) -> None:
        waiting: list[tuple[bytes, Any, bytes]] = []
        size = 0
        for hit in hits:
            key = key_of(hit["_index"], hit["_id"])
            if self._segments.is_seen(key):
                continue
            raw = self._record(hit.get("_source"))
            if waiting and size + len(raw) > PIECE:
                self._put(waiting, stopping)
                waiting, size = [], 0
            waiting.append((key, hit, raw))
            size += len(raw)
        if waiting:
            self._put(waiting, stopping)

    def _put(self, found: Sequence[tuple[bytes, Any, bytes]], stopping: threading.Event) -> None:
        """One block, as soon as there is room for it."""
        self._segments.turn()
        stream, offset = self._segments.stream, self._segments.offset
        for _, hit, raw in found:
            length = len(raw) - 1
            self._places[stream, offset] = _Place(offset, length, hit["_index"], hit["_id"])
            offset += len(raw)
        while len(self._places) > _PLACES_KNOWN:
            del self._places[next(iter(self._places))]
        block = self._block(found, self._clock.now())
        while not stopping.is_set():
            try:
                self._blocks.put((block, self._segments.high), timeout=0.2)
            except queue.Full:
                continue
            self._wake.set()
            return

    def _block(self, found: Sequence[tuple[bytes, Any, bytes]], now: Micros) -> Block:
        offset = self._segments.offset
        raws = [raw for _, _, raw in found]
        position = self._segments.add(((key, int(hit["sort"][0]) * 1000, len(raw)) for key, hit, raw in found), now)
        starts = None
        if raws and self._options.record == "message":
            starts = (0, *accumulate(len(each) for each in raws[:-1]))
        return Block(
            source=self.name,
            stream=position.stream,
            path=",".join(self._options.index),
            offset=offset,
            data=b"".join(raws),
            position=position,
            reference=now,
            starts=starts,
            historical_before=self._options.historical_before(self._segments.first),
        )

    def _record(self, document: dict[str, Any] | None) -> bytes:
        if document is None:
            raise ClusterError("the documents of this index keep no '_source'", is_lasting=True)
        if self._options.record == "document":
            return cluster.record(document)
        message = document.get("message", "")
        return (message if isinstance(message, str) else "").encode(errors="replace") + b"\n"


def _closed(client: Elasticsearch, point: str) -> None:
    """One that cannot be closed ends by itself."""
    try:
        client.close_point_in_time(id=point)
    except cluster.failures():
        logger.debug("a point in time is left to end by itself")


def _drained(from_queue: queue.Queue[Any] | queue.SimpleQueue[Any]) -> list[Any]:
    found = []
    while True:
        try:
            found.append(from_queue.get_nowait())
        except queue.Empty:
            return found

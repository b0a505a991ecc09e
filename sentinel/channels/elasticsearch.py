"""Findings and cases as documents of the Elastic Common Schema, in data streams of an Elasticsearch cluster.

Rules of this file:
1. Nothing personal: pseudonyms, counts, names of rules and systems; no owner, no reference, no text of a log.
2. A document is made once and kept in the outbox; its `_id` follows from what it tells of, so that a repeat is refused
   by the cluster as already there (409). What may have been stored before a rollover is asked for first.
3. A cluster that is away or busy costs nothing but time; a document that it will never take stays in the outbox.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import orjson
from pydantic import Field, StringConstraints

from sentinel import __version__, cluster
from sentinel.cases.register import case_row
from sentinel.channels.base import Attempt, ChannelError, ChannelOptions, Later, Never, Outcome, Sent
from sentinel.channels.payload import SEVERITIES
from sentinel.channels.safety import clean
from sentinel.clock import Micros, rfc3339
from sentinel.cluster import ClusterError, ClusterOptions
from sentinel.model import Case, Document, Finding, Notification
from sentinel.routing import kind_of
from sentinel.secrets import SecretRef

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

ECS_VERSION = "8.17.0"
_RUNES = 1024
"""Of the longest text of a document: what an index keeps of a keyword."""

_TAKEN = frozenset({200, 201, 409})
_NOT_SET_UP = "the cluster has no index template for Sentinel's data streams"
_CASE_KEYS = (
    *("id", "title", "kind", "state", "level", "rules", "systems", "categories", "role", "risk", "dismissal"),
    *("merged_into", "split_from", "subjects", "findings", "revision", "historical"),
    *("occurred_from", "occurred_to", "detected_at", "acknowledged_at", "aware_at", "notified_at", "closed_at"),
)
_CLOCK_KEYS = ("regime", "step", "state", "provisional", "deadline_at")


class ElasticsearchOptions(ClusterOptions, ChannelOptions):
    """A `type: elasticsearch` channel.

    `namespace` is the last part of the data streams' names: logs-sentinel.finding-NAMESPACE. `host` is what this
    machine is called in the documents, else as it calls itself. Nothing is gathered, and `per_minute` counts requests.
    """

    type: Literal["elasticsearch"] = "elasticsearch"
    namespace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,100}$")] = "default"
    host: str | None = None
    gathered: bool = False
    links: Literal[False] = False
    per_minute: int = Field(default=600, ge=1, le=6000)


class Register:
    """Fulfils `base.Register`."""

    def __init__(self, name: str, options: ElasticsearchOptions, client: Elasticsearch) -> None:
        self.name = name
        self._namespace = options.namespace
        self._host = options.host or socket.gethostname()
        self._client = client
        self._is_known = False

    # --- documents -----------------------------------------------------------------------------------------

    def render(self, notification: Notification) -> bytes:
        message = {"message": {"id": notification.id, "key": notification.key}}
        event = {"action": kind_of(notification.key)}
        document = self._case(notification.case, notification.owed_at, notification.owed_at, event, message)
        return self._body("case", {**document, "message": notification.headline})

    def finding(self, finding: Finding, case_id: str, group: Sequence[str], now: Micros) -> Document:
        at = finding.last_seen if finding.update else finding.fired_at
        identity = f"{finding.id}-{finding.last_seen}-{finding.value}" if finding.update else finding.id
        event: dict[str, Any] = {
            "id": finding.id,
            "start": rfc3339(finding.first_seen),
            "end": rfc3339(finding.last_seen),
        }
        event |= {"kind": "alert", "category": ["intrusion_detection"], "type": ["info"]}
        told: dict[str, Any] = {
            "level": finding.level.word,
            "mode": finding.mode.value,
            "value": finding.value,
            "value_is_estimate": finding.value_is_estimate,
            "subjects": finding.subjects,
            "group": group,
            "because": finding.because,
            "evidence_total": finding.evidence_total,
            "suppressed": finding.suppressed,
            "systems": finding.systems,
            "categories": finding.categories,
            "update": finding.update,
            "historical": finding.historical,
        }
        document = {
            **self._common("finding", at, now, {**event, "severity": SEVERITIES[finding.level]}),
            "message": finding.title,
            "rule": {"id": finding.rule_id, "name": finding.rule, "description": finding.title},
            "sentinel": {"source": finding.source, "finding": told, "case": {"id": case_id or None}},
        }
        return self._document(identity, case_id, now, self._body("finding", document))

    def case(self, case: Case, now: Micros) -> Document:
        document = self._case(case, now, now, {"action": "changed"})
        return self._document(f"{case.id}-{case.revision}", case.id, now, self._body("case", document))

    def _document(self, identity: str, case_id: str, now: Micros, body: bytes) -> Document:
        return Document(id=identity, case_id=case_id, owed_at=now, body=body)

    def _case(
        self, case: Case, at: Micros, now: Micros, event: dict[str, Any], more: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        row = case_row(case, now)
        shown = {key: row[key] for key in _CASE_KEYS}
        clocks = [{key: clock[key] for key in _CLOCK_KEYS} for clock in row["clocks"]]
        running = [clock["deadline_at"] for clock in clocks if clock["state"] == "running" and clock["deadline_at"]]
        shown |= {"key": [f"{field}={tag}" for field, tag in case.key], "clocks": clocks}
        shown |= {"deadline_at": min(running, default=None)}
        event = {**event, "id": case.id, "kind": "event", "severity": SEVERITIES[case.level]}
        event |= {"start": shown["occurred_from"], "end": shown["occurred_to"]}
        return {
            **self._common("case", at, now, event),
            "message": case.title,
            "rule": {"name": list(case.rules)},
            "sentinel": {"case": shown, **(more or {})},
        }

    def _common(self, kind: str, at: Micros, now: Micros, event: dict[str, Any]) -> dict[str, Any]:
        dataset = f"sentinel.{kind}"
        return {
            "@timestamp": rfc3339(at, 6),
            "ecs": {"version": ECS_VERSION},
            "data_stream": {"type": "logs", "dataset": dataset, "namespace": self._namespace},
            "event": {
                "module": "sentinel",
                "provider": "sentinel",
                "dataset": dataset,
                "created": rfc3339(now),
                **event,
            },
            "host": {"name": self._host},
            "observer": {"vendor": "Sentinel", "product": "sentinel", "version": __version__},
        }

    def _body(self, kind: str, document: Mapping[str, Any]) -> bytes:
        """Where it goes, and the document, in two lines."""
        stream = f"logs-sentinel.{kind}-{self._namespace}"
        return stream.encode() + b"\n" + orjson.dumps(_visible(document))

    # --- sending -------------------------------------------------------------------------------------------

    def send(self, attempt: Attempt) -> Outcome:
        outcomes = self.send_all([attempt])
        return outcomes if isinstance(outcomes, Later) else outcomes[0]

    def send_all(self, attempts: Sequence[Attempt]) -> list[Outcome] | Later:
        try:
            client = self._connected()
            stored = _stored(client, [each for each in attempts if each.may_have_arrived])
            missing = [each for each in attempts if each.message_id not in stored]
            outcomes = dict(zip((each.message_id for each in missing), _bulk(client, missing), strict=True))
        except cluster.failures() as wrong:
            return _later(cluster.failure(wrong))
        except ClusterError as wrong:
            return _later(wrong)
        return [outcomes.get(each.message_id, Sent("stored before")) for each in attempts]

    def _connected(self) -> Elasticsearch:
        """The client, once the cluster has said that it is one that can be used."""
        if not self._is_known:
            cluster.check(self._client)
            self._is_known = True
        return self._client


def _later(wrong: ClusterError) -> Later:
    return Later(f"{wrong.message}; {wrong.hint}" if wrong.hint else wrong.message)


def _stored(client: Elasticsearch, attempts: Sequence[Attempt]) -> set[str]:
    """Those that are in their stream already, in whichever of its indices."""
    if not attempts:
        return set()
    streams = sorted({_parted(each)[0] for each in attempts})
    found = client.search(
        index=streams,
        ignore_unavailable=True,
        query={"ids": {"values": [each.message_id for each in attempts]}},
        size=len(attempts),
        source=False,
    )
    return {hit["_id"] for hit in found["hits"]["hits"]}


def _bulk(client: Elasticsearch, attempts: Sequence[Attempt]) -> list[Outcome]:
    """One request for all; an outcome for each. Raises what the client raises, and ClusterError."""
    if not attempts:
        return []
    operations: list[Any] = []
    for each in attempts:
        stream, document = _parted(each)
        operations += [{"create": {"_index": stream, "_id": each.message_id}}, document]
    answer = client.bulk(
        operations=operations, require_data_stream=True, filter_path=["items.*.status", "items.*.error.type"]
    )
    return [_outcome(next(iter(item.values()))) for item in answer["items"]]


def _parted(attempt: Attempt) -> tuple[str, bytes]:
    stream, _, document = attempt.body.partition(b"\n")
    return stream.decode(), document


def _outcome(item: Mapping[str, Any]) -> Outcome:
    status, kind = int(item["status"]), cluster.error_type(item)
    if status in _TAKEN:
        return Sent()
    if status == 404:
        raise ClusterError(_NOT_SET_UP, "run 'sentinel elastic setup'")
    if status in cluster.BUSY or status >= 500 or status == 403:  # 403 is an index that is blocked (disk, read only)
        return Later(f"the cluster answered {status} ({kind})")
    return Never(f"the cluster refuses the document: {status} ({kind})")


def make_elasticsearch(
    name: str, options: ElasticsearchOptions, resolve_secret: Callable[[SecretRef], str]
) -> Register:
    """The channel of these options. Raises ChannelError, and whatever `resolve_secret` raises."""
    try:
        client = cluster.connect(options, resolve_secret)
    except ClusterError as wrong:
        raise ChannelError(f"channel '{name}': {wrong.message}", wrong.hint) from None
    return Register(name, options, client)


def _visible(value: Any) -> Any:
    """The same without signs that nobody sees or that no JSON can hold: titles and names are somebody's words."""
    if isinstance(value, str):
        return clean(value, _RUNES)
    if isinstance(value, Mapping):
        return {key: _visible(each) for key, each in value.items()}
    return [_visible(each) for each in value] if isinstance(value, (list, tuple)) else value

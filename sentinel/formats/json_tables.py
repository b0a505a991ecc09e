"""Logs that are JSON lines with names of their program's own: each a table of what these names mean.

Every record keeps the names it has; the table's are added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import FormatOptions, Parsed
from sentinel.formats.json_lines import TIME_FIELDS, JsonLines, opening_of
from sentinel.formats.meanings import Address, Choice, Copy, Number, Place, Table, Url
from sentinel.formats.statements import DB_NAME, DB_QUERY, DB_TABLE, KEYCLOAK_EVENT, POSTGRESQL_MESSAGE
from sentinel.formats.tabled import Get, Split, Tabled, TimeNames, settings_of


@dataclass(frozen=True, slots=True)
class JsonPlace:
    """The value of a key, wherever in the object it stands."""

    log: JsonLines
    name: str

    @property
    def opening(self) -> bytes:
        return opening_of(self.name) + b'"'

    @property
    def body(self) -> bytes:
        return rb'(?:[^"?\\\n]|\\[^\n])'

    def witness(self, literal: bytes, *, at_start: bool, at_end: bool) -> bytes | None:
        return self.log.witness(self.name, literal, at_start, at_end)


@dataclass(frozen=True, slots=True)
class JsonSplitter:
    """One JSON object a record."""

    log: JsonLines

    @property
    def inert(self) -> frozenset[int]:
        return self.log.inert

    @property
    def signs(self) -> tuple[bytes, ...]:
        return self.log.signs

    @property
    def opaque(self) -> tuple[bytes, ...]:
        return ()

    @property
    def names(self) -> None:
        return None

    def signs_for(self, patterns: Sequence[bytes]) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        return self.log.signs_for(patterns)

    def decode(self, records: bytes) -> bytes:
        return self.log.decode(records)

    def place(self, name: str) -> Place:
        return JsonPlace(self.log, name)

    def reader(self, wanted: frozenset[str] | None) -> Split:
        parse = self.log.parser(wanted)

        def split(raw: bytes) -> dict[str, Any] | None:
            parsed: Parsed | None = parse(raw, 0)
            return None if parsed is None else parsed[0]

        return split


def look(name: str) -> Get:
    """The value under a name or a path; of a list on the way the first member."""
    first, *rest = name.split(".")
    if not rest:
        return lambda values: values.get(name)
    # A key may have dots of its own: with each part, what the rest of the path is as one key.
    path = tuple((part, ".".join(rest[place:])) for place, part in enumerate(rest))

    def get(values: Mapping[str, Any]) -> Any:
        found = values.get(first)
        if found is None:
            return values.get(name)
        for part, whole in path:
            if isinstance(found, list):
                found = found[0] if found else None
            if not isinstance(found, dict):
                return None
            if part not in found:
                return found.get(whole)
            found = found[part]
        return found

    return get


Maker = Callable[[Mapping[str, Any], FormatOptions], Tabled]


def make(name: str, table: Table, time: TimeNames = TIME_FIELDS) -> Maker:
    """The registry's entry for one table. Its maker raises FormatError for a setting: there is none."""

    def maker(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
        settings_of(name, settings)
        # The table reads the time: under a name that no record has, none is looked for twice.
        log = JsonLines(options=replace(options, time_field="\0"))
        return Tabled(
            name=name, options=options, splitter=JsonSplitter(log), table=table, time=(*time, *TIME_FIELDS), look=look
        )

    return maker


CADDY: Final[Table] = (
    ("request.client_ip", Address()),
    ("request.remote_ip", Address()),
    ("request.remote_addr", Address()),
    ("user_id", Copy(ecs.USER_NAME)),
    ("request.method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("request.host", Copy(ecs.URL_DOMAIN)),
    ("request.uri", Url()),
    ("status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("size", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("bytes_read", Number(ecs.HTTP_REQUEST_BYTES)),
    ("request.headers.User-Agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("request.headers.Referer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("logger", Copy(ecs.LOG_LOGGER)),
    ("msg", Copy(ecs.MESSAGE)),
)

TRAEFIK: Final[Table] = (
    ("ClientHost", Address()),
    ("ClientAddr", Address()),
    ("ClientUsername", Copy(ecs.USER_NAME)),
    ("RequestMethod", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("RequestHost", Copy(ecs.URL_DOMAIN)),
    ("RequestPath", Url()),
    ("DownstreamStatus", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("DownstreamContentSize", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("RequestContentSize", Number(ecs.HTTP_REQUEST_BYTES)),
    ("request_User-Agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("request_Referer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("msg", Copy(ecs.MESSAGE)),
)

ENVOY: Final[Table] = (
    ("downstream_remote_address", Address()),
    ("x_forwarded_for", Address()),
    ("requester_principal", Copy(ecs.USER_NAME)),
    ("method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("authority", Copy(ecs.URL_DOMAIN)),
    ("x_envoy_origin_path", Url()),
    ("path", Url()),
    ("response_code", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("bytes_sent", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("bytes_received", Number(ecs.HTTP_REQUEST_BYTES)),
    ("request_id", Copy(ecs.HTTP_REQUEST_ID)),
    ("user_agent", Copy(ecs.USER_AGENT_ORIGINAL)),
)

CLOUDTRAIL: Final[Table] = (
    ("sourceIPAddress", Address()),
    ("userIdentity.userName", Copy(ecs.USER_NAME)),
    # Of an assumed role only the ARN names the session, and so the person.
    ("userIdentity.arn", Copy(ecs.USER_NAME)),
    ("userIdentity.invokedBy", Copy(ecs.USER_NAME)),
    ("userIdentity.principalId", Copy(ecs.USER_ID)),
    ("userIdentity.accountId", Copy(ecs.CLOUD_ACCOUNT_ID)),
    ("awsRegion", Copy(ecs.CLOUD_REGION)),
    ("eventName", Copy(ecs.EVENT_ACTION)),
    ("eventSource", Copy(ecs.EVENT_PROVIDER)),
    ("eventID", Copy(ecs.EVENT_ID)),
    ("errorCode", Copy(ecs.ERROR_CODE)),
    ("errorMessage", Copy(ecs.ERROR_MESSAGE)),
    ("userAgent", Copy(ecs.USER_AGENT_ORIGINAL)),
)

KUBERNETES_AUDIT: Final[Table] = (
    ("sourceIPs", Address()),
    ("impersonatedUser.username", Copy(ecs.USER_EFFECTIVE_NAME)),
    ("user.username", Copy(ecs.USER_NAME)),
    ("user.uid", Copy(ecs.USER_ID)),
    ("verb", Copy(ecs.EVENT_ACTION)),
    ("auditID", Copy(ecs.EVENT_ID)),
    ("requestURI", Url()),
    ("objectRef.resource", Copy(ecs.ORCHESTRATOR_RESOURCE_TYPE)),
    ("objectRef.name", Copy(ecs.ORCHESTRATOR_RESOURCE_NAME)),
    ("objectRef.namespace", Copy(ecs.ORCHESTRATOR_NAMESPACE)),
    ("responseStatus.code", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("annotations.authorization.k8s.io/decision", Choice(ecs.EVENT_OUTCOME, {"allow": "success", "forbid": "failure"})),
    ("userAgent", Copy(ecs.USER_AGENT_ORIGINAL)),
)

MONGODB_AUDIT: Final[Table] = (
    ("remote.ip", Address()),
    ("remote.port", Number(ecs.SOURCE_PORT)),
    ("local.ip", Copy(ecs.DESTINATION_IP)),
    ("local.port", Number(ecs.DESTINATION_PORT)),
    ("users.user", Copy(ecs.USER_NAME)),
    ("param.user", Copy(ecs.USER_NAME)),
    ("atype", Copy(ecs.EVENT_ACTION)),
    ("param.command", Copy(ecs.EVENT_CODE)),
    ("param.ns", Copy(DB_TABLE)),
    ("result", Choice(ecs.EVENT_OUTCOME, {"0": "success", "13": "failure", "18": "failure"})),
)

MYSQL_AUDIT: Final[Table] = (
    # MySQL Enterprise Audit.
    ("login.ip", Address()),
    ("login.user", Copy(ecs.USER_NAME)),
    ("account.user", Copy(ecs.USER_NAME)),
    ("general_data.query", Copy(DB_QUERY)),
    ("table_access_data.query", Copy(DB_QUERY)),
    ("table_access_data.table", Copy(DB_TABLE)),
    ("table_access_data.db", Copy(DB_NAME)),
    ("connection_data.db", Copy(DB_NAME)),
    ("event", Copy(ecs.EVENT_ACTION)),
    # Percona's plugin.
    ("audit_record.ip", Address()),
    ("audit_record.host", Address()),
    # kim[kim] @ localhost []
    ("audit_record.user", Copy(ecs.USER_NAME, until="[")),
    ("audit_record.sqltext", Copy(DB_QUERY)),
    ("audit_record.db", Copy(DB_NAME)),
    ("audit_record.command_class", Copy(ecs.EVENT_CODE)),
    ("audit_record.name", Copy(ecs.EVENT_ACTION)),
)

POSTGRESQL_JSON: Final[Table] = (
    ("user", Copy(ecs.USER_NAME)),
    ("dbname", Copy(DB_NAME)),
    ("remote_host", Address()),
    ("remote_port", Number(ecs.SOURCE_PORT)),
    ("pid", Number(ecs.PROCESS_PID)),
    ("application_name", Copy(ecs.SERVICE_NAME)),
    ("error_severity", Copy(ecs.LOG_LEVEL)),
    ("state_code", Copy(ecs.ERROR_CODE)),
    ("statement", Copy(DB_QUERY)),
    ("message", POSTGRESQL_MESSAGE),
)

KEYCLOAK: Final[Table] = (
    ("hostName", Copy(ecs.HOST_HOSTNAME)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("loggerName", Copy(ecs.LOG_LOGGER)),
    ("processId", Number(ecs.PROCESS_PID)),
    ("message", KEYCLOAK_EVENT),
)

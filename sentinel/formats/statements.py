"""What the messages of PostgreSQL and Keycloak say, in whichever of their logs they stand."""

from __future__ import annotations

import re
from typing import Final

from sentinel import ecs
from sentinel.formats.meanings import Address, Choice, Copy, Number
from sentinel.formats.patterns import Patterns

DB_NAME: Final = "db.namespace"
DB_TABLE: Final = "db.collection.name"
DB_QUERY: Final = "db.query.text"
DB_ROWS: Final = "db.response.returned_rows"
"""Names of OpenTelemetry's semantic conventions for databases: ECS has none."""

_CSV: Final = r'(?:"(?:[^"]|"")*"|[^,"]*)'

POSTGRESQL_MESSAGE: Final = Patterns(
    (
        # pgaudit: AUDIT: SESSION,1,1,READ,SELECT,TABLE,public.patients,"select …",<not logged>
        re.compile(
            r"AUDIT: (?P<kind>SESSION|OBJECT),\d+,\d+,(?P<class>[A-Z]+),(?P<command>[^,]*),(?P<type>[^,]*),"
            rf'(?:"(?P<quoted_object>(?:[^"]|"")*)"|(?P<object>[^,"]*)),'
            rf'(?:"(?P<quoted_statement>(?:[^"]|"")*)"|(?P<bare_statement>[^,"]*))(?:,(?P<parameters>{_CSV}))?'
            r"(?:,(?P<rows>\d+))?",
            re.DOTALL,
        ),
        re.compile(r"(?:duration: [\d.]+ ms  )?(?:statement|execute [^:]*): (?P<statement>.*)", re.DOTALL),
        re.compile(r"connection received: host=(?P<host>[^ ]+)(?: port=(?P<port>\d+))?"),
        re.compile(r"connection (?P<connection>authorized): user=(?P<user>[^ ]+)(?: database=(?P<database>[^ ]+))?"),
        re.compile(r'[A-Za-z]+ (?P<failed>authentication failed) for user "(?P<failed_user>[^"]*)"'),
        re.compile(
            r"disconnection: session time: [\d:.]+ user=(?P<left_user>[^ ]+) database=(?P<left_database>[^ ]+) "
            r"host=(?P<left_host>[^ ]+)(?: port=(?P<left_port>\d+))?"
        ),
    ),
    (
        ("quoted_statement", Copy(DB_QUERY)),
        ("bare_statement", Copy(DB_QUERY)),
        ("statement", Copy(DB_QUERY)),
        ("quoted_object", Copy(DB_TABLE)),
        ("object", Copy(DB_TABLE)),
        ("command", Copy(ecs.EVENT_ACTION)),
        ("class", Copy(ecs.EVENT_CODE)),
        ("rows", Number(DB_ROWS)),
        ("host", Address()),
        ("port", Number(ecs.SOURCE_PORT)),
        ("user", Copy(ecs.USER_NAME)),
        ("database", Copy(DB_NAME)),
        ("connection", Choice(ecs.EVENT_OUTCOME, {"authorized": "success"})),
        ("failed", Choice(ecs.EVENT_OUTCOME, {"authentication failed": "failure"})),
        ("failed_user", Copy(ecs.USER_NAME)),
        ("left_user", Copy(ecs.USER_NAME)),
        ("left_database", Copy(DB_NAME)),
        ("left_host", Address()),
        ("left_port", Number(ecs.SOURCE_PORT)),
    ),
)

_KEYCLOAK_NAMES: Final = {
    "type": "operationType|type", "realm": "realmName|realmId", "client": "clientId", "user_id": "userId",
    "address": "ipAddress", "error": "error", "username": "username", "resource": "resourceType",
    "path": "resourcePath",
}  # fmt: skip


def _keycloak(begin: str, value: str) -> re.Pattern[str]:
    """The pairs wherever they stand; of a name that is there twice the first, for what clients choose comes last."""
    pairs = (rf"(?=(?:.*?(?:\A|, )(?:{names})={value.format(group)})?)" for group, names in _KEYCLOAK_NAMES.items())
    return re.compile(begin + "".join(pairs), re.DOTALL)


KEYCLOAK_EVENT: Final = Patterns(
    (
        # type="LOGIN_ERROR", realmId="…", clientId="…", ipAddress="…", username="…"; until version 21 without quotes.
        _keycloak('(?=(?:operationType|type)=")', '"(?!null")(?P<{}>[^"]*)"'),
        _keycloak("(?=(?:operationType|type)=)", "(?!null,)(?P<{}>[^,]*)"),
    ),
    (
        ("type", Copy(ecs.EVENT_ACTION)),
        ("realm", Copy(ecs.ORGANIZATION_NAME)),
        ("client", Copy(ecs.SERVICE_NAME)),
        ("username", Copy(ecs.USER_NAME)),
        ("user_id", Copy(ecs.USER_ID)),
        ("address", Address()),
        ("error", Copy(ecs.ERROR_CODE)),
        ("resource", Copy(ecs.ORCHESTRATOR_RESOURCE_TYPE)),
        ("path", Copy(ecs.FILE_PATH)),
    ),
)

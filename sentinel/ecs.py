"""The field names of the Elastic Common Schema in use here, each once.

Rule of this file: a name is written as ECS 8 writes it; what ECS does not name does not stand here.
"""

from __future__ import annotations

from typing import Final

EVENT_KIND: Final = "event.kind"
HOST_HOSTNAME: Final = "host.hostname"
HTTP_REQUEST_METHOD: Final = "http.request.method"
HTTP_REQUEST_REFERRER: Final = "http.request.referrer"
HTTP_RESPONSE_BODY_BYTES: Final = "http.response.body.bytes"
HTTP_RESPONSE_STATUS_CODE: Final = "http.response.status_code"
HTTP_VERSION: Final = "http.version"
LOG_SYSLOG_FACILITY_CODE: Final = "log.syslog.facility.code"
LOG_SYSLOG_MSGID: Final = "log.syslog.msgid"
LOG_SYSLOG_PRIORITY: Final = "log.syslog.priority"
LOG_SYSLOG_SEVERITY_CODE: Final = "log.syslog.severity.code"
LOG_SYSLOG_STRUCTURED_DATA: Final = "log.syslog.structured_data"
MESSAGE: Final = "message"
PROCESS_NAME: Final = "process.name"
PROCESS_PID: Final = "process.pid"
SOURCE_ADDRESS: Final = "source.address"
SOURCE_IP: Final = "source.ip"
URL_DOMAIN: Final = "url.domain"
URL_ORIGINAL: Final = "url.original"
URL_PATH: Final = "url.path"
URL_QUERY: Final = "url.query"
USER_AGENT_ORIGINAL: Final = "user_agent.original"
USER_NAME: Final = "user.name"

PIPELINE_ERROR: Final = "pipeline_error"
"""The value of `event.kind` for a record that was read, but with a part in it that could not be decoded."""

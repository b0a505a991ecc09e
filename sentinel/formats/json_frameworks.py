"""What the names mean that web frameworks give to the fields of their JSON logs."""

from __future__ import annotations

from typing import Final

from sentinel import ecs
from sentinel.formats.meanings import Address, Copy, Number, Request, Table, Url

DJANGO: Final[Table] = (
    ("ip", Address()),
    ("remote_addr", Address()),
    ("user", Copy(ecs.USER_NAME)),
    ("username", Copy(ecs.USER_NAME)),
    ("user_id", Copy(ecs.USER_ID)),
    ("request", Request(is_message=False)),
    ("path", Url()),
    ("method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("status_code", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("code", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("user_agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("levelname", Copy(ecs.LOG_LEVEL)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("logger", Copy(ecs.LOG_LOGGER)),
    ("name", Copy(ecs.LOG_LOGGER)),
    ("event", Copy(ecs.EVENT_ACTION)),
)

RAILS: Final[Table] = (
    ("remote_ip", Address()),
    ("ip", Address()),
    ("user", Copy(ecs.USER_NAME)),
    ("user_id", Copy(ecs.USER_ID)),
    ("method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("host", Copy(ecs.URL_DOMAIN)),
    ("path", Url()),
    ("status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("request_id", Copy(ecs.HTTP_REQUEST_ID)),
    ("controller", Copy(ecs.LOG_LOGGER)),
    ("action", Copy(ecs.EVENT_ACTION)),
)

SPRING: Final[Table] = (
    # As Spring Boot itself writes ECS, Logstash and GELF.
    ("client.ip", Address()),
    ("remote_addr", Address()),
    ("logger_name", Copy(ecs.LOG_LOGGER)),
    ("log.logger", Copy(ecs.LOG_LOGGER)),
    ("_log_logger", Copy(ecs.LOG_LOGGER)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("_level_name", Copy(ecs.LOG_LEVEL)),
    ("host", Copy(ecs.HOST_HOSTNAME)),
    ("_process_pid", Number(ecs.PROCESS_PID)),
    ("short_message", Copy(ecs.MESSAGE)),
)

EXPRESS: Final[Table] = (
    # pino-http, then what morgan, winston and express-winston write.
    ("req.remoteAddress", Address()),
    ("req.remotePort", Number(ecs.SOURCE_PORT)),
    ("remote-addr", Address()),
    ("ip", Address()),
    ("req.user.name", Copy(ecs.USER_NAME)),
    ("remote-user", Copy(ecs.USER_NAME)),
    ("user", Copy(ecs.USER_NAME)),
    ("req.method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("method", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("req.url", Url()),
    ("url", Url()),
    ("res.statusCode", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("statusCode", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("res.headers.content-length", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("content-length", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("req.headers.user-agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("user-agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("req.headers.referer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("referrer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("hostname", Copy(ecs.HOST_HOSTNAME)),
    ("level", Copy(ecs.LOG_LEVEL)),
    ("msg", Copy(ecs.MESSAGE)),
)

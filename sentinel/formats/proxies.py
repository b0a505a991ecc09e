"""Access logs of proxies and load balancers whose form is fixed: HAProxy, Traefik, Envoy, AWS ALB.

HAProxy and Envoy describe theirs in languages of their own, so a form that was changed is given as it was configured.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from sentinel import ecs
from sentinel.formats.base import FormatError, FormatOptions
from sentinel.formats.meanings import Address, Copy, Number, Request, Table, Url
from sentinel.formats.patterns import Lines
from sentinel.formats.tabled import Tabled, TimeNames, settings_of
from sentinel.formats.templates import Either, Language, Piece, Variable, compile_line, join_lines

Maker = Callable[[Mapping[str, Any], FormatOptions], Tabled]

_NUMBER: Final = rb"[+-]?[0-9]++"

# --- HAProxy ------------------------------------------------------------------------------------------------


def _haproxy_pieces(match: re.Match[str]) -> Sequence[Piece]:
    flags, name = match[1] or "", match[2] or match[3]
    if name in ("hr", "hs"):
        # Captured headers stand in braces, and only where some are captured.
        return (Either(rb"\{[^}]*+\} "),)
    value = Variable(name)
    return (b'"', value, b'"') if "+Q" in flags else (value,)


HAPROXY: Final = Language(
    name="haproxy",
    variable=re.compile(r"%(?:\{([^}]*)\})?(?:\[([^\]]*)\]|((?:hr|hs)(?= )|[A-Za-z]\w*))(?:(?<=hr) |(?<=hs) )?"),
    means=_haproxy_pieces,
    patterns={
        "ci": rb"[^ ]*", "cp": rb"[0-9]++", "si": rb"[^ ]*", "ft": rb"[^ ]*+", "ST": rb"-?[0-9]++",
        "B": rb"\+?[0-9]++", "U": rb"\+?[0-9]++",
    },
)  # fmt: skip

_HTTP: Final = (
    "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r"
)
HAPROXY_FORMS: Final = (
    # option httplog, option httpslog, option tcplog
    _HTTP,
    _HTTP + " %[fc_err]/%[ssl_fc_err]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] %[ssl_fc_sni]/%sslv/%sslc",
    "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq",
)

HAPROXY_TABLE: Final[Table] = (
    ("ci", Address()),
    ("cp", Number(ecs.SOURCE_PORT)),
    ("r", Request()),
    ("HM", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("HU", Url()),
    ("HP", Url()),
    ("HQ", Copy(ecs.URL_QUERY, prefix="?")),
    ("ssl_fc_sni", Copy(ecs.URL_DOMAIN)),
    ("ST", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("B", Number(ecs.HTTP_RESPONSE_BYTES)),
    ("U", Number(ecs.HTTP_REQUEST_BYTES)),
    ("si", Copy(ecs.DESTINATION_ADDRESS)),
    ("sp", Number(ecs.DESTINATION_PORT)),
    ("ID", Copy(ecs.HTTP_REQUEST_ID)),
    ("ft", Copy(ecs.SERVICE_NAME)),
)

# --- Envoy --------------------------------------------------------------------------------------------------


def _envoy_pieces(match: re.Match[str]) -> Sequence[Piece]:
    name = match[1]
    argument = re.fullmatch(r"(\w+)\((.*?)\)(?::\d+)?", name)
    if argument is None:
        return (Variable(name),)
    if argument[1] == "START_TIME":
        return (Variable("START_TIME"),)
    # REQ(X-ENVOY-ORIGINAL-PATH?:PATH): the first that the request has.
    return (Variable(f"{argument[1]}({argument[2].upper()})"),)


ENVOY: Final = Language(
    name="envoy", variable=re.compile(r"%([A-Z_]+(?:\([^)]*\))?(?::\d+)?)%"), means=_envoy_pieces,
    patterns={"RESPONSE_CODE": rb"[0-9]++", "DOWNSTREAM_REMOTE_ADDRESS": rb'[^ "]*+'},
)  # fmt: skip

ENVOY_FORM: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" '
    '"%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"'
)
ISTIO_FORM: Final = (
    '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% '
    '%RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% "%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% '
    '%BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" '
    '"%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER% %UPSTREAM_LOCAL_ADDRESS% '
    "%DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%"
)

ENVOY_TABLE: Final[Table] = (
    ("DOWNSTREAM_REMOTE_ADDRESS", Address()),
    ("DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT", Address()),
    ("REQ(X-FORWARDED-FOR)", Address()),
    ("DOWNSTREAM_PEER_SUBJECT", Copy(ecs.USER_NAME)),
    ("REQ(:METHOD)", Copy(ecs.HTTP_REQUEST_METHOD)),
    ("REQ(X-ENVOY-ORIGINAL-PATH?:PATH)", Url()),
    ("REQ(:PATH)", Url()),
    ("PROTOCOL", Copy(ecs.HTTP_VERSION, prefix="HTTP/")),
    ("RESPONSE_CODE", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("BYTES_SENT", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("BYTES_RECEIVED", Number(ecs.HTTP_REQUEST_BYTES)),
    ("REQ(USER-AGENT)", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("REQ(REFERER)", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("REQ(X-REQUEST-ID)", Copy(ecs.HTTP_REQUEST_ID)),
    ("REQ(:AUTHORITY)", Copy(ecs.URL_DOMAIN)),
)

# --- Traefik and AWS ALB: forms that cannot be changed ------------------------------------------------------


def _fixed_pieces(match: re.Match[str]) -> Sequence[Piece]:
    return (Either(b".*") if match[1] == "rest" else Variable(match[1]),)


FIXED: Final = Language(
    name="fixed", variable=re.compile(r"<(\w+)>"), means=_fixed_pieces,
    patterns={"user": rb'[^"]*?', "status": rb"[0-9]++|-", "elb_status_code": rb"[0-9]++|-", "duration": rb"[0-9]++ms",
              "client": rb"[^ ]*+"},
)  # fmt: skip

TRAEFIK_FORM: Final = (
    '<client> - <user> [<time>] "<request>" <status> <bytes> "<referrer>" "<agent>" <count> "<router>" "<server>" '
    "<duration>"
)
TRAEFIK_TABLE: Final[Table] = (
    ("client", Address()),
    ("user", Copy(ecs.USER_NAME)),
    ("request", Request()),
    ("status", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("bytes", Number(ecs.HTTP_RESPONSE_BODY_BYTES)),
    ("referrer", Copy(ecs.HTTP_REQUEST_REFERRER)),
    ("agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("router", Copy(ecs.SERVICE_NAME)),
    ("server", Copy(ecs.DESTINATION_ADDRESS)),
)

_ALB_BEGIN: Final = (
    "<type> <time> <elb> <client> <target> <request_processing_time> <target_processing_time> "
    "<response_processing_time> <elb_status_code> <target_status_code> <received_bytes> <sent_bytes> "
    '"<request>" "<user_agent>" <ssl_cipher> <ssl_protocol> <target_group_arn> "<trace_id>" "<domain_name>" '
)
ALB_FORMS: Final = (
    # Fields are added at the end from time to time; what follows these is not read.
    _ALB_BEGIN + '"<chosen_cert_arn>" <matched_rule_priority> <request_creation_time> "<actions_executed>" '
    '"<redirect_url>" "<error_reason>"<rest>',
    _ALB_BEGIN + '"<chosen_cert_arn>"<rest>',
)
ALB_TABLE: Final[Table] = (
    ("client", Address()),
    ("request", Request()),
    ("elb_status_code", Number(ecs.HTTP_RESPONSE_STATUS_CODE)),
    ("received_bytes", Number(ecs.HTTP_REQUEST_BYTES)),
    ("sent_bytes", Number(ecs.HTTP_RESPONSE_BYTES)),
    ("user_agent", Copy(ecs.USER_AGENT_ORIGINAL)),
    ("domain_name", Copy(ecs.URL_DOMAIN)),
    ("trace_id", Copy(ecs.TRACE_ID)),
    ("elb", Copy(ecs.SERVICE_NAME)),
)


def make(name: str, language: Language, forms: tuple[str, ...], table: Table, time: TimeNames) -> Maker:
    """The registry's entry for a log of one of these forms, or of the one given where the language is the program's
    own. Its maker raises FormatError.
    """

    def maker(settings: Mapping[str, Any], options: FormatOptions) -> Tabled:
        given = settings_of(name, settings)
        if given is not None and (language is FIXED or not isinstance(given, str)):
            raise FormatError(f"format '{name}' takes no such setting", f"write `format: {name}`")
        lines, places = join_lines([compile_line(language.pieces(form)) for form in ((given,) if given else forms)])
        splitter = Lines(lines=lines, places=places, is_escaped=True)
        return Tabled(name=name, options=options, splitter=splitter, table=table, time=time)

    return maker

"""An Elasticsearch cluster as sentinel.yaml names it: the client, who it is, and what its failures mean.

Rules of this file: no secret, no address and no text of a document is in a reason; TLS is verified unless the address
is plain http to this machine or `allow_private` says so. The client takes a third of a second to load: only who names a
cluster waits for it.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sentinel.clock import SECOND
from sentinel.durations import Duration
from sentinel.secrets import SecretRef

if TYPE_CHECKING:
    from elasticsearch import Elasticsearch

LEAST = (8, 14)
"""The oldest version that is spoken to; the newest is any 9."""

NOT_ELASTICSEARCH = "the server does not say that it is Elasticsearch: OpenSearch and others cannot be used"

BUSY = frozenset({429, 502, 503, 504})
"""Answers of a cluster that wants to be asked again later."""

_NO_COMPATIBILITY = "media_type_header_exception"
_VERSION = re.compile(r"(\d+)\.(\d+)")

ResolveSecret = Callable[[SecretRef], str]


class ClusterOptions(BaseModel):
    """Where a cluster is and who we are to it.

    `urls` are the addresses of its nodes or of what stands before them; `cloud_id` is what Elastic Cloud calls a
    deployment. `api_key` is the encoded form; else `username` and `password`. `ca_file` holds the certificate
    authorities of the cluster instead of the public ones. `timeout` is for one answer.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    urls: tuple[str, ...] = Field(default=(), strict=False)
    cloud_id: str | None = None
    api_key: SecretRef | None = None
    username: str | None = None
    password: SecretRef | None = None
    ca_file: str | None = None
    allow_private: bool = False
    timeout: Duration = 30 * SECOND

    @field_validator("urls")
    @classmethod
    def _are_addresses(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            parts = urlsplit(url)
            if parts.scheme not in {"http", "https"} or not parts.hostname:
                raise ValueError("an address begins with https:// and names a host")
            if parts.username is not None or parts.password is not None:
                raise ValueError("an address holds no user name or password")
        return urls

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        if bool(self.urls) == (self.cloud_id is not None):
            raise ValueError("either 'urls' or 'cloud_id' says where the cluster is")
        if self.api_key is not None and (self.username or self.password):
            raise ValueError("'api_key' and 'username' exclude each other")
        if (self.username is None) != (self.password is None):
            raise ValueError("'username' and 'password' go together")
        plain = [url for url in self.urls if urlsplit(url).scheme == "http"]
        if plain and not self.allow_private and not all(map(_is_this_machine, plain)):
            raise ValueError("http without TLS needs 'allow_private: true'")
        return self


def _is_this_machine(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class ClusterError(Exception):
    """The cluster cannot be used now. `is_lasting`: it stays so until a person changes something."""

    def __init__(self, message: str, hint: str = "", *, is_lasting: bool = False) -> None:
        self.message = message
        self.hint = hint
        self.is_lasting = is_lasting
        super().__init__(f"{message}\n    hint: {hint}" if hint else message)


def connect(options: ClusterOptions, resolve_secret: ResolveSecret) -> Elasticsearch:
    """A client of the cluster; nothing is sent yet. It does not try again by itself: who calls it decides.

    Raises ClusterError for options that make no client, and whatever `resolve_secret` raises.
    """
    from elasticsearch import Elasticsearch  # noqa: PLC0415  (the rules of this file)

    # It tells of every failure with a trace and an address; we tell of it once, in our own words.
    logging.getLogger("elastic_transport").setLevel(logging.CRITICAL)
    given: dict[str, Any] = {"request_timeout": options.timeout / SECOND, "max_retries": 0, "retry_on_timeout": False}
    if options.cloud_id is not None:
        given["cloud_id"] = options.cloud_id
    else:
        given["hosts"] = [_with_port(url) for url in options.urls]
    if options.api_key is not None:
        given["api_key"] = resolve_secret(options.api_key)
    if options.username is not None and options.password is not None:
        given["basic_auth"] = (options.username, resolve_secret(options.password))
    if options.ca_file is not None:
        given["ca_certs"] = options.ca_file
    try:
        return Elasticsearch(**given)
    except (ValueError, OSError) as wrong:
        raise ClusterError(
            f"no client can be made of these options ({type(wrong).__name__})", is_lasting=True
        ) from None


def _with_port(url: str) -> str:
    """The client wants every port said."""
    parts = urlsplit(url)
    if parts.port is not None:
        return url
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return parts._replace(netloc=f"{host}:{443 if parts.scheme == 'https' else 80}").geturl()


def check(client: Elasticsearch) -> str:
    """The version of the cluster, where it is one that can be used. Raises ClusterError where it is not."""
    try:
        version = client.info()["version"]
    except failures() as wrong:
        raise failure(wrong) from None
    number = str(version.get("number", ""))
    found = _VERSION.match(number)
    if version.get("build_flavor") == "serverless":
        return number
    if found is None or not LEAST <= (int(found[1]), int(found[2])) < (10, 0):
        hint = f"from {LEAST[0]}.{LEAST[1]} to the last 9.x can be used"
        raise ClusterError(f"Elasticsearch {number[:20]} is not supported", hint, is_lasting=True)
    return number


def failures() -> tuple[type[Exception], ...]:
    """What a call of the client raises."""
    from elastic_transport import TransportError  # noqa: PLC0415  (the rules of this file)
    from elasticsearch import ApiError, UnsupportedProductError  # noqa: PLC0415  (the rules of this file)

    return (ApiError, TransportError, UnsupportedProductError)


def failure(wrong: Exception) -> ClusterError:
    """What went wrong, in our own words."""
    import elasticsearch  # noqa: PLC0415  (the rules of this file)
    from elastic_transport import ConnectionTimeout, TlsError  # noqa: PLC0415  (the rules of this file)
    from elasticsearch import ApiError, UnsupportedProductError  # noqa: PLC0415  (the rules of this file)

    match wrong:
        case UnsupportedProductError():
            return ClusterError(NOT_ELASTICSEARCH, "give the address of Elasticsearch 8 or 9", is_lasting=True)
        case ConnectionTimeout():
            return ClusterError("the cluster does not answer in time")
        case TlsError():
            return ClusterError("TLS: the cluster's certificate is not accepted", "see 'ca_file'", is_lasting=True)
        case elasticsearch.AuthenticationException():
            return ClusterError("the cluster does not know these credentials (401)", "see 'api_key'", is_lasting=True)
        case elasticsearch.AuthorizationException():
            hint = "docs/elasticsearch.md lists the privileges"
            return ClusterError("the credentials do not allow this (403)", hint, is_lasting=True)
        case ApiError():
            kind = error_type(wrong.body)
            if kind == _NO_COMPATIBILITY:
                return ClusterError("this Elasticsearch is older than the client can speak to", is_lasting=True)
            said = f" ({kind})" if kind else ""
            lasts = wrong.status_code not in BUSY and wrong.status_code < 500
            return ClusterError(f"the cluster answered {wrong.status_code}{said}", is_lasting=lasts)
        case _:
            return ClusterError("the cluster cannot be reached")


def error_type(body: Any) -> str:
    """Elasticsearch's own name of an error, such as `index_not_found_exception`; empty where it gives none."""
    error = body.get("error") if isinstance(body, Mapping) else None
    kind = error.get("type") if isinstance(error, Mapping) else None
    return kind if isinstance(kind, str) and re.fullmatch(r"[a-z_]{1,80}", kind) else ""


def record(document: Mapping[str, Any]) -> bytes:
    """A document as one line of JSON, the same whenever and however it is fetched: keys in order, no spaces."""
    try:
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS) + b"\n"
    except (TypeError, ValueError):  # a number of more than 64 bits, half a surrogate pair
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode() + b"\n"

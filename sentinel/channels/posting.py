"""One HTTP POST to a place named in the configuration, that can neither be led elsewhere nor made to hang.

Rules of this file:
1. The name is resolved here, once an attempt, and the connection goes to an address that was checked; so a name that
   changes its address afterwards (DNS rebinding) gains nothing. TLS is verified against the name all the same.
2. Link-local, multicast and cloud metadata addresses are never asked; other private ones only with `allow_private`.
3. No redirect is followed, no proxy or password file of the environment is used, no answer is kept.
4. Reasons say what happened in this program's own words: no address, no text of the answer.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from sentinel.channels.base import Later, Never, Outcome, Sent
from sentinel.clock import SECOND, Micros, from_datetime

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

ANSWER_BYTES = 64 * 1024
"""So much of an answer is read, so that a polite service can finish writing it; none of it is kept."""

CONNECT_SECONDS = 5.0

_ADDRESSES_TRIED = 3

_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))
"""Addresses of cloud metadata services outside the link-local ranges."""

_NAT64 = ipaddress.ip_network("64:ff9b::/96")

_NEVER = frozenset({400, 401, 403, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431})
"""Client errors that stay as they are until a person changes something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How long one attempt may take, in seconds: to connect, between two pieces of the answer, and altogether."""

    connect: float = CONNECT_SECONDS
    read: float = 15.0
    total: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to post. `url` may itself be a secret. `ca_file` replaces the public certificate authorities.

    `client_cert` are the files of the certificate and the key by which this program shows who it is (mutual TLS).
    """

    url: str
    allow_private: bool = False
    ca_file: str | None = None
    client_cert: tuple[str, str] | None = None
    bounds: Bounds = Bounds()


def target_of(
    url: str,
    timeout: Micros,
    *,
    allow_private: bool,
    ca_file: str | None,
    client_cert: tuple[str, str] | None = None,
) -> Target:
    """The place of these options; `timeout` is for the answer, and at most 5 s of it for the connection."""
    return Target(
        url=url, allow_private=allow_private, ca_file=ca_file, client_cert=client_cert, bounds=bounds_of(timeout)
    )


def bounds_of(timeout: Micros) -> Bounds:
    """How long an attempt may take where so much is given for the answer."""
    read = timeout / SECOND
    connect = min(CONNECT_SECONDS, read)
    return Bounds(connect=connect, read=read, total=connect + read)


Judge = Callable[[bytes], Outcome]
"""What the answer's beginning means where its status is 2xx."""


def post(target: Target, body: bytes, headers: Mapping[str, str], now: Micros, judge: Judge | None = None) -> Outcome:
    """One attempt. Never raises for anything that the network or the service does.

    Without `judge` the status alone says what became of it, and nothing of the answer is looked at.
    """
    with _Session() as session:
        try:
            request = session.prepare_request(requests.Request("POST", target.url, data=body, headers=dict(headers)))
        except requests.RequestException:
            return Never("the address is not a URL")
        parts = urlsplit(request.url or "")
        addresses = _resolved(parts, target.allow_private)
        if isinstance(addresses, Later | Never):
            return addresses
        request.headers["Host"] = parts.netloc.rpartition("@")[2]
        return _tried(session, request, parts, addresses, target, judge, now)


class _Session(requests.Session):
    """A session that sees no redirect at all (following one, it would read the whole answer first)."""

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        del resp
        return None


def _resolved(parts: SplitResult, allow_private: bool) -> list[Address] | Later | Never:
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        return Never("the address is not a URL")
    return addresses_of(parts.hostname or "", port, allow_private=allow_private, has_tls=parts.scheme == "https")


def addresses_of(host: str, port: int, *, allow_private: bool, has_tls: bool) -> list[Address] | Later | Never:
    """The addresses of the host that may be asked, in the order in which the system prefers them, three at most."""
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, ValueError):
        return Later("the name of the service cannot be resolved")
    found = list(dict.fromkeys(ipaddress.ip_address(str(answer[4][0]).partition("%")[0]) for answer in answers))
    allowed = [address for address in found if is_allowed(address, allow_private=allow_private)]
    if not allowed:
        return Never("the service is at a private address: 'allow_private: true' is needed, and link-local is refused")
    if not has_tls:
        allowed = [address for address in allowed if address.is_loopback]
        if not allowed:
            return Never("without TLS only a service on this machine is asked")
    return allowed[:_ADDRESSES_TRIED]


def is_allowed(address: Address, *, allow_private: bool) -> bool:
    """Whether a message may go to this address, seen through IPv6 forms that wrap an IPv4 address."""
    inner = _unwrapped(address)
    if (
        inner.is_link_local
        or (inner.version == 6 and inner.is_site_local)
        or inner.is_multicast
        or inner.is_unspecified
        or inner in _METADATA
        or (inner.is_reserved and not inner.is_loopback)
    ):
        return False
    return inner.is_global or allow_private


def _unwrapped(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else address)


def _tried(
    session: _Session,
    request: requests.PreparedRequest,
    parts: SplitResult,
    addresses: list[Address],
    target: Target,
    judge: Judge | None,
    now: Micros,
) -> Outcome:
    outcome: Outcome = Later("the service cannot be reached")
    opened: list[socket.socket] = []
    cut = threading.Timer(target.bounds.total, _cut, [opened])
    cut.daemon = True
    cut.start()
    try:
        for address in addresses:
            session.mount(f"{parts.scheme}://", _Pinned(address, parts, opened))
            try:
                return _sent(session, request, target, judge, now)
            except requests.RequestException as error:
                outcome = Later(_reason(error))
                if opened:  # it was reached: another address would be asked the same thing twice
                    return outcome
    finally:
        cut.cancel()
    return outcome


def _sent(
    session: _Session, request: requests.PreparedRequest, target: Target, judge: Judge | None, now: Micros
) -> Outcome:
    bounds = target.bounds
    response = session.send(
        request,
        stream=True,
        allow_redirects=False,
        timeout=(bounds.connect, bounds.read),
        verify=target.ca_file or True,
        cert=target.client_cert,
        proxies={},
    )
    answer = b""
    with response:
        # The status line is all that counts; a service that breaks off behind it has taken the message.
        with suppress(urllib3.exceptions.HTTPError, OSError):
            answer = response.raw.read(ANSWER_BYTES, decode_content=False)
        outcome = outcome_of(response.status_code, response.headers.get("Retry-After"), now)
    return judge(answer) if judge is not None and isinstance(outcome, Sent) else outcome


def _cut(opened: list[socket.socket]) -> None:
    """End an attempt that has used its whole time; whoever reads from these sockets gets an error."""
    for connection in tuple(opened):
        with suppress(OSError):
            socket.socket.shutdown(connection, socket.SHUT_RDWR)


class _Pinned(HTTPAdapter):
    """Connects to one checked address, whatever the URL's name resolves to by now, and keeps the name for TLS."""

    def __init__(self, address: Address, parts: SplitResult, opened: list[socket.socket]) -> None:
        self._address = str(address)
        self._name = parts.hostname
        self._opened = opened
        super().__init__()

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: bool | str, cert: Any = None
    ) -> tuple[Any, Any]:
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        named = {"server_hostname": self._name, "assert_hostname": self._name} if host["scheme"] == "https" else {}
        return {**host, "host": self._address}, {**pool, **named}

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._opened)
        return pool


def _watched(base: type[Any], opened: list[socket.socket]) -> type[Any]:
    """The connection class, but that its sockets are known once they are open."""

    def connect(connection: Any) -> None:
        base.connect(connection)
        opened.append(connection.sock)

    return type("WatchedConnection", (base,), {"connect": connect})


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "the certificate of the service cannot be verified"
    if isinstance(error, requests.ConnectTimeout):
        return "the service did not accept a connection in time"
    if isinstance(error, requests.ReadTimeout):
        return "the service did not answer in time"
    return "the service cannot be reached or broke off"


def outcome_of(status: int, retry_after: str | None, now: Micros) -> Outcome:
    """What the answer means. A redirect is a `Never`: the address in the configuration is out of date."""
    if 200 <= status < 300:
        return Sent(f"status {status}")
    if 300 <= status < 400:
        return Never(f"status {status}: the service has moved, and redirects are not followed")
    if status in _NEVER:
        return Never(f"status {status}")
    # The rest may pass (5xx, 408, 425, 429, what nobody thought of): a breach message is not given up lightly.
    return Later(f"status {status}", seconds_of(retry_after, now))


def seconds_of(retry_after: str | None, now: Micros) -> float | None:
    """The wait that a Retry-After header (RFC 9110 section 10.2.3) asks for: seconds, or a date seen from `now`."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        moment = from_datetime(parsedate_to_datetime(text))
    except (ValueError, TypeError, OverflowError):
        return None
    return max(0.0, (moment - now) / SECOND)

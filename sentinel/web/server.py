"""Pages on an address; among them /metrics for Prometheus, /healthz (the process turns), /readyz (it can work)."""

from __future__ import annotations

import base64
import hmac
import logging
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import uvicorn
from prometheus_client import Gauge
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sentinel.clock import Clock
from sentinel.metrics import Metrics, render
from sentinel.web.readiness import Readiness

_log = logging.getLogger(__name__)

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_STOP_SECONDS = 3.0


def application(metrics: Metrics, readiness: Readiness, clock: Clock) -> Starlette:
    """The three pages. Nothing in them is personal: numbers, names of sources, rules and channels."""

    async def show_metrics(request: Request) -> Response:
        body, content_type = render(metrics, request.headers.get("accept", ""))
        return Response(body, headers={**_HEADERS, "Content-Type": content_type})

    async def show_health(_: Request) -> Response:
        stuck = readiness.stuck_seconds(clock.now())
        body = {
            "healthy": stuck is None,
            "why": "" if stuck is None else f"the main loop last turned {stuck:.0f} s ago",
        }
        return JSONResponse(body, status_code=200 if stuck is None else 503, headers=_HEADERS)

    async def show_readiness(_: Request) -> Response:
        parts = readiness.report()
        ready = all(part["ready"] for part in parts.values())
        return JSONResponse({"ready": ready, "parts": parts}, status_code=200 if ready else 503, headers=_HEADERS)

    pages: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/metrics": show_metrics,
        "/healthz": show_health,
        "/readyz": show_readiness,
    }
    return Starlette(routes=[Route(path, page, methods=["GET"]) for path, page in pages.items()])


@dataclass(frozen=True, slots=True)
class Door:
    """Where the pages are: host and port, the files for TLS (both or none), and user and password of who may come in
    (None for everybody).
    """

    address: tuple[str, int]
    certificate: Path | None = None
    private_key: Path | None = None
    login: tuple[str, str] | None = field(default=None, repr=False)


class Login:
    """Asks for user and password (RFC 7617) before every page but /healthz, which says yes or no and nothing else."""

    def __init__(self, inside: ASGIApp, user: str, password: str) -> None:
        self._inside = inside
        self._expected = base64.b64encode(f"{user}:{password}".encode())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: ASGIApp = self._inside
        if scope["type"] == "http" and scope["path"] != "/healthz" and not self._is_known(Headers(scope=scope)):
            answer = Response(status_code=401, headers={**_HEADERS, "WWW-Authenticate": 'Basic realm="sentinel"'})
        await answer(scope, receive, send)

    def _is_known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "basic" and hmac.compare_digest(given.strip().encode(), self._expected)


class WebServer:
    """Pages on their address, from a thread of their own; `listening` says whether they are up."""

    def __init__(self, door: Door, pages: ASGIApp, listening: Gauge) -> None:
        self._door = door
        self._listening = listening
        self._application: ASGIApp = pages if door.login is None else Login(pages, *door.login)
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self.address: tuple[str, int] | None = None

    def start(self) -> bool:
        """Say whether the pages are up. An address in use or a certificate that cannot be read is logged and counted,
        not raised: the watch goes on without them, and the call may be made again later.
        """
        if self._thread is not None:
            return True
        try:
            _try_certificate(self._door)
            listener = _listener(*self._door.address)
        except OSError as error:
            self._listening.set(0)
            reason = {"port": self._door.address[1], "why": error.strerror or type(error).__name__}
            _log.error("pages are off: the address or the certificate cannot be used", extra=reason)
            return False
        host, port = listener.getsockname()[:2]
        self.address = (host, port)
        self._server = uvicorn.Server(_options(self._application, self._door))
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listener]}, name="sentinel-web", daemon=True
        )
        self._thread.start()
        self._listening.set(1)
        return True

    def stop(self) -> None:
        """Let requests under way end, for a few seconds at most."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join(_STOP_SECONDS)
        self._server = self._thread = self.address = None
        self._listening.set(0)


def _try_certificate(door: Door) -> None:
    """Raises OSError (of which an error of TLS is a kind) for files that the server could not use."""
    if door.certificate is not None and door.private_key is not None:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(door.certificate, door.private_key)


def _options(pages: ASGIApp, door: Door) -> uvicorn.Config:
    return uvicorn.Config(
        pages,
        http="h11",
        ws="none",
        lifespan="off",
        loop="asyncio",
        interface="asgi3",
        # uvicorn would log addresses of clients; errors in our pages still come out through its error logger.
        log_config=None,
        access_log=False,
        server_header=False,
        limit_concurrency=64,
        timeout_keep_alive=5,
        timeout_graceful_shutdown=2,
        h11_max_incomplete_event_size=16_384,
        ssl_certfile=door.certificate,
        ssl_keyfile=door.private_key,
    )


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(64)
    except OSError:
        listener.close()
        raise
    return listener

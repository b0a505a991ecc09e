"""What stands before every page that people open: who may ask, how often, and what a browser may do with the answer.

Rules of this file:
1. A page is asked for by its own name (`Host`), so that no other name can be made to lead here (DNS rebinding).
2. What changes something is asked by a page of ours (`Origin`), so that no other site can ask in somebody's name.
3. No answer is kept by anybody, shown in a frame, or allowed to run a script.
"""

from __future__ import annotations

from collections import OrderedDict
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentinel.clock import Clock
from sentinel.pace import Bucket

HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`: with that, browsers say `Origin: null` when a form is sent.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}

PER_MINUTE = 240
"""Requests of one address in a minute; behind a proxy all come from its own."""

AT_ONCE = 60
"""Requests of one address that may follow each other without a pause."""

ADDRESSES = 1024
"""Of so many addresses it is remembered how often they asked."""

_PORTS = {"http": 80, "https": 443}
_SAFE = frozenset({"GET", "HEAD"})


class Guard:
    """Lets requests through to the pages of `url`. What is sent to the paths `signed` comes from no page: its sender
    signs it.
    """

    def __init__(self, pages: ASGIApp, url: str, clock: Clock, *, signed: frozenset[str] = frozenset()) -> None:
        parts = urlsplit(url)
        self._pages = pages
        self._host = _host(parts.netloc, parts.scheme)
        self._scheme = parts.scheme
        self._origin = f"{parts.scheme}://{parts.netloc}".lower()
        self._signed = signed
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request: answered by the pages, or refused."""
        if scope["type"] != "http":
            return
        refused = self._refused(scope)

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await (refused or self._pages)(scope, receive, with_headers)

    def _refused(self, scope: Scope) -> ASGIApp | None:
        headers = Headers(scope=scope)
        if not self._may_ask(str((scope.get("client") or ("",))[0])):
            return PlainTextResponse("too many requests: wait a minute\n", 429, {"Retry-After": "60"})
        if _host(headers.get("host", ""), self._scheme) != self._host:
            return PlainTextResponse("there is nothing under this name\n", 421)
        if scope["method"] in _SAFE or scope["path"] in self._signed:
            return None
        site = headers.get("sec-fetch-site", "same-origin")
        if headers.get("origin", "").lower() != self._origin or site != "same-origin":
            return PlainTextResponse("this is asked from the page itself only\n", 403)
        return None

    def _may_ask(self, address: str) -> bool:
        now = self._clock.now()
        bucket = self._buckets.pop(address, None) or Bucket(PER_MINUTE, now, AT_ONCE)
        self._buckets[address] = bucket
        if len(self._buckets) > ADDRESSES:
            self._buckets.popitem(last=False)
        return not bucket.take(now)


def _host(netloc: str, scheme: str) -> str:
    """Name and port in one form, the usual port written out."""
    host, colon, port = netloc.lower().rpartition(":")
    if not colon or not port.isdigit():
        return f"{netloc.lower()}:{_PORTS[scheme]}"
    return f"{host}:{port}"

"""The pages behind the links in messages, and where Slack sends what was pressed.

Rules of this file:
1. To look changes nothing: chats and mail scanners follow links by themselves. Only the button on the page does.
2. The pages hold no secret and decide nothing: they ask the daemon over its control socket, from whichever process they
   are served.
3. Nothing of a person is on a page, and no script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from importlib import resources
from typing import Any, Protocol
from urllib.parse import parse_qs, urlsplit

import orjson
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sentinel.cases.moves import DISMISSALS
from sentinel.channels.hook import HEADERS
from sentinel.channels.posting import Bounds, Target, post
from sentinel.clock import Clock
from sentinel.control import NotRunning, Refused
from sentinel.paper import render
from sentinel.web.guard import Guard

BODY_BYTES = 48 * 1024
"""The longest form, and the longest request of Slack's: what does not fit into one request on the control socket."""

LONGEST_TOKEN = 64

_ANSWERED = Bounds(connect=3.0, read=5.0, total=8.0)
_STATUS = {"good": 200, "done": 200, "unknown": 404, "used": 410, "expired": 410, "settled": 410}
_SAID = {
    "unknown": "This link leads nowhere. It may be cut off, or made for somebody else.",
    "used": "This link was used. Each is good once.",
    "expired": "This link is too old. The next message about the case has another one.",
    "settled": "There is nothing to do here any more.",
}


class Ask(Protocol):
    """Who passes a request on to the daemon. Raises what `control.ask` raises."""

    def __call__(self, act: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """What the daemon answers."""


def application(ask: Ask, url: str, clock: Clock) -> ASGIApp:
    """The pages below `url`, for whoever serves them; `ask` passes on to the daemon what is wanted."""
    pages = _Pages(ask, clock)
    below = urlsplit(url).path
    routes = [
        Route(f"{below}/act.css", pages.style, methods=["GET"]),
        Route(f"{below}/slack", pages.slack, methods=["POST"]),
        Route(f"{below}/{{token}}", pages.show, methods=["GET"]),
        Route(f"{below}/{{token}}", pages.use, methods=["POST"]),
    ]
    return Guard(Starlette(routes=routes), url, clock, signed=frozenset({f"{below}/slack"}))


class _Pages:
    def __init__(self, ask: Ask, clock: Clock) -> None:
        self._ask = ask
        self._clock = clock
        self._style = resources.files("sentinel.web").joinpath("act.css").read_bytes()

    async def style(self, request: Request) -> Response:
        del request
        return Response(self._style, media_type="text/css")

    async def show(self, request: Request) -> Response:
        """The page with the button; it changes nothing."""
        return await self._page("link.show", {"token": _token(request)})

    async def use(self, request: Request) -> Response:
        """The button was pressed."""
        form = parse_qs(await _body(request), keep_blank_values=True, max_num_fields=10)
        given = {name: form.get(name, [""])[0] for name in ("act", "reason", "code")}
        return await self._page("link.use", {"token": _token(request), **given, "code": given["code"] or None})

    async def slack(self, request: Request) -> Response:
        """A button in Slack was pressed."""
        headers = request.headers
        arguments = {
            "body": await _body(request),
            "timestamp": headers.get("x-slack-request-timestamp", ""),
            "signature": headers.get("x-slack-signature", "")[:200],
        }
        try:
            answer = await run_in_threadpool(self._ask, "slack.pressed", arguments)
        except NotRunning:
            return Response(status_code=503)
        except Refused:
            return Response(status_code=401)
        told = BackgroundTask(_tell, answer) if answer["said"] and answer["answer_to"] else None
        return Response(background=told)

    async def _page(self, act: str, arguments: Mapping[str, Any]) -> Response:
        answer, status, said = await self._answered(act, arguments)
        values = {"answer": answer, "said": said, "codes": DISMISSALS}
        page: Callable[[], str] = partial(render, "act.html", None, self._clock.now(), values)
        return HTMLResponse(await run_in_threadpool(page), status_code=status)

    async def _answered(self, act: str, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], int, str]:
        nothing = {"standing": "", "acts": [], "headline": "", "facts": [], "case": ""}
        try:
            answer = nothing | await run_in_threadpool(self._ask, act, arguments)
        except (NotRunning, PermissionError):
            return nothing, 503, "Sentinel does not answer. Nothing was changed; try again, or use the command line."
        except Refused as refused:
            return nothing, 409, f"Nothing was changed: {refused.message}."
        standing = answer["standing"]
        return answer, _STATUS[standing], _SAID.get(standing, "") or _sentence(answer.get("did", ""))


def _sentence(text: str) -> str:
    return f"Done: {text}." if text else ""


def _token(request: Request) -> str:
    return str(request.path_params["token"])[:LONGEST_TOKEN]


async def _body(request: Request) -> str:
    """The body as text; nothing of one that is too long. Raises nothing for what a client may send."""
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > BODY_BYTES:
                return ""
            parts.append(part)
    except ClientDisconnect:
        return ""
    return b"".join(parts).decode(errors="replace")


def _tell(answer: Mapping[str, Any]) -> None:
    """What came of it, to who pressed the button and nobody else. That it arrives is promised to nobody."""
    said = {"response_type": "ephemeral", "replace_original": False, "text": answer["said"]}
    target = Target(url=answer["answer_to"], allow_private=answer["allow_private"], bounds=_ANSWERED)
    post(target, orjson.dumps(said), HEADERS, 0)

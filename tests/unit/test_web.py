"""The pages, asked over a real loopback connection."""

import base64
import logging
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from sentinel.clock import SECOND, SetClock
from sentinel.metrics import Metrics, render
from sentinel.web.readiness import PARTS, Readiness
from sentinel.web.server import Door, WebServer, application
from tests.unit.loopback import certificate

NOON = 1_772_625_600 * SECOND


class Pages:
    """A web server on a free port, and what it is told."""

    def __init__(self) -> None:
        self.clock = SetClock(NOON)
        self.metrics = Metrics()
        self.readiness = Readiness(NOON)
        self.server = self.behind(Door(("127.0.0.1", 0)))

    def behind(self, door: Door) -> WebServer:
        pages = application(self.metrics, self.readiness, self.clock)
        return WebServer(door, pages, self.metrics.http_listening)

    def get(self, path: str, **headers: str) -> requests.Response:
        assert self.server.address is not None
        host, port = self.server.address
        return requests.get(f"http://{host}:{port}{path}", headers=headers, timeout=5)


@pytest.fixture
def pages() -> Iterator[Pages]:
    pages = Pages()
    assert pages.server.start()
    yield pages
    pages.server.stop()


def test_metrics_are_shown_to_prometheus(pages: Pages) -> None:
    pages.metrics.lines.labels("portal").inc(7)
    answer = pages.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'sentinel_lines_total{source="portal"} 7.0' in answer.text


def test_nothing_is_ready_before_its_part_says_so(pages: Pages) -> None:
    answer = pages.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["parts"] == {part: {"ready": False, "why": "starting"} for part in PARTS}


def test_ready_once_every_part_is(pages: Pages) -> None:
    for part in PARTS:
        pages.readiness.ready(part)
    answer = pages.get("/readyz")
    assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_the_part_that_is_not_ready_says_why(pages: Pages) -> None:
    for part in PARTS:
        pages.readiness.ready(part)
    pages.readiness.not_ready("behind", "source 'portal' is 3 GB behind")
    answer = pages.get("/readyz")
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["ready"]) == (503, False)
    assert body["parts"]["behind"] == {"ready": False, "why": "source 'portal' is 3 GB behind"}
    assert body["parts"]["store"]["ready"]


def test_healthy_while_the_main_loop_turns(pages: Pages) -> None:
    pages.clock.move_to(NOON + 60 * SECOND)
    assert pages.get("/healthz").status_code == 200


def test_a_main_loop_that_stands_still_is_not_healthy(pages: Pages) -> None:
    pages.clock.move_to(NOON + 61 * SECOND)
    answer = pages.get("/healthz")
    assert (answer.status_code, answer.json()["why"]) == (503, "the main loop last turned 61 s ago")
    pages.readiness.turned(NOON + 61 * SECOND)
    assert pages.get("/healthz").status_code == 200


def test_no_page_may_be_cached(pages: Pages) -> None:
    for path in ("/metrics", "/healthz", "/readyz"):
        assert pages.get(path).headers["cache-control"] == "no-store"


def test_only_reading_is_possible(pages: Pages) -> None:
    assert pages.get("/").status_code == 404
    assert pages.server.address is not None
    host, port = pages.server.address
    assert requests.post(f"http://{host}:{port}/metrics", timeout=5).status_code == 405


def test_a_port_in_use_is_logged_and_counted_and_can_be_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        pages = Pages()
        server = pages.behind(Door(("127.0.0.1", port)))
        with caplog.at_level(logging.ERROR):
            assert not server.start()
        assert caplog.records[0].port == port  # type: ignore[attr-defined]
        assert b"sentinel_http_listening 0.0" in render(pages.metrics)[0]
    assert server.start()
    assert b"sentinel_http_listening 1.0" in render(pages.metrics)[0]
    server.stop()


def test_a_stopped_server_gives_its_port_back() -> None:
    pages = Pages()
    assert pages.server.start()
    assert pages.server.address is not None
    host, port = pages.server.address
    pages.server.stop()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((host, port))


def test_with_a_login_only_whoever_knows_it_sees_more_than_that_the_watch_lives(pages: Pages) -> None:
    door = Door(("127.0.0.1", 0), login=("prometheus", "open: sesame"))
    pages.server.stop()
    pages.server = pages.behind(door)
    assert pages.server.start()
    assert "sesame" not in repr(door)
    assert pages.get("/healthz").status_code == 200
    for path in ("/metrics", "/readyz", "/nowhere"):
        answer = pages.get(path)
        assert (answer.status_code, answer.text) == (401, "")
        assert answer.headers["www-authenticate"] == 'Basic realm="sentinel"'
        wrong = base64.b64encode(b"prometheus:open").decode()
        assert pages.get(path, Authorization=f"Basic {wrong}").status_code == 401
    right = base64.b64encode(b"prometheus:open: sesame").decode()
    assert "sentinel_lines_total" in pages.get("/metrics", Authorization=f"Basic {right}").text
    assert pages.get("/metrics", Authorization=f"Bearer {right}").status_code == 401


def test_with_a_certificate_the_pages_speak_tls_alone(pages: Pages, tmp_path: Path) -> None:
    _, pem = certificate(tmp_path, "localhost")
    door = Door(("127.0.0.1", 0), certificate=Path(pem), private_key=Path(pem))
    server = pages.behind(door)
    assert server.start()
    assert server.address is not None
    port = server.address[1]
    assert requests.get(f"https://localhost:{port}/healthz", verify=pem, timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://localhost:{port}/healthz", timeout=5)
    server.stop()


def test_a_certificate_that_cannot_be_read_keeps_the_pages_closed(
    pages: Pages, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "bad.pem").write_text("no certificate")
    door = Door(("127.0.0.1", 0), certificate=tmp_path / "bad.pem", private_key=tmp_path / "bad.pem")
    assert not pages.behind(door).start()
    assert "the certificate cannot be used" in caplog.text
    assert b"sentinel_http_listening 0.0" in render(pages.metrics)[0]


def test_an_ipv6_address_is_listened_on() -> None:
    pages = Pages()
    server = pages.behind(Door(("::1", 0)))
    if not server.start():
        pytest.skip("no IPv6 loopback here")
    assert server.address is not None
    assert server.address[0] == "::1"
    server.stop()

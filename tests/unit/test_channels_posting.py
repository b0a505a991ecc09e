from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.channels.base import Later, Never, Outcome, Sent
from sentinel.channels.posting import Bounds, Target, is_allowed, outcome_of, post, seconds_of
from sentinel.clock import SECOND
from tests.unit.cases_fixtures import NOW
from tests.unit.loopback import Answer, certificate, raw_service, service

QUICK = Bounds(connect=2.0, read=0.2, total=0.4)


def posted(url: str, bounds: Bounds = QUICK, ca_file: str | None = None, allow_private: bool = True) -> Outcome:
    target = Target(url=url, allow_private=allow_private, ca_file=ca_file, bounds=bounds)
    return post(target, b"{}", {"Content-Type": "application/json"}, NOW)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Sent) for status in (200, 201, 202, 204)),
        *((status, Never) for status in (301, 302, 304, 307, 308)),
        *((status, Never) for status in (400, 401, 403, 404, 405, 410, 413, 422)),
        *((status, Later) for status in (408, 409, 418, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_a_status_means_sent_later_or_never(status: int, kind: type[Outcome]) -> None:
    assert isinstance(outcome_of(status, None, NOW), kind)


def test_the_wait_a_service_asks_for_is_in_seconds_or_a_date() -> None:
    assert seconds_of("120", NOW) == 120.0
    assert seconds_of("Wed, 04 Mar 2026 02:00:30 GMT", NOW) == 30.0
    assert seconds_of("Wed, 04 Mar 2026 01:00:00 GMT", NOW) == 0.0
    for nonsense in (None, "", "soon", "-5", "1e9", "٣", "Wed, 99 Mar 2026 02:00:30 GMT"):
        assert seconds_of(nonsense, NOW) is None
    assert seconds_of("9" * 400, NOW) == 999_999_999.0


@pytest.mark.parametrize(
    ("address", "public", "private"),
    [
        ("8.8.8.8", True, True),
        ("2606:4700::1111", True, True),
        ("10.1.2.3", False, True),
        ("172.16.0.1", False, True),
        ("192.168.1.1", False, True),
        ("100.64.0.1", False, True),
        ("127.0.0.1", False, True),
        ("::1", False, True),
        ("fd12::1", False, True),
        ("::ffff:10.0.0.1", False, True),
        ("169.254.169.254", False, False),
        ("fe80::1", False, False),
        ("::ffff:169.254.169.254", False, False),
        ("64:ff9b::a9fe:a9fe", False, False),
        ("64:ff9b::a00:1", False, True),
        ("2002:a9fe:a9fe::1", False, False),
        ("fd00:ec2::254", False, False),
        ("100.100.100.200", False, False),
        ("0.0.0.0", False, False),
        ("::", False, False),
        ("224.0.0.1", False, False),
        ("ff02::1", False, False),
        ("255.255.255.255", False, False),
        ("fec0::1", False, False),
        ("::127.0.0.1", False, False),
    ],
)
def test_private_addresses_need_leave_and_some_are_never_asked(address: str, public: bool, private: bool) -> None:
    parsed = ipaddress.ip_address(address)
    assert is_allowed(parsed, allow_private=False) is public
    assert is_allowed(parsed, allow_private=True) is private


def test_a_service_at_a_private_address_is_not_asked_without_leave() -> None:
    with service() as there:
        outcome = posted(there.url, allow_private=False)
    assert isinstance(outcome, Never)
    assert there.received == []


def test_the_metadata_service_is_refused_even_with_leave() -> None:
    assert isinstance(posted("https://169.254.169.254/latest"), Never)


def test_http_without_tls_is_refused_beyond_this_machine() -> None:
    outcome = posted("http://10.0.0.1/hook")
    assert outcome == Never("without TLS only a service on this machine is asked")


def test_a_name_that_changes_its_address_after_the_check_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo
    asked = []

    def rebinding(host: str, *rest: Any, **named: Any) -> Any:
        if host != "hook.test":
            return real(host, *rest, **named)
        asked.append(host)
        first = len(asked) == 1
        return real("127.0.0.1" if first else "169.254.169.254", *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with service() as there:
        assert isinstance(posted(f"http://hook.test:{there.port}/x"), Sent)
    assert asked == ["hook.test"]
    assert there.received[0].headers["host"] == f"hook.test:{there.port}"


def test_the_next_address_is_tried_where_the_first_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def two(host: str, *rest: Any, **named: Any) -> Any:
        if host == "hook.test":
            return [*real("127.0.0.2", *rest, **named), *real("127.0.0.1", *rest, **named)]
        return real(host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    with service() as there:
        assert isinstance(posted(f"http://hook.test:{there.port}/x"), Sent)
    assert len(there.received) == 1


def test_a_redirect_is_not_followed() -> None:
    with service() as elsewhere, service(Answer(307, {"Location": elsewhere.url})) as there:
        assert isinstance(posted(there.url), Never)
    assert elsewhere.received == []
    assert len(there.received) == 1


def test_a_redirect_to_nonsense_is_a_redirect_all_the_same() -> None:
    for nonsense in ("http://[::1", "//[", "http://\udcff".encode("utf-8", "surrogateescape").decode("latin-1"), ""):
        with service(Answer(302, {"Location": nonsense})) as there:
            assert isinstance(posted(there.url), Never)


@settings(max_examples=60)
@given(
    st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda tail: b"HTTP/1.1 200 OK\r\n" + tail)),
)
def test_any_answer_at_all_is_an_outcome(answer: bytes) -> None:
    with raw_service(lambda connection: connection.sendall(answer)) as port:
        assert isinstance(posted(f"http://127.0.0.1:{port}/"), Sent | Later | Never)


def test_a_proxy_and_a_password_file_of_the_environment_are_not_used(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with service() as proxy, service() as there:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        assert isinstance(posted(there.url), Sent)
    assert proxy.received == []
    assert "authorization" not in there.received[0].headers


def hang(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass  # until the other side gives up


def chatter(connection: socket.socket) -> None:
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")


def flood(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def flood_behind_a_redirect(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def hang_up(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 2")


@pytest.mark.parametrize(
    ("talk", "kind"),
    [(hang, Later), (chatter, Later), (hang_up, Later), (flood, Sent), (flood_behind_a_redirect, Never)],
)
def test_a_hostile_service_neither_hangs_nor_fills_us(
    talk: Callable[[socket.socket], None], kind: type[Outcome]
) -> None:
    with raw_service(talk) as port:
        assert isinstance(posted(f"http://127.0.0.1:{port}/"), kind)


def test_a_service_that_never_answers_is_given_up_in_time() -> None:
    with raw_service(hang) as port:
        outcome = posted(f"http://127.0.0.1:{port}/")
    assert outcome == Later("the service did not answer in time")


def test_nobody_listening_is_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(posted(f"http://127.0.0.1:{port}/"), Later)


@pytest.mark.parametrize("url", ["https://name.invalid/x", "https://" + "a" * 80 + ".example/x"])
def test_a_name_that_does_not_resolve_is_later(url: str) -> None:
    assert isinstance(posted(url), Later)


def test_what_is_no_url_is_never() -> None:
    assert posted("https://[::1") == Never("the address is not a URL")


def test_tls_is_verified_against_the_name_although_the_connection_goes_to_an_address(tmp_path: Path) -> None:
    context, ca_file = certificate(tmp_path, "localhost")
    bounds = Bounds(connect=5.0, read=5.0, total=10.0)
    with service(tls=context) as there:
        assert isinstance(posted(f"https://localhost:{there.port}/x", bounds, ca_file), Sent)
        untrusted = posted(f"https://localhost:{there.port}/x", bounds)
    other, ca_file = certificate(tmp_path, "other.example")
    with service(tls=other) as there:
        wrong_name = posted(f"https://localhost:{there.port}/x", bounds, ca_file)
    assert untrusted == wrong_name == Later("the certificate of the service cannot be verified")


def test_no_reason_holds_the_address() -> None:
    outcomes = [outcome_of(status, "5", NOW + SECOND) for status in (302, 404, 503)]
    outcomes += [posted("http://127.0.0.1:1/T0SECRET"), posted("https://T0SECRET.invalid/")]
    assert "T0SECRET" not in repr(outcomes)

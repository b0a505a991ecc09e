"""What the service manager hears, over a real notify socket."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinel.systemd import Supervisor


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(5)
        yield manager


def heard(manager: socket.socket) -> str:
    return manager.recv(4096).decode()


def test_each_fact_is_heard(manager: socket.socket) -> None:
    supervisor = Supervisor({"NOTIFY_SOCKET": manager.getsockname()}, 1)
    supervisor.needs(90, "reading windows")
    assert heard(manager) == "EXTEND_TIMEOUT_USEC=90000000\nSTATUS=reading windows"
    supervisor.ready("2 sources, 14 rules")
    assert heard(manager) == "READY=1\nSTATUS=2 sources, 14 rules"
    supervisor.status("a\nREADY=1")
    assert heard(manager) == "STATUS=a READY=1"
    supervisor.alive()
    assert heard(manager) == "WATCHDOG=1"
    supervisor.reloading()
    assert heard(manager).startswith("RELOADING=1\n")
    supervisor.stopping()
    assert heard(manager).startswith("STOPPING=1\n")


def test_an_abstract_address_is_understood() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(5)
        manager.bind("\0sentinel-test-notify")
        Supervisor({"NOTIFY_SOCKET": "@sentinel-test-notify"}, 1).alive()
        assert heard(manager) == "WATCHDOG=1"


def test_without_a_manager_nothing_happens(tmp_path: Path) -> None:
    Supervisor({}, 1).ready("x")
    Supervisor({"NOTIFY_SOCKET": str(tmp_path / "gone")}, 1).ready("x")


def test_the_watchdog_is_pinged_twice_as_often_as_asked() -> None:
    assert Supervisor({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "7"}, 7).ping_seconds == 15
    assert Supervisor({"WATCHDOG_USEC": "30000000"}, 7).ping_seconds == 15


@pytest.mark.parametrize("environ", [{}, {"WATCHDOG_USEC": "0"}, {"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "8"}])
def test_no_watchdog_waits_for_a_process_it_does_not_name(environ: dict[str, str]) -> None:
    assert Supervisor(environ, 7).ping_seconds is None

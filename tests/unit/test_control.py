"""The control socket: who may ask, what comes back, and what happens to requests nobody takes."""

import getpass
import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sentinel import control
from sentinel.control import SERVICE_PATH, Control, NotRunning, Refused, Request, SocketTaken, Who, ask, find_path


@contextmanager
def a_daemon(path: Path, act: Callable[[Request], None], answer_seconds: float = 5.0) -> Iterator[Control]:
    """A control socket with a loop that drains it as the main loop does."""
    wake = threading.Event()
    stop = threading.Event()
    server = Control(path, wake, answer_seconds)
    server.start()

    def turn() -> None:
        while not stop.is_set():
            wake.wait(5)
            wake.clear()
            for request in server.pending():
                act(request)

    loop = threading.Thread(target=turn)
    loop.start()
    try:
        yield server
    finally:
        stop.set()
        wake.set()
        loop.join()
        server.stop()


def echo(request: Request) -> None:
    request.answer({"act": request.act, "arguments": dict(request.arguments), "who": request.who.name})


def raw(path: Path, text: bytes) -> dict[str, Any]:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(text)
        connection.shutdown(socket.SHUT_WR)
        with connection.makefile("rb") as stream:
            reply: dict[str, Any] = json.loads(stream.read())
            return reply


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "control.sock"


def test_an_answer_comes_back_to_who_asked(path: Path) -> None:
    with a_daemon(path, echo):
        answer = ask(path, "case.show", {"case": "C-1"})
    assert answer == {"act": "case.show", "arguments": {"case": "C-1"}, "who": getpass.getuser()}


def test_who_asks_is_what_the_kernel_says(path: Path) -> None:
    seen: list[Who] = []

    def note(request: Request) -> None:
        seen.append(request.who)
        request.answer({})

    with a_daemon(path, note):
        ask(path, "status", {})
    assert (seen[0].uid, seen[0].pid) == (os.getuid(), os.getpid())


@pytest.mark.skipif(os.getuid() != 0, reason="only root may say for whom it acts")
def test_root_says_for_whom_it_acts(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "ada")
    with a_daemon(path, echo):
        assert ask(path, "status", {})["who"] == "ada (as root)"


def test_nobody_but_root_says_for_whom_they_act() -> None:
    request = b'{"act": "status", "arguments": {}, "behalf": "eva"}'
    assert control._read(request, Who("ada", 1000, 7)).who == Who("ada", 1000, 7)
    assert control._read(request, Who("root", 0, 7)).who == Who("eva (as root)", 0, 7)


def test_a_name_with_control_characters_is_not_taken_from_root(path: Path) -> None:
    request = {"act": "status", "arguments": {}, "behalf": "ada\x1b[2J"}
    with a_daemon(path, echo):
        assert raw(path, json.dumps(request).encode() + b"\n")["answer"]["who"] == getpass.getuser()


def test_a_refusal_carries_its_hint(path: Path) -> None:
    with a_daemon(path, lambda request: request.refuse("no such case", "see `sentinel case list`")):
        with pytest.raises(Refused, match="no such case") as refused:
            ask(path, "case.show", {"case": "C-9"})
        assert refused.value.hint == "see `sentinel case list`"


def test_nobody_listening_is_said_plainly(path: Path) -> None:
    with pytest.raises(NotRunning, match="no sentinel daemon answers on"):
        ask(path, "status", {})


def test_a_missing_folder_is_nobody_listening(tmp_path: Path) -> None:
    with pytest.raises(NotRunning):
        ask(tmp_path / "gone" / "control.sock", "status", {})


def test_only_the_owner_and_the_group_may_ask(path: Path) -> None:
    with a_daemon(path, echo):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660


def test_the_socket_file_of_a_crashed_daemon_is_replaced(path: Path) -> None:
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    with a_daemon(path, echo):
        assert ask(path, "status", {})["act"] == "status"


def test_a_living_daemon_is_not_replaced(path: Path) -> None:
    with a_daemon(path, echo):
        with pytest.raises(SocketTaken, match="another sentinel daemon answers"):
            Control(path, threading.Event()).start()
        assert ask(path, "status", {})["act"] == "status"


def test_a_stopped_daemon_leaves_no_file(path: Path) -> None:
    with a_daemon(path, echo):
        pass
    assert list(path.parent.iterdir()) == []


def test_a_path_longer_than_a_socket_address_works(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30)
    folder.mkdir()
    with a_daemon(folder / "control.sock", echo):
        assert ask(folder / "control.sock", "status", {})["act"] == "status"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"{}\n", "the act is none of"),
        (b'{"act": "erase"}\n', "the act is none of"),
        (b"[1]\n", "not a JSON object"),
        (b'{"act": "status", "arguments": 3}\n', "not a JSON object"),
        (b"not json\n", "not JSON"),
        (b"[" * 50_000 + b"\n", "not JSON"),
        (b'{"act": "status"}', "broken off"),
        (b"", "broken off"),
        (b"x" * 70_000 + b"\n", "more than 65536 bytes"),
    ],
)
def test_a_malformed_request_is_refused_and_never_reaches_the_loop(path: Path, text: bytes, says: str) -> None:
    reached: list[Request] = []
    with a_daemon(path, reached.append):
        assert says in raw(path, text)["refused"]["message"]
    assert reached == []


def test_a_request_nobody_takes_is_given_up_and_never_acted_on(path: Path) -> None:
    server = Control(path, threading.Event(), answer_seconds=0.05)
    server.start()
    try:
        with pytest.raises(Refused, match="did not take the request") as refused:
            ask(path, "case.move", {"case": "C-1"})
        assert "nothing was changed" in refused.value.hint
        assert server.pending() == []
    finally:
        server.stop()


def test_a_request_taken_but_not_finished_is_not_called_unchanged() -> None:
    request = Request("case.move", {}, Who("ada", 1, 1))
    assert request.take()
    assert "has not finished" in request.wait(0.01)["refused"]["message"]


def test_stopping_refuses_what_still_waits(path: Path) -> None:
    wake = threading.Event()
    server = Control(path, wake)
    server.start()
    said: list[str] = []

    def asker() -> None:
        with pytest.raises(Refused) as refused:
            ask(path, "status", {})
        said.append(refused.value.message)

    thread = threading.Thread(target=asker)
    thread.start()
    assert wake.wait(5)
    server.stop()
    thread.join(5)
    assert said == ["the daemon is stopping"]


def test_a_silent_client_does_not_hold_up_the_others(path: Path) -> None:
    with a_daemon(path, echo), socket.socket(socket.AF_UNIX) as silent:
        silent.connect(str(path))
        assert ask(path, "status", {})["act"] == "status"


def test_a_command_looks_where_its_configuration_says_and_then_where_the_service_listens(tmp_path: Path) -> None:
    configured = tmp_path / "control.sock"
    assert find_path(configured) == configured
    assert find_path(None) == SERVICE_PATH

"""Channels that end on this machine or hand over by other ways than HTTP: program, journal, syslog, Apprise."""

from __future__ import annotations

import json
import os
import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sentinel.channels import make
from sentinel.channels.base import Attempt, Channel, ChannelError, Later, Never, Outcome, Sent
from sentinel.channels.safety import REPEAT
from tests.unit.cases_fixtures import NOW, a_finding, judged
from tests.unit.loopback import certificate, service

MESSAGE = judged(a_finding()).owed[0]


def a_channel(kind: str, **options: Any) -> Channel:
    return make("soc", {"type": kind, **options}, lambda reference: reference.env or "")


def sent(channel: Channel, *, may_have_arrived: bool = False) -> Outcome:
    return channel.send(Attempt(MESSAGE.id, channel.render(MESSAGE), NOW, may_have_arrived))


# --- a program -----------------------------------------------------------------------------------------------


def a_program(folder: Path, text: str, mode: int = 0o755) -> str:
    path = folder / "program"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return str(path)


def test_a_program_gets_the_message_as_json_and_no_environment(tmp_path: Path) -> None:
    program = a_program(tmp_path, f'cat > {tmp_path}/said; env > {tmp_path}/env; echo "$1" > {tmp_path}/arguments')
    assert sent(a_channel("command", command=[program, "$(id)"])) == Sent("exit code 0")
    said = json.loads((tmp_path / "said").read_bytes())
    assert (said["type"], said["data"]["id"]) == ("case.opened", MESSAGE.id)
    names = {line.partition("=")[0] for line in (tmp_path / "env").read_text().splitlines()}
    assert names <= {"PWD", "_", "SHLVL", "OLDPWD"}  # what a shell sets by itself
    assert (tmp_path / "arguments").read_text() == "$(id)\n"


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        ("exit 1", Later("exit code 1")),
        ("exit 75", Later("exit code 75")),
        ("exit 64", Never("exit code 64")),
        ("exit 78", Never("exit code 78")),
        ("kill -TERM $$", Later("ended by signal 15")),
    ],
)
def test_the_exit_code_says_what_became_of_it(text: str, outcome: Outcome, tmp_path: Path) -> None:
    assert sent(a_channel("command", command=[a_program(tmp_path, text)])) == outcome


def test_a_program_that_takes_too_long_is_stopped_with_all_it_started(tmp_path: Path) -> None:
    program = a_program(tmp_path, f"sleep 600 & echo $! > {tmp_path}/child; wait")
    outcome = sent(a_channel("command", command=[program], timeout="500ms"))
    assert outcome == Later("the program took too long and was stopped")
    child = int((tmp_path / "child").read_text())
    with suppress(ProcessLookupError):
        ended = os.pidfd_open(child)
        assert select.select([ended], [], [], 30)[0] == [ended]
        os.close(ended)


def test_a_program_that_is_gone_is_never(tmp_path: Path) -> None:
    program = a_program(tmp_path, "exit 0")
    channel = a_channel("command", command=[program])
    Path(program).unlink()
    assert sent(channel) == Never("the program cannot be started: No such file or directory")


@pytest.mark.parametrize(("mode", "message"), [(0o644, "cannot be run"), (0o757, "anybody may change")])
def test_a_program_that_cannot_be_run_or_that_anybody_may_change_is_refused(
    mode: int, message: str, tmp_path: Path
) -> None:
    with pytest.raises(ChannelError, match=message):
        a_channel("command", command=[a_program(tmp_path, "exit 0", mode)])


def test_a_program_is_named_by_its_whole_path(tmp_path: Path) -> None:
    with pytest.raises(ChannelError, match="no absolute path"):
        a_channel("command", command=["true"])
    with pytest.raises(ChannelError, match="cannot be found"):
        a_channel("command", command=[str(tmp_path / "none")])


# --- the journal and syslog ----------------------------------------------------------------------------------


@contextmanager
def datagrams(folder: Path) -> Iterator[tuple[str, socket.socket]]:
    path = str(folder / "socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as there:
        there.bind(path)
        there.settimeout(5)
        yield path, there


def fields(entry: bytes) -> dict[str, str]:
    """An entry of the journal's native form, read as its documentation says."""
    found: dict[str, str] = {}
    while entry:
        line, _, entry = entry.partition(b"\n")
        name, is_short, value = line.partition(b"=")
        if not is_short:
            size = int.from_bytes(entry[:8], "little")
            value, entry = entry[8 : 8 + size], entry[9 + size :]
        found[name.decode()] = value.decode()
    return found


def test_an_entry_of_the_journal_has_fields_to_select_by(tmp_path: Path) -> None:
    with datagrams(tmp_path) as (path, there):
        channel = a_channel("journal", socket=path)
        assert sent(channel) == Sent("in the journal")
        entry = fields(there.recv(65536))
        assert sent(channel, may_have_arrived=True) == Sent("in the journal")
        assert fields(there.recv(65536))["MESSAGE"].startswith(REPEAT)
    assert entry["MESSAGE"] == "\n".join((MESSAGE.headline, *MESSAGE.lines, MESSAGE.next_action))
    assert (entry["PRIORITY"], entry["SENTINEL_CASE"], entry["SENTINEL_LEVEL"]) == ("3", MESSAGE.case.id, "high")
    assert entry["SENTINEL_MESSAGE"] == MESSAGE.id


def test_without_a_journal_or_a_daemon_it_is_later(tmp_path: Path) -> None:
    assert sent(a_channel("journal", socket=str(tmp_path / "none"))) == Later("the journal cannot be reached")
    assert isinstance(sent(a_channel("syslog", socket=str(tmp_path / "none"))), Later)


def test_a_line_goes_to_the_local_daemon(tmp_path: Path) -> None:
    with datagrams(tmp_path) as (path, there):
        assert isinstance(sent(a_channel("syslog", socket=path)), Sent)
        line = there.recv(65536).decode()
    assert line.startswith(f"<83>sentinel: {MESSAGE.headline} | ")
    assert "\n" not in line
    assert len(line) <= 2000


@contextmanager
def listener(tls: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[bytes], threading.Thread]]:
    """Takes one connection and keeps what came over it."""
    with socket.create_server(("127.0.0.1", 0)) as there:
        came: list[bytes] = []

        def serve() -> None:
            connection, _ = there.accept()
            try:
                with connection if tls is None else tls.wrap_socket(connection, server_side=True) as talk:
                    while piece := talk.recv(65536):
                        came.append(piece)
            except ssl.SSLError:
                came.append(b"no TLS")

        thread = threading.Thread(target=serve)
        thread.start()
        yield there.getsockname()[1], came, thread
        thread.join(10)


@pytest.mark.parametrize("protocol", ["tcp", "tls"])
def test_a_line_goes_to_a_server_after_its_length(protocol: str, tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "localhost")
    with listener(context if protocol == "tls" else None) as (port, came, thread):
        options = {"ca_file": authority} if protocol == "tls" else {}
        channel = a_channel("syslog", host="localhost", port=port, protocol=protocol, allow_private=True, **options)
        assert isinstance(sent(channel), Sent)
        thread.join(10)
    size, _, line = b"".join(came).partition(b" ")
    assert int(size) == len(line)
    assert line.startswith(b"<83>1 2026-03-04T02:00:00.000Z ")
    assert b" sentinel - case.opened - [high] " in line


def test_a_syslog_server_whose_certificate_cannot_be_verified_gets_nothing(tmp_path: Path) -> None:
    context, _ = certificate(tmp_path, "localhost")
    with listener(context) as (port, came, _):
        channel = a_channel("syslog", host="localhost", port=port, allow_private=True)
        assert sent(channel) == Later("the certificate of the syslog server cannot be verified")
    assert came == [b"no TLS"]


def test_udp_says_that_it_does_not_know_whether_the_line_arrived() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        there.settimeout(5)
        channel = a_channel("syslog", host="127.0.0.1", port=there.getsockname()[1], protocol="udp", allow_private=True)
        outcome = sent(channel, may_have_arrived=True)
        line = there.recv(65536).decode()
    assert outcome == Sent("sent; UDP does not say whether it arrived")
    assert line.endswith(REPEAT)


def test_options_of_a_server_need_a_server() -> None:
    with pytest.raises(ValidationError, match="need 'host'"):
        a_channel("syslog", protocol="tcp")


# --- through Apprise -----------------------------------------------------------------------------------------


def test_a_message_goes_through_apprise() -> None:
    with service() as there:
        address = f"json://127.0.0.1:{there.port}/T0SECRET"
        channel = make("soc", {"type": "apprise", "url": {"env": "url"}}, lambda _: address)
        assert isinstance(sent(channel, may_have_arrived=True), Sent)
    said = json.loads(there.received[0].body)
    assert MESSAGE.case.id in said["title"]
    assert REPEAT in said["message"]
    assert MESSAGE.next_action.replace("`", "\u02cb") in said["message"]


def test_a_service_that_apprise_cannot_reach_is_later_and_not_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    channel = make("soc", {"type": "apprise", "url": {"env": "url"}}, lambda _: f"json://127.0.0.1:{port}/T0SECRET")
    assert sent(channel) == Later("Apprise says it was not taken")
    assert "T0SECRET" not in repr(channel)


def test_an_address_that_apprise_does_not_know_is_refused_without_being_shown() -> None:
    with pytest.raises(ChannelError, match="no URL that Apprise knows") as error:
        make("soc", {"type": "apprise", "url": {"env": "url"}}, lambda _: "T0SECRET://x")
    assert "T0SECRET" not in str(error.value)

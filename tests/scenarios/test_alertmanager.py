"""A real Alertmanager takes a case, keeps it firing and resolves it (Debian: prometheus-alertmanager)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinel.cases.wording import notice
from sentinel.channels import make
from sentinel.channels.base import Attempt, Channel, Sent
from sentinel.clock import SystemClock
from sentinel.model import Level, State
from tests.unit.cases_fixtures import a_case
from tests.unit.loopback import Service, service

PROGRAM = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
CONFIG = """
route: {receiver: here, group_by: [case, severity], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers:
  - name: here
    webhook_configs: [{url: URL, send_resolved: true}]
"""

pytestmark = [
    pytest.mark.needs_server("alertmanager"),
    pytest.mark.skipif(PROGRAM is None, reason="needs the Debian package prometheus-alertmanager"),
]


@pytest.fixture
def receiver() -> Iterator[Service]:
    with service() as there:
        yield there


@pytest.fixture
def address(tmp_path: Path, receiver: Service) -> Iterator[str]:
    assert PROGRAM is not None
    (tmp_path / "am.yml").write_text(CONFIG.replace("URL", receiver.url), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = [f"--config.file={tmp_path}/am.yml", f"--storage.path={tmp_path}/data", "--cluster.listen-address="]
    with subprocess.Popen(
        [PROGRAM, *options, f"--web.listen-address=127.0.0.1:{port}"], stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Listening" in line or "TLS is disabled" in line:
                break
        drain = threading.Thread(target=running.stderr.read)
        drain.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            running.terminate()
            drain.join()


def told(channel: Channel, key: str, now: int, **changes: Any) -> None:
    case = a_case(now, **changes)
    outcome = channel.send(Attempt("msg_1", channel.render(notice(case, key, now)), now))
    assert outcome == Sent("status 200")


def heard(receiver: Service, count: int) -> list[tuple[str, str]]:
    """The first so many alerts that the Alertmanager sent on: severity and status."""
    found: list[tuple[str, str]] = []
    while len(found) < count:
        assert receiver.arrived.wait(30), "the Alertmanager sent nothing on"
        receiver.arrived.clear()
        found = [
            (each["labels"]["severity"], each["status"])
            for received in list(receiver.received)
            for each in json.loads(received.body)["alerts"]
        ]
    return found


def test_a_case_fires_once_rises_and_is_resolved(address: str, receiver: Service) -> None:
    channel = make("am", {"type": "alertmanager", "url": address, "allow_private": True}, lambda _: "")
    now = SystemClock().now()
    told(channel, "opened", now, level=Level.MEDIUM)
    told(channel, "opened", now, level=Level.MEDIUM)  # a repeat
    assert heard(receiver, 1) == [("medium", "firing")]
    told(channel, "escalated-high", now, level=Level.HIGH)
    assert sorted(heard(receiver, 3)) == [("high", "firing"), ("medium", "firing"), ("medium", "resolved")]
    told(channel, "closed", now, level=Level.HIGH, state=State.CLOSED)
    assert heard(receiver, 4)[-1] == ("high", "resolved")
    with urllib.request.urlopen(f"{address}/api/v2/alerts?active=true") as answer:
        assert json.load(answer) == []

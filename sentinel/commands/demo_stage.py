"""The demo's stage: a folder, two logs that grow, a service that takes messages, and the real daemon beside them.

Rules of this file: everything stands in one folder that only its owner can read, and listens on loopback only; what is
started here is stopped here.
"""

from __future__ import annotations

import base64
import hmac
import json
import os
import secrets
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sentinel import files
from sentinel.clock import SECOND, Clock, Micros
from sentinel.commands.traffic import Traffic

CHANNEL = "soc"

_BEAT_SECONDS = 0.1
_STOP_SECONDS = 15

_CONFIG = """\
# The demo's configuration: two logs, the shipped rules, and a webhook to the demo itself.
state: state
inventory: inventory.yaml

sources:
  - name: portal
    type: file
    paths: [logs/portal-access.log]
    format: nginx
    logsource: {{category: webserver, product: nginx}}
  - name: ehr
    type: file
    paths: [logs/ehr.json]
    format: json
    logsource: {{category: application, product: ehr}}

channels:
  {channel}:
    type: webhook
    url: http://127.0.0.1:{port}/soc
    secret: {{file: webhook-secret}}
    allow_private: true

routes:
  - {{to: [{channel}]}}

# Any free port; `sentinel case list -c sentinel.yaml` finds the daemon by its control socket.
http: {{listen: "127.0.0.1:0"}}
"""

_LAUNCH = """\
import ctypes, os, signal, sys
# prctl(2), PR_SET_PDEATHSIG: the daemon ends with the demo, even with one that is killed.
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
os.execv(sys.executable, [sys.executable, "-m", "sentinel", *sys.argv[1:]])
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as the service got it; `is_signed` says whether its signature holds."""

    id: str
    type: str
    headline: str
    next_action: str
    case: str
    sent_at: str
    received_at: Micros
    is_signed: bool


class Stage:
    """The folder, and where things are in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "sentinel.yaml"
        self.portal = folder / "logs" / "portal-access.log"
        self.application = folder / "logs" / "ehr.json"
        self.daemon_log = folder / "daemon.log"
        self.control = folder / "state" / "control.sock"
        self._secret = folder / "webhook-secret"

    def build(self) -> bytes:
        """Make what the daemon needs before it starts; the key that its messages are signed with."""
        self.folder.chmod(0o700)
        self.portal.parent.mkdir()
        self.portal.touch()
        self.application.touch()
        shutil.copyfile(files.shipped("deploy") / "inventory.yaml", self.folder / "inventory.yaml")
        key = secrets.token_bytes(32)
        self._secret.touch(mode=0o600)
        self._secret.write_text(f"whsec_{base64.b64encode(key).decode()}\n")
        return key

    def write_config(self, port: int) -> None:
        """The configuration, with the port of the service that takes messages."""
        self.config.write_text(_CONFIG.format(port=port, channel=CHANNEL))

    def last_words(self, count: int = 12) -> str:
        """The last lines of the daemon's log."""
        lines = self.daemon_log.read_text(errors="replace").splitlines() if self.daemon_log.exists() else []
        return "\n".join(lines[-count:])


class Service:
    """What a chat service or ticket system would be: takes webhooks, and checks by itself that they are signed."""

    def __init__(self, key: bytes, clock: Clock) -> None:
        self._key = key
        self._clock = clock
        self._messages: dict[str, Message] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._answers())
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="demo-service", daemon=True
        )

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._server.server_port

    def messages(self) -> list[Message]:
        """The messages taken so far, in order, each once."""
        return list(self._messages.values())

    def start(self) -> None:
        """Take messages from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(_STOP_SECONDS)

    def take(self, header: Callable[[str], str], body: bytes) -> bool:
        """Keep the message if its signature holds (Standard Webhooks 1.0); say whether it does."""
        identity = header("webhook-id")
        signed = f"{identity}.{header('webhook-timestamp')}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(self._key, signed, "sha256")).decode()
        given = header("webhook-signature").split(" ")
        is_signed = any(hmac.compare_digest(expected.encode(), each.encode()) for each in given)
        if is_signed:
            self._messages.setdefault(identity, _message(identity, json.loads(body), self._clock.now()))
        return is_signed

    def _answers(self) -> type[BaseHTTPRequestHandler]:
        service = self

        class Answers(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("content-length", "0")), 65_536))
                is_taken = service.take(lambda name: self.headers.get(name, ""), body)
                self.send_response(204 if is_taken else 401)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  (http.server's own name)
                """Nothing: the terminal belongs to the demo."""

        return Answers


def _message(identity: str, content: dict[str, Any], now: Micros) -> Message:
    data = content["data"]
    return Message(
        id=identity,
        type=content["type"],
        headline=data["headline"],
        next_action=data["next_action"],
        case=data["case"]["id"],
        sent_at=content["timestamp"],
        received_at=now,
        is_signed=True,
    )


class Writer:
    """Appends the traffic to the logs, ten times a second, from a thread of its own."""

    def __init__(self, stage: Stage, traffic: Traffic, clock: Clock) -> None:
        self._traffic = traffic
        self._clock = clock
        self._files = [path.open("ab", buffering=0) for path in (stage.portal, stage.application)]
        self._is_stopping = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._write, name="demo-traffic", daemon=True)
        self.lines = 0

    def start(self) -> None:
        """Write from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Write no more."""
        self._is_stopping = True
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(_STOP_SECONDS)
        for file in self._files:
            file.close()

    def _write(self) -> None:
        written_to = self._clock.now()
        while not self._is_stopping:
            self._clock.wait(_BEAT_SECONDS, self._wake)
            now = self._clock.now()
            if now <= written_to:
                continue
            # A machine that was asleep is not made up for.
            lines = self._traffic.between(max(written_to, now - 2 * SECOND), now)
            self._files[0].write(lines.portal)
            self._files[1].write(lines.application)
            self.lines += lines.count
            written_to = now


@contextmanager
def running_daemon(stage: Stage) -> Iterator[subprocess.Popen[bytes]]:
    """The real daemon on the stage, as `sentinel run` starts it; ended with SIGTERM and waited for."""
    given = ("NOTIFY_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "WATCHDOG_USEC", "JOURNAL_STREAM")
    environ = {name: value for name, value in os.environ.items() if name not in given}
    command = [sys.executable, "-c", _LAUNCH, "run", "-c", str(stage.config)]
    with stage.daemon_log.open("ab") as log:
        # A session of its own: Ctrl-C is for the demo, which then stops the daemon.
        daemon = subprocess.Popen(  # noqa: S603  (our own interpreter and module)
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, start_new_session=True
        )
    try:
        yield daemon
    finally:
        daemon.terminate()
        try:
            daemon.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            daemon.kill()
            daemon.wait()

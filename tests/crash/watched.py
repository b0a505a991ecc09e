"""A daemon in a folder of its own, as a service manager would run it, and a service that takes its messages."""

from __future__ import annotations

import base64
import hmac
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread, get_ident
from time import monotonic
from typing import Any

from sentinel.clock import Micros, SetClock
from sentinel.control import NotRunning, ask
from sentinel.store import Store, StoreError
from sentinel.store.folder import DATABASE
from sentinel.vault import Vault, VaultError

MASTER = b"a master key that both watches use, so that their ids can be compared"
KEY = b"the key that messages are signed with"

CONFIG = """
state: state
shipped_rules: false
rules: [rules.yml]
inventory: inventory.yaml
keys: {{master: {{file: master}}}}
sources:
{sources}
channels:
  soc:
    type: webhook
    url: "http://127.0.0.1:{port}/hook"
    secret: {{file: hook}}
    allow_private: true
    per_minute: 6000
    gathered: false
routes: [{{to: [soc]}}]
http: {{listen: "127.0.0.1:0"}}
"""

DEADLINE_SECONDS = 60.0
"""For anything that is waited for; on a machine that is not overloaded it takes a second or two."""

NOT_OURS = ("NOTIFY_SOCKET", "STATE_DIRECTORY", "RUNTIME_DIRECTORY", "WATCHDOG_USEC", "JOURNAL_STREAM")
"""What a service manager above the tests may have set for itself."""


def until(holds: Callable[[], bool], what: str, seconds: float = DEADLINE_SECONDS) -> None:
    """It holds; it is asked again and again."""
    pause, end = Event(), monotonic() + seconds
    while not holds():
        assert monotonic() < end, f"not in time: {what}"
        pause.wait(0.005)


# --- the service -----------------------------------------------------------------------------------------------


class TurnedClock(SetClock):
    """Waiting moves it for the thread that made it; other threads wait a moment of real time."""

    def __init__(self, now: Micros) -> None:
        super().__init__(now)
        self._owner = get_ident()

    def wait(self, seconds: float, wake: Event) -> bool:
        if get_ident() == self._owner:
            return super().wait(min(seconds, 1.0), wake)
        woken = wake.wait(0.01)
        wake.clear()
        return woken


@dataclass(frozen=True)
class Message:
    id: str
    headers: dict[str, str]
    body: bytes


class Receiver:
    """Takes messages whose signature holds, while it is up. `at_next` is called once, while the next one waits for its
    answer.
    """

    def __init__(self) -> None:
        self.is_up = True
        self.port = 0
        self.messages: list[Message] = []
        self.refused = 0
        self.at_next: Callable[[], None] | None = None

    def take(self, headers: dict[str, str], body: bytes) -> bool:
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = "v1," + base64.b64encode(hmac.digest(KEY, signed, "sha256")).decode()
        if not hmac.compare_digest(expected, headers["webhook-signature"]):
            self.refused += 1
            return False
        self.messages.append(Message(headers["webhook-id"], headers, body))
        strike, self.at_next = self.at_next, None
        if strike is not None:
            strike()
        return True

    def ids(self) -> set[str]:
        return {message.id for message in self.messages}

    def bodies(self, message_id: str) -> list[bytes]:
        return [message.body for message in self.messages if message.id == message_id]


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers["Content-Length"])
            body = self.rfile.read(size)
            if len(body) < size:
                # The sender was killed between the head of its message and the end.
                self.close_connection = True
                return
            if not receiver.is_up:
                with suppress(OSError):
                    self.send_response(503)
                    self.end_headers()
                return
            is_taken = receiver.take({name.lower(): value for name, value in self.headers.items()}, body)
            with suppress(OSError):
                self.send_response(204 if is_taken else 401)
                self.end_headers()

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *args: object) -> None:
            """A sender that was killed is no error here."""

    with Server(("127.0.0.1", 0), Answers) as server:
        receiver.port = server.server_port
        thread = Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


# --- the daemon ------------------------------------------------------------------------------------------------


class Watched:
    """The folder of one daemon, and its process while it runs."""

    def __init__(self, folder: Path, port: int, sources: str, rules: str, inventory: str) -> None:
        folder.mkdir()
        self.folder = folder
        self.state = folder / "state"
        self.log = folder / "daemon.log"
        self.process: subprocess.Popen[bytes] | None = None
        (folder / "sentinel.yaml").write_text(CONFIG.format(sources=sources, port=port), encoding="utf-8")
        (folder / "rules.yml").write_text(rules, encoding="utf-8")
        (folder / "inventory.yaml").write_text(inventory, encoding="utf-8")
        (folder / "master").write_bytes(MASTER)
        (folder / "hook").write_text(f"whsec_{base64.b64encode(KEY).decode()}\n", encoding="ascii")

    def start(self, *options: str) -> None:
        """`sentinel run`, in its folder, so that whatever it might leave there is found."""
        assert self.process is None
        environ = {name: value for name, value in os.environ.items() if name not in NOT_OURS}
        command = [sys.executable, "-m", "sentinel", "run", "-c", "sentinel.yaml", *options]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environ, cwd=self.folder
            )

    def kill(self) -> None:
        """As a crash: SIGKILL, whatever it is doing."""
        assert self.process is not None
        self.process.kill()
        assert self.process.wait() == -signal.SIGKILL, self.last_words()
        self.process = None

    def is_at_work(self) -> bool:
        """It answers on its socket; from then on it ends cleanly when told to."""
        assert not self.is_dead(), self.last_words()
        with suppress(NotRunning):
            return bool(self.ask("status"))
        return False

    def stop(self) -> None:
        """As the service manager does."""
        assert self.process is not None
        until(self.is_at_work, "it answers")
        self.process.terminate()
        assert self.process.wait(DEADLINE_SECONDS) == 0, self.last_words()
        self.process = None

    def let_go(self) -> None:
        """Whatever became of the test, no process is left."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def is_dead(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:])

    def has_opened_its_store(self) -> bool:
        assert self.process is not None
        for descriptor in Path(f"/proc/{self.process.pid}/fd").iterdir():
            with suppress(OSError):
                if descriptor.readlink().name == DATABASE:
                    return True
        return False

    @contextmanager
    def store(self) -> Iterator[Store]:
        """What is committed, as another process sees it. Raises StoreError and VaultError before there is any."""
        vault = Vault.open(self.state, MASTER, readonly=True)
        with Store.open(self.state, vault, readonly=True) as store:
            yield store

    def committed(self) -> int:
        """Bytes of logs judged and committed, of all streams together."""
        assert not self.is_dead(), self.last_words()
        return self.committed_so_far()

    def committed_so_far(self) -> int:
        """The same, whether it lives or not."""
        with suppress(StoreError, VaultError), self.store() as store:
            return sum(json.loads(position.state).get("at", 0) for position in store.positions())
        return 0

    def has_paid(self) -> bool:
        """Every message that is owed is marked as sent."""
        with self.store() as store:
            return {state for _, state in store.outbox_counts()} <= {"sent"}

    def ask(self, act: str, **arguments: Any) -> dict[str, Any]:
        return ask(self.state / "control.sock", act, arguments)


@contextmanager
def watched(folder: Path, port: int, sources: str, rules: str, inventory: str) -> Iterator[Watched]:
    made = Watched(folder, port, sources, rules, inventory)
    try:
        yield made
    finally:
        made.let_go()

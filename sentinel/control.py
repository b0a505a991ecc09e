"""The local socket by which commands and the board ask the running daemon to act.

Rules of this file:
1. One connection carries one request line and one answer line, both JSON, bounded in size and time.
2. The socket thread only reads, checks and waits. The main loop acts: it drains `pending()` between two blocks.
3. Who asks is what the kernel says of the peer (SO_PEERCRED, unix(7)), never what the request says; except that root,
   who could pretend anything anyhow, may say for whom it acts (sudo), so that the audit trail names a person.

What can be asked: acts.
"""

from __future__ import annotations

import json
import logging
import os
import pwd
import queue
import socket
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinel.acts import ACTS

_log = logging.getLogger(__name__)

REQUEST_BYTES = 64 * 1024
ANSWER_BYTES = 32 * 1024 * 1024
READ_SECONDS = 5.0
ANSWER_SECONDS = 30.0
CONNECTIONS = 32
SERVICE_PATH = Path("/run/sentinel/control.sock")
_MODE = 0o660


class NotRunning(Exception):
    """No daemon answers on the socket."""


class SocketTaken(Exception):
    """A live daemon already answers on the socket."""


class Refused(Exception):
    """The daemon will not do what was asked; says why, and what is possible."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Who:
    """Who is at the other end of the socket."""

    name: str
    uid: int
    pid: int


class Request:
    """One thing asked of the daemon. Exactly one of `answer` and `refuse` is to be called, once."""

    def __init__(self, act: str, arguments: Mapping[str, Any], who: Who) -> None:
        self.act = act
        self.arguments = arguments
        self.who = who
        self._answered = threading.Event()
        self._lock = threading.Lock()
        self._reply: dict[str, Any] = {}
        self._taken = False
        self._given_up = False

    def answer(self, result: Mapping[str, Any]) -> None:
        """It is done, and this is the result."""
        self._settle({"answer": dict(result)})

    def refuse(self, message: str, hint: str = "") -> None:
        """It is not done."""
        self._settle(_refusal(message, hint))

    def take(self) -> bool:
        """Take it on, and say whether somebody still waits. What nobody waits for any more must not be done."""
        with self._lock:
            self._taken = not self._given_up
            return self._taken

    def wait(self, seconds: float) -> dict[str, Any]:
        """The reply; or, where nobody took the request in that time, that nothing was done and nothing will be."""
        if self._answered.wait(seconds):
            return self._reply
        with self._lock:
            self._given_up = not self._taken
        if self._given_up:
            return _refusal("the daemon is busy and did not take the request", "nothing was changed; ask again")
        if self._answered.wait(seconds):
            return self._reply
        return _refusal(
            "the daemon took the request and has not finished it", "see what came of it before asking again"
        )

    def _settle(self, reply: dict[str, Any]) -> None:
        self._reply = reply
        self._answered.set()


class Control:
    """The daemon's end of the socket: a thread that takes requests, and a queue that the main loop drains."""

    def __init__(self, path: Path, wake: threading.Event, answer_seconds: float = ANSWER_SECONDS) -> None:
        self.path = path
        self._wake = wake
        self._answer_seconds = answer_seconds
        self._queue: queue.Queue[Request] = queue.Queue(CONNECTIONS)
        self._slots = threading.BoundedSemaphore(CONNECTIONS)
        self._listener: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self) -> None:
        """Listen. A socket file left by a crash is replaced. Raises SocketTaken where a daemon lives, OSError where the
        folder cannot be written.
        """
        if _is_alive(self.path):
            raise SocketTaken(f"another sentinel daemon answers on {self.path}")
        self._listener = _bind(self.path)
        self._thread = threading.Thread(target=self._accept, name="sentinel-control", daemon=True)
        self._thread.start()

    def pending(self) -> list[Request]:
        """Every request not yet taken whose asker still waits, oldest first."""
        requests = []
        with suppress(queue.Empty):
            while True:
                requests.append(self._queue.get_nowait())
        return [each for each in requests if each.take()]

    def stop(self) -> None:
        """Stop listening and refuse what still waits."""
        self._stopping.set()
        for request in self.pending():
            request.refuse("the daemon is stopping", "ask again when it runs")
        if self._listener is not None:
            # shutdown wakes the thread out of accept; close alone would not.
            with suppress(OSError):
                self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            with suppress(FileNotFoundError):
                self.path.unlink()
        if self._thread is not None:
            self._thread.join(READ_SECONDS)

    def _accept(self) -> None:
        assert self._listener is not None
        while not self._stopping.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                if not self._stopping.wait(0.2):
                    continue
                return
            if not self._slots.acquire(blocking=False):
                connection.close()
                continue
            threading.Thread(target=self._converse, args=(connection,), name="sentinel-request", daemon=True).start()

    def _converse(self, connection: socket.socket) -> None:
        try:
            with connection:
                connection.settimeout(READ_SECONDS)
                _send(connection, self._reply_to(connection))
        except OSError as error:
            _log.info("a request on the control socket was broken off", extra={"error": error})
        finally:
            self._slots.release()

    def _reply_to(self, connection: socket.socket) -> dict[str, Any]:
        try:
            text = _receive(connection, REQUEST_BYTES)
            request = _read(text, _peer(connection))
        except _Malformed as error:
            return _refusal(str(error))
        try:
            self._queue.put_nowait(request)
        except queue.Full:
            return _refusal("the daemon has too many requests waiting", "ask again")
        self._wake.set()
        return request.wait(self._answer_seconds)


class _Malformed(Exception):
    """The request is not one; the text is ours and quotes nothing of it."""


def ask(
    path: Path, act: str, arguments: Mapping[str, Any], timeout: float = 2 * ANSWER_SECONDS + READ_SECONDS
) -> dict[str, Any]:
    """What the daemon answers. Raises NotRunning where none does, Refused where it will not, PermissionError where the
    caller may not ask.
    """
    request: dict[str, Any] = {"act": act, "arguments": dict(arguments)}
    behalf = os.environ.get("SUDO_USER")
    if behalf and os.geteuid() == 0:
        request["behalf"] = behalf
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            connection.settimeout(timeout)
            _connect(connection, path)
            _send(connection, request)
            reply = json.loads(_receive(connection, ANSWER_BYTES))
    except (FileNotFoundError, NotADirectoryError, ConnectionError, _Malformed) as error:
        raise NotRunning(f"no sentinel daemon answers on {path}") from error
    except (TimeoutError, BlockingIOError) as error:
        raise Refused("the daemon did not answer in time", "see `systemctl status sentinel`") from error
    if "refused" in reply:
        raise Refused(reply["refused"]["message"], reply["refused"].get("hint", ""))
    answer: dict[str, Any] = reply["answer"]
    return answer


def find_path(configured: Path | None) -> Path:
    """Where a command looks for the daemon: where its configuration says, then where the packaged service listens.

    The service manager tells the service a runtime folder that a command's own environment knows nothing of.
    """
    candidates = ([configured] if configured else []) + [SERVICE_PATH]
    return next((each for each in candidates if each.exists()), candidates[0])


def _refusal(message: str, hint: str = "") -> dict[str, Any]:
    return {"refused": {"message": message, "hint": hint}}


def _read(text: bytes, peer: Who) -> Request:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _Malformed("the request is not JSON") from error
    if not isinstance(value, dict) or not isinstance(value.get("arguments", {}), dict):
        raise _Malformed("the request is not a JSON object with 'act' and 'arguments'")
    act = value.get("act")
    if act not in ACTS:
        raise _Malformed(f"the act is none of: {', '.join(ACTS)}")
    behalf = value.get("behalf")
    if peer.uid == 0 and isinstance(behalf, str) and behalf.isprintable() and 0 < len(behalf) <= 64:
        peer = Who(f"{behalf} (as {peer.name})", peer.uid, peer.pid)
    return Request(act, value.get("arguments", {}), peer)


def _peer(connection: socket.socket) -> Who:
    size = struct.calcsize("3i")
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    return Who(name, uid, pid)


def _receive(connection: socket.socket, limit: int) -> bytes:
    """One line, without its newline."""
    parts, size = [], 0
    while True:
        part = connection.recv(65_536)
        size += len(part)
        if size > limit:
            raise _Malformed(f"more than {limit} bytes in one line")
        parts.append(part)
        if part.endswith(b"\n"):
            return b"".join(parts)[:-1]
        if not part:
            raise _Malformed("the line was broken off")


def _send(connection: socket.socket, value: Mapping[str, Any]) -> None:
    connection.sendall(json.dumps(value, ensure_ascii=True).encode() + b"\n")


def _is_alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(READ_SECONDS)
        try:
            _connect(connection, path)
        except (FileNotFoundError, NotADirectoryError, ConnectionError):
            return False
        except BlockingIOError:
            # Its queue of connections is full, so somebody holds it.
            return True
    return True


def _connect(connection: socket.socket, path: Path) -> None:
    with _short_name(path.parent) as folder:
        connection.connect(f"{folder}/{path.name}")


def _bind(path: Path) -> socket.socket:
    """A listening socket at the path, in place of whatever file was there; never open to others, not for a moment."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        with _short_name(path.parent) as name:
            folder = Path(name)
            new = folder / f".{path.name}.{os.getpid()}"
            new.unlink(missing_ok=True)
            # Linux gives the file the mode of the unbound socket, less the umask; only then is it widened.
            os.fchmod(listener.fileno(), _MODE)
            listener.bind(str(new))
            new.chmod(_MODE)
            listener.listen(CONNECTIONS)
            new.rename(folder / path.name)
    except OSError:
        listener.close()
        raise
    return listener


@contextmanager
def _short_name(folder: Path) -> Iterator[str]:
    """The folder by its descriptor: unix(7) allows an address 107 bytes, and state folders may be deep."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)

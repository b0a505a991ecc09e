"""A real systemd-journald for tests, in a namespace of its own; needs root, and touches no other journal."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

DAEMON = Path("/lib/systemd/systemd-journald")
needs_journald = pytest.mark.skipif(
    not (DAEMON.exists() and shutil.which("journalctl") and os.geteuid() == 0),
    reason="needs systemd-journald, and root to run one in a namespace of its own",
)


@dataclass
class Journald:
    """`folder` is where its journal files lie."""

    namespace: str
    folder: Path

    def write(self, *messages: str, **fields: str) -> None:
        """Entries as an application writes them, on disk when this returns."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            for message in messages:
                value = message.encode()
                text = b"MESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\n"
                text += "".join(f"{name}={each}\n" for name, each in fields.items()).encode()
                sender.sendto(text, f"/run/systemd/journal.{self.namespace}/socket")
        self._control("--sync")

    def rotate(self) -> None:
        """The journal file is archived and a new one begun."""
        self._control("--rotate")

    def vacuum(self) -> None:
        """Every archived file is deleted."""
        self._control("--vacuum-files=1")

    def _control(self, what: str) -> None:
        subprocess.run(["journalctl", f"--namespace={self.namespace}", what], check=True, capture_output=True)


@contextmanager
def journald() -> Iterator[Journald]:
    """One that runs until the block ends, and leaves nothing behind."""
    namespace = f"sentinel-test-{os.getpid()}-{time.monotonic_ns()}"
    machine = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    places = [Path(f"{root}/log/journal/{machine}.{namespace}") for root in ("/var", "/run")]
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told:
        told.bind(f"{folder}/told")
        told.settimeout(10)
        running = subprocess.Popen([DAEMON, namespace], env={**os.environ, "NOTIFY_SOCKET": f"{folder}/told"})
        try:
            while b"READY=1" not in told.recv(4096):
                pass
            yield Journald(namespace, next(place for place in places if place.exists()))
        finally:
            running.terminate()
            running.wait(10)
            for place in [*places, Path(f"/run/systemd/journal.{namespace}")]:
                shutil.rmtree(place, ignore_errors=True)

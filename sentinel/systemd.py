"""What the daemon tells its service manager: ready, alive, reloading, stopping (sd_notify(3)). Silent without one.

The datagram is written here rather than by cysystemd because that knows neither EXTEND_TIMEOUT_USEC nor several facts
in one message.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping


class Supervisor:
    """The service manager, or nobody: every call does nothing where NOTIFY_SOCKET is not set."""

    def __init__(self, environ: Mapping[str, str], pid: int) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._watchdog = _watchdog_seconds(environ, pid)

    @property
    def ping_seconds(self) -> float | None:
        """How often `alive` is to be called: half of WatchdogSec. None where no watchdog waits for it."""
        return self._watchdog / 2 if self._watchdog else None

    def ready(self, status: str) -> None:
        """The watch has begun (also after a reload)."""
        self._tell("READY=1", f"STATUS={status}")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; numbers and names of sources only."""
        self._tell(f"STATUS={text}")

    def alive(self) -> None:
        """The main loop has turned. Only the main loop may say so, after a commit or an idle turn."""
        self._tell("WATCHDOG=1")

    def reloading(self) -> None:
        """A new configuration is being read; `ready` ends it."""
        self._tell("RELOADING=1", "STATUS=reading the configuration again")

    def stopping(self) -> None:
        """The last commit is being made."""
        self._tell("STOPPING=1", "STATUS=stopping")

    def needs(self, seconds: float, why: str) -> None:
        """Start or stop takes up to that much longer, so the manager should not lose patience."""
        self._tell(f"EXTEND_TIMEOUT_USEC={round(seconds * 1_000_000)}", f"STATUS={why}")

    def _tell(self, *facts: str) -> None:
        if not self._address:
            return
        # A leading @ is how the manager writes an address in the abstract namespace.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        text = "\n".join(each.replace("\n", " ") for each in facts)
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
                channel.settimeout(0)
                channel.sendto(text.encode(), address)
        except OSError:
            # A manager that does not listen must never stop the watch; its watchdog will say so.
            return


def _watchdog_seconds(environ: Mapping[str, str], pid: int) -> float | None:
    """sd_watchdog_enabled(3): WATCHDOG_USEC counts only for the process that WATCHDOG_PID names."""
    if environ.get("WATCHDOG_PID", str(pid)) != str(pid):
        return None
    text = environ.get("WATCHDOG_USEC", "")
    return int(text) / 1_000_000 if text.isdigit() and int(text) > 0 else None

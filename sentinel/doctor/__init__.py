"""What can be said of an installation by looking at it. A new check is one function here and one line in `CHECKS`."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.doctor import machine, state, watch
from sentinel.doctor.base import Check, Diagnosis, Installation, Verdict

__all__ = ["CHECKS", "Diagnosis", "Installation", "Verdict", "examine"]

CHECKS: dict[str, Check] = {
    "configuration": watch.configuration,
    "rules": watch.rules,
    "sources": watch.sources,
    "channels": watch.channels,
    "daemon": watch.daemon,
    "state": state.store,
    "permissions": state.permissions,
    "disk": state.disk,
    "backups": state.copies,
    "clock": machine.clock,
    "inotify": machine.inotify,
    "files": machine.files,
}
"""Every check by the name under which it is shown, in that order."""


def examine(installation: Installation) -> Iterator[Diagnosis]:
    """What every check has to say."""
    for check in CHECKS.values():
        yield from check(installation)

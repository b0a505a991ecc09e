"""The machine it runs on: its clock, what it lets a process watch, how many files it may hold open."""

from __future__ import annotations

import glob
import os
import resource
from collections.abc import Iterator

from sentinel.doctor.base import Diagnosis, Installation, doubtful, well

SYNCHRONISED = "run/systemd/timesync/synchronized"
DAEMONS = ("run/chrony", "run/ntpd.pid", "var/run/ntpd.pid", "run/openntpd")
RESERVE = 64
"""Descriptors for everything that is not a log."""


def clock(installation: Installation) -> Iterator[Diagnosis]:
    """Whether somebody keeps the clock right: deadlines are counted on it."""
    if (installation.system / SYNCHRONISED).exists():
        yield well("clock", "it is kept by systemd-timesyncd")
    elif any((installation.system / name).exists() for name in DAEMONS):
        yield well("clock", "a time service runs")
    else:
        mend = "timedatectl set-ntp true, or install chrony; not needed in a guest whose host keeps the clock"
        yield doubtful("clock", "no time service was found on this machine", mend)


def inotify(installation: Installation) -> Iterator[Diagnosis]:
    """Whether folders can be watched; where not, they are looked at every second."""
    folders = {os.path.dirname(path) for path in _logs(installation)}  # noqa: PTH120  (text, not a file)
    for name, wanted in (("max_user_watches", len(folders)), ("max_user_instances", 1)):
        path = installation.system / "proc/sys/fs/inotify" / name
        try:
            allowed = int(path.read_text())
        except (OSError, ValueError):
            continue
        if allowed < 8 * max(1, wanted):
            mend = f"sysctl fs.inotify.{name}={max(8192, 64 * wanted)}; until then lines are seen a second later"
            yield doubtful("inotify", f"{name} is {allowed}", mend)
            return
    yield well("inotify", f"{len(folders)} folders to watch, within what the machine allows")


def files(installation: Installation) -> Iterator[Diagnosis]:
    """Whether every log can be held open at once; where not, those that rest are closed in between."""
    count = len(_logs(installation))
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if count + RESERVE > allowed:
        mend = "LimitNOFILE= in the unit; until then logs at rest are closed and opened again"
        yield doubtful("files", f"{count} logs, and this process may hold {allowed} files open", mend)
    else:
        yield well("files", f"{count} logs, {allowed} files may be open")


def _logs(installation: Installation) -> list[str]:
    sources = installation.loaded.sources if installation.loaded else ()
    patterns = [pattern for source in sources for pattern in getattr(source.options, "paths", ())]
    return [path for pattern in patterns for path in glob.glob(pattern, recursive=True)]  # noqa: PTH207  (patterns are absolute text)

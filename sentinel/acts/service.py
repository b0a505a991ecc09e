"""What is asked and answered about the daemon itself, and the report."""

from __future__ import annotations

from typing import NotRequired, TypedDict


class ReportArguments(TypedDict):
    """Days as 2026-03-01, or moments with their offset; without them the last 30 days."""

    since: NotRequired[str | None]
    until: NotRequired[str | None]


class StatusAnswer(TypedDict):
    """`http` is the address of the pages, None where they are off."""

    version: str
    pid: int
    started_at: str
    config: str
    rules: int
    sources: int
    http: str | None


class ReloadAnswer(TypedDict):
    """Whether the new configuration is at work, and the problems found in it (they are in the daemon's log too)."""

    reloaded: bool
    problems: list[str]

"""docs/benchmarks.md: two runs write it, each its own part and never the other's."""

from __future__ import annotations

from pathlib import Path

PEERS = "## Beside SEC, mtail and fail2ban"
"""The heading of the part that `make bench-peers` writes, the last of the page."""


def keep(path: Path, peers: str) -> None:
    """Write the part about peers anew and leave all before it."""
    rest, _ = _parts(path)
    path.write_text(f"{rest.rstrip()}\n\n{peers}", encoding="utf-8")


def write(path: Path, rest: str) -> None:
    """Write all but the part about peers anew."""
    _, peers = _parts(path)
    path.write_text(f"{rest.rstrip()}\n\n{peers}" if peers else rest, encoding="utf-8")


def _parts(path: Path) -> tuple[str, str]:
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    rest, heading, peers = text.partition(PEERS)
    return rest, heading + peers

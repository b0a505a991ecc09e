"""Where somebody who got a message can act on its case."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Link:
    """What stands on it, and the address, which is a secret."""

    label: str
    url: str = field(repr=False)

"""What every source can be told in sentinel.yaml, whatever its type."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros
from sentinel.durations import Duration

_UNITS: dict[str, Micros] = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_HISTORY = r"^(all|[0-9]{1,6}[smhd])$"

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
History = Annotated[str, StringConstraints(pattern=_HISTORY)]


class SourceOptions(BaseModel):
    """`start` says where the files that exist at the very first start begin; later ones always begin at byte 0.

    `history` is how far before the first start an event may have happened and still be treated as new: a whole number
    with s, m, h or d, or `all`. `silence` is for how long nothing may come before that is found and told.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    name: Name
    type: str
    silence: Duration | None = None
    start: Literal["beginning", "end"] = "beginning"
    history: History = "24h"

    def historical_before(self, first: Micros) -> Micros:
        """Events before this moment are history to a source first started at `first`; 0 where nothing is."""
        return max(0, first - reach(self.history)) if self.history != "all" else 0


def reach(text: str) -> Micros:
    """The duration written as a whole number with s, m, h or d. Raises ValueError for anything else."""
    if not re.fullmatch(r"[0-9]{1,6}[smhd]", text):
        raise ValueError(f"'{text}' is not a duration such as 30m or 24h")
    return int(text[:-1]) * _UNITS[text[-1]]

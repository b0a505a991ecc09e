"""What is said when a channel refuses messages for good; it is about no case."""

from __future__ import annotations

from sentinel.cases.drill import of_no_case
from sentinel.cases.identity import CROCKFORD
from sentinel.clock import Micros, rfc3339
from sentinel.model import Notification

KEY = "broken"
"""The occasion of a channel that does not take messages any more."""

_DIGITS = 12


def broken(channel: str, reason: str, now: Micros) -> Notification:
    """For those whom other channels still reach. `reason` is the channel's own, so harmless."""
    return of_no_case(
        "CHANNEL-" + "".join(CROCKFORD[(now >> (5 * place)) & 31] for place in reversed(range(_DIGITS))),
        KEY,
        f"Channel '{channel}' is broken",
        f"Channel '{channel}' does not take messages any more: who reads it hears of no case",
        (f"Why: {reason}", f"Since: {rfc3339(now)}", "What it refused is kept."),
        f"Mend it, then `sentinel channel resend {channel}`. `sentinel channel list` shows how all stand.",
        now,
    )

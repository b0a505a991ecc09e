"""The end of the audit chain as a message: kept by whoever gets it, it shows that nothing before it was changed."""

from __future__ import annotations

from sentinel.cases.drill import of_no_case
from sentinel.clock import Micros, rfc3339
from sentinel.model import Notification

KEY = "head"


def signed_text(head: str) -> bytes:
    """What is signed of a head, `NUMBER:DIGEST`."""
    return f"sentinel audit head {head}".encode()


def head_message(head: str, signature: str, public_key: str, now: Micros) -> Notification:
    """The head, signed, on its way out of the machine."""
    return of_no_case(
        f"HEAD-{now}",
        KEY,
        "Head of Sentinel's audit chain",
        "Sentinel's audit chain, to be kept: it shows later that nothing up to here was changed or taken away.",
        (f"Head: {head}:{signature}", f"Signing key: {public_key}", f"When: {rfc3339(now)}"),
        "Keep this. To check: sentinel audit verify --head with what stands behind Head.",
        now,
    )

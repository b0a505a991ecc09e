"""What Slack says when somebody presses a button in a message: whether it is Slack's, and what is asked.

Rules of this file: nothing of a request is believed before its signature is; a request is good for five minutes, so
that who has recorded one cannot use it later, and whoever acts on it remembers it for longer than that.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

import orjson

from sentinel.channels.slack import ACTIONS, REASON_FIELD
from sentinel.clock import MINUTE, SECOND, Micros

WINDOW: Micros = 5 * MINUTE
"""How far the time of a request may be from now, as Slack advises."""

_LONGEST_REASON = 2000


@dataclass(frozen=True, slots=True)
class Pressed:
    """Who pressed which button on which case, with what beside it; `answer_to` is where Slack takes an answer."""

    user: str
    act: str
    case_id: str
    reason: str
    answer_to: str


def is_slacks(secret: str, body: str, timestamp: str, signature: str, now: Micros) -> bool:
    """The request was signed with this secret, not long ago.

    https://docs.slack.dev/authentication/verifying-requests-from-slack
    """
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        return False
    if abs(int(timestamp) * SECOND - now) > WINDOW:
        return False
    signed = f"v0:{timestamp}:{body}".encode()
    expected = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def pressed(body: str) -> Pressed | None:
    """What was pressed; None where the request is about anything else."""
    try:
        payload = orjson.loads(parse_qs(body, max_num_fields=10)["payload"][0])
        if payload["type"] != "block_actions":
            return None
        (action,) = payload["actions"]
        act = ACTIONS.get(action["action_id"])
        if act is None:
            return None
        values = payload.get("state", {}).get("values", {})
        return Pressed(
            user=str(payload["user"]["id"]),
            act=act,
            case_id=str(action["value"]),
            reason=_reason(values).strip()[:_LONGEST_REASON],
            answer_to=str(payload.get("response_url") or ""),
        )
    except (AttributeError, KeyError, IndexError, TypeError, ValueError):
        return None


def _reason(values: dict[str, Any]) -> str:
    """What stands in the input, which is below the block it is shown in."""
    return next((str(block[REASON_FIELD]["value"] or "") for block in values.values() if REASON_FIELD in block), "")

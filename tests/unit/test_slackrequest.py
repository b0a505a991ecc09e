"""Whether a request is Slack's, with the example of its own documentation, and what it asks for."""

from __future__ import annotations

import json
from urllib.parse import urlencode

from hypothesis import given
from hypothesis import strategies as st

from sentinel.clock import MINUTE, SECOND
from sentinel.slackrequest import Pressed, is_slacks, pressed

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SECONDS = "1531420618"
BODY = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar"
    "&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com"
    "%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)
SIGNATURE = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503"
"""Slack's own example: https://docs.slack.dev/authentication/verifying-requests-from-slack"""

NOW = int(SECONDS) * SECOND


def test_slacks_own_example_is_slacks() -> None:
    assert is_slacks(SECRET, BODY, SECONDS, SIGNATURE, NOW)
    assert is_slacks(SECRET, BODY, SECONDS, SIGNATURE, NOW + 5 * MINUTE)


def test_anything_else_is_not() -> None:
    assert not is_slacks(SECRET, BODY, SECONDS, SIGNATURE, NOW + 5 * MINUTE + 1)
    assert not is_slacks(SECRET, BODY, SECONDS, SIGNATURE, NOW - 5 * MINUTE - 1)
    assert not is_slacks(SECRET + "a", BODY, SECONDS, SIGNATURE, NOW)
    assert not is_slacks(SECRET, BODY + "&a=1", SECONDS, SIGNATURE, NOW)
    assert not is_slacks(SECRET, BODY, str(int(SECONDS) + 1), SIGNATURE, NOW)
    for signature in ("", "v0=", SIGNATURE.upper(), SIGNATURE[:-1], "v0=ü"):
        assert not is_slacks(SECRET, BODY, SECONDS, signature, NOW)
    for seconds in ("", "-1", "1e9", "٣", "9" * 40, " " + SECONDS):
        assert not is_slacks(SECRET, BODY, seconds, SIGNATURE, NOW)


def a_request(**changes: object) -> str:
    payload = {
        "type": "block_actions",
        "user": {"id": "U1"},
        "actions": [{"action_id": "sentinel_confirm", "value": "C-1"}],
        "state": {"values": {"x": {"reason": {"value": " seen "}}}},
        "response_url": "https://hooks.slack.com/actions/1",
    }
    return urlencode({"payload": json.dumps(payload | changes)})


def test_what_was_pressed_is_read_with_the_reason_beside_it() -> None:
    answer_to = "https://hooks.slack.com/actions/1"
    assert pressed(a_request()) == Pressed("U1", "confirm", "C-1", "seen", answer_to)
    no_reason = a_request(state={"values": {"x": {"reason": {"value": None}}}})
    assert pressed(no_reason) == Pressed("U1", "confirm", "C-1", "", answer_to)


def test_what_is_no_button_of_ours_is_nothing() -> None:
    other = {"action_id": "other", "value": "C-1"}
    both = {"action_id": "sentinel_confirm", "value": "C-1"}
    wrong: tuple[dict[str, object], ...] = (
        {"type": "view_submission"},
        {"actions": []},
        {"actions": [other]},
        {"actions": [both, both]},
    )
    for changes in wrong:
        assert pressed(a_request(**changes)) is None
    assert pressed(a_request(user=None)) is None
    assert pressed(a_request(state={"values": 7})) is None


@given(text=st.text())
def test_any_text_is_a_request_or_nothing(text: str) -> None:
    assert pressed(text) is None
    assert pressed(urlencode({"payload": text}, errors="replace")) is None

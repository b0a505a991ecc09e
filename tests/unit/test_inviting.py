"""Which links a message has for whom, and that none is taken for another."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from sentinel.cases.wording import notice
from sentinel.channels import TYPES, make
from sentinel.channels.base import ChannelOptions
from sentinel.inviting import ActingOptions, Inviter, acts_on, digest_of, is_genuine, new_token
from sentinel.model import Notification, State
from tests.unit.cases_fixtures import NOW, a_case
from tests.unit.test_channels_chats import OPTIONS, SECRETS, a_channel, values

KEY = b"k" * 32
ACTING = ActingOptions(
    listen="127.0.0.1:9109",
    url="https://sentinel.example.org/act/",
    people={"kim": {"email": "Kim@Example.org", "slack": "U024BE7LH"}, "lee": {"email": "lee@example.org"}},
)


def options(kind: str, **changes: Any) -> ChannelOptions:
    return TYPES[kind][0].model_validate({"type": kind, **OPTIONS[kind], **changes})


def invited(
    kind: str = "webhook", key: str = "opened", case: dict[str, Any] | None = None, **changes: Any
) -> Notification:
    """The message of an open case as a channel of that kind is to carry it."""
    inviter = Inviter(ACTING, {"soc": options(kind, **changes)}, KEY)
    return inviter(notice(a_case(**(case or {})), key, NOW), "soc")[0]


def labels(notification: Notification) -> list[str]:
    return [link.label for link in notification.links]


@pytest.mark.parametrize(
    ("to", "found"),
    [
        (["kim@example.org"], ["Acknowledge", "Confirm or dismiss"]),
        (["KIM@example.ORG"], ["Acknowledge", "Confirm or dismiss"]),
        (["kim@example.org", "lee@example.org"], ["Acknowledge"]),
        (["soc@example.org"], ["Acknowledge"]),
    ],
)
def test_what_decides_a_case_goes_to_one_known_person_alone(to: list[str], found: list[str]) -> None:
    assert labels(invited("email", to=to)) == found


@pytest.mark.parametrize(
    "key", ["confirmed", "dismissed", "notified", "closed", "digest", "storm-1", "test", "task-1-due"]
)
def test_a_message_that_asks_for_nothing_has_no_link(key: str) -> None:
    assert labels(invited(key=key)) == []


@pytest.mark.parametrize("key", ["opened", "escalated-high", "grew-100", "24h-left", "overdue", "unacknowledged-30m"])
def test_a_message_that_asks_for_something_has_a_link(key: str) -> None:
    assert labels(invited(key=key)) == ["Acknowledge"]


def test_there_is_no_link_for_what_is_done() -> None:
    assert labels(invited("email", to=["kim@example.org"], case={"acknowledged_at": NOW})) == ["Confirm or dismiss"]
    assert labels(invited("email", to=["kim@example.org"], case={"state": State.CONFIRMED})) == []
    assert labels(invited("email", to=["kim@example.org"], case={"kind": "sar"})) == ["Acknowledge"]
    assert acts_on(a_case(state=State.DISMISSED), "decide") == ()


def test_a_channel_that_keeps_or_does_not_want_links_has_none() -> None:
    without = [kind for kind, (model, _) in TYPES.items() if not model.model_fields["links"].default]
    assert without == ["alertmanager", "elasticsearch", "journal", "syslog"]
    assert [kind for kind in OPTIONS if not labels(invited(kind))] == without
    assert labels(invited(links=False)) == []
    bot: dict[str, Any] = {"token": {"env": "token"}, "channel": "C1", "signing_secret": {"env": "token"}}
    bot["url"] = None
    assert labels(invited("slack", **bot)) == []
    with pytest.raises(ValidationError):
        options("journal", links=True)


@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"alertmanager", "elasticsearch", "journal", "syslog"}))
def test_every_channel_shows_the_links_and_no_other_address(kind: str) -> None:
    plain, carried = invited(kind, links=False), invited(kind)
    (link,) = carried.links
    channel = a_channel(kind)
    shown, without = ("".join(values(kind, channel.render(each))).replace("=\r\n", "") for each in (carried, plain))
    expected = 2 if kind == "email" else 1
    assert shown.count(link.url) == expected
    assert shown.count("://") == without.count("://") + expected
    assert shown.count(link.label) >= expected


def test_a_bot_in_slack_has_buttons_and_a_field_for_the_reason() -> None:
    bot = {"url": None, "token": {"env": "token"}, "channel": "C1", "signing_secret": {"env": "key"}}
    made = make("soc", {"type": "slack", **bot}, lambda reference: SECRETS[reference.env or ""])
    body = made.render(notice(a_case(), "opened", NOW)).decode()
    for word in ("sentinel_acknowledge", "sentinel_confirm", "sentinel_dismiss", "plain_text_input"):
        assert body.count(word) == 1
    assert SECRETS["key"] not in body
    closed = made.render(notice(a_case(state=State.CLOSED), "closed", NOW)).decode()
    assert "sentinel_" not in closed


def test_a_token_is_for_one_case_one_act_and_one_person() -> None:
    token = new_token(KEY, "C-1", "decide", "kim", b"n" * 16)
    assert is_genuine(KEY, token, "C-1", "decide", "kim")
    for other in (
        ("C-2", "decide", "kim"),
        ("C-1", "acknowledge", "kim"),
        ("C-1", "decide", "lee"),
        ("C-1", "decide", ""),
    ):
        assert not is_genuine(KEY, token, *other)
    assert not is_genuine(b"o" * 32, token, "C-1", "decide", "kim")
    for wrong in ("", "A", "ü", token[:-1], token + "A", token + "=", "A" * 43):
        assert not is_genuine(KEY, wrong, "C-1", "decide", "kim")


def test_each_message_has_a_token_of_its_own_and_its_hash_is_what_is_remembered() -> None:
    inviter = Inviter(ACTING, {"soc": options("webhook")}, KEY)
    made = [inviter(notice(a_case(), "opened", NOW), "soc") for _ in range(2)]
    tokens = [message.links[0].url.rpartition("/")[2] for message, _ in made]
    assert len(set(tokens)) == 2
    assert [digest_of(token) for token in tokens] == [invitation.digest for _, (invitation,) in made]
    assert not any(token in repr(each) for token in tokens for each in made)
    assert all(url.startswith("https://sentinel.example.org/act/") for url in (m.links[0].url for m, _ in made))


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "http://sentinel.example.org/act"},
        {"url": "https://kim:x@sentinel.example.org"},
        {"url": "https://sentinel.example.org/?a=1"},
        {"url": "sentinel.example.org"},
        {"links_last": 0},
        {"people": {"kim": {"email": "kim"}}},
        {"people": {"kim": {"slack": "kim"}}},
        {"people": {"kim (admin)": {}}},
        {"certificate": "a.pem"},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ActingOptions.model_validate({"listen": "127.0.0.1:1", "url": "https://sentinel.example.org", **wrong})

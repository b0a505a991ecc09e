"""What holds for every channel, whatever its service: nothing of a value is live, limits hold, repeats say so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinel.cases.wording import notice
from sentinel.channels import TYPES, make
from sentinel.channels.base import Attempt, Channel, ChannelError, Later, Never, Sent
from sentinel.channels.safety import REPEAT, clean, cut, utf8_size
from sentinel.model import Level, Notification, State
from sentinel.secrets import SecretRef
from tests.unit.cases_fixtures import HOSTILE, NOW, a_case, a_finding, judged, texts
from tests.unit.loopback import Answer, Service, service

URL = "https://hooks.example.org/services/T0SECRET"
CHATS = ("discord", "google_chat", "mattermost", "slack", "teams")
CORPUS = (
    HOSTILE,
    "[Reset password](https://evil.example/x) ![x](https://evil.example/p.png)",
    "<a href='https://evil.example'>x</a><img src=x onerror=alert(1)>",
    "**bold** __under__ ~~gone~~ ||spoiler|| `code` ```block``` > quote # head - item",
    "<@&789> <#123> <users/all> <!here|here> @here @channel @all",
    "{{ 7*7 }} {% raw %} ${jndi:ldap://evil.example/a} %s %n",
    "a\r\nBcc: everybody@evil.example\r\n\r\nhello",
    "\u202etxt.exe\u202c \u2066x\u2069 \u200bzero\u200d\ufeff \ud800",
    "www.evil.example mailto:kim@evil.example",
    "x" * 100_000,
)
LIVE: dict[str, re.Pattern[str]] = {
    "alertmanager": re.compile(r"[\r\x00-\x09\x0b-\x1f]"),
    "apprise": re.compile(r"[<>@`*~\[\]]|\w://"),
    "command": re.compile(r"[<>&\r\n\x00-\x1f]"),
    "discord": re.compile(r"(?<!\\)(?:\\\\)*[*_~`|<\[\]>()]|@(?!\u200b)|\w://"),
    "elasticsearch": re.compile(r"[\r\n\x00-\x1f]"),
    "email": re.compile(r"(?!)"),
    "google_chat": re.compile(r"[<>~`_]|\w://"),
    "journal": re.compile(r"[\r\x00-\x09\x0b-\x1f]"),
    "mattermost": re.compile(r"(?<!\\)(?:\\\\)*[*_~`|<\[\]>()]|@(?!\u200b)|\w://"),
    "pagerduty": re.compile(r"[\r\n\x00-\x1f]"),
    "slack": re.compile(r"[<>]|\w://"),
    "syslog": re.compile(r"[\r\n\x00-\x1f]"),
    "teams": re.compile(r"\w://|www\."),
    "webhook": re.compile(r"[<>&\r\n\x00-\x1f]"),
}
"""What, for each type, would be read as markup, a mention, a link or another line where values stand."""

OPTIONS: dict[str, dict[str, Any]] = {
    "alertmanager": {"url": "https://alerts.example.org"},
    "apprise": {"url": {"env": "json"}},
    "command": {"command": ["/bin/true"]},
    "elasticsearch": {"urls": ["https://search.example.org"]},
    "email": {"host": "mail.example.org", "sender": "sentinel@example.org", "to": ["dpo@example.org"]},
    "journal": {},
    "pagerduty": {"routing_key": {"env": "key"}},
    "syslog": {},
    "webhook": {"url": URL, "secret": {"env": "hook"}},
    **{kind: {"url": {"env": "url"}} for kind in CHATS},
}
SECRETS = {
    "url": URL,
    "key": "R" * 32,
    "hook": "whsec_" + "A" * 40,
    "json": "jsons://hooks.example.org/T0SECRET",
    "token": "xoxb-T0SECRET",
}


def a_channel(kind: str, secret: str | None = None, **options: Any) -> Channel:
    given_options = {"type": kind, **OPTIONS[kind], **options}
    return make("soc", given_options, lambda reference: secret or SECRETS[reference.env or ""])


def hostile(text: str) -> Notification:
    """A message of a case in which every value that could come from elsewhere is this text."""
    finding = a_finding(title=text, systems=(text,), rule=text, categories=(text,))
    return judged(finding, key_tags=(("access.actor", text),)).owed[0]


def values(kind: str, body: bytes) -> list[str]:
    """The texts of a message in which values stand: without the few that are always the same."""
    if kind in {"command", "email", "syslog", "webhook"}:
        return [body.decode()]
    if kind == "elasticsearch":
        body = body.partition(b"\n")[2]  # the first line says where it goes
    fixed = {"http://adaptivecards.io/schemas/adaptive-card.json", "application/vnd.microsoft.card.adaptive"}
    found = [text for text in texts(json.loads(body)) if text not in fixed and not text.startswith("msg_")]
    if kind in {"alertmanager", "journal", "apprise", "slack", "discord", "mattermost", "google_chat"}:
        return [line for text in found for line in text.split("\n")]
    return found


def test_every_type_is_tested_here() -> None:
    assert set(OPTIONS) == set(LIVE) == set(TYPES)


@pytest.mark.parametrize("text", CORPUS, ids=range(len(CORPUS)))
@pytest.mark.parametrize("kind", TYPES)
def test_nothing_that_a_value_holds_is_live(kind: str, text: str) -> None:
    shown = values(kind, a_channel(kind).render(hostile(text)))
    if kind == "mattermost":
        shown = [line.removeprefix("#### ") for line in shown]
    if kind == "google_chat":
        shown = [line[1:-1] if line.startswith("*") and line.endswith("*") else line for line in shown]
        assert not any("*" in line for line in shown)
    assert [line for line in shown if LIVE[kind].search(line)] == []
    hidden = re.compile("[\u200d\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\x1b\x9b\ud800-\udfff]")
    assert [line for line in shown if hidden.search(line)] == []


@settings(deadline=None)
@given(text=st.text(max_size=400))
@pytest.mark.parametrize("kind", TYPES)
def test_any_text_makes_a_message(kind: str, text: str) -> None:
    body = a_channel(kind).render(hostile(text))
    assert [line for line in values(kind, body) if LIVE[kind].search(line.removeprefix("#### ").strip("*"))] == []


@pytest.mark.parametrize("kind", sorted(set(TYPES) - {"elasticsearch"}))  # a document is read by machines
def test_a_message_shows_the_case_its_deadline_and_what_to_do(kind: str) -> None:
    notification = judged(a_finding()).owed[0]
    body = a_channel(kind).render(notification)
    shown = " ".join(values(kind, body)).replace("\\", "").replace("\u200b", "").replace("=\r\n", "")
    assert notification.case.id in shown
    assert notification.id.encode() in body.replace(b"\\", b"").replace("\u02cd".encode(), b"_")
    assert "2026-03-07T02:00:00Z" in shown
    assert f"sentinel case show {notification.case.id}" in shown
    assert "50 people" in shown


@pytest.mark.parametrize("kind", TYPES)
def test_the_same_message_is_always_the_same_bytes(kind: str) -> None:
    notification = judged(a_finding()).owed[0]
    assert a_channel(kind).render(notification) == a_channel(kind).render(notification)


@pytest.mark.parametrize(
    ("kind", "limit"),
    [("discord", 6000), ("google_chat", 32_000), ("mattermost", 4000), ("teams", 20_000), ("pagerduty", 512_000)],
)
@pytest.mark.parametrize("sign", ["&", "<", "*", "ü", "\U0001f512"])
def test_the_limits_of_the_service_hold_for_the_longest_case(kind: str, limit: int, sign: str) -> None:
    finding = a_finding(title=sign * 5000, systems=(sign * 5000,) * 90, rule=sign * 5000, categories=(sign * 900,) * 9)
    body = a_channel(kind).render(judged(finding).owed[0])
    message = json.loads(body)
    if kind == "discord":
        (embed,) = message["embeds"]
        assert len(embed["title"]) <= 256
        assert len(embed["description"]) <= 4096
        assert sum(map(len, (embed["title"], embed["description"], embed["footer"]["text"]))) <= limit
    elif kind == "mattermost":
        assert len(message["text"]) <= limit
    elif kind == "pagerduty":
        assert len(message["payload"]["summary"]) <= 1024
        assert len(body) <= limit
    else:
        assert len(body) <= limit


def posted(channel: Channel, there: Service, attempt: Attempt) -> dict[str, Any]:
    assert isinstance(channel.send(attempt), Sent)
    return dict(json.loads(there.received[-1].body))


@pytest.mark.parametrize("kind", CHATS)
def test_a_message_is_posted_as_it_was_rendered_and_a_repeat_says_that_it_may_be_one(kind: str) -> None:
    with service() as there:
        channel = a_channel(kind, there.url, allow_private=True)
        body = channel.render(judged(a_finding()).owed[0])
        assert posted(channel, there, Attempt("msg_1", body, NOW)) == json.loads(body)
        assert REPEAT in "\n".join(texts(posted(channel, there, Attempt("msg_1", body, NOW, may_have_arrived=True))))


@pytest.mark.parametrize("kind", CHATS)
def test_a_revoked_address_is_never_and_a_busy_service_later(kind: str) -> None:
    with service(Answer(404), Answer(429, {"Retry-After": "7"}), Answer(503)) as there:
        channel = a_channel(kind, there.url, allow_private=True)
        outcomes = [channel.send(Attempt("msg_1", b"{}", NOW)) for _ in range(3)]
    assert outcomes == [Never("status 404"), Later("status 429", 7.0), Later("status 503")]
    assert "T0SECRET" not in repr(channel)


@pytest.mark.parametrize("kind", CHATS)
@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("T0SECRET", "is no web address"),
        ("https://[T0SECRET/", "is no web address"),
        ("http://hooks.example.org/T0SECRET", "is an address without TLS"),
    ],
)
def test_an_address_of_the_wrong_form_is_refused_without_being_shown(kind: str, url: str, message: str) -> None:
    with pytest.raises(ChannelError, match=message) as error:
        a_channel(kind, url)
    assert "T0SECRET" not in str(error.value)
    assert str(SecretRef(env="url")) in str(error.value)


def test_discord_is_told_to_mention_nobody() -> None:
    message = json.loads(a_channel("discord").render(hostile("@everyone")))
    assert message["allowed_mentions"] == {"parse": []}
    assert "content" not in message


def test_a_teams_card_holds_text_runs_only() -> None:
    message = json.loads(a_channel("teams").render(judged(a_finding()).owed[0]))
    card = message["attachments"][0]["content"]
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert {run["type"] for block in card["body"] for run in block["inlines"]} == {"TextRun"}
    assert set(card) == {"$schema", "type", "version", "msteams", "body"}


def test_the_messages_of_a_case_are_one_thread_in_google_chat() -> None:
    with service() as there:
        channel = a_channel("google_chat", there.url + "?key=K", allow_private=True)
        keys = []
        for key in ("opened", "24h-left"):
            notification = notice(a_case(), key, NOW)
            keys.append(posted(channel, there, Attempt("m", channel.render(notification), NOW))["thread"]["threadKey"])
    assert keys == [a_case().id] * 2
    assert there.received[0].path.endswith("?key=K&messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD")


# --- a bot in Slack ------------------------------------------------------------------------------------------


def a_bot(there: Service) -> Channel:
    options = {"url": None, "token": {"env": "token"}, "channel": "C1", "allow_private": True}
    return make(
        "soc",
        {"type": "slack", "api": there.url, **options},
        lambda reference: SECRETS[reference.env or ""],
    )


def said(**answer: object) -> Answer:
    return Answer(body=json.dumps(answer).encode())


def test_a_bots_first_message_is_the_head_of_the_thread() -> None:
    with service(said(ok=True, channel="C1", ts="17.5")) as there:
        bot = a_bot(there)
        outcome = bot.send(Attempt("msg_1", bot.render(judged(a_finding()).owed[0]), NOW))
    assert outcome == Sent("posted", "C1/17.5")
    (first,) = there.received
    assert first.path.endswith("/chat.postMessage")
    assert first.headers["authorization"] == "Bearer xoxb-T0SECRET"
    assert {"thread_ts", "reply_broadcast"}.isdisjoint(json.loads(first.body))


@pytest.mark.parametrize(("key", "pressing"), [("24h-left", False), ("overdue", True), ("escalated-critical", True)])
def test_what_comes_later_is_put_under_it_and_the_head_shows_the_newest_state(key: str, pressing: bool) -> None:
    with service(said(ok=True, channel="C1", ts="18.0")) as there:
        bot = a_bot(there)
        bot.send(Attempt("msg_2", bot.render(notice(a_case(), key, NOW)), NOW, thread="C1/17.5"))
    reply, head = (json.loads(each.body) for each in there.received)
    assert (reply["thread_ts"], reply["reply_broadcast"], reply["channel"]) == ("17.5", pressing, "C1")
    assert there.received[1].path.endswith("/chat.update")
    assert (head["ts"], head["channel"], head["blocks"]) == ("17.5", "C1", reply["blocks"])


def test_a_head_that_cannot_be_changed_does_not_make_the_reply_go_twice() -> None:
    with service(said(ok=True, channel="C1", ts="18.0"), said(ok=False, error="cant_update_message")) as there:
        bot = a_bot(there)
        outcome = bot.send(Attempt("msg_2", bot.render(notice(a_case(), "24h-left", NOW)), NOW, thread="C1/17.5"))
    assert isinstance(outcome, Sent)
    assert "earlier state" in outcome.detail


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (said(ok=False, error="ratelimited"), Later("Slack says ratelimited")),
        (said(ok=False, error="invalid_auth"), Never("Slack says invalid_auth")),
        (said(ok=False, error="<!channel> kim@example.org"), Never("Slack says no")),
        (Answer(body=b"<html>"), Later("the answer is not one of Slack's")),
        (Answer(429, {"Retry-After": "30"}), Later("status 429", 30.0)),
    ],
)
def test_an_answer_of_slack_says_whether_it_was_posted(answer: Answer, outcome: object) -> None:
    with service(answer) as there:
        bot = a_bot(there)
        assert bot.send(Attempt("msg_1", bot.render(judged(a_finding()).owed[0]), NOW)) == outcome


# --- PagerDuty and Alertmanager ------------------------------------------------------------------------------


def events(kind: str, *notifications: Notification) -> list[Any]:
    channel = a_channel(kind)
    return [json.loads(channel.render(notification)) for notification in notifications]


def test_the_states_of_a_case_ring_acknowledge_and_resolve_one_incident() -> None:
    found = events(
        "pagerduty",
        notice(a_case(), "opened", NOW),
        notice(a_case(state=State.CONFIRMED), "confirmed", NOW),
        notice(a_case(state=State.CONFIRMED), "6h-left", NOW),
        notice(a_case(state=State.NOTIFIED), "notified", NOW),
        notice(a_case(state=State.CLOSED), "closed", NOW),
        notice(a_case(state=State.DISMISSED), "dismissed", NOW),
    )
    actions = [event["event_action"] for event in found]
    assert actions == ["trigger", "acknowledge", "trigger", "acknowledge", "resolve", "resolve"]
    assert {event["dedup_key"] for event in found} == {a_case().id}
    assert [event for event in found if ("payload" in event) != (event["event_action"] == "trigger")] == []


def test_the_routing_key_is_sent_and_not_stored() -> None:
    with service() as there:
        channel = a_channel("pagerduty", allow_private=True, url=there.url)
        body = channel.render(notice(a_case(), "opened", NOW))
        assert b"RRRR" not in body
        assert posted(channel, there, Attempt("msg_1", body, NOW))["routing_key"] == "R" * 32


def test_a_routing_key_of_the_wrong_form_is_refused_without_being_shown() -> None:
    with pytest.raises(ChannelError, match="is no routing key") as error:
        a_channel("pagerduty", "T0SECRET")
    assert "T0SECRET" not in str(error.value)


def test_a_case_that_rose_is_no_longer_firing_at_its_lower_levels() -> None:
    (found,) = events("alertmanager", notice(a_case(level=Level.HIGH), "escalated-high", NOW))
    firing = {each["labels"]["severity"]: each["endsAt"] > "2026-03-04T02:00:00.000Z" for each in found}
    assert firing == {"high": True, "informational": False, "low": False, "medium": False}
    assert {tuple(sorted(each["labels"])) for each in found} == {("alertname", "case", "severity", "system")}


# --- texts ---------------------------------------------------------------------------------------------------


@given(text=st.text(max_size=60), size=st.integers(1, 50))
@pytest.mark.parametrize("sizer", [len, utf8_size])
def test_a_cut_text_has_at_most_the_size_and_is_a_beginning(text: str, size: int, sizer: Callable[[str], int]) -> None:
    text = text.encode(errors="replace").decode()
    shown = cut(text, size, sizer)
    if sizer(text) <= size:
        assert shown == text
    else:
        assert sizer(shown) <= max(size, sizer("…"))
        assert text.startswith(shown.removesuffix("…"))
        assert sizer(text[: len(shown)]) + sizer("…") > size


def test_an_address_is_shown_and_makes_no_link() -> None:
    (lines,) = [json.loads(a_channel("slack").render(hostile("see https://evil.example or www.evil.example")))]
    shown = "\n".join(texts(lines))
    assert "https ://evil.example or www .evil.example" in shown
    assert clean("https://x") == "https://x"

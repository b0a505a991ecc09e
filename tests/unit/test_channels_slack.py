from __future__ import annotations

import json
from typing import Any

import pytest

from sentinel.channels import make
from sentinel.channels.base import Attempt, Channel, ChannelError, Never, Sent
from sentinel.channels.slack import escaped
from sentinel.secrets import SecretRef
from tests.unit.cases_fixtures import HOSTILE, NOW, a_finding, judged, texts
from tests.unit.loopback import Answer, service

URL = "https://hooks.slack.com/services/T0SECRET/B0/xyz"


def a_slack(url: str = URL, **options: Any) -> Channel:
    return make("chat", {"type": "slack", "url": {"env": "slack_url"}, **options}, lambda _: url)


def test_a_message_shows_the_case_its_deadline_and_the_next_command() -> None:
    notification = judged(a_finding()).owed[0]
    message = json.loads(a_slack().render(notification))
    shown = "\n".join(texts(message))
    assert notification.case.id in message["text"]
    assert "2026-03-07T02:00:00Z" in shown
    assert f"sentinel case show {notification.case.id}" in shown
    assert notification.id in shown


def test_every_block_is_plain_text_and_nothing_unfurls() -> None:
    message = json.loads(a_slack().render(judged(a_finding()).owed[0]))
    objects = [block["text"] for block in message["blocks"] if "text" in block]
    objects += [element for block in message["blocks"] for element in block.get("elements", [])]
    assert {found["type"] for found in objects} == {"plain_text"}
    assert (message["unfurl_links"], message["unfurl_media"], message["link_names"]) == (False, False, False)
    assert [block["type"] for block in message["blocks"]] == ["header", "section", "section", "context"]


def test_a_hostile_title_pings_nobody_and_links_nowhere() -> None:
    finding = a_finding(title=HOSTILE, systems=(HOSTILE,), rule=HOSTILE, categories=(HOSTILE,))
    message = json.loads(a_slack().render(judged(finding, key_tags=(("access.actor", HOSTILE),)).owed[0]))
    for text in texts(message):
        assert "<" not in text
        assert ">" not in text
        assert text.replace("\n", "").isprintable()
    assert "&lt;!channel&gt;" in message["text"]


def test_slacks_limits_hold_for_the_longest_case() -> None:
    finding = a_finding(title="&" * 5000, systems=("<" * 5000,) * 90, rule=">" * 5000)
    message = json.loads(a_slack().render(judged(finding).owed[0]))
    header, lines, action, context = message["blocks"]
    assert 0 < len(header["text"]["text"]) <= 150
    assert 0 < len(lines["text"]["text"]) <= 3000
    assert 0 < len(action["text"]["text"]) <= 3000
    assert 0 < len(context["elements"][0]["text"]) <= 150


def test_a_text_is_not_cut_inside_an_entity() -> None:
    assert escaped("a<b", 100) == "a&lt;b"
    assert escaped("&&&", 15) == "&amp;&amp;&amp;"
    assert escaped("&&&", 14) == "&amp;&amp;…"
    assert escaped("abc", 3) == "abc"
    assert escaped("abcd", 3) == "ab…"


def test_the_message_is_posted_as_it_was_rendered() -> None:
    with service() as there:
        channel = a_slack(there.url, allow_private=True)
        body = channel.render(judged(a_finding()).owed[0])
        assert channel.send(Attempt("msg_1", body, NOW)) == Sent("status 200")
    assert there.received[0].body == body


def test_a_revoked_url_is_never_and_is_not_named() -> None:
    with service(Answer(404, body=b"no_service")) as there:
        channel = a_slack(there.url, allow_private=True)
        outcome = channel.send(Attempt("msg_1", b"{}", NOW))
    assert outcome == Never("status 404")
    assert "T0SECRET" not in repr(channel)


@pytest.mark.parametrize(
    ("url", "message"),
    [("T0SECRET", "is no web address"), ("http://hooks.slack.com/T0SECRET", "is an address without TLS")],
)
def test_a_url_of_the_wrong_form_is_refused_without_being_shown(url: str, message: str) -> None:
    with pytest.raises(ChannelError, match=message) as error:
        a_slack(url)
    assert "T0SECRET" not in str(error.value)
    assert str(SecretRef(env="slack_url")) in str(error.value)

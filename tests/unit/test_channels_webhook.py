from __future__ import annotations

import base64
import hashlib
import json
import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sentinel.cases.wording import notice
from sentinel.channels import TYPES, make
from sentinel.channels.base import Attempt, Channel, ChannelError, Later, Sent
from sentinel.channels.webhook import Webhook, WebhookOptions
from sentinel.clock import MINUTE
from sentinel.secrets import SecretRef
from tests.unit.cases_fixtures import HOSTILE, NOW, a_case, a_finding, judged
from tests.unit.loopback import Answer, certificate, service

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OLD = "whsec_" + base64.b64encode(bytes(24)).decode()


def secrets(reference: SecretRef) -> str:
    return {"hook": SECRET, "old": OLD}[reference.env or ""]


def a_webhook(url: str = "http://127.0.0.1/", **options: Any) -> Channel:
    return make(
        "soc",
        {"type": "webhook", "url": url, "secret": {"env": "hook"}, "allow_private": True, **options},
        secrets,
    )


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104, written out, so that the signature is not checked by the code that made it."""
    padded = key.ljust(64, b"\0")
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in padded) + message).digest()
    return hashlib.sha256(bytes(byte ^ 0x5C for byte in padded) + inner).digest()


def test_the_body_says_what_the_case_owes() -> None:
    notification = judged(a_finding()).owed[0]
    body = json.loads(a_webhook().render(notification))
    assert (body["type"], body["timestamp"]) == ("case.opened", "2026-03-04T02:00:00.000Z")
    assert body["data"]["id"] == notification.id
    assert body["data"]["case"]["id"] == notification.case.id
    assert body["data"]["case"]["clocks"][0]["deadline_at"] == "2026-03-07T02:00:00Z"
    assert body["data"]["case"]["subjects"] == 50
    assert body["data"]["lines"] == list(notification.lines)


def test_the_same_notification_is_always_the_same_bytes() -> None:
    notification = judged(a_finding()).owed[0]
    assert a_webhook().render(notification) == a_webhook().render(notification)


def test_the_signature_is_the_one_of_standard_webhooks() -> None:
    with service() as there:
        outcome = a_webhook(there.url, old_secrets=[{"env": "old"}]).send(Attempt("msg_1", b'{"a":1}', NOW + 999_999))
    assert outcome == Sent("status 200")
    (received,) = there.received
    assert received.body == b'{"a":1}'
    assert received.headers["content-type"] == "application/json"
    assert received.headers["webhook-id"] == "msg_1"
    assert received.headers["webhook-timestamp"] == str(NOW // 1_000_000)
    signed = b"msg_1." + received.headers["webhook-timestamp"].encode() + b"." + received.body
    expected = ["v1," + base64.b64encode(hmac_sha256(key, signed)).decode() for key in (bytes(range(32)), bytes(24))]
    assert received.headers["webhook-signature"].split(" ") == expected


def test_a_known_signature_comes_out() -> None:
    """The example of the specification: https://www.standardwebhooks.com."""
    with service() as there:
        channel = make(
            "soc",
            WebhookOptions(url=there.url, secret=SecretRef(env="x"), allow_private=True),
            lambda _: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        )
        channel.send(Attempt("msg_p5jXN8AQM9LWM0D4loKWxJek", b'{"test": 2432232314}', 1_614_265_330_000_000))
    assert there.received[0].headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_every_attempt_has_the_same_id_and_body_and_a_time_of_its_own() -> None:
    with service(Answer(503), Answer(429, {"Retry-After": "7"}), Answer(200)) as there:
        channel = a_webhook(there.url)
        outcomes = [channel.send(Attempt("msg_1", b"{}", NOW + minute * MINUTE)) for minute in range(3)]
    assert outcomes == [Later("status 503"), Later("status 429", 7.0), Sent("status 200")]
    assert {(got.headers["webhook-id"], got.body) for got in there.received} == {("msg_1", b"{}")}
    assert len({got.headers["webhook-timestamp"] for got in there.received}) == 3
    assert len({got.headers["webhook-signature"] for got in there.received}) == 3


def test_a_hostile_title_stays_text_and_stands_in_no_page_as_markup() -> None:
    finding = a_finding(title=HOSTILE, systems=(HOSTILE,), rule=HOSTILE, categories=(HOSTILE,))
    raw = a_webhook().render(judged(finding, key_tags=(("access.actor", HOSTILE),)).owed[0])
    assert not set(b"<>&") & set(raw)
    body = json.loads(raw)
    texts = [body["data"]["headline"], *body["data"]["lines"], body["data"]["case"]["title"]]
    assert all(text.isprintable() for text in texts)
    assert "\u202e" not in repr(body)
    assert "\x1b" not in repr(body)


@given(st.text(max_size=400), st.integers(0, 500))
def test_a_body_is_json_below_20_kb_whatever_the_case_holds(text: str, count: int) -> None:
    names = tuple(f"{text}{number}" for number in range(count))
    case = a_case(title=text, systems=names, rules=names or ("r",), categories=names, owner=text)
    case = a_case(title=text, systems=names, rules=names or ("r",), categories=names, key=((text, text),) * 100)
    body = a_webhook().render(notice(case, "opened", NOW))
    assert len(body) < 20_000
    json.loads(body)


@pytest.mark.parametrize(
    ("secret", "message"),
    [
        ("hunter2hunter2hunter2", "does not begin with 'whsec_'"),
        ("whsec_hunter2!", "is not base64"),
        ("whsec_aHVudGVyMg==", "has 7 bytes, not 24 to 64"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "has 65 bytes"),
    ],
)
def test_a_secret_of_the_wrong_form_is_refused_without_being_shown(secret: str, message: str) -> None:
    options = {"type": "webhook", "url": "https://hooks.example.org/soc", "secret": {"env": "hook"}}
    with pytest.raises(ChannelError, match=message) as error:
        make("soc", options, lambda _: secret)
    assert "env 'hook' of channel 'soc'" in str(error.value)
    assert "hunter2" not in str(error.value)
    assert "openssl rand" in error.value.hint


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://hooks.example.org/", "begins with https://"),
        ("https://", "names a host"),
        ("https://ada:hunter2@hooks.example.org/", "no user name or password"),
        ("http://hooks.example.org/", "needs 'allow_private: true'"),
    ],
)
def test_an_address_that_cannot_be_used_is_a_problem_of_the_options(url: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        WebhookOptions(url=url, secret=SecretRef(env="hook"))


def test_an_unknown_type_names_the_nearest() -> None:
    with pytest.raises(ChannelError, match="unknown channel type 'webhok'") as error:
        make("soc", {"type": "webhok"}, secrets)
    assert error.value.hint == "did you mean 'webhook'?"


def test_every_type_of_the_registry_names_itself() -> None:
    assert {kind: model.model_fields["type"].default for kind, (model, _) in TYPES.items()} == {k: k for k in TYPES}


def test_a_secret_is_in_no_representation_of_the_channel() -> None:
    channel = a_webhook()
    assert isinstance(channel, Webhook)
    assert SECRET.removeprefix("whsec_")[:8] not in repr(channel)


def test_an_envelope_of_cloudevents_holds_the_same_message() -> None:
    notification = judged(a_finding()).owed[0]
    with service() as there:
        channel = a_webhook(there.url, form="cloudevents")
        assert isinstance(channel.send(Attempt("msg_1", channel.render(notification), NOW)), Sent)
    (received,) = there.received
    assert received.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    event = json.loads(received.body)
    assert (event["specversion"], event["id"], event["source"]) == ("1.0", notification.id, "urn:sentinel")
    assert (event["type"], event["subject"]) == ("case.opened", notification.case.id)
    assert event["data"] == json.loads(a_webhook().render(notification))["data"]


def test_a_service_can_ask_who_is_there(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "localhost")
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_REQUIRED
    with service(tls=context) as there:
        url = f"https://localhost:{there.port}/"
        known = a_webhook(url, ca_file=authority, client_cert=authority, client_key=authority)
        assert isinstance(known.send(Attempt("msg_1", b"{}", NOW)), Sent)
        assert isinstance(a_webhook(url, ca_file=authority).send(Attempt("msg_1", b"{}", NOW)), Later)
    assert len(there.received) == 1


def test_a_certificate_needs_its_key() -> None:
    with pytest.raises(ValidationError, match="go together"):
        a_webhook(client_cert="/etc/sentinel/soc.pem")

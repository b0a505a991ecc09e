"""E-mail to a real SMTP server on loopback, with and without TLS."""

from __future__ import annotations

import email
import email.policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sentinel.cases.wording import notice
from sentinel.channels import make
from sentinel.channels.base import Attempt, Channel, Later, Never, Sent
from sentinel.model import Notification
from tests.unit.cases_fixtures import HOSTILE, NOW, a_case, a_finding, judged
from tests.unit.loopback import certificate, raw_service
from tests.unit.mail import Postbox, server

TO = ("dpo@example.org", "lead@example.org")


def an_email(port: int = 25, **options: Any) -> Channel:
    given = {
        "type": "email",
        "host": "localhost",
        "port": port,
        "sender": "sentinel@example.org",
        "to": TO,
        "allow_private": True,
        **options,
    }
    return make("mail", given, lambda _: "T0SECRET")


def opened() -> Notification:
    return judged(a_finding()).owed[0]


def parsed(body: bytes) -> EmailMessage:
    found = email.message_from_bytes(body, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def test_a_mail_arrives_as_text_and_as_html() -> None:
    box = Postbox()
    with server(box) as port:
        channel = an_email(port, tls="none")
        outcome = channel.send(Attempt("msg_1", channel.render(opened()), NOW))
    assert outcome == Sent("taken by the mail server")
    (envelope,) = box.taken
    assert (envelope.mail_from, envelope.rcpt_tos) == ("sentinel@example.org", list(TO))
    assert isinstance(envelope.content, bytes)
    mail = parsed(envelope.content)
    plain, page = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert page is not None
    for part in (plain, page):
        assert "2026-03-07T02:00:00Z" in part.get_content()
        assert f"sentinel case show {a_case().id}" in part.get_content()
    assert a_case().id in mail["Subject"]
    assert mail["Date"].datetime.isoformat() == "2026-03-04T02:00:00+00:00"


def test_the_messages_of_a_case_are_one_thread_and_a_repeat_has_the_same_id() -> None:
    first, later = (parsed(an_email().render(notice(a_case(), key, NOW))) for key in ("opened", "24h-left"))
    assert first["Message-ID"] == parsed(an_email().render(notice(a_case(), "opened", NOW)))["Message-ID"]
    assert "References" not in first
    assert later["References"] == later["In-Reply-To"] == first["Message-ID"]
    assert later["Message-ID"] != first["Message-ID"]


@pytest.mark.parametrize("text", [HOSTILE, "a\r\nBcc: all@evil.example\r\n\r\nhello", "<script>alert(1)</script>\x00"])
def test_no_value_makes_a_header_or_markup(text: str) -> None:
    finding = a_finding(title=text, systems=(text,), rule=text, categories=(text,))
    mail = parsed(an_email().render(judged(finding, key_tags=(("access.actor", text),)).owed[0]))
    assert set(mail.keys()) == {
        *("Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type")
    }
    page = mail.get_body(("html",))
    assert page is not None
    shown = page.get_content()
    assert "<script" not in shown
    assert "<a" not in shown
    assert "<https" not in shown


@pytest.mark.parametrize("way", ["starttls", "implicit"])
def test_tls_is_verified_against_the_name_and_the_password_goes_through_it(way: str, tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "localhost")
    box = Postbox()
    tls = {"tls": context} if way == "implicit" else {"tls_context": context, "require_starttls": True}
    with server(box, authenticator=box.login, auth_require_tls=way == "starttls", **tls) as port:
        options = {"tls": way, "username": "sentinel", "password": {"env": "password"}}
        channel = an_email(port, ca_file=authority, **options)
        assert isinstance(channel.send(Attempt("msg_1", channel.render(opened()), NOW)), Sent)
        stranger = an_email(port, **options)
        assert stranger.send(Attempt("msg_1", channel.render(opened()), NOW)) == Later(
            "the certificate of the mail server cannot be verified"
        )
    assert box.logins == [(b"sentinel", b"T0SECRET")]
    assert len(box.taken) == 1


def test_a_certificate_of_another_name_is_not_accepted(tmp_path: Path) -> None:
    context, authority = certificate(tmp_path, "other.example")
    with server(Postbox(), tls_context=context) as port:
        channel = an_email(port, ca_file=authority)
        assert isinstance(channel.send(Attempt("msg_1", channel.render(opened()), NOW)), Later)


def test_a_server_that_offers_no_tls_gets_nothing() -> None:
    box = Postbox()
    with server(box) as port:
        channel = an_email(port)
        assert isinstance(channel.send(Attempt("msg_1", channel.render(opened()), NOW)), Later)
    assert box.taken == []


@pytest.mark.parametrize(
    ("refused", "answer", "outcome"),
    [
        ({}, "451 try again", Later("status 451")),
        ({}, "554 no", Never("status 554")),
        (dict.fromkeys(TO, "450 busy"), "250 taken", Later("status 450")),
        (dict.fromkeys(TO, "550 nobody"), "250 taken", Never("status 550")),
        ({TO[0]: "550 nobody"}, "250 taken", Never("1 of 2 recipients were refused; the others have it")),
    ],
)
def test_an_answer_means_later_or_never(refused: dict[str, str], answer: str, outcome: object) -> None:
    with server(Postbox(refused, answer)) as port:
        channel = an_email(port, tls="none")
        assert channel.send(Attempt("msg_1", channel.render(opened()), NOW)) == outcome


def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    with raw_service(lambda _: None) as port:
        channel = an_email(port, tls="none", timeout="200ms")
        assert isinstance(channel.send(Attempt("msg_1", b"", NOW)), Later)


def test_a_server_of_the_own_network_needs_to_be_allowed() -> None:
    assert isinstance(an_email(allow_private=False).send(Attempt("msg_1", b"", NOW)), Never)


@pytest.mark.parametrize(
    "options",
    [
        {"sender": "a\r\nBcc: b@example.org"},
        {"to": []},
        {"to": ["a@b, c@d"]},
        {"username": "sentinel"},
        {"tls": "none", "username": "sentinel", "password": {"env": "password"}},
    ],
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        an_email(**options)

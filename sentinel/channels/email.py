"""A message by e-mail, as plain text and as HTML. The messages of a case make one thread.

Rules of this file:
1. TLS is verified against the server's name; without TLS only this machine is asked, and no password is sent.
2. Headers hold what was made harmless, so no line ends in them; the text of the HTML part is escaped.
3. The same message has the same `Message-ID` in every attempt, which mail programs recognise a repeat by.
"""

from __future__ import annotations

import html
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP as FORM
from email.utils import format_datetime
from typing import Annotated, Literal, NamedTuple

from pydantic import AfterValidator, Field, model_validator

from sentinel.cases.identity import notification_id
from sentinel.channels.base import Attempt, Channel, ChannelOptions, Later, Never, Outcome, Sent
from sentinel.channels.posting import Address, addresses_of, bounds_of
from sentinel.channels.safety import Words, words
from sentinel.clock import SECOND, to_datetime
from sentinel.durations import Duration
from sentinel.link import Link
from sentinel.model import Notification
from sentinel.secrets import SecretRef

_PORTS = {"starttls": 587, "implicit": 465, "none": 25}
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_SUBJECT_SIGNS = 200
_BUTTON = "display:inline-block;padding:.5em 1em;background:#1a1a1a;color:#fff;text-decoration:none"
_PERMANENT = 500


def _is_mailbox(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("an e-mail address is written name@host")
    return value


Mailbox = Annotated[str, AfterValidator(_is_mailbox)]


class EmailOptions(ChannelOptions):
    """A `type: email` channel: the mail server, from whom, and to whom.

    `tls` is `starttls` (port 587), `implicit` (465) or `none` (25, only for a server on this machine). `username` and
    `password`, a reference, go together. `allow_private` admits a server of the own network.
    """

    type: Literal["email"] = "email"
    host: str = Field(min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    sender: Mailbox
    to: tuple[Mailbox, ...] = Field(min_length=1)
    username: str | None = None
    password: SecretRef | None = None
    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = 15 * SECOND

    @model_validator(mode="after")
    def _goes_together(self) -> EmailOptions:
        if (self.username is None) != (self.password is None):
            raise ValueError("'username' and 'password' go together")
        if self.password is not None and self.tls == "none":
            raise ValueError("a password is not sent without TLS")
        return self


class Email:
    """Sends through one mail server. A recipient it will not take makes the message `Never`: others have it."""

    def __init__(self, name: str, options: EmailOptions, password: str | None) -> None:
        self.name = name
        self._options = options
        self._password = password

    def render(self, notification: Notification) -> bytes:
        said = words(notification)
        domain = self._options.sender.rpartition("@")[2]
        head = notification_id(notification.case.id, "opened")
        mail = EmailMessage(policy=FORM)
        mail["Message-ID"] = f"<{notification.id}@{domain}>"
        mail["Date"] = format_datetime(to_datetime(notification.owed_at))
        mail["From"] = self._options.sender
        mail["To"] = ", ".join(self._options.to)
        mail["Subject"] = said.headline[:_SUBJECT_SIGNS]
        if notification.id != head:
            mail["In-Reply-To"] = mail["References"] = f"<{head}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_plain(said, notification.links))
        mail.add_alternative(_html(said, notification.links), subtype="html")
        # The boundary is drawn at random otherwise, and the same message is always the same bytes.
        mail.set_boundary(f"=_{notification.id}")
        return mail.as_bytes()

    def send(self, attempt: Attempt) -> Outcome:
        options = self._options
        port = options.port or _PORTS[options.tls]
        found = addresses_of(options.host, port, allow_private=options.allow_private, has_tls=options.tls != "none")
        if isinstance(found, Later | Never):
            return found
        outcome: Outcome = Later("the mail server cannot be reached")
        for address in found:
            try:
                with _connected(options, address, port) as server:
                    return self._hand_over(server, attempt)
            except smtplib.SMTPResponseException as error:
                return _answered(error.smtp_code)
            except ssl.SSLError:
                return Later("the certificate of the mail server cannot be verified")
            except (smtplib.SMTPException, OSError):
                outcome = Later("the mail server cannot be reached or broke off")
        return outcome

    def _hand_over(self, server: smtplib.SMTP, attempt: Attempt) -> Outcome:
        options = self._options
        if options.username is not None and self._password is not None:
            server.login(options.username, self._password)
        try:
            refused = server.sendmail(options.sender, list(options.to), attempt.body)
        except smtplib.SMTPRecipientsRefused as error:
            return _answered(max(code for code, _ in error.recipients.values()))
        if refused:
            # Once is enough for those who have it: the fallback is told of those who have not.
            return Never(f"{len(refused)} of {len(options.to)} recipients were refused; the others have it")
        return Sent("taken by the mail server")


def _answered(code: int) -> Outcome:
    """RFC 5321 section 4.2.1: 5yz stays as it is, 4yz passes."""
    return Never(f"status {code}") if code >= _PERMANENT else Later(f"status {code}")


@contextmanager
def _connected(options: EmailOptions, address: Address, port: int) -> Iterator[smtplib.SMTP]:
    """A connection to the checked address, ended when its whole time is used."""
    bounds = bounds_of(options.timeout)
    tls = ssl.create_default_context(cafile=options.ca_file)
    opened: list[socket.socket] = []
    cut = threading.Timer(bounds.total, _cut, [opened])
    cut.daemon = True
    cut.start()
    try:
        place = _Place(options.host, port, str(address), bounds.read, opened)
        with _PinnedTls(place, tls) if options.tls == "implicit" else _Pinned(place) as server:
            if options.tls == "starttls":
                server.ehlo_or_helo_if_needed()
                if not server.has_extn("starttls"):
                    raise ssl.SSLError("the server offers no TLS")
                server.starttls(context=tls)
            yield server
    finally:
        cut.cancel()
        for connection in opened:
            connection.close()


class _Place(NamedTuple):
    """Where to connect: the name that TLS is verified against, the address that was checked, and who may cut it off."""

    host: str
    port: int
    address: str
    seconds: float
    opened: list[socket.socket]


class _Pinned(smtplib.SMTP):
    """Connects to one checked address, whatever the name resolves to by now, and keeps the name for TLS."""

    def __init__(self, place: _Place) -> None:
        self._place = place
        super().__init__(place.host, place.port, timeout=place.seconds)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        del host
        connection = socket.create_connection((self._place.address, port), timeout)
        # A second handle to the same connection: TLS takes the first away from whoever holds it.
        self._place.opened.append(connection.dup())
        return connection


class _PinnedTls(smtplib.SMTP_SSL, _Pinned):
    """The same with TLS from the first byte: `SMTP_SSL` wraps the socket that `_Pinned` makes."""

    def __init__(self, place: _Place, tls: ssl.SSLContext) -> None:
        self._place = place
        smtplib.SMTP_SSL.__init__(self, place.host, place.port, timeout=place.seconds, context=tls)


def _cut(opened: list[socket.socket]) -> None:
    for connection in tuple(opened):
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)


def _plain(said: Words, links: Sequence[Link]) -> str:
    ways = [part for link in links for part in (f"{link.label}:", f"  {link.url}", "")]
    return "\n".join((said.headline, "", *said.lines, "", said.action, "", *ways, "-- ", said.foot, ""))


def _html(said: Words, links: Sequence[Link]) -> str:
    rows = "".join(_row(line) for line in said.lines)
    ways = "".join(
        f'<a href="{html.escape(link.url)}" style="{_BUTTON}">{html.escape(link.label)}</a> ' for link in links
    )
    return (
        '<!doctype html><html><body style="font:16px/1.5 sans-serif;color:#1a1a1a;max-width:44em">'
        f'<h1 style="font-size:1.2em;border-left:4px solid #c92a2a;padding-left:.6em">{html.escape(said.headline)}</h1>'
        f'<table style="border-collapse:collapse">{rows}</table>'
        f"<p><strong>{html.escape(said.action)}</strong></p>"
        f"{f'<p>{ways}</p>' if ways else ''}"
        f'<p style="color:#666;font-size:.85em">{html.escape(said.foot)}</p></body></html>\n'
    )


def _row(line: str) -> str:
    name, colon, value = line.partition(": ")
    cells = (name, value) if colon else ("", line)
    left, right = (html.escape(cell) for cell in cells)
    return (
        f'<tr><th style="text-align:left;vertical-align:top;padding:.15em 1em .15em 0;font-weight:600">{left}</th>'
        f'<td style="padding:.15em 0">{right}</td></tr>'
    )


def make_email(name: str, options: EmailOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options. Raises whatever `resolve_secret` raises."""
    return Email(name, options, None if options.password is None else resolve_secret(options.password))

"""A message as one line of syslog, to the daemon of this machine or to a server.

Rules of this file: syslog has no receipt, so `Sent` says that the line was handed over, and over UDP not even that it
arrived; TLS (RFC 5425) or TCP (RFC 6587, octet counting) is for who needs more.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable
from typing import Literal

from pydantic import Field, model_validator

from sentinel.cases.wording import message_type
from sentinel.channels.base import Attempt, Channel, ChannelOptions, Later, Never, Outcome, Sent
from sentinel.channels.payload import SEVERITIES
from sentinel.channels.posting import Address, addresses_of, bounds_of
from sentinel.channels.safety import REPEAT, cut, utf8_size, words
from sentinel.clock import SECOND, rfc3339
from sentinel.durations import Duration
from sentinel.model import Notification
from sentinel.secrets import SecretRef

LINE_BYTES = 2000
"""RFC 5424 section 6.1: receivers should take 2048 bytes."""

_AUTHPRIV = 10
_PORTS = {"udp": 514, "tcp": 601, "tls": 6514}


class SyslogOptions(ChannelOptions):
    """A `type: syslog` channel. Without `host` it writes to the `socket` of this machine's own daemon.

    `protocol` is `tls` (port 6514), `tcp` (601) or `udp` (514); the last two only reach a server on this machine or,
    with `allow_private`, of the own network: they are not encrypted. A log is no place for links to act by.
    """

    type: Literal["syslog"] = "syslog"
    socket: str = "/dev/log"
    links: Literal[False] = False
    host: str | None = Field(default=None, min_length=1)
    port: int | None = Field(default=None, ge=1, le=65535)
    protocol: Literal["tls", "tcp", "udp"] = "tls"
    allow_private: bool = False
    ca_file: str | None = None
    timeout: Duration = 15 * SECOND

    @model_validator(mode="after")
    def _says_where(self) -> SyslogOptions:
        if self.host is None and {"port", "protocol", "ca_file"} & self.model_fields_set:
            raise ValueError("'port', 'protocol' and 'ca_file' need 'host'")
        return self


class Syslog:
    """Writes lines. Syslog does not recognise a repeat: the line says that it may be one."""

    def __init__(self, name: str, options: SyslogOptions) -> None:
        self.name = name
        self._options = options

    def render(self, notification: Notification) -> bytes:
        said, case = words(notification), notification.case
        text = " | ".join((said.headline, *said.lines, said.action, said.foot))
        priority = f"<{_AUTHPRIV * 8 + SEVERITIES[case.level]}>"
        if self._options.host is None:  # the old form, which every local daemon reads
            head = f"{priority}sentinel: "
        else:
            moment = rfc3339(notification.owed_at, 3)
            head = f"{priority}1 {moment} {socket.gethostname()} sentinel - {message_type(notification.key)} - "
        return (head + cut(text, LINE_BYTES - len(head), utf8_size)).encode()

    def send(self, attempt: Attempt) -> Outcome:
        line = attempt.body
        if attempt.may_have_arrived:
            line = line + b" | " + REPEAT.encode()
        try:
            return self._written(line)
        except ssl.SSLError:
            return Later("the certificate of the syslog server cannot be verified")
        except OSError as error:
            return Later(
                f"syslog cannot be reached: {os.strerror(error.errno) if error.errno else 'no answer in time'}"
            )

    def _written(self, line: bytes) -> Outcome:
        options = self._options
        if options.host is None:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
                daemon.connect(options.socket)
                daemon.sendall(line)
            return Sent("handed to the local daemon")
        port = options.port or _PORTS[options.protocol]
        # `allow_private` is what admits the own network without TLS here: syslog in the clear is common inside.
        found = addresses_of(
            options.host,
            port,
            allow_private=options.allow_private,
            has_tls=options.protocol == "tls" or options.allow_private,
        )
        if isinstance(found, Later | Never):
            return found
        return self._sent(found[0], port, line)

    def _sent(self, address: Address, port: int, line: bytes) -> Outcome:
        options, bounds = self._options, bounds_of(self._options.timeout)
        if options.protocol == "udp":
            family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as server:
                server.sendto(line, (str(address), port))
            return Sent("sent; UDP does not say whether it arrived")
        with socket.create_connection((str(address), port), bounds.connect) as plain:
            plain.settimeout(bounds.read)
            framed = str(len(line)).encode() + b" " + line
            if options.protocol == "tcp":
                plain.sendall(framed)
            else:
                context = ssl.create_default_context(cafile=options.ca_file)
                with context.wrap_socket(plain, server_hostname=options.host) as server:
                    server.sendall(framed)
        return Sent("handed to the server")


def make_syslog(name: str, options: SyslogOptions, resolve_secret: Callable[[SecretRef], str]) -> Channel:
    """The channel of these options."""
    del resolve_secret  # syslog needs none
    return Syslog(name, options)

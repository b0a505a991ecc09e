"""Makes the parts of a daemon that hang on nothing but its configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from sentinel import channels, control
from sentinel.channels.base import Channel, ChannelError
from sentinel.clock import MINUTE, Clock
from sentinel.collector import Collector, Scope
from sentinel.config import Config
from sentinel.courier import Courier
from sentinel.detect.redact import Redaction
from sentinel.heartbeat import Heartbeat
from sentinel.identities import NOBODY
from sentinel.inviting import Inviter
from sentinel.metrics import Metrics
from sentinel.model import Notification
from sentinel.problems import Problem, Span, Unusable
from sentinel.rewording import Rewording
from sentinel.routing import destinations
from sentinel.secrets import SecretError, SecretRef
from sentinel.settings import listen_address
from sentinel.silences import Silence
from sentinel.store import Store
from sentinel.telling import Telling, uninvited
from sentinel.untaken import Reports
from sentinel.vault import Vault
from sentinel.web import acting
from sentinel.web.readiness import Readiness
from sentinel.web.server import Door, WebServer, application

T = TypeVar("T")

SPOOL = "spool"
"""The folder below the state in which sources may keep files."""


@dataclass(frozen=True)
class Assembly:
    """One configuration, and the environment in which its secrets are looked up. Its methods raise Unusable."""

    config: Config
    environ: Mapping[str, str]

    def master(self) -> bytes | None:
        """The master key, where the configuration names one."""
        key = self.config.master_key
        return None if key is None else self._secret(key, Span(str(self.config.path))).encode()

    def channels(self) -> dict[str, Channel]:
        """Every channel under its name, with its secrets."""
        return {
            name: self._placed(("channels", name), partial(channels.make, name, options))
            for name, options in self.config.channels.items()
        }

    def heartbeat(self, clock: Clock, readiness: Readiness, metrics: Metrics) -> Heartbeat:
        """The sign of life; one that goes nowhere where the configuration names no target."""
        options = self.config.heartbeat
        target = None if options is None else self._placed(("heartbeat",), options.target)
        return Heartbeat(target, MINUTE if options is None else options.every, clock, readiness, metrics)

    def pages(self, clock: Clock, readiness: Readiness, metrics: Metrics) -> WebServer | None:
        """What Prometheus and whoever asks for its health is shown; None where nothing is served."""
        options = self.config.http
        if options is None:
            return None
        door = Door(options.address, options.certificate, options.private_key)
        if options.login is not None:
            span = self.config.document.span(("http", "login", "password"))
            door = replace(door, login=(options.login.user, self._secret(options.login.password, span)))
        return WebServer(door, application(metrics, readiness, clock), metrics.http_listening)

    def acting(self, clock: Clock, metrics: Metrics, before: WebServer | None = None) -> WebServer | None:
        """The pages behind the links in messages, served in the place of those `before`; None where there are none.

        They ask over the control socket, as from any other process.
        """
        if before is not None:
            before.stop()
        options = self.config.acting
        if options is None:
            return None
        certificate, key = (None if file is None else Path(file) for file in (options.certificate, options.private_key))
        pages = acting.application(partial(control.ask, self.config.control), options.url, clock)
        server = WebServer(Door(listen_address(options.listen), certificate, key), pages, metrics.acting_listening)
        server.start()
        return server

    def courier(self, store: Store, made: Mapping[str, Channel], clock: Clock, reports: Reports) -> Courier:
        """Who takes what is owed from the store to these channels, none faster than it may."""
        rates = {name: options.per_minute for name, options in self.config.channels.items()}
        return Courier(store, made.values(), clock, reports, per_minute=rates)

    def collector(self, store: Store, vault: Vault, redaction: Redaction, clock: Clock, metrics: Metrics) -> Collector:
        """Who takes what surrounds the cases from these sources, masked as the rules say."""
        loaded = self.config
        scope = Scope(
            sources=loaded.sources,
            spool=loaded.state / SPOOL,
            entries=() if loaded.inventory is None else tuple(loaded.inventory.entries()),
            people=NOBODY if loaded.inventory is None else loaded.inventory.identities,
            options=loaded.cases.collect,
            mask=redaction.record,
        )
        return Collector(store, vault, scope, clock, metrics)

    def telling(self, made: Mapping[str, Channel], silences: list[Silence], link_key: bytes) -> Telling:
        """Who says what over which of these channels, with links that are made under that key."""
        loaded = self.config
        reword = Rewording(loaded.templates, loaded.cases.zone)
        ungathered = frozenset(name for name, each in loaded.channels.items() if not each.gathered)
        invite = uninvited if loaded.acting is None else Inviter(loaded.acting, loaded.channels, link_key)
        telling = Telling(made, partial(self._route, made), loaded.cases.storm, reword, ungathered, invite)
        telling.silences = silences
        return telling

    def _route(self, made: Mapping[str, Channel], notification: Notification) -> tuple[str, ...]:
        return destinations(notification, self.config.routes, made)

    def _secret(self, secret: SecretRef, span: Span) -> str:
        try:
            return self.config.secrets(self.environ)(secret)
        except SecretError as error:
            raise Unusable([Problem(span, "C022", error.message, error.hint)]) from None

    def _placed(self, at: tuple[str, ...], make: Callable[[Callable[[SecretRef], str]], T]) -> T:
        """What `make` makes of the secrets it asks for; its error at the place in the file that is to blame."""
        span = self.config.document.span(at)
        try:
            return make(partial(self._secret, span=span))
        except ChannelError as error:
            raise Unusable([Problem(span, "C023", error.message, error.hint)]) from None

"""Reads unknown logs for what they show of people: each record as its format says it, counted, and nothing kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from sentinel import ecs, formats
from sentinel.detect import route
from sentinel.detect.access import AccessMap, Entry, People
from sentinel.detect.lane import Lane, Purpose
from sentinel.detect.rules import RuleSet
from sentinel.discovery.census import Census
from sentinel.identities import NOBODY
from sentinel.model import Block, Event, LogSource
from sentinel.rulebook import Rulebook
from sentinel.scenarios import SNIFFED, Log, Replay, Trouble

_WEB: Final = LogSource(category="webserver")
LOGSOURCES: Final[dict[str, LogSource]] = {
    "nginx": LogSource("webserver", "nginx"), "apache": LogSource("webserver", "apache"), "combined": _WEB,
    "common": _WEB, "vhost_combined": _WEB, "caddy": LogSource("webserver", "caddy"),
    "iis": LogSource("webserver", "windows", "iis"),
    "w3c": _WEB, "haproxy": LogSource("proxy", "haproxy"), "traefik": LogSource("proxy", "traefik"),
    "traefik_json": LogSource("proxy", "traefik"), "envoy": LogSource("proxy", "envoy"),
    "envoy_json": LogSource("proxy", "envoy"), "alb": LogSource("proxy", "aws", "alb"),
    "nginx_error": LogSource(None, "nginx", "error"), "apache_error": LogSource(None, "apache", "error"),
    "cloudtrail": LogSource(None, "aws", "cloudtrail"),
    "kubernetes_audit": LogSource("application", "kubernetes", "audit"),
    "postgresql": LogSource("database", "postgresql"), "postgresql_csv": LogSource("database", "postgresql"),
    "postgresql_json": LogSource("database", "postgresql"), "mariadb_audit": LogSource("database", "mariadb"),
    "mysql_audit": LogSource("database", "mysql"), "mongodb_audit": LogSource("database", "mongodb"),
    "keycloak": LogSource("authentication", "keycloak"), "keycloak_json": LogSource("authentication", "keycloak"),
    "sshd": LogSource(None, "linux", "sshd"), "sudo": LogSource(None, "linux", "sudo"),
    "auditd": LogSource(None, "linux", "auditd"), "syslog": LogSource(None, "linux", "syslog"),
    "django": LogSource("application", "django"), "django_json": LogSource("application", "django"),
    "rails": LogSource("application", "rails"), "lograge": LogSource("application", "rails"),
    "rails_json": LogSource("application", "rails"), "spring": LogSource("application", "spring"),
    "spring_json": LogSource("application", "spring"), "express": LogSource("application", "nodejs"),
}  # fmt: skip
"""What a log of this format is, in Sigma's words; another is an application's."""

_SERVERS: Final = {"nginx": "nginx", "apache": "apache", "httpd": "apache"}
_CLAIMED: Final = frozenset({"webserver", "proxy"})
"""What stands in front of the application writes down whom the client said it was."""


_UNUSED: Final = frozenset(
    {ecs.USER_AGENT_ORIGINAL, ecs.HTTP_REQUEST_REFERRER, ecs.HTTP_VERSION, ecs.URL_ORIGINAL, ecs.URL_DOMAIN,
     ecs.MESSAGE, ecs.SOURCE_ADDRESS, ecs.SOURCE_IP, ecs.SOURCE_PORT, ecs.EVENT_KIND}
)  # fmt: skip
"""Of what a web server writes, what says nothing of whose data were shown."""


@dataclass(slots=True)
class Explored:
    """One log: how it is read, and what was counted. `said` is what `auto` decided, and from how many records."""

    log: Log
    spec: formats.Spec
    said: str = ""
    census: Census = field(default_factory=Census)
    trouble: tuple[Trouble, ...] = ()

    @property
    def logsource(self) -> LogSource:
        """As configured, else what a log of this format is."""
        return self.log.logsource if self.log.logsource != LogSource() else logsource_of(self.spec)

    @property
    def trust(self) -> str:
        """`verified` where the program that wrote the log has signed its people in itself."""
        source = self.logsource
        return "claimed" if source.category in _CLAIMED and source.service != "iis" else "verified"


def logsource_of(spec: formats.Spec) -> LogSource:
    """What a log of that format is, by the innermost format that is known."""
    if isinstance(spec, str):
        return LOGSOURCES.get(spec, LogSource("application"))
    for name, inner in spec.items():
        if name in ("docker", "cri", "syslog") and inner is not None:
            return logsource_of(inner)
        if name in LOGSOURCES:
            return LOGSOURCES[name]
    return LogSource("application")


def refined(spec: formats.Spec, path: str) -> formats.Spec:
    """The format by the name of the server, where the path tells it: its name says which server's log it is."""
    if spec != "combined":
        return spec
    return next((name for word, name in _SERVERS.items() if word in path), spec)


def explore(
    log: Log,
    entries: tuple[Entry, ...] = (),
    most_bytes: int | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> Explored:
    """Count every record of a log, or of its first bytes. `progress` is told the bytes of each block."""
    said: list[str] = []
    engine = Rulebook(RuleSet(), entries, NOBODY).engine([], os.urandom(32), Purpose(keeps_state=False, shows_all=True))
    run = Replay(engine, [log], said.append)
    explored = Explored(log, log.format)
    count: Callable[[Block], None] | None = None
    read = 0
    for block in run.blocks(log):
        if count is None:
            is_auto = log.format == formats.AUTO
            explored.spec = refined(formats.sniff(block.data[:SNIFFED])[0], log.paths[0]) if is_auto else log.format
            count = _counter(explored, engine.lanes[log.name], entries)
        count(block)
        read += len(block.data)
        progress(len(block.data))
        if most_bytes is not None and read >= most_bytes:
            break
    explored.said = said[0].partition(": read as ")[2] if said else ""
    explored.trouble = tuple(run.troubles)
    return explored


def _counter(explored: Explored, lane: Lane, entries: tuple[Entry, ...]) -> Callable[[Block], None]:
    """Counts the records of a block."""
    source = explored.logsource
    fitting = tuple(entry for entry in entries if route.fits(entry.logsource, source))
    known, numbers = AccessMap(fitting, People()), tuple(range(len(fitting)))
    shown = lane.view.format.fields
    parse = lane.view.format.parser(None if shown is None or entries else shown - _UNUSED)
    add = explored.census.add

    def count(block: Block) -> None:
        for start, end in lane.records(block):
            raw = block.data[start:end].removesuffix(b"\r")
            parsed = parse(raw, block.reference)
            if parsed is None:
                add(None, None, is_covered=False)
                continue
            fields, time, digits = parsed
            is_covered = False
            if numbers:
                # Marking gives the event fields that the log does not have.
                event = Event(dict(fields), time or 0, digits, block, start, end)
                is_covered = bool(known.mark(event, numbers))
            add(fields, time, is_covered=is_covered)

    return count

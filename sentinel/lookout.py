"""What the daemon looks at besides the logs: its own numbers, its sources, its clock; and whom it tells."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sentinel.cases.broken import broken
from sentinel.cases.judging import SENTINEL
from sentinel.clock import DAY, MINUTE, SECOND, Micros
from sentinel.clockwatch import ClockWatch, Jump
from sentinel.detect import floods, holes
from sentinel.inspection import endings, log_problems
from sentinel.losses import SILENT, UNREADABLE, Stops
from sentinel.model import AuditEntry, Finding, Level, Mode
from sentinel.ownfindings import own_finding
from sentinel.pipeline import COMMIT_AFTER
from sentinel.routing import destinations
from sentinel.store import StoreError
from sentinel.upkeep import Upkeep

if TYPE_CHECKING:
    from sentinel.app import Daemon

_log = logging.getLogger(__name__)

SEEN_AGAIN: Micros = MINUTE
"""Between two notes that somebody still watches; a report counts a longer pause as nobody watching."""

WEB_AGAIN: Micros = 30 * SECOND
"""Between two attempts to take the address of the pages."""


CHANNEL_BROKEN = "sentinel.channel_broken"
"""The rule whose finding is that a channel refuses messages for good."""

HELD_LOG = 256 * 1024 * 1024
"""A write-ahead log of more bytes cannot be emptied because a reader of the database holds it."""

RARELY: Micros = 30 * SECOND
"""How often is committed meanwhile, where nobody is to be told of anything: each commit makes the log longer."""


class Lookout:
    """Looks, once a second, for one daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._clock = ClockWatch(daemon.clock.now(), daemon.clock.passed())
        self._looked: Micros = 0
        self._seen: Micros = 0
        self._day: Micros = 0
        self._upkeep = Upkeep(daemon)
        self._stops = self._new_stops()
        self._tried_web = daemon.clock.now()
        self._troubles: dict[str, str] = {}
        self._holes = holes.Holes()

    def begin_anew(self) -> None:
        """Another configuration is at work."""
        self._stops = self._new_stops()
        self._day = 0

    def _new_stops(self) -> Stops:
        named = {each.name: each.options.silence for each in self._daemon.config.sources}
        return Stops({name: long for name, long in named.items() if long is not None}, self._daemon.clock.now())

    def look(self, now: Micros) -> None:
        """Once a second: metrics, readiness, the service manager."""
        if 0 <= now - self._looked < SECOND:
            return
        self._looked = now
        daemon = self._daemon
        status = daemon.sources.status()
        daemon.measure.engine(daemon.engine)
        daemon.activity.note_engine(daemon.engine, now)
        daemon.measure.sources(status, now)
        daemon.measure.cases(daemon.pipeline.book, now)
        daemon.measure.silenced(daemon.pipeline.telling.silenced)
        with contextlib.suppress(StoreError):
            daemon.measure.outbox(daemon.store, daemon.channels, now)
        daemon.metrics.last_turn.set(now / SECOND)
        daemon.measure.files(daemon.config.state)
        if abs(now - self._tried_web) >= WEB_AGAIN:
            self._tried_web = now
            for server in daemon.servers():
                server.start()
        self._look_at_log()
        self._look_at_sources({name: each.trouble for name, each in status.items() if each.trouble}, status, now)
        daemon.overload.look(sum(each.unread_bytes for each in status.values()))
        for hole, name in self._holes.look(daemon.engine.lanes, now):
            day = now - now % DAY
            daemon.pipeline.note(own_finding(hole.rule, hole.title, Level.LOW, day, name, source=name), now)
        daemon.renewal.look(now)
        self._look_at_exceptions(now)
        self._upkeep.look(now)
        daemon.supervisor.alive()
        if abs(now - self._seen) >= SEEN_AGAIN:
            self._seen = now
            with contextlib.suppress(StoreError):
                daemon.store.seen(daemon.started, now)

    def _look_at_exceptions(self, now: Micros) -> None:
        """Once a day, and after a reload, what ends soon."""
        if now // DAY != self._day:
            self._day = now // DAY
            log_problems(endings(self._daemon.rulebook, now))

    def _tell_of_broken(self, now: Micros) -> None:
        """A channel that refuses for good is a finding, and said through the others: itself it cannot say it."""
        daemon = self._daemon
        while not daemon.reports.broken.empty():
            name, reason = daemon.reports.broken.get_nowait()
            daemon.pipeline.note(own_finding(CHANNEL_BROKEN, f"Channel '{name}' is broken", Level.HIGH, now, name), now)
            notification = broken(name, reason, now)
            entry = AuditEntry(at=now, who=SENTINEL, act="channel.broken", detail={"channel": name, "reason": reason})
            wanted = destinations(notification, daemon.config.routes, daemon.channels)
            others = [each for each in wanted if each != name] or [each for each in daemon.channels if each != name]
            daemon.pipeline.say(notification, others, entry, now)

    def _look_at_log(self) -> None:
        pipeline, size = self._daemon.pipeline, self._daemon.store.log_bytes()
        was_held, is_held = pipeline.commit_after != COMMIT_AFTER, size > HELD_LOG
        pipeline.commit_after = RARELY if is_held else COMMIT_AFTER
        if is_held and not was_held:
            _log.error("a reader of the state keeps its log from being emptied; commits are rare until it ends")
        elif was_held and not is_held:
            _log.info("the log of the state can be emptied again")

    def _look_at_sources(self, troubles: dict[str, str], names: Iterable[str], now: Micros) -> None:
        heard = {name: lane.heard for name, lane in self._daemon.engine.lanes.items()}
        for gap in self._stops.look(troubles, dict.fromkeys(names) | heard, now):
            self._daemon.pipeline.lose(gap, now)
        for name, trouble in troubles.items():
            if self._troubles.get(name) != trouble:
                _log.warning("source %s: %s", name, trouble)
        for name in self._troubles.keys() - troubles.keys():
            _log.info("source %s can be read again", name)
        self._troubles = troubles
        if troubles:
            self._daemon.readiness.not_ready("sources", "; ".join(f"{name}: {why}" for name, why in troubles.items()))
        else:
            self._daemon.readiness.ready("sources")
        for name in self._daemon.courier.stopped_channels():
            _log.critical("the courier of a channel has ended", extra={"channel": name})

    # --- findings and gaps ---------------------------------------------------------------------------------

    def tell_findings(self) -> None:
        """What the pipeline found since the last turn is counted and logged."""
        pipeline, measure = self._daemon.pipeline, self._daemon.measure
        self._tell_of_broken(self._daemon.clock.now())
        found, pipeline.findings = pipeline.findings, []
        measure.findings(found)
        self._daemon.activity.note_findings(found, self._daemon.clock.now())
        for gap in pipeline.gaps:
            measure.gap(gap)
            has_stopped = gap.reason in {SILENT, UNREADABLE}
            said = "a source has stopped" if has_stopped else "a stretch of a log was lost before it was read"
            _log.error(said, extra={"source": gap.source, "why": gap.reason})
        pipeline.gaps.clear()
        for finding in found:
            if not finding.update:
                _log_finding(finding)

    # --- the clock -----------------------------------------------------------------------------------------

    def look_at_clock(self, now: Micros) -> None:
        """At every turn, before anything is judged by the clock. Raises StoreError, and then what was seen is told."""
        jump = self._clock.look(now, self._daemon.clock.passed())
        self._daemon.pipeline.holds_reminders = self._clock.is_doubtful()
        if jump is None:
            return
        if jump.slept:
            _log.warning("the machine was suspended", extra={"seconds": round(jump.slept / SECOND, 1)})
            self._daemon.metrics.suspended_seconds.inc(jump.slept / SECOND)
        if jump.by:
            self._tell_jump(jump, now)

    def _tell_jump(self, jump: Jump, now: Micros) -> None:
        daemon = self._daemon
        direction = "forward" if jump.by > 0 else "back"
        seconds = round(jump.by / SECOND, 1)
        _log.warning("the clock was set %s", direction, extra={"seconds": seconds})
        daemon.metrics.clock_jumps.labels(direction).inc()
        if jump.is_grave:
            detail = {"seconds": seconds}
            daemon.pipeline.audit(AuditEntry(at=now, who=SENTINEL, act="clock.jumped", detail=detail), now)
            title = "The clock of this machine was set by minutes or more: times in the register may be off"
            daemon.pipeline.note(own_finding("sentinel_clock_jumped", title, Level.LOW, now, direction), now)
        if jump.by < 0:
            daemon.store.hurry(-jump.by)
            daemon.courier.wake()


def _log_finding(finding: Finding) -> None:
    facts = {"rule": finding.rule, "level": finding.level.word, "source": finding.source, "finding": finding.id}
    if finding.rule == floods.RULE:
        facts |= {"flooded": dict(finding.group)["rule"], "groups": str(finding.value)}
    _log.info("finding" if finding.mode is Mode.ENFORCE else "finding in shadow", extra=facts)

"""The daemon: builds every part from a configuration, joins them, turns the main loop, and lets go of them again.

Rules of this file:
1. The main loop's thread alone touches engine, book and pipeline; other threads pass requests and set events.
2. A trouble with the store pauses reading and never drops anything; with a broken one memory is dropped and everything
   begins again from what is stored.
3. A configuration with errors never replaces a good one.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from sentinel import files, reading
from sentinel.activity import Activity
from sentinel.assembly import SPOOL, Assembly
from sentinel.cases.book import Book
from sentinel.channels.base import Channel
from sentinel.clock import SECOND, Clock, Micros, SystemClock
from sentinel.config import Config
from sentinel.control import Control
from sentinel.desk import Desk
from sentinel.detect import state
from sentinel.detect.engine import Engine
from sentinel.detect.gatherer import Gatherer
from sentinel.detect.hashes import Hashes
from sentinel.detect.lane import Purpose
from sentinel.heartbeat import Heartbeat
from sentinel.inspection import log_problems, prepare
from sentinel.keyless import Custody
from sentinel.lookout import Lookout
from sentinel.measure import Measure, TimedRecords
from sentinel.metrics import Metrics
from sentinel.overload import Overload
from sentinel.pipeline import Pipeline
from sentinel.problems import Problem, Unusable
from sentinel.renewal import Loaded, Renewal
from sentinel.rulebook import Rulebook
from sentinel.signals import obey
from sentinel.sources import Sources
from sentinel.store import StoreBroken, StoreError, sqlite_version
from sentinel.systemd import Supervisor
from sentinel.uncollected import uncollected
from sentinel.untaken import Reports
from sentinel.web.readiness import Readiness
from sentinel.web.server import WebServer

_log = logging.getLogger(__name__)

FIXED = ("state", "http", "control", "master_key", "backup")
"""What of a configuration is taken at the start and not at a reload."""

STORE_PAUSE = 1.0
"""Seconds between two attempts to commit while the store cannot be written."""

COPY_PAUSE = 10.0
"""Seconds that a copy of the state is waited for when the daemon ends; one that is broken off is made again."""


class Daemon:
    """One running watch."""

    def __init__(
        self, loaded: Config, book: Rulebook, clock: Clock | None = None, environ: Mapping[str, str] = os.environ
    ) -> None:
        self.clock = clock or SystemClock()
        self.config = loaded
        self.rulebook = book
        self.metrics = Metrics()
        self.measure = Measure(self.metrics)
        self.activity = Activity()
        self.wake = threading.Event()
        self.stopping = threading.Event()
        self.renewal = Renewal(loaded, book, self.wake)
        self._environ = environ
        self.started = self.clock.now()
        self.readiness = Readiness(self.started)
        self.supervisor = Supervisor(environ, os.getpid())
        self._read_history = False
        self._is_broken = False
        self.metrics.build_info.labels(version("breach-sentinel"), sqlite_version()).set(1)

    # --- building ------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Every part in its place, everything stored taken up again. Raises StoreError, VaultError, Unusable."""
        self.config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.custody = Custody(
            self.config.state, self._assembly().master, self.config.backup, self.metrics, self.readiness
        )
        self.vault, self.keeper = self.custody.open(self.started)
        self.store = self.keeper.open(self.started)
        self.channels = self._assembly().channels()
        self.heartbeat = self._make_heartbeat(self.config)
        self._begin()
        self._make_courier()
        self.control = Control(self.config.control, self.wake)
        self.control.start()
        self.desk = Desk(self)
        self.lookout = Lookout(self)
        self.web = self._assembly().pages(self.clock, self.readiness, self.metrics)
        self.acting = self._assembly().acting(self.clock, self.metrics)
        if self.web is not None:
            self.web.start()
        self.courier.start()
        self.collector.start()
        self.heartbeat.start()

    def servers(self) -> list[WebServer]:
        """Who serves pages here."""
        return [server for server in (self.web, self.acting) if server is not None]

    def _assembly(self, loaded: Config | None = None) -> Assembly:
        return Assembly(loaded or self.config, self._environ)

    def _make_heartbeat(self, loaded: Config) -> Heartbeat:
        return self._assembly(loaded).heartbeat(self.clock, self.readiness, self.metrics)

    def _make_courier(self) -> None:
        self.reports = Reports(self.metrics, self.wake)
        parts = self._assembly()
        self.courier = parts.courier(self.store, self.channels, self.clock, self.reports)
        redaction = self.engine.redaction
        self.collector = parts.collector(self.store, self.vault, redaction, self.clock, self.metrics)

    @uncollected()
    def _begin(self) -> None:
        """Sources, engine and book as the store has them."""
        now = self.clock.now()
        self.custody.bring_home(self.store)
        self.engine = self._engine()
        self.sources = Sources(
            [each.options for each in self.config.sources],
            self.config.state / SPOOL,
            self.wake,
            reading.first_times(self.config.sources),
            self.config.secrets(self._environ),
        )
        self.sources.open(self.store.positions(), now)
        self.overload = Overload(self.engine, self.sources, self.metrics, self.readiness)
        self.pipeline = Pipeline(
            engine=self.engine,
            blocks=reading.Reading(self.sources, self.config.sources, self.engine),
            book=Book(self.store.cases(), self.config.cases),
            records=TimedRecords(self.store, self.metrics, self.custody.only_with_key(self.sources.stored)),
            names=self.vault,
            options=self.config.cases,
            telling=self._assembly().telling(self.channels, self.store.silences(now), self.vault.link_key),
        )
        for finding in (*self.keeper.news(self.store), *self.custody.news(self.store)):
            self.pipeline.note(finding, now)
        self.custody.settle(self.pipeline, now)
        self.readiness.ready("rules")
        self.readiness.ready("store")
        self.metrics.config_reload_ok.set(1)
        self.metrics.config_loaded.set(now / SECOND)
        self.measure.rules(self.rulebook.rules, files.families())

    def _engine(self) -> Engine:
        key = self.vault.hash_key
        # Accesses of a time without the key are read again with it: then they come into the ledger.
        is_kept = self.config.ledger and not self.custody.is_keyless
        gatherer = Gatherer(Hashes(key).__getitem__) if is_kept else None
        engine = self.rulebook.engine(reading.views(self.config.sources), key, Purpose(gatherer=gatherer))
        windows = self.store.load_windows()
        state.restore(engine, windows.bases, windows.deltas)
        return engine

    # --- turning -------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Turn until somebody stops it, then save and let go."""
        self.supervisor.ready(f"watching {len(self.config.sources)} sources with {self.rule_count()} rules")
        _log.info("the watch begins", extra={"sources": len(self.config.sources), "rules": self.rule_count()})
        try:
            while not self.stopping.is_set():
                self.turn()
        finally:
            self.close()

    def turn(self) -> None:
        """One block, what was asked, and a wait where nothing is to be done."""
        now = self.clock.now()
        size = self._work(now)
        self.lookout.tell_findings()
        self._redirect(now)
        for request in self.control.pending():
            self.desk.answer(request, self.clock.now())
        self._renew()
        self.readiness.turned(now)
        self.lookout.look(now)
        if size == 0:
            self._idle(now)

    def _work(self, now: Micros) -> int | None:
        """Bytes judged; None where the store cannot be read or written."""
        try:
            if self.custody.has_key_come(now):
                self.pipeline.commit(now)
                self.vault, self.keeper = self.custody.change()
                self._is_broken = True
            if self._is_broken:
                self._begin_again(now)
            self.lookout.look_at_clock(now)
            size = self._step(now)
            if not self.pipeline.holds_reminders:  # the time can be believed
                self.store.tend_ledger(now, self.config.ledger)
            if size == 0:
                self._tend(now)
        except StoreError as error:
            self._is_broken = self._is_broken or isinstance(error, StoreBroken)
            self._pause(error)
            return None
        self.readiness.ready("store")
        return size

    def _step(self, now: Micros) -> int:
        begun = time.perf_counter()
        size = self.pipeline.step(now)
        if size:
            self.metrics.blocks.inc()
            self.metrics.judge_seconds.observe(time.perf_counter() - begun)
        if self.pipeline.owes_news:
            self.pipeline.owes_news = False
            self.courier.wake()
            self.collector.wake()
        return size

    def _tend(self, now: Micros) -> None:
        """What there is time for while no record waits."""
        if not self._read_history:
            self._read_history = True
            self.pipeline.tell_of_history(now)
        self.custody.finish(self.store, partial(self.pipeline.commit, now))
        self.store.checkpoint()
        self.keeper.tend(self.store, now)

    def _pause(self, error: StoreError) -> None:
        self.readiness.not_ready("store", type(error).__name__)
        self.supervisor.status(f"reading is paused: {error}")
        _log.error("reading is paused until the store can be read and written: %s", error)
        self.clock.wait(STORE_PAUSE, self.wake)

    def _begin_again(self, now: Micros) -> None:
        """Drop memory, take up what is stored, read again. Raises StoreError where the store still fails."""
        _log.warning("beginning again from what is stored")
        self.sources.close()
        self.store.let_go()
        self.courier.stop()
        self.collector.stop()
        self.store = self.keeper.open(now)
        self.measure.new_engine()
        self._begin()
        self._is_broken = False
        self._make_courier()
        self.courier.start()
        self.collector.start()

    def _idle(self, now: Micros) -> None:
        waits = [self.sources.wait_seconds(now), self.pipeline.seconds_to_commit(now)]
        # What is held back is not waited for: the watch would spin until it is told.
        due = None if self.pipeline.holds_reminders else self.pipeline.book.next_due()
        if due is not None:
            waits.append(max(0.0, (due - now) / SECOND))
        woken = self.clock.wait(min(waits), self.wake)
        self.metrics.wakeups.labels("event" if woken else "scan").inc()

    def _redirect(self, now: Micros) -> None:
        """What a channel did not take, to its fallback."""
        while not self.reports.untaken.empty():
            row, reason = self.reports.untaken.get_nowait()
            options = self.config.channels.get(row.channel)
            if options is not None and options.fallback:
                self.pipeline.redirect(row.case_id, row.key, row.channel, reason, options.fallback, now)

    # --- what is asked -------------------------------------------------------------------------------------

    def rule_count(self) -> int:
        """Rules at work."""
        rules = self.rulebook.rules
        return len(rules.detections) + len(rules.correlations)

    def ask_reload(self) -> None:
        """Read all files again, beside the watch (SIGHUP). May be called from any thread."""
        self.renewal.ask()

    def ask_stop(self) -> None:
        """Save and end at the next turn (SIGTERM). May be called from any thread."""
        self.stopping.set()
        self.wake.set()

    def reload(self) -> list[Problem]:
        """At once: the newest files at work, or the old ones as before and the problems that kept them.

        Raises StoreError where what has been counted cannot be saved first; then the old ones stay too.
        """
        return self._take_up(self.renewal.load())

    def _renew(self) -> None:
        """Between two blocks: what has been loaded beside the watch is at work from here on."""
        new = None if self._is_broken else self.renewal.take()
        if new is not None:
            try:
                self._take_up(new)
            except StoreError:
                self.renewal.ask()

    def _take_up(self, new: Loaded) -> list[Problem]:
        self.supervisor.reloading()
        try:
            loaded, book = new.whole()
            made, heartbeat = self._assembly(loaded).channels(), self._make_heartbeat(loaded)
            self.pipeline.save_windows(self.clock.now())
        except (Unusable, StoreError) as refused:
            self.metrics.config_reload_ok.set(0)
            self.supervisor.ready("the new configuration cannot be used; the old one stays at work")
            if isinstance(refused, StoreError):
                raise
            self._refuse(refused.problems)
            return refused.problems
        self.activity.refused = []
        self.activity.note_engine(self.engine, self.clock.now())
        acted_on = self.config.acting
        self._change(self._with_fixed(loaded), book, made)
        if self.config.acting != acted_on:
            self.acting = self._assembly().acting(self.clock, self.metrics, self.acting)
        self.heartbeat.stop()
        self.heartbeat = heartbeat
        self.heartbeat.start()
        self.supervisor.ready(f"watching {len(loaded.sources)} sources with {self.rule_count()} rules")
        log_problems(new.problems)
        _log.info("the new configuration is at work", extra={"rules": self.rule_count()})
        return []

    def _refuse(self, problems: list[Problem]) -> None:
        self.activity.refused = [str(problem) for problem in problems]
        errors = sum(problem.is_error for problem in problems)
        odd = f"{errors} errors in the newest files, so those before are at work: sentinel rules status"
        self.readiness.ready("rules", odd)
        log_problems(problems)

    def _with_fixed(self, loaded: Config) -> Config:
        """The new configuration with what only a restart can change as it was; said where it differs."""
        for name in FIXED:
            if getattr(loaded, name) != getattr(self.config, name):
                _log.warning("a restart is needed for what has changed: %s", name)
        return replace(loaded, **{name: getattr(self.config, name) for name in FIXED})

    def _change(self, loaded: Config, book: Rulebook, made: dict[str, Channel]) -> None:
        self.sources.close()
        self.courier.stop()
        self.collector.stop()
        self.config, self.rulebook, self.channels = loaded, book, made
        self.lookout.begin_anew()
        self.measure.new_engine()
        self._begin()
        self._make_courier()
        self.courier.start()
        self.collector.start()

    # --- letting go ----------------------------------------------------------------------------------------

    def close(self) -> None:
        """Save what can be saved and let go of everything."""
        self.supervisor.stopping()
        try:
            self.pipeline.commit(self.clock.now())
        except StoreError as error:
            _log.error("the last commit failed; it will be read again: %s", error)
        self.control.stop()
        self.heartbeat.stop()
        self.courier.stop()
        self.collector.stop()
        for server in self.servers():
            server.stop()
        self.renewal.close()
        self.sources.close()
        self.keeper.wait(COPY_PAUSE)
        self.store.close()
        self.custody.let_go()
        _log.info("the watch has ended")


def watch(path: Path) -> None:
    """Run the daemon of a configuration until SIGTERM or SIGINT. Raises Unusable, StoreError, VaultError at start."""
    loaded, book = prepare(path)
    daemon = Daemon(loaded, book)
    obey({signal.SIGTERM: daemon.ask_stop, signal.SIGINT: daemon.ask_stop, signal.SIGHUP: daemon.ask_reload})
    daemon.open()
    daemon.run()

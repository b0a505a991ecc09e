"""`sentinel demo`: the real daemon on live, generated traffic with one insider; the case opens and its clock runs."""

from __future__ import annotations

import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Annotated, NoReturn, Protocol, cast

import requests
import typer
from rich.live import Live

from sentinel.acts import CaseRow, StatusAnswer
from sentinel.clock import SECOND, Clock, Micros, SystemClock
from sentinel.commands import case_view, demo_view
from sentinel.commands.demo_numbers import Meter, Numbers
from sentinel.commands.demo_stage import Service, Stage, Writer, running_daemon
from sentinel.commands.output import CommandError, console, safe
from sentinel.commands.traffic import Plan, Traffic
from sentinel.control import NotRunning, Refused, ask

EXAMPLES = ("sentinel demo", "sentinel demo --exit-after-case", "sentinel demo --keep ./demo --seconds 120")

GIVE_UP: Micros = 120 * SECOND
"""How long the case and its message may take before the demo has failed."""

INSIDER_AFTER: Micros = 5 * SECOND

_TICK_SECONDS = 0.25
_PLAIN_EVERY: Micros = 2 * SECOND


def command(
    exit_after_case: Annotated[
        bool, typer.Option("--exit-after-case", help="End well once the case is open and its message delivered.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Leave everything in this new folder.", show_default=False)
    ] = None,
    seconds: Annotated[
        int | None, typer.Option(min=1, help="End after so long; else at Ctrl-C.", show_default=False)
    ] = None,
    rate: Annotated[int, typer.Option(min=1, max=50_000, help="Lines a second, both logs together.")] = 2000,
) -> None:
    """The real daemon on live, generated traffic of an invented hospital, in which one person reads too much."""
    signal.signal(signal.SIGTERM, _end)
    clock = SystemClock()
    with _folder(keep) as folder, ExitStack() as stack:
        demo = Demo(Stage(folder), clock, rate)
        terminal = console()
        with terminal.status("the daemon starts") if sys.stdout.isatty() else nullcontext():
            demo.start(stack)
        show = _Screen() if sys.stdout.isatty() else _Lines()
        with suppress(KeyboardInterrupt):
            demo.play(show, ends_with_case=exit_after_case, seconds=seconds)
        show.end(demo.scene())
        left = f"Everything is left in {folder}" if keep else "Everything is gone; `sentinel demo --keep DIR` keeps it"
        terminal.print(f"{demo_view.conclusion(demo.scene())}\n{left}.")


class Show(Protocol):
    """How the demo is shown."""

    def update(self, scene: demo_view.Scene) -> None:
        """Things stand like this now."""

    def end(self, scene: demo_view.Scene) -> None:
        """It is over, and things stand like this."""


class Demo:
    """One performance: what was seen of the daemon so far."""

    def __init__(self, stage: Stage, clock: Clock, rate: float) -> None:
        self._stage = stage
        self._clock = clock
        self._never = threading.Event()
        self._service = Service(stage.build(), clock)
        self._started = clock.now()
        self._rate = rate
        self._numbers = Numbers()
        self._cases: list[CaseRow] = []
        self._noticed_after: int | None = None

    def start(self, stack: ExitStack) -> None:
        """The service, the daemon and then the traffic; all are stopped with the stack. Raises CommandError."""
        self._service.start()
        stack.callback(self._service.stop)
        self._stage.write_config(self._service.port)
        self._daemon = stack.enter_context(running_daemon(self._stage))
        self._status = self._wait_for_daemon()
        if self._status["http"] is None:
            raise self._failure("the daemon serves no metrics")
        self._meter = Meter(self._status["http"])
        self._started = self._clock.now()
        self._plan = Plan(insider_from=self._started + INSIDER_AFTER, rate=self._rate)
        self._traffic = Traffic(self._plan)
        self._writer = Writer(self._stage, self._traffic, self._clock)
        stack.callback(self._writer.stop)
        self._writer.start()

    def play(self, show: Show, *, ends_with_case: bool, seconds: int | None) -> None:
        """Look and show, until it is over. Raises CommandError where the daemon ends or the case does not come."""
        read_at: Micros = 0
        while seconds is None or self._clock.now() < self._started + seconds * SECOND:
            now = self._clock.now()
            if now - read_at >= SECOND // 2:
                read_at = now
                self._look()
            show.update(self.scene())
            if ends_with_case and self.is_delivered():
                return
            if ends_with_case and now > self._started + GIVE_UP:
                raise self._failure(f"no case was open and delivered after {GIVE_UP // SECOND} seconds")
            self._clock.wait(_TICK_SECONDS, self._never)

    def is_delivered(self) -> bool:
        """Whether a case is open and the service has taken its message."""
        delivered = {message.case for message in self._service.messages() if message.type == "case.opened"}
        return any(case["id"] in delivered for case in self._cases)

    def scene(self) -> demo_view.Scene:
        """Everything as it stands."""
        stage, where = self._stage, f"-c {self._stage.config}"
        case = self._cases[0]["id"] if self._cases else ""
        commands = [
            ("the case", f"sentinel case show {case} {where}" if case else f"sentinel case list {where}"),
            ("decide", f"sentinel case confirm {case} --reason '…' {where}" if case else ""),
            ("metrics", f"curl http://{self._status['http']}/metrics"),
            ("its log", f"tail -f {stage.daemon_log}"),
            ("the end", "Ctrl-C"),
        ]
        return demo_view.Scene(
            now=self._clock.now(),
            started=self._started,
            rules=self._status["rules"],
            written=self._writer.lines,
            read=self._traffic.insider_read,
            patients=self._plan.insider_patients,
            numbers=self._numbers,
            cases=self._cases,
            messages=self._service.messages(),
            noticed_after=self._noticed_after,
            commands=[each for each in commands if each[1]],
        )

    def _look(self) -> None:
        self._check_alive()
        try:
            self._numbers = self._meter.read()
            self._cases = ask(self._stage.control, "case.list", {})["cases"]
        except (NotRunning, Refused, requests.RequestException) as error:
            self._check_alive()
            raise self._failure("the daemon does not answer any more") from error
        if self._noticed_after is None and self._service.messages():
            self._noticed_after = self._traffic.read_at(self._service.messages()[0].received_at)

    def _wait_for_daemon(self) -> StatusAnswer:
        while self._clock.now() < self._started + GIVE_UP:
            self._check_alive()
            with suppress(NotRunning, Refused):
                return cast("StatusAnswer", ask(self._stage.control, "status", {}))
            self._clock.wait(_TICK_SECONDS, self._never)
        raise self._failure("the daemon did not start in time")

    def _check_alive(self) -> None:
        if self._daemon.poll() is not None:
            raise self._failure(f"the daemon ended with exit code {self._daemon.returncode}")

    def _failure(self, message: str) -> CommandError:
        words = self._stage.last_words()
        return CommandError(message, f"its last words:\n{words}" if words else "it left no words")


class _Screen:
    """One live screen on a terminal."""

    def __init__(self) -> None:
        self._console = console()
        self._live = Live(console=self._console, auto_refresh=False, screen=False)
        self._live.start()

    def update(self, scene: demo_view.Scene) -> None:
        self._live.update(demo_view.screen(scene, self._console.width), refresh=True)

    def end(self, scene: demo_view.Scene) -> None:
        # The daemon is about to end; commands that ask it would lead nowhere.
        self.update(replace(scene, commands=()))
        self._live.stop()


class _Lines:
    """One line now and then, and one for everything that happens."""

    def __init__(self) -> None:
        self._shown_at: Micros = 0
        self._cases: dict[str, CaseRow] = {}
        self._messages = 0

    def update(self, scene: demo_view.Scene) -> None:
        for line in case_view.changes(self._cases, scene.cases):
            if "concerns" not in line:
                _say(f"case {line}{_left(scene)}")
        self._cases = {case["id"]: case for case in scene.cases}
        for message in scene.messages[self._messages :]:
            _say(demo_view.told(message, scene))
        self._messages = len(scene.messages)
        if scene.now - self._shown_at >= _PLAIN_EVERY:
            self._shown_at = scene.now
            _say(demo_view.plain(scene))

    def end(self, scene: demo_view.Scene) -> None:
        self.update(scene)


def _say(line: str) -> None:
    sys.stdout.write(safe(line) + "\n")
    sys.stdout.flush()


def _left(scene: demo_view.Scene) -> str:
    clock = case_view.first_clock(scene.cases[0])
    return f", {case_view.countdown(clock, scene.now)} left" if clock else ""


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is None:
        with tempfile.TemporaryDirectory(prefix="sentinel-demo-", ignore_cleanup_errors=True) as name:
            yield Path(name)
        return
    if keep.exists() and any(keep.iterdir()):
        raise CommandError(f"'{keep}' is not empty", "name a folder that is new")
    keep.mkdir(mode=0o700, parents=True, exist_ok=True)
    yield keep.absolute()


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    # As an exception, so that the daemon is stopped and the folder removed on the way out.
    raise SystemExit(128 + signal.SIGTERM)

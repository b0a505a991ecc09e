"""What the watch goes by, kept up with its files: a change is seen, loaded and tested beside the watch, handed over.

Rules of this file:
1. The loading thread touches nothing of the watch: it reads files and makes values.
2. A change is taken up once the files have stood still for SETTLED, for an editor or a checkout writes several.
3. What wakes us is only sooner than the next look. Every file is compared with what it was when it was read.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from sentinel import files, inspection
from sentinel.clock import SECOND, Micros
from sentinel.config import Config
from sentinel.files import State
from sentinel.problems import Problem, Unusable, by_severity
from sentinel.rulebook import Rulebook
from sentinel.sources.wakeup import Stir, WakeUp

_log = logging.getLogger(__name__)

SETTLED: Micros = SECOND
"""How long the files must have stood still."""

LOOK_AGAIN: Micros = 5 * SECOND
"""Between two looks at the files where nothing woke us."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """The newest files, read and tested. `seen` is each as it was when it was read; `proven` what has been tested."""

    config: Config | None
    book: Rulebook | None
    problems: list[Problem]
    seen: Mapping[Path, State | None]
    proven: frozenset[str]

    def whole(self) -> tuple[Config, Rulebook]:
        """What they say, to be used as a whole. Raises Unusable with every problem where one is an error."""
        if self.config is None or self.book is None or not self.is_sound:
            raise Unusable(self.problems)
        return self.config, self.book

    @property
    def is_sound(self) -> bool:
        """No problem is an error."""
        return not any(problem.is_error for problem in self.problems)


def _load(path: Path, proven: frozenset[str]) -> Loaded:
    with files.noted() as seen:
        config, book, problems = inspection.inspect(path)
    if book is not None and not any(problem.is_error for problem in problems):
        failed, proven = inspection.prove(book, proven)
        problems = sorted([*problems, *failed], key=by_severity)
    return Loaded(config, book, problems, seen, proven)


class Renewal:
    """Of one daemon, whose main loop alone calls all but `ask`."""

    def __init__(self, config: Config, book: Rulebook, wake: threading.Event) -> None:
        self._path = config.path
        self._wake = wake
        self._folders = config.rules
        self._known = _changeable(book.read_from)
        self._proven: frozenset[str] = frozenset()
        self._asked = threading.Event()
        self._worker = ThreadPoolExecutor(1, "sentinel-renewal")
        self._loading: Future[Loaded] | None = None
        self._stir = Stir()
        self._wakeup = WakeUp(wake)
        self._looked: Micros = 0
        self._moving: tuple[Mapping[Path, State | None], Micros] | None = None

    def look(self, now: Micros) -> None:
        """Once a second: whether the files are others than those that were read last, and have stood still since."""
        self._wakeup.cover(self._stir, {str(path.parent) for path in self._known}, now)
        self._wakeup.check(now)
        is_stirred = bool(self._stir.take_grown()) or self._stir.has_moved
        self._stir.has_moved = False
        is_time = not 0 <= now - self._looked < LOOK_AGAIN
        if self._loading is not None or not (is_stirred or is_time or self.is_under_way):
            return
        self._looked = now
        found = self._states()
        if found == self._known and not self._asked.is_set():
            self._moving = None
        elif self._moving is None or self._moving[0] != found:
            self._moving = found, now
        elif not 0 <= now - self._moving[1] < SETTLED:
            self._asked.clear()
            self._moving = None
            _log.info("reading the configuration and rules again")
            self._loading = self._worker.submit(_load, self._path, self._proven)
            self._loading.add_done_callback(lambda _: self._wake.set())

    def _states(self) -> dict[Path, State | None]:
        paths = dict.fromkeys([*self._known, *files.rule_files(self._folders)])
        return _changeable({path: files.state_of(path) for path in paths})

    def ask(self) -> None:
        """Let the files be read again, changed or not. May be called from any thread."""
        self._asked.set()
        self._wake.set()

    @property
    def is_under_way(self) -> bool:
        """Files are moving, or are being loaded, or what was loaded has not been taken."""
        return self._asked.is_set() or self._loading is not None or self._moving is not None

    def take(self) -> Loaded | None:
        """At every turn: what the newest files say, once it is loaded and tested."""
        if self._loading is None or not self._loading.done():
            return None
        loaded, self._loading = self._loading.result(), None
        if any(files.state_of(path) != state for path, state in loaded.seen.items()):
            self.ask()  # somebody wrote while they were read: they may not belong together
            return None
        return self._noted(loaded)

    def load(self) -> Loaded:
        """At once, for who waits for the answer."""
        self._asked.clear()
        if self._loading is not None:
            self._loading.result()
            self._loading = None
        return self._noted(_load(self._path, self._proven))

    def _noted(self, loaded: Loaded) -> Loaded:
        """Of files that are refused, these are watched and those at work too."""
        seen = _changeable(loaded.seen)
        if loaded.config is not None:
            self._folders = loaded.config.rules
        self._known = seen if loaded.is_sound else {**self._known, **seen}
        self._proven = loaded.proven
        return loaded

    def close(self) -> None:
        """Let go of the threads."""
        self._wakeup.close()
        self._worker.shutdown(wait=False, cancel_futures=True)


def _changeable(states: Mapping[Path, State | None]) -> dict[Path, State | None]:
    """Without what comes with Sentinel: it changes with the program, at a restart."""
    shipped = files.shipped("rules")
    return {path: state for path, state in states.items() if not path.is_relative_to(shipped)}

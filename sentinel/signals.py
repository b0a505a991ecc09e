"""Signals become calls, made by a thread of its own and not in the midst of what they interrupt."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping
from queue import SimpleQueue


def obey(acts: Mapping[signal.Signals, Callable[[], None]]) -> None:
    """From now on each of these signals is followed by its call. To be called by the main thread.

    A handler runs between any two steps of the main thread. If it set an event there that the main thread was about to
    set, clear or await, it would wait for ever: an event's lock cannot be taken twice. A SimpleQueue may be put into at
    any moment; its documentation says so.
    """
    asked: SimpleQueue[Callable[[], None]] = SimpleQueue()
    threading.Thread(target=_follow, args=[asked], name="signals", daemon=True).start()
    for number, act in acts.items():
        signal.signal(number, lambda *_, act=act: asked.put(act))


def _follow(asked: SimpleQueue[Callable[[], None]]) -> None:
    while True:
        asked.get()()

"""A signal is obeyed at whatever step of the main thread it comes."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator

import pytest

from sentinel.signals import obey

PATIENCE = 30.0


@pytest.fixture
def as_before() -> Iterator[None]:
    before = signal.getsignal(signal.SIGUSR2)
    yield
    signal.signal(signal.SIGUSR2, before)


@pytest.mark.usefixtures("as_before")
def test_a_signal_that_comes_while_the_main_thread_holds_what_its_call_needs_is_obeyed_later() -> None:
    lock, called = threading.Lock(), threading.Event()

    def call() -> None:
        with lock:
            called.set()

    obey({signal.SIGUSR2: call})
    with lock:
        signal.raise_signal(signal.SIGUSR2)
        assert not called.is_set()
    assert called.wait(PATIENCE)


@pytest.mark.usefixtures("as_before")
def test_every_signal_is_followed_by_its_call() -> None:
    calls = threading.Semaphore(0)
    obey({signal.SIGUSR2: calls.release})
    for _ in range(3):
        signal.raise_signal(signal.SIGUSR2)
    assert all(calls.acquire(timeout=PATIENCE) for _ in range(3))

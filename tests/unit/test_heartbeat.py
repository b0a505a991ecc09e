from __future__ import annotations

import threading

import pytest

from sentinel.channels.base import ChannelError
from sentinel.clock import MINUTE, SECOND, SetClock, SystemClock
from sentinel.heartbeat import Heartbeat, HeartbeatOptions
from sentinel.metrics import Metrics
from sentinel.web.readiness import PARTS, Readiness
from tests.unit.cases_fixtures import NOW
from tests.unit.loopback import Answer, Service, service


def whole(now: int = NOW) -> Readiness:
    readiness = Readiness(now)
    for part in PARTS:
        readiness.ready(part)
    return readiness


def a_heartbeat(there: Service, readiness: Readiness, clock: SetClock, metrics: Metrics) -> Heartbeat:
    options = HeartbeatOptions.model_validate({"url": {"env": "watcher"}, "allow_private": True})
    return Heartbeat(options.target(lambda _: there.url), options.every, clock, readiness, metrics)


def last_success(metrics: Metrics) -> float | None:
    return metrics.registry.get_sample_value("sentinel_heartbeat_last_success_timestamp_seconds")


def test_a_whole_watch_gives_a_sign_of_life() -> None:
    metrics = Metrics()
    with service() as there:
        assert a_heartbeat(there, whole(), SetClock(NOW), metrics).beat()
    assert len(there.received) == 1
    assert last_success(metrics) == NOW / SECOND


@pytest.mark.parametrize("part", PARTS)
def test_a_watch_that_is_not_whole_is_silent(part: str) -> None:
    readiness = whole()
    readiness.not_ready(part, "the disk is full")  # type: ignore[arg-type]  # one of PARTS
    with service() as there:
        assert not a_heartbeat(there, readiness, SetClock(NOW), Metrics()).beat()
    assert there.received == []


def test_a_watch_whose_loop_is_stuck_is_silent() -> None:
    with service() as there:
        assert not a_heartbeat(there, whole(NOW), SetClock(NOW + 2 * MINUTE), Metrics()).beat()
    assert there.received == []


def test_a_sign_that_is_not_taken_is_said_once_and_its_address_is_not(caplog: pytest.LogCaptureFixture) -> None:
    metrics = Metrics()
    with service(Answer(404)) as there:
        heartbeat = a_heartbeat(there, whole(), SetClock(NOW), metrics)
        assert [heartbeat.beat(), heartbeat.beat()] == [False, False]
    assert [record.message for record in caplog.records] == ["the heartbeat is not taken: Never(reason='status 404')"]
    assert last_success(metrics) == 0


def test_the_thread_gives_a_first_sign_at_once_and_ends_when_it_is_told() -> None:
    with service() as there:
        clock = SystemClock()
        options = HeartbeatOptions.model_validate({"url": {"env": "watcher"}, "allow_private": True})
        target = options.target(lambda _: there.url)
        heartbeat = Heartbeat(target, options.every, clock, whole(clock.now()), Metrics())
        heartbeat.start()
        assert there.arrived.wait(30)
        heartbeat.stop()
        names = {thread.name: thread for thread in threading.enumerate()}
        if "heartbeat" in names:
            names["heartbeat"].join(30)
    assert "heartbeat" not in {thread.name for thread in threading.enumerate()}


def test_an_address_of_the_wrong_form_is_refused_without_being_shown() -> None:
    options = HeartbeatOptions.model_validate({"url": {"env": "watcher"}})
    with pytest.raises(ChannelError, match="is no web address") as error:
        options.target(lambda _: "T0SECRET")
    assert "T0SECRET" not in str(error.value)

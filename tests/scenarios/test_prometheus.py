"""A real Prometheus scrapes the daemon with the shipped rules, and its alerts fire (Debian: prometheus)."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import MINUTE, SECOND, SystemClock
from sentinel.metrics import render
from tests.scenarios.test_daemon import CONFIG, Watch, folder
from tests.unit.loopback import Answer, Service, service

__all__ = ["folder"]

PROGRAM = shutil.which("prometheus")
DEPLOY = Path(__file__).parents[2] / "deploy"
RULES, DASHBOARDS = DEPLOY / "prometheus", DEPLOY / "grafana"

needs_prometheus = pytest.mark.skipif(PROGRAM is None, reason="needs the Debian package prometheus")


class Prometheus:
    """A running one; what it answers is asked for until it is as wanted, while the daemon turns."""

    def __init__(self, address: str, turn: Callable[[], None]) -> None:
        self.address = address
        self._turn = turn

    def ask(self, path: str, **arguments: str) -> Any:
        url = f"{self.address}/api/v1/{path}?{urllib.parse.urlencode(arguments)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]

    def value(self, query: str) -> float | None:
        found = self.ask("query", query=query)["result"]
        return float(found[0]["value"][1]) if found else None

    def until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(3000):
            if is_so():
                return
            self._turn()
        raise AssertionError("it did not come to be so")

    def firing(self) -> set[str]:
        return {alert["labels"]["alertname"] for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"}


@pytest.fixture
def refusing() -> Iterator[Service]:
    with service(Answer(410)) as there:
        yield there


@pytest.fixture
def watch(folder: Path, refusing: Service) -> Iterator[Watch]:
    (folder / "key").write_text("whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=", encoding="utf-8")
    (folder / "password").write_text("open sesame", encoding="utf-8")
    channel = f"{{type: webhook, url: '{refusing.url}', secret: {{file: key}}, allow_private: true}}"
    login = "{user: prometheus, password: {file: password}}"
    config = CONFIG.replace('{listen: "127.0.0.1:0"}', f'{{listen: "127.0.0.1:0", login: {login}}}')
    (folder / "sentinel.yaml").write_text(f"{config}channels: {{soc: {channel}}}\n", encoding="utf-8")
    watch = Watch(folder, SystemClock().now())
    yield watch
    watch.daemon.close()


@pytest.fixture
def prometheus(tmp_path: Path, watch: Watch) -> Iterator[Prometheus]:
    assert PROGRAM is not None
    assert watch.daemon.web is not None
    assert watch.daemon.web.address is not None
    host, port = watch.daemon.web.address
    config = {
        "global": {"scrape_interval": "200ms", "evaluation_interval": "200ms"},
        "rule_files": [str(RULES / "sentinel-alerts.yml"), str(RULES / "sentinel-recording.yml")],
        "scrape_configs": [
            {
                "job_name": "sentinel",
                "basic_auth": {"username": "prometheus", "password_file": str(tmp_path / "password")},
                "static_configs": [{"targets": [f"{host}:{port}"]}],
            }
        ],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")
    with socket.create_server(("127.0.0.1", 0)) as free:
        own = free.getsockname()[1]
    options = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
    with subprocess.Popen(
        [PROGRAM, *options, f"--web.listen-address=127.0.0.1:{own}"], stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "Server is ready" in line:
                break
        drain = threading.Thread(target=running.stderr.read)
        drain.start()
        try:
            yield Prometheus(f"http://127.0.0.1:{own}", watch.daemon.turn)
        finally:
            running.terminate()
            drain.join()


@needs_prometheus
@pytest.mark.needs_server("prometheus")
def test_a_case_whose_channel_refuses_it_raises_the_alert_that_says_so(watch: Watch, prometheus: Prometheus) -> None:
    prometheus.until(lambda: prometheus.value("sentinel_cases{state='open'}") == 0)
    assert "SentinelMessagesGivenUp" not in prometheus.firing()
    watch.read("kim", range(5))
    prometheus.until(lambda: "SentinelMessagesGivenUp" in prometheus.firing())
    assert prometheus.value("sentinel_cases{state='open'}") == 1
    assert "SentinelCaseUnacknowledged" not in prometheus.firing()
    assert prometheus.value("sentinel_rule_info{rule='many', family='own'}") == 1
    (target,) = prometheus.ask("targets")["activeTargets"]
    assert (target["health"], target["lastError"]) == ("up", "")


def questions() -> Iterator[tuple[str, str]]:
    """What the dashboards ask, with the panel that asks it."""
    for board in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(board.read_text(encoding="utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                asked = target["expr"].replace("$__rate_interval", "1m").replace("$instance", ".*")
                yield f"{board.stem}: {panel['title']}", asked


@needs_prometheus
@pytest.mark.needs_server("prometheus")
def test_every_question_of_every_panel_has_an_answer(watch: Watch, prometheus: Prometheus) -> None:
    asked = list(questions())
    assert len(asked) > 25
    watch.read("kim", range(5))
    prometheus.until(lambda: prometheus.value("sentinel_cases{state='open'}") == 1)
    watch.read("kim", range(5, 20))
    prometheus.until(lambda: prometheus.value("rate(sentinel_lines_total[1m])") not in {None, 0.0})
    prometheus.until(lambda: prometheus.value("instance_family:sentinel_findings:increase1d") is not None)
    unanswered = [panel for panel, query in asked if prometheus.value(query) is None]
    assert unanswered == []


def samples(watch: Watch) -> dict[str, float]:
    """Each series and its value."""
    watch.clock.move_to(watch.clock.now() + SECOND)
    watch.turn()
    lines = render(watch.daemon.metrics)[0].decode().splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if not name.startswith("#")
    }


def test_a_hundred_thousand_people_are_not_one_series_more(watch: Watch) -> None:
    watch.read("kim", range(2))
    before = samples(watch)
    path = watch.folder / "portal.log"
    line = path.read_text(encoding="utf-8").splitlines()[0]
    with path.open("a", encoding="utf-8") as log:
        log.writelines(f"{line.replace(' kim ', f' user{person} ')}\n" for person in range(100_000))
    watch.turn(40)
    after = samples(watch)
    assert after['sentinel_accesses_total{source="portal",system="portal"}'] > 100_000
    grown = Counter(name.partition("{")[0] for name in after.keys() - before.keys())
    # The flood's own finding, and at most what woke the loop: one each, however many people there are.
    assert "sentinel_findings_total" in grown
    assert set(grown.values()) == {1}
    assert not [name for name in after if "user" in name]


def test_how_long_people_took_is_counted_once_a_case(watch: Watch) -> None:
    def moved(name: str, **second: str) -> dict[str, float]:
        for more in ({}, second):
            watch.ask("case.move", case=case["id"], move=name, reason="seen with the ward", **more)
            watch.clock.move_to(watch.clock.now() + 10 * MINUTE)
        return samples(watch)

    def seconds(name: str) -> float:
        (now,) = watch.cases()
        times = [datetime.fromisoformat(now[each]).timestamp() for each in (name, "detected_at")]
        return times[0] - times[1]

    assert samples(watch)["sentinel_unacknowledged_since_timestamp_seconds"] == 0
    watch.read("kim", range(5))
    watch.turn()
    (case,) = watch.cases()
    opened = datetime.fromisoformat(case["detected_at"]).timestamp()
    assert samples(watch)["sentinel_unacknowledged_since_timestamp_seconds"] == pytest.approx(opened, abs=1)
    found = moved("acknowledge")
    assert found["sentinel_unacknowledged_since_timestamp_seconds"] == 0
    assert found["sentinel_acknowledge_seconds_count"] == 1
    assert found["sentinel_acknowledge_seconds_sum"] == pytest.approx(seconds("acknowledged_at"), abs=1)
    found = moved("notify", phase="supplement")
    assert (found["sentinel_acknowledge_seconds_count"], found["sentinel_notify_seconds_count"]) == (1, 1)
    assert found["sentinel_notify_seconds_sum"] == pytest.approx(seconds("notified_at"), abs=1)

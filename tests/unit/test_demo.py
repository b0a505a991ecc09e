"""The demo: its stage, its numbers, how it looks."""

import base64
import hmac
import io
import json
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import requests
from rich.console import Console

from sentinel.acts import CaseRow
from sentinel.clock import HOUR, SECOND, SetClock, SystemClock, rfc3339
from sentinel.commands import demo_view
from sentinel.commands.demo import Demo
from sentinel.commands.demo_numbers import Numbers, numbers, read_samples
from sentinel.commands.demo_stage import Message, Service, Stage, Writer
from sentinel.commands.demo_view import Scene
from sentinel.commands.output import CommandError
from sentinel.commands.traffic import Plan, Traffic
from sentinel.config import load

NOON = 1_772_625_600 * SECOND
KEY = bytes(range(32))


@pytest.fixture
def service() -> Iterator[Service]:
    service = Service(KEY, SetClock(NOON))
    service.start()
    yield service
    service.stop()


def post(service: Service, body: bytes, key: bytes = KEY, identity: str = "msg_1") -> int:
    signed = hmac.digest(key, f"{identity}.1772625600.".encode() + body, "sha256")
    headers = {
        "webhook-id": identity,
        "webhook-timestamp": "1772625600",
        "webhook-signature": f"v1,{base64.b64encode(signed).decode()}",
    }
    return requests.post(f"http://127.0.0.1:{service.port}/soc", body, headers=headers, timeout=5).status_code


def a_body() -> bytes:
    data = {"headline": "[high] C-1: a breach case is open", "next_action": "Look", "case": {"id": "C-1"}}
    return json.dumps({"type": "case.opened", "timestamp": rfc3339(NOON - SECOND // 50, 3), "data": data}).encode()


def a_message() -> Message:
    text = "[high] C-1: a breach case is open"
    return Message("msg_1", "case.opened", text, "Look", "C-1", rfc3339(NOON - SECOND // 50, 3), NOON, is_signed=True)


def a_case(**changes: Any) -> CaseRow:
    clock = {
        "regime": "gdpr",
        "step": "authority",
        "deadline_at": rfc3339(NOON + 71 * HOUR),
        "provisional": True,
        "remaining_seconds": 71 * 3600,
        "state": "running",
    }
    row: Any = {
        "id": "C-1",
        "title": "Bulk \x1b[31maccess",
        "state": "open",
        "level": "high",
        "key": {"access.actor": "actor-7f3a"},
        "systems": ["patient-portal"],
        "categories": ["health"],
        "subjects": 300,
        "clocks": [clock],
    }
    result: CaseRow = row | changes
    return result


def drawn(scene: Scene, width: int = 100) -> str:
    terminal = Console(width=width, file=io.StringIO(), record=True)
    terminal.print(demo_view.screen(scene, width))
    return terminal.export_text()


def test_a_signed_message_is_taken_once(service: Service) -> None:
    assert post(service, a_body()) == 204
    assert post(service, a_body()) == 204
    assert service.messages() == [a_message()]


def test_a_message_with_another_signature_is_refused(service: Service) -> None:
    assert post(service, a_body(), key=bytes(32)) == 401
    assert service.messages() == []


def test_the_stage_is_for_its_owner_alone_and_its_configuration_is_good(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.build()
    stage.write_config(8080)
    loaded, problems = load(stage.config)
    assert problems == []
    assert loaded is not None
    assert loaded.control == stage.control
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "webhook-secret").stat().st_mode) == 0o600


def test_the_writer_appends_what_the_traffic_says(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.build()
    clock = SystemClock()
    writer = Writer(stage, Traffic(Plan(insider_from=clock.now() + 100 * SECOND)), clock)
    writer.start()
    clock.wait(0.5, threading.Event())
    writer.stop()
    assert writer.lines > 0
    written = stage.portal.read_bytes() + stage.application.read_bytes()
    assert written.count(b"\n") == writer.lines


def test_the_last_words_of_a_daemon_that_never_spoke_are_none(tmp_path: Path) -> None:
    assert Stage(tmp_path).last_words() == ""


def test_rates_are_differences_over_the_time_between() -> None:
    first = read_samples('sentinel_lines_total{source="portal"} 100\nsentinel_lines_total{source="ehr"} 50\n')
    text = (
        'sentinel_lines_total{source="portal"} 300\nsentinel_lines_total{source="ehr"} 100\n'
        'sentinel_accesses_total{source="portal",system="a"} 3\nsentinel_accesses_total{source="portal",system="b"} 1\n'
        "sentinel_commit_seconds_sum 0.5\nsentinel_commit_seconds_count 100\n"
        'sentinel_candidates_total{source="portal"} 40\n'
    )
    found = numbers((NOON, first), (NOON + 2 * SECOND, read_samples(text)))
    assert (found.lines, found.lines_per_second) == (400, 125)
    assert found.by_source == {"portal": 100, "ehr": 25}
    assert (found.accesses, found.candidates_share, found.commit_ms) == (4, 0.1, 5)


def test_the_screen_before_anything_happens() -> None:
    text = drawn(Scene(now=NOON, started=NOON))
    assert "no case is open" in text
    assert "works as everybody else does" in text
    assert "delivered" not in text


def test_the_screen_with_a_case_and_its_message() -> None:
    scene = Scene(
        now=NOON,
        started=NOON - 65 * SECOND,
        read=126,
        numbers=Numbers(lines=42_942, lines_per_second=1990, by_source={"portal": 1210.0, "ehr": 780.0}),
        cases=[a_case()],
        messages=[a_message()],
        noticed_after=50,
    )
    text = drawn(scene)
    for each in (
        "01:05",
        "42,942 1,990/s",
        "1,210/s",
        "126 patients, noticed after 50",
        "actor-7f3a",
        "signature verified",
        "20 ms",
    ):
        assert each in text
    assert "▀▀█ ▀█    █▀█ █▀█   █▀█ █▀█" in text
    assert "\x1b[31m" not in text


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_screen_fits_the_terminal(width: int) -> None:
    scene = Scene(now=NOON, started=NOON, read=300, cases=[a_case()], messages=[a_message()], noticed_after=50)
    assert max(len(line) for line in drawn(scene, width).splitlines()) <= min(width, 100)


def test_a_clock_that_ran_out_or_ended_can_be_drawn() -> None:
    late = a_case()
    late["clocks"][0]["deadline_at"] = rfc3339(NOON - HOUR)
    assert "past the deadline" in drawn(Scene(now=NOON, started=NOON, cases=[late]))
    ended = a_case()
    ended["clocks"][0]["state"] = "stopped"
    assert "stopped" in drawn(Scene(now=NOON, started=NOON, cases=[ended]))
    assert "no clock runs" in drawn(Scene(now=NOON, started=NOON, cases=[a_case(clocks=[])]))


def test_the_end_is_told_in_a_sentence() -> None:
    scene = Scene(now=NOON, started=NOON, read=60, cases=[a_case()], messages=[a_message()], noticed_after=50)
    assert demo_view.conclusion(scene) == (
        "Case C-1 was opened when 50 of 300 patients had been read; "
        "its message arrived 20 ms later, its signature verified."
    )
    assert "No case was opened" in demo_view.conclusion(Scene(now=NOON, started=NOON))


class BrokenStage(Stage):
    """A stage whose configuration the daemon refuses."""

    def write_config(self, port: int) -> None:
        self.config.write_text("sources: 3\n")


def test_a_daemon_that_does_not_start_is_told_with_its_last_words(tmp_path: Path) -> None:
    with ExitStack() as stack, pytest.raises(CommandError, match="the daemon ended with exit code 1") as error:
        Demo(BrokenStage(tmp_path), SystemClock(), 100).start(stack)
    assert "sentinel.yaml:1:" in error.value.hint


def test_a_folder_in_use_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    done = subprocess.run(
        [sys.executable, "-m", "sentinel", "demo", "--keep", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "is not empty" in done.stderr

"""The demo as a whole, with the real daemon: what a newcomer runs first."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_whole_demo_ends_well_with_a_case_and_a_signed_message(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    done = subprocess.run(
        [sys.executable, "-m", "sentinel", "demo", "--exit-after-case", "--keep", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "is open: " in done.stdout
    assert "message case.opened delivered in" in done.stdout
    log = (folder / "daemon.log").read_text()
    assert "kim" not in log
    listed = subprocess.run(
        [sys.executable, "-m", "sentinel", "case", "list", "-c", str(folder / "sentinel.yaml"), "--output", "json"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert [case["level"] for case in json.loads(listed.stdout)] == ["high"]


@pytest.mark.slow
def test_a_demo_that_is_ended_takes_its_daemon_and_folder_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    command = [sys.executable, "-m", "sentinel", "demo", "--rate", "50", "--keep", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        demo.stdout.readline()
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(30) == 128 + signal.SIGTERM
    assert "the watch has ended" in (folder / "daemon.log").read_text()
    assert not (folder / "state" / "control.sock").exists()

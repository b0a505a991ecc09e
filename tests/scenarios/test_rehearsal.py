"""Scenarios that people write: what `sentinel test` makes of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sentinel import rehearsal
from sentinel.problems import Unusable

NIGHT_SHIFT = Path(__file__).parent / "night_shift"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "night_shift"
    shutil.copytree(NIGHT_SHIFT, copy)
    text = (copy / "scenario.yml").read_text(encoding="utf-8")
    root = Path(__file__).parents[2]
    (copy / "scenario.yml").write_text(text.replace("../../..", str(root)), encoding="utf-8")
    return copy


def changed(folder: Path, old: str, new: str) -> str:
    """Why the scenario fails once this is written in it."""
    path = folder / "scenario.yml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return rehearsal.run(path).why


def test_the_night_shift_goes_as_it_is_written() -> None:
    assert rehearsal.run(NIGHT_SHIFT / rehearsal.FILE).why == ""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("subjects: 60", "subjects: 61", "subjects is 60 and must be 61"),
        ("ada.berg", "ben.lund", "group is [{'access.actor': 'ada.berg'}] and must be {'access.actor': 'ben.lund'}"),
        ("deadline: '2026-03-07T01:58:45Z'", "deadline: '2026-03-07T02:00:00Z'", "deadline is 2026-03-07T01:58:45Z"),
        ("rule: bulk_access", "rule: bulk", "rule is bulk_access and must be bulk"),
        ("cases: 1", "cases: 2", "there are 1 cases and must be 2"),
        (
            "6h-left]\n    - after",
            "6h-left, 3h-left]\n    - after",
            "owed are opened, 48h-left, 24h-left, 12h-left, 6h",
        ),
        ("cases: 0", "owed: [opened]", "at 2026-03-04T01:58:00Z owed are nothing and must be opened"),
    ],
)
def test_what_is_not_as_expected_is_said(folder: Path, old: str, new: str, why: str) -> None:
    assert why in changed(folder, old, new)


def test_a_scenario_with_a_mistake_names_its_place(folder: Path) -> None:
    with pytest.raises(Unusable, match=r"scenario\.yml:\d+:\d+: S001 unknown key 'logs'"):
        changed(folder, "log: access.log", "logs: access.log")


def test_a_moment_that_is_none_is_said(folder: Path) -> None:
    with pytest.raises(Unusable, match="S001 'noon' is no moment"):
        changed(folder, "at: '2026-03-04T01:58:00Z'", "at: noon")


def test_the_command_runs_scenarios_and_says_how_they_went() -> None:
    command = [sys.executable, "-m", "sentinel", "test", str(NIGHT_SHIFT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0
    assert "ok     scenario: One clerk reading sixty patients' records" in done.stdout
    assert "1 passed, 0 failed" in done.stdout

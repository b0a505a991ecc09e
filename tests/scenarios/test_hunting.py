"""History searched by several processes: the findings of one, in their order; and an interrupted run goes on."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from concurrent.futures import wait
from pathlib import Path
from random import Random
from typing import Any

import pytest

import sentinel.__main__ as cli
from sentinel.commands import inputs
from sentinel.hunting import Hunt, Work
from tests.scenarios import ward_log

FIXTURES = Path(__file__).parents[1] / "fixtures" / "replay"
RULES = ("--rules", str(FIXTURES / "rules.yml"), "--inventory", str(FIXTURES / "inventory.yaml"))
OPTIONS = (*RULES, "--logsource", "category=webserver", "--output", "json")
APPLICATION = '{{"time": "{}", "message": "login", "user": "u{}"}}\n'


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A log in generations, plain and compressed and cut anywhere; another log; a file that is damaged."""
    folder = tmp_path_factory.mktemp("archive")
    data = "".join(ward_log.lines(12_000)).encode()
    random = Random(3)
    cuts = sorted(random.randrange(len(data)) for _ in range(6))
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    for number, piece in enumerate(pieces):
        name = folder / f"portal.log.{len(pieces) - number}"
        if number % 3 == 1:
            (folder / f"{name.name}.gz").write_bytes(gzip.compress(piece))
        elif number % 3 == 2:
            (folder / f"{name.name}.bz2").write_bytes(bz2.compress(piece))
        else:
            name.write_bytes(piece)
    (folder / "app.json").write_text("".join(APPLICATION.format("2026-03-28T10:00:00Z", n) for n in range(50)))
    (folder / "damaged.log.gz").write_bytes(gzip.compress(data[: 1 << 20])[:-20])
    return sorted(map(str, folder.iterdir()))


def replayed(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[list[str], dict[str, Any], str]:
    """The findings, the numbers of the run, and what else was said."""
    with pytest.raises(SystemExit):
        cli.main(["replay", "--stats", *OPTIONS, *arguments])
    printed = capsys.readouterr()
    *said, numbers = printed.err.splitlines()
    stats = json.loads(numbers)
    return (
        printed.out.splitlines(),
        {k: v for k, v in stats.items() if k not in ("seconds", "candidates", "events")},
        "\n".join(said),
    )


def test_several_processes_find_what_one_finds(archive: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    alone = replayed(capsys, "--jobs", "1", *archive)
    assert len(alone[0]) >= 8
    assert "damaged" in alone[2]
    assert replayed(capsys, "--jobs", "3", *archive) == alone
    one_log = [each for each in archive if "portal" in each]
    assert replayed(capsys, "--jobs", "2", *one_log) == replayed(capsys, "--jobs", "1", *one_log)


def test_records_without_a_time_and_without_an_end_are_found_as_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rule = "title: Failed\nname: failed\nlogsource: {category: app}\nlevel: low\n"
    rule += "detection: {selection: {message: failed}, condition: selection}\n"
    (tmp_path / "rule.yml").write_text(rule, encoding="utf-8")
    for number in (1, 2):
        lines = [f'{{"time": "2026-03-0{number}T10:00:0{each}Z", "message": "begins"}}\n' for each in range(3)]
        text = "".join(line + '{"message": "failed"}\n' for line in lines) + '{"message": "failed"}'
        (tmp_path / f"app.log.{number}").write_text(text, encoding="utf-8")
    given = ("--rules", str(tmp_path / "rule.yml"), "--format", "json", "--logsource", "category=app")
    paths = (str(tmp_path / "app.log.1"), str(tmp_path / "app.log.2"))
    alone = replayed(capsys, "--jobs", "1", *given, *paths)
    assert [json.loads(each)["fired_at"][11:19] for each in alone[0][:4]] == ["10:00:00", "10:00:01", *["10:00:02"] * 2]
    assert len(alone[0]) == 8
    assert replayed(capsys, "--jobs", "2", *given, *paths) == alone


def a_hunt(archive: list[str], folder: Path) -> Hunt:
    gathered = inputs.gather(inputs.Wishes(archive, None, [Path(RULES[1])], Path(RULES[3]), None, "category=webserver"))
    return Hunt(gathered.book, gathered.logs, Work(2, folder, "as it was"), inputs.KEY)


def test_an_interrupted_run_goes_on_without_searching_again(
    archive: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = [finding.id for finding in a_hunt(archive, tmp_path / "other")]
    hunt = a_hunt(archive, tmp_path)
    run = hunt.__iter__()
    assert isinstance(run, Generator)
    next(run)
    wait(hunt._searching.values())
    run.close()
    kept = list(tmp_path.glob("*.left"))
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    monkeypatch.setattr("sentinel.hunting._search", None)
    assert [finding.id for finding in a_hunt(archive, tmp_path)] == wanted
    assert list(tmp_path.glob("*.left")) == []


def test_a_run_that_is_ended_says_so_and_leaves_no_process_behind(archive: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "sentinel", "replay", *OPTIONS, "--jobs", "2", "--work", str(tmp_path), *archive]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0)
    while running.poll() is None and not list(tmp_path.iterdir()):
        with contextlib.suppress(subprocess.TimeoutExpired):
            running.wait(0.01)
    running.send_signal(signal.SIGTERM)
    _, said = running.communicate()
    assert b"Traceback" not in said
    assert running.returncode in {0, 130}  # 0: it was done by then
    with pytest.raises(ProcessLookupError):
        os.killpg(running.pid, 0)

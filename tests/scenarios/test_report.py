"""The report from the real daemon: what it says was read is what was read, through restarts and crashes."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from sentinel.clock import HOUR, MINUTE
from sentinel.control import Refused
from sentinel.paper import render
from tests.killing import kill
from tests.scenarios.test_daemon import NOON, Watch, folder

__all__ = ["folder"]


def lines(report: dict[str, Any]) -> int:
    return int(report["coverage"]["totals"]["lines"])


def test_every_line_is_counted_once_whatever_ends_the_daemon(folder: Path) -> None:
    watch = Watch(folder)
    watch.read("kim", range(1, 4))
    watch.turn()
    watch.daemon.close()
    again = Watch(folder, NOON + HOUR)
    again.read("kim", range(100, 104))
    again.turn(2)
    kill(again.daemon)  # before the commit
    last = Watch(folder, NOON + 2 * HOUR)
    last.turn()
    report = last.ask("report")
    assert lines(report) == 7
    assert report["coverage"]["totals"]["accesses"] == 7
    assert report["coverage"]["sources"]["portal"]["unparsed"] == 0
    last.daemon.close()


def test_a_pause_of_the_watch_is_in_the_report(folder: Path) -> None:
    watch = Watch(folder)
    watch.turn()
    watch.clock.move_to(NOON + 10 * MINUTE)
    watch.turn()
    watch.daemon.close()
    again = Watch(folder, NOON + HOUR)
    again.turn()
    report = again.ask("report", since="2026-03-04T12:00:00Z", until="2026-03-04T13:00:00Z")
    (pause,) = report["coverage"]["unwatched"]
    assert pause["from"].startswith("2026-03-04T12:1")
    assert pause["to"].startswith("2026-03-04T13:00")
    again.daemon.close()


def test_the_report_has_a_digest_of_itself_and_is_written_in_both_forms(folder: Path) -> None:
    watch = Watch(folder)
    watch.read("kim", range(1, 9))
    watch.turn()
    report = watch.ask("report")
    body = {name: value for name, value in report.items() if name != "digest"}
    text = json.dumps(body, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == report["digest"]
    assert (report["cases"]["detected"], report["evidence"]["chain_holds"]) == (1, True)
    for form in ("html", "md"):
        shown = render(f"report.{form}", None, NOON, {"report": report, "title": "Report", "name": "Hospital & East"})
        assert "1 case came up." in shown
        assert report["digest"] in shown
        assert "kim" not in shown
    watch.daemon.close()


def test_a_period_that_ends_before_it_begins_is_refused(folder: Path) -> None:
    watch = Watch(folder)
    with pytest.raises(Refused, match="ends before it begins"):
        watch.ask("report", since="2026-03-04", until="2026-03-01")
    watch.daemon.close()

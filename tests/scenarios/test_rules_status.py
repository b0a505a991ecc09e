"""`sentinel rules status` and `promote`, asked of a daemon that turns meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

import sentinel.__main__ as cli
from sentinel.clock import DAY, SECOND, SystemClock, to_datetime
from tests.scenarios.test_daemon import CONFIG, INVENTORY, RULES, Watch

SHADOW = RULES.replace("THRESHOLD", "5").replace("level: high", "level: high\nsentinel:\n  mode: shadow  # since May\n")
ODD = """---
title: A field that no record has
name: odd
logsource: {category: webserver}
detection: {selection: {user.nmae: kim}, condition: selection}
"""


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    (tmp_path / "rules").mkdir()
    (tmp_path / "sentinel.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    (tmp_path / "portal.log").touch()
    (tmp_path / "rules" / "many.yml").write_text(RULES.replace("THRESHOLD", "5"), encoding="utf-8")
    started = Watch(tmp_path)
    yield started
    started.daemon.close()


def run(watch: Watch, *arguments: str) -> int:
    """The command in another thread, while the daemon turns; its exit code."""

    def command() -> int:
        try:
            cli.main(["rules", *arguments, "-c", str(watch.folder / "sentinel.yaml")])
        except SystemExit as left:
            return int(left.code or 0)

    with ThreadPoolExecutor(1) as asking:
        code: Future[int] = asking.submit(command)
        while not code.done():
            watch.daemon.turn()
            wait([code], 0.01)
    return code.result()


def rows(watch: Watch) -> dict[str, dict[str, Any]]:
    return {row["rule"]: row for row in watch.ask("rules.status")["rules"]}


def test_each_rule_says_what_it_has_done(watch: Watch) -> None:
    watch.read("kim", range(7))
    watch.read("ada", range(3))
    watch.turn()
    found = rows(watch)
    assert (found["read"]["matches"], found["read"]["matches_today"], found["read"]["fires"]) == (10, 10, False)
    assert found["read"]["last_match_at"] == "2026-03-04T12:00:00Z"
    assert (found["many"]["matches"], found["many"]["findings"], found["many"]["cases_today"]) == (None, 1, 1)
    assert found["many"]["suppressed"] == 2
    watch.read("kim", range(7, 9))
    watch.turn()
    assert rows(watch)["many"]["suppressed"] == 4


def test_tomorrow_is_another_day(watch: Watch) -> None:
    watch.read("kim", range(7))
    watch.turn()
    watch.clock.move_to(watch.clock.now() + DAY)
    found = rows(watch)
    assert (found["read"]["matches"], found["read"]["matches_today"]) == (7, 0)
    assert (found["many"]["findings"], found["many"]["findings_today"], found["many"]["cases_today"]) == (1, 0, 0)


def test_a_reload_forgets_no_count_and_a_refused_one_is_shown_until_it_is_mended(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    watch.read("kim", range(7))
    watch.turn()
    path = watch.folder / "rules" / "many.yml"
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace("gte: 5", "gte: many"), encoding="utf-8")
    watch.ask("reload")
    assert run(watch, "status") == 1
    shown = capsys.readouterr().out
    assert "The newest files are not at work:" in shown
    assert "many.yml:" in shown
    path.write_text(good, encoding="utf-8")
    watch.ask("reload")
    assert run(watch, "status") == 0
    assert "not at work" not in capsys.readouterr().out
    assert rows(watch)["read"]["matches"] == 7


def test_a_field_that_no_record_has_is_told_of(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    path = watch.folder / "rules" / "many.yml"
    path.write_text(path.read_text(encoding="utf-8") + ODD, encoding="utf-8")
    watch.ask("reload")
    for number in range(1100 // 16):
        watch.read("kim", range(number * 16, number * 16 + 16))
        watch.turn(2)
    assert rows(watch)["odd"]["never_seen"] == [{"source": "portal", "field": "user.nmae"}]
    run(watch, "status")
    assert "odd: no record of portal has had 'user.nmae'" in capsys.readouterr().out


def test_a_rule_in_shadow_is_promoted_in_its_file_and_at_work(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    path = watch.folder / "rules" / "many.yml"
    path.write_text(SHADOW, encoding="utf-8")
    watch.ask("reload")
    watch.read("kim", range(7))
    watch.turn()
    assert (rows(watch)["many"]["mode"], rows(watch)["many"]["findings"], watch.cases()) == ("shadow", 1, [])
    assert run(watch, "promote", "many") == 0
    assert "many is to enforce" in capsys.readouterr().out
    assert path.read_text(encoding="utf-8") == SHADOW.replace("mode: shadow", "mode: enforce")
    watch.clock.move_to(watch.clock.now() + 60 * SECOND)
    watch.read("ada", range(7))
    watch.turn()
    assert rows(watch)["many"]["mode"] == "enforce"
    assert len(watch.cases()) == 1


def test_what_is_not_in_shadow_or_not_there_is_not_promoted(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    before = (watch.folder / "rules" / "many.yml").read_bytes()
    assert run(watch, "promote", "many") == 1
    assert run(watch, "promote", "mnay") == 1
    said = capsys.readouterr().err
    assert "'many' is not in shadow" in said
    assert "did you mean 'many'?" in said
    assert (watch.folder / "rules" / "many.yml").read_bytes() == before


def test_without_a_daemon_the_file_is_changed_and_the_next_one_has_it(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = watch.folder / "rules" / "many.yml"
    path.write_text(SHADOW, encoding="utf-8")
    watch.daemon.control.stop()
    with pytest.raises(SystemExit) as left:
        cli.main(["rules", "promote", "many", "-c", str(watch.folder / "sentinel.yaml")])
    assert left.value.code in (0, None)
    assert "no daemon runs" in capsys.readouterr().out
    assert "mode: enforce" in path.read_text(encoding="utf-8")
    with pytest.raises(SystemExit) as left:
        cli.main(["rules", "status", "-c", str(watch.folder / "sentinel.yaml")])
    assert left.value.code == 1


def test_the_table_fits_and_json_has_every_rule(
    watch: Watch, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    watch.read("kim", range(7))
    watch.turn()
    assert run(watch, "status") == 0
    shown = capsys.readouterr().out
    assert "1 more have done nothing or only feed others: --all" in shown
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 80
    assert "kim" not in shown
    assert run(watch, "status", "--output", "json") == 0
    assert [row["rule"] for row in json.loads(capsys.readouterr().out)["rules"]] == ["many", "read"]


EXCEPTION = """---
title: The archive is moved
name: archive_is_moved
logsource: {category: personal_data_access}
filter:
  rules: [read]
  selection: {access.actor: mover}
  condition: not selection
sentinel: {expires: "2026-03-09", approved_by: dpo@example.org, ticket: CHG-7}
"""


def test_an_exception_is_counted_told_of_a_week_before_its_end_and_ends_by_itself(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = watch.folder / "rules" / "many.yml"
    path.write_text(path.read_text(encoding="utf-8") + EXCEPTION, encoding="utf-8")
    watch.ask("reload")
    watch.read("mover", range(7))
    watch.turn()
    watch.clock.move_to(watch.clock.now() + SECOND)
    watch.turn(1)
    registry = watch.daemon.metrics.registry
    labels = {"exception": "archive_is_moved"}
    assert registry.get_sample_value("sentinel_excepted_total", {**labels, "rule": "read"}) == 7
    assert registry.get_sample_value("sentinel_exception_ends_timestamp_seconds", labels) == 1_773_100_800
    assert run(watch, "status") == 0
    shown = capsys.readouterr().out
    assert "archive_is_moved  read  2026-03-10 00:00         7  dpo@example.org CHG-7" in shown
    assert "the exception 'archive_is_moved' ends in 5 days, with 2026-03-09" in shown
    assert watch.cases() == []
    watch.clock.move_to(watch.clock.now() + 6 * DAY)
    watch.read("mover", range(7))
    watch.turn()
    assert len(watch.cases()) == 1
    run(watch, "status")
    assert "is over since the end of 2026-03-09" in capsys.readouterr().out


def test_check_warns_of_an_exception_that_is_over(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    path = watch.folder / "rules" / "many.yml"
    path.write_text(path.read_text(encoding="utf-8") + EXCEPTION, encoding="utf-8")
    with pytest.raises(SystemExit):
        cli.main(["check", "-c", str(watch.folder / "sentinel.yaml")])
    assert "R069 warning: the exception 'archive_is_moved' is over" in capsys.readouterr().err


def test_check_warns_of_an_exception_that_ends_within_a_week(watch: Watch, capsys: pytest.CaptureFixture[str]) -> None:
    soon = to_datetime(SystemClock().now() + 3 * DAY).date().isoformat()
    path = watch.folder / "rules" / "many.yml"
    text = path.read_text(encoding="utf-8") + EXCEPTION.replace("2026-03-09", soon)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SystemExit):
        cli.main(["check", "-c", str(watch.folder / "sentinel.yaml")])
    assert f"R068 warning: the exception 'archive_is_moved' ends in 3 days, with {soon}" in capsys.readouterr().err

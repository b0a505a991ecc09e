"""`sentinel diff` on a log of which it is known who reads how much how fast."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

import sentinel.__main__ as cli
from tests.scenarios import ward_log

FIXTURES = Path(__file__).parents[1] / "fixtures" / "replay"
RULES = (FIXTURES / "rules.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ward") / "access.log"
    with path.open("w", encoding="ascii") as file:
        file.writelines(ward_log.lines(20_000))
    return path


class Diff:
    """The command in a folder without a configuration, over rules before and after."""

    def __init__(self, folder: Path, log: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.log, self.capsys = folder, log, capsys
        self.before, self.after = folder / "before.yml", folder / "after.yml"
        self.before.write_text(RULES, encoding="utf-8")

    def text(self, after: str, *more: str) -> str:
        self.after.write_text(after, encoding="utf-8")
        options = ["--inventory", str(FIXTURES / "inventory.yaml"), "--logsource", "category=webserver"]
        sides = ["--from", str(self.before), "--to", str(self.after)]
        with pytest.raises(SystemExit) as left:
            cli.main(["diff", *sides, *options, *more, str(self.log)])
        self.code = left.value.code or 0
        return self.capsys.readouterr().out

    def rows(self, after: str, *more: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.text(after, "-o", "json", *more))
        return found


@pytest.fixture
def diff(tmp_path: Path, log: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Diff:
    monkeypatch.chdir(tmp_path)
    return Diff(tmp_path, log, capsys)


def people(rows: list[dict[str, Any]]) -> set[str]:
    return {each["group"]["access.actor"] for each in rows}


def test_the_same_rules_make_no_difference(diff: Diff) -> None:
    assert diff.text(RULES) == "No difference on these logs: 9 the same.\n"
    assert diff.code == 0


def test_a_lower_threshold_wins_who_just_missed_it_and_finds_the_others_earlier(diff: Diff) -> None:
    found = diff.rows(RULES.replace("gte: 50", "gte: 49"), "--reveal")
    assert people(found["won"]) == {"near.forty-nine", "near.a-second-late"}
    assert found["lost"] == []
    assert len(found["moved"]) == sum(each.fires for each in ward_log.PLANTED)
    assert all(each["seconds"] <= 0 for each in found["moved"])


def test_a_shorter_window_loses_who_reads_slowly(diff: Diff) -> None:
    found = diff.rows(RULES.replace("timespan: 10m", "timespan: 5m"), "--reveal")
    assert people(found["lost"]) == {
        "bulk.ten", "bulk.hour", "bulk.midnight", "bulk.utc-midnight", "bulk.summer-time", "bulk.exact",
    }  # fmt: skip
    assert found["won"] == []


def test_another_level_and_shadow_are_changes_of_what_is_found_as_before(diff: Diff) -> None:
    found = diff.rows(RULES.replace("level: high", "level: high\nsentinel: {mode: shadow}"))
    assert [each["what"] for each in found["changed"]] == [
        {"mode": ["enforce", "shadow"], "opens case": ["yes", "no"]}
    ] * 8
    assert found["same"] == 1


def test_nobody_is_named_unless_it_is_asked_for(diff: Diff) -> None:
    after = RULES.replace("gte: 50", "gte: 49")
    names = {each.who for each in ward_log.PLANTED}
    for output in ("text", "json", "markdown"):
        assert not any(name in diff.text(after, "-o", output) for name in names)
    assert "near.forty-nine" in diff.text(after, "--reveal")


def test_a_pull_request_gets_tables_and_no_text_of_a_log_is_markup_in_it(diff: Diff) -> None:
    hostile = "@all|`<b>[x](http://evil)"
    with diff.log.open(encoding="ascii") as file:
        lines = [line.replace("near.forty-nine", hostile) for line in file]
    diff.log = diff.folder / "hostile.log"
    diff.log.write_text("".join(lines), encoding="ascii")
    found = diff.text(RULES.replace("gte: 50", "gte: 49"), "-o", "markdown", "--reveal")
    assert "| `many_patients` | 8 | 10 | 2 | 0 | 8 | 0 |" in found
    [row] = [line for line in found.splitlines() if "@all" in line]
    assert len(re.findall(r"`[^`|]*`", row)) == row.count("|") - 1
    assert re.sub(r"`[^`]*`", "", row).strip("| ") == ""


def test_what_cannot_be_compared_is_said(diff: Diff, capsys: pytest.CaptureFixture[str]) -> None:
    diff.log = Path("-")
    assert diff.text(RULES) == ""
    assert diff.code == 1
    diff.log = diff.folder / "gone.log"
    diff.text(RULES)
    assert diff.code == 1
    diff.before = diff.folder / "nothing"
    diff.text(RULES)
    assert diff.code == 1
    capsys.readouterr()

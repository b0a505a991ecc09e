"""`sentinel discover` and `sentinel init`: unknown logs in, a configuration out that `sentinel check` accepts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import sentinel.__main__ as cli
from sentinel import inspection, inventory, rulebook
from sentinel.detect import ruletests
from sentinel.files import rule_files
from sentinel.formats import make
from sentinel.formats.base import FormatOptions
from tests.formats_fixtures import FOLDER


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(list(arguments))
    return int(left.value.code or 0)


def portal(folder: Path, name: str = "nginx/portal.access.log") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"203.0.113.7 - {'kim' if number % 4 == 0 else '-'} [04/Mar/2026:02:{number % 60:02d}:09 +0000] "
        f'"GET /api/patients/{number % 50}{"/notes" if number % 3 else ""} HTTP/1.1" 200 900 "-" "curl/8"'
        for number in range(200)
    ]
    lines += ['198.51.100.4 - - [04/Mar/2026:02:11:09 +0000] "GET /evil\\x0a/\\x1b[31m HTTP/1.1" 200 9 "-" "-"'] * 5
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_discover_shows_what_a_log_shows_and_where_to_read_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("discover", str(portal(tmp_path))) == 0
    shown = capsys.readouterr().out
    assert "/api/patients/{number}" in shown
    assert "75%" in shown
    assert "docs/logging.md, recipe 1" in shown
    assert "\x1b" not in shown


def test_discover_as_json_has_counts_and_no_value(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("discover", "-o", "json", str(portal(tmp_path))) == 0
    [log] = json.loads(capsys.readouterr().out)
    assert (log["format"], log["records"], log["actor"]) == ("nginx", 205, "user.name")
    [proposal] = log["proposals"]
    assert (proposal["accesses"], proposal["subjects"], proposal["without_actor"]) == (200, 50, 150)
    assert "kim" not in json.dumps(log)


def test_what_discover_writes_is_an_inventory_that_then_covers_the_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = portal(tmp_path)
    assert run("discover", "-o", "yaml", str(log)) == 0
    (tmp_path / "inventory.yaml").write_text(capsys.readouterr().out, encoding="utf-8")
    assert inventory.parse((tmp_path / "inventory.yaml").read_bytes())[1] == []
    assert run("discover", "-o", "json", "--inventory", "inventory.yaml", str(log)) == 0
    [again] = json.loads(capsys.readouterr().out)
    assert again["covered"] == 200
    assert run("discover", "--inventory", "inventory.yaml", "-o", "yaml", str(log)) == 0
    assert yaml.safe_load(capsys.readouterr().out) == {"systems": []}


def test_an_inventory_that_lacks_an_endpoint_is_told_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inventory.yaml").write_text(
        "systems: [{name: a, data: [contact], access: [{when: {url.path: /other}, actor: user.name}]}]",
        encoding="utf-8",
    )
    assert run("discover", "--inventory", "inventory.yaml", str(portal(tmp_path))) == 0
    shown = capsys.readouterr().out
    assert "not in the inventory" in shown
    assert "The inventory has 0 of 1 already" in shown


def test_a_broken_inventory_is_said_and_nothing_is_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "inventory.yaml").write_text("systems: 7", encoding="utf-8")
    assert run("discover", "--inventory", "inventory.yaml", str(portal(tmp_path))) == 1
    assert "I00" in capsys.readouterr().err


def test_a_log_that_cannot_be_read_stops_no_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("discover", str(tmp_path / "none.log"), str(portal(tmp_path))) == 1
    captured = capsys.readouterr()
    assert "none.log" in captured.err
    assert "/api/patients/{number}" in captured.out


def test_init_writes_a_configuration_that_check_accepts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    portal(tmp_path, "site/nginx/portal.access.log")
    for name in ("caddy", "postgresql_json", "haproxy_syslog", "iis", "docker", "csv", "mariadb_audit", "combined"):
        (tmp_path / "site" / f"{name}.log").write_bytes((FOLDER / f"{name}.log").read_bytes())
    (tmp_path / "site" / "odd [1].log").write_bytes((FOLDER / "caddy.log").read_bytes())
    (tmp_path / "site" / "words.log").write_text("hello\nworld\n", encoding="utf-8")
    (tmp_path / "site" / "access.log.1").write_text("old", encoding="utf-8")
    assert run("init", "--to", "out", "site") == 0
    shown = capsys.readouterr().out
    assert "words.log: it is of no known format" in shown
    loaded, book, problems = inspection.inspect(tmp_path / "out" / "sentinel.yaml")
    assert [str(problem) for problem in problems if problem.is_error] == []
    assert loaded is not None
    assert book is not None
    assert len(loaded.sources) == 10
    for source in loaded.sources:
        assert make(source.format, FormatOptions())
    assert {problem.code for problem in problems} <= {"C011", "I010", "R045"}


def test_the_rule_that_init_writes_passes_its_own_tests(tmp_path: Path) -> None:
    portal(tmp_path)
    assert run("init", str(tmp_path)) == 0
    book, problems = rulebook.read(rule_files([tmp_path / "rules"]), None)
    assert problems == []
    [rule] = book.rules.detections
    outcomes = ruletests.run(rule.about, book.rules, make("json", FormatOptions()))
    assert [outcome.passed for outcome in outcomes] == [True, True]


def test_init_writes_over_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = portal(tmp_path)
    (tmp_path / "inventory.yaml").write_text("mine", encoding="utf-8")
    assert run("init", str(log)) == 1
    assert "is there already" in capsys.readouterr().err
    assert (tmp_path / "inventory.yaml").read_text(encoding="utf-8") == "mine"
    assert not (tmp_path / "sentinel.yaml").exists()


@pytest.mark.parametrize(("path", "said"), [("nowhere", "there is no 'nowhere'"), ("empty", "no log was found")])
def test_init_says_what_it_did_not_find(
    path: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert run("init", path) == 1
    assert said in capsys.readouterr().err

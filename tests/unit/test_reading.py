"""The format of a source that says `auto`, as its blocks come in."""

from __future__ import annotations

from pathlib import Path

from sentinel import config
from sentinel.clock import SECOND, Micros
from sentinel.detect.engine import Engine
from sentinel.detect.rules import RuleSet
from sentinel.reading import Reading
from sentinel.sources import Sources

NOW: Micros = 1_772_600_000 * SECOND


def a_reading(folder: Path, start: str = "beginning") -> tuple[Reading, Path]:
    log = folder / "app.log"
    log.touch()
    text = f"sources: [{{name: app, type: file, paths: [{log}], start: {start}, poll: true}}]\n"
    (folder / "sentinel.yaml").write_text(text, encoding="utf-8")
    loaded, _ = config.load(folder / "sentinel.yaml", {})
    assert loaded is not None
    sources = Sources([each.options for each in loaded.sources], folder / "spool")
    sources.open([], NOW)
    return Reading(sources, loaded.sources, Engine(RuleSet(), (), [], key=b"k")), log


def read_on(reading: Reading, now: Micros) -> None:
    while reading.read(now) is not None:
        pass


def format_of(reading: Reading) -> str | None:
    lane = reading.engine.lanes.get("app")
    return None if lane is None else lane.view.format.name


def test_nothing_is_decided_before_there_is_a_record(tmp_path: Path) -> None:
    reading, log = a_reading(tmp_path, start="end")
    read_on(reading, NOW)
    assert format_of(reading) is None
    log.write_text('{"a": 1}\n', encoding="utf-8")
    read_on(reading, NOW + 5 * SECOND)
    assert format_of(reading) == "json"


def test_a_log_that_looked_like_nothing_is_looked_at_again(tmp_path: Path) -> None:
    reading, log = a_reading(tmp_path)
    log.write_text("starting up\n", encoding="utf-8")
    read_on(reading, NOW + 5 * SECOND)
    assert format_of(reading) == "regex"
    with log.open("a", encoding="utf-8") as file:
        file.write('{"a": 1}\n' * 20)
    read_on(reading, NOW + 10 * SECOND)
    assert format_of(reading) == "json"

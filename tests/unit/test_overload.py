from __future__ import annotations

from pathlib import Path

from sentinel.clock import SECOND
from sentinel.detect.engine import Engine
from sentinel.metrics import Metrics
from sentinel.overload import BEHIND, CAUGHT_UP, Overload, shadow_rules
from sentinel.sources import Sources
from sentinel.sources.file import FileOptions
from sentinel.web.readiness import Readiness
from tests.detecting import NOON, a_block, a_view, an_engine, correlation, detection, entries_of, json_lines, rules_of

SHADOW = {"mode": "shadow"}
RULES = rules_of(
    detection("first", {"selection": {"a": "x"}}, sentinel=SHADOW),
    detection("enforced", {"selection": {"a": "x"}}),
    detection("base", {"selection": {"a": "x"}}, sentinel=SHADOW),
    detection("second", {"selection": {"a": "x"}}, sentinel=SHADOW),
    correlation("many", ["base"], {"gte": 3}),
)
PORTAL = {
    "systems": [
        {
            "name": "portal",
            "data": ["health"],
            "access": [{"when": {"a": "x"}, "logsource": {"category": "database"}, "actor": "b"}],
        }
    ]
}
NOW = NOON


class Stage:
    """An engine with two sources, one of them with personal data, and its overload."""

    def __init__(self, folder: Path) -> None:
        views = [a_view(), a_view(name="db", category="database")]
        self.engine: Engine = an_engine(RULES, views, entries_of(PORTAL))
        for name in ("app", "db"):
            (folder / f"{name}.log").write_bytes(b"x\n")
        options = [FileOptions(name=name, paths=[str(folder / f"{name}.log")]) for name in ("app", "db")]
        self.sources = Sources(options, folder / "spool")
        self.sources.open([], NOW)
        self.metrics, self.readiness = Metrics(), Readiness(NOW)
        self.overload = Overload(self.engine, self.sources, self.metrics, self.readiness)

    def matched(self) -> tuple[int, ...]:
        [match] = self.engine.lanes["app"].matches(a_block(json_lines([{"a": "x"}])))
        return match.rules


def test_rules_in_shadow_are_left_out_last_first_while_reading_is_behind(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    told = [stage.matched()]
    for unread in (BEHIND, BEHIND + 1, BEHIND, CAUGHT_UP + 1, CAUGHT_UP):
        stage.overload.look(unread)
        told.append(stage.matched())
    assert told == [(0, 1, 2, 3), (0, 1, 2, 3), (0, 1, 2), (1, 2), (1, 2), (0, 1, 2, 3)]
    stage.sources.close()


def test_being_behind_is_said(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.overload.look(BEHIND + 1)
    assert stage.metrics.registry.get_sample_value("sentinel_behind") == 1
    assert "1 rules in shadow are left out" in stage.readiness.report()["behind"]["why"]
    stage.overload.look(0)
    assert stage.metrics.registry.get_sample_value("sentinel_behind") == 0
    assert stage.readiness.report()["behind"]["ready"]
    stage.sources.close()


def test_logs_with_personal_data_are_read_first_while_reading_is_behind(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.overload.look(BEHIND + 1)
    read = list(iter(lambda: stage.sources.read(NOW + SECOND), None))
    assert [block.source for block in read if block.data] == ["db", "app"]
    stage.sources.close()


def test_what_a_rule_that_may_open_cases_counts_is_never_left_out() -> None:
    assert [RULES.detections[number].about.key for number in shadow_rules(RULES)] == ["first", "second"]

"""The dashboards, held against Grafana's own model of one, and against what they may ask."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import bargauge, dashboard, stat, table, timeseries

from tests.unit.test_service_unit import ROOT, rules

BOARDS = sorted((ROOT / "deploy" / "grafana").glob("*.json"))
RECORDING = ROOT / "deploy" / "prometheus" / "sentinel-recording.yml"
OPTIONS = {"stat": stat.Options, "bargauge": bargauge.Options, "table": table.Options, "timeseries": timeseries.Options}


def read(board: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(board.read_text(encoding="utf-8"))
    return found


def lost(before: Any, after: Any, at: str = "") -> Iterator[str]:
    """What of a text is not there any more once it has gone through a model, by its path."""
    if isinstance(before, dict):
        for key, value in before.items():
            yield from lost(value, after[key], f"{at}/{key}") if key in after else [f"{at}/{key}"]
    elif isinstance(before, list):
        assert len(before) == len(after), at
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from lost(one, other, f"{at}[{number}]")
    elif before != after:
        yield at


def through(model: Any, value: Any) -> Any:
    return json.loads(JSONEncoder(sort_keys=True).encode(model.from_json(value)))


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_grafana_knows_every_word_of_a_dashboard(board: Path) -> None:
    found = read(board)
    assert list(lost(found, through(dashboard.Dashboard, found))) == []
    for panel in found["panels"]:
        if panel["type"] != "row":
            assert list(lost(panel["options"], through(OPTIONS[panel["type"]], panel["options"]))) == []


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.stem)
def test_panels_do_not_lie_over_each_other_and_each_says_what_it_shows(board: Path) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in read(board)["panels"]:
        place = panel["gridPos"]
        fields = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not fields & taken, panel["title"]
        assert max(x for x, _ in fields) < 24
        taken |= fields
        assert panel["type"] == "row" or panel["description"].endswith(".")
    identities = [panel["id"] for panel in read(board)["panels"]]
    assert len(set(identities)) == len(identities)


def test_what_is_red_on_a_dashboard_has_an_alert() -> None:
    """A number that turns red and of which nobody is told would be seen by chance."""
    watched = " ".join(rule["expr"] for rule in rules())
    for board in BOARDS:
        for panel in read(board)["panels"]:
            steps = panel.get("fieldConfig", {}).get("defaults", {}).get("thresholds", {}).get("steps", [])
            if "red" in {step["color"] for step in steps} and panel["title"] != "Messages owed":
                (name,) = re.findall(r"(?:sentinel_\w+|up)(?=\{)", panel["targets"][0]["expr"])
                assert name in watched, panel["title"]

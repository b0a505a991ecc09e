"""The metrics: declared once, documented, and labelled from closed sets."""

import re
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sentinel.losses import REASONS, SILENT, UNREADABLE
from sentinel.metrics import Metrics, render

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"
PERSONAL = {"actor", "subject", "user", "ip", "address", "case", "path", "file_name", "host"}


def families(metrics: Metrics) -> dict[str, set[str]]:
    """Exposed names of our own metrics and their labels."""
    return {
        (collector._name + ("_total" if collector._type == "counter" else "")): set(collector._labelnames)
        for collector in vars(metrics).values()
        if hasattr(collector, "_labelnames")
    }


def test_two_daemons_in_one_process_count_apart() -> None:
    first, second = Metrics(), Metrics()
    first.lines.labels("portal").inc(3)
    assert b'sentinel_lines_total{source="portal"} 3.0' in render(first)[0]
    assert b"portal" not in render(second)[0]


def test_every_name_begins_with_sentinel() -> None:
    body, content_type = render(Metrics())
    names = {family.name for family in text_string_to_metric_families(body.decode())}
    assert names
    assert all(name.startswith("sentinel_") for name in names)
    assert content_type.startswith("text/plain")


def test_a_counter_has_no_created_series() -> None:
    assert b"_created" not in render(Metrics())[0]


def test_openmetrics_is_given_to_who_accepts_it() -> None:
    body, content_type = render(Metrics(), "application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_no_label_can_hold_a_person() -> None:
    assert not {label for labels in families(Metrics()).values() for label in labels} & PERSONAL


def test_every_metric_is_documented_with_its_labels_and_nothing_else_is() -> None:
    rows = re.findall(r"^\| `(sentinel_\w+)(?:\{([\w, ]+)\})?` \|", DOCUMENT.read_text(), re.MULTILINE)
    documented = {name: set(filter(None, re.split(r", *", labels))) for name, labels in rows}
    process = {name for name in documented if name.startswith("sentinel_process_")}
    assert {name: labels for name, labels in documented.items() if name not in process} == families(Metrics())


def test_the_process_metrics_that_are_documented_exist() -> None:
    exposed = render(Metrics())[0].decode()
    for name in re.findall(r"^\| `(sentinel_process_\w+)`", DOCUMENT.read_text(), re.MULTILINE):
        assert f"\n{name} " in exposed


def test_the_reasons_of_lost_stretches_are_all_known_and_documented() -> None:
    """A reason that is not known would begin its series with its first loss, and no alert would see it."""
    code = "".join(file.read_text() for file in (DOCUMENT.parents[1] / "sentinel" / "sources").glob("*.py"))
    reported = set(re.findall(r"""(?:\breport\([^"\n]*|reason=)"(\w+)\"""", code))
    assert reported | {SILENT, UNREADABLE} == set(REASONS)
    (row,) = re.findall(r"^\| `sentinel_gaps_total.*$", DOCUMENT.read_text(), re.MULTILINE)
    assert set(REASONS) <= set(re.findall(r"`(\w+)`", row))

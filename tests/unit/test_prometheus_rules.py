"""The shipped rules, tried by Prometheus' own promtool: an alert speaks of the machine that is ill and of no other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.test_service_unit import rules

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
ALERTS, RECORDING = FOLDER / "sentinel-alerts.yml", FOLDER / "sentinel-recording.yml"
PROMTOOL = shutil.which("promtool")

pytestmark = pytest.mark.skipif(PROMTOOL is None, reason="needs promtool (Debian: prometheus)")

Row = tuple[str, str, str, dict[str, str], str]

ROWS: dict[str, Row] = {
    # alert: metric with its other labels, values where ill, values where well, labels the alert keeps, what it says.
    # Values stand a minute apart, the first at the epoch; everything is asked at two hours.
    "SentinelDeadlinePassed": (
        "sentinel_overdue_cases",
        "0x100 2x20",
        "0x120",
        {},
        "2 breach case(s) on ill are past their notification deadline",
    ),
    "SentinelDeadlineNear": (
        "sentinel_earliest_deadline_timestamp_seconds",
        "50000x120",
        "60000x120",
        {},
        "A breach case on ill has less than 12 hours left",
    ),
    "SentinelCaseUnacknowledged": (
        "sentinel_unacknowledged_since_timestamp_seconds",
        "5000x120",
        "0x60 6000x60",
        {},
        "A breach case on ill has waited half an hour, and nobody has acknowledged it",
    ),
    "SentinelMessagesStuck": (
        "sentinel_outbox_oldest_age_seconds",
        "0x110 301x10",
        "0x119 400x1",
        {},
        "A message owed by a case on ill has not been taken for 5m 1s",
    ),
    "SentinelChannelBroken": (
        'sentinel_notifications_total{channel="soc", outcome="never"}',
        "0x115 1x5",
        "3x120",
        {"channel": "soc", "outcome": "never"},
        "Channel soc on ill refuses messages for good",
    ),
    "SentinelDown": (
        'up{job="sentinel"}',
        "1x110 0x10",
        "1x120",
        {"job": "sentinel"},
        "Nobody watches on ill: Sentinel does not answer",
    ),
    "SentinelStuck": (
        "sentinel_last_turn_timestamp_seconds",
        "7020x120",
        "0+60x120",
        {},
        "The main loop of Sentinel on ill has not turned for 3m 0s",
    ),
    "SentinelNoRules": (
        'sentinel_rules_loaded{kind="detection", mode="enforce"}',
        "0x120",
        "80x120",
        {},
        "Sentinel on ill has no rule that may open a case",
    ),
    "SentinelSourceUnreadable": (
        'sentinel_source_up{source="portal"}',
        "1x110 0x10",
        "0x110 1x10",
        {"source": "portal"},
        "Source portal on ill cannot be read",
    ),
    "SentinelSourceSilent": (
        'sentinel_lines_total{source="portal"}',
        "0+60x80 4800x40",
        "0+60x120",
        {"source": "portal"},
        "Source portal on ill has fallen silent",
    ),
    "SentinelBehind": (
        'sentinel_source_unread_bytes{source="portal"}',
        "0x100 536870912x20",
        "1000x120",
        {"source": "portal"},
        "Sentinel on ill is 512MiB behind source portal",
    ),
    "SentinelLogLost": (
        'sentinel_gaps_total{source="portal", reason="truncated"}',
        "0x100 1x20",
        "4x120",
        {"source": "portal", "reason": "truncated"},
        "Part of source portal on ill was lost before it was read (truncated)",
    ),
    "SentinelStoreSlow": (
        'sentinel_commit_seconds_bucket{le="1"}',
        "0+10x120",
        "0+10x120",
        {},
        "Commits of Sentinel on ill take 990ms",
    ),
    "SentinelStoreNearlyFull": (
        "sentinel_store_free_bytes",
        "9e9-7e7x120",
        "9e9+0x120",
        {},
        "The file system of Sentinel's state on ill is full, or will be within a day",
    ),
    "SentinelKeyMissing": (
        "sentinel_master_key_missing",
        "0x100 1x20",
        "0x120",
        {},
        "Sentinel on ill watches without its master key; evidence waits for it",
    ),
    "SentinelStateRestored": (
        "sentinel_store_rescues_total",
        "0x10 1x110",
        "0x120",
        {},
        "The state of Sentinel on ill was damaged; an older copy of it is at work",
    ),
    "SentinelBackupOld": (
        "sentinel_backup_failures_total",
        "0x100 1x20",
        "0x120",
        {},
        "Sentinel on ill has no fresh copy of its state",
    ),
    "SentinelLogHeld": (
        'sentinel_store_bytes{file="sentinel.db-wal"}',
        "3e8x120",
        "1e6x120",
        {"file": "sentinel.db-wal"},
        "A program on ill reads Sentinel's state for so long that its log cannot be emptied",
    ),
    "SentinelReloadFailed": (
        "sentinel_config_reload_ok",
        "1x100 0x20",
        "0x110 1x10",
        {},
        "The newest configuration on ill has errors; the one before is still at work",
    ),
    "SentinelNoAccesses": (
        'sentinel_accesses_total{source="portal", system="portal"}',
        "0x150",
        "0+60x150",
        {},
        "No access to personal data was seen on ill for an hour, though its logs are written",
    ),
    "SentinelAccessesWithoutActor": (
        'sentinel_accesses_without_actor_total{source="portal"}',
        "0+12x150",
        "0+1x150",
        {"source": "portal"},
        "20% of the accesses in source portal do not say who",
    ),
    "SentinelUnparsed": (
        'sentinel_unparsed_total{source="portal"}',
        "0+3x120",
        "0x120",
        {"source": "portal"},
        "5% of the candidate records of source portal are not of its format",
    ),
    "SentinelGroupFieldMissing": (
        'sentinel_group_field_missing_total{rule="many", field="access.actor"}',
        "0+1x120",
        "7x120",
        {"rule": "many", "field": "access.actor"},
        "Rule many does not see events that have no field access.actor",
    ),
    "SentinelEvictions": (
        'sentinel_evictions_total{rule="many"}',
        "0x110 5x10",
        "5x120",
        {"rule": "many"},
        "Rule many on ill has more groups than it may hold",
    ),
    "SentinelClockSet": (
        'sentinel_clock_jumps_total{direction="back"}',
        "0x110 1x10",
        "1x120",
        {"direction": "back"},
        "The clock of ill was set back while Sentinel was watching",
    ),
    "SentinelMessagesGivenUp": (
        'sentinel_outbox_given_up{channel="soc"}',
        "0x119 2x1",
        "0x120",
        {"channel": "soc"},
        "Channel soc on ill will not take 2 messages",
    ),
    "SentinelExceptionEnds": (
        'sentinel_exception_ends_timestamp_seconds{exception="night_staff"}',
        "20000x120",
        "7000x10 900000x110",
        {"exception": "night_staff"},
        "The exception night_staff of the rules on ill ends within a week",
    ),
    "SentinelClockOff": (
        'sentinel_future_total{source="portal"}',
        "0+1x120",
        "50x120",
        {"source": "portal"},
        "Events of source portal come from the future: a clock or a time zone is wrong",
    ),
    "SentinelBug": (
        'sentinel_record_errors_total{type="ValueError"}',
        "0x100 1x20",
        "1x120",
        {"type": "ValueError"},
        "Sentinel on ill failed to judge records (ValueError): a bug of ours",
    ),
}

BESIDE = {
    "SentinelNoAccesses": {'sentinel_lines_total{source="portal", instance="%s"}': "0+600x150"},
    "SentinelAccessesWithoutActor": {
        'sentinel_accesses_total{source="portal", system="portal", instance="%s"}': "0+60x150"
    },
    "SentinelUnparsed": {'sentinel_candidates_total{source="portal", instance="%s"}': "0+60x120"},
}
"""What else an alert needs, the same where it is ill and where it is well."""


def series(metric: str, instance: str) -> str:
    name, _, labels = metric.partition("{")
    return f'{name}{{{labels.rstrip("}")}{", " if labels else ""}instance="{instance}"}}'


def a_test(alert: str, row: Row) -> dict[str, Any]:
    metric, ill, well, labels, says = row
    given = [(series(metric, "ill"), ill), (series(metric, "well"), well)]
    given += [(name % who, values) for name, values in BESIDE.get(alert, {}).items() for who in ("ill", "well")]
    if alert == "SentinelStoreSlow":
        given += [(series('sentinel_commit_seconds_bucket{le="+Inf"}', who), "0+10x120") for who in ("ill", "well")]
        given += [(series('sentinel_commit_seconds_bucket{le="0.5"}', "well"), "0+10x120")]
    (rule,) = (rule for rule in rules() if rule["alert"] == alert)
    expected = {
        "exp_labels": {"severity": rule["labels"]["severity"], "instance": "ill", **labels},
        "exp_annotations": {"summary": says, "runbook": rule["annotations"]["runbook"]},
    }
    at = "150m" if alert in {"SentinelNoAccesses", "SentinelAccessesWithoutActor"} else "2h"
    return {
        "name": alert,
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in given],
        "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": [expected]}],
    }


def promtool(*arguments: str) -> str:
    assert PROMTOOL is not None
    done = subprocess.run([PROMTOOL, *arguments], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def tried(folder: Path, *tests: dict[str, Any]) -> str:
    """What promtool says of these tests of both files."""
    file = folder / "tests.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS), str(RECORDING)], "tests": list(tests)}))
    return promtool("test", "rules", str(file))


def test_every_alert_is_tried() -> None:
    assert {rule["alert"] for rule in rules()} == set(ROWS)


def test_prometheus_reads_both_files_without_complaint() -> None:
    assert "SUCCESS" in promtool("check", "rules", "--lint=all", "--lint-fatal", str(ALERTS), str(RECORDING))


def test_each_alert_speaks_of_the_machine_that_is_ill_and_of_no_other(tmp_path: Path) -> None:
    assert "SUCCESS" in tried(tmp_path, *(a_test(alert, row) for alert, row in ROWS.items()))


def test_nobody_is_heard_of_when_nothing_is_scraped_at_all(tmp_path: Path) -> None:
    silent = {
        "interval": "1m",
        "input_series": [],
        "alert_rule_test": [
            {
                "eval_time": "10m",
                "alertname": "SentinelDown",
                "exp_alerts": [
                    {
                        "exp_labels": {"severity": "critical"},
                        "exp_annotations": {
                            "summary": "Nobody watches on : Sentinel does not answer",
                            "runbook": "docs/operations.md#sentineldown",
                        },
                    }
                ],
            }
        ],
    }
    assert "SUCCESS" in tried(tmp_path, silent)


def test_findings_are_counted_by_family(tmp_path: Path) -> None:
    labels = 'instance="one", rule="many_people"'
    recorded = {
        "interval": "1h",
        "input_series": [
            {"series": f'sentinel_findings_total{{{labels}, level="high", mode="enforce"}}', "values": "0+1x24"},
            {"series": f'sentinel_rule_info{{{labels}, family="bulk"}}', "values": "1x24"},
        ],
        "promql_expr_test": [
            {
                "expr": "instance_family:sentinel_findings:increase1d",
                "eval_time": "24h",
                "exp_samples": [
                    {
                        "labels": 'instance_family:sentinel_findings:increase1d{instance="one", family="bulk"}',
                        "value": 24,
                    }
                ],
            }
        ],
    }
    assert "SUCCESS" in tried(tmp_path, recorded)

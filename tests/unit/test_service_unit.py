"""The service unit and the Prometheus rules: locked in, complete, and true to the code."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel.metrics import Metrics

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "sentinel.service"
ALERTS = ROOT / "deploy" / "prometheus" / "sentinel-alerts.yml"
OPERATIONS = ROOT / "docs" / "operations.md"
METRICS = ROOT / "docs" / "metrics.md"


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_exposure_of_the_service_is_at_most_1_3() -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=13", str(UNIT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_manager_is_told_and_a_stuck_daemon_is_replaced() -> None:
    found = settings()
    assert (found["Type"], found["NotifyAccess"], found["Restart"]) == (["notify"], ["main"], ["always"])
    assert int(found["WatchdogSec"][0]) <= 30
    assert found["StartLimitIntervalSec"] == ["0"]


def test_the_state_is_for_the_daemon_alone() -> None:
    found = settings()
    assert (found["StateDirectoryMode"], found["UMask"]) == (["0700"], ["0077"])
    assert found["DynamicUser"] == ["yes"]
    assert found["SupplementaryGroups"] == ["adm systemd-journal"]


@pytest.mark.parametrize(
    "setting",
    [
        *("CapabilityBoundingSet=", "NoNewPrivileges=yes", "ProtectSystem=strict", "ProtectHome=yes", "PrivateTmp=yes"),
        *("PrivateDevices=yes", "PrivateUsers=yes", "ProtectHostname=yes", "ProtectClock=yes", "ProtectProc=invisible"),
        *("ProtectKernelTunables=yes", "ProtectKernelModules=yes", "ProtectKernelLogs=yes", "ProtectControlGroups=yes"),
        *("ProcSubset=pid", "RestrictNamespaces=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "RemoveIPC=yes"),
        *("LockPersonality=yes", "MemoryDenyWriteExecute=yes", "SystemCallArchitectures=native", "LimitNOFILE=16384"),
        *("RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6", "SystemCallFilter=~@privileged @resources"),
    ],
)
def test_what_the_service_cannot_do(setting: str) -> None:
    key, value = setting.split("=", 1)
    assert value in settings()[key]


def test_no_secret_is_loaded_by_default() -> None:
    assert not [key for key in settings() if "Credential" in key]


LOCKED_IN = """
import ctypes, sys, tempfile, threading
# PR_SET_MDWE (prctl(2)): what MemoryDenyWriteExecute= asks of the kernel, here without a service manager.
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) != 0:
    sys.exit(77)
import apsw, hyperscan, re2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer
database = hyperscan.Database()
database.compile(expressions=[b"foo"], ids=[1], flags=[hyperscan.HS_FLAG_CASELESS])
hits = []
database.scan(b"a FOO", match_event_handler=lambda *hit: hits.append(hit))
assert hits and re2.compile("a+b").search("xaab")
assert apsw.Connection(":memory:").execute("select 1").fetchall() == [(1,)]
AESGCM(bytes(32)).encrypt(bytes(12), b"x", None)
seen = threading.Event()
class Seen(FileSystemEventHandler):
    def on_any_event(self, event):
        seen.set()
observer, folder = Observer(), tempfile.mkdtemp()
observer.schedule(Seen(), folder)
observer.start()
open(folder + "/x", "w").close()
assert seen.wait(5)
"""


def test_the_libraries_work_where_no_memory_may_be_made_executable() -> None:
    done = subprocess.run([sys.executable, "-c", LOCKED_IN], capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("this kernel has no PR_SET_MDWE (Linux 6.3)")
    assert done.returncode == 0, done.stderr


def test_every_prometheus_rule_uses_metrics_and_labels_that_exist() -> None:
    declared = {each._name: set(each._labelnames) for each in vars(Metrics()).values() if hasattr(each, "_labelnames")}
    for rule in rules():
        used = re.findall(r"sentinel_\w+", rule["expr"])
        bases = {re.sub(r"_(total|bucket)$", "", name) for name in used}
        assert bases <= set(declared), rule["alert"]
        labels = set().union(*(declared[base] for base in bases)) | {"instance"}
        text = " ".join(rule["annotations"].values())
        assert set(re.findall(r"\$labels\.(\w+)", text)) <= labels, rule["alert"]


def test_every_prometheus_rule_says_what_to_do() -> None:
    headings = set(re.findall(r"^### (\w+)$", OPERATIONS.read_text(), re.MULTILINE))
    names = {rule["alert"] for rule in rules()}
    assert names == {heading for heading in headings if heading.startswith("Sentinel")}
    for rule in rules():
        assert rule["annotations"]["runbook"] == f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_the_metrics_page_names_only_prometheus_rules_that_exist() -> None:
    named = set(re.findall(r"\bSentinel[A-Z]\w+", METRICS.read_text()))
    assert named == {rule["alert"] for rule in rules()} - {"SentinelDown"}


def test_the_container_is_locked_in_as_the_service_is() -> None:
    service = yaml.safe_load((ROOT / "deploy" / "docker" / "compose.yaml").read_text())["services"]["sentinel"]
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all(each.endswith(":ro") or each.startswith("state:") for each in service["volumes"])
    assert service["ports"] == ["127.0.0.1:9108:9108"]
    written = (ROOT / "deploy" / "docker" / "Dockerfile").read_text()
    assert "--require-hashes" in written
    assert written.rindex("USER 990:4") < written.rindex("ENTRYPOINT")

"""The example configurations, each tried on its sample: no errors, every access named, who read too much found."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sentinel import config

EXAMPLES = Path(__file__).parents[2] / "deploy" / "examples"
FOUND = {
    "apache": "bulk_access",
    "django": "bulk_access",
    "kubernetes-node": "bulk_access",
    "nginx": "bulk_access",
    "postgresql-pgaudit": "bulk_records_at_once",
    "rails": "bulk_access",
    "spring": "bulk_access",
}
"""The rule that the sample of each fires."""


def placed(name: str, folder: Path) -> tuple[Path, Path]:
    """A copy of the example whose first source reads the sample: its configuration and the log."""
    shutil.copytree(EXAMPLES / name, folder, dirs_exist_ok=True)
    written: dict[str, Any] = yaml.safe_load((folder / "sentinel.yaml").read_text(encoding="utf-8"))
    written["state"] = str(folder / "state")
    written["sources"][0]["paths"] = [str(folder / "sample.log")]
    (folder / "sentinel.yaml").write_text(yaml.safe_dump(written), encoding="utf-8")
    return folder / "sentinel.yaml", folder / "sample.log"


def test_every_example_is_tried() -> None:
    assert {folder.name for folder in EXAMPLES.iterdir()} >= set(FOUND)


def test_an_example_has_no_errors_as_it_stands() -> None:
    for folder in sorted(EXAMPLES.iterdir()):
        found, problems = config.load(folder / "sentinel.yaml", {})
        assert found is not None, folder.name
        assert {problem.code for problem in problems} <= {"C016", "C017"}, folder.name


@pytest.mark.parametrize("name", sorted(FOUND))
def test_who_reads_too_much_in_the_sample_is_found_and_nobody_else(name: str, tmp_path: Path) -> None:
    written, log = placed(name, tmp_path)
    command = [sys.executable, "-m", "sentinel", "replay", "-c", str(written), "-o", "json", "--stats", str(log)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [each["rule"] for each in found] == [FOUND[name]]
    # A finding of one record has no group.
    assert found[0]["group"] == ({} if FOUND[name] == "bulk_records_at_once" else {"access.actor": "kim"})
    stats = json.loads(done.stderr.splitlines()[-1])
    assert (stats["unparsed"], stats["late"], stats["future"]) == (0, 0, 0)

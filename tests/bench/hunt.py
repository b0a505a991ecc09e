"""`make bench-hunt`: a retro-hunt over compressed logs beside `zcat | grep -c` over the same files.

HUNT_MEGABYTES of compressed logs (1,000; 10,000 for ten gigabytes) in files of about 3 MB, written to HUNT_FOLDER and
left there; no two files are alike. Both read them once before they are timed, by the clock on the wall.
"""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench import logs
from tests.bench.measure import FIXTURES

MEGABYTES = int(os.environ.get("HUNT_MEGABYTES", "1000"))
SHARES = (0.0005, 0.05)
"""Of the records that are accesses: a hunt for something rare, and over everybody's accesses."""
LINES = 230_000
"""In a file: 54 MB, 3 MB compressed."""


def archive(folder: Path, megabytes: int, share: float) -> list[str]:
    """Compressed logs of that size together; those that are there already are used."""
    folder.mkdir(parents=True, exist_ok=True)
    found: list[Path] = []
    while sum(path.stat().st_size for path in found) < megabytes * 1_000_000:
        path = folder / f"portal.log-{len(found):05d}.gz"
        if not path.exists():
            plain = logs.nginx(folder / "plain", LINES, share, seed=len(found))
            with plain.open("rb") as log, gzip.open(folder / "part", "wb", compresslevel=6) as packed:
                packed.writelines(log)
            plain.unlink()
            (folder / "part").rename(path)
        found.append(path)
    return [str(path) for path in found]


def seconds(command: Sequence[str]) -> float:
    """How long it takes, the second time."""
    for _ in range(2):
        begun = time.monotonic()
        subprocess.run(command, check=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.monotonic() - begun


def main() -> int:
    """Print how fast each is."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(os.environ.get("HUNT_FOLDER", temporary))
        for share in SHARES:
            files = archive(place / f"{share:g}", MEGABYTES, share)
            size = sum(Path(path).stat().st_size for path in files)
            grep = ["sh", "-c", 'zcat "$@" | grep -c " /api/patients/"', "sh", *files]
            rules = ["--rules", str(FIXTURES / "rules.yml"), "--inventory", str(FIXTURES / "inventory.yaml")]
            ours = [sys.executable, "-m", "sentinel", "replay", *rules, "--logsource", "category=webserver"]
            print(f"{size / 1e6:,.0f} MB in {len(files)} files, {share:.2%} accesses, {os.cpu_count()} cores")
            ways = {
                "zcat | grep -c": grep,
                "replay --jobs 1": [*ours, "--jobs", "1", *files],
                "replay": [*ours, *files],
            }
            for name, command in ways.items():
                took = seconds(command)
                print(f"  {name:<16} {took:8.1f} s  {size / 1e6 / took:7.1f} MB/s compressed", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""A log of 50,000 lines a second, renamed every 100 ms, read while it is written: `python -m tests.bench.rotation`.

Prints what was written and read, and the processor time; ends with 1 where a line is missing, came twice or out of
order. SECONDS (10), RATE (50000) and EVERY (0.1) may be set in the environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from sentinel.clock import SystemClock
from sentinel.sources import FileOptions, Sources

SECONDS = float(os.environ.get("SECONDS", "10"))
RATE = int(os.environ.get("RATE", "50000"))
EVERY = float(os.environ.get("EVERY", "0.1"))
KEPT = 30
LINE = b'%010d 10.0.0.1 - kim [04/Mar/2026:12:00:00 +0000] "GET /api/patients/%06d HTTP/1.1" 200 512 "-" "-"\n'


def write(folder: Path) -> int:
    """Write and rename at the rate; how many lines were written."""
    log, number, begun, renamed = folder / "app.log", 0, time.monotonic(), 0
    out, pause = log.open("ab", buffering=0), threading.Event()
    while (passed := time.monotonic() - begun) < SECONDS:
        due = int(passed * RATE)
        if due > number:
            out.write(b"".join(LINE % (each, each % 1000) for each in range(number, due)))
            number = due
        if passed >= (renamed + 1) * EVERY:
            renamed += 1
            log.rename(folder / f"app.log.{renamed}")
            out.close()
            out = log.open("ab", buffering=0)
            (folder / f"app.log.{renamed - KEPT}").unlink(missing_ok=True)
        pause.wait(0.002)
    out.close()
    return number


def read(folder: Path, pattern: str) -> int:
    """Read what another process writes; 0 where every line came once, in order."""
    options = FileOptions.model_validate({"name": "log", "paths": [str(folder / pattern)]})
    clock, wake = SystemClock(), threading.Event()
    with tempfile.TemporaryDirectory() as state:
        sources = Sources([options], Path(state), wake)
        sources.open([], clock.now())
        writer = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.rotation", str(folder)], stdout=subprocess.PIPE, text=True
        )
        wrong, following, quiet = 0, 0, 0
        cpu = time.process_time()
        while quiet < 8:
            block = sources.read(clock.now())
            if block is None:
                quiet += writer.poll() is not None
                clock.wait(sources.wait_seconds(clock.now()), wake)
                continue
            quiet = 0
            for line in block.data.splitlines():
                wrong += int(line[:10]) != following
                following = int(line[:10]) + 1
        written = int(writer.communicate()[0])
        gaps = sources.gaps()
        sources.close()
    print(
        f"{pattern}: {written:,} lines written in {SECONDS:.0f} s, renamed every {EVERY * 1000:.0f} ms; "
        f"read {following:,}, out of order or missing {wrong}, gaps {len(gaps)}, "
        f"{time.process_time() - cpu:.1f} s of one core"
    )
    return int(bool(wrong or following != written or gaps))


def main() -> int:
    """With a folder, write; without, read what another process writes, by either kind of pattern."""
    if len(sys.argv) > 1:
        print(write(Path(sys.argv[1])))
        return 0
    failed = 0
    for pattern in ("app.log", "app.log*"):
        with tempfile.TemporaryDirectory() as folder:
            failed |= read(Path(folder), pattern)
    return failed


if __name__ == "__main__":
    sys.exit(main())

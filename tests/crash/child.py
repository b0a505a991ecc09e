"""A process that reads logs until it has so many records: `python -m tests.crash.child PATTERN COUNT OUT`.

Each record goes to OUT as a line; the last line is the status of the source as JSON.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile
import threading
from pathlib import Path

from sentinel.clock import SystemClock
from sentinel.sources import FileOptions, Sources


def main(pattern: str, count: str, out: str) -> None:
    clock, wake = SystemClock(), threading.Event()
    options = FileOptions.model_validate({"name": "log", "paths": [pattern]})
    with tempfile.TemporaryDirectory() as folder, Path(out).open("ab") as found:
        sources = Sources([options], Path(folder), wake)
        sources.open([], clock.now())
        left = int(count)
        while left > 0:
            block = sources.read(clock.now())
            if block is None:
                clock.wait(sources.wait_seconds(clock.now()), wake)
                continue
            left -= block.data.count(b"\n")
            found.write(block.data)
            found.flush()
        found.write(json.dumps(dataclasses.asdict(sources.status()["log"])).encode() + b"\n")
        sources.close()


if __name__ == "__main__":
    main(*sys.argv[1:])

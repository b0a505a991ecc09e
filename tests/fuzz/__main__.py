"""`make fuzz`: every target, or those named, for FUZZ_SECONDS each with Atheris, guided by what each input reaches."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOUND = Path("build") / "fuzz"
"""Where an input is kept that made a target fail."""

SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))


def main() -> int:
    """Run each target in a process of its own; say which failed."""
    if len(sys.argv) > 2 and sys.argv[1] == "--one":
        return run(sys.argv[2])
    from tests.fuzz.targets import TARGETS  # a fuzzing process imports it instrumented

    FOUND.mkdir(parents=True, exist_ok=True)
    failed = []
    for name in sys.argv[1:] or TARGETS:
        print(f"== {name}, {SECONDS} s", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            seed(name, Path(folder))
            options = [f"-max_total_time={SECONDS}", "-max_len=4096", "-rss_limit_mb=1024", "-verbosity=0"]
            options += [f"-artifact_prefix={FOUND}/{name}-", folder]
            command = [sys.executable, "-m", "tests.fuzz", "--one", name, *options]
            if subprocess.run(command, check=False).returncode:
                failed.append(name)
    print(f"failed: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def seed(name: str, folder: Path) -> None:
    """Something to begin with."""
    from tests.fuzz.targets import RECORDS
    from tests.fuzz.test_any_bytes import INVENTORY, RULES

    first = {"rules": RULES, "inventory": INVENTORY, "regex": b"^/api/(?P<subject>[0-9]+)$"}.get(name, RECORDS)
    (folder / "first").write_bytes(first)


def run(name: str) -> int:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris  # type: ignore[import-untyped,unused-ignore]  # only this needs it

    with atheris.instrument_imports(include=["sentinel"]):
        from tests.fuzz.targets import TARGETS  # to be instrumented
    atheris.Setup([sys.argv[0], *sys.argv[3:]], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`make bench-peers`: SEC, mtail and fail2ban on the sparse access log, beside replay in the same run.

Rules of this file:
1. The packages are Debian's, fetched with apt and unpacked into a folder; nothing is installed and no service started.
   What Debian does not have here is said to be missing.
2. Each peer does as much of the two rules as it can, never more. SEC has both thresholds, by time of arrival. mtail has
   no windows: it counts the reads of each person twice. fail2ban-regex only finds the reads, with their time.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from tests.bench import logs, page
from tests.bench.measure import FIXTURES, Figure, grep, in_turn, process, replay

ROOT = Path(__file__).parents[2]
FOLDER = Path(os.environ.get("BENCH_PEERS", ROOT / ".peers"))
LINES = int(os.environ.get("BENCH_LINES", "1000000"))
ACCESS = r'"(GET|HEAD) /api/patients/[0-9]+ [^"]*" 200 '
FAILREGEX = r'^<HOST> - <F-USER>\S+</F-USER>  "(?:GET|HEAD) /api/patients/\d+ [^"]*" 200 '
PACKAGES = ("sec", "mtail", "fail2ban")
OURS = "replay, two windows"

Command = Callable[[Path], list[str]]


def fetch(folder: Path) -> dict[str, str]:
    """The packages unpacked below the folder, with their versions; without those that Debian does not have here."""
    found = {}
    folder.mkdir(exist_ok=True)
    for name in PACKAGES:
        if not list(folder.glob(f"{name}_*.deb")) and shutil.which("apt-get"):
            subprocess.run(
                ["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", name],
                cwd=folder,
                check=False,
                stdout=subprocess.DEVNULL,
            )
        for package in folder.glob(f"{name}_*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(folder)], check=True)
            found[name] = package.name.split("_")[1].replace("%3a", ":")
    return found


def commands(folder: Path) -> dict[str, Command]:
    """How each package goes through a log."""
    peers = FIXTURES / "peers"
    binaries = folder / "usr" / "bin"
    regex = ["env", f"PYTHONPATH={folder}/usr/lib/python3/dist-packages", "/usr/bin/python3"]
    regex += [str(binaries / "fail2ban-regex"), "-c", str(folder / "etc" / "fail2ban"), "--raw", "--usedns", "no"]
    # As fast as it goes: one pattern of time, and no search for better ones.
    regex += ["--no-check-all", "-d", r"\[%d/%b/%Y:%H:%M:%S %z\]", "-l", "CRITICAL"]
    regex += ["--print-no-missed", "--print-no-ignored"]
    one_shot = ["env", "GOMAXPROCS=1", str(binaries / "mtail"), "--one_shot", f"--progs={peers / 'reads.mtail'}"]
    return {
        "sec": lambda log: [str(binaries / "sec"), f"--conf={peers / 'sec.conf'}", f"--input={log}", "--notail"],
        "mtail": lambda log: [*one_shot, f"--logs={log}"],
        "fail2ban": lambda log: [*regex, str(log), FAILREGEX],
    }


def main() -> int:
    """Measure, print the table and write it into docs/benchmarks.md."""
    packages = fetch(FOLDER)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        log = logs.nginx(folder / "nginx.log", LINES)
        empty = folder / "empty.log"
        empty.touch()
        ways: dict[str, Callable[[], float]] = {
            "grep -c of the accesses": grep(ACCESS, log),
            OURS: replay(log, [FIXTURES / "two_windows.yml"], FIXTURES / "inventory.yaml", "category=webserver"),
        }
        for name, command in commands(FOLDER).items():
            if name in packages:
                ways[f"{name} {packages[name]}"] = process(command(log), command(empty))
        figures = [Figure(way, LINES, seconds) for way, seconds in in_turn(ways).items()]
    missing = [name for name in PACKAGES if name not in packages]
    text = _section(figures, missing)
    print(text)
    page.keep(ROOT / "docs" / "benchmarks.md", text)
    return 0


def _section(figures: list[Figure], missing: list[str]) -> str:
    ours = next(each for each in figures if each.name == OURS)
    peers = [each for each in figures if each not in figures[:2]]
    lines = [
        page.PEERS,
        "",
        "Written by `make bench-peers`: the sparse access log again, in a run of its own, on one core. SEC counts both",
        "thresholds, mtail only counts, fail2ban-regex only finds the reads; each less its own start.",
        "",
        "| way | records/s | replay is so many times as fast |",
        "|---|---:|---:|",
        *(f"| {each.name} | {each.rate:,.0f} | {ours.rate / each.rate:.1f} |" for each in figures),
    ]
    if missing:
        lines += ["", f"Not measured, for Debian does not have it here: {', '.join(missing)}."]
    if peers:
        fastest = max(peers, key=lambda each: each.rate)
        lines += ["", f"The fastest of them is {fastest.name}; replay is {ours.rate / fastest.rate:.1f} times as fast."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())

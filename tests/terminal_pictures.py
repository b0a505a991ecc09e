"""`python -m tests.terminal_pictures`: what commands show on a terminal, as pictures for docs/images, of real runs.

Each command runs on a terminal of its own over an invented log; take them again when the output of a command changes.
Nobody in them exists.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from random import Random

from rich.console import Console
from rich.text import Text

from tests.scenarios import ward_log

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
FIXTURES = ROOT / "tests" / "fixtures" / "replay"
WIDTH = 108
CONFIG = """
rules: [rules]
shipped_rules: false
inventory: inventory.yaml
sources:
  - {name: portal, type: file, paths: [portal.log], format: nginx, logsource: {category: webserver}, history: all}
http: {listen: null}
"""
MORE = """---
title: Records read from the staff's own address
name: own_address
logsource: {category: webserver}
detection: {selection: {client.addres: 10.0.0.1}, condition: selection}
level: low
---
title: The archive is moved
name: archive_is_moved
logsource: {category: personal_data_access}
filter: {rules: [opened], selection: {access.actor: bulk.large}, condition: not selection}
sentinel: {expires: "2099-12-31", approved_by: dpo@example.org, ticket: CHG-1234}
"""


def on_terminal(arguments: Sequence[str], folder: Path) -> str:
    """All that the command writes on a terminal of WIDTH columns."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 60, WIDTH, 0, 0))
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(WIDTH), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sentinel", *arguments]
    running = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, cwd=folder, env=environ)
    os.close(theirs)
    found = b""
    try:
        while piece := os.read(ours, 65536):
            found += piece
    except OSError:  # the other end of a terminal that is closed
        pass
    running.wait()
    os.close(ours)
    # A progress bar comes and goes: what a line is before the last return is not seen any more.
    lines = [line.rsplit("\r", 1)[-1] for line in found.decode().replace("\r\n", "\n").split("\n")]
    lines = [re.sub(r"\x1b\[(\?25[lh]|[0-9]*[AK])", "", line) for line in lines if "reading" not in line]
    return "\n".join(lines).strip("\n")


def picture(name: str, arguments: Sequence[str], folder: Path, rows: int = 40) -> None:
    """The first rows of what the command writes, as docs/images/NAME.svg."""
    shown = [line.rstrip() for line in on_terminal(arguments, folder).split("\n")]
    more = [f"… {len(shown) - rows} more lines"] if len(shown) > rows else []
    text = "\n".join([f"$ sentinel {' '.join(arguments)}", "", *shown[:rows], *more])
    recording = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True)
    recording.print(Text.from_ansi(text), soft_wrap=True)
    drawn = recording.export_svg(title=f"sentinel {arguments[0]}", unique_id=name)
    drawn = drawn.replace("<svg ", '<svg xml:space="preserve" ', 1)
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", drawn, flags=re.DOTALL)  # no picture calls anybody for a font
    (IMAGES / f"{name}.svg").write_text(drawn.replace("Fira Code", "DejaVu Sans Mono"), encoding="utf-8")
    print(f"docs/images/{name}.svg")


ASKED = ("/", "/static/app.css", "/api/patients/{}", "/api/patients", "/api/patients/export.csv", "/users/user{}",
         "/lookup?email=p{}%40example.org", "/invoices/R{}.pdf", "/things/{}")  # fmt: skip


def unknown_lines(count: int) -> Iterator[str]:
    """A log of which nobody has said yet what is in it."""
    random = Random(1)
    for number in range(count):
        who = "-" if random.random() < 0.3 else f"staff{random.randrange(9)}"
        path = random.choice(ASKED).format(random.randrange(400))
        moment = f"04/Mar/2026:{number // 3600:02}:{number // 60 % 60:02}:{number % 60:02} +0000"
        yield f'10.0.0.{random.randrange(200)} - {who} [{moment}] "GET {path} HTTP/1.1" 200 900 "-" "-"\n'


def stage(folder: Path) -> None:
    """An invented log, rules, the rules after a change, an inventory and a configuration."""
    with (folder / "portal.log").open("w", encoding="ascii") as file:
        file.writelines(ward_log.lines(20_000))
    (folder / "unknown").mkdir()
    with (folder / "unknown" / "unknown.log").open("w", encoding="ascii") as file:
        file.writelines(unknown_lines(3000))
    rules = (FIXTURES / "rules.yml").read_text(encoding="utf-8")
    for name, text in (("rules", rules + MORE), ("after", rules.replace("gte: 50", "gte: 60"))):
        (folder / name).mkdir()
        (folder / name / "rules.yml").write_text(text, encoding="utf-8")
    (folder / "inventory.yaml").write_text((FIXTURES / "inventory.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "sentinel.yaml").write_text(CONFIG, encoding="utf-8")


def main() -> int:
    """Take them all."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        stage(folder)
        picture("discover", ["discover", "unknown.log"], folder / "unknown")
        picture("tune", ["tune", "many_patients", "--at-most", "1/d", "portal.log"], folder)
        picture("diff", ["diff", "--from", "rules", "--to", "after", "portal.log"], folder)
        picture(
            "explain", ["explain", "--rule", "many_patients", "--rule", "opened", "--matches", "portal.log"], folder, 22
        )
        daemon = subprocess.Popen(
            [sys.executable, "-m", "sentinel", "run"],
            cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while "many_patients" not in on_terminal(["rules", "status"], folder):
                threading.Event().wait(0.5)
            threading.Event().wait(2)
            picture("rules-status", ["rules", "status"], folder)
        finally:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

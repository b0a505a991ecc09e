"""The pictures in docs/images of draft, letter, register and report: `python -m tests.pictures` (needs chromium).

A case through the real daemon on a set clock, decided as far as a morning's work goes, so that the gaps show; its
documents as HTML by the real commands, photographed by Chromium.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from sentinel.clock import HOUR, MINUTE, SystemClock, rfc3339
from tests.scenarios.test_daemon import CONFIG, INVENTORY, Watch, write_rules

IMAGES = Path(__file__).parents[1] / "docs" / "images"
SIZES = {"notification": (1000, 1760), "letter": (1000, 1250), "register": (1600, 420), "report": (1100, 1800)}
"""Width and height of each picture, in pixels."""

ORGANISATION = """
cases:
  timezone: Europe/Berlin
  organisation:
    name: Clinic East
    address: Lindenallee 5, 10115 Berlin
    contact: Dr Maria Sommer, dpo@clinic.example
    sector: health
    authority: Berliner Beauftragte für Datenschutz und Informationsfreiheit
http:"""

NATURE = "A member of staff read the records of patients who were not in her care, within ten minutes."

DECISIONS = (
    ("acknowledge", {"reason": "looking at it"}),
    ("confirm", {"reason": "the ward says these were not her patients"}),
    ("assess", {"reason": "diagnoses, and she knew some of them", "risk": "high"}),
    ("describe", {"reason": "with the DPO", "field": "nature", "text": NATURE}),
    ("describe", {"reason": "with IT", "field": "measures_taken", "text": "The account is closed; the ward was told."}),
    ("task", {"reason": "ask the ward for the rota"}),
)


def main() -> None:
    """Write the pictures anew."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for picture, command in commands(a_morning(folder)).items():
            page = folder / f"{picture}.html"
            options = ["--format", "html", "--file", str(page), "-c", str(folder / "sentinel.yaml")]
            subprocess.run([sys.executable, "-m", "sentinel", *command, *options], check=True, capture_output=True)
            photograph(page, IMAGES / f"{picture}.png", *SIZES[picture])


def a_morning(folder: Path) -> str:
    """A breach and one that was none, through a daemon that is over again; the id of the breach."""
    (folder / "rules").mkdir()
    (folder / "sentinel.yaml").write_text(CONFIG.replace("\nhttp:", ORGANISATION), encoding="utf-8")
    (folder / "inventory.yaml").write_text(INVENTORY, encoding="utf-8")
    write_rules(folder, 5)
    (folder / "portal.log").touch()
    watch = Watch(folder, SystemClock().now() - 5 * HOUR)
    watch.read("kim", range(1, 38))
    watch.turn()
    watch.clock.move_to(watch.clock.now() + 20 * MINUTE)
    watch.read("lee", range(60, 67))
    watch.turn()
    breach, none = sorted(watch.cases(), key=lambda row: -(row["subjects"] or 0))
    for move, given in DECISIONS:
        watch.clock.move_to(watch.clock.now() + 10 * MINUTE)
        watch.ask("case.move", case=breach["id"], move=move, **given)
    watch.ask("case.move", case=none["id"], move="dismiss", reason="covering for a colleague", code="legitimate")
    watch.daemon.close()
    return str(breach["id"])


def commands(breach: str) -> dict[str, list[str]]:
    """The command behind each picture."""
    return {
        "notification": ["case", "draft", breach],
        "letter": ["case", "draft", breach, "--document", "letter"],
        "register": ["case", "register"],
        "report": ["report", "--from", rfc3339(SystemClock().now() - 6 * HOUR)],
    }


def photograph(page: Path, picture: Path, width: int, height: int) -> None:
    """The page as Chromium shows it."""
    chromium = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    size = f"--window-size={width},{height}"
    subprocess.run([*chromium, size, f"--screenshot={picture}", page.as_uri()], check=True, capture_output=True)


if __name__ == "__main__":
    main()

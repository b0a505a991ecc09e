"""Many rules at once: the public ones where their archive is at hand, and more made of the log's own words."""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from random import Random

import yaml

ROOT = Path(__file__).parents[2]
ARCHIVE = Path(os.environ.get("SIGMA_RULES", ROOT.parent / "shared" / "data" / "sigmahq-rules.tar.xz"))
"""An archive of the public Sigma rules (github.com/SigmaHQ/sigma); what needs it is left out where there is none."""


def public(folder: Path, kinds: str = "") -> Path | None:
    """The public rules whose path names one of the kinds (a regular expression), unpacked; None without the archive."""
    if not ARCHIVE.exists():
        return None
    target = folder / f"public-{re.sub(r'[^a-z]', '', kinds)}"
    if not target.exists():
        target.mkdir()
        with tarfile.open(ARCHIVE) as archive:
            for number, member in enumerate(archive):
                file = archive.extractfile(member)
                if file is not None and member.name.endswith(".yml") and re.search(kinds, member.name):
                    (target / f"{number}-{Path(member.name).name}").write_bytes(file.read())
    return target


def generated(folder: Path, log: Path, count: int = 3000, seed: int = 1) -> Path:
    """Rules about paths and browsers that nearly have been in the log: its own words, joined otherwise."""
    target = folder / "generated.yml"
    if not target.exists():
        with log.open("rb") as file:
            words = sorted(set(re.findall(r"[A-Za-z]{4,}", file.read(1 << 20).decode(errors="replace"))))
        target.write_text(yaml.safe_dump_all(_rules(words, count, Random(seed))), encoding="utf-8")
    return target


def _rules(words: list[str], count: int, random: Random) -> Iterator[dict[str, object]]:
    for number in range(count):
        one, two, three = (random.choice(words) for _ in range(3))
        field, text = random.choice(
            (("url.path", f"/{one}/{two}.{three}"), ("user_agent.original", f"{one}{two} {three}"))
        )
        yield {
            "title": f"generated {number}",
            "name": f"generated_{number}",
            "logsource": {"category": "webserver"},
            "detection": {"selection": {f"{field}|contains": text}, "condition": "selection"},
            "level": "low",
        }

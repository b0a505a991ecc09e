"""Logs to measure on, the same for the same numbers: access logs and JSON lines of about the length real ones have."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

BEGIN = datetime(2026, 3, 4, tzinfo=UTC)
RATE = 400
"""Lines a second of log time."""

_AGENTS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148",
)
_PAGES = (
    "/", "/login", "/static/app.8f3c1a.js", "/static/app.8f3c1a.css", "/static/fonts/inter-var.woff2",
    "/static/img/logo.svg", "/api/session", "/api/wards", "/api/schedule?day=today", "/api/messages?unread=1",
)  # fmt: skip


def nginx(path: Path, lines: int, share: float = 0.05, seed: int = 1) -> Path:
    """A combined access log of which that share are accesses to a patient's record, by 400 people."""
    if not path.exists():
        with path.open("w", encoding="ascii") as file:
            file.writelines(_nginx(lines, share, Random(seed)))
    return path


def _nginx(lines: int, share: float, random: Random) -> Iterator[str]:
    for number in range(lines):
        moment = BEGIN + timedelta(seconds=number // RATE)
        if random.random() < share:
            person = random.randrange(400)
            who, target = f"staff{person}", f"/api/patients/{person * 20 + random.randrange(20)}"
        else:
            who, target = "-", random.choice(_PAGES)
        yield (
            f"10.{random.randrange(4)}.{random.randrange(250)}.{random.randrange(250)} - {who}"
            f' [{moment:%d/%b/%Y:%H:%M:%S} +0000] "GET {target} HTTP/1.1" 200 {random.randrange(90000)}'
            f' "https://portal.hospital.example/ward/{random.randrange(40)}" "{random.choice(_AGENTS)}"\n'
        )


def json_lines(
    path: Path, lines: int, share: float, *, escaped: bool = False, people: int = 400, patients: int = 20
) -> Path:
    """Application records of about 400 bytes, of which that share are reads of a patient's record, by so many people
    of so many patients each.

    With `escaped`, each has a `\\u0026` in it, as Go writes an ampersand.
    """
    if not path.exists():
        with path.open("w", encoding="ascii") as file:
            file.writelines(_json(lines, share, people, patients, escaped=escaped))
    return path


def _json(lines: int, share: float, people: int, patients: int, *, escaped: bool) -> Iterator[str]:
    random = Random(1)
    for number in range(lines):
        moment = BEGIN + timedelta(microseconds=number * (1_000_000 // RATE))
        is_access = random.random() < share
        person = random.randrange(people)
        record = {
            "@timestamp": f"{moment:%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z",
            "log.level": "info",
            "service.name": "ehr",
            "trace.id": f"{random.getrandbits(128):032x}",
            "event.action": "view" if is_access else random.choice(("heartbeat", "query", "render", "cache")),
            "event.outcome": "success",
            "event.duration": random.randrange(10**8),
            "user.name": f"staff{person}",
            "source.ip": f"10.1.{random.randrange(250)}.{random.randrange(250)}",
            "message": "page=overview&tab=2 handled by worker" + " " * (random.randrange(20)),
            "http": {"request": {"method": "GET"}, "response": {"status_code": 200}},
        }
        if is_access:
            record["patient.id"] = f"P{person * patients + random.randrange(patients):06d}"
        text = json.dumps(record, separators=(",", ":"))
        yield (text.replace("&", "\\u0026") if escaped else text) + "\n"

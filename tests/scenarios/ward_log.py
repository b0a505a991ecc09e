"""An access log of a ward for two days, with people who read too much planted in it, and people who nearly do.

The days are those of a change to summer time, so that clock boundaries of every kind are in it. Times are written with
the offset of the wall clock in Berlin, as a server there writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
BEGIN = datetime(2026, 3, 28, 6, tzinfo=UTC)
HOURS = 44

_PAGES = ("/", "/login", "/static/app.js", "/static/app.css", "/api/session", "/api/wards?day=today", "/news/42")
_AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


@dataclass(frozen=True, slots=True)
class Planted:
    """One person's reads: `patients` different ones, evenly over `seconds`, beginning at `at`."""

    who: str
    at: datetime
    patients: int
    seconds: float
    status: int = 200
    fires: bool = True

    def reads(self) -> Iterator[tuple[datetime, str, int, int]]:
        step = self.seconds / max(1, self.patients - 1)
        for number in range(self.patients):
            yield self.at + timedelta(seconds=int(number * step)), self.who, number + 1, self.status


def _at(day: int, hour: int, minute: int = 0, second: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, second, tzinfo=UTC)


PLANTED = (
    Planted("bulk.minute", _at(28, 9, 59, 31), 60, 58),
    Planted("bulk.ten", _at(28, 11, 5), 60, 595),
    Planted("bulk.hour", _at(28, 13, 55), 60, 540),
    Planted("bulk.midnight", _at(28, 22, 55), 60, 580),
    Planted("bulk.utc-midnight", _at(28, 23, 55), 55, 590),
    Planted("bulk.summer-time", _at(29, 0, 55), 60, 590),
    Planted("bulk.exact", _at(29, 6, 0), 50, 599),
    Planted("bulk.large", _at(29, 8, 0), 400, 800),
    Planted("near.forty-nine", _at(28, 10), 49, 300, fires=False),
    Planted("near.a-second-late", _at(28, 12), 50, 600, fires=False),
    Planted("near.refused", _at(28, 14), 80, 300, status=403, fires=False),
    Planted("near.not-found", _at(28, 15), 80, 300, status=404, fires=False),
    Planted("near.split-a", _at(28, 16), 40, 300, fires=False),
    Planted("near.split-b", _at(28, 16, 2), 40, 300, fires=False),
    Planted("near.slow", _at(28, 18), 120, 3 * 3600, fires=False),
)


def lines(count: int, seed: int = 7) -> Iterator[str]:
    """So many ordinary lines, of which 5 % are reads of a few patients each, and the planted reads among them."""
    random = Random(seed)
    planted = sorted((read for each in PLANTED for read in each.reads()), key=lambda read: read[0])
    same = [(_at(28, 17) + timedelta(seconds=number), "near.same-patient", 5, 200) for number in range(150)]
    planted = sorted([*planted, *same], key=lambda read: read[0])
    place = 0
    for number in range(count):
        moment = BEGIN + timedelta(seconds=number * HOURS * 3600 // count)
        while place < len(planted) and planted[place][0] <= moment:
            yield _read(*planted[place], random)
            place += 1
        if random.random() < 0.05:
            person = random.randrange(600)
            yield _read(moment, f"staff{person}", person * 10 + random.randrange(8), 200, random)
        else:
            yield _line(moment, "-", random.choice(_PAGES), random.choice((200, 200, 200, 304, 404)), random)
    for read in planted[place:]:
        yield _read(*read, random)


def _read(moment: datetime, who: str, patient: int, status: int, random: Random) -> str:
    return _line(moment, who, f"/api/patients/{patient}", status, random)


def _line(moment: datetime, who: str, target: str, status: int, random: Random) -> str:
    written = moment.astimezone(BERLIN)
    return (
        f'10.0.{random.randrange(250)}.{random.randrange(250)} - {who} [{written:%d/%b/%Y:%H:%M:%S %z}] "GET {target}'
        f' HTTP/1.1" {status} {random.randrange(90000)} "https://portal.example.org/ward" "{_AGENT}"\n'
    )

"""The demo's traffic: a hospital's patient portal behind nginx, and its records application that logs JSON.

Rules of this file:
1. The lines are a pure function of the seed and of the times asked for; the threads that write them are in demo.py.
2. Everybody but the insider keeps to habits that no shipped rule minds: a clinician looks at the patients of one ward.
3. All people here are invented.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate
from random import Random
from urllib.parse import quote

from sentinel.clock import HOUR, SECOND, Micros, rfc3339, to_datetime

INSIDER = "kim.larsen"

_FIRST = (
    "ada ben carla dan eva finn gita hans ines jon karin lars mona nils ola petra quinn rosa sven tara ulf vera"
    " will xenia yara zoe anton birte clara david"
)
_LAST = (
    "berg holm lund dahl strand vik moen lie haug ness solberg nygaard fischer weber klein braun koch wolf jensen"
    " madsen kovac novak rossi moreau lambert silva"
)

_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Mobile/15E148",
)
_BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
)
_SHIFTS = (
    frozenset(range(6, 14)),
    frozenset(range(14, 22)),
    frozenset({22, 23, *range(6)}),
    frozenset(range(8, 18)),
)
_ALWAYS = frozenset(range(24))
_STATIC = (
    "/static/app.8f3c1a.js",
    "/static/app.8f3c1a.css",
    "/static/vendor.71d0b2.js",
    "/static/fonts/inter-var.woff2",
    "/static/img/logo.svg",
    "/static/img/ward-map.png",
    "/favicon.ico",
)
_PAGES = ("/", "/schedule", "/wards", "/messages", "/api/session", "/api/schedule?day=today", "/api/messages?unread=1")
_PUBLIC = ("/", "/robots.txt", "/visitors", "/about", "/news/2026-flu-season", "/contact")
_APPLICATION = (
    ("session.refresh", "session refreshed"),
    ("schedule.read", "schedule of the ward shown"),
    ("order.queue", "laboratory order queued"),
    ("print.queue", "label sent to printer"),
    ("cache.refresh", "reference data refreshed"),
)


@dataclass(frozen=True, slots=True)
class Person:
    """One member of staff: how often seen (a share), from where, with what, and the patients in their care.

    `hours` are the hours of the day (UTC) in which the person works.
    """

    name: str
    share: float
    hours: frozenset[int]
    address: str
    browser: str
    patients: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the traffic is like. Times are microseconds in UTC; rates are lines a second, both logs together."""

    seed: int = 7
    rate: float = 2000.0
    portal_share: float = 0.6
    access_share: float = 0.01
    staff: int = 480
    insider_from: Micros
    insider_seconds: float = 40.0
    insider_patients: int = 300


@dataclass(frozen=True, slots=True)
class Lines:
    """What was logged in one stretch of time, oldest first, each line with its newline."""

    portal: bytes
    application: bytes
    count: int


class Traffic:
    """Two logs as they are written, a stretch of time after the other."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._random = Random(plan.seed)  # noqa: S311  (invented traffic, the same for the same seed; nothing secret)
        self._people = _staff(plan.staff, self._random)
        self._shifts = {hour: _shift(self._people, hour) for hour in range(24)}
        self._owed = 0.0
        self._insider = Person(INSIDER, 0, _ALWAYS, "10.20.7.31", _BROWSERS[0], _insider_patients(plan, self._random))
        self._read = 0

    @property
    def insider_read(self) -> int:
        """How many patients the insider has read so far."""
        return self._read

    def read_at(self, now: Micros) -> int:
        """How many patients the insider has read by that moment."""
        step = self._plan.insider_seconds * SECOND / self._plan.insider_patients
        elapsed = now - self._plan.insider_from
        return 0 if elapsed < 0 else min(int(elapsed / step) + 1, self._plan.insider_patients)

    def between(self, start: Micros, end: Micros) -> Lines:
        """The lines of a stretch of time. Stretches are asked for in order and without holes."""
        portal, application, count = [], [], 0
        for moment in self._moments(start, end):
            count += 1
            if self._random.random() < self._plan.portal_share:
                portal.append((moment, self._portal_line(moment)))
            else:
                application.append((moment, self._application_line(moment)))
        for moment, patient in self._insider_reads(start, end):
            count += 1
            portal.append((moment, self._view(moment, self._insider, patient)))
        portal.sort(key=lambda each: each[0])
        return Lines(
            "".join(line for _, line in portal).encode(), "".join(line for _, line in application).encode(), count
        )

    def _moments(self, start: Micros, end: Micros) -> list[Micros]:
        self._owed += self._plan.rate * (end - start) / SECOND
        number = int(self._owed)
        self._owed -= number
        return sorted(start + int((end - start) * self._random.random()) for _ in range(number))

    def _insider_reads(self, start: Micros, end: Micros) -> Iterator[tuple[Micros, int]]:
        plan = self._plan
        step = plan.insider_seconds * SECOND / plan.insider_patients
        while self._read < plan.insider_patients:
            moment = plan.insider_from + round(self._read * step)
            if moment >= end:
                return
            yield max(moment, start), self._insider.patients[self._read]
            self._read += 1

    def _someone(self, moment: Micros) -> Person:
        people, sums = self._shifts[moment // HOUR % 24]
        return people[bisect_left(sums, self._random.random() * sums[-1])]

    def _portal_line(self, moment: Micros) -> str:
        draw = self._random.random()
        if draw < self._plan.access_share:
            person = self._someone(moment)
            return self._view(moment, person, self._random.choice(person.patients))
        if draw < 0.62:
            person = self._someone(moment)
            return self._access_log(moment, person, self._random.choice(_STATIC), 304 if draw < 0.4 else 200)
        if draw < 0.86:
            return self._access_log(moment, self._someone(moment), self._random.choice(_PAGES), 200)
        if draw < 0.93:
            bot = Person("-", 0, _ALWAYS, f"66.249.66.{self._random.randint(1, 60)}", self._random.choice(_BOTS), ())
            return self._access_log(moment, bot, self._random.choice(_PUBLIC), 200)
        if draw < 0.97:
            probe = Person("-", 0, _ALWAYS, "10.20.0.5", "kube-probe/1.31", ())
            return self._access_log(moment, probe, "/healthz", 200)
        batch = Person("svc.lab-import", 0, _ALWAYS, "10.20.3.9", "lab-import/4.2", ())
        return self._access_log(moment, batch, "/api/lab/batches", 202, method="POST")

    def _view(self, moment: Micros, person: Person, patient: int) -> str:
        page = self._random.choice(("", "", "", "/medication", "/labs", "/notes"))
        return self._access_log(moment, person, f"/api/patients/{patient}{page}", 200)

    def _access_log(self, moment: Micros, person: Person, target: str, status: int, method: str = "GET") -> str:
        """A line of nginx's `combined` format."""
        size = 0 if status == 304 else self._random.randint(180, 48_000)
        when = to_datetime(moment).strftime("%d/%b/%Y:%H:%M:%S +0000")
        referrer = "-" if person.name == "-" else "https://portal.hospital.example/wards"
        return (
            f'{person.address} - {quote(person.name)} [{when}] "{method} {target} HTTP/1.1" {status} {size} '
            f'"{referrer}" "{person.browser}"\n'
        )

    def _application_line(self, moment: Micros) -> str:
        person = self._someone(moment)
        line: dict[str, object] = {"@timestamp": rfc3339(moment, 6)}
        if self._random.random() < self._plan.access_share:
            patient = self._random.choice(person.patients)
            line |= {
                "log.level": "info",
                "event.action": self._random.choice(("view", "view", "view", "update")),
                "event.outcome": "success",
                "user.name": person.name,
                "patient.id": patient,
                "message": "patient record opened",
            }
        else:
            action, message = self._random.choice(_APPLICATION)
            line |= {"log.level": "info", "event.action": action, "user.name": person.name, "message": message}
        line |= {"trace.id": f"{self._random.getrandbits(64):016x}", "duration_ms": self._random.randint(1, 90)}
        return json.dumps(line) + "\n"


_BUSIEST = 4.0
"""Nobody looks up more than so many times what the least busy do: nobody reads faster than hands can."""


def _staff(number: int, random: Random) -> list[Person]:
    """People with different habits: most look things up now and then, a few all day long."""
    names = [f"{first}.{last}" for first in _FIRST.split() for last in _LAST.split() if f"{first}.{last}" != INSIDER]
    people = []
    for index, name in enumerate(random.sample(names, number)):
        ward = index % 40
        patients = tuple(
            sorted(random.sample(range(100_000 + ward * 30, 100_000 + ward * 30 + 30), random.randint(4, 12)))
        )
        address = f"10.20.{8 + ward // 8}.{random.randint(10, 250)}"
        hours = _SHIFTS[index % len(_SHIFTS)]
        people.append(
            Person(name, min(random.paretovariate(1.6), _BUSIEST), hours, address, random.choice(_BROWSERS), patients)
        )
    return people


def _insider_patients(plan: Plan, random: Random) -> tuple[int, ...]:
    return tuple(random.sample(range(200_000, 320_000), plan.insider_patients))


def _shift(people: list[Person], hour: int) -> tuple[list[Person], list[float]]:
    """Who works in that hour, and the running sum of their shares."""
    working = [person for person in people if hour in person.hours]
    return working, list(accumulate(person.share for person in working))

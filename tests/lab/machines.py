"""What nobody does by hand: batch jobs, partners' programs, public visitors, bots and scanners, probes, outages."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros
from tests.lab.acts import Act, Log, Session, get, query, read
from tests.lab.people import Organisation, spread
from tests.lab.seasons import is_rest

BATCH = Session("svc-labimport", "10.20.250.9", "lab-import/4.2", "batch", role="service")
REPORTS = Session("svc-reports", "10.20.250.10", "psql", "batch", role="service")
REMINDERS = Session("svc-reminder", "10.20.250.11", "reminder/2.0", "batch", role="service")
KEYS = Session("svc-records", "10.20.250.13", "records/7.4", "batch", role="service")
RETENTION = Session("svc-retention", "10.20.250.12", "retention/1.1", "batch", role="service")

_PAGES = ("/", "/about", "/visitors", "/news/2026-flu-season", "/contact", "/robots.txt", "/sitemap.xml", "/jobs/12")
_STATIC = ("/static/site.css", "/static/site.js", "/static/img/logo.svg", "/favicon.ico")
_BOTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
)
_VISITOR = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 Version/18.1 Mobile/15E148 Safari"
)
_PROBES = (
    ("/wp-login.php", 404), ("/.env", 404), ("/backup.sql.gz", 404), ("/phpmyadmin/index.php", 404),
    ("/.git/config", 403), ("/index.php?id=1%27%20OR%201=1--", 404), ("/cgi-bin/../../../../etc/passwd", 400),
    ("/api/patients/1", 401), ("/api/patients?search=%27%20union%20select%201--", 401),
    ("/api/patients/export", 401), ("/actuator/heapdump", 404),
)  # fmt: skip


def of_day(organisation: Organisation, day: int) -> Iterator[Act]:
    """Everything machines do on that day."""
    shape = organisation.shape
    midnight = shape.first + day * DAY
    random = Random(shape.seed * 7919 + day)
    yield from _batch(shape.batch_size, midnight, day, random)
    for number in range(shape.partners):
        yield from _partner(organisation, number, midnight, day, random)
    yield from _public(shape.visitors, midnight, random)
    probe = Session("", "10.20.0.5", "kube-probe/1.31", "")
    for step in range(0, 24 * 60, 2):
        yield get(midnight + step * MINUTE, probe, "/healthz", 2)


def partner(number: int) -> Session:
    """One partner's program: a hospital or an insurer that asks about its own patients."""
    return Session(f"partner-{number}", f"194.25.{number}.20", f"partner-client/{2 + number % 3}.1", "", role="partner")


def _batch(size: int, midnight: Micros, day: int, random: Random) -> Iterator[Act]:
    """The night: results imported, reports drawn; reminders in the morning; old records deleted on Sundays."""
    begin = midnight + HOUR + int(random.uniform(0, 300) * SECOND)
    for step in range(int(size * random.uniform(0.9, 1.1))):
        yield read(begin + step * SECOND, BATCH, spread(random.randrange(4_000_000)), "update")
    for table in ("visits", "patients", "billing"):
        yield query(
            midnight + 3 * HOUR, REPORTS, table, int(60_000 * random.uniform(0.98, 1.02)), f"select * from {table}"
        )
    for step in range(size // 4 if day % 7 < 5 else 0):
        yield Act(
            midnight + 8 * HOUR + step * SECOND,
            Log.RECORDS,
            "message.send",
            REMINDERS,
            amount=1,
            status=0,
            note="reminder",
        )
    for step in range(24 * 10):
        yield Act(midnight + step * 6 * MINUTE, Log.RECORDS, "key.decrypt", KEYS, note="field decrypted")
    if day % 7 == 6:
        for step in range(size // 10):
            yield read(
                midnight + 2 * HOUR + step * 2 * SECOND, RETENTION, spread(5_000_000 + day * 1000 + step), "delete"
            )


def _partner(organisation: Organisation, number: int, midnight: Micros, day: int, random: Random) -> Iterator[Act]:
    shape = organisation.shape
    reads = shape.partner_reads * (0.4 + 0.25 * (number % 6)) * random.lognormvariate(0, 0.12)
    reads *= 0.25 if is_rest(shape, day) else 1
    who = partner(number)
    for _ in range(int(reads)):
        moment = midnight + int(random.triangular(7, 19, 11) * HOUR)
        patient = spread(number * 60_000 + random.randrange(20_000))
        yield get(moment, who, f"/api/patients/{patient}/summary", status=200 if random.random() < 0.985 else 404)


def _public(visitors: int, midnight: Micros, random: Random) -> Iterator[Act]:
    """The open web: pages for visitors and bots, and the noise of scanners that get nowhere."""
    for _ in range(visitors):
        moment = midnight + int(random.random() * DAY)
        draw = random.random()
        if draw < 0.8:
            who = Session(
                "", f"91.{random.randint(1, 250)}.{random.randint(1, 250)}.{random.randint(1, 250)}", _VISITOR, ""
            )
            yield get(moment, who, random.choice(_PAGES if draw < 0.3 else _STATIC), status=304 if draw > 0.6 else 200)
        elif draw < 0.97:
            yield get(
                moment,
                Session("", f"66.249.66.{random.randint(1, 60)}", random.choice(_BOTS), ""),
                random.choice(_PAGES),
            )
        else:
            target, status = random.choice(_PROBES)
            who = Session(
                "",
                f"45.{random.randint(1, 250)}.{random.randint(1, 9)}.{random.randint(1, 250)}",
                "python-requests/2.31",
                "",
            )
            yield get(moment, who, target, 150, status)


def with_outage(organisation: Organisation, day: int, acts: list[Act]) -> list[Act]:
    """The day as it was with the portal and the records application down for twenty minutes: everybody tried again."""
    if day not in organisation.shape.outage_days:
        return acts
    begin = organisation.shape.first + day * DAY + 10 * HOUR
    end = begin + 20 * MINUTE
    random = Random(day)
    changed: list[Act] = []
    for act in acts:
        if act.log in (Log.DATABASE, Log.IDENTITY) or act.plant or not begin <= act.time < end:
            changed.append(act)
            continue
        attempts = range(random.randint(1, 4))
        changed += [act._replace(time=act.time + attempt * 3 * SECOND, status=503) for attempt in attempts]
        changed.append(act._replace(time=end + int(random.random() * 10 * MINUTE)))
    return changed

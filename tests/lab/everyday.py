"""What people do on an ordinary day: their habits, from which nothing here is a breach."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from random import Random

from sentinel.clock import DAY, HOUR, MINUTE, SECOND, Micros
from tests.lab import people
from tests.lab.acts import Act, Log, Session, get, login, query, read, session_of
from tests.lab.people import Organisation, Person, spread
from tests.lab.seasons import Span, is_month_begin, is_month_end, is_rest, moments, shift_of

_NAMES = ("fischer", "weber", "klein", "braun", "koch", "wolf", "jensen", "novak", "berg", "lund")
_STATIC = ("/static/app.8f3c1a.js", "/static/app.8f3c1a.css", "/static/vendor.71d0b2.js", "/api/session", "/schedule")


def of_day(organisation: Organisation, person: Person, day: int) -> list[Act]:
    """Everything the person does on that day, and in the night after it."""
    shape = organisation.shape
    if not person.is_employed(day):
        return []
    person = person.on(day)
    random = Random((shape.seed * 100_003 + person.number) * 1009 + day)
    if organisation.is_absent(person, day):
        return []
    acts: list[Act] = []
    midnight = shape.first + day * DAY
    span = shift_of(shape, person.role.shift, person.number, day, random)
    if span is not None:
        who = session_of(organisation, person, day, random)
        span = (midnight + span[0], midnight + span[1])
        acts += _arrival(organisation, person, day, who, span[0], random)
        number = _number(organisation, person, day, random)
        if organisation.is_travelling(person, day):
            number //= 4
        work = list(_WORK[person.role.system](organisation, person, day, who, span, number, random))
        acts += _moved(person, who, work, random)
        if person.role.system == "records" and random.random() < 0.0015:
            acts += _once_in_the_portal(who, span, random)
    if person.role.name == "doctor" and (person.number + day) % 9 == 0:
        acts += _on_call(organisation, person, day, midnight, random)
    return acts


def _moved(person: Person, who: Session, acts: list[Act], random: Random) -> list[Act]:
    """The work; now and then the machine changes from the house's network to the VPN's in the midst of a session."""
    if person.role.shift != "office" or random.random() > 0.02 or not acts:
        return acts
    from_then = random.choice(acts).time
    there = replace(who, address=f"10.99.{random.randint(0, 3)}.{random.randint(2, 250)}")
    return [act if act.time < from_then else act._replace(session=there) for act in acts]


def _once_in_the_portal(who: Session, span: Span, random: Random) -> Iterator[Act]:
    """Somebody who works in the records application looks something up in the portal for once."""
    for moment in moments(span, random.randint(1, 3), random):
        yield get(moment, who, f"/api/patients/{spread(random.randrange(600_000))}/contact")


def _number(organisation: Organisation, person: Person, day: int, random: Random) -> int:
    """How many accesses: the role's, times the person's, the season's and the day's own factors."""
    shape = organisation.shape
    factor = person.rate * random.lognormvariate(0, shape.daily_spread) * (1 + shape.drift * day / shape.days)
    factor *= (1.12, 1.05, 1.0, 1.0, 0.9, 0.6, 0.55)[day % 7]
    if is_month_end(shape, day):
        factor *= person.role.month_end
    if random.random() < shape.busy_days:
        factor *= random.uniform(1.5, 2.2)
    known = person.days_in_role(day)
    if known is not None and known < 10:
        factor *= 0.4 + 0.06 * known
    return max(1, round(person.role.accesses * factor))


def _arrival(
    organisation: Organisation, person: Person, day: int, who: Session, begin: Micros, random: Random
) -> Iterator[Act]:
    """Logging in, with a mistake now and then, more on Mondays."""
    moment = begin - int(random.uniform(30, 240) * SECOND)
    if random.random() < organisation.shape.mistakes * (2.2 if day % 7 == 0 else 1):
        for _ in range(random.choice((1, 1, 1, 2, 2, 3))):
            yield login(moment, who, fails=True)
            moment += int(random.uniform(4, 20) * SECOND)
    yield login(moment, who)
    if random.random() < 0.004:
        yield Act(moment + 40 * SECOND, Log.IDENTITY, "password.changed", who)
    if random.random() < 0.002:
        yield Act(moment + 70 * SECOND, Log.IDENTITY, "mfa.enrolled", who)
    yield Act(moment + int(random.uniform(6, 9) * HOUR), Log.IDENTITY, "logout", who)


def _records(
    organisation: Organisation, person: Person, day: int, who: Session, span: Span, number: int, random: Random
) -> Iterator[Act]:
    """The clinical application: the ward's patients again and again, or a list of work one after the other."""
    at = moments(span, number, random)
    if person.role.scope == "ward":
        ward = people.beds(person.ward_on(day), day)
        mine = random.sample(ward, min(len(ward), 11))
        for moment in at:
            draw = random.random()
            patient = random.choice(mine) if draw < 0.8 else random.choice(ward)
            if draw > 0.97 and person.role.name == "doctor":
                patient = random.randrange(600_000)  # a consultation for another ward
            yield read(moment, who, spread(patient), _action(random.random()))
    else:
        current = random.randrange(4_000_000)
        for moment in at:
            if random.random() < 0.62:
                current += random.randint(1, 40)
            yield read(moment, who, spread(current), _action(random.random()))
        if person.role.name == "secretary" and random.random() < 0.25:
            yield Act(at[-1], Log.RECORDS, "print", who, str(spread(current)), random.randint(8, 30), note="letters")
    for moment in moments(span, max(1, number // 2), random):
        what, text = random.choice(_CHATTER)
        yield Act(moment, Log.RECORDS, what, who, note=text)


_CHATTER = (
    ("session.refresh", "session refreshed"),
    ("schedule.read", "schedule of the ward shown"),
    ("order.queue", "laboratory order 4100000000001 queued"),
    ("print.queue", "label sent to printer"),
    ("cache.refresh", "reference data refreshed"),
)


def _action(draw: float) -> str:
    return "view" if draw < 0.84 else "update" if draw < 0.96 else "print" if draw < 0.985 else "search"


def _portal(
    organisation: Organisation, person: Person, day: int, who: Session, span: Span, number: int, random: Random
) -> Iterator[Act]:
    """The portal: whoever calls or comes is looked up; a page brings its scripts along."""
    for moment in moments(span, number, random):
        if random.random() < 0.4:
            yield get(moment - 5 * SECOND, who, f"/api/patients?search={random.choice(_NAMES)}&page=1")
        patient = spread(random.randrange(600_000))
        yield get(moment, who, f"/api/patients/{patient}{random.choice(('', '', '/contact', '/visits'))}")
        yield get(moment + SECOND, who, random.choice(_STATIC), status=random.choice((200, 304)))
    if person.role.name == "manager" and is_month_begin(organisation.shape, day):
        yield get(span[0] + 2 * HOUR, who, "/api/patients/export?month=last", random.randint(2, 5) * 1_000_000)


def _staff(
    organisation: Organisation, person: Person, day: int, who: Session, span: Span, number: int, random: Random
) -> Iterator[Act]:
    """The staff directory: colleagues' files, which are personal data like any other."""
    for moment in moments(span, number, random):
        yield get(moment, who, f"/api/staff/{random.randrange(organisation.shape.staff)}")


def _database(
    organisation: Organisation, person: Person, day: int, who: Session, span: Span, number: int, random: Random
) -> Iterator[Act]:
    """Analysts ask for aggregates, and some of them take a regular extract; administrators look after the machine."""
    is_analyst = person.role.name == "analyst"
    for moment in moments(span, number, random):
        table = random.choice(("visits", "patients", "billing") if is_analyst else ("pg_stat", "jobs"))
        yield query(moment, who, table, int(random.lognormvariate(2.5, 1.0)) + 1)
    if is_analyst and day % 7 == 1 and person.number % 3 == 0:
        rows = int(6000 * random.uniform(0.8, 1.2))
        yield query(span[0] + HOUR, who, "visits", rows, "copy (select * from visits) to stdout")


def _messaging(
    organisation: Organisation, person: Person, day: int, who: Session, span: Span, number: int, random: Random
) -> Iterator[Act]:
    """Campaigns to people who are known, a few messages read for complaints, the opt-out list once a week."""
    for moment in moments(span, number, random):
        yield get(moment, who, random.choice(("/messaging/campaigns", "/messaging/templates", "/messaging/reports")))
    for moment in moments(span, random.randint(0, 4), random):
        yield get(moment, who, f"/messaging/messages/{random.randrange(900_000)}")
    if day % 7 in (1, 3):
        sent = Act(
            span[0] + 3 * HOUR, Log.RECORDS, "message.send", who, amount=random.randint(700, 1400), note="campaign"
        )
        yield sent._replace(status=random.randint(0, 12))
    if day % 7 == 0:
        yield get(span[0] + HOUR, who, "/messaging/optouts", 40_000)
    if is_month_begin(organisation.shape, day):
        yield get(span[0] + 4 * HOUR, who, "/messaging/numbers/export", random.randint(200, 400) * 1000)


def _on_call(organisation: Organisation, person: Person, day: int, midnight: Micros, random: Random) -> Iterator[Act]:
    """A doctor who is called at night, or on a day of rest."""
    who = session_of(organisation, person, day, random)
    begin = midnight + (10 if is_rest(organisation.shape, day) else 21) * HOUR
    for _ in range(random.randint(1, 3)):
        begin += int(random.uniform(20, 180)) * MINUTE
        yield login(begin, who)
        for step in range(random.randint(2, 6)):
            yield read(begin + (step + 1) * 3 * MINUTE, who, spread(random.choice(people.beds(person.ward, day))))


_WORK = {
    "records": _records,
    "portal": _portal,
    "staff": _staff,
    "database": _database,
    "messaging": _messaging,
}

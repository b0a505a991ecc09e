"""What looks like an incident and is none: each must open no case."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

from sentinel.clock import HOUR, MINUTE, SECOND
from tests.lab.acts import NOBODY, Act, Log, Session, get, login, query, read
from tests.lab.people import BROWSERS, VIPS, beds, spread
from tests.lab.plants import Stage

MIGRATION = Session("svc-migration", "10.20.250.30", "migrate/1.0", "batch", role="service")
AUDITOR = Session("auditor.external", "10.20.250.31", BROWSERS[0].format(140), "audit", role="auditor")


def migration(stage: Stage) -> Iterator[Act]:
    """An announced migration reads everything; an exception says so."""
    for at in stage.times(stage.midnight(stage.days(2)) + 20 * HOUR, 8 * HOUR, 2500):
        yield read(at, MIGRATION, stage.patient())


def audit(stage: Stage) -> Iterator[Act]:
    """An announced audit looks into a sample of records; an exception says so."""
    for at in stage.times(stage.midnight(stage.working_day()) + 9 * HOUR, 7 * HOUR, 240):
        yield read(at, AUDITOR, stage.patient())


def ward_list(stage: Stage) -> Iterator[Act]:
    """The list of the ward is printed: all of its patients within seconds."""
    person = stage.person("nurse")
    day, who, begin, _ = stage.at_work(person)
    for number, bed in enumerate(beds(person.ward, day)):
        yield read(begin + HOUR + number * 2 * SECOND, who, spread(bed), "print")


def called_at_night(stage: Stage) -> Iterator[Act]:
    """A doctor is called to the ward at three in the morning."""
    person = stage.person("doctor")
    day, who, _, _ = stage.at_work(person)
    ward = beds(person.ward, day)
    begin = stage.midnight(day) + 27 * HOUR
    yield login(begin, who)
    for at in stage.times(begin + MINUTE, HOUR, 16):
        yield read(at, who, spread(stage.random.choice(ward)))


def conference(stage: Stage) -> Iterator[Act]:
    """A doctor is at a conference abroad, and looks at a few of their own patients."""
    person, day = stage.absent("doctor")
    who = replace(stage.session(person, day), address="185.70.80.9", country="AT")
    begin = stage.midnight(day) + 10 * HOUR
    yield login(begin, who)
    for at in stage.times(begin + MINUTE, 2 * HOUR, 7):
        yield read(at, who, spread(stage.random.choice(beds(person.ward, day))))


def forgotten_password(stage: Stage) -> Iterator[Act]:
    """Six mistakes on a Monday, a new password, then ordinary work at the own desk."""
    _, who, begin, _ = stage.at_work(stage.person("secretary", "coder"))
    for at in stage.times(begin, 3 * MINUTE, 6):
        yield login(at, who, fails=True)
    yield Act(begin + 6 * MINUTE, Log.IDENTITY, "password.changed", who)
    yield login(begin + 7 * MINUTE, who)
    for at in stage.times(begin + 9 * MINUTE, HOUR, 10):
        yield read(at, who, spread(stage.random.randrange(4_000_000)))


def broken_release(stage: Stage) -> Iterator[Act]:
    """A release forgot a file: every browser asks for it again and again and gets 404."""
    begin = stage.midnight(stage.working_day()) + 13 * HOUR
    for at in stage.times(begin, 20 * MINUTE, 900):
        who = Session("", f"10.20.1.{stage.random.randint(10, 200)}", BROWSERS[0].format(141), "-")
        yield get(at, who, "/api/patients/assets/icons.svg", 150, 404)


def helping_out(stage: Stage) -> Iterator[Act]:
    """A nurse helps out on another ward for a shift."""
    person = stage.person("nurse")
    day, who, begin, _ = stage.at_work(person)
    other = beds(person.ward + 2, day)
    for at in stage.times(begin + HOUR, 6 * HOUR, 24):
        yield read(at, who, spread(stage.random.choice(other)))


def order_numbers(stage: Stage) -> Iterator[Act]:
    """Numbers as long as a card's that are none: their last digit is wrong."""
    begin = stage.midnight(stage.working_day()) + 9 * HOUR
    for at in stage.times(begin, 5 * HOUR, 200):
        number = 4_000_000_000_000_000 + stage.random.randrange(10**13) * 10
        number += next(last for last in range(10) if not _is_card(str(number + last)) and last)
        yield _said(at, f"order {number} shipped")


def masked(stage: Stage) -> Iterator[Act]:
    """Cards and secrets as they should stand in a log: masked."""
    begin = stage.midnight(stage.working_day()) + 9 * HOUR
    for at in stage.times(begin, 5 * HOUR, 120):
        yield _said(at, "charge of card 4111********1111 declined, password=********")


def _is_card(digits: str) -> bool:
    return sum(sum(divmod(int(digit) * (2 - place % 2), 10)) for place, digit in enumerate(digits)) % 10 == 0


def _said(moment: int, text: str) -> Act:
    line = f'{{"@timestamp":"{{time}}","log.level":"info","service.name":"billing","message":{json.dumps(text)}}}'
    return Act(moment, Log.RECORDS, "raw", NOBODY, note=line)


def known_patient(stage: Stage) -> Iterator[Act]:
    """Somebody whom everybody knows is treated: the ward's own people open the record, often."""
    day = stage.working_day()
    vip = stage.random.choice(VIPS)
    team = [each for each in stage.organisation.of("nurse", "doctor") if each.ward == 1][:7]
    for at in stage.times(stage.midnight(day) + 7 * HOUR, 12 * HOUR, 30):
        yield read(at, stage.session(stage.random.choice(team or [stage.person("nurse")]), day), vip)


def treated_colleague(stage: Stage) -> Iterator[Act]:
    """A colleague lies on the ward: four nurses open the record all day."""
    colleague = next(each.patient for each in stage.organisation.people if each.patient is not None)
    day = stage.working_day()
    team = [stage.person("nurse") for _ in range(4)]
    for at in stage.times(stage.midnight(day) + 7 * HOUR, 10 * HOUR, 24):
        yield read(at, stage.session(stage.random.choice(team), day), colleague or 0)


def duplicates(stage: Stage) -> Iterator[Act]:
    """Doubled records are tidied up: a dozen are deleted."""
    _, who, begin, _ = stage.at_work(stage.person("secretary"))
    for at in stage.times(begin + 2 * HOUR, HOUR, 9):
        yield read(at, who, stage.patient(), "delete")


def large_campaign(stage: Stage) -> Iterator[Act]:
    """The yearly campaign: many recipients, nearly all of them known."""
    _, who, begin, _ = stage.at_work(stage.person("campaigner"))
    yield Act(begin + 3 * HOUR, Log.RECORDS, "message.send", who, amount=6000, status=40, note="campaign")


def extract_again(stage: Stage) -> Iterator[Act]:
    """An analyst who takes an extract every week takes it a day later."""
    analysts = [each for each in stage.organisation.of("analyst") if each.number % 3 == 0] or stage.organisation.of(
        "analyst"
    )
    day = stage.working_day()
    who = stage.session(stage.random.choice(analysts), day)
    yield query(stage.midnight(day) + 11 * HOUR, who, "visits", 6400, "copy (select * from visits) to stdout")


def announced_test(stage: Stage) -> Iterator[Act]:
    """A scanner hammers the public pages; nothing of anybody is behind them."""
    who = stage.outside("DE")
    for at in stage.times(stage.midnight(stage.days()) + 2 * HOUR, HOUR, 1500):
        yield get(at, who, f"/{stage.random.getrandbits(32):x}.php?q=%27%20or%201=1--", 150, 404)


def swapped_shift(stage: Stage) -> Iterator[Act]:
    """A nurse takes a colleague's night."""
    person = stage.person("nurse")
    day = stage.days()
    who = stage.session(person, day)
    ward = beds(person.ward, day)
    for at in stage.times(stage.midnight(day) + 22 * HOUR, 8 * HOUR, 26):
        yield read(at, who, spread(stage.random.choice(ward)))


def home_office(stage: Stage) -> Iterator[Act]:
    """A new laptop at home: another address, another browser, the same country, ordinary work."""
    person, day = stage.absent("coder", "secretary")
    begin = stage.midnight(day) + 8 * HOUR
    who = stage.session(person, day)
    who = replace(who, address=f"87.140.{stage.random.randint(1, 250)}.9", agent=BROWSERS[2].format(141))
    yield login(begin, who)
    current = stage.random.randrange(4_000_000)
    for at in stage.times(begin + MINUTE, 5 * HOUR, 30):
        current += stage.random.randint(1, 40)
        yield read(at, who, spread(current))


def mistyped(stage: Stage) -> Iterator[Act]:
    """The counter mistypes a dozen ids in a day, and gets 404."""
    _, who, begin, _ = stage.at_work(stage.person("reception"))
    for at in stage.times(begin + HOUR, 6 * HOUR, 12):
        yield get(at, who, f"/api/patients/{stage.patient()}", 150, 404)


def shared_desk(stage: Stage) -> Iterator[Act]:
    """Three nurses mistype at the same machine of the ward, one after the other, and get in."""
    _, who, begin, _ = stage.at_work(stage.person("nurse"))
    for number in range(3):
        each = replace(stage.session(stage.person("nurse"), 20), address=who.address)
        for at in stage.times(begin + number * 4 * MINUTE, MINUTE, 2):
            yield login(at, each, fails=True)
        yield login(begin + number * 4 * MINUTE + 90 * SECOND, each)


ALL = (
    migration, audit, ward_list, called_at_night, conference, forgotten_password, broken_release, helping_out,
    order_numbers, masked, known_patient, treated_colleague, duplicates, large_campaign, extract_again, announced_test,
    swapped_shift, home_office, mistyped, shared_desk,
)  # fmt: skip

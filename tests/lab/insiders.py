"""Incidents of people inside: too many, never before, at the wrong time, one id after the other, out of curiosity."""

from __future__ import annotations

from collections.abc import Iterator

from sentinel.clock import DAY, HOUR, MINUTE
from tests.lab import machines
from tests.lab.acts import Act, Session, get, read
from tests.lab.people import BROWSERS, VIPS
from tests.lab.plants import PRELUDE, Stage

# --- bulk: too many people ---------------------------------------------------------------------------------------


def ward_reader(stage: Stage) -> Iterator[Act]:
    """Somebody of a ward reads patients who are not theirs; weak: a few a day for a week and a half."""
    _, who, begin, _ = stage.at_work(stage.person("nurse", "doctor", "secretary"), 11)
    if stage.strength == 0:
        for ahead in range(9):
            for moment in stage.times(begin + ahead * DAY + HOUR, 6 * HOUR, stage.size(12, 0, 0)):
                yield read(moment, who, stage.patient())
        return
    for moment in stage.times(begin + HOUR, stage.within(0, 6 * HOUR, 45 * MINUTE), stage.size(0, 110, 240)):
        yield read(moment, who, stage.patient())


def counter_reader(stage: Stage) -> Iterator[Act]:
    """An agent, who sees seventy people a day anyway, takes many more; weak: half as many again for some days."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "reception"), 8)
    for ahead in range(6 if stage.strength == 0 else 1):
        length = stage.within(7 * HOUR, 6 * HOUR, 90 * MINUTE)
        for moment in stage.times(begin + ahead * DAY + 20 * MINUTE, length, stage.size(35, 230, 500)):
            yield get(moment, who, f"/api/patients/{stage.patient()}")


def partner_program(stage: Stage) -> Iterator[Act]:
    """A partner's token asks about far more people than the partner ever does."""
    number = stage.random.randrange(stage.organisation.shape.partners)
    who = machines.partner(number)
    begin = stage.midnight(stage.days(6)) + 9 * HOUR
    for ahead in range(5 if stage.strength == 0 else 1):
        length = stage.within(8 * HOUR, 6 * HOUR, HOUR)
        for moment in stage.times(begin + ahead * DAY, length, stage.size(200, 1500, 3500)):
            yield get(moment, who, f"/api/patients/{stage.patient()}/summary")


# --- unusual: never before ---------------------------------------------------------------------------------------


def dormant_account(stage: Stage) -> Iterator[Act]:
    """An account that nobody has used for weeks reads again. (Its last days of use are part of the truth's prelude.)"""
    who = Session(f"locum.{stage.random.randrange(10_000)}", "10.20.40.7", BROWSERS[0].format(138), "d0", role="doctor")
    for moment in stage.times(stage.organisation.shape.first + 8 * HOUR, 6 * HOUR, 25):
        yield read(moment, who, stage.patient())._replace(note=PRELUDE)
    begin = stage.midnight(stage.organisation.shape.days - stage.random.randint(1, 7)) + 10 * HOUR
    for moment in stage.times(begin, 2 * HOUR, stage.size(3, 15, 60)):
        yield read(moment, who, stage.patient())


def first_system(stage: Stage) -> Iterator[Act]:
    """A nurse, who works in the records application only, looks people up in the portal."""
    _, who, begin, _ = stage.at_work(stage.person("nurse", "laboratory"))
    for moment in stage.times(begin + HOUR, 2 * HOUR, stage.size(3, 14, 45)):
        yield get(moment, who, f"/api/patients/{stage.patient()}")


def service_by_hand(stage: Stage) -> Iterator[Act]:
    """A batch job's account is used with a browser at somebody's desk."""
    person = stage.person("administrator", "analyst")
    _, desk, begin, _ = stage.at_work(person)
    account = stage.random.choice((machines.BATCH, machines.REPORTS, machines.REMINDERS, machines.RETENTION)).actor
    who = Session(account, desk.address, desk.agent, desk.id, role="service")
    for moment in stage.times(begin + HOUR, HOUR, stage.size(4, 25, 120)):
        yield read(moment, who, stage.patient())


def first_place(stage: Stage) -> Iterator[Act]:
    """An account is used from an address and with a program that were never seen for it."""
    _, who, begin, _ = stage.at_work(stage.person("nurse", "doctor", "secretary", "coder"))
    thief = Session(who.actor, stage.outside().address, "curl/8.11.0", stage.outside().id, "RU", who.role)
    for moment in stage.times(begin + 2 * HOUR, HOUR, stage.size(3, 14, 50)):
        yield read(moment, thief, stage.patient())


# --- time: when nobody should --------------------------------------------------------------------------------------


def at_night(stage: Stage) -> Iterator[Act]:
    """Somebody of the office reads in the middle of the night; weak: a little in the late evening."""
    person = stage.person("coder", "secretary", "personnel")
    day = stage.working_day()
    who = stage.session(person, day)
    begin = stage.midnight(day) + stage.within(21 * HOUR + 20 * MINUTE, 23 * HOUR, 26 * HOUR)
    for moment in stage.times(begin, HOUR, stage.size(4, 15, 42)):
        yield read(moment, who, stage.patient())


def on_leave(stage: Stage) -> Iterator[Act]:
    """The account of somebody who is on leave reads."""
    person, day = stage.absent("nurse", "doctor", "secretary", "coder")
    who = stage.session(person, day)
    for moment in stage.times(stage.midnight(day) + 11 * HOUR, HOUR, stage.size(3, 12, 40)):
        yield read(moment, who, stage.patient())


def on_a_holiday(stage: Stage) -> Iterator[Act]:
    """Somebody of the office reads on a Sunday or a holiday."""
    day = stage.rest_day()
    who = stage.session(stage.person("coder", "secretary"), day)
    for moment in stage.times(stage.midnight(day) + 15 * HOUR, 90 * MINUTE, stage.size(4, 15, 42)):
        yield read(moment, who, stage.patient())


# --- enumeration: one after the other ------------------------------------------------------------------------------


def id_walk(stage: Stage) -> Iterator[Act]:
    """Ids one after the other; weak: few, with holes, over hours, amid ordinary work."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "reception"))
    current = 150_000 + stage.random.randrange(700_000)
    for moment in stage.times(begin + HOUR, stage.within(5 * HOUR, HOUR, 6 * MINUTE), stage.size(30, 70, 300)):
        current += stage.random.randint(1, stage.within(9, 3, 1))
        yield get(moment, who, f"/api/patients/{current}")


def probing(stage: Stage) -> Iterator[Act]:
    """Ids are tried from outside, and the answers are 403 and 404 with a hit now and then."""
    who = stage.outside("NL")
    begin = stage.midnight(stage.days()) + int(stage.random.uniform(0, 20) * HOUR)
    for moment in stage.times(begin, stage.within(10 * HOUR, 2 * HOUR, 5 * MINUTE), stage.size(12, 45, 400)):
        status = stage.random.choice((403, 404, 404, 404, 404, 200))
        yield get(moment, who, f"/api/patients/{stage.patient()}", 180, status)


def wildcard_search(stage: Stage) -> Iterator[Act]:
    """Searches that mean everybody: a letter and a star, one letter after the other."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "reception", "manager"))
    letters = "abcdefghijklmnopqrstuvwxyz"
    for number, moment in enumerate(stage.times(begin + HOUR, 2 * HOUR, stage.size(4, 16, 80))):
        text = letters[number % 26] + ("" if number < 26 else letters[number // 26 % 26]) + ("*", "%25")[number % 2]
        yield get(moment, who, f"/api/patients?search={text}&page=1", 30_000)


# --- curiosity -----------------------------------------------------------------------------------------------------


def crowd_on_one(stage: Stage) -> Iterator[Act]:
    """Many of the staff, of all wards, open the same record."""
    vip, day = stage.random.choice(VIPS), stage.working_day()
    staff = stage.random.sample(
        stage.organisation.of("nurse", "doctor", "secretary", "coder"),
        min(len(stage.organisation.of("nurse", "doctor", "secretary", "coder")), stage.size(3, 18, 45)),
    )
    for moment, person in zip(stage.times(stage.midnight(day) + 8 * HOUR, 9 * HOUR, len(staff)), staff, strict=True):
        yield read(moment, stage.session(person, day), vip)


def one_on_vips(stage: Stage) -> Iterator[Act]:
    """One person opens the records of people whom everybody knows."""
    _, who, begin, _ = stage.at_work(stage.person("nurse", "secretary", "laboratory"))
    vips = stage.random.sample(VIPS, min(len(VIPS), stage.size(1, 3, 7)))
    for moment, vip in zip(stage.times(begin + HOUR, 4 * HOUR, len(vips)), vips, strict=True):
        yield read(moment, who, vip)


def on_colleagues(stage: Stage) -> Iterator[Act]:
    """One person opens colleagues' patient records."""
    _, who, begin, _ = stage.at_work(stage.person("nurse", "secretary", "doctor"))
    records = [each.patient for each in stage.organisation.people if each.patient is not None]
    chosen = stage.random.sample(records, min(len(records), stage.size(1, 5, 15)))
    for moment, patient in zip(stage.times(begin + HOUR, 5 * HOUR, len(chosen)), chosen, strict=True):
        yield read(moment, who, patient)


FAMILIES = {
    "bulk": (ward_reader, counter_reader, partner_program),
    "unusual": (dormant_account, first_system, service_by_hand, first_place),
    "time": (at_night, on_leave, on_a_holiday),
    "enumeration": (id_walk, probing, wildcard_search),
    "curiosity": (crowd_on_one, one_on_vips, on_colleagues),
}

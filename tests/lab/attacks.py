"""Incidents of stolen accounts and of attackers: takeover, taking data away, attacks on the application, messaging."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sentinel.clock import HOUR, MINUTE
from tests.lab.acts import Act, Log, Session, get, login, query, read
from tests.lab.plants import PRELUDE, Stage

# --- takeover ------------------------------------------------------------------------------------------------------


def _stolen(stage: Stage, *roles: str, country: str = "RO") -> tuple[Session, int]:
    """Somebody's account in a stranger's hands, and a moment when the owner is at work."""
    _, who, begin, _ = stage.at_work(stage.person(*roles))
    stranger = stage.outside(country)
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    return replace(stranger, actor=who.actor, agent=agent, role=who.role), begin + 2 * HOUR


def guessing(stage: Stage) -> Iterator[Act]:
    """A password is guessed, then the account reads."""
    who, moment = _stolen(stage, "nurse", "doctor", "secretary", "coder")
    for at in stage.times(moment, stage.within(20 * MINUTE, 10 * MINUTE, 5 * MINUTE), stage.size(3, 10, 60)):
        yield login(at, who, fails=True)
    moment += 21 * MINUTE
    yield login(moment, who)
    for at in stage.times(moment + MINUTE, 30 * MINUTE, stage.size(4, 15, 40)):
        yield read(at, who, stage.patient())


def spraying(stage: Stage) -> Iterator[Act]:
    """One password is tried on many accounts from one address; one of them opens and is used."""
    who, moment = _stolen(stage, "nurse", "secretary")
    everybody = stage.random.sample(
        stage.organisation.people, min(len(stage.organisation.people), stage.size(8, 30, 150))
    )
    length = stage.within(6 * HOUR, HOUR, 10 * MINUTE)
    for at, person in zip(stage.times(moment, length, len(everybody)), everybody, strict=True):
        yield login(at, replace(who, actor=person.name, id="-"), fails=True)
    yield login(moment + length, who)
    for at in stage.times(moment + length + MINUTE, 30 * MINUTE, stage.size(3, 10, 30)):
        yield read(at, who, stage.patient())


def two_places(stage: Stage) -> Iterator[Act]:
    """The owner has just logged in at home, and a login comes from another continent."""
    who, moment = _stolen(stage, "nurse", "doctor", "secretary", country="US")
    yield login(moment - 30 * MINUTE, replace(who, address="10.20.0.99", country="DE", id="own"))
    yield login(moment, who)
    for at in stage.times(moment + MINUTE, 40 * MINUTE, stage.size(3, 12, 45)):
        yield read(at, who, stage.patient())


def second_factor(stage: Stage) -> Iterator[Act]:
    """The second factor (weak: only the password) is changed, and then data are taken out."""
    who, moment = _stolen(stage, "reception", "agent", "manager")
    yield login(moment, who)
    yield Act(moment + MINUTE, Log.IDENTITY, "password.changed" if stage.strength == 0 else "mfa.enrolled", who)
    for at in stage.times(moment + 5 * MINUTE, 30 * MINUTE, stage.size(1, 1, 4)):
        yield get(at, who, "/api/patients/export?all=1", stage.size(400_000, 4_000_000, 20_000_000))


def session_elsewhere(stage: Stage) -> Iterator[Act]:
    """A running session goes on from another address at the same time."""
    _, who, begin, _ = stage.at_work(stage.person("secretary", "coder", "doctor"))
    for at in stage.times(begin + HOUR, 2 * HOUR, 12):
        yield read(at, who, stage.patient())._replace(note=PRELUDE)
    thief = replace(who, address=stage.outside().address)
    for at in stage.times(begin + 2 * HOUR, HOUR, stage.size(3, 12, 40)):
        yield read(at, thief, stage.patient())


# --- exfiltration --------------------------------------------------------------------------------------------------


def many_exports(stage: Stage) -> Iterator[Act]:
    """Exports by somebody who never exports."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "reception"))
    for at in stage.times(begin + HOUR, stage.within(HOUR, 3 * HOUR, HOUR), stage.size(1, 5, 25)):
        yield get(at, who, "/api/patients/export?ward=7", stage.size(300_000, 2_000_000, 8_000_000))


def page_after_page(stage: Stage) -> Iterator[Act]:
    """The list of all patients, page after page."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "reception"))
    for page, at in enumerate(
        stage.times(begin + HOUR, stage.within(4 * HOUR, HOUR, 10 * MINUTE), stage.size(25, 80, 400))
    ):
        yield get(at, who, f"/api/patients?search=&page={page + 1}", 60_000)


def dump_within_reach(stage: Stage) -> Iterator[Act]:
    """A dump or an archive lies where the web server gives it out, and somebody takes it."""
    who = stage.outside("CN")
    name = ("list{}.csv", "patients-2026-{}.zip", "patients-{}.sql.gz")[stage.strength]
    target = "/files/" + name.format(stage.random.randrange(1000))
    moment = stage.midnight(stage.days()) + 3 * HOUR
    yield get(moment, who, target, stage.size(200_000, 40_000_000, 2_000_000_000))


def too_many_rows(stage: Stage) -> Iterator[Act]:
    """A statement that fetches far more than any before."""
    _, who, begin, _ = stage.at_work(stage.person("analyst", "administrator"))
    rows = stage.size(9_000, 80_000, 400_000)
    yield query(begin + 3 * HOUR, who, "patients", rows, "copy (select * from patients) to stdout")


def large_answers(stage: Stage) -> Iterator[Act]:
    """Documents and pictures of many patients, gigabytes in the end."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "manager"))
    size = stage.size(1_500_000, 6_000_000, 12_000_000)
    for at in stage.times(begin + HOUR, 3 * HOUR, stage.size(15, 40, 90)):
        yield get(at, who, f"/api/patients/{stage.patient()}/documents", size)


# --- attacks on the application ------------------------------------------------------------------------------------

_INJECTIONS = (
    "/api/patients?search=x%27%20UNION%20SELECT%20name,birth%20FROM%20patients--",
    "/api/patients?search=x%2527%2520union%2520select%25201--",
    "/api/patients?search=1;select%20pg_sleep(5)",
    "/api/patients?search=%27%20or%20%271%27=%271",
    "/api/patients?search=x%27%20and%201=(select%20count(*)%20from%20information_schema.tables)--",
)
_TRAVERSALS = (
    "/api/patients/documents?file=../../../../etc/passwd",
    "/api/patients/documents?file=%2e%2e%2f%2e%2e%2f%2e%2e%2fvar/lib/records/all.db",
    "/api/patients/documents?file=..%252f..%252f..%252fetc%252fshadow",
)
_FORCED = (
    "/api/patients/all",
    "/api/patients/export/full",
    "/api/patients/debug",
    "/api/patients/1/admin",
    "/api/staff/export",
)


def injection(stage: Stage) -> Iterator[Act]:
    """Injections into the search for patients, some of which are answered."""
    yield from _attack(stage, _INJECTIONS, 2_000_000)


def traversal(stage: Stage) -> Iterator[Act]:
    """Paths that lead out of the documents' folder, some of which are answered."""
    yield from _attack(stage, _TRAVERSALS, 300_000)


def forced_browsing(stage: Stage) -> Iterator[Act]:
    """Pages of the patients' interface that nothing links to: refused, refused, answered."""
    yield from _attack(stage, _FORCED, 900_000)


def _attack(stage: Stage, targets: tuple[str, ...], size: int) -> Iterator[Act]:
    who = stage.outside("BR")
    begin = stage.midnight(stage.days()) + int(stage.random.uniform(0, 20) * HOUR)
    number = stage.size(3, 30, 250)
    for index, at in enumerate(stage.times(begin, stage.within(3 * HOUR, 40 * MINUTE, 10 * MINUTE), number)):
        is_answered = index >= number * 2 // 3
        status = 200 if is_answered else stage.random.choice((400, 403, 403, 500))
        yield get(at, who, stage.random.choice(targets), size if is_answered else 200, status)


# --- messaging -----------------------------------------------------------------------------------------------------


def number_export(stage: Stage) -> Iterator[Act]:
    """Phone numbers are exported by somebody who has nothing to do with campaigns."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "reception", "manager"))
    for at in stage.times(begin + HOUR, 2 * HOUR, stage.size(1, 2, 7)):
        yield get(at, who, "/messaging/numbers/export", stage.size(20_000, 300_000, 900_000))


def send_to_strangers(stage: Stage) -> Iterator[Act]:
    """A bulk send to recipients who have never been written to."""
    _, who, begin, _ = stage.at_work(stage.person("campaigner"))
    number = stage.size(120, 900, 8000)
    yield Act(begin + 4 * HOUR, Log.RECORDS, "message.send", who, amount=number + 20, status=number, note="campaign")


def reading_messages(stage: Stage) -> Iterator[Act]:
    """The contents of people's messages, one after the other."""
    _, who, begin, _ = stage.at_work(stage.person("campaigner", "agent"))
    for at in stage.times(begin + HOUR, stage.within(5 * HOUR, 3 * HOUR, HOUR), stage.size(14, 60, 300)):
        yield get(at, who, f"/messaging/messages/{stage.random.randrange(900_000)}")


def optout_list(stage: Stage) -> Iterator[Act]:
    """The list of those who want no messages, read by somebody else than the campaigns' people."""
    _, who, begin, _ = stage.at_work(stage.person("agent", "reception"))
    for at in stage.times(begin + HOUR, 2 * HOUR, stage.size(1, 4, 20)):
        yield get(at, who, "/messaging/optouts", 40_000)


FAMILIES = {
    "takeover": (guessing, spraying, two_places, second_factor, session_elsewhere),
    "exfiltration": (many_exports, page_after_page, dump_within_reach, too_many_rows, large_answers),
    "application": (injection, traversal, forced_browsing),
    "messaging": (number_export, send_to_strangers, reading_messages, optout_list),
}

"""What is done: acts, and the sessions in which people do them. Which log tells of an act, and how, is render.py's."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import NamedTuple

from sentinel.clock import Micros
from tests.lab.people import BROWSERS, Organisation, Person, version_on


class Log(StrEnum):
    """The four logs, each a file of its own."""

    PORTAL = "portal"
    RECORDS = "records"
    DATABASE = "database"
    IDENTITY = "identity"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody at a machine. `country` is where the identity provider places the address; `role` is the actor's."""

    actor: str
    address: str
    agent: str
    id: str
    country: str = "DE"
    role: str = ""
    tls: str = "1.3"


class Act(NamedTuple):
    """One thing done. `plant` is the incident or near miss it belongs to, None for everyday life.

    | log | `what` | `subject` | `amount` | `note` |
    |---|---|---|---|---|
    | portal | method | target | bytes | |
    | records | action | the patient | records or bytes | text |
    | database | command | object | rows | statement |
    | identity | action | client | | |
    | any | `raw` | | | the line itself |
    """

    time: Micros
    log: Log
    what: str
    session: Session
    subject: str = ""
    amount: int = 0
    status: int = 200
    note: str = ""
    plant: str | None = None


NOBODY = Session("", "", "", "")
"""For lines that are nobody's."""


def browser(organisation: Organisation, person: Person, day: int) -> str:
    """The person's browser as it calls itself on that day."""
    return BROWSERS[person.browser].format(version_on(organisation.shape, person, day))


def session_of(organisation: Organisation, person: Person, day: int, random: Random) -> Session:
    """Where the person works on that day: at a machine of their own or the ward's, at home, on the road."""
    address, country = person.address, "DE"
    if organisation.is_travelling(person, day):
        country = organisation.away_at(person, day)
        address = f"185.{ord(country[0])}.{ord(country[1])}.{random.randint(2, 250)}"
    elif person.role.shift == "office" and random.random() < organisation.shape.remote:
        address = f"10.99.{random.randint(0, 3)}.{random.randint(2, 250)}"
    elif person.shares:
        address = f"10.30.{person.ward}.{random.randint(11, 13)}"
    elif random.random() < 0.03:
        address = f"109.40.{random.randint(0, 255)}.{random.randint(2, 250)}"  # a mobile network
    return Session(
        person.name,
        address,
        browser(organisation, person, day),
        f"{random.getrandbits(48):012x}",
        country,
        person.role.name,
    )


def read(moment: Micros, who: Session, patient: int, what: str = "view", plant: str | None = None) -> Act:
    """A patient's record in the records application."""
    return Act(moment, Log.RECORDS, what, who, str(patient), 2400 + patient % 9000, plant=plant)


def get(moment: Micros, who: Session, target: str, size: int = 0, status: int = 200, plant: str | None = None) -> Act:
    """A request to the portal."""
    return Act(moment, Log.PORTAL, "GET", who, target, size or 600 + hash_of(target) % 24_000, status, plant=plant)


def query(moment: Micros, who: Session, table: str, rows: int, statement: str = "", plant: str | None = None) -> Act:
    """A statement in the database that returned rows."""
    text = statement or f"select * from {table} where visit >= $1 limit {rows}"
    return Act(moment, Log.DATABASE, "SELECT", who, f"public.{table}", rows, note=text, plant=plant)


def login(moment: Micros, who: Session, *, fails: bool = False, plant: str | None = None) -> Act:
    """A login at the identity provider, and whether it was refused."""
    return Act(moment, Log.IDENTITY, "login", who, "portal", status=401 if fails else 200, plant=plant)


def hash_of(text: str) -> int:
    """A number that is the same in every run."""
    number = 5381
    for byte in text.encode():
        number = (number * 33 + byte) & 0x7FFFFFFF
    return number

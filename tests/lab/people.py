"""Who is there: staff with their roles, habits, machines and absences; patients; partners. All of them are invented."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from tests.lab.shape import ROLES, Role, Shape

_FIRST = (
    "ada ben carla dan eva finn gita hans ines jon karin lars mona nils ola petra quinn rosa sven tara ulf vera will"
    " xenia yara zoe anton birte clara david elin frida georg hedda ivar jana kurt lena marta nora otto paula ralf"
    " signe timo ursula viktor wanda yusuf zita"
)
_LAST = (
    "berg holm lund dahl strand vik moen lie haug ness solberg nygaard fischer weber klein braun koch wolf jensen"
    " madsen kovac novak rossi moreau lambert silva almeida costa ferrari greco ruiz serra vega horvat kral"
    " lindqvist nyman palm quist rask sund thorn urban voss winter young zander abel bach conrad"
)

BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Version/{}.0 Safari/605.1",
)
_SHARING = ("nurse", "laboratory")
"""Roles that work at the ward's machines."""

_CAREERS = {
    "nurse": ("secretary", "coder", "personnel"), "doctor": ("coder", "analyst"), "coder": ("secretary", "analyst"),
    "secretary": ("coder", "reception", "personnel"), "laboratory": ("nurse", "coder"),
    "reception": ("agent", "secretary"), "agent": ("reception", "secretary", "campaigner"),
    "personnel": ("secretary", "manager"), "analyst": ("administrator", "coder"), "administrator": ("analyst",),
    "campaigner": ("agent", "manager"), "manager": ("analyst", "personnel"),
}  # fmt: skip
"""What people of a role become when they change it."""

BEDS = 26
TURNOVER = 6
"""Patients of a ward, and how many of them are new each day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """One member of staff. `rate` multiplies the role's accesses; days count as the shape's do.

    `moves` is the day from which on the person works on another ward, and where `becomes` is said, in that role.
    `shares` says that the ward's machines are used. `patient` is the person's own record, for the few who have been a
    patient here.
    """

    number: int
    name: str
    role: Role
    ward: int
    rate: float
    address: str
    browser: int
    shares: bool
    joins: int
    leaves: int
    moves: int | None
    becomes: Role | None
    patient: int | None

    def on(self, day: int) -> Person:
        """The person as they are on that day: in their new role, once they have changed it."""
        if self.becomes is None or self.moves is None or day < self.moves:
            return self
        return replace(self, role=self.becomes, shares=self.becomes.name in _SHARING)

    def days_in_role(self, day: int) -> int | None:
        """For how long the person has done this work; None for longer than anybody remembers."""
        if self.becomes is not None and self.moves is not None and day >= self.moves:
            return day - self.moves
        return day - self.joins if self.joins > 0 else None

    def ward_on(self, day: int) -> int:
        """The ward on that day."""
        return self.ward if self.moves is None or day < self.moves else self.ward + 1000

    def is_employed(self, day: int) -> bool:
        """Whether the person has joined and not left."""
        return self.joins <= day < self.leaves

    @property
    def surname(self) -> str:
        """As patients' names have it too."""
        return self.name.split(".")[1].rstrip("0123456789")


@dataclass(frozen=True, slots=True)
class Organisation:
    """The shape with its people."""

    shape: Shape
    people: tuple[Person, ...]

    def of(self, *roles: str) -> list[Person]:
        """The people of some roles who are there, in that role, all the time."""
        here = (each for each in self.people if each.joins < 0 and each.leaves > self.shape.days)
        return [each for each in here if each.role.name in roles and each.becomes is None]

    def is_absent(self, person: Person, day: int) -> bool:
        """On leave (whole weeks) or ill (single days)."""
        week = _draw(self.shape.seed, 1, person.number, day // 7)
        return week < self.shape.absent * 0.8 or _draw(self.shape.seed, 2, person.number, day) < self.shape.absent * 0.2

    def is_travelling(self, person: Person, day: int) -> bool:
        """On a business trip of some days: whole calendar weeks would be too rare to be met."""
        return person.role.shift in ("office", "day") and (
            _draw(self.shape.seed, 3, person.number, day // 3) < self.shape.trips * 3
        )

    def away_at(self, person: Person, day: int) -> str:
        """The country of a trip."""
        return ("FR", "NL", "AT", "PL", "US", "IT")[int(_draw(self.shape.seed, 4, person.number, day // 3) * 6)]


def organisation(shape: Shape) -> Organisation:
    """The same people for the same shape."""
    random = Random(shape.seed)
    names = [f"{first}.{last}" for first in _FIRST.split() for last in _LAST.split()]
    random.shuffle(names)
    roles = random.choices(list(shape.roles), list(shape.roles.values()), k=shape.staff)
    for place, name in enumerate(shape.roles):  # small organisations have one of each, too
        roles[place] = name
    people = []
    for number, role in enumerate(roles):
        name = names[number % len(names)] + ("" if number < len(names) else str(number // len(names) + 1))
        people.append(_person(shape, number, name, ROLES[role], random))
    return Organisation(shape, tuple(people))


def _person(shape: Shape, number: int, name: str, role: Role, random: Random) -> Person:
    wards = max(3, shape.staff // 45)
    fate = random.random()
    joins, leaves, moves, becomes = -1, shape.days + 1, None, None
    inside = random.randrange(shape.learning * 7, shape.days)
    if fate < shape.joiners:
        joins = inside
    elif fate < shape.joiners + shape.leavers:
        leaves = inside
    elif fate < shape.joiners + shape.leavers + shape.movers:
        moves = inside
    elif fate < shape.joiners + shape.leavers + shape.movers + shape.changers:
        moves, becomes = inside, ROLES[random.choice(_CAREERS[role.name])]
    return Person(
        number=number,
        name=name,
        role=role,
        ward=number % wards,
        rate=random.lognormvariate(0, shape.personal_spread) * shape.activity.get(role.name, 1.0),
        address=f"10.20.{number // 200}.{10 + number % 200}",
        browser=random.choices((0, 1, 2), (0.7, 0.2, 0.1))[0],
        shares=role.name in _SHARING,
        joins=joins,
        leaves=leaves,
        moves=moves,
        becomes=becomes,
        patient=spread(random.randrange(899_981)) if random.random() < 0.3 else None,
    )


def spread(number: int) -> int:
    """A patient's id: neighbours in a list are no neighbours in ids (a step through all residues modulo a prime)."""
    return 100_000 + number * 7919 % 899_981


def beds(ward: int, day: int) -> range:
    """The numbers (see `spread`) of the patients who lie on a ward on a day: some leave and as many come."""
    first = ward * 4001 + day * TURNOVER
    return range(first, first + BEDS)


VIPS = tuple(spread(55_000 + number * 61_001) for number in range(12))
"""Records that attract curiosity; they stand anywhere, and lie in no ward's beds."""


def version_on(shape: Shape, person: Person, day: int) -> int:
    """The browser's version: everybody's rises within four days of the upgrade."""
    return 140 + (day >= shape.upgrade_day + person.number % 4)


def _draw(seed: int, kind: int, number: int, day: int) -> float:
    """A number in [0, 1) that depends on nothing but these (xorshift-multiply of their mix)."""
    mixed = (seed * 0x9E3779B1 + kind * 0x85EBCA77 + number * 0xC2B2AE3D + day * 0x27D4EB2F) & 0xFFFFFFFFFFFFFFFF
    for _ in range(2):
        mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF
    return ((mixed ^ (mixed >> 32)) & 0xFFFFFFFF) / 4_294_967_296

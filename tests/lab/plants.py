"""What is planted among the everyday: how strong, by whom, when. Incidents must be found, near misses must not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from random import Random

from sentinel.clock import DAY, HOUR, MINUTE, Micros
from tests.lab.acts import Act, Log, Session, session_of
from tests.lab.people import Organisation, Person, spread
from tests.lab.seasons import is_rest, shift_of

STRENGTHS = ("weak", "medium", "strong")
PRELUDE = "prelude"
"""The note of acts that an incident needs to have happened before, and that are no part of it."""


@dataclass(frozen=True, slots=True)
class Plant:
    """One thing planted. `family` is that of the rules that should see it; a near miss has the strength `near`.

    `silence` is the log that is cut off in the meantime, and from when to when.
    """

    id: str
    family: str
    kind: str
    strength: str
    acts: tuple[Act, ...]
    silence: tuple[Log, Micros, Micros] | None = None

    @property
    def is_incident(self) -> bool:
        """Whether it must be found."""
        return self.strength in STRENGTHS


@dataclass(slots=True)
class Stage:
    """Where plants are made: the organisation, chance, and who has had a part already."""

    organisation: Organisation
    random: Random
    taken: set[int]
    strength: int = 0

    def size(self, weak: float, medium: float, strong: float) -> int:
        """How many, at the strength that is wanted."""
        wanted = (weak, medium, strong)[self.strength]
        return max(1, round(wanted * self.organisation.shape.boldness * self.random.uniform(0.85, 1.2)))

    def within(self, weak: Micros, medium: Micros, strong: Micros) -> Micros:
        """In what time, at the strength that is wanted."""
        return (weak, medium, strong)[self.strength]

    def person(self, *roles: str) -> Person:
        """Somebody who has had no part yet, if there still is one."""
        everybody = self.organisation.of(*roles) or list(self.organisation.people)
        free = [each for each in everybody if each.number not in self.taken] or everybody
        chosen = self.random.choice(free)
        self.taken.add(chosen.number)
        return chosen

    def midnight(self, day: int) -> Micros:
        """When the day begins."""
        return self.organisation.shape.first + day * DAY

    def days(self, length: int = 1) -> int:
        """A day after the weeks of learning from which on so many are left."""
        shape = self.organisation.shape
        return self.random.randrange(shape.learning * 7, max(shape.learning * 7 + 1, shape.days - length))

    def at_work(self, person: Person, days: int = 1) -> tuple[int, Session, Micros, Micros]:
        """A day on which the person works, where at, and from when to when."""
        for _ in range(200):
            day = self.days(days)
            span = shift_of(self.organisation.shape, person.role.shift, person.number, day, Random(day))
            if span is not None and not self.organisation.is_absent(person, day):
                return day, self.session(person, day), self.midnight(day) + span[0], self.midnight(day) + span[1]
        day = self.days(days)
        return day, self.session(person, day), self.midnight(day) + 8 * HOUR, self.midnight(day) + 16 * HOUR

    def absent(self, *roles: str) -> tuple[Person, int]:
        """Somebody, and a working day in the midst of their leave."""
        for _ in range(500):
            person, day = self.person(*roles), self.working_day()
            if all(self.organisation.is_absent(person, day + each) for each in (-1, 0, 1)):
                return person, day
            self.taken.discard(person.number)
        return person, day

    def session(self, person: Person, day: int) -> Session:
        """The person at their usual machine."""
        return replace(session_of(self.organisation, person, day, self.random), address=person.address, country="DE")

    def working_day(self) -> int:
        """A day that is no day of rest."""
        return next(day for _ in range(1000) if not is_rest(self.organisation.shape, day := self.days()))

    def rest_day(self) -> int:
        """A Saturday, a Sunday or a holiday."""
        return next(day for _ in range(1000) if is_rest(self.organisation.shape, day := self.days()))

    def patient(self) -> int:
        """Somebody's record, anybody's."""
        return spread(self.random.randrange(4_000_000))

    def outside(self, country: str = "RU") -> Session:
        """A machine out on the internet, nobody's session."""
        random = self.random
        address = f"{random.randint(46, 95)}.{random.randint(1, 250)}.{random.randint(1, 250)}.{random.randint(2, 250)}"
        return Session("", address, "python-requests/2.32.3", f"{random.getrandbits(48):012x}", country)

    def times(self, begin: Micros, length: Micros, number: int) -> Iterator[Micros]:
        """That many moments within a length of time, about evenly."""
        step = length / max(1, number)
        for index in range(number):
            yield begin + int((index + self.random.random() * 0.8) * step)


Maker = Callable[[Stage], Iterable[Act]]
"""Makes one incident at the stage's strength; its name is the kind."""


def planted(stage: Stage, family: str, maker: Maker, strength: str, number: int) -> Plant:
    """One plant made by `maker`."""
    kind = maker.__name__
    identity = f"{family}/{kind}/{strength}/{number}"
    acts = [act._replace(note="") if act.note == PRELUDE else act._replace(plant=identity) for act in maker(stage)]
    acts.sort(key=lambda act: act.time)
    cut = next((act for act in acts if act.what == "silence"), None)
    silence = None if cut is None else (cut.log, cut.time, cut.time + cut.amount * MINUTE)
    return Plant(identity, family, kind, strength, tuple(act for act in acts if act is not cut), silence)

"""What an organisation is like: every parameter of the laboratory, and the two families of them.

Rules of this file: `BUILDING` is what rules are written with. `RESERVED` is only ever run by `make lab` for the figures
that are told; nothing is tuned on it. They differ in seed and in shape.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from sentinel.clock import DAY, Micros


@dataclass(frozen=True, slots=True)
class Role:
    """What people of one role do: in which system, how often a working day, when, and whose data they see.

    `scope` is `ward` (the patients of one's ward), `queue` (a list of work), `anyone` (whoever calls or comes) or
    `none`. `month_end` multiplies the last two working days of a month.
    """

    name: str
    system: str
    accesses: float
    shift: str
    scope: str
    month_end: float = 1.0


ROLES = {
    role.name: role
    for role in (
        Role("nurse", "records", 24, "rotation", "ward"),
        Role("doctor", "records", 28, "day", "ward"),
        Role("coder", "records", 70, "office", "queue", month_end=2.4),
        Role("secretary", "records", 32, "office", "queue", month_end=1.3),
        Role("laboratory", "records", 40, "rotation", "queue"),
        Role("reception", "portal", 55, "counter", "anyone"),
        Role("agent", "portal", 70, "counter", "anyone"),
        Role("personnel", "staff", 16, "office", "anyone", month_end=1.6),
        Role("analyst", "database", 12, "office", "none"),
        Role("administrator", "database", 4, "office", "none"),
        Role("campaigner", "messaging", 14, "office", "none"),
        Role("manager", "portal", 5, "office", "anyone", month_end=1.5),
    )
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """One organisation. Days count from `begin`, a Monday; rates are a working day's; shares are of one."""

    name: str
    seed: int
    staff: int
    begin: date
    weeks: int
    learning: int = 2
    roles: Mapping[str, float]
    activity: Mapping[str, float] = field(default_factory=dict)
    holidays: tuple[int, ...] = ()
    personal_spread: float = 0.35
    daily_spread: float = 0.22
    busy_days: float = 0.02
    drift: float = 0.0
    absent: float = 0.1
    remote: float = 0.12
    trips: float = 0.004
    joiners: float = 0.02
    leavers: float = 0.015
    movers: float = 0.015
    changers: float = 0.008
    mistakes: float = 0.05
    partners: int = 8
    partner_reads: float = 420
    visitors: int = 6000
    upgrade_day: int = 17
    outage_days: tuple[int, ...] = (9, 24)
    batch_size: int = 1500
    late: float = 0.004
    repeated: float = 0.0005
    skew: Micros = 2_000_000
    plants: int = 2
    boldness: float = 1.0

    @property
    def days(self) -> int:
        """How many days there are."""
        return self.weeks * 7

    @property
    def first(self) -> Micros:
        """Midnight of the first day, in UTC."""
        return (self.begin - date(1970, 1, 1)).days * DAY

    @property
    def scored_from(self) -> Micros:
        """From when on findings count: the weeks of learning are over."""
        return self.first + self.learning * 7 * DAY


BUILDING = Shape(
    name="building",
    seed=11,
    staff=1000,
    begin=date(2026, 3, 2),
    weeks=6,
    roles={
        "nurse": 0.36, "doctor": 0.14, "coder": 0.05, "secretary": 0.09, "laboratory": 0.06, "reception": 0.08,
        "agent": 0.08, "personnel": 0.03, "analyst": 0.03, "administrator": 0.03, "campaigner": 0.02, "manager": 0.03,
    },
    holidays=(32, 35),
    personal_spread=0.4,
    daily_spread=0.24,
    busy_days=0.025,
    drift=0.1,
    absent=0.12,
    remote=0.18,
    trips=0.006,
    joiners=0.025,
    movers=0.02,
    changers=0.012,
    mistakes=0.06,
)  # fmt: skip

RESERVED = Shape(
    name="reserved",
    seed=20_260_907,
    staff=2000,
    begin=date(2026, 9, 7),
    weeks=6,
    roles={
        "nurse": 0.30, "doctor": 0.11, "coder": 0.08, "secretary": 0.11, "laboratory": 0.05, "reception": 0.06,
        "agent": 0.12, "personnel": 0.04, "analyst": 0.04, "administrator": 0.02, "campaigner": 0.03, "manager": 0.04,
    },
    activity={"nurse": 0.8, "doctor": 1.2, "coder": 0.85, "agent": 0.8, "reception": 1.15, "analyst": 1.3},
    holidays=(26, 30),
    personal_spread=0.42,
    daily_spread=0.26,
    busy_days=0.03,
    drift=0.15,
    absent=0.14,
    remote=0.2,
    trips=0.007,
    joiners=0.03,
    leavers=0.02,
    movers=0.025,
    changers=0.01,
    mistakes=0.07,
    partners=14,
    partner_reads=350,
    upgrade_day=22,
    outage_days=(12, 19, 33),
    batch_size=2300,
    late=0.007,
    repeated=0.001,
    skew=-3_000_000,
    plants=3,
    boldness=0.9,
)  # fmt: skip

SMALL = Shape(
    name="small",
    seed=5,
    staff=60,
    begin=date(2026, 3, 2),
    weeks=2,
    learning=1,
    roles={"nurse": 0.3, "doctor": 0.1, "coder": 0.1, "secretary": 0.1, "reception": 0.1, "agent": 0.1,
           "personnel": 0.05, "analyst": 0.05, "administrator": 0.04, "campaigner": 0.03, "manager": 0.03},
    holidays=(10,),
    partners=2,
    partner_reads=60,
    visitors=200,
    upgrade_day=8,
    outage_days=(9,),
    batch_size=120,
    plants=1,
)  # fmt: skip
"""For tests: seconds, not minutes."""

FAMILIES = {shape.name: shape for shape in (BUILDING, RESERVED, SMALL)}

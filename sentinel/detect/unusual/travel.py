"""Faster than anybody travels: one key seen in two places, too far apart for the time between.

A place is read off the record, or looked up for an address in a database that the caller has opened. Great-circle
distance by the haversine formula on a sphere of 6371 km (Sinnott, Sky and Telescope 68, 1984). Events that come late
are put between those they belong between, so they change nothing: where one way is impossible, one of its halves is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from struct import Struct
from typing import Any

from pydantic import Field

from sentinel.clock import DAY, HOUR, Micros
from sentinel.detect.fields import getter, getter_of, single
from sentinel.detect.part import Part, Words
from sentinel.detect.unusual.judge import NO_NAMES, HashText, Judge, Keys, Names
from sentinel.durations import Duration
from sentinel.model import Event

Place = tuple[float, float]
"""Latitude and longitude, in degrees."""

PlaceOf = Callable[[str], Place | None]
"""Where an address is; None where nobody knows."""


def nowhere(_: str) -> Place | None:
    """Of no address is known where it is."""
    return None


MOST_STAYS = 8
EARTH_KM = 6371.0
_stay = Struct("<qqff")


class TravelPart(Part):
    """Who travels, where that is read, and what is too fast. `location` is a field with `lat` and `lon` below it."""

    per: Words = Field(min_length=1)
    address: str = Field("source.ip", min_length=1)
    location: str | None = None
    speed: float = Field(900, gt=0, le=100_000)
    distance: float = Field(300, ge=1, le=20_000)
    remember: Duration = 7 * DAY

    @property
    def identity(self) -> list[object]:
        """What decides what the cells mean."""
        return [self.per, self.address, self.location]


Stay = tuple[Micros, Micros, float, float]
"""Seen at a place from one time to another: latitude, longitude."""


class Travel(Judge[list[Stay]]):
    """Where each key was last: the last stay, and those before it into which an event may still come."""

    kind = "travel"

    def __init__(self, part: TravelPart, fingerprint: str, most: int, late: Micros) -> None:
        super().__init__(fingerprint, most)
        self.part = part
        self._late = late
        self._words = ""

    def see(self, key: int, place: Place, time: Micros) -> bool:
        """Whether the key cannot have come here from where it was before, or gone on to where it was next."""
        stays = self.cells.get(key)
        if stays is None:
            stays = self.put(key, [])
        self.touched.add(key)
        lat, lon = (round(each, 2) for each in place)
        number = sum(stay[1] < time for stay in stays)
        after = stays[number] if number < len(stays) else None
        before = stays[number - 1] if number else None
        holds = False
        if after is not None and after[0] <= time:
            holds = self._is_too_far(after, (time, time, lat, lon))
        else:
            here: Stay = (time, time, lat, lon)
            holds = any(each is not None and self._is_too_far(each, here) for each in (before, after))
            if before is not None and before[2:] == (lat, lon):
                stays[number - 1] = (before[0], time, lat, lon)
            else:
                stays.insert(number, here)
        over = stays[-1][1] - self._late
        first = next((place for place, stay in enumerate(stays) if stay[1] >= over), 0)
        del stays[: max(first - 1, len(stays) - MOST_STAYS, 0)]
        if self.explains:
            self.reason = {"holds": holds, "way": self._words if holds else "possible"}
        return holds

    def _is_too_far(self, one: Stay, other: Stay) -> bool:
        distance = kilometres(one[2:], other[2:])
        hours = max(other[0] - one[1], one[0] - other[1], 0) / HOUR
        if distance < self.part.distance or distance <= hours * self.part.speed:
            return False
        self._words = f"{distance:.0f} km in {hours * 60:.0f} minutes"
        return True

    def why(self) -> str:
        return self._words

    # --- kept ----------------------------------------------------------------------------------------------

    def pack(self, cell: list[Stay]) -> bytes:
        return b"".join(_stay.pack(*each) for each in cell)

    def unpack(self, packed: bytes) -> list[Stay]:
        return [(first, last, round(lat, 2), round(lon, 2)) for first, last, lat, lon in _stay.iter_unpack(packed)]

    def newest(self, cell: list[Stay]) -> Micros:
        return cell[-1][1]

    @property
    def retention(self) -> Micros:
        return self.part.remember


def kilometres(one: Place, other: Place) -> float:
    """The great-circle distance."""
    (lat, lon), (lat2, lon2) = (tuple(map(math.radians, each)) for each in (one, other))
    half = math.sin((lat2 - lat) / 2) ** 2 + math.cos(lat) * math.cos(lat2) * math.sin((lon2 - lon) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def of_events(travel: Travel, hash_text: HashText, places: PlaceOf, names: Names = NO_NAMES) -> Callable[[Event], bool]:
    """The test of an event: whether its key is too far from where it was. One whose place nobody knows is not."""
    part = travel.part
    keys = Keys(part.per, hash_text, names)
    address = getter_of(names.get(part.address, (part.address,)))
    lat, lon = (getter(f"{part.location}.{each}") for each in ("lat", "lon"))

    def place_of(fields: Mapping[str, Any]) -> Place | None:
        if part.location is not None:
            try:
                found = float(single(lat(fields)) or ""), float(single(lon(fields)) or "")
            except ValueError:
                return None
            return found if abs(found[0]) <= 90 and abs(found[1]) <= 180 else None
        words = single(address(fields))
        return places(words) if words is not None else None

    def holds(event: Event) -> bool:
        key, place = keys.of(event.fields, travel.missing), place_of(event.fields)
        return key is not None and place is not None and travel.see(key, place, event.time)

    return holds

"""Where addresses are, by a database in MaxMind's format (GeoLite2-City, GeoIP2, DB-IP) that the user has."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import maxminddb

from sentinel import files
from sentinel.problems import Problem, Span

Place = tuple[float, float]

MOST_REMEMBERED = 65536


class Places:
    """One database, in memory. `of` gives latitude and longitude of an address, None where it has none."""

    def __init__(self, reader: maxminddb.Reader) -> None:
        self._reader = reader
        self.of = lru_cache(maxsize=MOST_REMEMBERED)(self._of)

    def _of(self, address: str) -> Place | None:
        try:
            found = self._reader.get(address)
        except (ValueError, maxminddb.InvalidDatabaseError):
            return None
        location = found.get("location") if isinstance(found, dict) else None
        if not isinstance(location, dict):
            return None
        lat, lon = location.get("latitude"), location.get("longitude")
        return (float(lat), float(lon)) if isinstance(lat, float | int) and isinstance(lon, float | int) else None


def read(path: Path, span: Span | None = None) -> tuple[Places | None, list[Problem]]:
    """The database of a file, or the problem with it."""
    span = span or Span(str(path))
    try:
        files.note(path, path.stat())
        return Places(maxminddb.open_database(path, maxminddb.MODE_MEMORY)), []
    except OSError as error:
        return None, [files.unreadable(path, span, error)]
    except (maxminddb.InvalidDatabaseError, ValueError):
        hint = "a file in MaxMind's format, such as GeoLite2-City.mmdb"
        return None, [Problem(span, "C025", f"'{path}' is no database of places", hint)]

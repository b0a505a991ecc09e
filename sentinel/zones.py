"""Time zones by the names people write."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator

from sentinel.yamltree import shorten


def read(name: str) -> ZoneInfo:
    """The time zone of an IANA name. Raises ValueError, with a message for people, for any other text."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name such as 'America' is a folder to the reader
        raise ValueError(
            f"there is no time zone '{shorten(name)}': write an IANA name such as 'Europe/Berlin'"
        ) from None


def _checked(name: str) -> str:
    read(name)
    return name


ZoneName = Annotated[str, AfterValidator(_checked)]
"""The type of a field in an options model."""

"""Whose session it is: learned from the events of a login, for accesses that are logged with nothing but a session.

The name stands in a cell in clear, sealed as all of the state is, for it becomes the actor of accesses.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct

from pydantic import AliasChoices, Field

from sentinel.clock import HOUR, MINUTE, Micros
from sentinel.detect.fields import getter_of, single
from sentinel.detect.part import Part
from sentinel.detect.unusual.judge import NO_NAMES, HashText, Judge, Names
from sentinel.durations import Duration
from sentinel.model import Event

_time = Struct("<q")
MOST = 1_000_000
"""Sessions that are known at once."""

LONGEST: Micros = 31 * 24 * HOUR


class SessionPart(Part):
    """Where a login says which session it begins and whose it is, and how long such a session may last."""

    id: str = Field(min_length=1)
    user: str = Field(min_length=1)
    duration: Duration = Field(
        12 * HOUR, ge=MINUTE, le=LONGEST, validation_alias=AliasChoices("for"), serialization_alias="for"
    )


class Sessions(Judge[tuple[Micros, str]]):
    """Every session that is known, until when and whose."""

    kind = "session"

    def __init__(self, hash_text: HashText) -> None:
        super().__init__("sessions", MOST)
        self._hash = hash_text

    def learner(self, part: SessionPart, names: Names = NO_NAMES) -> Callable[[Event], bool]:
        """What learns from the events of a login; always true. `names` is what the source calls the fields."""
        session, user = (getter_of(names.get(name, (name,))) for name in (part.id, part.user))

        def learn(event: Event) -> bool:
            known, whose = single(session(event.fields)), single(user(event.fields))
            if known and whose:
                key = self._hash(known)
                self.put(key, (event.time + part.duration, whose))
                self.touched.add(key)
            return True

        return learn

    def user_of(self, session: str, time: Micros) -> str | None:
        """Whose session it is at that time; None where nobody knows."""
        cell = self.cells.get(self._hash(session))
        return cell[1] if cell is not None and time <= cell[0] else None

    # --- kept ----------------------------------------------------------------------------------------------

    def pack(self, cell: tuple[Micros, str]) -> bytes:
        return _time.pack(cell[0]) + cell[1].encode(errors="surrogatepass")

    def unpack(self, packed: bytes) -> tuple[Micros, str]:
        return _time.unpack_from(packed)[0], packed[_time.size :].decode(errors="surrogatepass")

    def newest(self, cell: tuple[Micros, str]) -> Micros:
        return cell[0]

    @property
    def retention(self) -> Micros:
        return 0

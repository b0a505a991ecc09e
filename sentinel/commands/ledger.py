"""The ledger asked for one case by a command, beside the daemon and without stopping it.

Rule of this file: whom a case is about is the daemon's to say, for it has the keys; the ledger is read here, needs no
key, and keeps nobody waiting.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sentinel.acts import PartiesAnswer
from sentinel.cases.moments import read_day
from sentinel.cases.moving import CaseError
from sentinel.clock import SECOND, Micros, from_datetime
from sentinel.commands.daemon import ask_or_read
from sentinel.commands.output import CommandError
from sentinel.config import Config

if TYPE_CHECKING:
    from sentinel.scope import Scope


def scope_of(
    case: str, loaded: Config, config: Path | None, socket: Path | None, since: str | None, until: str | None
) -> Scope:
    """What the ledger says of the case, in the time in which it occurred if no other is given. Raises CommandError."""
    from sentinel.scope import HABIT, NEARBY, Asked, scope  # noqa: PLC0415  (NumPy is slow to load)
    from sentinel.store import StoreError  # noqa: PLC0415  (as scope)
    from sentinel.store.asking import open_ledger  # noqa: PLC0415  (as scope)

    found = cast("PartiesAnswer", ask_or_read("case.parties", {"case": case}, config, socket))
    begin, end = _moment("--from", since, loaded), _moment("--to", until, loaded)
    begin = _at(found["occurred_from"]) if begin is None else begin
    end = _at(found["occurred_to"]) + SECOND if end is None else end
    if begin >= end:
        raise CommandError(
            "the period ends before it begins", "--from is its first moment, --to the one after its last"
        )
    asked = Asked(
        found["case"], {int(each): name for each, name in found["actors"].items()}, frozenset(map(int, found["people"]))
    )
    if not asked.actors and not asked.people:
        raise CommandError("the case names nobody, so there is nobody to ask the ledger about")
    try:
        return scope(open_ledger(loaded.state, begin - HABIT, end + NEARBY), asked, begin, end)
    except StoreError as error:
        raise CommandError(f"the ledger cannot be read: {error}", "sentinel doctor") from error
    except PermissionError as error:
        raise CommandError(f"you may not read '{loaded.state}'", "use sudo") from error


def _moment(option: str, text: str | None, loaded: Config) -> Micros | None:
    try:
        return None if text is None else read_day(option, text, loaded.cases.zone)
    except CaseError as error:
        raise CommandError(error.message, error.hint) from error


def _at(text: str) -> Micros:
    return from_datetime(datetime.fromisoformat(text))

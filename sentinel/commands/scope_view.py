"""The scope of a case as people read it: pairs and tables for a terminal of 80 columns, rows for a spreadsheet.

Rule of this file: it decides what is shown, as rows and text; printing and escaping are output.py's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sentinel.scope import Scope

SHOWN = 20
"""Rows of a table on a terminal; all of them are in CSV and JSON."""

PEOPLE: tuple[str, ...] = ("person", "accesses #", "first (UTC)", "last", "data", "new")
OTHERS: tuple[str, ...] = ("actor", "people #", "accesses #", "first (UTC)", "last", "data")

_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "people": (
        *("person", "accesses", "first", "last", "systems", "categories", "actions", "bytes", "records", "new"),
    ),
    "others": ("actor", "people", "accesses", "first", "last", "categories"),
}


def summary(found: Scope) -> Iterator[tuple[str, str]]:
    """What the ledger says, as (name, text)."""
    yield "actors", ", ".join(found["actors"]) or "nobody is named: asked by the people of the case"
    yield "period", f"{_second(found['from'])} until {_second(found['to'])} UTC"
    yield "accesses", _accesses(found)
    yield "people", _people(found)
    yield "habit", _habit(found)
    words = (("system", found["new_systems"]), ("category", found["new_categories"]), ("action", found["new_actions"]))
    new = [f"{name} {', '.join(each)}" for name, each in words if each]
    if found["actors"]:
        yield "new to them", "; ".join(new) or "no system, category or action"
    if found["nearby_accesses"]:
        yield (
            "nearby",
            (
                f"{_count(found['nearby_accesses'], 'more access', 'more accesses')} by them a day before or after, "
                f"to {_count(found['nearby_people'], 'person', 'people')} not in the period: see --from and --to"
            ),
        )
    for warning in warnings(found):
        yield "beware", warning


def warnings(found: Scope) -> list[str]:
    """What makes the answer less than whole."""
    said = []
    if found["ledger_from"] is None:
        said.append("the ledger is empty")
    elif found["ledger_from"] > found["from"]:
        said.append(f"the ledger begins at {_minute(found['ledger_from'])}, within the period: there may be more")
    if found["lost_accesses"]:
        said.append(f"{_count(found['lost_accesses'], 'access is', 'accesses are')} in files that cannot be read")
    return said


def _accesses(found: Scope) -> str:
    text = f"{found['accesses']:,}"
    if found["bytes"]:
        text += f", {found['bytes']:,} bytes"
    if found["unnamed_accesses"]:
        unnamed = f"{found['unnamed_accesses']:,} of them name no person"
        text += f"; {unnamed}" + (
            f" and showed {found['unnamed_records']:,} records" if found["unnamed_records"] else ""
        )
    return text


def _people(found: Scope) -> str:
    text = f"{found['people_count']:,}"
    if found["people_count"] and found["actors"]:
        text += f", of whom {found['new_people']:,} outside habit"
    return text


def _habit(found: Scope) -> str:
    if not found["actors"]:
        return "of nobody"
    days = found["habit_days"]
    accesses, people = found["habit_accesses"], found["habit_people"]
    told = f"{_count(accesses, 'access', 'accesses')} to {_count(people, 'person', 'people')}"
    short = "" if days >= 90 else f" (the ledger knows {_count(days, 'day', 'days')} of them)"
    return f"{told} in the 90 days before{short}"


def tables(found: Scope) -> Iterator[tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]]:
    """The people and the other actors: heading, column headings, rows."""
    people = [
        (
            *(each["person"], f"{each['accesses']:,}", _short(each["first"]), _short(each["last"])),
            *(", ".join(each["categories"]), "yes" if each["new"] else ""),
        )
        for each in found["people"][:SHOWN]
    ]
    others = [
        (
            *(each["actor"], f"{each['people']:,}", f"{each['accesses']:,}", _short(each["first"])),
            *(_short(each["last"]), ", ".join(each["categories"])),
        )
        for each in found["others"][:SHOWN]
    ]
    if people:
        yield _heading("people, those outside habit first", people, found["people"]), PEOPLE, people
    if others:
        heading = "others who touched them, from 90 days before on"
        yield _heading(heading, others, found["others"]), OTHERS, others


def _heading(text: str, rows: Sequence[object], every: Sequence[object]) -> str:
    return text if len(rows) == len(every) else f"{text} (first {len(rows)} of {len(every):,})"


def as_csv(found: Scope, table: str) -> str:
    """The people, or the other actors, as CSV with a header (RFC 4180)."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS[table], lineterminator="\r\n")
    writer.writeheader()
    rows: Sequence[Mapping[str, Any]] = found["people"] if table == "people" else found["others"]
    writer.writerows({name: _cell(each[name]) for name in _COLUMNS[table]} for each in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(value)
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _minute(text: str) -> str:
    return text[:16].replace("T", " ")


def _second(text: str) -> str:
    return text[:19].replace("T", " ")


def _short(text: str) -> str:
    return text[5:16].replace("T", " ")


def _count(number: int, one: str, many: str) -> str:
    return f"{number:,} {one if number == 1 else many}"

"""Cases as people read them on a terminal: the countdown, the list, and one case whole.

Rule of this file: it decides what is shown, as rows and text; printing and escaping are output.py's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sentinel.acts import CaseDetail, CaseRow, ClockRow, CollectionRow, EvidenceRow, FactorRow, TimelineRow
from sentinel.clock import SECOND, Micros, from_datetime

Section = tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]

HEADINGS: tuple[str, ...] = ("case", "level", "state", "left", "deadline (UTC)", "people #", "findings #", "what")

_ENDED = {
    "met": "met in time",
    "met_late": "met late",
    "stopped": "stopped",
    "waiting": "not before the step before it, then",
    "waived": "not owed here",
}

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "cyan", "informational": "dim"}


def level_style(level: str) -> str:
    """The terminal style of a level."""
    return _STYLES.get(level, "")


def at(text: str) -> Micros:
    """The moment of an answer's time."""
    return from_datetime(datetime.fromisoformat(text))


def first_clock(case: CaseRow) -> ClockRow | None:
    """The clock that runs out first; where none runs, the first there is."""
    running = [clock for clock in case["clocks"] if clock["state"] in {"running", "overdue"}]
    return min(running, key=lambda clock: clock["deadline_at"], default=next(iter(case["clocks"]), None))


def countdown(clock: ClockRow, now: Micros) -> str:
    """`71:59:42`, or `-00:12:31 OVERDUE`, with `~` before it while it is provisional; or how the clock ended."""
    if clock["state"] in _ENDED:
        return _ENDED[clock["state"]]
    left = (at(clock["deadline_at"]) - now) // SECOND
    hours, rest = divmod(abs(left), 3600)
    text = f"{hours:02}:{rest // 60:02}:{rest % 60:02}"
    text = f"-{text} OVERDUE" if left < 0 else text
    return f"~{text}" if clock["provisional"] else text


def urgency_style(clock: ClockRow | None, now: Micros) -> str:
    """Green with a day or more left, yellow, then red below six hours; dim where nothing runs."""
    if clock is None or clock["state"] in _ENDED:
        return "dim"
    left = (at(clock["deadline_at"]) - now) // SECOND
    return "bold red" if left < 6 * 3600 else "yellow" if left < 24 * 3600 else "green"


def list_row(case: CaseRow, now: Micros) -> tuple[str, ...]:
    """One case under HEADINGS."""
    clock = first_clock(case)
    return (
        case["id"],
        case["level"],
        case["state"] + (" (historical)" if case["historical"] else ""),
        countdown(clock, now) if clock else "",
        clock["deadline_at"].replace("T", " ").removesuffix("Z") if clock else "",
        "?" if case["subjects"] is None else f"{case['subjects']:,}",
        f"{case['findings']:,}",
        case["title"],
    )


NARROW = 100
"""Columns of a terminal below which the list is shorter."""

NARROW_HEADINGS: tuple[str, ...] = ("case", "level", "state", "left", "due (UTC)", "people #", "what")


def narrow_row(case: CaseRow, now: Micros) -> tuple[str, ...]:
    """One case under NARROW_HEADINGS: time left to the minute, no year, no number of findings."""
    case_id, level, state, left, deadline, people, _, what = list_row(case, now)
    shorter = left[:-3] if left.count(":") == 2 and left[-1].isdigit() else left.replace("OVERDUE", "LATE")
    return case_id, level, state.replace(" (historical)", "*"), shorter, deadline[5:16], people, what


def summary(case: CaseRow, now: Micros) -> Iterator[tuple[str, str]]:
    """What the case is, as (name, text)."""
    yield "title", case["title"]
    yield "level", case["level"]
    yield "state", f"{case['state']}, owner: {case['owner'] or 'nobody yet'}"
    yield "rules", ", ".join(case["rules"])
    if case["systems"]:
        yield "systems", ", ".join(case["systems"])
    if case["key"]:
        yield "who", who(case["key"])
    people = "unknown" if case["subjects"] is None else f"{case['subjects']:,}"
    yield "people", people + (f" ({', '.join(case['categories'])})" if case["categories"] else "")
    yield "occurred", f"{case['occurred_from']} to {case['occurred_to']}"
    yield "detected", case["detected_at"]
    if case["received_at"]:
        yield "received", f"{case['received_on']} ({case['received_at']})"
    else:
        yield "aware", case["aware_at"] or "not yet decided: the countdown is provisional until somebody confirms"
        yield "role, risk", f"{case['role']}, {case['risk'] or 'not decided'}"
    for clock in case["clocks"]:
        yield f"clock {clock['regime']} {clock['step']}", _clock_text(clock, now)
    for sent in case["notices"]:
        reference = f", reference {sent['reference']}" if sent["reference"] else ""
        yield f"told {sent['clock']}", f"{sent['phase']}, {sent['at']}{reference}"
    for task in case["tasks"]:
        due = f"done {task['done_at']}" if task["done_at"] else f"due {task['due_at']}" if task["due_at"] else "open"
        yield f"task {task['number']}", due
    yield from _fate(case)


def _fate(case: CaseRow) -> Iterator[tuple[str, str]]:
    if case["merged_into"]:
        yield "goes on as", case["merged_into"]
    if case["held_at"]:
        yield "held since", case["held_at"]
    if case["destroyed_at"]:
        yield "evidence", f"destroyed {case['destroyed_at']}"
    if case["split_from"]:
        yield "split from", case["split_from"]
    if case["absorbed"]:
        yield "holds", ", ".join(case["absorbed"])


def _clock_text(clock: ClockRow, now: Micros) -> str:
    kind = "provisional" if clock["provisional"] else "final"
    kind += "" if clock.get("legal", True) else ", an inner target: the law names no number"
    wide = "the statute" if "due_on" in clock else "Regulation 1182/71"
    notes = [
        text
        for key, text in (
            ("due_on", f"on {clock.get('due_on')} of the local calendar"),
            ("outer_limit_at", f"{wide} read widely: {clock.get('outer_limit_at')}"),
            ("contested_limit_at", f"contested: {clock.get('contested_limit_at')}"),
            ("note", clock.get("note", "")),
        )
        if key in clock
    ]
    return f"{countdown(clock, now)} until {clock['deadline_at']} ({'; '.join([kind, *notes])})"


def sections(detail: CaseDetail) -> Iterator[Section]:
    """The tables of a case: (heading, column headings, rows); empty ones are left out."""
    shown, total = len(detail["evidence"]), detail["evidence_total"]
    evidence = "evidence" if shown == total else f"evidence (first {shown} of {total})"
    rating = detail["severity"]
    bands = " to ".join(dict.fromkeys((rating["bands"][0], rating["bands"][-1])))
    tables: list[Section] = [
        (
            "findings",
            ("fired (UTC)", "level", "rule", "value #", "people #", "finding"),
            [
                (
                    row["fired_at"],
                    row["level"],
                    row["rule"],
                    f"{row['value']:,}",
                    _number(row["subjects"]),
                    row["finding"][:_ID_SHOWN],
                )
                for row in detail["findings"]
            ],
        ),
        (
            "why",
            ("finding", "in what it is unusual"),
            [(row["finding"][:_ID_SHOWN], "; ".join(row["because"])) for row in detail["findings"] if row["because"]],
        ),
        (
            f"severity, suggested by ENISA's method: {bands}\n{rating['arithmetic']}",
            ("factor", "value #", "why"),
            [(row["name"], _value(row), row["why"]) for row in rating["factors"]],
        ),
        (evidence, ("file", "records #", "from byte #", "to byte #"), list(_places(detail["evidence"]))),
        (
            _collection_heading(detail["collection"]),
            ("source", "records #", "KiB #", "looked through until (UTC)", "left out"),
            list(_collected(detail["collection"])),
        ),
        (
            "messages",
            ("occasion", "channel", "state", "attempts #", "taken (UTC)"),
            [
                (row["key"], row["channel"], row["state"], str(row["attempts"]), row["sent_at"] or "")
                for row in detail["messages"]
            ],
        ),
        (
            "timeline",
            ("when (UTC)", "who", "what", "reason"),
            [(_when(row["at"]), row["who"], row["act"].removeprefix("case."), _why(row)) for row in detail["timeline"]],
        ),
    ]
    return (table for table in tables if table[2])


def _places(found: Sequence[EvidenceRow]) -> Iterator[tuple[str, ...]]:
    """One row a file: how many records of it, and between which bytes they stand."""
    for path in dict.fromkeys(row["path"] for row in found):
        here = [row for row in found if row["path"] == path]
        ends = max(row["offset"] + row["length"] for row in here)
        yield path, f"{len(here):,}", str(min(row["offset"] for row in here)), str(ends)


def _collection_heading(found: CollectionRow | None) -> str:
    if found is None:
        return ""
    again = f"; again {found['due_at']}" if found["due_at"] else ""
    return f"collected around it, {found['since']} to {found['until']}{again}"


def _collected(found: CollectionRow | None) -> Iterator[tuple[str, ...]]:
    for row in found["sources"] if found else ():
        cut = f"what is above the limit of {row['cut']}" if row["cut"] else ""
        left_out = "; ".join([*([cut] if cut else []), *row["unread"]])
        yield row["source"], f"{row['records']:,}", f"{-(-row['bytes'] // 1024):,}", row["reached"] or "", left_out


def _value(row: FactorRow) -> str:
    return f"{row['low']:g} to {row['high']:g}" if row["value"] is None else f"{row['value']:g}"


_ID_SHOWN = 14
"""Of a finding's id: enough for `sentinel case split` to know which one is meant."""

_SAID = ("field", "risk", "role", "clock", "phase", "code", "reference", "regime", "task", "into", "owner", "known_by")
"""What the timeline says of a move beside its reason."""


def _why(row: TimelineRow) -> str:
    detail = row["detail"] or {}
    said = ", ".join(f"{name} {detail[name]}" for name in _SAID if detail.get(name))
    return f"{row['reason']} ({said})" if said and row["reason"] else said or row["reason"]


def _when(text: str) -> str:
    return f"{text[:10]} {text[11:19]}"


def changes(before: Mapping[str, CaseRow], after: Iterable[CaseRow]) -> Iterator[str]:
    """One sentence for each case that is new or stands differently than before."""
    for case in after:
        known = before.get(case["id"])
        if known is None:
            yield f"{case['id']} [{case['level']}] is {case['state']}: {case['title']}"
        elif known["state"] != case["state"]:
            yield f"{case['id']} is {case['state']}, it was {known['state']}"
        elif known["level"] != case["level"]:
            yield f"{case['id']} is of level {case['level']}, it was {known['level']}"
        elif known["subjects"] != case["subjects"]:
            yield f"{case['id']} concerns {_number(case['subjects'])} people, it was {_number(known['subjects'])}"


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def who(key: Mapping[str, str]) -> str:
    """The key of a case; a pseudonym says itself of which field it is."""
    return ", ".join(value if value.startswith(name) else f"{name} {value}" for name, value in key.items())

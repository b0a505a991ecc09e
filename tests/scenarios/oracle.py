"""What replay must find in a ward log, worked out the slow way: every line by a regular expression, every window by
looking at all of a person's reads. It shares nothing with the engine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

_LINE = re.compile(rb'^\S+ - (\S+) \[([^\]]+)\] "GET /api/patients/([0-9]+) HTTP/1\.1" 200 [0-9]+ "[^"]*" "[^"]*"$')


@dataclass(frozen=True, slots=True)
class Read:
    at: int
    who: str
    patient: str
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Expected:
    rule: str
    who: str
    fired_at: str
    first_seen: str
    value: int
    subjects: int
    evidence: tuple[tuple[int, int], ...]
    evidence_total: int


def reads(path: Path) -> list[Read]:
    """Every read of a patient's record in the log, in the order of the lines."""
    found, offset = [], 0
    with path.open("rb") as log:
        for line in log:
            match = _LINE.match(line.rstrip(b"\n"))
            if match is not None:
                who, written, patient = (part.decode() for part in match.groups())
                moment = datetime.strptime(written, "%d/%b/%Y:%H:%M:%S %z")
                found.append(Read(int(moment.timestamp()), who, patient, offset, len(line) - 1))
            offset += len(line)
    return found


def expected(path: Path) -> set[Expected]:
    """Every finding of the two rules."""
    by_person: dict[str, list[Read]] = {}
    for read in reads(path):
        by_person.setdefault(read.who, []).append(read)
    found: set[Expected] = set()
    for who, own in by_person.items():
        found |= _episodes("many_patients", who, own, 600, 50, distinct=True)
        found |= _episodes("many_reads", who, own, 3600, 200, distinct=False)
    return found


def _episodes(rule: str, who: str, own: list[Read], span: int, threshold: int, *, distinct: bool) -> set[Expected]:
    found: set[Expected] = set()
    held_at: int | None = None
    for number, read in enumerate(own):
        window = [each for each in own[max(0, number - 2000) : number + 1] if read.at - span < each.at <= read.at]
        patients = {each.patient for each in window}
        value = len(patients) if distinct else len(window)
        if value < threshold:
            continue
        if held_at is None or read.at - held_at >= span:
            evidence = tuple((each.offset, each.length) for each in window[:100])
            first = _written(window[0].at)
            found.add(Expected(rule, who, _written(read.at), first, value, len(patients), evidence, len(window)))
        held_at = read.at
    return found


def _written(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

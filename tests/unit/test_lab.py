"""The laboratory itself: what it writes is the same each time, is what it says it is, and is counted fairly."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from sentinel import formats
from sentinel.clock import DAY, HOUR
from sentinel.formats.base import FormatOptions
from sentinel.model import Evidence, Finding, Level, Mode
from tests.lab import __main__ as lab
from tests.lab import everyday, people
from tests.lab.acts import Log
from tests.lab.plants import STRENGTHS
from tests.lab.score import DECIDED, score, table
from tests.lab.shape import BUILDING, FAMILIES, RESERVED, ROLES, SMALL
from tests.lab.traffic import write
from tests.lab.truth import Entry, Truth

T0 = SMALL.scored_from
WHERE = {
    "portal": {Log.PORTAL}, "staff": {Log.PORTAL}, "messaging": {Log.PORTAL}, "database": {Log.DATABASE},
    "records": {Log.PORTAL},
}  # fmt: skip
"""Which of these logs tells of the work in a system; who works in the records looks into the portal now and then."""


@pytest.fixture(scope="module")
def organisation(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("lab")
    return folder, write(SMALL, folder)


def digest(folder: Path) -> str:
    found = hashlib.sha256()
    for name in (*(f"{log}.log" for log in Log), "truth.json"):
        found.update((folder / name).read_bytes())
    return found.hexdigest()


def lines(folder: Path, log: Log) -> list[bytes]:
    return (folder / f"{log}.log").read_bytes().splitlines(keepends=True)


def stamps(folder: Path, log: Log) -> list[str]:
    return [
        json.loads(line)["@timestamp"]
        for line in lines(folder, log)
        if line.startswith(b'{"@timestamp":"') and not line.startswith(b'{"@timestamp":"2031')
    ]


def test_the_same_shape_gives_the_same_bytes(organisation: tuple[Path, Truth], tmp_path: Path) -> None:
    write(SMALL, tmp_path)
    assert digest(tmp_path) == digest(organisation[0])


def test_another_seed_gives_other_bytes(organisation: tuple[Path, Truth], tmp_path: Path) -> None:
    write(replace(SMALL, seed=6, staff=20, weeks=1, learning=0, holidays=(3,)), tmp_path)
    assert digest(tmp_path) != digest(organisation[0])


def test_every_family_is_planted_at_every_strength(organisation: tuple[Path, Truth]) -> None:
    found = Counter((entry.family, entry.strength) for entry in organisation[1].entries if entry.is_incident)
    assert len({family for family, _ in found}) == 13
    assert all(found[family, strength] for family, _ in found for strength in STRENGTHS)


def test_every_plant_has_lines_and_only_silence_has_none(organisation: tuple[Path, Truth]) -> None:
    without = {entry.kind for entry in organisation[1].entries if not entry.places}
    assert without == {"silence"}


def test_the_truth_says_where_lines_begin_and_what_they_say(organisation: tuple[Path, Truth]) -> None:
    folder, truth = organisation
    content = {str(log): (folder / f"{log}.log").read_bytes() for log in Log}
    for entry in truth.entries:
        for log, offset in entry.places:
            assert offset == 0 or content[log][offset - 1 : offset] == b"\n"
            line = content[log][offset : content[log].index(b"\n", offset)].decode()
            assert entry.family in ("leakage", "watch", "near") or any(name in line for name in entry.keys)


def test_plants_lie_after_the_weeks_of_learning_and_before_the_end(organisation: tuple[Path, Truth]) -> None:
    truth = organisation[1]
    assert all(truth.scored_from - HOUR <= entry.begin <= entry.end <= truth.ends + DAY for entry in truth.entries)


def test_nobody_has_a_part_in_two_slow_incidents_of_the_same_kind(organisation: tuple[Path, Truth]) -> None:
    actors = [entry.keys for entry in organisation[1].entries if entry.kind == "ward_reader"]
    assert len(set(actors)) == len(actors)


def test_who_changes_role_does_the_new_work_from_that_day_and_less_of_it_at_first() -> None:
    shape = replace(SMALL, staff=400, changers=0.4, learning=0, holidays=())
    changed = [
        each for each in people.organisation(shape).people if each.becomes is not None and each.moves is not None
    ]
    assert len(changed) > 100
    whole = people.organisation(shape)
    other = [each for each in changed if each.becomes and each.becomes.system != each.role.system]
    assert other
    for person in other:
        assert person.moves is not None
        days = range(max(0, person.moves - 3), min(person.moves + 3, shape.days))
        for day in days:
            system = person.on(day).role.system
            assert system == (person.becomes if day >= person.moves else person.role).system  # type: ignore[union-attr]
            logs = {act.log for act in everyday.of_day(whole, person, day)} & {Log.PORTAL, Log.DATABASE}
            assert logs <= WHERE[system], (person.role.name, system)
    assert person.days_in_role(person.moves or 0) == 0


def test_nobody_with_a_part_in_an_incident_changes_role() -> None:
    whole = people.organisation(replace(SMALL, staff=400, changers=0.4))
    assert all(each.becomes is None for each in whole.of(*ROLES))


def test_a_walk_over_a_list_of_work_meets_few_of_the_records_that_are_watched() -> None:
    staff = [each.patient for each in people.organisation(BUILDING).people if each.patient is not None]
    back = pow(7919, -1, 899_981)
    for watched in (staff, people.VIPS):
        places = sorted((each - 100_000) * back % 899_981 for each in watched)
        assert people.spread(places[0]) in watched
        assert all(later - earlier > 3000 for earlier, later in zip(places, places[6:], strict=False))


def test_the_week_and_the_day_have_their_seasons(organisation: tuple[Path, Truth]) -> None:
    found = stamps(organisation[0], Log.RECORDS)
    people = [
        each for each, line in zip(found, lines(organisation[0], Log.RECORDS), strict=False) if b"svc-" not in line
    ]
    days = Counter(each[:10] for each in people)
    assert days["2026-03-07"] < days["2026-03-04"] / 2
    assert days["2026-03-12"] < days["2026-03-11"] * 0.8  # a holiday
    hours = Counter(int(each[11:13]) for each in people)
    assert hours[10] > 3 * hours[3]


def test_lines_are_late_by_less_than_a_rule_waits_for(organisation: tuple[Path, Truth]) -> None:
    newest, late = "", 0
    for each in stamps(organisation[0], Log.RECORDS):
        late += each < newest
        newest = max(newest, each)
    assert 0 < late < 0.05 * organisation[1].lines["records"]


def test_what_is_written_can_be_read_but_for_the_nonsense(organisation: tuple[Path, Truth]) -> None:
    folder, truth = organisation
    nonsense = sum(len(entry.places) for entry in truth.entries if entry.kind == "nonsense")
    json_lines = formats.make("json", FormatOptions())
    broken = 0
    for line in lines(folder, Log.RECORDS):
        try:
            json.loads(line)
        except ValueError:
            broken += 1
    assert json_lines is not None
    assert nonsense <= broken <= nonsense * 1.1


def test_the_reserved_family_differs_in_seed_and_shape() -> None:
    assert FAMILIES["reserved"] is RESERVED
    assert RESERVED.staff == 2000
    assert RESERVED.weeks - RESERVED.learning == 4
    differing = [name for name in BUILDING.__slots__ if getattr(BUILDING, name) != getattr(RESERVED, name)]
    assert {"seed", "roles", "holidays", "drift", "personal_spread", "partners", "trips"} <= set(differing)


# --- counting --------------------------------------------------------------------------------------------------------


def truth(*entries: Entry) -> Truth:
    return Truth("small", 1000, T0, T0 + 14 * DAY, {}, entries)


def incident(name: str, at: int, strength: str = "strong", offset: int = 10, key: str = "kim") -> Entry:
    return Entry(
        f"bulk/{name}/{strength}/0", "bulk", name, strength, (key,), at, at + HOUR, (("records", offset),), (at,)
    )


def finding(at: int, *, name: str = "kim", offset: int = 999, rule: str = "bulk", begins: int | None = None) -> Finding:
    return Finding(
        id="f_1",
        rule=rule,
        rule_id=None,
        title="",
        level=Level.HIGH,
        mode=Mode.ENFORCE,
        group=(("access.actor", name),),
        case_key=(("access.actor", name),),
        first_seen=at if begins is None else begins,
        last_seen=at,
        fired_at=at,
        digits=0,
        value=1,
        subjects=None,
        source="records",
        evidence=(Evidence("records", 1, "records.log", offset, 5),),
        evidence_total=1,
    )


def test_a_finding_with_a_record_of_the_incident_finds_it() -> None:
    figures = score([finding(T0 + HOUR, name="lee", offset=10)], truth(incident("a", T0)))
    assert figures.recall("bulk", "strong") == (1, 1)
    assert figures.delays(None) == [HOUR]
    assert figures.false == []


def test_a_finding_about_the_same_person_counts_only_while_the_incident_has_lines_in_it() -> None:
    within = score([finding(T0 + HOUR, begins=T0 - HOUR)], truth(incident("a", T0)))
    after = score([finding(T0 + 2 * HOUR, begins=T0 + HOUR)], truth(incident("a", T0)))
    assert within.recall(None, "strong") == (1, 1)
    assert after.recall(None, "strong") == (0, 1)
    assert len(after.false) == 1


def test_false_cases_are_counted_a_week_for_a_thousand_staff_and_one_key_is_one_case_for_three_days() -> None:
    found = [finding(T0 + HOUR), finding(T0 + 2 * HOUR), finding(T0 + HOUR + DECIDED + 1), finding(T0, name="lee")]
    assert score(found, truth()).false_a_week == 1.5
    assert score([finding(T0 - HOUR)], truth()).false_a_week == 0


def test_a_near_miss_that_opens_a_case_is_hit_and_false() -> None:
    figures = score([finding(T0, offset=10)], truth(incident("a", T0, "near")))
    assert figures.near_hit == (1, 1)
    assert len(figures.false) == 1


def test_a_finding_that_opens_no_case_counts_for_nothing() -> None:
    quiet = replace(finding(T0, offset=10), opens_case=False)
    figures = score([quiet], truth(incident("a", T0)))
    assert figures.recall(None, "strong") == (0, 1)
    assert figures.missed() == {"bulk/a/strong": 1}


def test_the_table_has_a_row_a_family_and_the_totals() -> None:
    figures = score([finding(T0, offset=10)], truth(incident("a", T0), incident("b", T0, "weak", 20, "lee")))
    said = table({"all rules": figures})
    assert "| bulk | 1.00 (1/1) |  | 0.00 (0/1) | 0 min | 0 min |" in said
    assert "| false cases a week for 1,000 staff | 0.0 |" in said


def test_the_rules_see_the_loudest_of_a_small_organisation(organisation: tuple[Path, Truth]) -> None:
    folder, known = organisation
    book, findings = lab.watched(folder)
    figures = lab.scores(book, findings, known)["all rules"]
    assert "bulk/counter_reader/strong/0" in figures.detected
    assert figures.recall(None, "strong")[0] >= 3

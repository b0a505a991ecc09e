"""The whole: weeks of an organisation's life with what is planted in it, day by day, and the folder that watches it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

from sentinel.clock import DAY, Micros
from tests.lab import attacks, everyday, failures, insiders, machines, near_misses
from tests.lab.acts import Act
from tests.lab.people import VIPS, Organisation, organisation
from tests.lab.plants import STRENGTHS, Plant, Stage, planted
from tests.lab.render import database_name
from tests.lab.shape import Shape
from tests.lab.truth import Truth, truth_of
from tests.lab.writing import Writer

WATCH = Path(__file__).parent / "watch"
"""The configuration, the inventory and the exceptions with which the organisation is watched."""

FAMILIES = {**insiders.FAMILIES, **attacks.FAMILIES, **failures.FAMILIES}


def plants(whole: Organisation) -> list[Plant]:
    """Every incident at every strength, and every near miss, so many times as the shape says."""
    shape = whole.shape
    stage = Stage(whole, Random(shape.seed * 31), set())
    found = []
    for number in range(shape.plants):
        for strength, name in enumerate(STRENGTHS):
            stage.strength = strength
            for family, makers in FAMILIES.items():
                found += [planted(stage, family, maker, name, number) for maker in makers]
        stage.strength = 0
        found += [planted(stage, "near", maker, "near", number) for maker in near_misses.ALL]
    return found


def days(whole: Organisation, planned: list[Plant]) -> Iterator[tuple[list[Act], Micros]]:
    """What happens each day, and when the day ends. Acts of a night may be after that end."""
    shape = whole.shape
    by_day: dict[int, list[Act]] = {}
    for plant in planned:
        for act in plant.acts:
            by_day.setdefault((act.time - shape.first) // DAY, []).append(act)
    cuts = [plant.silence for plant in planned if plant.silence is not None]
    for day in range(shape.days):
        acts = [act for person in whole.people for act in everyday.of_day(whole, person, day)]
        acts += machines.of_day(whole, day)
        acts = machines.with_outage(whole, day, acts) + by_day.get(day, [])
        for log, begin, end in cuts:
            if begin // DAY <= shape.first // DAY + day <= end // DAY:
                acts = [act for act in acts if act.log != log or act.plant or not begin <= act.time < end]
        yield acts, shape.first + (day + 1) * DAY


def write(shape: Shape, folder: Path) -> Truth:
    """The four logs, the watch and the truth, as files in the folder."""
    whole = organisation(shape)
    planned = plants(whole)
    watch(whole, folder)
    writer = Writer(folder, shape)
    for acts, until in days(whole, planned):
        writer.write(acts, until)
    writer.close()
    truth = truth_of(shape, planned, writer.planted, writer.lines)
    (folder / "truth.json").write_text(truth.to_json(), encoding="utf-8")
    return truth


def watch(whole: Organisation, folder: Path) -> None:
    """What the operator of the organisation has written: configuration, inventory, identities, exceptions, lists."""
    shutil.copytree(WATCH, folder, dirs_exist_ok=True)
    people = [f"{json.dumps(each.name)}: [{json.dumps(database_name(each.name))}]" for each in whole.people]
    (folder / "people.yaml").write_text("\n".join(people) + "\n", encoding="utf-8")
    lists = folder / "lists"
    lists.mkdir(exist_ok=True)
    records = [str(each.patient) for each in whole.people if each.patient is not None]
    (lists / "vips.txt").write_text("\n".join(map(str, VIPS)) + "\n", encoding="utf-8")
    holidays = [str(whole.shape.begin + timedelta(days=day)) for day in whole.shape.holidays]
    (lists / "holidays.txt").write_text("\n".join(holidays) + "\n", encoding="utf-8")
    (lists / "staff_records.txt").write_text("\n".join(records) + "\n", encoding="utf-8")

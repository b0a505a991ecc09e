"""What a baseline costs: processor time for each event that it learns from, and bytes of state for each person.

Forty people read for four weeks, eight hours a day, about thirty people's data an hour. The same counting is done
without a baseline, with one that only learns, and with one whose threshold is reached each hour and that finds it
usual. Of each the best of fourteen days is taken, once two weeks are known: other work on the machine only ever adds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

_PROGRAM = """
import json, time
from random import Random
from sentinel.clock import DAY, HOUR
from sentinel.detect.lane import Match
from sentinel.model import Event
from tests.detecting import NOON, a_block, an_engine, correlation, detection, rules_of

random, block, begin = Random(1), a_block(b"{}\\n"), NOON - NOON % DAY
people = [f"kim{number}" for number in range(40)]

def a_day(day):
    times = sorted(begin + day * DAY + 8 * HOUR + random.randrange(8 * HOUR) for _ in range(250 * len(people)))
    return [
        Match(Event(fields, at, 6, block, 0, 2), (), (0,))
        for at in times
        for fields in [{"who": random.choice(people), "whose": f"p{random.randrange(100_000)}"}]
    ]

def an_engine_with(least, baseline):
    more = {"sentinel": {"baseline": baseline}} if baseline is not None else {}
    rule = correlation("many", ["base"], {"field": "whose", "gte": least}, timespan="1h", **more)
    engine = an_engine(rules_of(detection("base", {"selection": {"x": "y"}}), rule))
    engine.streams.note("app", 1, "app.log")
    return engine

ways = {
    "plain": an_engine_with(10_000, None),
    "learns": an_engine_with(10_000, {"cold_start": "silent"}),
    "judges": an_engine_with(20, {"cold_start": "silent"}),
}
spent = {name: [] for name in ways}
for day in range(28):
    matches = a_day(day)
    for name, engine in ways.items():
        begun = time.process_time()
        engine.correlate(matches, None)
        spent[name].append((time.process_time() - begun) / len(matches) * 1e6)
        engine.counting.journal.__init__()
[judge] = ways["judges"].judges.of_rule["many"]
sizes = [8 + len(judge.pack(cell)) for cell in judge.cells.values()]
print(json.dumps({name: min(each[14:]) for name, each in spent.items()} | {"bytes": max(sizes)}))
"""


def rows() -> list[tuple[str, str]]:
    """What was measured, and the figure with its unit."""
    ran = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, check=True, cwd=ROOT)
    said: dict[str, float] = json.loads(ran.stdout)
    plain = said["plain"]
    return [
        ("counting an event without a baseline", f"{plain:.2f} us"),
        ("a baseline that learns, for each event besides", f"{said['learns'] - plain:.2f} us"),
        ("a baseline that judges each of them too", f"{said['judges'] - plain:.2f} us"),
        ("state of a baseline for each person, at most, with its key", f"{said['bytes']:.0f} bytes"),
    ]


if __name__ == "__main__":
    print("\n".join(f"{what}: {figure}" for what, figure in rows()))

"""The acts as log files: in the order in which they were written, some late, some twice, one machine's clock off.

It notes where the lines of each planted incident and near miss stand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import BinaryIO

from sentinel.clock import SECOND, Micros
from tests.lab.acts import Act, Log
from tests.lab.render import line
from tests.lab.shape import Shape


@dataclass(slots=True)
class Planted:
    """The lines of one plant: log and offset of each, and the times they say."""

    places: list[tuple[str, int]] = field(default_factory=list)
    times: list[Micros] = field(default_factory=list)


class Writer:
    """The four files. Give it the acts in stretches of time, one after the other."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self._shape = shape
        self._random = Random(shape.seed)
        self._files: dict[Log, BinaryIO] = {log: (folder / f"{log}.log").open("wb") for log in Log}
        self._offsets = dict.fromkeys(Log, 0)
        self._waiting: list[tuple[Micros, int, Act]] = []
        self._number = 0
        self.planted: dict[str, Planted] = {}
        self.lines = dict.fromkeys(Log, 0)

    def write(self, acts: Iterable[Act], until: Micros) -> None:
        """Take the acts, and write whatever was written before `until`."""
        late, repeated, draw = self._shape.late, self._shape.repeated, self._random.random
        waiting = self._waiting
        for act in acts:
            self._number += 1
            delay = int(draw() * 25 * SECOND) if draw() < late else 0
            waiting.append((act.time + delay, self._number, act))
            if draw() < repeated:
                waiting.append((act.time + delay + SECOND, -self._number, act))
        waiting.sort(key=lambda each: each[:2])
        parts: dict[Log, list[bytes]] = {log: [] for log in Log}
        number = 0
        for moment, _, act in waiting:
            if moment >= until:
                break
            number += 1
            self._add(act, parts[act.log])
        del waiting[:number]
        for log, lines in parts.items():
            self.lines[log] += len(lines)
            self._files[log].write(b"".join(lines))

    def close(self) -> None:
        """Write what is left, and close the files."""
        self.write((), 1 << 62)
        for file in self._files.values():
            file.close()

    def _add(self, act: Act, lines: list[bytes]) -> None:
        skew = self._shape.skew if act.log is Log.DATABASE else 0
        text = line(act, skew).encode()
        if act.plant is not None:
            known = self.planted.setdefault(act.plant, Planted())
            known.places.append((str(act.log), self._offsets[act.log]))
            known.times.append(act.time + skew)
        self._offsets[act.log] += len(text)
        lines.append(text)

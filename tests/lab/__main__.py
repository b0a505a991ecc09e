"""Runs the laboratory: writes an organisation's weeks, lets the shipped rules read them, and says what they saw.

`make lab` runs it on the reserved organisation and writes the table into docs/detection.md. While you build,
`python -m tests.lab building [STAFF]` prints the same of the other one, with what was missed and who was wrong.
"""

from __future__ import annotations

import gc
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sentinel.commands import inputs
from sentinel.detect.lane import Purpose
from sentinel.detect.rules import About
from sentinel.model import Finding
from sentinel.rulebook import Rulebook
from sentinel.scenarios import Replay
from tests.lab.acts import Log
from tests.lab.score import Score, score, table
from tests.lab.shape import FAMILIES, RESERVED, Shape
from tests.lab.traffic import write
from tests.lab.truth import Truth

PAGE = Path(__file__).parents[2] / "docs" / "detection.md"
BEGIN, END = "<!-- make lab -->\n", "<!-- end of make lab -->"
LEARNED = frozenset({"baseline", "first_seen", "travel"})
"""Keys of the `sentinel:` map with which a rule knows what is usual; a rule without them has fixed thresholds."""


def watched(folder: Path) -> tuple[Rulebook, list[Finding]]:
    """What the rules find in the folder's logs, read by the configuration in it, as `sentinel replay` does."""
    files = [str(folder / f"{log}.log") for log in Log]
    gathered = inputs.gather(inputs.Wishes(files, folder / "sentinel.yaml"))
    assert not gathered.has_errors, gathered.problems
    engine = gathered.book.engine([], b"laboratory", Purpose(keeps_state=False))
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    run = Replay(engine, gathered.logs)
    found = list(run)
    assert not run.troubles
    return gathered.book, found


def learned(book: Rulebook) -> frozenset[str]:
    """The rules that know what is usual."""
    return frozenset(about.key for about in abouts(book) if LEARNED & set(about.source.get("sentinel", {})))


def abouts(book: Rulebook) -> Iterator[About]:
    """Every rule of the book."""
    yield from (rule.about for rule in book.rules.detections)
    yield from (rule.about for rule in book.rules.correlations)


def scores(book: Rulebook, findings: list[Finding], truth: Truth) -> dict[str, Score]:
    """All rules, and beside them those with fixed thresholds alone."""
    usual = learned(book)
    return {
        "all rules": score(findings, truth),
        "fixed thresholds": score(findings, truth, lambda finding: finding.rule not in usual),
    }


def main(arguments: list[str]) -> int:
    """`[FAMILY [STAFF]]`: the reserved one unless said otherwise; only that one is written into the page."""
    shape = FAMILIES[arguments[0]] if arguments else RESERVED
    if len(arguments) > 1:
        shape = replace(shape, staff=int(arguments[1]))
    with tempfile.TemporaryDirectory(prefix="sentinel-lab-") as place:
        folder = Path(place)
        begun = time.process_time()
        truth = write(shape, folder)
        written = time.process_time()
        book, findings = watched(folder)
        read = time.process_time()
    figures = scores(book, findings, truth)
    said = table(figures)
    print(said)
    print(f"{sum(truth.lines.values()):,} lines written in {written - begun:.0f} s, read in {read - written:.0f} s")
    if arguments:
        _details(figures["all rules"])
    else:
        _write(shape, truth, said, sum(1 for _ in abouts(book)))
    return 0


def _details(figure: Score) -> None:
    print("\nfalse cases by rule:")
    for rule, number in figure.false_by_rule().most_common():
        print(f"  {number:5} {rule}")
    print("\nmissed:")
    for kind, number in sorted(figure.missed().items()):
        print(f"  {number:3} {kind}")
    print("\nnear misses hit:")
    for entry in figure.truth.entries:
        if not entry.is_incident and entry.id in figure.detected:
            print(f"  {entry.id}")


def _write(shape: Shape, truth: Truth, said: str, rules: int) -> None:
    """Put the table between the marks of the page."""
    page = PAGE.read_text(encoding="utf-8")
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    about = (
        f"{shape.staff:,} staff, {shape.weeks} weeks of which {shape.learning} are for learning, "
        f"{sum(truth.lines.values()):,} lines, {sum(entry.is_incident for entry in truth.entries)} incidents, "
        f"{rules} rules.\n\n"
    )
    PAGE.write_text(f"{head}{BEGIN}\n{about}{said}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

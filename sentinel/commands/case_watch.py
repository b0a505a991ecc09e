"""`sentinel case watch`: the countdowns on a terminal, ticking; or one line for each change."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

from rich.live import Live
from rich.table import Table
from rich.text import Text

from sentinel.acts import CaseRow
from sentinel.clock import Micros, SystemClock
from sentinel.commands import case_view
from sentinel.commands.output import console, safe

_ASK_SECONDS = 2.0
_TICK_SECONDS = 0.25


def watch_cases(read: Callable[[], list[CaseRow]]) -> None:
    """Show the cases until Ctrl-C. What `read` raises ends it."""
    clock, never = SystemClock(), threading.Event()
    if not sys.stdout.isatty():
        before: dict[str, CaseRow] = {}
        while True:
            cases = read()
            for line in case_view.changes(before, cases):
                console().print(safe(line))
            sys.stdout.flush()
            before = {case["id"]: case for case in cases}
            clock.wait(_ASK_SECONDS, never)
    with Live(console=console(), refresh_per_second=4, screen=False, transient=False) as live:
        while True:
            cases, asked_at = read(), clock.now()
            while clock.now() - asked_at < _ASK_SECONDS * 1_000_000:
                live.update(table(cases, clock.now(), narrow=live.console.width < case_view.NARROW))
                clock.wait(_TICK_SECONDS, never)


def table(cases: list[CaseRow], now: Micros, *, narrow: bool = False) -> Table:
    """The cases as a coloured table; `narrow` for a terminal of eighty columns."""
    headings, row = case_view.HEADINGS, case_view.list_row
    if narrow:
        headings, row = case_view.NARROW_HEADINGS, case_view.narrow_row
    shown = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0), title_justify="left")
    for heading in headings:
        shown.add_column(heading.rstrip("# "), justify="right" if heading.endswith("#") else "left")
    for case in cases:
        cells = [Text(safe(cell)) for cell in row(case, now)]
        cells[1].stylize(case_view.level_style(case["level"]))
        cells[3].stylize(case_view.urgency_style(case_view.first_clock(case), now))
        shown.add_row(*cells)
    return shown

"""How the demo looks: one screen from one value, and the same facts as plain lines.

Rule of this file: it only draws; what is true is in the `Scene` it is given.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.align import Align
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sentinel.acts import CaseRow, ClockRow
from sentinel.clock import SECOND, Micros
from sentinel.commands import case_view
from sentinel.commands.demo_numbers import Numbers
from sentinel.commands.demo_stage import Message
from sentinel.commands.output import safe
from sentinel.commands.traffic import INSIDER

WIDEST = 100

_SYSTEMS = {"portal": "patient portal (nginx)", "ehr": "health record (JSON)"}

_DIGITS = {
    "0": ("█▀█", "█ █", "▀▀▀"),
    "1": ("▀█ ", " █ ", "▀▀▀"),
    "2": ("▀▀█", "█▀▀", "▀▀▀"),
    "3": ("▀▀█", " ▀█", "▀▀▀"),
    "4": ("█ █", "▀▀█", "  ▀"),
    "5": ("█▀▀", "▀▀█", "▀▀▀"),
    "6": ("█▀▀", "█▀█", "▀▀▀"),
    "7": ("▀▀█", "  █", "  ▀"),
    "8": ("█▀█", "█▀█", "▀▀▀"),
    "9": ("█▀█", "▀▀█", "▀▀▀"),
    ":": (" ", "▀", "▀"),
    "-": ("  ", "▀▀", "  "),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that the screen shows. `noticed_after` is how many patients the insider had read when the message arrived."""

    now: Micros
    started: Micros
    rules: int = 0
    written: int = 0
    read: int = 0
    patients: int = 300
    numbers: Numbers = field(default_factory=Numbers)
    cases: Sequence[CaseRow] = ()
    messages: Sequence[Message] = ()
    noticed_after: int | None = None
    commands: Sequence[tuple[str, str]] = ()


def screen(scene: Scene, width: int) -> RenderableType:
    """The whole screen, for a terminal of that width."""
    width = min(width, WIDEST)
    quiet = Align.center(Text("no case is open", style="dim"))
    parts: list[RenderableType] = [
        _panel(_header(scene), width, "", "cyan"),
        _watch(scene, width),
        _panel(_insider(scene), width, "what only the demo knows", "dim"),
    ]
    parts += [_panel(_case(case, scene.now), width, "breach case", "red") for case in scene.cases[:2]]
    parts += [] if scene.cases else [_panel(quiet, width, "breach case", "dim")]
    parts += [_panel(_messages(scene), width, "delivered by webhook", "green")] if scene.messages else []
    return Group(*parts, _commands(scene))


def _panel(content: RenderableType, width: int, title: str, border: str, height: int | None = None) -> Panel:
    return Panel(content, title=title or None, title_align="left", width=width, height=height, border_style=border)


def _header(scene: Scene) -> RenderableType:
    grid = Table.grid(expand=True)
    grid.add_column()
    grid.add_column(justify="right")
    elapsed = (scene.now - scene.started) // SECOND
    grid.add_row(
        Text.assemble(("Sentinel", "bold cyan"), "  the real daemon on live traffic of an invented hospital"),
        Text(f"{elapsed // 60:02}:{elapsed % 60:02}", style="bold"),
    )
    return grid


def _watch(scene: Scene, width: int) -> RenderableType:
    numbers = scene.numbers
    sources = sorted((numbers.by_source or {}).items(), reverse=True)
    left = _facts(
        ("lines judged", f"{numbers.lines:,}", f"{numbers.lines_per_second:,.0f}/s"),
        ("accesses to people's data", f"{numbers.accesses:,}", f"{numbers.accesses_per_second:,.0f}/s"),
        ("findings", f"{numbers.findings:,}", f"{scene.rules} rules"),
        ("candidates", f"{numbers.candidates_share:.1%}", "of lines"),
    )
    right = _facts(
        *((_SYSTEMS.get(name, name), f"{rate:,.0f}/s", "") for name, rate in sources),
        ("not yet judged", _bytes(numbers.unread), ""),
        ("processor and memory", f"{numbers.processor_share:.0%}", _bytes(numbers.memory)),
    )
    panels = [
        _panel(left, width // 2, "the watch", "blue", height=6),
        _panel(right, width - width // 2, "its sources", "blue", height=6),
    ]
    return Columns(panels, padding=0)


def _facts(*rows: tuple[str, str, str]) -> Table:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(justify="right", style="bold", no_wrap=True, min_width=7)
    grid.add_column(style="dim", no_wrap=True)
    for row in rows:
        grid.add_row(*row)
    return grid


def _insider(scene: Scene) -> RenderableType:
    if scene.read == 0:
        return Text.assemble((INSIDER, "bold"), ("  works as everybody else does, so far", "dim"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column(width=34)
    grid.add_column(no_wrap=True)
    noticed = "not noticed yet" if scene.noticed_after is None else f"noticed after {scene.noticed_after}"
    bar = ProgressBar(total=scene.patients, completed=scene.read, complete_style="magenta", finished_style="magenta")
    grid.add_row(Text(INSIDER, style="bold magenta"), bar, f"has read {scene.read} patients, {noticed}")
    return grid


def _case(case: CaseRow, now: Micros) -> RenderableType:
    clock = case_view.first_clock(case)
    style = case_view.level_style(case["level"])
    head = Text.assemble((case["id"], "bold"), "  ", (case["level"].upper(), style), "  ", case["state"])
    people = "unknown" if case["subjects"] is None else f"{case['subjects']:,}"
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    facts.add_row("people", Text.assemble((people, "bold"), f"  {', '.join(case['categories'])}"))
    facts.add_row("who", safe(case_view.who(case["key"])))
    facts.add_row("where", safe(", ".join(case["systems"])))
    if clock is not None:
        facts.add_row("deadline", clock["deadline_at"])
        facts.add_row("", Text("provisional until you confirm" if clock["provisional"] else "final", style="dim"))
    grid = Table.grid(expand=True, padding=(0, 2))
    grid.add_column(width=31)
    grid.add_column()
    grid.add_row(_big_clock(clock, now), facts)
    return Group(head, Text(safe(case["title"])), Text(""), grid)


def _big_clock(clock: ClockRow | None, now: Micros) -> RenderableType:
    if clock is None:
        return Text("no clock runs", style="dim")
    style = case_view.urgency_style(clock, now)
    digits = case_view.countdown(clock, now).removeprefix("~").split(" ")[0]
    if not set(digits) <= set(_DIGITS):
        return Text(digits, style="dim")
    rows = [" ".join(_DIGITS[digit][row] for digit in digits) for row in range(3)]
    left = "past the deadline" if digits.startswith("-") else "left to tell the authority"
    return Group(*(Text(f" {row}", style=style) for row in rows), Text(f" {left}", style="dim"))


def _messages(scene: Scene) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(no_wrap=True)
    grid.add_column()
    for message in scene.messages[-3:]:
        mark = Text("✓ signature verified", style="green") if message.is_signed else Text("✗ not signed", style="red")
        took = f"{delay_ms(message):.0f} ms after it was owed"
        grid.add_row(Text(message.type, style="bold"), Text.assemble(mark, f", {took}, {message.id}"))
        grid.add_row("", Text(safe(message.headline), style="italic"))
    return grid


def _commands(scene: Scene) -> RenderableType:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(style="cyan", overflow="fold")
    for says, command in scene.commands:
        grid.add_row(says, command)
    return Padding(grid, (0, 1))


def delay_ms(message: Message) -> float:
    """Milliseconds from the moment the message was owed to its arrival."""
    return (message.received_at - case_view.at(message.sent_at)) / 1000


def conclusion(scene: Scene) -> str:
    """How it ended, in a sentence or two."""
    if not scene.cases:
        return f"No case was opened; {INSIDER} had read {scene.read} of {scene.patients} patients."
    case = f"Case {scene.cases[0]['id']} was opened"
    if not scene.messages:
        return f"{case}; its message was not delivered yet."
    after = f" when {scene.noticed_after} of {scene.patients} patients had been read" if scene.noticed_after else ""
    return f"{case}{after}; its message arrived {delay_ms(scene.messages[0]):.0f} ms later, its signature verified."


def plain(scene: Scene) -> str:
    """The state of things as one line."""
    numbers = scene.numbers
    return (
        f"{(scene.now - scene.started) // SECOND:>4} s  {numbers.lines:>9,} lines ({numbers.lines_per_second:,.0f}/s)  "
        f"{numbers.accesses:>6,} accesses  findings: {numbers.findings}  {INSIDER} has read {scene.read} patients"
    )


def told(message: Message, scene: Scene) -> str:
    """The arrival of a message as one line."""
    noticed = f", after {scene.noticed_after} of {scene.patients} patients" if scene.noticed_after is not None else ""
    took = f"{delay_ms(message):.0f} ms"
    return f"message {message.type} delivered in {took}, signature verified{noticed}: {message.headline}"


def _bytes(count: int) -> str:
    size = float(count)
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"

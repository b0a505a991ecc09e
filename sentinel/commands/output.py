"""How commands speak: facts on standard output, as text or JSON; everything else on standard error.

Rule of this file: text that may come from a log is passed through `safe` before a terminal sees it.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sentinel.problems import Problem

if TYPE_CHECKING:
    from rich.console import Console


class Output(StrEnum):
    """How facts are printed."""

    TEXT = "text"
    JSON = "json"


class CommandError(Exception):
    """What was asked cannot be done; printed with its hint, exit code 1."""

    def __init__(self, message: str, hint: str = "") -> None:
        self.message = message
        self.hint = hint
        super().__init__(message)


ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config", "-c", metavar="FILE", help="sentinel.yaml; else here, else in /etc/sentinel.", show_default=False
    ),
]

OutputOption = Annotated[Output, typer.Option("--output", "-o", help="How facts are printed.")]

RawOption = Annotated[bool, typer.Option("--raw", help="Print control characters from logs as they are.")]

_UNSAFE = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})


def safe(text: str, *, raw: bool = False) -> str:
    """The text with everything that could steer a terminal or turn its order round written as an escape.

    That is C0, C1 and DEL, the bidirectional and other format characters, and line and paragraph separators. Printable
    text of every script stays.
    """
    if raw or (text.isascii() and text.isprintable()):
        return text
    return "".join(_escape(each) if unicodedata.category(each) in _UNSAFE else each for each in text)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def console(*, error: bool = False) -> Console:
    """A console on standard output (or error): colours on a terminal only, no markup, no guessing at highlights."""
    from rich.console import Console  # noqa: PLC0415  (rich takes longer to import than most commands run)

    stream = sys.stderr if error else sys.stdout
    # Into a file or a pipe a line is never folded: programs read it.
    width = None if stream.isatty() else 400
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width, soft_wrap=not stream.isatty())


def print_json(value: Any) -> None:
    """One JSON document on standard output; non-ASCII is escaped, so no terminal is steered by it."""
    sys.stdout.write(json.dumps(value, indent=2) + "\n")


def print_json_line(value: Any) -> None:
    """One JSON document as one line on standard output."""
    sys.stdout.write(json.dumps(value, separators=(",", ":")) + "\n")


def print_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, raw: bool = False) -> None:
    """A plain table on standard output. Headings that end in `#` are of columns with numbers, set to the right."""
    from rich.table import Table  # noqa: PLC0415  (see console)
    from rich.text import Text  # noqa: PLC0415  (see console)

    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for heading in headings:
        table.add_column(heading.rstrip("#").strip(), justify="right" if heading.endswith("#") else "left")
    for row in rows:
        table.add_row(*(Text(safe(cell, raw=raw)) for cell in row))
    console().print(table)


def print_pairs(pairs: Iterable[tuple[str, str]]) -> None:
    """Names and what they are, in two columns; what is too long goes on below itself."""
    from rich.table import Table  # noqa: PLC0415  (see console)
    from rich.text import Text  # noqa: PLC0415  (see console)

    table = Table.grid(padding=(0, 2))
    for name, text in pairs:
        table.add_row(Text(f"  {name}"), Text(safe(text)))
    console().print(table)


def print_problems(problems: Sequence[Problem]) -> None:
    """Every problem on standard error, in order, as `file:line:col: CODE message` with its hint below."""
    terminal = console(error=True)
    for problem in problems:
        head, _, hint = safe(str(problem).replace("\n", "\x00")).replace("\\x00", "\n").partition("\n")
        terminal.print(head, style="red" if problem.is_error else "yellow")
        if hint:
            terminal.print(hint)


def print_trouble(message: str, hint: str = "") -> None:
    """What went wrong and what to do about it, on standard error. A hint may have several lines."""
    terminal = console(error=True)
    terminal.print(f"sentinel: {safe(message)}", style="red")
    for number, line in enumerate(hint.splitlines()):
        terminal.print(f"    {'hint: ' if number == 0 else '  '}{safe(line)}", soft_wrap=True)


def examples(*lines: str) -> str:
    """The end of a command's help: command lines to copy."""
    # A paragraph after \b is not re-wrapped.
    return "\b\nExamples:\n" + "\n".join(f"  $ {line}" for line in lines)


def family(help_text: str, *lines: str) -> typer.Typer:
    """A command that has commands of its own; `lines` are command lines to copy, at the end of its help."""
    return typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        help=help_text,
        epilog=examples(*lines),
    )

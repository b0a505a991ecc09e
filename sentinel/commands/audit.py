"""`sentinel audit …`: the audit trail held against its chain."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel.commands.output import (
    CommandError,
    ConfigOption,
    Output,
    OutputOption,
    console,
    examples,
    family,
    print_json,
    safe,
)
from sentinel.commands.reading import open_store
from sentinel.store.audit import Head

app = family(
    "The audit trail held against its chain.",
    "sentinel audit verify",
    "sentinel audit verify --head 1042:9f2c…",
)

HeadOption = Annotated[
    str | None,
    typer.Option(
        "--head", metavar="NUMBER:DIGEST", help="The end of the chain as it was noted earlier.", show_default=False
    ),
]


@app.callback()
def _audit() -> None:
    """The audit trail held against its chain."""


@app.command(epilog=examples("sentinel audit verify", "sentinel audit verify --output json"))
def verify(config: ConfigOption = None, head: HeadOption = None, output: OutputOption = Output.TEXT) -> None:
    """Recompute the chain over audit entries and evidence; say where it does not hold, and its end.

    The end, noted somewhere else and given as --head later, shows that nothing up to it was changed or taken away.
    Exit code 1 where the chain does not hold.
    """
    known = None if head is None else _head(head)
    with open_store(config) as store:
        end = store.audit_head()
        breaks = store.verify_audit(known)
    noted = f"{end.seq}:{end.link.hex()}"
    if output is Output.JSON:
        rows = [{"link": each.seq, "reason": each.reason} for each in breaks]
        print_json({"links": end.seq, "head": noted, "breaks": rows})
    else:
        terminal = console()
        for each in breaks:
            terminal.print(f"link {each.seq}: {safe(each.reason)}", style="red")
        says = f"it does not hold in {len(breaks)} places" if breaks else "it holds"
        terminal.print(f"{end.seq} links; {says}", style="bold red" if breaks else "bold green")
        terminal.print(f"its end, to be noted elsewhere: {noted}")
    if breaks:
        raise typer.Exit(1)


def _head(text: str) -> Head:
    number, _, digest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(digest))
    except ValueError:
        raise CommandError("--head is not the end of a chain", "NUMBER:DIGEST, as this command prints it") from None

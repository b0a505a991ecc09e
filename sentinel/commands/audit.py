"""`sentinel audit …`: the audit trail held against its chain."""

from __future__ import annotations

from typing import Annotated

import typer

from sentinel.cases.heads import signed_text
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
from sentinel.commands.reading import open_state
from sentinel.sealing import is_signed
from sentinel.store.audit import Head

app = family(
    "The audit trail held against its chain.",
    "sentinel audit verify",
    "sentinel audit verify --head 1042:9f2c…",
)

HeadOption = Annotated[
    str | None,
    typer.Option(
        "--head",
        metavar="NUMBER:DIGEST[:SIGNATURE]",
        help="The end of the chain as it was noted or sent earlier.",
        show_default=False,
    ),
]


KeyOption = Annotated[
    str | None,
    typer.Option("--key", metavar="HEX", help="The signing key; else that of this state.", show_default=False),
]


@app.callback()
def _audit() -> None:
    """The audit trail held against its chain."""


@app.command(epilog=examples("sentinel audit verify", "sentinel audit verify --output json"))
def verify(
    config: ConfigOption = None, head: HeadOption = None, key: KeyOption = None, output: OutputOption = Output.TEXT
) -> None:
    """Recompute the chain over audit entries, evidence and what was decided about cases; say where it does not hold.

    Its end, noted somewhere else and given as --head later, shows that nothing up to it was changed or taken away. One
    that was sent with its signature is held against the signing key first. Exit code 1 where something does not hold.
    """
    known = None if head is None else _head(head)
    with open_state(config) as (_, vault, store):
        _check_signature(head, vault.public_key.hex() if key is None else key)
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


def _check_signature(head: str | None, key: str) -> None:
    """Raises CommandError where the head has a signature that is not by that key."""
    whole, _, signature = (head or "").rpartition(":")
    if ":" not in whole:
        return
    try:
        is_ours = is_signed(bytes.fromhex(key), signed_text(whole), bytes.fromhex(signature))
    except ValueError:
        raise CommandError(
            "the signature or the key cannot be read", "both are hexadecimal, as they were sent"
        ) from None
    if not is_ours:
        raise CommandError("the head was not signed with this key", "another installation's, or somebody made it up")


def _head(text: str) -> Head:
    number, _, rest = text.partition(":")
    try:
        return Head(int(number), bytes.fromhex(rest.partition(":")[0]))
    except ValueError:
        raise CommandError("--head is not the end of a chain", "NUMBER:DIGEST, as this command prints it") from None

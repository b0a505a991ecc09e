"""`sentinel keys …`: the keys of evidence, another master key, and whether what is encrypted can be opened."""

from __future__ import annotations

import getpass
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from sentinel.clock import SystemClock, rfc3339
from sentinel.commands.output import (
    CommandError,
    ConfigOption,
    Output,
    OutputOption,
    console,
    examples,
    family,
    print_json,
    print_pairs,
    print_table,
    safe,
)
from sentinel.commands.reading import open_state
from sentinel.model import AuditEntry
from sentinel.store import Store, StoreError
from sentinel.vault import CaseKey, VaultError, rotate_own

app = family(
    "The keys of evidence: which there are, another master key, and whether they work.",
    "sentinel keys list",
    "sentinel keys check",
    "sentinel keys rotate --new-key /etc/sentinel/master.new -r 'yearly'",
)


@app.callback()
def _keys() -> None:
    """The keys of evidence: which there are, another master key, and whether they work."""


@app.command("list", epilog=examples("sentinel keys list", "sentinel keys list --output json"))
def list_keys(config: ConfigOption = None, output: OutputOption = Output.TEXT) -> None:
    """Every case's keys, by category, and since when the master key is in use; never a key."""
    with open_state(config) as (_, vault, store):
        keys, since = vault.case_keys(), store.meta("master key")
        public = vault.public_key.hex()
    in_use = rfc3339(int(since.partition(" ")[2])) if since else None
    if output is Output.JSON:
        rows = [{"case": key.case_id, "category": key.category, "live": key.is_live} for key in keys]
        print_json({"master_since": in_use, "signing_key": public, "keys": rows})
        return
    print_pairs([("master key in use since", in_use or "never yet by a daemon"), ("signing key", public)])
    if keys:
        print_table(
            ("case", "live", "destroyed"), [_row(case, keys) for case in dict.fromkeys(k.case_id for k in keys)]
        )


def _row(case: str, keys: list[CaseKey]) -> tuple[str, str, str]:
    mine = [key for key in keys if key.case_id == case]
    live = ", ".join(key.category for key in mine if key.is_live)
    return case, live, ", ".join(key.category for key in mine if not key.is_live)


@app.command(epilog=examples("sentinel keys check", "sentinel keys check --output json"))
def check(config: ConfigOption = None, output: OutputOption = Output.TEXT) -> None:
    """Seal and open something, open every key, and every record of every case; shows nothing of them.

    Exit code 1 where something that should open does not.
    """
    with open_state(config) as (_, vault, store):
        try:
            seconds: float | None = vault.probe()
            trouble = ""
        except VaultError as error:
            seconds, trouble = None, str(error)
        found = _opened(store, {key.case_id for key in vault.case_keys() if key.is_live and key.category == "records"})
    closed = found["closed"]
    if output is Output.JSON:
        print_json({"seconds": seconds, "trouble": trouble or None, "opened": found["opened"], "closed": closed})
    else:
        terminal = console()
        says = f"it does not work: {trouble}" if seconds is None else f"every key opens, in {seconds * 1000:.1f} ms"
        terminal.print(safe(says), style="bold red" if trouble else "bold green")
        terminal.print(f"{found['opened']} records of live cases open, {closed} do not")
    if trouble or closed:
        raise typer.Exit(1)


def _opened(store: Store, live: set[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for case in live:
        for each in store.read_evidence(case):
            # A record that was gone when the case opened was never sealed.
            found["opened" if each.raw is not None else "closed" if each.was_sealed else "gone"] += 1
        found["opened"] += len(store.read_collected(case))
    return found


@app.command(epilog=examples("sentinel keys rotate -r 'yearly'", "sentinel keys rotate --new-key master.new -r 'left'"))
def rotate(
    new_key: Annotated[
        Path | None,
        typer.Option(
            "--new-key", metavar="FILE", help="The new master key, where it is yours to keep.", show_default=False
        ),
    ] = None,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; kept in the audit trail.")] = "",
    config: ConfigOption = None,
) -> None:
    """Wrap every key with a new master key; nothing that was encrypted is written again. The daemon must be stopped.

    The folder's own master key is replaced by itself. One that the configuration names is read from --new-key; put it
    in the old one's place afterwards, and keep the old one as long as you keep copies of the state from before.
    """
    if not reason.strip():
        raise CommandError("a reason is needed", "say why with --reason; it goes to the audit trail")
    with open_state(config) as (loaded, vault, store):
        store.close()
        if (loaded.master_key is None) is not (new_key is None):
            hint = "leave --new-key out" if new_key is not None else "write it to a file and name that with --new-key"
            where = "in the state folder" if new_key is not None else "named in the configuration"
            raise CommandError(f"the master key is {where}", hint)
        try:
            with Store.open(loaded.state, vault) as written:
                if new_key is None:
                    rotate_own(loaded.state, vault)
                else:
                    vault.rotate(new_key.read_bytes().rstrip(b"\r\n"))
                now = SystemClock().now()
                who, detail = getpass.getuser(), {"reason": reason.strip()}
                written.write_down(AuditEntry(at=now, who=who, act="key.rotated", detail=detail))
                written.remember("master key", f"{vault.master_mark} {now}")
        except (StoreError, VaultError, OSError) as error:
            raise CommandError(f"the keys are as they were: {error}", "stop the daemon first") from error
    console().print("every key is wrapped by the new master key; nothing else was written")
    if new_key is not None:
        console().print(safe(f"now put '{new_key}' in the place of the old one, and start the daemon"))

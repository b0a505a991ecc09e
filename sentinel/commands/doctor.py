"""`sentinel doctor`: what is wrong with this installation, and how to mend it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from sentinel import config, doctor, drill
from sentinel.clock import SystemClock, rfc3339
from sentinel.commands.output import (
    CommandError,
    ConfigOption,
    Output,
    OutputOption,
    console,
    print_json,
    safe,
)
from sentinel.commands.reading import master
from sentinel.config import Config
from sentinel.doctor import Diagnosis, Installation, Verdict
from sentinel.drill import Drill
from sentinel.inspection import inspect
from sentinel.problems import Problem, Unusable
from sentinel.rulebook import Rulebook
from sentinel.secrets import SecretError
from sentinel.store import StoreError
from sentinel.vault import VaultError

EXAMPLES = ("sentinel doctor", "sudo sentinel doctor -c /etc/sentinel/sentinel.yaml", "sentinel doctor --restore-drill")

DrillOption = Annotated[
    bool, typer.Option("--restore-drill", help="Bring the newest copy of the state up beside the daemon, and compare.")
]

_SIGNS = {Verdict.WELL: ("well", "green"), Verdict.DOUBTFUL: ("look", "yellow"), Verdict.WRONG: ("MEND", "red")}


def command(
    config_file: ConfigOption = None, restore_drill: DrillOption = False, output: OutputOption = Output.TEXT
) -> None:
    """What is wrong with this installation, and how to mend it. Exit code 1 where something is wrong.

    Run it as the user of the daemon (or with sudo), so that it sees what the daemon sees.
    """
    loaded, book, problems = _read(config_file)
    if restore_drill:
        _rehearse(loaded, book, output)
        return
    installation = Installation(
        loaded=loaded,
        book=book,
        problems=tuple(problems),
        master=lambda: b"" if loaded is None else master(loaded),
        now=SystemClock().now(),
    )
    found = list(doctor.examine(installation))
    if output is Output.JSON:
        print_json([_row(each) for each in found])
    else:
        _print(found)
    if any(each.verdict is Verdict.WRONG for each in found):
        raise typer.Exit(1)


def _read(path: Path | None) -> tuple[Config | None, Rulebook | None, Sequence[Problem]]:
    try:
        return inspect(config.find(path))
    except Unusable as refused:
        return None, None, refused.problems


def _row(found: Diagnosis) -> dict[str, str]:
    return {"about": found.about, "verdict": found.verdict.value, "says": found.says, "mend": found.mend}


def _print(found: Sequence[Diagnosis]) -> None:
    terminal = console()
    for each in found:
        sign, colour = _SIGNS[each.verdict]
        terminal.print(f"{sign:4}  {each.about}: {safe(each.says)}", style=colour)
        if each.mend:
            terminal.print(f"      {safe(each.mend)}")
    wrong = sum(each.verdict is Verdict.WRONG for each in found)
    doubtful = sum(each.verdict is Verdict.DOUBTFUL for each in found)
    terminal.print(f"{len(found)} looked at, {wrong} to mend, {doubtful} to look at", style="bold")


# --- the drill ---------------------------------------------------------------------------------------------


def _rehearse(loaded: Config | None, book: Rulebook | None, output: Output) -> None:
    if loaded is None or book is None:
        raise CommandError("the configuration has errors", "sentinel check says each at its line")
    clock = SystemClock()
    try:
        done = drill.rehearse(loaded, book, master(loaded), clock, lambda: clock.wait(1.0, threading.Event()))
    except (StoreError, VaultError, SecretError) as error:
        raise CommandError(f"the drill could not be made: {error}", "sentinel doctor") from error
    except PermissionError as error:
        raise CommandError(f"you may not read '{loaded.state}'", "use sudo, or the user the daemon runs as") from error
    if output is Output.JSON:
        print_json(_drill_row(done))
    else:
        _print_drill(done)
    if not done.is_good:
        raise typer.Exit(1)


def _drill_row(done: Drill) -> dict[str, object]:
    return {
        "backup": done.backup.path.name,
        "made_at": rfc3339(done.backup.made_at),
        "cases": done.cases,
        "bytes_read_again": done.read,
        "chain_breaks": list(done.breaks),
        "strangers": list(done.strangers),
        "lost": list(done.lost),
        "messages_sent_again": done.again,
        "good": done.is_good,
    }


def _print_drill(done: Drill) -> None:
    terminal = console()
    terminal.print(
        f"copy {done.backup.path.name} of {rfc3339(done.backup.made_at)}: brought up beside the running state"
    )
    terminal.print(f"read on from its positions: {done.read} bytes judged, {done.cases} cases")
    for reason in done.breaks:
        terminal.print(f"the audit chain: {safe(reason)}", style="red")
    for name in done.strangers:
        terminal.print(f"not known to the running state: {safe(name)}", style="red")
    if done.lost:
        names = ", ".join(done.lost[:10])
        terminal.print(
            f"{len(done.lost)} cases would be lost (opened by people, or their logs are gone): {names}", style="yellow"
        )
    if done.again:
        terminal.print(f"{done.again} messages would be sent a second time, each under the id it had", style="yellow")
    if done.is_good:
        terminal.print("the same cases under the same ids, no other message, the chain holds", style="bold green")
    else:
        terminal.print("a restore would not be as it should", style="bold red")

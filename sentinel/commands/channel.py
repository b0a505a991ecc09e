"""`sentinel channel …`: the ways to reach people, tried before they are needed.

Rule of this file: all goes through the daemon, so that what is tried is what will be used at three in the morning.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from sentinel.acts import ChannelRow, OutcomeAnswer, TestRow
from sentinel.clock import SECOND, Clock, Micros, SystemClock
from sentinel.commands.daemon import SocketOption, ask_daemon
from sentinel.commands.output import (
    CommandError,
    ConfigOption,
    Output,
    OutputOption,
    console,
    examples,
    family,
    print_json,
    print_table,
    safe,
)

app = family(
    "The ways to reach people: how each stands, a test message, and what was given up sent again.",
    "sentinel channel list",
    "sentinel channel test",
    "sentinel channel resend soc",
)

NameArgument = Annotated[str | None, typer.Argument(metavar="[NAME]", help="A channel; else every one.")]

_BETWEEN = 0.2


@app.command("list", epilog=examples("sentinel channel list --output json"))
def list_channels(config: ConfigOption = None, socket: SocketOption = None, output: OutputOption = Output.TEXT) -> None:
    """Every channel: what waits for it, what it will never take, and when it last took something."""
    found: list[ChannelRow] = ask_daemon("channel.list", {}, config, socket)["channels"]
    if output is Output.JSON:
        print_json(found)
        return
    print_table(
        ("channel", "type", "waiting#", "never#", "last sent", "why not"),
        [
            (
                *(row["name"], row["type"], str(row["waiting"]), str(row["never"])),
                *(row["last_sent_at"] or "not yet", row["last_reason"]),
            )
            for row in found
        ],
    )


@app.command("test", epilog=examples("sentinel channel test soc", "sentinel channel test --seconds 120"))
def try_out(
    name: NameArgument = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to wait for the service.")] = 60,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """A message marked as a test, through the whole way of a real one; exit code 1 where a channel does not take it.

    One that is not taken in time is withdrawn: nobody gets it days later.
    """
    asked = ask_daemon("channel.test", {"channel": name}, config, socket)
    tests: list[TestRow] = asked["tests"]
    if not tests:
        raise CommandError("there are no channels", "write them under 'channels:' in sentinel.yaml")
    rows = _outcomes(tests, seconds, SystemClock(), config, socket)
    if output is Output.JSON:
        print_json(rows)
    else:
        terminal = console()
        for row in rows:
            took = row["state"] == "sent"
            why = f": {row['reason']}" if row["reason"] else ""
            said = f"{row['channel']}: {'taken' if took else 'NOT taken'} after {row['attempts']} attempts{why}"
            terminal.print(safe(said), style="green" if took else "red")
    if any(row["state"] != "sent" for row in rows):
        raise typer.Exit(1)


@app.command(epilog=examples("sentinel channel resend soc"))
def resend(
    name: NameArgument = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """What a channel would never take is owed to it again: after somebody has mended it."""
    answer = ask_daemon("channel.resend", {"channel": name}, config, socket)
    if output is Output.JSON:
        print_json(answer)
        return
    count = answer["resent"]
    console().print(f"{count} {'message is' if count == 1 else 'messages are'} owed again")


def _outcomes(
    tests: list[TestRow], seconds: float, clock: Clock, config: Path | None, socket: Path | None
) -> list[dict[str, Any]]:
    """What became of each test, waiting for those that are still under way."""
    until: Micros = clock.now() + round(seconds * SECOND)
    found: dict[str, OutcomeAnswer] = {}
    quiet = threading.Event()
    while True:
        is_over = clock.now() >= until
        for each in tests:
            if each["case"] not in found or found[each["case"]]["state"] in {"pending", "inflight"}:
                asked = {"case": each["case"], "withdraw": is_over}
                answer = ask_daemon("channel.outcome", asked, config, socket)
                found[each["case"]] = cast("OutcomeAnswer", answer)
        if is_over or all(answer["state"] in {"sent", "never"} for answer in found.values()):
            return [{"channel": each["channel"], **found[each["case"]]} for each in tests]
        clock.wait(_BETWEEN, quiet)

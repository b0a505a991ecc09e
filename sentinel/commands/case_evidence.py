"""The evidence of cases as commands: collecting what surrounds one.

Rule of this file: every command asks for a reason and goes through the daemon, which writes both down first.
"""

from __future__ import annotations

from typing import cast

from sentinel.acts import CollectAnswer
from sentinel.commands.case_moves import CaseArgument, ReasonOption, why
from sentinel.commands.daemon import SocketOption, ask_daemon
from sentinel.commands.output import ConfigOption, Output, OutputOption, console, print_json, safe


def collect(
    case: CaseArgument,
    reason: ReasonOption = None,
    config: ConfigOption = None,
    socket: SocketOption = None,
    output: OutputOption = Output.TEXT,
) -> None:
    """The records around a case are looked for again, in every source, from the beginning; `show` tells what was found.

    What surrounds a new case is collected by itself; see `cases.collect` in the configuration.
    """
    asked = {"case": case, "reason": why(reason)}
    answer = cast("CollectAnswer", ask_daemon("case.collect", asked, config, socket))
    if output is Output.JSON:
        print_json(answer)
        return
    found = answer["collection"]
    span = f" from {found['since']} to {found['until']}" if found else ""
    console().print(safe(f"records around case {answer['case']}{span} are being collected"))

"""`sentinel discover`: what unknown logs show of people, proposed as inventory entries."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from sentinel.commands import inputs
from sentinel.commands.discover_view import rows, show, told
from sentinel.commands.inputs import Wishes
from sentinel.commands.output import ConfigOption, console, print_json, print_trouble
from sentinel.commands.progress import reading
from sentinel.discovery.proposal import Findings
from sentinel.discovery.proposing import propose
from sentinel.discovery.writing import inventory_yaml
from sentinel.exploring import explore

EXAMPLES = (
    "sentinel discover /var/log/nginx/portal.log*",
    "sentinel discover --output yaml portal.log > inventory.yaml",
    "sentinel discover --inventory inventory.yaml portal.log",
)


class DiscoverOutput(StrEnum):
    """How what was found is printed."""

    TEXT = "text"
    JSON = "json"
    YAML = "yaml"


def command(  # noqa: PLR0913  (one argument an option)
    paths: inputs.Files,
    inventory: inputs.InventoryOption = None,
    log_format: inputs.FormatOption = None,
    logsource: inputs.LogSourceOption = None,
    timezone: inputs.TimezoneOption = None,
    year: inputs.YearOption = None,
    config: ConfigOption = None,
    output: Annotated[
        DiscoverOutput, typer.Option("--output", "-o", help="yaml: the proposals as an inventory.")
    ] = DiscoverOutput.TEXT,
) -> None:
    """Read logs, recognise their formats, and propose what the inventory could say of them.

    Endpoints and fields that look like people's data, with counts, masked examples and how sure it is. With --inventory
    or --config, only what the inventory does not have yet. Nothing of a log is kept, and no value is shown.
    """
    wishes = Wishes(paths, config, None, inventory, log_format, logsource, timezone, year)
    logs, entries = inputs.logs_and_entries(wishes)
    with reading(logs) as progress:
        found = [explore(log, entries, progress=progress) for log in logs]
    findings = [propose(each.census) for each in found]
    if output is DiscoverOutput.JSON:
        print_json([rows(*each) for each in zip(found, findings, strict=True)])
    elif output is DiscoverOutput.YAML:
        print(inventory_yaml(told(found, findings)), end="")
    else:
        for explored, each in zip(found, findings, strict=True):
            show(explored, each, has_inventory=bool(entries))
        _print_next(paths, findings)
    troubles = [trouble for each in found for trouble in each.trouble]
    for trouble in troubles:
        print_trouble(f"'{trouble.path}' could not be read to its end: {trouble.reason}")
    if troubles:
        raise typer.Exit(1)


def _print_next(paths: Sequence[str], findings: Sequence[Findings]) -> None:
    if any(not proposal.is_known for each in findings for proposal in each.proposals):
        console().print(
            f"As an inventory: sentinel discover --output yaml {shlex.join(paths[:3])}"
            + (" …" if len(paths) > 3 else ""),
            style="dim",
        )
